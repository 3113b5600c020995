"""Fabrics with woven or printed patterns: bands, checks, dots, flowers, patches."""

import cv2
import numpy as np

from posegaussian.synthetic.clothing.cloth import Fabric, Swatch
from posegaussian.synthetic.clothing.weaves import jersey, plain, repeating_noise, twill
from posegaussian.synthetic.mesh.textures import Colour, blend, hsv_to_rgb, soft_step


def flat(base: Colour) -> Swatch:
    """One colour."""
    return np.tile(base, (1, 1, 1)).astype(np.float32)


def _bands(size: int, rng: np.random.Generator, count: int) -> np.ndarray:
    """A repeating sequence of `size` texels of hard-edged bands, as the number of each texel's colour."""
    edges = np.sort(rng.choice(np.arange(3, size, 3), count, replace=False))
    return np.searchsorted(edges, np.arange(size)) % 3


def stripes(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Bands across, or pinstripes along."""
    if rng.uniform() < 0.3:
        period = int(rng.integers(9, 26))
        line = np.arange(period) < max(1, period // 9)
        return Fabric("stripes", blend(base, other, line[None].astype(float)).astype(np.float32), plain(rng))
    size = int(rng.integers(24, 90))
    share = rng.uniform(0.25, 0.6)
    kind = rng.integers(3)
    rows = np.arange(size) / size
    band = soft_step(np.minimum(rows, share - rows) * size, 1.0)
    if kind == 1:
        band = np.maximum(band, soft_step(0.04 - abs(rows - (1 + share) / 2), 0.02))
    if kind == 2:
        band *= rng.uniform(0.5, 1.0)
    return Fabric("stripes", blend(base, other, band[:, None]).astype(np.float32), jersey(rng))


def plaid(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Tartan: the same sequence of bands both ways, woven in twill."""
    third = np.clip(rng.choice([0.08, 0.95]) + rng.uniform(-0.05, 0.05, 3), 0, 1)
    sett = np.array([base, other, third])[_bands(int(rng.integers(60, 150)), rng, int(rng.integers(5, 9)))]
    pattern = 0.5 * (sett[:, None] + sett[None])
    size = len(sett)
    rows, columns = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    thread = ((rows + columns) // 2 % 2)[..., None]
    return Fabric(
        "plaid", (0.7 * pattern + 0.3 * np.where(thread, sett[:, None], sett[None])).astype(np.float32), plain(rng)
    )


def checks(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Gingham, or squares of a chessboard."""
    size = 2 * int(rng.integers(4, 30))
    rows, columns = np.meshgrid(np.arange(size) < size // 2, np.arange(size) < size // 2, indexing="ij")
    share = np.where(rng.uniform() < 0.6, 0.5 * rows + 0.5 * columns, rows ^ columns)
    return Fabric("checks", blend(base, other, share.astype(float)).astype(np.float32), plain(rng))


def _stamped(size: int, drawings, base: Colour) -> Swatch:
    """A swatch of drawings (functions of an image and an offset) that wrap around its borders."""
    image = np.tile(np.float32(base), (size, size, 1))
    for draw in drawings:
        for shift in np.ndindex(3, 3):
            draw(image, (np.array(shift) - 1) * size)
    return cv2.GaussianBlur(np.tile(image, (3, 3, 1)), (3, 3), 0.6)[size : 2 * size, size : 2 * size]


def _disc(centre, radius: float, tone):
    def draw(image, shift):
        place = tuple(int(16 * c) for c in np.asarray(centre) + shift)
        cv2.circle(image, place, int(16 * radius), tuple(float(t) for t in tone), -1, cv2.LINE_AA, 4)

    return draw


def _blade(centre, long: float, wide: float, angle: float, tone):
    def draw(image, shift):
        place = np.asarray(centre) + shift
        turn = np.array([np.cos(angle), np.sin(angle)])
        middle = tuple(int(c) for c in place + long * turn)
        axes = (max(int(long), 1), max(int(wide), 1))
        cv2.ellipse(image, middle, axes, np.degrees(angle), 0, 360, tuple(float(t) for t in tone), -1, cv2.LINE_AA)

    return draw


def _places(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points spread evenly over a repeating swatch: each is the best of 12 candidates (Mitchell, 1991)."""
    points = rng.uniform(0, size, (1, 2))
    for _ in range(count - 1):
        candidates = rng.uniform(0, size, (12, 2))
        apart = abs(candidates[:, None] - points)
        apart = np.minimum(apart, size - apart)
        points = np.concatenate([points, candidates[[np.hypot(*apart.T).T.min(1).argmax()]]])
    return points


def dots(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Dots in order or at random."""
    if rng.uniform() < 0.5:
        size = 2 * int(rng.integers(7, 22))
        centres, radius = [(0, 0), (size / 2, size / 2)], size * rng.uniform(0.13, 0.22)
        return Fabric("dots", _stamped(size, [_disc(c, radius, other) for c in centres], base), jersey(rng))
    tones = [other, np.clip(1.1 - other, 0, 1), 0.5 * (base + other)]
    dots = [_disc(c, rng.uniform(2.5, 9), tones[rng.integers(3)]) for c in _places(180, 90, rng)]
    return Fabric("dots", _stamped(180, dots, base), jersey(rng))


def floral(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Flowers and leaves."""
    size, drawings = 240, []
    green = hsv_to_rgb(rng.uniform(0.25, 0.42), rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.6))
    scale = rng.uniform(0.6, 1.5)
    for centre in _places(size, int(60 / scale), rng):
        drawings.append(_blade(centre, scale * rng.uniform(5, 10), scale * 2.5, rng.uniform(0, 6.3), green))
    for centre in _places(size, int(42 / scale**1.5), rng):
        tone = np.clip(other + rng.uniform(-0.15, 0.15, 3), 0, 1)
        start, petals, long = rng.uniform(0, 6.3), int(rng.integers(5, 8)), scale * rng.uniform(4, 8)
        for petal in range(petals):
            shade = np.clip(tone * (0.85 + 0.3 * (petal % 2)), 0, 1)
            drawings.append(_blade(centre, long, 0.5 * long, start + petal * 2 * np.pi / petals, shade))
        drawings.append(_disc(centre, 0.35 * long, hsv_to_rgb(0.13, 0.7, 0.9)))
    return Fabric("floral", _stamped(size, drawings, base), plain(rng))


def printed(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """A busy print at the scale of millimetres: thresholded noise in several tones."""
    size = 256
    scale = rng.uniform(1.2, 3.5)
    third = hsv_to_rgb(rng.uniform(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.0))
    image = np.tile(base, (size, size, 1))
    for tone, level in ((other, 0.2), (third, 0.7), (np.clip(1.0 - base, 0, 1), 1.2)):
        image = blend(
            image, tone, soft_step(repeating_noise(size, rng, scale, scale * rng.uniform(0.6, 1.6)) - level, 0.5)
        )
    return Fabric("print", image.astype(np.float32), jersey(rng))


def camouflage(base: Colour, _: Colour, rng: np.random.Generator) -> Fabric:
    """Patches of muted tones, some of one hue."""
    size, scale = 384, rng.uniform(7, 15)
    hue = rng.choice([rng.uniform(0.12, 0.3), rng.uniform(0.55, 0.65), rng.uniform(0, 1)])
    image = np.tile(hsv_to_rgb(hue, 0.35, 0.55), (size, size, 1))
    for tone in ((0.5, 0.3), (0.25, 0.75), (0.5, 0.14)):
        patch = repeating_noise(size, rng, scale, 1.5 * scale) + 0.35 * repeating_noise(size, rng, scale / 4, scale / 3)
        image = blend(image, hsv_to_rgb(hue + rng.uniform(-0.05, 0.05), *tone), soft_step(patch - 0.55, 0.08))
    return Fabric("camouflage", image.astype(np.float32), twill(rng, 0.05))
