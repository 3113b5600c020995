"""Masks of the person: given, or told from the background; and the person alone, before black."""
