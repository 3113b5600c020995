"""How images with a pose each are arranged: which folders, numbers, times or poses tell cameras and frames apart."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np

from posegaussian.captures.calibration import Calibration
from posegaussian.captures.matching import frame_numbers
from posegaussian.captures.poses import Groups, Poses
from posegaussian.errors import CalibrationError, warn
from posegaussian.io.images import LazyImage
from posegaussian.names import natural_order

_SEPARATORS = " _.-"
"""What stands between the words of a name."""
_APART = 5.0
"""Cameras are distinguished by their poses alone if these differ by so many times the noise. Chosen by hand."""
_SERIES = re.compile(r"(frame|img|image|dsc|mov|vid)[^a-z]*[0-9]+", re.IGNORECASE)
"""Names that phones and programs give to images of one camera, one after the other."""
_MOST_IN_SERIES = 32
"""Most images of a series with a pose each that may be fixed cameras: studios have up to about so many, and one round
with a camera in the hand more. Chosen by hand."""
_NAMED = 5
"""Images that a message names. Chosen by hand."""
Parts = tuple[str, ...]
"""Folders and name (without suffix) of an image, or what is left of them."""


@dataclass(frozen=True)
class PosedImage:
    """An image as a layout with one pose for each image lists it."""

    name: str  # path within the capture, with slashes
    image: LazyImage
    calibration: Calibration  # of the camera that took it
    mask: LazyImage | None = None  # coverage of the person, or None
    depth: LazyImage | None = None  # true depth, or None
    time: float | None = None  # when it was taken, in any unit; None where the layout does not say

    @cached_property
    def parts(self) -> Parts:
        """Folders and name, without the suffix."""
        return PurePosixPath(self.name).with_suffix("").parts


@dataclass(frozen=True)
class Arrangement:
    """A way to tell cameras and frames apart; one entry for each image."""

    keys: Sequence[Hashable]  # equal for the images of one camera
    labels: Sequence[Parts]  # what the camera is named after
    numbers: Sequence[int] | None = None  # of the frames; None: by the names of each camera's images

    def groups(self) -> Groups:
        """Number of the camera of each image, in the order of their first images."""
        order = {key: number for number, key in enumerate(dict.fromkeys(self.keys))}
        return np.array([order[key] for key in self.keys])


def arrange(images: Sequence[PosedImage], poses: Poses) -> Arrangement:
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
    if poses.differ(clusters, _APART) and (by_pose := _by_pose(images, clusters)):
        return by_pose
    for (grouping, groups), found in zip(groupings, still, strict=True):
        if (found & (np.bincount(groups) > 1)).any():
            return grouping  # some cameras stand still and others move
    order = sorted(range(len(images)), key=lambda index: natural_order(images[index].name))
    sequences = [(grouping, groups) for grouping, groups in groupings if _are_sequences(images, grouping, groups)]
    for grouping, groups in groupings:
        if poses.are_tracks(groups, order):
            return grouping
    for grouping, groups in sequences:
        if _have_lenses_of_their_own(images, groups):
            return grouping
    if _are_a_series(images) and len(images) > _MOST_IN_SERIES and poses.follow_each_other(order):
        what = f"{len(images)} images ({images[order[0]].name}, ...) have poses that follow each other like those of "
        what += "one camera in motion: moving cameras are not supported"
        hint = "give images of cameras that stand still; where these are fixed cameras, name the images after them"
        raise CalibrationError(what, code="moving-camera", file=images[0].calibration.file, hint=hint)
    return _one_each(images, clusters, sequences[0][0] if sequences else None)


def _are_a_series(images: Sequence[PosedImage]) -> bool:
    """Whether images in one folder are named as those of one camera are."""
    one_folder = len({posed.parts[:-1] for posed in images}) == 1
    return one_folder and all(_SERIES.fullmatch(posed.parts[-1]) for posed in images)


def _are_sequences(images: Sequence[PosedImage], grouping: Arrangement, groups: Groups) -> bool:
    """Whether there are several groups of several images, numbered alike, as the frames of several cameras are."""
    numbers: dict[int, set[int]] = {group: set() for group in range(groups.max() + 1)}
    found = frame_numbers({posed.parts[-1] for posed in images}) if grouping.numbers is None else {}
    for index, group in enumerate(groups.tolist()):
        stem = images[index].parts[-1]
        numbers[group].add(found.get(stem, -1) if grouping.numbers is None else grouping.numbers[index])
    return len(numbers) > 1 and len(numbers[0]) > 1 and all(each == numbers[0] for each in numbers.values())


def _have_lenses_of_their_own(images: Sequence[PosedImage], groups: Groups) -> bool:
    """Whether all images of a group have the same intrinsics, and no two groups have the same."""
    lenses = {
        (group, posed.calibration.matrix.tobytes(), posed.calibration.distortion.tobytes())
        for group, posed in zip(groups.tolist(), images, strict=True)
    }
    count = int(groups.max()) + 1
    return len(lenses) == count == len({(matrix, bent) for _, matrix, bent in lenses})


def _by_folder(images: Sequence[PosedImage]) -> Iterator[Arrangement]:
    """Each folder is a camera, if there are several; beside them, images that differ in their numbers alone are."""
    folders = [posed.parts[:-1] for posed in images]
    if len(set(folders)) > 1:
        beside = {posed.parts[-1]: _without_number(posed.parts[-1]) for posed in images if len(posed.parts) == 1}
        shared = Counter(beside.values())
        names = {stem: short if shared[short] > 1 and short else stem for stem, short in beside.items()}
        keys = [folder or (names[posed.parts[-1]],) for folder, posed in zip(folders, images, strict=True)]
        yield Arrangement(keys, keys)


def _without_number(stem: str) -> str:
    return re.sub(r"[0-9]+(?=[^0-9]*$)", "", stem).strip(_SEPARATORS)


def _by_number(images: Sequence[PosedImage]) -> Iterator[Arrangement]:
    """One of the numbers in the images' paths is that of the frame; counted from the end of the path."""
    paths = ["/".join(posed.parts) for posed in images]
    found = [list(re.finditer(r"[0-9]{1,18}", path)) for path in paths]
    for position in range(1, min(map(len, found)) + 1):
        numbers = [matches[-position] for matches in found]
        keys = [(path[: n.start()], path[n.end() :]) for path, n in zip(paths, numbers, strict=True)]
        yield Arrangement(keys, [_without(*key) for key in keys], [int(number[0]) for number in numbers])


