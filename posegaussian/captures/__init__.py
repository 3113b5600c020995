"""Captures: readers of their layouts on disk, stereo pairs, and diagnostics."""
