"""Who is learned from and who is not: one rule for all synthetic people.

| seeds | people |
| --- | --- |
| 1..99 | of the demo |
| 100..199 | val: watched while training; the heatmaps' error model is fitted to them |
| 200..299 | test: the benchmark |
| 1000 and up | train: streamed |

Everything about a person (garments, textures, hair, face, movement) is drawn from the seed. Bodies are mixed from the
shape codes of the baked asset, which are split too: every fifth code is held out, and people below 1000 are mixed from
held-out codes alone, all others from the rest. So no held-out person, nor a body made of the same codes, is streamed.
"""

from typing import Literal

import numpy as np
from jaxtyping import Int64

from posegaussian.config.people import FIRST_TRAIN_SEED, HELD_OUT
from posegaussian.errors import ConfigError

Split = Literal["demo", "val", "test", "train"]
_STARTS: tuple[tuple[int, Split], ...] = ((FIRST_TRAIN_SEED, "train"), (200, "test"), (100, "val"), (1, "demo"))
_HELD_OUT_EVERY = 5


def split_of(seed: int) -> Split:
    """The split of a person.

    Raises:
        ConfigError: nobody has this seed.
    """
    for start, split in _STARTS:
        if seed >= start and (seed in HELD_OUT or seed >= FIRST_TRAIN_SEED):
            return split
    raise ConfigError(f"nobody has the seed {seed}", code="unknown-seed", hint="people are 1..299 and 1000 and up")


def shape_codes(seed: int, count: int) -> Int64[np.ndarray, "n"]:
    """Which of the asset's shape codes a person may be mixed from.

    Args:
        seed: who.
        count: of all shape codes.
    """
    held_out = np.arange(count) % _HELD_OUT_EVERY == 0
    return np.flatnonzero(held_out if seed < FIRST_TRAIN_SEED else ~held_out)
