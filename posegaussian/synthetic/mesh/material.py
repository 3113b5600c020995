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
    """The material of one submesh of a person.

    Args:
        name: the kind of garment, or skin, hair, eyes, shoes.
        texture: albedo and relief.
        gloss: strength of the highlight, 0 (matt) to 1.
        roughness: width of the highlight, 0 (a mirror) to 1.
    """

    name: str
    texture: Texture
    gloss: float = 0.05
    roughness: float = 0.7
