"""Cameras that lie between two others: held out in turn, they show how well a rig can be rendered from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from posegaussian.captures.pairing import Names
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import view_angles

_DETOUR = 1.25
"""A camera lies between two others if the way from one to the other over it is at most this many times as long as the
direct one, in angles about the person. Chosen by hand: half way between two cameras 40 degrees apart it allows 15
degrees above or below them."""
_NEAREST = 0.1
"""It is no nearer to either one than this share of the angle between them: else the nearer one shows nearly the same.
Chosen by hand."""
STEP = 15.0
"""Of the pairs around a camera, one in each range of so many degrees is measured. Chosen by hand: the error of wide
pairs grows by about 1 dB in each (docs/results/quality.md)."""


@dataclass(frozen=True)
class Triple:
    """A pair of cameras and one between them, with angles about the person in degrees."""

    pair: Names  # the sources
    camera: str  # the held-out one
    angle: float  # between the sources
    nearest: float  # between the held-out camera and the nearer source

    @property
    def cameras(self) -> tuple[str, str, str]:
        """All three: the sources, then the held-out one."""
        return (*self.pair, self.camera)

    @property
    def name(self) -> str:
        """For files and rows of tables."""
        return f"{self.pair[0]}-{self.pair[1]}_{self.camera}"


def find_triples(cameras: Mapping[str, SourceCamera], person: Float[np.ndarray, " 3"], widest: float) -> list[Triple]:
    """For each camera that lies between two others, the pairs around it: in each range of 15 degrees the narrowest one.

    Args:
        cameras: by name.
        person: where the person stands, metres.
        widest: pairs further apart than this, degrees, are left out.

    Returns:
        in the order of the held-out cameras, the narrowest pairs first.
    """
    names = list(cameras)
    angles = view_angles(person, np.stack([cameras[name].centre for name in names]))
    found: list[Triple] = []
    for held_out, name in enumerate(names):
        chosen: dict[int, Triple] = {}
        for a, b in combinations([i for i in range(len(names)) if i != held_out], 2):
            near, far = sorted((float(angles[a, held_out]), float(angles[b, held_out])))
            across = float(angles[a, b])
            if across > widest or near + far > _DETOUR * across or near < _NEAREST * across:
                continue
            triple, place = Triple((names[a], names[b]), name, across, near), int(across // STEP)
            if place not in chosen or _order(triple) < _order(chosen[place]):
                chosen[place] = triple
        found += sorted(chosen.values(), key=_order)
    return found


def _order(triple: Triple) -> tuple[float, Names]:
    return triple.angle, triple.pair


def narrowest(triples: Sequence[Triple]) -> list[Triple]:
    """Of each held-out camera, the triple with the narrowest pair."""
    found: dict[str, Triple] = {}
    for triple in triples:
        if triple.camera not in found or _order(triple) < _order(found[triple.camera]):
            found[triple.camera] = triple
    return list(found.values())


def widest_gap(cameras: Mapping[str, SourceCamera], person: Float[np.ndarray, " 3"]) -> float:
    """Largest angle about the person, in the plane of the cameras, in which no camera stands; degrees.

    A ring of eight cameras has gaps of 45 degrees; cameras that all look from one side leave 180 or more, and one 360.
    """
    rays = np.stack([camera.centre for camera in cameras.values()]) - person
    up = -np.mean([camera.rotation[1] for camera in cameras.values()], axis=0)
    across = np.linalg.svd(up[None] / np.linalg.norm(up))[2][1:]  # two directions at right angles to up
    around = np.sort(np.degrees(np.arctan2(rays @ across[1], rays @ across[0])))
    return float(np.diff(np.append(around, around[0] + 360)).max())
