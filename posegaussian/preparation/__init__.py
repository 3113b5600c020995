"""From raw frames to a rectified frame: mattes, colour, rectification."""
