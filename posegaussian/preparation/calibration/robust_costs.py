"""Costs of errors that wrong matches cannot dominate, and the weights of iteratively reweighted least squares."""

import numpy as np
from jaxtyping import Float


def soft_cost(lengths: Float[np.ndarray, "*n"], scale: float) -> Float[np.ndarray, "*n"]:
    """Soft L1: squared lengths that grow linearly beyond the scale."""
    return np.asarray(2 * scale**2 * (np.sqrt(1 + (lengths / scale) ** 2) - 1))


def soft_weights(lengths: Float[np.ndarray, "*n"], scale: float) -> Float[np.ndarray, "*n"]:
    """Weights of squared lengths whose slopes are those of `soft_cost`."""
    return np.asarray(1 / np.sqrt(1 + (lengths / scale) ** 2))


def bounded_cost(lengths: Float[np.ndarray, "*n"], scale: float) -> Float[np.ndarray, "*n"]:
    """Geman and McClure's cost (1985): squared lengths that approach a bound, and reach half of it at the scale."""
    return np.asarray(lengths**2 / (1 + (lengths / scale) ** 2))


def bounded_weights(lengths: Float[np.ndarray, "*n"], scale: float) -> Float[np.ndarray, "*n"]:
    """Weights of squared lengths whose slopes are those of `bounded_cost`."""
    return np.asarray(1 / (1 + (lengths / scale) ** 2) ** 2)
