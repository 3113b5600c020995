"""Weaves: threads of cloth as swatches of brightness and relief (metres). Sizes are in texels, chosen by eye."""

import cv2
import numpy as np

from posegaussian.synthetic.clothing.cloth import Swatch


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column numbers, in whole turns of the swatch (0..1)."""
    return np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")


def repeating_noise(size: int, rng: np.random.Generator, along: float = 0.8, across: float = 0.8) -> np.ndarray:
    """Periodic noise, blurred by this many texels down and across, standard deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    grain = np.fft.irfft2(
        spectrum * np.exp(-2 * np.pi**2 * ((along * rows) ** 2 + (across * columns) ** 2)), (size, size)
    )
    return grain / grain.std()


def _weave(tone: np.ndarray, relief: np.ndarray) -> Swatch:
    return np.stack(np.broadcast_arrays(tone, relief), axis=2).astype(np.float32)


def jersey(rng: np.random.Generator, strength: float = 1.0) -> Swatch:
    """Fine knitwear: hardly any structure of its own."""
    grain = repeating_noise(192, rng, 1.6, 1.1)
    return _weave(1 + 0.045 * strength * grain, 4e-5 * strength * grain)


def plain(rng: np.random.Generator) -> Swatch:
    """Plain weave with threads of uneven thickness both ways."""
    threads = repeating_noise(192, rng, 8.0, 0.9) + repeating_noise(192, rng, 0.9, 8.0)
    return _weave(1 + 0.035 * threads, 3e-5 * threads)


def twill(rng: np.random.Generator, contrast: float = 0.09) -> Swatch:
    """Diagonal ribs, about 2.7 mm apart, with uneven threads."""
    rows, columns = _grid(192, 192)
    ribs = np.sin(2 * np.pi * 36 * (rows + columns))
    slubs = repeating_noise(192, rng, 12.0, 0.9)
    return _weave(1 + contrast * ribs + 0.06 * slubs, 9e-5 * ribs + 3e-5 * slubs)


def stitches(width: int, height: int, depth: float, rng: np.random.Generator) -> Swatch:
    """Chunky knit: columns of V-shaped stitches, each `width` x `height` texels."""
    rows, columns = np.meshgrid(np.arange(height * 16), np.arange(width * 16), indexing="ij")
    u, v = columns / width % 1, rows / height
    lean = np.abs(u - 0.5) * 1.2
    loop = 0.5 + 0.5 * np.cos(2 * np.pi * (v + lean))
    wale = np.abs(np.sin(2 * np.pi * u)) ** 0.7
    bulge = loop**0.7 * wale
    fuzz = cv2.resize(repeating_noise(128, rng), rows.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return _weave(0.78 + 0.3 * bulge + 0.04 * fuzz, depth * (bulge - 0.5))


def ribs(width: int, depth: float, rng: np.random.Generator) -> Swatch:
    """Ribs along the limb, `width` texels wide."""
    size = width * (192 // width)
    _, columns = _grid(size, size)
    ribs = np.sin(2 * np.pi * columns * (size // width))
    return _weave(1 + 0.12 * ribs + 0.04 * repeating_noise(size, rng, 2.0, 1.0), depth * np.tanh(2 * ribs))


def hide(rng: np.random.Generator) -> Swatch:
    """Leather: pebbles between fine wrinkles."""
    pebbles = np.maximum(repeating_noise(256, rng, 2.2, 2.2), repeating_noise(256, rng, 3.0, 3.0))
    return _weave(1 + 0.06 * pebbles, 1.1e-4 * np.tanh(pebbles))
