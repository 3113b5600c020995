"""What a camera does to an image."""
