"""Cameras, rectification, and conversions between pixels, disparity, depth and points."""
