"""Frames of several videos that were taken at the same time, by their time stamps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from posegaussian.counts import counted
from posegaussian.errors import CaptureError, warn
from posegaussian.io.images import LazyImage
from posegaussian.io.video import VideoFrame, count_gaps

_HALF = 0.5
"""Frames of the same time are nearer to each other than this many intervals: else another frame would be nearer."""
_SLACK = 2e-3
"""Rounding of time stamps, seconds: containers count in steps of 1 ms (Matroska) or finer."""
_SAME_RATE = 0.01
"""Rates that differ by less, as a share, are equal: 29.97 and 30 frames per second do."""

Times = Mapping[str, Float64[np.ndarray, " _"]]
"""Time stamps of each camera's frames, seconds after its first one."""


@dataclass(frozen=True)
class Pairing:
    """Frames of the same time."""

    reference: str  # the camera whose frame numbers count: the one of the lowest rate, with the fewest gaps
    numbers: Int64[np.ndarray, " common"]  # its frames that every camera has a partner of
    indices: Mapping[str, Int64[np.ndarray, " common"]]  # of those partners, by camera, as long as `numbers`
    apart: float  # largest difference between the time stamps of partners, seconds


def pair_frames(times: Times) -> Pairing | None:
    """Frames of the same time; None where frames of the same number are, or where there are no time stamps.

    The videos' first frames count as taken at the same time.
    """
    steps = {camera: np.diff(stamps) for camera, stamps in times.items()}
    intervals = {camera: float(np.median(step)) if len(step) else 0.0 for camera, step in steps.items()}
    if min(intervals.values()) <= 0:
        return None
    count, slowest = min(map(len, times.values())), max(intervals.values())
    first = np.stack([stamps[:count] for stamps in times.values()])
    if np.ptp(first, axis=0).max() <= _HALF * slowest:
        return None
    slow = [camera for camera, interval in intervals.items() if interval > (1 - _SAME_RATE) * slowest]
    reference = min(slow, key=lambda camera: count_gaps(steps[camera]))
    indices = {camera: _nearest(times[reference], stamps) for camera, stamps in times.items()}
    off = {camera: abs(times[camera][found] - times[reference]) for camera, found in indices.items()}
    near = np.all([off[camera] <= _HALF * intervals[camera] + _SLACK for camera in times], axis=0)
    return Pairing(
        reference,
        np.flatnonzero(near),
        {camera: found[near] for camera, found in indices.items()},
        max(float(each[near].max()) for each in off.values()),  # the first frames are always near
    )


def _nearest(
    wanted: Float64[np.ndarray, " wanted"], stamps: Float64[np.ndarray, " frames"]
) -> Int64[np.ndarray, " wanted"]:
    """Index of the nearest time stamp to each wanted one."""
    after = np.clip(np.searchsorted(stamps, wanted), 1, len(stamps) - 1)
    return after - (wanted - stamps[after - 1] <= stamps[after] - wanted)


def paired_by_time(videos: Mapping[str, Path], times: Times, folder: Path) -> dict[str, dict[int, LazyImage]] | None:
    """Frames of the same time by camera and number, with a warning; None where the frames' numbers say it already.

    A frame's number is that of the reference camera's video (see `Pairing`); `VideoFrame.index` is that of its own.

    Raises:
        CaptureError: only the first frames are of the same time.
    """
    found = pair_frames(times)
    if found is None:
        return None
    facts = "; ".join(f"{camera}: {_described(stamps)}" for camera, stamps in times.items())
    what = f"the videos differ in their frame rates or lack frames ({facts})"
    if len(found.numbers) < 2:
        what += ", and none but the first frames are of the same time"
        hint = "give videos that start at the same time and have the same rate"
        raise CaptureError(what, code="no-common-frames", file=folder, hint=hint)
    warn(
        f"{what}: frames are paired by their time stamps, up to {1000 * found.apart:.0f} ms apart; "
        f"{len(found.numbers)} of {len(times[found.reference])} frames of {found.reference} have partners",
        code="paired-by-time",
        file=folder,
    )
    return {
        camera: {
            int(number): VideoFrame(path, int(index))
            for number, index in zip(found.numbers, found.indices[camera], strict=True)
        }
        for camera, path in videos.items()
    }


def _described(stamps: Float64[np.ndarray, " frames"]) -> str:
    steps = np.diff(stamps)
    gaps = count_gaps(steps)
    lacking = f", {counted(gaps, 'gap')} of up to {steps.max():.2f} s" if gaps else ""
    return f"{counted(len(stamps), 'frame')} at {1 / np.median(steps):.4g} fps{lacking}"
