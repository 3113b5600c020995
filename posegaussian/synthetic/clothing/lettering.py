"""Fabrics with something printed on the chest, or all over: words without meaning, and badges."""

import cv2
import numpy as np

from posegaussian.synthetic.clothing.cloth import Fabric
from posegaussian.synthetic.clothing.weaves import jersey
from posegaussian.synthetic.mesh.textures import Colour

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def _word(rng: np.random.Generator, letters: int) -> str:
    """A random word without meaning."""
    sounds = ("BCDFGHKLMNPRSTVZ", "AEIOU")
    return "".join(rng.choice(list(sounds[i % 2])) for i in range(letters))


def _write(image: np.ndarray, text: str, middle: tuple, height: float, tone: Colour, font: int, bold: int):
    """Draw text around a middle (x, y), with capitals of this height, in texels."""
    scale = height / cv2.getTextSize("H", font, 1.0, 1)[0][1]
    (width, _), _ = cv2.getTextSize(text, font, scale, bold)
    corner = (int(middle[0] - width / 2), int(middle[1] + height / 2))
    ink = np.zeros(image.shape[:2], np.uint8)
    cv2.putText(ink, text, corner, font, scale, 255, bold, cv2.LINE_AA)
    image += (ink[..., None] / np.float32(255)) * (np.float32(tone) - image)


def lettering(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """Lines of words across the chest and the back, or all over."""
    size, font = 471, _FONTS[rng.integers(len(_FONTS))]
    image = np.tile(np.float32(base), (size, size, 1))
    if rng.uniform() < 0.3:
        for row in range(12):
            text = " ".join(_word(rng, int(rng.integers(3, 8))) for _ in range(6))
            _write(image, text, (size / 2, 20 + row * size / 12), 20.0, other, font, int(rng.integers(1, 4)))
        return Fabric("lettering", image, jersey(rng))
    lines = int(rng.integers(1, 4))
    for line in range(lines):
        height = rng.uniform(22, 46) / (1 + 0.3 * line)
        letters = int(rng.integers(3, max(4, min(9, int(190 / height)))))
        _write(
            image, _word(rng, letters), (size / 2, size / 2 - 60 + 55 * line), height, other, font, int(height / 6) + 1
        )
    return Fabric("lettering", image, jersey(rng))


def logo(base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
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
        _FONTS[rng.integers(4)],
        2 + int(radius / 16),
    )
    if rng.uniform() < 0.4:
        _write(
            image, _word(rng, int(rng.integers(4, 7))), (middle, middle + 65), 22.0, other, _FONTS[rng.integers(4)], 3
        )
    return Fabric("logo", image, jersey(rng))
