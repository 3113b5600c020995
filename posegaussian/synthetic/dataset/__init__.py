"""Captures on disk and the endless stream of training samples."""
