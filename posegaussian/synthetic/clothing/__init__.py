"""Garments, hair and the fabrics that they are made of."""
