"""Rooms around the person: surfaces with procedural textures, baked light, and what cameras see of them."""
