"""All things that may stand in rooms, by name, with their sizes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posegaussian.synthetic.rooms import equipment, furniture
from posegaussian.synthetic.rooms.furniture import Size
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.surfaces import Builder


@dataclass(frozen=True)
class Thing:
    """A kind of furniture."""

    # adds it to the builder, in its frame, in a given size
    build: Callable[[Builder, Palette, np.random.Generator, Size], None]
    low: Size  # smallest width, depth and height, metres
    high: Size  # largest width, depth and height, metres

    def size(self, rng: np.random.Generator) -> Size:
        """A random size."""
        w, d, h = rng.uniform(self.low, self.high)
        return float(w), float(d), float(h)


THINGS = {
    "cardboard": Thing(furniture.cardboard, (0.3, 0.25, 0.25), (0.6, 0.5, 1.1)),
    "shelf": Thing(furniture.shelf, (0.7, 0.26, 1.2), (1.4, 0.38, 2.2)),
    "table": Thing(furniture.table, (0.7, 0.6, 0.7), (1.6, 0.9, 0.78)),
    "coffee table": Thing(furniture.table, (0.7, 0.45, 0.35), (1.1, 0.6, 0.48)),
    "desk": Thing(furniture.desk, (1.2, 0.7, 0.72), (1.8, 0.8, 0.76)),
    "chair": Thing(furniture.chair, (0.4, 0.42, 0.82), (0.48, 0.5, 1.0)),
    "office chair": Thing(furniture.office_chair, (0.48, 0.48, 0.95), (0.52, 0.54, 1.2)),
    "sofa": Thing(furniture.sofa, (0.9, 0.8, 0.72), (2.3, 0.95, 0.9)),
    "cabinet": Thing(furniture.cabinet, (0.6, 0.38, 0.5), (1.7, 0.5, 0.95)),
    "wardrobe": Thing(furniture.cabinet, (0.8, 0.4, 1.7), (1.8, 0.6, 2.15)),
    "plant": Thing(equipment.plant, (0.5, 0.5, 0.6), (0.9, 0.9, 1.7)),
    "floor lamp": Thing(equipment.floor_lamp, (0.35, 0.35, 1.4), (0.5, 0.5, 1.8)),
    "tripod": Thing(equipment.tripod, (0.7, 0.7, 1.7), (0.95, 0.95, 2.3)),
    "bench": Thing(equipment.bench, (1.5, 0.3, 0.34), (3.0, 0.36, 0.46)),
    "mats": Thing(equipment.mats, (1.2, 0.9, 0.2), (2.0, 1.2, 0.7)),
    "vaulting box": Thing(equipment.vaulting_box, (1.2, 0.6, 0.9), (1.5, 0.75, 1.2)),
    "balls": Thing(equipment.balls, (0.8, 0.8, 0.25), (1.2, 1.2, 0.27)),
    "crate": Thing(equipment.crate, (0.5, 0.4, 0.4), (1.1, 0.6, 0.8)),
}
"""Furniture by name; sizes as in catalogues."""
