"""Constants shared by the renderer's torch code and its Triton kernels; the module lies below both."""

NEAR = 0.05
"""Vertices nearer to the camera's plane than this are not drawn, metres; chosen by hand, below the 0.2 m of rigs."""
