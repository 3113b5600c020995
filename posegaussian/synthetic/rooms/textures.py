"""Procedural textures that repeat: what a surface is made of, without its colours.

Each texture has three channels: a brightness that multiplies the colour (1 is stored as 170), and the shares of a
second and a third colour. So one pattern of planks serves floors of all colours. The textures are drawn once in a
process, from fixed seeds.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.synthetic.rooms.noise import Image, blurred, fractal, relief, value_noise, white

SIZE = 512
"""Width and height of a texture, texels: 2 to 5 mm on most surfaces; chosen by hand."""
FULL = 170
"""The stored brightness that leaves a colour as it is; 255 is 1.5 times as bright."""
_SHAPE = SIZE, SIZE
Channels = tuple[Image, Image, Image]
_PATTERNS: dict[str, tuple[float, Callable[[np.random.Generator], Channels]]] = {}


def _pattern(metres: float):
    """Register a texture that repeats after some metres under the function's name."""

    def register(function):
        _PATTERNS[function.__name__.strip("_")] = metres, function
        return function

    return register


def names() -> tuple[str, ...]:
    """Names of the textures, in the order of the atlas."""
    return tuple(_PATTERNS)


def period(name: str) -> float:
    """Metres after which a texture repeats."""
    return _PATTERNS[name][0]


@cache
def atlas() -> UInt8[np.ndarray, "k s s 4"]:
    """All textures; the fourth channel is empty."""
    found = np.zeros((len(_PATTERNS), SIZE, SIZE, 4), np.uint8)
    for number, (_, draw) in enumerate(_PATTERNS.values()):
        shade, second, third = draw(np.random.default_rng([77, number]))
        found[number, ..., 0] = np.clip(FULL * shade, 0, 255)
        found[number, ..., 1] = np.clip(255 * second, 0, 255)
        found[number, ..., 2] = np.clip(255 * third, 0, 255)
    return found


def _zero() -> Image:
    return np.zeros(_SHAPE, np.float32)


def _grid() -> tuple[Image, Image]:
    """x and y of the texels' centres, in 0..1."""
    at = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    x, y = np.meshgrid(at, at)
    return x, y


def _step(value: Image, edge: float, width: float) -> Image:
    """A soft step from 0 to 1."""
    return np.clip((value - edge) / width + 0.5, 0, 1)


@_pattern(1.7)
def _plaster(rng):
    bumps = fractal(rng, _SHAPE, (40, 40), 4, 0.8)
    clouds = fractal(rng, _SHAPE, (2, 2), 4)
    return relief(blurred(bumps, 0.8), 0.1) * (0.985 + 0.03 * clouds), 0.25 * _step(clouds, 0.62, 0.4), _zero()


@_pattern(2.6)
def _concrete(rng):
    clouds, fine = fractal(rng, _SHAPE, (3, 3), 7, 0.7), white(rng, _SHAPE)
    pores = _step(value_noise(rng, _SHAPE, (128, 128)), 0.9, 0.1)
    crack = np.abs(fractal(rng, _SHAPE, (3, 3), 5) - 0.5)
    crack = (1 - _step(crack, 0.004, 0.006)) * _step(fractal(rng, _SHAPE, (2, 2), 2), 0.6, 0.1)
    return (0.8 + 0.4 * clouds) * (1 - 0.3 * pores) * (0.96 + 0.08 * fine) * (1 - 0.4 * crack), clouds**2, _zero()


def _bricks(rng, rows: int, columns: int, joint: float, shift: float = 0.5):
    """Tone of each brick in 0..1, distance from its border in texels, and a number of the brick."""
    x, y = _grid()
    row = np.floor(y * rows).astype(int)
    u = x * columns + shift * (row % 2)
    column = np.floor(u).astype(int) % columns
    tones = rng.random((rows, columns), np.float32)[row % rows, column]
    fx, fy = u - np.floor(u), y * rows - np.floor(y * rows)
    wide, tall = SIZE / columns, SIZE / rows
    border = np.minimum(np.minimum(fx, 1 - fx) * wide, np.minimum(fy, 1 - fy) * tall)
    return tones, _step(border, joint, 1.5), row * columns + column


