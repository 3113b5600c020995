"""Fabrics: a pattern of colours and a weave with relief, both swatches that repeat over flat cloth."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from posegaussian.synthetic.mesh.textures import Colour, Points, colour, noise, over, sample, soft, unroll, wrinkles

Swatch = Float32[np.ndarray, "_ _ _"]

WEAVE = 5e-4
"""Size of a texel of a weave, metres."""
PATTERN = 1e-3
"""Size of a texel of a pattern, metres."""


@dataclass(frozen=True)
class Fabric:
    """Cloth by the metre.

    Args:
        name: its family.
        pattern: RGB, texels of 1 mm; its middle lies on the chest.
        weave: brightness about 1 and relief in metres, texels of 0.5 mm.
        wear: how much darker or brighter broad areas are, 0..1.
        creases: height of the fine creases, metres.
        gloss: strength of the highlight.
        roughness: width of the highlight.
    """

    name: str
    pattern: Swatch
    weave: Swatch
    wear: float = 0.06
    creases: float = 0.0009
    gloss: float = 0.04
    roughness: float = 0.75

    def cut(self, seed: int, legs: bool = False, girth: float = 0.15) -> Callable[[Points], Float[np.ndarray, "n 4"]]:
        """The texture of a garment of this fabric: with creases, and slightly uneven in tone."""

        def texture(points):
            flat = unroll(points, legs, girth)
            albedo = sample(self.pattern, flat - [0, CHEST], PATTERN)
            weave = sample(self.weave, flat, WEAVE)
            tone = weave[:, 0] * (1 + self.wear * noise(points, 0.11, seed))
            relief = weave[:, 1] + self.creases * wrinkles(points, 0.035, 1.6, seed + 1)
            return np.concatenate([np.clip(albedo * tone[:, None], 0, 1), relief[:, None]], axis=1)

        return texture


CHEST = 0.46
"""Height of the middle of a pattern on the mean body, metres."""


def make_fabric(family: str, base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """A fabric of a family in up to two colours."""
    return FAMILIES[family](base, other, rng)


# --- weaves: brightness and relief ---------------------------------------------------------------------------------


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column numbers, in whole turns of the swatch (0..1)."""
    return np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")


def _grain(size: int, rng: np.random.Generator, along: float = 0.8, across: float = 0.8) -> np.ndarray:
    """Noise that repeats, blurred by so many texels down and across, standard deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    grain = np.fft.irfft2(
        spectrum * np.exp(-2 * np.pi**2 * ((along * rows) ** 2 + (across * columns) ** 2)), (size, size)
    )
    return grain / grain.std()


def _weave(tone: np.ndarray, relief: np.ndarray) -> Swatch:
    return np.stack(np.broadcast_arrays(tone, relief), axis=2).astype(np.float32)


def _jersey(rng: np.random.Generator, strength: float = 1.0) -> Swatch:
    """Fine knitwear: hardly any structure of its own."""
    grain = _grain(192, rng, 1.6, 1.1)
    return _weave(1 + 0.045 * strength * grain, 4e-5 * strength * grain)


def _plain(rng: np.random.Generator) -> Swatch:
    """Plain weave with threads of uneven thickness both ways."""
    threads = _grain(192, rng, 8.0, 0.9) + _grain(192, rng, 0.9, 8.0)
    return _weave(1 + 0.035 * threads, 3e-5 * threads)


def _twill(rng: np.random.Generator, contrast: float = 0.09) -> Swatch:
    """Diagonal ribs, about 2.7 mm apart, with uneven threads."""
    rows, columns = _grid(192, 192)
    ribs = np.sin(2 * np.pi * 36 * (rows + columns))
    slubs = _grain(192, rng, 12.0, 0.9)
    return _weave(1 + contrast * ribs + 0.06 * slubs, 9e-5 * ribs + 3e-5 * slubs)


def _stitches(width: int, height: int, depth: float, rng: np.random.Generator) -> Swatch:
    """Chunky knit: columns of V-shaped stitches, each `width` x `height` texels."""
    rows, columns = np.meshgrid(np.arange(height * 16), np.arange(width * 16), indexing="ij")
    u, v = columns / width % 1, rows / height
    lean = np.abs(u - 0.5) * 1.2
    loop = 0.5 + 0.5 * np.cos(2 * np.pi * (v + lean))
    wale = np.abs(np.sin(2 * np.pi * u)) ** 0.7
    bulge = loop**0.7 * wale
    fuzz = cv2.resize(_grain(128, rng), rows.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return _weave(0.78 + 0.3 * bulge + 0.04 * fuzz, depth * (bulge - 0.5))


def _ribs(width: int, depth: float, rng: np.random.Generator) -> Swatch:
    """Ribs along the limb, `width` texels wide."""
    size = width * (192 // width)
    _, columns = _grid(size, size)
    ribs = np.sin(2 * np.pi * columns * (size // width))
    return _weave(1 + 0.12 * ribs + 0.04 * _grain(size, rng, 2.0, 1.0), depth * np.tanh(2 * ribs))


def _hide(rng: np.random.Generator) -> Swatch:
    """Leather: pebbles between fine wrinkles."""
    pebbles = np.maximum(_grain(256, rng, 2.2, 2.2), _grain(256, rng, 3.0, 3.0))
    return _weave(1 + 0.06 * pebbles, 1.1e-4 * np.tanh(pebbles))


# --- patterns: colours ----------------------------------------------------------------------------------------------


def _flat(base: Colour) -> Swatch:
    return np.tile(base, (1, 1, 1)).astype(np.float32)


def _bands(size: int, rng: np.random.Generator, count: int) -> np.ndarray:
    """A repeating sequence of `size` texels of hard-edged bands, the number of each one's colour."""
    edges = np.sort(rng.choice(np.arange(3, size, 3), count, replace=False))
    return np.searchsorted(edges, np.arange(size)) % 3


