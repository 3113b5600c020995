"""Images with a pose each, grouped by the camera that took them."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posegaussian.captures.arrangement import Parts, PosedImage, arrange
from posegaussian.captures.calibration import LARGEST
from posegaussian.captures.matching import frame_numbers
from posegaussian.captures.poses import Poses
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.names import natural_order


def group_by_camera(images: Sequence[PosedImage]) -> dict[str, dict[int, PosedImage]]:
    """Images by camera and frame.

    The images of a camera share a pose. Where those of each folder do, each folder is a camera; else a number in the
    names is that of the frame, and what is left of a name is the camera's (`images/a_0001.png`, `0001/a.png`); else
    times, or equal numbers of images, tell the frames of each pose apart. Otherwise every image is frame 0 of a camera
    of its own. A camera that moves keeps its images: `poses.mean_pose` says how far they are from one pose.

    Raises:
        CaptureError: cameras cannot be distinguished by their names, or two images are of one camera and frame.
        CalibrationError: a pose holds a number that is not finite, or the only camera moves.
    """
    if not images:
        return {}
    for posed in images:
        values = np.column_stack([posed.calibration.rotation, posed.calibration.translation])
        if not (abs(values) <= LARGEST).all():  # false for NaN, too
            what = f"the pose of {posed.name} holds a number that is not finite, or beyond {LARGEST:.0g}"
            raise CalibrationError(what, code="not-finite", file=posed.calibration.file)
    arrangement = arrange(images, Poses([posed.calibration for posed in images]))
    groups = arrangement.groups()
    members = [np.flatnonzero(groups == group).tolist() for group in range(groups.max() + 1)]
    names = camera_names([arrangement.labels[indices[0]] for indices in members], images[0].calibration.file)
    cameras = {}
    for name, indices in zip(names, members, strict=True):
        mine = [images[index] for index in indices]
        numbers = _numbers(mine) if arrangement.numbers is None else [arrangement.numbers[index] for index in indices]
        cameras[name] = dict(zip(numbers, mine, strict=True))
        if len(cameras[name]) < len(mine):
            double = next(number for number in numbers if numbers.count(number) > 1)
            same = ", ".join(posed.name for number, posed in zip(numbers, mine, strict=True) if number == double)
            what = f"several images are of one camera and frame ({same})"
            raise CaptureError(what, code="repeated-frame", file=mine[0].calibration.file, camera=name, frame=double)
    return _by_time(cameras)


def camera_names(labels: Sequence[Parts], file: Path) -> list[str]:
    """Names of cameras: the shortest ends of paths that differ; blanks and commas, which the sheet reserves, become _.

    Raises:
        CaptureError: two names would be equal.
    """
    depth = 1
    names = ["_".join(parts[-1:]) for parts in labels]
    while len(set(names)) < len(names) and depth < max(map(len, labels)):
        depth += 1
        names = ["_".join(parts[-depth:]) for parts in labels]
    cleaned = [re.sub(r"[\s,]+", "_", name) or "camera" for name in names]
    paths: dict[str, list[str]] = {}
    for name, parts in zip(cleaned, labels, strict=True):
        paths.setdefault(name, []).append("/".join(parts))
    doubles = [f"{name} ({', '.join(found)})" for name, found in paths.items() if len(found) > 1]
    if doubles:
        what = f"several cameras would have one name: {'; '.join(doubles)}"
        raise CaptureError(what, code="colliding-names", file=file, hint="rename them")
    return cleaned


def _numbers(images: Sequence[PosedImage]) -> list[int]:
    """Frames by the numbers in the images' names, or by their order where these are not unique."""
    stems = [posed.parts[-1] for posed in images]
    found = frame_numbers(stems)
    if len(set(found.values())) == len(set(stems)):
        return [found[stem] for stem in stems]
    order = {stem: number for number, stem in enumerate(sorted(set(stems), key=natural_order))}
    return [order[stem] for stem in stems]


def _by_time(cameras: dict[str, dict[int, PosedImage]]) -> dict[str, dict[int, PosedImage]]:
    """The cameras, with frames numbered by the times of their images where those contradict the names."""
    times = {name: {n: posed.time for n, posed in by_frame.items()} for name, by_frame in cameras.items()}
    known = [set(by_frame.values()) for by_frame in times.values()]
    moments = set().union(*known)
    pairs = {pair for by_frame in times.values() for pair in by_frame.items()}
    agree = len(pairs) == len(moments) == len({number for number, _ in pairs})
    one_clock = len(moments) < sum(map(len, known)) or len(cameras) == 1
    unique = all(len(found) == len(by_frame) for found, by_frame in zip(known, times.values(), strict=True))
    if None in moments or len(moments) < 2 or agree or not one_clock or not unique:
        return cameras
    first = next(iter(next(iter(cameras.values())).values()))
    what = "the numbers in the images' names contradict their times: frames are numbered by time"
    warn(what, code="frames-by-time", file=first.calibration.file)
    ranks = {time: rank for rank, time in enumerate(sorted(moment for moment in moments if moment is not None))}
    return {
        name: {ranks[posed.time]: posed for posed in by_frame.values() if posed.time is not None}
        for name, by_frame in cameras.items()
    }
