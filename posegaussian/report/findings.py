"""Where the person stands, and which cameras do not keep time: told from the masks of several frames."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import meeting_point, middle
from posegaussian.geometry import rig
from posegaussian.io.images import is_person

_FRAMES = 7
"""Frames that are looked at for their time."""
_SHIFTS = (-2, -1, 1, 2)
_BETTER = 0.4
"""A camera is out of time when its rays miss the others by this much less at another time."""
_SEEN = 2.0
"""Misses below this many pixels are no sign of anything."""


def middle_of(capture: Capture, camera: str, frame: int) -> Float[np.ndarray, " 2"]:
    """The middle of a camera's mask, in pixels."""
    return middle(is_person(capture.mask(camera, frame)))


def angle_between(capture: Capture, point: Float[np.ndarray, " 3"], first: str, second: str) -> float:
    """Degrees between two cameras, seen from a point."""
    return float(rig.angles(point, np.stack([capture.cameras[name].centre for name in (first, second)]))[0, 1])


def out_of_time(capture: Capture, frame: int) -> list[str]:
    """The camera whose masks fit those of the others much better some frames earlier or later, in a plain sentence."""
    if len(capture.cameras) < 3 or len(capture.frames) < _FRAMES:
        return []
    first = min(capture.frames.index(frame), len(capture.frames) - _FRAMES)
    times = capture.frames[first : first + _FRAMES]
    middles = {(name, time): middle_of(capture, name, time) for name in capture.cameras for time in times}
    misses = {
        (name, shift): _miss(capture, name, shift, times, middles)
        for name in capture.cameras
        for shift in (0, *_SHIFTS)
    }
    late, best = min(misses, key=lambda key: misses[key])  # one camera out of time makes the others look so, but less
    if misses[late, best] >= _BETTER * misses[late, 0] or misses[late, 0] <= _SEEN:
        return []
    way = "late" if best > 0 else "early"
    return [f"camera {late} looks {abs(best)} of these frames {way}: then its masks fit the others' better"]


def _miss(
    capture: Capture,
    late: str,
    shift: int,
    times: tuple[int, ...],
    middles: Mapping[tuple[str, int], Float[np.ndarray, " 2"]],
) -> float:
    """How far the person of the other cameras lies beside a camera's masks of another time, pixels."""
    camera, reach = capture.cameras[late], max(map(abs, _SHIFTS))
    values = []
    for index in range(reach, len(times) - reach):
        others = {name: middles[name, times[index]] for name in capture.cameras if name != late}
        seen = camera.project(meeting_point(capture.cameras, others)[None])
        values.append(float(np.linalg.norm(seen - middles[late, times[index + shift]])))
    return float(np.mean(values))
