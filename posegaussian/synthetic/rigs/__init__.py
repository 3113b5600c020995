"""Rigs of cameras, and errors of their calibration."""