@_pattern(1.96)
def _brick(rng):
    tones, inside, _ = _bricks(rng, 26, 8, 2.2)
    rough = fractal(rng, _SHAPE, (32, 32), 4, 0.8)
    shade = relief(blurred(inside, 1.0) + 0.25 * rough, 0.35) * (0.75 + 0.35 * tones) * (0.85 + 0.3 * rough)
    return np.where(inside > 0.5, shade, 0.9 + 0.15 * rough), (tones**2) * inside, 1 - inside


@_pattern(1.6)
def _blocks(rng):
    tones, inside, _ = _bricks(rng, 8, 4, 1.6)
    rough = fractal(rng, _SHAPE, (48, 48), 4, 0.8)
    return relief(blurred(inside, 1.2) + 0.2 * rough, 0.3) * (0.93 + 0.07 * tones) * (0.95 + 0.1 * rough), 0.5 * tones, 0.5 - 0.5 * inside


@_pattern(1.8)
def _tiles(rng):
    tones, inside, _ = _bricks(rng, 6, 6, 1.6, 0.0)
    clouds = fractal(rng, _SHAPE, (12, 12), 5)
    return relief(blurred(inside, 0.9), 0.2) * (0.94 + 0.08 * tones) * (0.95 + 0.1 * clouds), 0.5 * clouds * tones, 1 - inside


@_pattern(2.0)
def _paving(rng):
    tones, inside, _ = _bricks(rng, 10, 5, 2.0)
    rough = fractal(rng, _SHAPE, (40, 40), 5, 0.8)
    return relief(blurred(inside, 1.2) + 0.3 * rough, 0.3) * (0.8 + 0.25 * tones) * (0.75 + 0.5 * rough), tones * rough, 1 - inside


