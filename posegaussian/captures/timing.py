"""Cameras that are not synchronised, found by the masks of several frames."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.geometry.masks import centroid, is_person
from posegaussian.geometry.rig import triangulate

_FRAMES = 7
"""Consecutive frames that are compared: three that every camera shows, and two to shift by on either side."""
_SHIFTS = (-2, -1, 1, 2)
"""Offsets that are tried, frames."""
_BETTER = 0.4
"""A camera is reported when the offset lowers its error to less than this share. Chosen by hand."""
_LEAST_ERROR = 2.0
"""Errors below this, pixels, are within the noise of a mask's centroid. Chosen by hand."""


def timing_problems(capture: Capture, frame: int) -> list[str]:
    """One sentence about the camera whose masks fit the others' much better some frames earlier or later, if any.

    Args:
        capture: with masks; captures of less than three cameras or seven frames are not checked.
        frame: the first frame that is compared, if as many follow it.
    """
    if len(capture.cameras) < 3 or len(capture.frames) < _FRAMES:
        return []
    first = min(capture.frames.index(frame), len(capture.frames) - _FRAMES)
    frames = capture.frames[first : first + _FRAMES]
    centroids = {
        (camera, number): centroid(is_person(capture.mask(camera, number)))
        for camera in capture.cameras
        for number in frames
    }
    errors = {
        (camera, shift): _reprojection_error(capture, camera, shift, frames, centroids)
        for camera in capture.cameras
        for shift in (0, *_SHIFTS)
    }
    # One late camera raises the errors of the others as well, but less: the smallest error names it.
    camera, shift = min(errors, key=lambda key: errors[key])
    if errors[camera, shift] >= _BETTER * errors[camera, 0] or errors[camera, 0] <= _LEAST_ERROR:
        return []
    way = "late" if shift > 0 else "early"
    return [f"camera {camera} looks {abs(shift)} of these frames {way}: then its masks fit the others' better"]


def _reprojection_error(
    capture: Capture,
    camera: str,
    shift: int,
    frames: tuple[int, ...],
    centroids: Mapping[tuple[str, int], Float[np.ndarray, " 2"]],
) -> float:
    """Mean distance, pixels, from the centroid of a camera's masks, shifted in time, to the person of the others."""
    others, reach = [name for name in capture.cameras if name != camera], max(map(abs, _SHIFTS))
    errors = []
    for index in range(reach, len(frames) - reach):
        seen = np.stack([centroids[name, frames[index]] for name in others])
        person = triangulate([capture.cameras[name] for name in others], seen)
        pixel = capture.cameras[camera].project(person[None])
        errors.append(float(np.linalg.norm(pixel - centroids[camera, frames[index + shift]])))
    return float(np.mean(errors))
