"""Procedural textures that repeat: what a surface is made of, without its colours.

Each texture has three channels: a brightness that multiplies the colour (1 is stored as `FULL`), and the shares of a
second and a third colour. So one pattern of planks serves floors of all colours. The textures are drawn once in a
process, from fixed seeds.
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
def atlas() -> UInt8[np.ndarray, "k s s 4"]:
    """All textures; the fourth channel is empty."""
    found = np.zeros((len(_PATTERNS), SIZE, SIZE, 4), np.uint8)
    for number, (_, draw) in enumerate(_PATTERNS.values()):
        shade, second, third = draw(np.random.default_rng([77, number]))
        found[number, ..., 0] = np.clip(FULL * shade, 0, 255)
        found[number, ..., 1] = np.clip(255 * second, 0, 255)
        found[number, ..., 2] = np.clip(255 * third, 0, 255)
    return found
