"""The body and its face."""