def _stripes(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Bands across, or pinstripes along."""
    if rng.uniform() < 0.3:
        period = int(rng.integers(9, 26))
        line = np.arange(period) < max(1, period // 9)
        return Fabric("stripes", over(base, other, line[None].astype(float)).astype(np.float32), _plain(rng))
    size = int(rng.integers(24, 90))
    share = rng.uniform(0.25, 0.6)
    kind = rng.integers(3)
    rows = np.arange(size) / size
    band = soft(np.minimum(rows, share - rows) * size, 1.0)
    if kind == 1:
        band = np.maximum(band, soft(0.04 - abs(rows - (1 + share) / 2), 0.02))
    if kind == 2:
        band *= rng.uniform(0.5, 1.0)
    return Fabric("stripes", over(base, other, band[:, None]).astype(np.float32), _jersey(rng))


def _plaid(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Tartan: the same sequence of bands both ways, woven in twill."""
    third = np.clip(rng.choice([0.08, 0.95]) + rng.uniform(-0.05, 0.05, 3), 0, 1)
    sett = np.array([base, other, third])[_bands(int(rng.integers(60, 150)), rng, int(rng.integers(5, 9)))]
    pattern = 0.5 * (sett[:, None] + sett[None])
    size = len(sett)
    rows, columns = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    thread = ((rows + columns) // 2 % 2)[..., None]
    return Fabric(
        "plaid", (0.7 * pattern + 0.3 * np.where(thread, sett[:, None], sett[None])).astype(np.float32), _plain(rng)
    )


def _checks(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Gingham, or squares of a chessboard."""
    size = 2 * int(rng.integers(4, 30))
    rows, columns = np.meshgrid(np.arange(size) < size // 2, np.arange(size) < size // 2, indexing="ij")
    share = np.where(rng.uniform() < 0.6, 0.5 * rows + 0.5 * columns, rows ^ columns)
    return Fabric("checks", over(base, other, share.astype(float)).astype(np.float32), _plain(rng))


def _stamped(size: int, drawings, base: Colour) -> Swatch:
    """Drawings (functions of a picture and an offset) that wrap around the borders of the swatch."""
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
    """Points spread evenly over a swatch that repeats: each the best of some candidates."""
    points = rng.uniform(0, size, (1, 2))
    for _ in range(count - 1):
        candidates = rng.uniform(0, size, (12, 2))
        apart = abs(candidates[:, None] - points)
        apart = np.minimum(apart, size - apart)
        points = np.concatenate([points, candidates[[np.hypot(*apart.T).T.min(1).argmax()]]])
    return points


def _dots(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Dots in order or at random."""
    if rng.uniform() < 0.5:
        size = 2 * int(rng.integers(7, 22))
        centres, radius = [(0, 0), (size / 2, size / 2)], size * rng.uniform(0.13, 0.22)
        return Fabric("dots", _stamped(size, [_disc(c, radius, other) for c in centres], base), _jersey(rng))
    tones = [other, np.clip(1.1 - other, 0, 1), 0.5 * (base + other)]
    dots = [_disc(c, rng.uniform(2.5, 9), tones[rng.integers(3)]) for c in _places(180, 90, rng)]
    return Fabric("dots", _stamped(180, dots, base), _jersey(rng))


def _floral(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Flowers and leaves."""
    size, drawings = 240, []
    green = colour(rng.uniform(0.25, 0.42), rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.6))
    scale = rng.uniform(0.6, 1.5)
    for centre in _places(size, int(60 / scale), rng):
        drawings.append(_blade(centre, scale * rng.uniform(5, 10), scale * 2.5, rng.uniform(0, 6.3), green))
    for centre in _places(size, int(42 / scale**1.5), rng):
        tone = np.clip(other + rng.uniform(-0.15, 0.15, 3), 0, 1)
        start, petals, long = rng.uniform(0, 6.3), int(rng.integers(5, 8)), scale * rng.uniform(4, 8)
        for petal in range(petals):
            shade = np.clip(tone * (0.85 + 0.3 * (petal % 2)), 0, 1)
            drawings.append(_blade(centre, long, 0.5 * long, start + petal * 2 * np.pi / petals, shade))
        drawings.append(_disc(centre, 0.35 * long, colour(0.13, 0.7, 0.9)))
    return Fabric("floral", _stamped(size, drawings, base), _plain(rng))


def _print(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """A busy print at the scale of millimetres: thresholded noise in several tones."""
    size = 256
    scale = rng.uniform(1.2, 3.5)
    third = colour(rng.uniform(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.0))
    image = np.tile(base, (size, size, 1))
    for tone, level in ((other, 0.2), (third, 0.7), (np.clip(1.0 - base, 0, 1), 1.2)):
        image = over(image, tone, soft(_grain(size, rng, scale, scale * rng.uniform(0.6, 1.6)) - level, 0.5))
    return Fabric("print", image.astype(np.float32), _jersey(rng))


def _camouflage(base: Colour, _: Colour, rng: np.random.Generator) -> Fabric:
    """Patches of muted tones, some of one hue."""
    size, scale = 384, rng.uniform(7, 15)
    hue = rng.choice([rng.uniform(0.12, 0.3), rng.uniform(0.55, 0.65), rng.uniform(0, 1)])
    image = np.tile(colour(hue, 0.35, 0.55), (size, size, 1))
    for tone in ((0.5, 0.3), (0.25, 0.75), (0.5, 0.14)):
        patch = _grain(size, rng, scale, 1.5 * scale) + 0.35 * _grain(size, rng, scale / 4, scale / 3)
        image = over(image, colour(hue + rng.uniform(-0.05, 0.05), *tone), soft(patch - 0.55, 0.08))
    return Fabric("camouflage", image.astype(np.float32), _twill(rng, 0.05))


FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def _word(rng: np.random.Generator, letters: int) -> str:
    """A word that means nothing."""
    sounds = ("BCDFGHKLMNPRSTVZ", "AEIOU")
    return "".join(rng.choice(list(sounds[i % 2])) for i in range(letters))


def _write(image: np.ndarray, text: str, middle: tuple, height: float, tone: Colour, font: int, bold: int):
    """Text about a middle (x, y), its capitals this high, texels."""
    scale = height / cv2.getTextSize("H", font, 1.0, 1)[0][1]
    (width, _), _ = cv2.getTextSize(text, font, scale, bold)
    corner = (int(middle[0] - width / 2), int(middle[1] + height / 2))
    ink = np.zeros(image.shape[:2], np.uint8)
    cv2.putText(ink, text, corner, font, scale, 255, bold, cv2.LINE_AA)
    image += (ink[..., None] / np.float32(255)) * (np.float32(tone) - image)


def _lettering(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Lines of words across the chest and the back, or all over."""
    size, font = 471, FONTS[rng.integers(len(FONTS))]
    image = np.tile(np.float32(base), (size, size, 1))
    if rng.uniform() < 0.3:
        for row in range(12):
            text = " ".join(_word(rng, int(rng.integers(3, 8))) for _ in range(6))
            _write(image, text, (size / 2, 20 + row * size / 12), 20.0, other, font, int(rng.integers(1, 4)))
        return Fabric("lettering", image, _jersey(rng))
    lines = int(rng.integers(1, 4))
    for line in range(lines):
        height = rng.uniform(22, 46) / (1 + 0.3 * line)
        letters = int(rng.integers(3, max(4, min(9, int(190 / height)))))
        _write(
            image, _word(rng, letters), (size / 2, size / 2 - 60 + 55 * line), height, other, font, int(height / 6) + 1
        )
    return Fabric("lettering", image, _jersey(rng))


def _logo(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """A badge on the chest: rings, stars or shields of two or three colours, sometimes a band below it."""
    size, middle = 471, 236
    image = np.tile(np.float32(base), (size, size, 1))
    third = np.clip(1.1 - other, 0, 1)
    radius, offset = rng.uniform(18, 75), (0 if rng.uniform() < 0.6 else 75)
    radius = min(radius, 28) if offset else radius
    centre = (int(middle + offset), int(middle - 40))
    sides = int(rng.choice([3, 4, 5, 6, 8, 48]))
    for share, tone in ((1.0, other), (0.8, third), (0.62, other)):
        angles = 2 * np.pi * np.arange(2 * sides) / (2 * sides) - np.pi / 2
        reach = radius * share * np.where(np.arange(2 * sides) % 2, rng.uniform(0.5, 1.0) if sides < 9 else 1.0, 1.0)
        corners = np.stack([centre[0] + reach * np.cos(angles), centre[1] + reach * np.sin(angles)], axis=1)
        cv2.fillPoly(image, [(16 * corners).astype(np.int32)], tuple(float(t) for t in tone), cv2.LINE_AA, 4)
    _write(
        image,
        _word(rng, 1 + int(rng.integers(2))),
        centre,
        0.5 * radius,
        base,
        FONTS[rng.integers(4)],
        2 + int(radius / 16),
    )
    if rng.uniform() < 0.4:
        _write(
            image, _word(rng, int(rng.integers(4, 7))), (middle, middle + 65), 22.0, other, FONTS[rng.integers(4)], 3
        )
    return Fabric("logo", image, _jersey(rng))


# --- families -------------------------------------------------------------------------------------------------------


def _denim(base: Colour, _: Colour, rng: np.random.Generator) -> Fabric:
    indigo = colour(rng.uniform(0.57, 0.63), rng.uniform(0.25, 0.7), rng.uniform(0.22, 0.75))
    indigo = indigo if rng.uniform() < 0.85 else np.full(3, rng.uniform(0.08, 0.6))
    return Fabric("denim", _flat(indigo), _twill(rng, 0.14), wear=0.22, creases=0.0013)


def _knit(base: Colour, rng: np.random.Generator) -> Fabric:
    width, height = ((8, 7), (12, 10), (18, 14))[rng.integers(3)]
    weave = _stitches(width, height, rng.uniform(4e-4, 8e-4), rng)
    return Fabric("knit", _flat(base), weave, creases=6e-4, roughness=0.9)


FAMILIES: dict[str, Callable[[Colour, Colour, np.random.Generator], Fabric]] = {
    "flat": lambda a, b, rng: Fabric("flat", _flat(a), _jersey(rng, rng.uniform(0.2, 1.0)), creases=0.001),
    "knit": lambda a, b, rng: _knit(a, rng),
    "rib": lambda a, b, rng: Fabric(
        "rib", _flat(a), _ribs(int(rng.choice([8, 12, 16])), 4e-4, rng), creases=6e-4, roughness=0.9
    ),
    "denim": _denim,
    "corduroy": lambda a, b, rng: Fabric(
        "corduroy", _flat(a), _ribs(int(rng.choice([6, 8, 10])), 5e-4, rng), roughness=0.9
    ),
    "leather": lambda a, b, rng: Fabric(
        "leather", _flat(0.5 * a), _hide(rng), wear=0.1, creases=0.0015, gloss=0.35, roughness=0.35
    ),
    "twill": lambda a, b, rng: Fabric("twill", _flat(a), _twill(rng), creases=0.001),
    "stripes": _stripes,
    "plaid": _plaid,
    "checks": _checks,
    "dots": _dots,
    "floral": _floral,
    "print": _print,
    "camouflage": _camouflage,
    "lettering": _lettering,
    "logo": _logo,
}
