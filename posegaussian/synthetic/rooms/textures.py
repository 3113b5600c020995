"""Procedural textures that repeat: what a surface is made of, without its colours.

Each texture has three channels: a brightness that multiplies the colour (1 is stored as `FULL`), and the shares of a
second and a third colour. So one pattern of planks serves floors of all colours. Each texture is drawn once in a
process, from a fixed seed, when it is first needed.
"""

from functools import cache

import numpy as np
from jaxtyping import UInt8

from posegaussian.synthetic.rooms.hard_surfaces import HARD
from posegaussian.synthetic.rooms.patterns import SIZE
from posegaussian.synthetic.rooms.soft_surfaces import SOFT

FULL = 170
"""The stored brightness that leaves a colour as it is; 255 is 1.5 times as bright."""
_PATTERNS = {**HARD, **SOFT}


def names() -> tuple[str, ...]:
    """Names of the textures, in the order of the atlas."""
    return tuple(_PATTERNS)


def period(name: str) -> float:
    """Metres after which a texture repeats."""
    return _PATTERNS[name][0]


@cache
def texture(number: int) -> UInt8[np.ndarray, "s s 4"]:
    """A texture by its number in the atlas; the fourth channel is empty."""
    draw = list(_PATTERNS.values())[number][1]
    shade, second, third = draw(np.random.default_rng([77, number]))
    found = np.zeros((SIZE, SIZE, 4), np.uint8)
    found[..., 0] = np.clip(FULL * shade, 0, 255)
    found[..., 1] = np.clip(255 * second, 0, 255)
    found[..., 2] = np.clip(255 * third, 0, 255)
    return found
