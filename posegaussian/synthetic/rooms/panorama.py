"""Far surroundings, infinitely far away: what is seen through windows and outdoors, from fixed seeds."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.synthetic.rooms.noise import fractal, white

WIDTH, HEIGHT = 2048, 768
"""Texels of a panorama around and from bottom to top."""
LOWEST, HIGHEST = -0.35, 1.4
"""Tangents of the elevation at the last and the first row, linear in between."""
COUNT = 6
"""Number of panoramas; a room turns one of them by a random angle."""


@cache
def panorama(number: int) -> UInt8[np.ndarray, "h w 4"]:
    """A panorama, RGB; the fourth channel is empty."""
    rng = np.random.default_rng([78, number])
    tangent = np.linspace(HIGHEST, LOWEST, HEIGHT, dtype=np.float32)[:, None]
    image = _sky(rng, tangent)
    horizon = int(HEIGHT * HIGHEST / (HIGHEST - LOWEST))
    haze = image[horizon - 4].mean(0)
    low = slice(horizon - HEIGHT // 8, horizon + 4)  # all that stands on the ground
    band, rise = image[low], tangent[low]
    _ridge(rng, band, rise, 0.03 + 0.05 * rng.random(), 0.55 * haze + 0.25 * np.array([0.35, 0.42, 0.38], np.float32))
    if number % 2:
        for distance in (0.75, 0.35):
            _houses(rng, band, HEIGHT // 8, distance, haze)
    _trees(rng, band, rise, 0.04 + 0.05 * rng.random(), 0.35 * haze + 0.65 * np.array([0.2, 0.27, 0.13], np.float32))
    ground = np.array([[0.33, 0.37, 0.2], [0.4, 0.38, 0.35]], np.float32)[number % 2] * np.float32(
        rng.uniform(0.8, 1.2)
    )
    below = tangent[horizon:, :, None]
    near = np.clip(-below / 0.1, 0, 1)
    noise = fractal(rng, (len(below), WIDTH), (8, 64), 4)[..., None]
    image[horizon:] = ((1 - near) * (0.6 * ground + 0.4 * haze) + near * ground) * (0.8 + 0.4 * noise)
    found = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    found[..., :3] = 255 * np.clip(image, 0, 1)
    return found


def _sky(rng, tangent):
    """A gradient with clouds that lie on a plane above."""
    blue = np.array([[0.42, 0.58, 0.84], [0.55, 0.66, 0.82], [0.7, 0.74, 0.8]], np.float32)[rng.integers(3)]
    pale = np.array([0.88, 0.9, 0.92], np.float32)
    share = np.exp(-np.clip(tangent, 0, None) * 1.8)[..., None]
    sky = (1 - share) * blue + share * pale
    plane = fractal(rng, (1024, 1024), (5, 5), 6, 0.6)
    azimuth = np.linspace(0, 2 * np.pi, WIDTH, endpoint=False, dtype=np.float32)[None]
    reach = 60 / np.clip(tangent, 0.05, None)
    x, y = (reach * np.cos(azimuth)) % 1024, (reach * np.sin(azimuth)) % 1024
    cover = cv2.remap(plane, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    level = rng.uniform(0.35, 0.65)
    cloud = np.clip((cover - level) / 0.3, 0, 1)[..., None] * np.clip(tangent / 0.12, 0, 1)[..., None]
    white_ = (0.8 + 0.2 * np.clip((cover - level) / 0.5, 0, 1))[..., None]
    return ((1 - 0.85 * cloud) * sky + 0.85 * cloud * white_).astype(np.float32)


def _outline(rng, cells: int, octaves: int):
    return fractal(rng, (64, WIDTH), (1, cells), octaves, 0.55)[0]


def _ridge(rng, image, tangent, height, colour):
    """Hills on the horizon."""
    top = height * (0.4 + 1.2 * _outline(rng, int(rng.integers(3, 5)), 6))
    tone = 0.9 + 0.2 * fractal(rng, image.shape[:2], (6, 64), 4)[..., None]
    np.copyto(image, colour * tone, where=(tangent < top)[..., None])


def _trees(rng, image, tangent, height, colour):
    """A line of trees with clumps of leaves."""
    crowns = np.abs(np.sin(np.pi * 40 * np.linspace(0, 1, WIDTH, dtype=np.float32) + 6 * _outline(rng, 16, 3)))
    line = _outline(rng, 6, 4)
    there = np.clip((line - 0.4) / 0.12, 0, 1)
    top = height * there * (0.35 + 0.9 * line) * (0.55 + 0.6 * crowns * _outline(rng, 60, 3))
    edge, leaves = (fractal(rng, image.shape[:2], cells, 4, 0.8) for cells in ((16, 256), (12, 170)))
    inside = tangent < top + 0.03 * (edge - 0.5) * there
    light = 0.5 + 0.9 * leaves * (0.6 + 0.4 * np.clip(tangent / (top + 1e-6), 0, 1))
    np.copyto(image, colour * light[..., None], where=inside[..., None])


def _houses(rng, image, horizon, distance, haze):
    """Rows of houses with windows; the farther, the more haze."""
    x = 0
    while x < WIDTH - 8:
        wide, gap = int(rng.uniform(24, 90) * (1.3 - distance)), int(rng.uniform(0, 60))
        tall = int(rng.uniform(16, 70) * (1.35 - distance))
        base = rng.uniform(0.35, 0.8) * (1 + 0.06 * rng.standard_normal(3))
        colour = (1 - distance) * base + distance * haze
        right = min(x + wide, WIDTH)
        image[horizon - tall : horizon, x:right] = colour * (0.95 + 0.1 * white(rng, (tall, right - x))[..., None])
        step = int(rng.integers(6, 10))
        for row in range(horizon - tall + 3, horizon - 4, step):
            for column in range(x + 3, right - 4, step):
                image[row : row + step // 2, column : column + step // 2] = colour * rng.uniform(0.4, 0.75)
        x += wide + gap
