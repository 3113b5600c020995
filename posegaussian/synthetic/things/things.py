"""Which things a person wears and holds: drawn from a generator of their own, so that nothing else changes."""

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.motion.poses import Skeleton
from posegaussian.synthetic.things.bags import backpack, shoulder_bag
from posegaussian.synthetic.things.glasses import glasses, sunglasses
from posegaussian.synthetic.things.held import HELD, Held
from posegaussian.synthetic.things.wearer import Wearer

EYES = {"glasses": glasses, "sunglasses": sunglasses}
BAGS = {"backpack": backpack, "shoulder_bag": shoulder_bag}
"""What is worn before the eyes and on the back; one thing of each table at most."""


def wear(wearer: Wearer, settings: PeopleSettings) -> list[Submesh]:
    """Glasses and bags."""
    return [
        submesh
        for table in (EYES, BAGS)
        if (name := chosen(wearer.rng, settings, table))
        for submesh in table[name](wearer)
    ]


def hold(wearer: Wearer, skeleton: Skeleton, settings: PeopleSettings) -> Held:
    """What the hands hold, or nothing."""
    name = chosen(wearer.rng, settings, HELD)
    return HELD[name](wearer, skeleton, settings.board) if name else Held([], {})


def chosen(rng: np.random.Generator, settings: PeopleSettings, table: dict) -> str | None:
    """One of the named things of a table, or None."""
    names = [name for name in settings.things if name in table]
    return names[rng.integers(len(names))] if names and rng.uniform() < settings.things_share else None
