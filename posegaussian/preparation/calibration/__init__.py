"""Calibration of cameras from pictures of a board: intrinsics with distortion, poses, and the way up."""
