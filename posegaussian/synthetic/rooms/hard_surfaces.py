"""Textures of plaster, stone, brick and wooden floors."""

import numpy as np

from posegaussian.synthetic.rooms.noise import blurred, fractal, relief, value_noise, white
from posegaussian.synthetic.rooms.patterns import (
    SHAPE,
    SIZE,
    Channels,
    Patterns,
    bricks,
    grain,
    grid,
    register,
    step,
    zero,
)

HARD: Patterns = {}
pattern = register(HARD)


@pattern(1.7)
def _plaster(rng):
    bumps = fractal(rng, SHAPE, (40, 40), 4, 0.8)
    clouds = fractal(rng, SHAPE, (2, 2), 4)
    return relief(blurred(bumps, 0.8), 0.1) * (0.985 + 0.03 * clouds), 0.25 * step(clouds, 0.62, 0.4), zero()


@pattern(2.6)
def _concrete(rng):
    clouds, fine = fractal(rng, SHAPE, (3, 3), 7, 0.7), white(rng, SHAPE)
    pores = step(value_noise(rng, SHAPE, (128, 128)), 0.9, 0.1)
    crack = np.abs(fractal(rng, SHAPE, (3, 3), 5) - 0.5)
    crack = (1 - step(crack, 0.004, 0.006)) * step(fractal(rng, SHAPE, (2, 2), 2), 0.6, 0.1)
    return (0.8 + 0.4 * clouds) * (1 - 0.3 * pores) * (0.96 + 0.08 * fine) * (1 - 0.4 * crack), clouds**2, zero()


@pattern(1.96)
def _brick(rng):
    tones, inside, _ = bricks(rng, 26, 8, 2.2)
    rough = fractal(rng, SHAPE, (32, 32), 4, 0.8)
    shade = relief(blurred(inside, 1.0) + 0.25 * rough, 0.35) * (0.75 + 0.35 * tones) * (0.85 + 0.3 * rough)
    return np.where(inside > 0.5, shade, 0.9 + 0.15 * rough), (tones**2) * inside, 1 - inside


@pattern(1.6)
def _blocks(rng):
    tones, inside, _ = bricks(rng, 8, 4, 1.6)
    rough = fractal(rng, SHAPE, (48, 48), 4, 0.8)
    return (
        relief(blurred(inside, 1.2) + 0.2 * rough, 0.3) * (0.93 + 0.07 * tones) * (0.95 + 0.1 * rough),
        0.5 * tones,
        0.5 - 0.5 * inside,
    )


@pattern(1.8)
def _tiles(rng):
    tones, inside, _ = bricks(rng, 6, 6, 1.6, 0.0)
    clouds = fractal(rng, SHAPE, (12, 12), 5)
    return (
        relief(blurred(inside, 0.9), 0.2) * (0.94 + 0.08 * tones) * (0.95 + 0.1 * clouds),
        0.5 * clouds * tones,
        1 - inside,
    )


@pattern(2.0)
def _paving(rng):
    tones, inside, _ = bricks(rng, 10, 5, 2.0)
    rough = fractal(rng, SHAPE, (40, 40), 5, 0.8)
    return (
        relief(blurred(inside, 1.2) + 0.3 * rough, 0.3) * (0.8 + 0.25 * tones) * (0.75 + 0.5 * rough),
        tones * rough,
        1 - inside,
    )


def _planked(rng, rows: int, columns: int, gap: float) -> Channels:
    """Planks along x, each with grain of its own and shifted joints."""
    x, y = grid()
    row = np.floor(y * rows).astype(int) % rows
    shift = rng.random(rows)[row].astype(np.float32)
    u = (x + shift) * columns
    column = np.floor(u).astype(int) % columns
    tones = rng.random((rows, columns), np.float32)[row, column]
    fx, fy = u - np.floor(u), y * rows - np.floor(y * rows)
    border = np.minimum(np.minimum(fx, 1 - fx) * SIZE / columns, np.minimum(fy, 1 - fy) * SIZE / rows)
    fibre = grain(rng)
    moved = (np.arange(SIZE)[None] + (311 * tones).astype(int)) % SIZE
    lines = np.take_along_axis(fibre, moved, axis=1)
    solid = step(border, gap, 1.0)
    return (
        (0.86 + 0.14 * tones) * (0.86 + 0.22 * lines) * (0.55 + 0.45 * solid),
        0.75 * tones + 0.25 * (1 - lines),
        zero(),
    )


@pattern(2.2)
def _planks(rng):
    return _planked(rng, 16, 2, 0.5)


@pattern(1.5)
def _strips(rng):
    return _planked(rng, 24, 4, 0.35)


@pattern(1.4)
def _boards(rng):
    return _planked(rng, 10, 1, 1.2)


@pattern(1.28)
def _herringbone(rng):
    x, y = grid()
    n, width = 16, 4  # blocks of 1 x 4 cells of 8 cm
    i, j = np.floor(x * n).astype(int), np.floor(y * n).astype(int)
    across = ((i - j) % (2 * width)) < width
    fx, fy = x * n - i, y * n - j
    start_ = np.where(across, (i - j) % (2 * width), (j - i - 1) % (2 * width))
    start = np.where(across, i - start_, j - start_) % n
    line = np.where(across, j, i)
    tones = rng.random((2, n, n), np.float32)[across.astype(int), start, line]
    along = np.where(across, start_ + fx, start_ + fy) / width
    side = np.where(across, fy, fx)
    border = np.minimum(np.minimum(side, 1 - side), width * np.minimum(along, 1 - along)) * SIZE / n
    fibre = grain(rng)
    lines = np.where(across, fibre, fibre.T)
    return (0.84 + 0.18 * tones) * (0.88 + 0.2 * lines) * (0.6 + 0.4 * step(border, 0.6, 1.0)), tones, zero()