def _grain(rng, stretch: int = 24) -> Image:
    """Fibres along x with growth rings."""
    rings = fractal(rng, _SHAPE, (6, 2), 3)
    fibres = cv2.resize(white(rng, (SIZE, SIZE // stretch)), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    lines = 0.5 + 0.5 * np.sin(2 * np.pi * (9 * rings + 3 * fractal(rng, _SHAPE, (24, 2), 3)))
    return (0.55 * lines + 0.45 * blurred(fibres.astype(np.float32), 0.7)).astype(np.float32)


def _planked(rng, rows: int, columns: int, gap: float) -> Channels:
    """Planks along x, each with grain of its own and shifted joints."""
    x, y = _grid()
    row = np.floor(y * rows).astype(int) % rows
    shift = rng.random(rows)[row].astype(np.float32)
    u = (x + shift) * columns
    column = np.floor(u).astype(int) % columns
    tones = rng.random((rows, columns), np.float32)[row, column]
    fx, fy = u - np.floor(u), y * rows - np.floor(y * rows)
    border = np.minimum(np.minimum(fx, 1 - fx) * SIZE / columns, np.minimum(fy, 1 - fy) * SIZE / rows)
    grain = _grain(rng)
    moved = (np.arange(SIZE)[None] + (311 * tones).astype(int)) % SIZE
    lines = np.take_along_axis(grain, moved, axis=1)
    solid = _step(border, gap, 1.0)
    return (0.86 + 0.14 * tones) * (0.86 + 0.22 * lines) * (0.55 + 0.45 * solid), 0.75 * tones + 0.25 * (1 - lines), _zero()


@_pattern(2.2)
def _planks(rng):
    return _planked(rng, 16, 2, 0.5)


@_pattern(1.5)
def _strips(rng):
    return _planked(rng, 24, 4, 0.35)


@_pattern(1.4)
def _boards(rng):
    return _planked(rng, 10, 1, 1.2)


@_pattern(1.28)
def _herringbone(rng):
    x, y = _grid()
    n, width = 16, 4  # blocks of 1 x 4 cells of 8 cm
    i, j = np.floor(x * n).astype(int), np.floor(y * n).astype(int)
    across = ((i - j) % (2 * width)) < width
    fx, fy = x * n - i, y * n - j
    step = np.where(across, (i - j) % (2 * width), (j - i - 1) % (2 * width))
    start = np.where(across, i - step, j - step) % n
    line = np.where(across, j, i)
    tones = rng.random((2, n, n), np.float32)[across.astype(int), start, line]
    along = np.where(across, step + fx, step + fy) / width
    side = np.where(across, fy, fx)
    border = np.minimum(np.minimum(side, 1 - side), width * np.minimum(along, 1 - along)) * SIZE / n
    grain = _grain(rng)
    lines = np.where(across, grain, grain.T)
    return (0.84 + 0.18 * tones) * (0.88 + 0.2 * lines) * (0.6 + 0.4 * _step(border, 0.6, 1.0)), tones, _zero()


@_pattern(1.1)
def _wood(rng):
    grain = _grain(rng, 40)
    return 0.85 + 0.22 * grain, 0.5 * fractal(rng, _SHAPE, (4, 2), 4) + 0.3 * (1 - grain), _zero()


@_pattern(0.9)
def _carpet(rng):
    loops = blurred(white(rng, _SHAPE), 1.0)
    loops = np.clip(0.5 + 0.25 * (loops - 0.5) / loops.std(), 0, 1)
    clouds = fractal(rng, _SHAPE, (4, 4), 4)
    return (0.65 + 0.5 * loops) * (0.92 + 0.14 * clouds), _step(white(rng, _SHAPE), 0.7, 0.5), _zero()


@_pattern(2.0)
def _carpet_tiles(rng):
    tones, inside, number = _bricks(rng, 4, 4, 0.4, 0.0)
    x, y = _grid()
    direction = np.where(number % 2 == number // 4 % 2, x, y)
    loops = white(rng, _SHAPE)
    ribs = 0.5 + 0.5 * np.sin(2 * np.pi * 128 * direction)
    return (0.72 + 0.25 * loops + 0.12 * ribs) * (0.93 + 0.1 * tones) * (0.85 + 0.15 * inside), 0.5 * white(rng, _SHAPE) * tones, _zero()


@_pattern(0.35)
def _fabric(rng):
    x, y = _grid()
    weave = np.sin(2 * np.pi * 64 * x) * np.sin(2 * np.pi * 64 * y)
    threads = blurred(white(rng, _SHAPE), 0.8)
    return 0.93 + 0.08 * weave + 0.3 * (threads - 0.5) + 0.08 * (fractal(rng, _SHAPE, (3, 3), 4) - 0.5), 0.5 + 0.5 * weave, _zero()


@_pattern(2.9)
def _cloth(rng):
    folds = fractal(rng, _SHAPE, (2, 4), 4, 0.5)
    creases = 1 - np.abs(2 * fractal(rng, _SHAPE, (3, 3), 3) - 1)
    return relief(blurred(40 * folds + 6 * creases**4, 2.0), 0.12) * (0.97 + 0.06 * white(rng, _SHAPE)), _zero(), _zero()


@_pattern(1.06)
def _stripes(rng):
    x, _ = _grid()
    wide = _step(np.abs(((x * 4) % 1) - 0.5), 0.25, 0.01)
    thin = 1 - _step(np.abs(((x * 8 + 0.5) % 1) - 0.5), 0.03, 0.02)
    return 0.97 + 0.06 * fractal(rng, _SHAPE, (64, 64), 2), wide, 0.6 * thin


@_pattern(1.06)
def _damask(rng):
    x, y = _grid()
    px, py = 2 * np.pi * 2 * x, 2 * np.pi * 2 * y
    shift = np.where(np.floor(x * 4) % 2 > 0, np.pi, 0)
    shape = np.cos(2 * px) + 0.8 * np.cos(2 * py + shift) + 0.7 * np.cos(3 * py + 2 * np.cos(2 * px) + shift)
    shape += 0.5 * np.cos(5 * px) * np.cos(4 * py + shift)
    return 0.96 + 0.08 * fractal(rng, _SHAPE, (64, 64), 2), _step(shape, 0.35, 0.25), _zero()


@_pattern(2.4)
def _ceiling_tiles(rng):
    _, inside, _ = _bricks(rng, 4, 4, 2.5, 0.0)
    holes = _step(fractal(rng, _SHAPE, (96, 96), 2), 0.72, 0.1)
    return (0.86 + 0.14 * inside) * (1 - 0.16 * holes * inside) * (0.98 + 0.04 * fractal(rng, _SHAPE, (4, 4), 3)), _zero(), 0.4 * (1 - inside)


@_pattern(2.4)
def _grass(rng):
    blades = np.full(_SHAPE, 0.0, np.float32)
    for _ in range(7000):
        x, y = rng.uniform(0, SIZE, 2)
        dx, dy = rng.normal(0, 1.6), rng.uniform(4, 9)
        tone = float(rng.uniform(0.25, 1))
        cv2.line(blades, (int(x), int(y)), (int(x + dx), int(y - dy)), tone, 1, cv2.LINE_AA)
    patches = fractal(rng, _SHAPE, (3, 3), 5)
    return (0.5 + 0.65 * blades) * (0.8 + 0.4 * patches), _step(patches, 0.55, 0.5) * 0.8, 0.7 * _step(fractal(rng, _SHAPE, (5, 5), 4), 0.78, 0.2)


@_pattern(1.5)
def _asphalt(rng):
    stones = blurred(white(rng, _SHAPE), 0.9)
    stones = (stones - 0.5) / stones.std()
    clouds = fractal(rng, _SHAPE, (3, 3), 5)
    return np.clip(0.95 + 0.16 * stones, 0.4, 1.5) * (0.85 + 0.3 * clouds), _step(white(rng, _SHAPE), 0.93, 0.1), 0.3 * clouds


@_pattern(1.5)
def _gravel(rng):
    seeds = rng.integers(0, SIZE, (4200, 2))
    points = np.ones(_SHAPE, np.uint8)
    points[seeds[:, 0], seeds[:, 1]] = 0
    wide = np.pad(points, 32, mode="wrap")
    distance, label = cv2.distanceTransformWithLabels(wide, cv2.DIST_L2, 5)
    distance, label = distance[32:-32, 32:-32], label[32:-32, 32:-32]
    tones = rng.random(label.max() + 1).astype(np.float32)[label]
    return (0.7 + 0.4 * tones) * np.clip(1.2 - distance / 16, 0.45, 1.15), tones**2, _zero()


@_pattern(1.3)
def _leaves(rng):
    tones = fractal(rng, _SHAPE, (20, 20), 4, 0.8)
    return 0.55 + 0.8 * tones, _step(fractal(rng, _SHAPE, (6, 6), 4), 0.55, 0.4), _zero()


@_pattern(0.8)
def _metal(rng):
    lines = blurred(cv2.resize(white(rng, (SIZE, 8)), (SIZE, SIZE)), 0.6)
    return 0.93 + 0.12 * lines, 0.3 * fractal(rng, _SHAPE, (3, 3), 4), _zero()


@_pattern(1.6)
def _rug(rng):
    x, y = _grid()
    u, v = np.abs(x - 0.5) * 2, np.abs(y - 0.5) * 2
    edge = np.maximum(u, v)
    diamonds = _step(np.abs(((u * 6) % 1) - 0.5) + np.abs(((v * 6) % 1) - 0.5), 0.5, 0.05)
    flowers = _step(np.cos(24 * u) * np.cos(24 * v) + 0.5 * np.cos(12 * (u + v)), 0.6, 0.2)
    border = _step(edge, 0.72, 0.01) * (1 - _step(edge, 0.92, 0.01))
    loops = white(rng, _SHAPE)
    return 0.82 + 0.25 * blurred(loops, 0.7), np.where(border > 0.5, 1 - diamonds, diamonds * (1 - border)), flowers * (0.3 + 0.7 * (1 - border))


@_pattern(0.6)
def _screen(rng):
    shade, second, third = np.full(_SHAPE, 0.9, np.float32), _zero(), _zero()
    for row in range(24, SIZE - 16, 18):
        start = 40 + 24 * int(rng.integers(0, 5))
        while start < SIZE - 80 and rng.uniform() < 0.85:
            wide = int(rng.integers(15, 90))
            kind = second if rng.uniform() < 0.7 else third
            kind[row : row + 9, start : min(start + wide, SIZE - 40)] = 0.9
            start += wide + 10
    third[:14] = 0.6
    return shade, second, third


@_pattern(1.0)
def _slats(rng):
    _, y = _grid()
    phase = (y * 20) % 1
    return 0.7 + 0.4 * np.sin(np.pi * phase) + 0.02 * white(rng, _SHAPE), _zero(), _step(phase, 0.93, 0.05)


@_pattern(1.0)
def _plain(rng):
    return 0.985 + 0.03 * fractal(rng, _SHAPE, (6, 6), 5), _zero(), _zero()
