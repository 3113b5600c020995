"""Fabrics: a pattern of colours and a weave with relief, two swatches that repeat over flat cloth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from posegaussian.synthetic.mesh.textures import Points, noise, sample_swatch, unroll, wrinkles

Swatch = Float32[np.ndarray, "_ _ _"]

WEAVE_TEXEL = 5e-4
"""Size of a texel of a weave, metres; chosen by hand."""
PATTERN_TEXEL = 1e-3
"""Size of a texel of a pattern, metres; the finest mesh colours are as fine."""

CHEST_HEIGHT = 0.46
"""Height of the middle of a pattern on the mean body, metres."""


@dataclass(frozen=True)
class Fabric:
    """A fabric."""

    name: str  # its family
    pattern: Swatch  # RGB, texels of 1 mm; its middle lies on the chest
    weave: Swatch  # brightness about 1 and relief in metres, texels of 0.5 mm
    wear: float = 0.06  # how much darker or brighter broad areas are, a share
    creases: float = 0.0009  # height of the fine creases, metres
    gloss: float = 0.04  # strength of the highlight
    roughness: float = 0.75  # width of the highlight

    def texture(
        self, seed: int, legs: bool = False, girth: float = 0.15
    ) -> Callable[[Points], Float[np.ndarray, "n 4"]]:
        """The texture of a garment of this fabric, with creases and a slightly uneven tone."""

        def texture(points):
            flat = unroll(points, legs, girth)
            albedo = sample_swatch(self.pattern, flat - [0, CHEST_HEIGHT], PATTERN_TEXEL)
            weave = sample_swatch(self.weave, flat, WEAVE_TEXEL)
            tone = weave[:, 0] * (1 + self.wear * noise(points, 0.11, seed))
            relief = weave[:, 1] + self.creases * wrinkles(points, 0.035, 1.6, seed + 1)
            return np.concatenate([np.clip(albedo * tone[:, None], 0, 1), relief[:, None]], axis=1)

        return texture
