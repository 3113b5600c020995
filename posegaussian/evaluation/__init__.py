"""Metrics of novel views, disparities and frame sequences, with two reference rows beside every model."""
