"""Constants that the renderer's plain code and its kernels share; they lie below both."""

NEAR = 0.05
"""Vertices nearer to the camera's plane than this are not drawn, metres."""
