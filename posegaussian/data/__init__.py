"""Rectified pairs as tensors, and the batches that training reads."""
