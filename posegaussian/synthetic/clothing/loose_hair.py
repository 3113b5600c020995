"""Long loose hair: a curtain down the back, locks over the chest and ragged ends. Sizes are chosen by eye, metres."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.hairstyles import (
    LOWEST_HEM,
    below_hair,
    hair_material,
    trunk_weights,
    with_curtain,
)
from posegaussian.synthetic.clothing.head import Head
from posegaussian.synthetic.mesh.surface import join
from posegaussian.synthetic.mesh.textures import smoothstep

ABOVE_CLOTHES = 0.009
"""Distance of the middle of a lock from what it lies on, beyond its own radius, metres."""


def loose(head: Head) -> list[Submesh]:
    """Wavy hair to the waist, some of it in front of the shoulders."""
    rng = head.rng
    hem = rng.uniform(LOWEST_HEM, 0.56)
    below = below_hair(head)
    locks = []
    for side in (-1, 1):
        length, spread = rng.uniform(0.12, 0.34), rng.uniform(0.018, 0.026)
        for number in range(6):
            x = side * (0.052 + spread * number / 2)
            locks.append(_lock(head, below, x, 0.93 - 0.006 * number, 0.79 - length * rng.uniform(0.7, 1.1), -1))
    for x in np.linspace(-0.095, 0.095, 14) + rng.uniform(-0.004, 0.004, 14):
        locks.append(_lock(head, below, x, rng.uniform(0.7, 0.79), hem - rng.uniform(-0.02, 0.07), 1))
    parting = rng.uniform(-0.04, 0.04)
    return [*with_curtain(head, hem, rng.uniform(0.011, 0.018)), Submesh(join(locks), hair_material(head, parting))]


def _lock(head: Head, below: Float[np.ndarray, "n 3"], x: float, top: float, tip: float, behind: int):
    """A tapered wavy lock that lies on what is below it, in front (-1) or behind (1)."""
    rng = head.rng
    z = np.arange(top, tip, -0.012)
    share = np.linspace(0, 1, len(z))
    radius = rng.uniform(0.008, 0.013) * np.sqrt(np.clip(1.02 - share**3, 0, 1)) * np.minimum(0.1 + 6 * share, 1)
    wave, phase = rng.uniform(0.002, 0.007), rng.uniform(0, 6.3)
    across = x + wave * share * np.sin(share * rng.uniform(6, 14) + phase) + 0.012 * np.sign(x) * share
    near = (abs(below[:, 0][None] - across[:, None]) < 0.025) & (abs(below[:, 2][None] - z[:, None]) < 0.015)
    out = np.where(near, behind * below[:, 1], -0.2).max(1) + radius + ABOVE_CLOTHES
    out = np.array([out[max(0, i - 2) : i + 3].max() for i in range(len(out))])
    if behind < 0:  # beside the face the lock hangs from the temples, and only below the chin does it come forward
        out = np.where(z > 0.8, 0.055 + 0.25 * np.clip(0.9 - z, 0, 0.1), out)
    out = np.convolve(np.pad(out, 3, mode="edge"), np.ones(7) / 7, "valid")
    surface = head.swept(np.column_stack([across, behind * out, z]), radius)
    low = np.asarray(smoothstep((0.8 - surface.canonical[:, 2]) / 0.14))[:, None]
    return replace(surface, weights=(1 - low) * head.weights + low * trunk_weights(head))
