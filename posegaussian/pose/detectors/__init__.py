"""Detectors of 2D joints, one file each."""
