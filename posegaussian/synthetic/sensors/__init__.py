"""Sensor effects: what a camera does to an image."""
