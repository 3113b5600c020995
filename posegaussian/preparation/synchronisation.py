"""Time offsets between cameras, from the landmarks of a person who moves, or from the cameras' sound.

Landmarks: a landmark that moves lies on the epipolar line of another camera only if both images are of one time. Its
distance from that line is measured for many shifts in time. Errors of the detector and of the calibration that stay the
same over time do not count: of each landmark, the mean over time is taken away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from posegaussian.geometry.lens import SourceCamera

_REACH = 15
"""Largest offset that is looked for, frames: half a second at 30 frames per second. Chosen by hand."""
_STEPS = 3
"""Times that the least cost is looked for among three shifts before a pair is given up. Chosen by hand."""
_LEAST_FRAMES = 12
"""Frames that a pair must share at every shift. Chosen by hand."""
_LEAST_VISIBILITY = 0.5
"""Landmarks are used where both cameras see them with this visibility (MediaPipe's usual threshold)."""
_CLIP = 4.0
"""Distances beyond this times their median size are clipped. Chosen by hand."""
_INDEPENDENT = 4
"""Landmarks of a frame whose errors count as independent, of 33: limbs move together. Chosen by hand."""
_DISTINCT = 0.7
"""The least cost lies below this share of the median of all shifts, or it is noise. Chosen by hand."""
_CERTAIN = 0.2
"""Largest standard deviation of a pair's offset, frames. At 0.3, of 27 cameras that film people 152 to 162 of `val` for
two seconds one was 1.2 frames off; at 0.2, of 24 the worst is 0.4 (`benchmarks/cameras.py offsets`)."""
_CONTRADICTION = 0.5
"""Offsets of pairs are left out that differ from those of all pairs together by more, frames. Chosen by hand."""
_SHARPEST = 0.02
"""Least standard deviation of a pair's offset, frames, so that no pair decides alone. Chosen by hand."""
_DRIFT = 4.0, 0.5
"""Offsets of both halves that differ by so many standard deviations, and by so many frames, drift. Chosen by hand."""

Trajectory = Float[np.ndarray, "frames landmarks 3"]
"""x, y (pixels, centres at +0.5) and visibility of landmarks in frames of one camera; visibility 0 where unseen."""


@dataclass(frozen=True)
class Offset:
    """How late a camera is against the reference camera."""

    frames: float  # its frame `n + frames` is of the time of the reference's frame `n`
    deviation: float  # standard deviation of `frames`, about
    # change of the offset from the first half to the second, frames; None where it is constant
    drift: float | None = None

    @property
    def whole(self) -> int:
        """The nearest whole number of frames."""
        return round(self.frames)

    def line(self) -> str:
        """A few words about it."""
        if self.drift is not None:
            return f"drifts: {self.frames:+.1f} frames on average, {self.drift:+.1f} from the first to the second half"
        late = "late" if self.frames > 0 else "early"
        return f"{abs(self.frames):.2f} frames {late} (± {self.deviation:.2f})"


@dataclass(frozen=True)
class _PairOffset:
    offset: float
    deviation: float


def landmark_offsets(
    trajectories: Mapping[str, Trajectory], cameras: Mapping[str, SourceCamera]
) -> dict[str, Offset | None]:
    """How late each camera is against the first one; None where the motion does not determine it.

    A person who stands still, or moves along the epipolar lines only, gives no answer.

    Args:
        trajectories: by camera, of the same frames, at equal steps in time.
        cameras: by name.
    """
    names = list(trajectories)
    rays = {
        name: (_rays(points, cameras[name]), points[..., 2] >= _LEAST_VISIBILITY)
        for name, points in trajectories.items()
    }

    def measured(part: slice) -> dict[str, _PairOffset | None]:
        pairs = {}
        for a, b in combinations(names, 2):
            found = _pair_offset(
                (rays[a][0][part], rays[b][0][part]), (rays[a][1][part], rays[b][1][part]), (cameras[a], cameras[b])
            )
            if found is not None:
                pairs[a, b] = found
        return _joined(names, pairs)

    count = len(next(iter(trajectories.values())))
    return _with_drift(measured, count)


def _with_drift(measured: Callable[[slice], Mapping[str, _PairOffset | None]], count: int) -> dict[str, Offset | None]:
    """Offsets over all of the time, and their change between both halves where it is certain."""
    whole, halves = measured(slice(0, count)), [measured(slice(0, count // 2)), measured(slice(count // 2, count))]
    result: dict[str, Offset | None] = {}
    for name, found in whole.items():
        if found is None:
            result[name] = None
            continue
        early, late = (half[name] for half in halves)
        drift = None
        if early is not None and late is not None:
            change, deviation = late.offset - early.offset, float(np.hypot(late.deviation, early.deviation))
            drift = change if abs(change) > max(_DRIFT[0] * deviation, _DRIFT[1]) else None
        result[name] = Offset(found.offset, found.deviation, drift)
    return result


def _rays(points: Trajectory, camera: SourceCamera) -> Float[np.ndarray, "frames landmarks 3"]:
    flat = camera.directions(points[..., :2].reshape(-1, 2).astype(float))
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).reshape(*points.shape[:2], 3)


def _pair_offset(
    rays: tuple[np.ndarray, np.ndarray],
    seen: tuple[np.ndarray, np.ndarray],
    cameras: tuple[SourceCamera, SourceCamera],
) -> _PairOffset | None:
    """How late the second camera is against the first, frames; None where the motion does not determine it."""
    normals = np.cross(rays[0], cameras[1].centre - cameras[0].centre)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-12
    normals *= float(cameras[1].intrinsics[0, 0])
    reach = min(_REACH, len(normals) // 4, (len(normals) - _LEAST_FRAMES) // 2)
    if reach < 2:
        return None
    costs, _ = _costs(normals, rays[1], seen, np.arange(-reach, reach + 1))
    best = int(costs.argmin())
    if not 0 < best < 2 * reach or not costs[best] < _DISTINCT * float(np.median(costs)):
        return None
    best -= reach
    for _ in range(_STEPS):  # three shifts share more frames than all of them: twice as many in two seconds
        (low, middle, high), frames = _costs(normals, rays[1], seen, best + np.arange(-1, 2))
        if middle <= min(low, high):
            break
        best += -1 if low < high else 1
    else:
        return None
    motion = (low - 2 * middle + high) / 2  # squared motion across the epipolar lines in a frame
    if not 0 < motion < np.inf:
        return None
    aside = (low - high) / (4 * motion)
    noise = max(middle - motion * aside**2, 0.0)
    deviation = float(np.sqrt(noise / (motion * _INDEPENDENT * frames)))
    return _PairOffset(float(best + aside), deviation) if deviation < _CERTAIN else None


def _costs(
    normals: Float[np.ndarray, "frames landmarks 3"],
    rays: Float[np.ndarray, "frames landmarks 3"],
    seen: tuple[np.ndarray, np.ndarray],
    shifts: Int[np.ndarray, " s"],
) -> tuple[Float[np.ndarray, " s"], int]:
    """Mean squared distance from the epipolar lines at each shift, and the number of frames; infinite without any.

    The same frames of the first camera judge all shifts, or the person's speed in them would decide.
    """
    times = np.arange(max(0, -shifts[0]), len(normals) - max(0, shifts[-1]))
    distances = [
        _from_mean((normals[times] * rays[times + shift]).sum(2), seen[0][times] & seen[1][times + shift])
        for shift in shifts
    ]
    known = [each[np.isfinite(each)] for each in distances]
    clip = _CLIP * min(float(np.median(abs(each))) if len(each) else np.inf for each in known)
    if not 0 < clip < np.inf:
        return np.full(len(shifts), np.inf), 0
    costs = [float(np.mean(np.clip(each, -clip, clip) ** 2)) if len(each) else np.inf for each in known]
    return np.array(costs), int(np.isfinite(distances[len(shifts) // 2]).any(1).sum())


def _from_mean(distances: Float[np.ndarray, "frames landmarks"], known: np.ndarray) -> np.ndarray:
    """Distances less each landmark's mean over time; NaN where a camera does not see it, or in too few frames."""
    known = known & np.isfinite(distances)
    count = known.sum(0)
    mean = np.where(known, distances, 0).sum(0) / np.maximum(count, 1)
    return np.where(known & (count >= _LEAST_FRAMES), distances - mean, np.nan)


def _joined(names: Sequence[str], pairs: Mapping[tuple[str, str], _PairOffset]) -> dict[str, _PairOffset | None]:
    """Offsets against the first camera from those of pairs, without pairs that contradict the others."""
    left = dict(pairs)
    while True:
        found = _solved(names, left)
        off = {}
        for (a, b), pair in left.items():
            first, second = found[a], found[b]
            if first is not None and second is not None:
                off[a, b] = abs(second.offset - first.offset - pair.offset)
        worst = max(off, key=lambda pair: off[pair], default=None)
        if worst is None or off[worst] <= _CONTRADICTION:
            return found
        del left[worst]


def _solved(names: Sequence[str], pairs: Mapping[tuple[str, str], _PairOffset]) -> dict[str, _PairOffset | None]:
    """Offsets against the first camera, in weighted least squares; None where no chain of pairs leads to it."""
    size = len(names)
    left, right = np.zeros((size, size)), np.zeros(size)
    for (a, b), found in pairs.items():
        i, j, weight = names.index(a), names.index(b), 1 / max(found.deviation, _SHARPEST) ** 2
        left[[i, j], [i, j]] += weight
        left[[i, j], [j, i]] -= weight
        right[j] += weight * found.offset
        right[i] -= weight * found.offset
    reached = {names[0]}
    for _ in names:
        reached |= {name for pair in pairs if set(pair) & reached for name in pair}
    known = [i for i, name in enumerate(names) if name in reached and i > 0]
    result: dict[str, _PairOffset | None] = dict.fromkeys(names)
    result[names[0]] = _PairOffset(0.0, 0.0)
    if known:
        inverse = np.linalg.inv(left[np.ix_(known, known)])
        offsets, deviations = inverse @ right[known], np.sqrt(np.diag(inverse))
        for i, offset, deviation in zip(known, offsets, deviations, strict=True):
            result[names[i]] = _PairOffset(float(offset), float(deviation))
    return result
