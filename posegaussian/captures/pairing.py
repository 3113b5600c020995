"""Which cameras of a capture make stereo pairs, and which pair a camera lies between."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.errors import CaptureError
from posegaussian.geometry import rig
from posegaussian.geometry.masks import centroid, is_person

Names = tuple[str, str]
"""The cameras of a pair."""
_WIDEST = 90.0
"""Cameras further apart than this (degrees about the person) are not paired unless the user names them. Chosen by hand:
beyond it, both see less than a third of the surface of a ball that either sees."""


def named_pairs(capture: Capture, pairs: Sequence[tuple[str, ...]]) -> list[Names]:
    """Pairs that the user named, checked.

    Raises:
        CaptureError: a pair does not have two cameras, or names a camera that the capture lacks.
    """
    checked = []
    for pair in pairs:
        if len(pair) != 2:
            raise CaptureError(f"a pair has two cameras, not {','.join(pair)}", code="invalid-pair", file=capture.root)
        for camera in pair:
            if camera not in capture.cameras:
                what = f"a pair names it, but the cameras are {', '.join(capture.cameras)}"
                raise CaptureError(what, code="unknown-camera", file=capture.root, camera=camera)
        checked.append((pair[0], pair[1]))
    return checked


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
