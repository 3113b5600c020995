"""Skin, features of the face, and eyes, painted on the canonical body."""

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.textures import Texture, noise

EYE = np.array([0.031, 0.9035])
"""Centre of the left eye from the front (x, z); the right one is its mirror image. Metres."""
MOUTH = 0.8315
"""Height of the line between the lips, metres."""


def skin_tone(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """From very light to very dark."""
    stops = np.array(
        [[0.96, 0.80, 0.70], [0.88, 0.68, 0.54], [0.72, 0.50, 0.36], [0.50, 0.33, 0.23], [0.33, 0.21, 0.15]]
    )
    place = rng.uniform(0, len(stops) - 1)
    return np.array([np.interp(place, np.arange(len(stops)), stops[:, channel]) for channel in range(3)])


def make_skin(
    tone: Float[np.ndarray, "3"], hair: Float[np.ndarray, "3"], beard: float, rng: np.random.Generator
) -> Texture:
    """Skin with lips, brows, lashes, cheeks, and a beard of this strength in 0..1."""
    seed = int(rng.integers(1 << 30))
    lips = np.clip(tone * [0.88, 0.64, 0.62], 0, 1)
    arch = rng.uniform(0.003, 0.007)

    def texture(points):
        x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
        mottle = 0.05 * noise(points, 0.011, seed) + 0.05 * noise(points, 0.035, seed + 1)
        colours = tone * (1 + mottle)[:, None]
        front = np.clip((-0.10 - y) / 0.02, 0, 1)
        cheeks = 0.35 * front * np.exp(-(((x - 0.042) / 0.02) ** 2 + ((z - 0.865) / 0.018) ** 2))
        colours = _over(colours, tone * [1.0, 0.75, 0.72], cheeks)
        jaw = front * np.clip((0.87 - z) / 0.03, 0, 1) * np.clip(1.2 + noise(points, 0.006, seed + 2), 0, 1)
        moustache = np.exp(-((x / 0.035) ** 4 + ((z - 0.846) / 0.008) ** 4))
        colours = _over(colours, 0.8 * hair, 0.75 * beard * np.maximum(jaw * _soft(0.836 - z, 80.0), front * moustache))
        mouth = front * _soft(1 - (x / 0.026) ** 2 - ((z - MOUTH) / 0.0095) ** 2, 4.0)
        colours = _over(colours, lips, mouth)
        colours = _over(colours, 0.45 * lips, 0.7 * mouth * np.exp(-(((z - MOUTH) / 0.0016) ** 2)))
        brow = 0.9225 + arch * np.sin(np.clip((x - 0.012) / 0.04, 0, 1) * 2.4)
        hairs = _soft(1 - ((z - brow) / 0.0035) ** 2 - ((x - 0.032) / 0.02) ** 6, 3.0)
        colours = _over(colours, 0.7 * hair, 0.85 * front * hairs)
        ring = ((x - EYE[0]) / 0.0155) ** 2 + ((z - EYE[1]) / 0.0075) ** 2
        lashes = np.exp(-(((ring - 1) / 0.35) ** 2)) * np.where(z > EYE[1], 1.0, 0.45)
        return np.clip(_over(colours, 0.2 * tone, 0.8 * front * lashes), 0, 1)

    return texture


def make_eyes(rng: np.random.Generator) -> Texture:
    """White, iris and pupil, looking straight ahead."""
    irises = np.array([[0.30, 0.18, 0.10], [0.22, 0.36, 0.52], [0.28, 0.40, 0.22], [0.16, 0.10, 0.07]])
    iris = irises[rng.integers(len(irises))]

    def texture(points):
        distance = np.hypot(abs(points[:, 0]) - EYE[0], points[:, 2] - EYE[1])
        colours = _over(np.tile([0.88, 0.86, 0.84], (len(points), 1)), iris, _soft(0.0062 - distance, 1500.0))
        return _over(colours, np.full(3, 0.03), _soft(0.003 - distance, 1500.0))

    return texture


def _soft(values: np.ndarray, slope: float) -> np.ndarray:
    return np.clip(0.5 + slope * values, 0, 1)


def _over(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    return below + share[:, None] * (above - below)
