"""What cameras show of people: a capture's images as arrays, and the endless stream of training samples."""
