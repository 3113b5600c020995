"""Novel views of a person from two calibrated cameras: stereo, pose and 3D Gaussians in one forward pass."""

__version__ = "0.1.0"
