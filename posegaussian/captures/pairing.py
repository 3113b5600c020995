"""Which cameras of a capture make stereo pairs, and which pair a camera lies between."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.matching import check_known
from posegaussian.errors import CaptureError, warn
from posegaussian.geometry import rig
from posegaussian.geometry.masks import centroid, is_person

Names = tuple[str, str]
"""The cameras of a pair."""
_WIDEST = 90.0
"""Cameras further apart than this (degrees about the person) are not paired unless the user names them. Chosen by hand:
beyond it, both cameras see less than a third of what either one sees of a sphere."""


def named_pairs(capture: Capture, pairs: Sequence[tuple[str, ...]]) -> list[Names]:
    """Pairs that the user named, checked.

    Raises:
        CaptureError: a pair does not have two different cameras, or names a camera that the capture lacks.
    """
    checked = []
    for pair in pairs:
        if len(pair) != 2:
            raise CaptureError(f"a pair has two cameras, not {','.join(pair)}", code="invalid-pair", file=capture.root)
        check_known(pair, capture.cameras, capture.root)
        if pair[0] == pair[1]:
            what = f"the pair {','.join(pair)} names one camera twice"
            raise CaptureError(what, code="invalid-pair", file=capture.root, camera=pair[0])
        checked.append((pair[0], pair[1]))
    return checked


def chosen_sources(capture: Capture, named: Names) -> Names:
    """Two cameras that the user gave, each by its name or by its place among the sources, counted from 0.

    Where a number could be either, both are taken alike: as names if both are names, or else as places, with a warning.
    Of the cameras 1, 2 and 3, the numbers 0 and 1 are the first two.

    Raises:
        CaptureError: there is no such camera, a number can be read in two ways, or both cameras are the same.
    """
    places = {
        name: capture.sources[int(name)] for name in named if name.isdecimal() and int(name) < len(capture.sources)
    }
    known = [name for name in named if name in capture.cameras]
    found = named
    if len(known) < 2 and len(places) == len(set(named)):
        found = places[named[0]], places[named[1]]
        if any(places[name] != name for name in known):
            what = f"--source {' '.join(named)} are not both names of cameras ({', '.join(capture.cameras)}): "
            what += f"taken as places from 0, which are the cameras {' and '.join(found)}"
            warn(what, code="places-not-names", file=capture.root)
    elif len(known) < 2:
        usable = {} if any(name.isdecimal() for name in known) else places
        check_known([name for name in named if name not in usable], capture.cameras, capture.root)
        found = usable.get(named[0], named[0]), usable.get(named[1], named[1])
    if found[0] == found[1]:
        raise CaptureError("both --source name this camera", code="repeated-camera", file=capture.root, camera=found[0])
    return found


def neighbouring_pairs(capture: Capture, frame: int) -> list[Names]:
    """Pairs of source cameras that are neighbours as seen from the person of a frame.

    Raises:
        CaptureError: there are none.
    """
    sources = capture.sources
    if len(sources) < 2:
        raise CaptureError("a pair needs two source cameras", code="too-few-sources", file=capture.root)
    angles = rig.view_angles(person_centre(capture, sources, frame), _centres(capture, sources))
    pairs = [(sources[a], sources[b]) for a, b in rig.neighbours(angles, _WIDEST)]
    if not pairs:
        what = f"no two source cameras stand within {_WIDEST:.0f} degrees"
        raise CaptureError(what, code="no-neighbours", file=capture.root, hint="name the pairs")
    return pairs


def pair_around(capture: Capture, camera: str, pairs: Sequence[Names], person: Float[np.ndarray, " 3"]) -> int:
    """Index of the pair that a camera lies between: the one with the smallest summed angle to it at the person.

    Args:
        capture: holds the cameras.
        camera: by name.
        pairs: to choose from.
        person: where the person stands, metres.
    """
    sums = [rig.view_angles(person, _centres(capture, (camera, *pair)))[0].sum() for pair in pairs]
    return int(np.argmin(sums))


def person_centre(capture: Capture, cameras: Sequence[str], frame: int) -> Float[np.ndarray, " 3"]:
    """World point nearest to the rays through the centroids of the masks, metres: where the person stands."""
    centroids = [centroid(is_person(capture.mask(camera, frame))) for camera in cameras]
    return rig.triangulate([capture.cameras[camera] for camera in cameras], np.stack(centroids))


def _centres(capture: Capture, cameras: Sequence[str]) -> Float[np.ndarray, "n 3"]:
    return np.stack([capture.cameras[camera].centre for camera in cameras])
