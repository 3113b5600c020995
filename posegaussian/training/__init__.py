"""Training: clips of rectified pairs in, weights out, in two stages: depth, then everything."""
