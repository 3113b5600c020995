"""Training: batches of rectified pairs in, weights out, in two phases: depth, then everything."""
