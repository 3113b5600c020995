"""Images of synthetic people with ground truth: captures as arrays, and the endless stream of training samples."""
