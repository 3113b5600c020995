"""Calibration of cameras from images of a board: intrinsics with distortion, poses, and the way up."""
