"""Periodic noise in NumPy, for textures that repeat."""

import cv2
import numpy as np
from jaxtyping import Float

Image = Float[np.ndarray, "h w"]


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Image:
    """Smooth periodic noise in 0..1: random values on a grid of cells, between them by cubic interpolation."""
    grid = rng.random(cells, np.float32)
    padded = np.pad(grid, 4, mode="wrap")
    scale = shape[1] / cells[1], shape[0] / cells[0]
    x = (np.arange(shape[1], dtype=np.float32) + 0.5) / scale[0] + 3.5
    y = (np.arange(shape[0], dtype=np.float32) + 0.5) / scale[1] + 3.5
    columns, rows = np.meshgrid(x, y)
    return np.clip(cv2.remap(padded, columns, rows, cv2.INTER_CUBIC), 0, 1)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int = 5, decay: float = 0.55
) -> Image:
    """Octaves of noise, each of half the size and `decay` times the strength of the one before; 0..1, mean 0.5."""
    total, weight, scale = np.zeros(shape, np.float32), 0.0, 1.0
    for _ in range(octaves):
        if cells[0] > shape[0] or cells[1] > shape[1]:
            break
        total += scale * value_noise(rng, shape, cells)
        weight, scale, cells = weight + scale, scale * decay, (2 * cells[0], 2 * cells[1])
    total /= weight
    return np.clip(0.5 + 0.22 * (total - total.mean()) / (total.std() + 1e-6), 0, 1).astype(np.float32)


def white(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Independent values in 0..1."""
    return rng.random(shape, np.float32)


def blurred(image: Image, sigma: float) -> Image:
    """The image under a periodic Gaussian blur, sigma in pixels."""
    pad = int(3 * sigma) + 1
    wide = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_WRAP)
    return cv2.GaussianBlur(wide, (0, 0), sigma)[pad:-pad, pad:-pad]


def relief(height: Image, strength: float) -> Image:
    """Brightness of a surface with a height, lit from the upper left; 1 where it is flat."""
    across = np.roll(height, 1, 1) - np.roll(height, -1, 1)
    down = np.roll(height, 1, 0) - np.roll(height, -1, 0)
    return np.clip(1 - strength * (across + down), 0.3, 1.6).astype(np.float32)
