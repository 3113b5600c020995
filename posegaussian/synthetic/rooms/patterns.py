"""What procedural textures are made from: their registry, grids, steps, bricks and the grain of wood."""

from collections.abc import Callable

import cv2
import numpy as np

from posegaussian.synthetic.rooms.noise import Image, blurred, fractal, white

SIZE = 512
"""Width and height of a texture, texels: 2 to 5 mm on most surfaces; chosen by hand."""
SHAPE = SIZE, SIZE
Channels = tuple[Image, Image, Image]
"""Brightness, and the shares of the second and the third colour."""
Patterns = dict[str, tuple[float, Callable[[np.random.Generator], Channels]]]
"""By name: metres after which the pattern repeats, and the function that draws it."""


def register(patterns: Patterns):
    """A decorator factory: `pattern(metres)` adds a function to the patterns under its name."""

    def pattern(metres: float):
        def add(function):
            patterns[function.__name__.strip("_")] = metres, function
            return function

        return add

    return pattern


def zero() -> Image:
    """No share anywhere."""
    return np.zeros(SHAPE, np.float32)


def grid() -> tuple[Image, Image]:
    """x and y of the texels' centres, in 0..1."""
    at = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    x, y = np.meshgrid(at, at)
    return x, y


def step(value: Image, edge: float, width: float) -> Image:
    """A soft step from 0 to 1."""
    return np.clip((value - edge) / width + 0.5, 0, 1)


def bricks(rng, rows: int, columns: int, joint: float, shift: float = 0.5):
    """Tone of each brick in 0..1, distance from its border in texels, and a number of the brick."""
    x, y = grid()
    row = np.floor(y * rows).astype(int)
    u = x * columns + shift * (row % 2)
    column = np.floor(u).astype(int) % columns
    tones = rng.random((rows, columns), np.float32)[row % rows, column]
    fx, fy = u - np.floor(u), y * rows - np.floor(y * rows)
    wide, tall = SIZE / columns, SIZE / rows
    border = np.minimum(np.minimum(fx, 1 - fx) * wide, np.minimum(fy, 1 - fy) * tall)
    return tones, step(border, joint, 1.5), row * columns + column


def grain(rng, stretch: int = 24) -> Image:
    """Fibres along x with growth rings."""
    rings = fractal(rng, SHAPE, (6, 2), 3)
    fibres = cv2.resize(white(rng, (SIZE, SIZE // stretch)), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    lines = 0.5 + 0.5 * np.sin(2 * np.pi * (9 * rings + 3 * fractal(rng, SHAPE, (24, 2), 3)))
    return (0.55 * lines + 0.45 * blurred(fibres.astype(np.float32), 0.7)).astype(np.float32)
