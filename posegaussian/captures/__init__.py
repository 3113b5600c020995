"""Captures: readers of their layouts on disk, rectification, and the built-in synthetic people."""
