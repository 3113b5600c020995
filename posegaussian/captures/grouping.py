"""Images with a pose each, grouped by the camera that took them."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from posegaussian.captures.calibration import LARGEST, Calibration
from posegaussian.captures.matching import frame_numbers
from posegaussian.captures.poses import Groups, Poses
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.io.images import LazyImage
from posegaussian.names import natural_order

_SEPARATORS = " _.-"
"""What stands between the words of a name."""
_NAMED = 5
"""Images that a message names. Chosen by hand."""
Parts = tuple[str, ...]
"""Folders and name (without suffix) of an image, or what is left of them."""


@dataclass(frozen=True)
class PosedImage:
    """An image as a layout with one pose for each image lists it.

    Args:
        name: path within the capture, with slashes.
        image: the image.
        calibration: of the camera that took it.
        mask: coverage of the person, or None.
        depth: true depth, or None.
        time: when it was taken, in any unit; None where the layout does not say.
    """

    name: str
    image: LazyImage
    calibration: Calibration
    mask: LazyImage | None = None
    depth: LazyImage | None = None
    time: float | None = None

    @property
    def parts(self) -> Parts:
        """Folders and name, without the suffix."""
        return PurePosixPath(self.name).with_suffix("").parts


@dataclass(frozen=True)
class _Grouping:
    """A way to tell cameras and frames apart; one entry for each image.

    Args:
        keys: equal for the images of one camera.
        labels: what the camera is named after.
        numbers: of the frames; None: by the names of each camera's images.
    """

    keys: Sequence[Hashable]
    labels: Sequence[Parts]
    numbers: Sequence[int] | None = None

    def groups(self) -> Groups:
        """Number of the camera of each image, in the order of their first images."""
        order = {key: number for number, key in enumerate(dict.fromkeys(self.keys))}
        return np.array([order[key] for key in self.keys])


def group_by_camera(images: Sequence[PosedImage]) -> dict[str, dict[int, PosedImage]]:
    """Images by camera and frame.

    The images of a camera share a pose. Where those of each folder do, each folder is a camera; else a number in the
    names is that of the frame, and what is left of a name is the camera's (`images/a_0001.png`, `0001/a.png`); else
    times, or equal numbers of images, tell the frames of each pose apart. Otherwise every image is frame 0 of a camera
    of its own. A camera that moves keeps its images: `poses.mean_pose` says how far they are from one pose.

    Raises:
        CaptureError: cameras cannot be told apart by their names, or two images are of one camera and frame.
        CalibrationError: a pose holds a number that is not finite, or the only camera moves.
    """
    if not images:
        return {}
    for posed in images:
        values = np.column_stack([posed.calibration.rotation, posed.calibration.translation])
        if not (abs(values) <= LARGEST).all():  # nor is NaN
            what = f"the pose of {posed.name} holds a number that is not finite, or beyond {LARGEST:.0g}"
            raise CalibrationError(what, code="not-finite", file=posed.calibration.file)
    grouping = _choose(images, Poses([posed.calibration for posed in images]))
    groups = grouping.groups()
    members = [np.flatnonzero(groups == group).tolist() for group in range(groups.max() + 1)]
    names = camera_names([grouping.labels[indices[0]] for indices in members], images[0].calibration.file)
    cameras = {}
    for name, indices in zip(names, members, strict=True):
        mine = [images[index] for index in indices]
        numbers = _numbers(mine) if grouping.numbers is None else [grouping.numbers[index] for index in indices]
        cameras[name] = dict(zip(numbers, mine, strict=True))
        if len(cameras[name]) < len(mine):
            double = next(number for number in numbers if numbers.count(number) > 1)
            same = ", ".join(posed.name for number, posed in zip(numbers, mine, strict=True) if number == double)
            what = f"several images are of one camera and frame ({same})"
            raise CaptureError(what, code="repeated-frame", file=mine[0].calibration.file, camera=name, frame=double)
    return _by_time(cameras)


def camera_names(labels: Sequence[Parts], file: Path) -> list[str]:
    """The shortest ends of their paths that differ; blanks and commas, which the sheet reserves, become _.

    Args:
        labels: path of each camera.
        file: that lists them, for the message.

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


def _choose(images: Sequence[PosedImage], poses: Poses) -> _Grouping:
    """The first grouping in which every camera stands still, else one that shows which cameras move."""
    groupings = [(grouping, grouping.groups()) for grouping in (*_by_folder(images), *_by_number(images))]
    still = [poses.are_still(groups) for _, groups in groupings]
    for (grouping, groups), found in zip(groupings, still, strict=True):
        if found.all() and poses.differ(groups):
            return grouping
    for (grouping, _), found in zip(groupings, still, strict=True):
        if found.all() and grouping.numbers is None:
            return grouping  # folders are cameras, though two of them share a pose
    clusters = poses.cluster()
    if by_pose := _by_pose(images, clusters):
        return by_pose
    for (grouping, groups), found in zip(groupings, still, strict=True):
        if (found & (np.bincount(groups) > 1)).any():
            return grouping  # some cameras stand still and others move
    order = sorted(range(len(images)), key=lambda index: natural_order(images[index].name))
    for grouping, groups in groupings:
        if poses.are_tracks(groups, order):
            return grouping
    return _one_each(images, clusters)


