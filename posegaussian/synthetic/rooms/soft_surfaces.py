"""Textures of wood, cloth, carpets, papers, plants and the ground outdoors."""

import cv2
import numpy as np

from posegaussian.synthetic.rooms.noise import blurred, fractal, relief, white
from posegaussian.synthetic.rooms.patterns import (
    SHAPE,
    SIZE,
    Patterns,
    bricks,
    grain,
    grid,
    register,
    step,
    zero,
)

SOFT: Patterns = {}
pattern = register(SOFT)


@pattern(1.1)
def _wood(rng):
    fibre = grain(rng, 40)
    return 0.85 + 0.22 * fibre, 0.5 * fractal(rng, SHAPE, (4, 2), 4) + 0.3 * (1 - fibre), zero()


@pattern(0.9)
def _carpet(rng):
    loops = blurred(white(rng, SHAPE), 1.0)
    loops = np.clip(0.5 + 0.25 * (loops - 0.5) / loops.std(), 0, 1)
    clouds = fractal(rng, SHAPE, (4, 4), 4)
    return (0.65 + 0.5 * loops) * (0.92 + 0.14 * clouds), step(white(rng, SHAPE), 0.7, 0.5), zero()


@pattern(2.0)
def _carpet_tiles(rng):
    tones, inside, number = bricks(rng, 4, 4, 0.4, 0.0)
    x, y = grid()
    direction = np.where(number % 2 == number // 4 % 2, x, y)
    loops = white(rng, SHAPE)
    ribs = 0.5 + 0.5 * np.sin(2 * np.pi * 128 * direction)
    return (
        (0.72 + 0.25 * loops + 0.12 * ribs) * (0.93 + 0.1 * tones) * (0.85 + 0.15 * inside),
        0.5 * white(rng, SHAPE) * tones,
        zero(),
    )


@pattern(0.35)
def _fabric(rng):
    x, y = grid()
    weave = np.sin(2 * np.pi * 64 * x) * np.sin(2 * np.pi * 64 * y)
    threads = blurred(white(rng, SHAPE), 0.8)
    return (
        0.93 + 0.08 * weave + 0.3 * (threads - 0.5) + 0.08 * (fractal(rng, SHAPE, (3, 3), 4) - 0.5),
        0.5 + 0.5 * weave,
        zero(),
    )


@pattern(2.9)
def _cloth(rng):
    folds = fractal(rng, SHAPE, (2, 4), 4, 0.5)
    creases = 1 - np.abs(2 * fractal(rng, SHAPE, (3, 3), 3) - 1)
    return relief(blurred(40 * folds + 6 * creases**4, 2.5), 0.045) * (0.97 + 0.06 * white(rng, SHAPE)), zero(), zero()


@pattern(1.06)
def _stripes(rng):
    x, _ = grid()
    wide = step(np.abs(((x * 4) % 1) - 0.5), 0.25, 0.01)
    thin = 1 - step(np.abs(((x * 8 + 0.5) % 1) - 0.5), 0.03, 0.02)
    return 0.97 + 0.06 * fractal(rng, SHAPE, (64, 64), 2), wide, 0.6 * thin


@pattern(1.06)
def _damask(rng):
    x, y = grid()
    px, py = 2 * np.pi * 2 * x, 2 * np.pi * 2 * y
    shift = np.where(np.floor(x * 4) % 2 > 0, np.pi, 0)
    shape = np.cos(2 * px) + 0.8 * np.cos(2 * py + shift) + 0.7 * np.cos(3 * py + 2 * np.cos(2 * px) + shift)
    shape += 0.5 * np.cos(5 * px) * np.cos(4 * py + shift)
    return 0.96 + 0.08 * fractal(rng, SHAPE, (64, 64), 2), step(shape, 0.35, 0.25), zero()


@pattern(2.4)
def _ceiling_tiles(rng):
    _, inside, _ = bricks(rng, 4, 4, 2.5, 0.0)
    holes = step(fractal(rng, SHAPE, (96, 96), 2), 0.72, 0.1)
    return (
        (0.86 + 0.14 * inside) * (1 - 0.16 * holes * inside) * (0.98 + 0.04 * fractal(rng, SHAPE, (4, 4), 3)),
        zero(),
        0.4 * (1 - inside),
    )


@pattern(2.4)
def _grass(rng):
    blades = np.full(SHAPE, 0.0, np.float32)
    for _ in range(7000):
        x, y = rng.uniform(0, SIZE, 2)
        dx, dy = rng.normal(0, 1.6), rng.uniform(4, 9)
        tone = float(rng.uniform(0.25, 1))
        cv2.line(blades, (int(x), int(y)), (int(x + dx), int(y - dy)), tone, 1, cv2.LINE_AA)
    patches = fractal(rng, SHAPE, (3, 3), 5)
    return (
        (0.8 + 0.55 * blades) * (0.85 + 0.4 * patches),
        step(patches, 0.55, 0.5) * 0.8,
        0.7 * step(fractal(rng, SHAPE, (5, 5), 4), 0.78, 0.2),
    )


@pattern(1.5)
def _asphalt(rng):
    stones = blurred(white(rng, SHAPE), 0.9)
    stones = (stones - 0.5) / stones.std()
    clouds = fractal(rng, SHAPE, (3, 3), 5)
    return (
        np.clip(0.95 + 0.16 * stones, 0.4, 1.5) * (0.85 + 0.3 * clouds),
        step(white(rng, SHAPE), 0.93, 0.1),
        0.3 * clouds,
    )


@pattern(1.5)
def _gravel(rng):
    seeds = rng.integers(0, SIZE, (4200, 2))
    points = np.ones(SHAPE, np.uint8)
    points[seeds[:, 0], seeds[:, 1]] = 0
    wide = np.pad(points, 32, mode="wrap")
    distance, label = cv2.distanceTransformWithLabels(wide, cv2.DIST_L2, 5)
    distance, label = distance[32:-32, 32:-32], label[32:-32, 32:-32]
    tones = rng.random(label.max() + 1).astype(np.float32)[label]
    return (0.7 + 0.4 * tones) * np.clip(1.2 - distance / 16, 0.45, 1.15), tones**2, zero()


@pattern(1.3)
def _leaves(rng):
    tones = fractal(rng, SHAPE, (20, 20), 4, 0.8)
    return 0.55 + 0.8 * tones, step(fractal(rng, SHAPE, (6, 6), 4), 0.55, 0.4), zero()


@pattern(0.8)
def _metal(rng):
    lines = blurred(cv2.resize(white(rng, (SIZE, 8)), (SIZE, SIZE)), 0.6)
    return 0.93 + 0.12 * lines, 0.3 * fractal(rng, SHAPE, (3, 3), 4), zero()


@pattern(1.6)
def _rug(rng):
    x, y = grid()
    u, v = np.abs(x - 0.5) * 2, np.abs(y - 0.5) * 2
    edge = np.maximum(u, v)
    diamonds = step(np.abs(((u * 6) % 1) - 0.5) + np.abs(((v * 6) % 1) - 0.5), 0.5, 0.05)
    flowers = step(np.cos(24 * u) * np.cos(24 * v) + 0.5 * np.cos(12 * (u + v)), 0.6, 0.2)
    border = step(edge, 0.72, 0.01) * (1 - step(edge, 0.92, 0.01))
    loops = white(rng, SHAPE)
    return (
        0.82 + 0.25 * blurred(loops, 0.7),
        np.where(border > 0.5, 1 - diamonds, diamonds * (1 - border)),
        flowers * (0.3 + 0.7 * (1 - border)),
    )


@pattern(0.6)
def _screen(rng):
    shade, second, third = np.full(SHAPE, 0.9, np.float32), zero(), zero()
    for row in range(24, SIZE - 16, 18):
        start = 40 + 24 * int(rng.integers(0, 5))
        while start < SIZE - 80 and rng.uniform() < 0.85:
            wide = int(rng.integers(15, 90))
            kind = second if rng.uniform() < 0.7 else third
            kind[row : row + 9, start : min(start + wide, SIZE - 40)] = 0.9
            start += wide + 10
    third[:14] = 0.6
    return shade, second, third


@pattern(1.0)
def _slats(rng):
    _, y = grid()
    phase = (y * 20) % 1
    return 0.7 + 0.4 * np.sin(np.pi * phase) + 0.02 * white(rng, SHAPE), zero(), step(phase, 0.93, 0.05)


@pattern(1.0)
def _plain(rng):
    return 0.985 + 0.03 * fractal(rng, SHAPE, (6, 6), 5), zero(), zero()
