"""Poses, and how people move."""