def _by_folder(images: Sequence[PosedImage]) -> Iterator[_Grouping]:
    """Each folder is a camera, if there are several; beside them, images that differ in their numbers alone are."""
    folders = [posed.parts[:-1] for posed in images]
    if len(set(folders)) > 1:
        beside = {posed.parts[-1]: _without_number(posed.parts[-1]) for posed in images if len(posed.parts) == 1}
        shared = Counter(beside.values())
        names = {stem: short if shared[short] > 1 and short else stem for stem, short in beside.items()}
        keys = [folder or (names[posed.parts[-1]],) for folder, posed in zip(folders, images, strict=True)]
        yield _Grouping(keys, keys)


def _without_number(stem: str) -> str:
    return re.sub(r"[0-9]+(?=[^0-9]*$)", "", stem).strip(_SEPARATORS)


def _by_number(images: Sequence[PosedImage]) -> Iterator[_Grouping]:
    """One of the numbers in the images' paths is that of the frame; counted from the end of the path."""
    paths = ["/".join(posed.parts) for posed in images]
    found = [list(re.finditer(r"[0-9]{1,18}", path)) for path in paths]
    for position in range(1, min(map(len, found)) + 1):
        numbers = [matches[-position] for matches in found]
        keys = [(path[: n.start()], path[n.end() :]) for path, n in zip(paths, numbers, strict=True)]
        yield _Grouping(keys, [_without(*key) for key in keys], [int(number[0]) for number in numbers])


def _without(before: str, after: str) -> Parts:
    """A path without a number, by what stands before and after it; separators around the number become one _."""
    *folders, start = before.split("/")
    end, *rest = after.split("/")
    middle = "_".join(filter(None, (start.rstrip(_SEPARATORS), end.lstrip(_SEPARATORS))))
    return tuple(filter(None, (*folders, middle, *rest)))


def _by_pose(images: Sequence[PosedImage], clusters: Groups) -> _Grouping | None:
    """Each pose is a camera, where times or equal numbers of images in one folder tell its frames apart."""
    sizes = np.bincount(clusters)
    if len(sizes) < 2 or sizes.min() < 2:
        return None
    times = [posed.time for posed in images if posed.time is not None]
    members = [np.flatnonzero(clusters == cluster).tolist() for cluster in range(len(sizes))]
    moments = sorted(set(times))
    if len(times) == len(images) and len(moments) > 1:
        if any(sorted(times[index] for index in indices) != moments for indices in members):
            return None
        ranks = {time: rank for rank, time in enumerate(moments)}
        numbers, how = [ranks[time] for time in times], "by their times"
    elif sizes.min() == sizes.max() and len({posed.parts[:-1] for posed in images}) == 1:
        numbers, how = [0] * len(images), "in the order of their names"
        for indices in members:
            ordered = sorted(indices, key=lambda index: natural_order(images[index].name))
            for number, index in enumerate(ordered):
                numbers[index] = number
    else:
        return None
    warn(
        f"neither folders nor names say which images are of one camera: {len(images)} images have {len(sizes)} poses, "
        f"and are taken for the frames of as many cameras, {how}",
        code="cameras-by-pose",
        file=images[0].calibration.file,
    )
    return _Grouping(clusters.tolist(), [images[members[cluster][0]].parts for cluster in clusters], numbers)


def _one_each(images: Sequence[PosedImage], clusters: Groups) -> _Grouping:
    """Every image is a camera of its own."""
    file = images[0].calibration.file
    if len({posed.time for posed in images}) > 1:
        what = "the images have different times and poses: moving cameras are not supported"
        raise CalibrationError(what, code="moving-camera", file=file, hint="give images of cameras that stand still")
    doubles = np.flatnonzero(np.bincount(clusters) > 1)
    if len(doubles):
        same = ", ".join(images[index].name for index in np.flatnonzero(clusters == doubles[0])[:_NAMED])
        what = f"some images share a pose ({same}), but each is taken for a camera of its own"
        hint = "if they are frames of one camera, put those of each camera into a folder"
        warn(what, code="shared-pose", file=file, hint=hint)
    keys = [posed.parts for posed in images]
    return _Grouping(keys, keys, [0] * len(images))


def _numbers(images: Sequence[PosedImage]) -> list[int]:
    """Frames by the numbers in the images' names, or by their order where these are not unique."""
    stems = [posed.parts[-1] for posed in images]
    found = frame_numbers(stems)
    if len(set(found.values())) == len(set(stems)):
        return [found[stem] for stem in stems]
    order = sorted(set(stems), key=natural_order)
    return [order.index(stem) for stem in stems]


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
