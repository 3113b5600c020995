"""The splits of synthetic people: which of them are used for training, validation and testing.

| seeds | split |
| --- | --- |
| 1..99 | demo |
| 100..199 | val: validation during training; the heatmaps' error model is fitted to these people |
| 200..299 | test: the benchmark |
| 1000 and up | train: streamed |

Everything about a person (garments, textures, hair, face, movement) follows from the seed. Bodies are mixed from the
shape codes of the body asset, which are split too: every fifth code is held out. People below 1000 are mixed from
held-out codes alone, all others from the rest. So neither held-out people nor bodies of their codes
are streamed.
"""

from typing import Literal

import numpy as np
from jaxtyping import Int64

from posegaussian.config.people import FIRST_TRAIN_SEED, HELD_OUT
from posegaussian.errors import ConfigError

Split = Literal["demo", "val", "test", "train"]
_STARTS: tuple[tuple[int, Split], ...] = ((FIRST_TRAIN_SEED, "train"), (200, "test"), (100, "val"), (1, "demo"))
_HELD_OUT_EVERY = 5
"""One shape code in this many is held out: 120 of the 600 codes."""


def split_of(seed: int) -> Split:
    """The split of a person.

    Raises:
        ConfigError: no person has this seed.
    """
    for start, split in _STARTS:
        if seed >= start and (seed in HELD_OUT or seed >= FIRST_TRAIN_SEED):
            return split
    raise ConfigError(f"no person has the seed {seed}", code="unknown-seed", hint="seeds are 1..299, and 1000 and up")


def shape_codes(seed: int, count: int) -> Int64[np.ndarray, "n"]:
    """Numbers of the shape codes that a person may be mixed from."""
    held_out = np.arange(count) % _HELD_OUT_EVERY == 0
    return np.flatnonzero(held_out if seed < FIRST_TRAIN_SEED else ~held_out)
