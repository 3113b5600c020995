"""Masks of the person: given, or computed from the background; and the person alone on black."""