def _without(before: str, after: str) -> Parts:
    """A path without a number, by what stands before and after it; separators around the number become one _."""
    *folders, start = before.split("/")
    end, *rest = after.split("/")
    middle = "_".join(filter(None, (start.rstrip(_SEPARATORS), end.lstrip(_SEPARATORS))))
    return tuple(filter(None, (*folders, middle, *rest)))


def _by_pose(images: Sequence[PosedImage], clusters: Groups) -> Arrangement | None:
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
    return Arrangement(clusters.tolist(), [images[members[cluster][0]].parts for cluster in clusters], numbers)


def _one_each(images: Sequence[PosedImage], clusters: Groups, sequences: Arrangement | None) -> Arrangement:
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
    elif sequences:
        names = list(dict.fromkeys("/".join(label) for label in sequences.labels))
        what = (
            f"every image has a pose of its own, and is taken for a camera of its own; if {', '.join(names[:_NAMED])}"
        )
        what += " are cameras that move: they are not supported"
        warn(what, code="numbered-cameras", file=file)
    elif len(images) > 2 and _are_a_series(images):
        what = (
            f"every image ({images[0].name}, ...) has a pose of its own, and is taken for a camera of its own, all at "
        )
        what += "one moment; frames of a camera that moves are not supported"
        warn(what, code="numbered-cameras", file=file)
    keys = [posed.parts for posed in images]
    return Arrangement(keys, keys, [0] * len(images))
