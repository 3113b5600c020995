"""Materials: a solid texture and a highlight."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Texture = Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 4"]]
"""Solid texture: canonical places (metres, on the mean body at rest) to RGB albedo in 0..1 and relief in metres.

Relief is fine outward height (knit, folds, seams). It bends the normal for shading and moves no vertex.
"""


@dataclass(frozen=True)
class Material:
    """The material of one submesh of a person."""

    name: str  # the kind of garment, or skin, hair, eyes, shoes
    texture: Texture  # albedo and relief
    gloss: float = 0.05  # strength of the highlight, 0 (matt) to 1
    roughness: float = 0.7  # width of the highlight, 0 (a mirror) to 1
