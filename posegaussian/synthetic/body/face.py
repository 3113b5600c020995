"""Materials of skin, face and eyes, as solid textures on the canonical body.

All sizes and colours are chosen by eye on contact sheets, unless their comment says otherwise.
"""

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.textures import Colour, blend, noise, soft_step

EYE = np.array([0.031, 0.9035])
"""Centre of the left eye from the front (x, z); the right one is its mirror image. Metres."""
MOUTH = 0.8315
"""Height of the line between the lips, metres."""


def skin_tone(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A random skin tone, from very light to very dark."""
    stops = np.array(
        [[0.92, 0.74, 0.64], [0.84, 0.63, 0.50], [0.68, 0.46, 0.33], [0.46, 0.30, 0.21], [0.28, 0.18, 0.13]]
    )
    place = rng.uniform(0, len(stops) - 1)
    return np.array([np.interp(place, np.arange(len(stops)), stops[:, channel]) for channel in range(3)])


def make_skin(tone: Colour, hair: Colour, beard: float, rng: np.random.Generator) -> Material:
    """The material of skin: lips, brows, lids, nostrils, cheeks, freckles, and a beard of a strength in 0..1."""
    seed = int(rng.integers(1 << 30))
    light = tone.mean()
    lips = np.clip(tone * np.array([0.86, 0.58, 0.57]) + rng.uniform(-0.04, 0.06) * np.array([1, 0, 0]), 0, 1)
    arch, thick = rng.uniform(0.003, 0.007), rng.uniform(0.0028, 0.0045)
    freckles = rng.uniform(0, 0.5) * (light > 0.5) * (rng.uniform() < 0.35)
    makeup = rng.uniform(0, 0.6) * (rng.uniform() < 0.3) * (beard == 0)
    lips = blend(lips, np.array([0.6, 0.12, 0.16]), np.array(makeup))

    def texture(points):
        pores = noise(points, 0.0023, seed + 7)
        mottle = 0.05 * noise(points, 0.011, seed) + 0.06 * noise(points, 0.035, seed + 1) + 0.025 * pores
        colours = tone * (1 + mottle)[:, None]
        relief = 6e-5 * pores
        knuckles = np.clip((abs(points[:, 0]) - 0.5) / 0.03, 0, 1) * np.clip(noise(points, 0.012, seed + 9), 0, 1)
        colours = blend(colours, tone * [0.95, 0.72, 0.68], 0.35 * knuckles)
        face = (points[:, 2] > 0.74) & (points[:, 1] < -0.1)
        colours[face], relief[face] = features(points[face], colours[face], relief[face])
        return np.concatenate([np.clip(colours, 0, 1), relief[:, None]], axis=1)

    def features(points, colours, relief):
        x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
        front = np.clip((-0.10 - y) / 0.02, 0, 1)
        blush = np.exp(-(((x - 0.042) / 0.02) ** 2 + ((z - 0.865) / 0.018) ** 2)) + 0.8 * np.exp(
            -((x / 0.012) ** 2 + ((z - 0.866) / 0.012) ** 2)
        )
        colours = blend(colours, tone * [1.0, 0.74, 0.70], 0.4 * front * blush)
        spots = front * freckles * np.clip(4 * noise(points, 0.0035, seed + 8) - 2.2, 0, 1)
        colours = blend(colours, tone * [0.75, 0.6, 0.5], spots)
        sockets = np.exp(-(((x - EYE[0]) / 0.02) ** 2 + ((z - EYE[1] + 0.004) / 0.013) ** 2))
        colours = blend(colours, tone * [0.82, 0.70, 0.70], 0.45 * front * sockets)
        nostril = np.exp(-(((x - 0.0085) / 0.0042) ** 2 + ((z - 0.8545) / 0.0024) ** 2))
        colours = blend(colours, 0.22 * tone, 0.85 * front * np.clip(1.3 * nostril, 0, 1))
        jaw = front * np.clip((0.87 - z) / 0.03, 0, 1) * np.clip((0.085 - abs(x)) / 0.02, 0, 1)
        moustache = np.exp(-((x / 0.035) ** 4 + ((z - 0.846) / 0.008) ** 4))
        bristle = noise(points * [1, 1, 0.6], 0.0025, seed + 2)
        hairs = (
            beard
            * np.maximum(jaw * soft_step(0.836 - z, 0.0125), front * moustache)
            * np.clip(1.05 + 0.6 * bristle, 0, 1)
        )
        colours = blend(colours, 0.75 * hair, 0.85 * hairs)
        relief = relief + 5e-4 * hairs * bristle
        # Lips: a bow above, full below, fine furrows along them, a dark line between.
        bow = 0.0065 + 0.0022 * np.cos(np.clip(x / 0.0125, 0, 2) * np.pi) * (x < 0.025) - 0.0035 * (x / 0.026) ** 2
        full = 0.0105 * np.sqrt(np.clip(1 - (x / 0.026) ** 2, 0, 1))
        upper, lower = bow - (z - MOUTH), full - (MOUTH - z)
        mouth = front * soft_step(np.where(z > MOUTH, upper, lower), 0.0018) * soft_step(0.026 - x, 0.003)
        furrows = noise(np.stack([points[:, 0], 0 * x, 0.15 * z], axis=1), 0.0016, seed + 4)
        colours = blend(colours, lips * (1 + 0.08 * furrows)[:, None], 0.92 * mouth)
        relief = relief + mouth * (1e-4 * furrows + 4e-4)
        between = soft_step(0.027 - x, 0.004) * front * np.exp(-(((z - MOUTH) / 0.0013) ** 2))
        colours = blend(colours, 0.3 * lips, 0.8 * between)
        relief = relief - 1e-3 * between
        brow = 0.9225 + arch * np.sin(np.clip((x - 0.012) / 0.04, 0, 1) * 2.4)
        strokes = noise(
            np.stack([0.5 * points[:, 0] + 0.4 * z, 0 * x, z - 0.3 * points[:, 0]], axis=1), 0.0014, seed + 5
        )
        body = soft_step(1 - ((z - brow) / thick) ** 2 - ((x - 0.032) / 0.02) ** 6, 0.5) * np.clip(
            0.85 + 0.5 * strokes, 0, 1
        )
        colours = blend(colours, 0.6 * hair, 0.9 * front * body)
        relief = relief + 4e-4 * front * body * (1 + strokes)
        ring = ((x - EYE[0]) / 0.0155) ** 2 + ((z - EYE[1]) / 0.0075) ** 2
        upper_lid = z > EYE[1]
        lashes = np.exp(-(((ring - 1.05) / 0.3) ** 2)) * np.where(upper_lid, 1.0, 0.4)
        crease = np.exp(-(((ring - 2.6) / 0.35) ** 2)) * upper_lid
        colours = blend(colours, 0.12 * tone, (0.8 + 0.2 * makeup) * front * np.clip(lashes, 0, 1))
        colours = blend(colours, tone * [0.7, 0.55, 0.5], 0.45 * front * crease)
        return colours, relief - 5e-4 * front * crease

    return Material("skin", texture, 0.14, 0.5)


def make_eyes(rng: np.random.Generator) -> Material:
    """The material of eyes that look straight ahead: white, iris with rim and rays, pupil, and a spark of light."""
    irises = np.array(
        [[0.30, 0.18, 0.10], [0.22, 0.36, 0.52], [0.28, 0.40, 0.22], [0.16, 0.10, 0.07], [0.35, 0.38, 0.40]]
    )
    iris = irises[rng.integers(len(irises))]
    seed = int(rng.integers(1 << 30))

    def texture(points):
        x, z = abs(points[:, 0]) - EYE[0], points[:, 2] - EYE[1] - 0.0007
        radius, angle = np.hypot(x, z), np.arctan2(z, x)
        white = np.array([0.86, 0.83, 0.81]) * (1 - 0.25 * np.clip((radius - 0.008) / 0.006, 0, 1))[:, None]
        rays = noise(np.stack([0.01 * np.cos(angle), 0.01 * np.sin(angle), 0.1 * radius], axis=1), 0.001, seed)
        tone = iris * (1 + 0.35 * rays - 0.5 * np.clip((radius - 0.0054) / 0.0012, 0, 1))[:, None]
        colours = blend(white, tone, soft_step(0.0067 - radius, 0.0008))
        colours = blend(colours, np.full(3, 0.02), soft_step(0.0027 - radius, 0.0006))
        spark = soft_step(0.0011 - np.hypot(points[:, 0] - np.sign(points[:, 0]) * EYE[0] + 0.002, z - 0.0022), 0.0006)
        colours = blend(colours, np.full(3, 0.95), 0.9 * spark)
        shade = 0.55 * soft_step(z - 0.0045, 0.003)
        return np.concatenate([np.clip(colours * (1 - shade)[:, None], 0, 1), np.zeros((len(points), 1))], axis=1)

    return Material("eyes", texture, 0.5, 0.15)
