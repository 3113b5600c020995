"""Whole people: drawn from a seed, baked for the renderer, posed."""
