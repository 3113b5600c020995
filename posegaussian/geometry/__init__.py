"""Cameras, rectification, and the way between pixels, disparity, depth and points."""
