"""Images with a pose each, grouped by the camera that took them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from posegaussian.captures.assemble import Calibration
from posegaussian.io.images import LazyImage


@dataclass(frozen=True)
class PosedImage:
    """An image as a layout with one pose for each image lists it.

    Args:
        name: path within the capture.
        image: the image.
        calibration: of the camera that took it.
        mask: coverage of the person, or None.
        depth: true depth, or None.
    """

    name: str
    image: LazyImage
    calibration: Calibration
    mask: LazyImage | None = None
    depth: LazyImage | None = None


def group_by_camera(images: Sequence[PosedImage]) -> dict[str, dict[int, PosedImage]]:
    """Images by camera and frame.

    If there are several folders, and all images of each share a pose, each folder is a camera: it is named like the
    folder, and its frames are numbered by the last digits of the images' names. Otherwise every image is frame 0 of a
    camera of its own.
    """
    folders: dict[str, list[PosedImage]] = {}
    for posed in images:
        folders.setdefault(str(PurePosixPath(posed.name).parent), []).append(posed)
    if len(folders) > 1 and all(map(_share_pose, folders.values())):
        names = _short([PurePosixPath(folder).parts for folder in folders])
        return {name: _numbered(found) for name, found in zip(names, folders.values(), strict=True)}
    names = _short([PurePosixPath(posed.name).with_suffix("").parts for posed in images])
    return {name: {0: posed} for name, posed in zip(names, images, strict=True)}


def masks_and_depths(cameras: Mapping[str, Mapping[int, PosedImage]]) -> tuple[dict, dict]:
    """Masks, and depths, by camera and frame, of the cameras that have them in any frame."""
    kinds = []
    for kind in ("mask", "depth"):
        found = {
            camera: {frame: getattr(posed, kind) for frame, posed in by_frame.items() if getattr(posed, kind)}
            for camera, by_frame in cameras.items()
        }
        kinds.append({camera: by_frame for camera, by_frame in found.items() if by_frame})
    return kinds[0], kinds[1]


def _share_pose(images: Sequence[PosedImage]) -> bool:
    """Whether all poses are equal, to the rounding of a file."""
    poses = [np.column_stack([posed.calibration.rotation, posed.calibration.translation]) for posed in images]
    return all(np.allclose(pose, poses[0], atol=1e-6) for pose in poses)


def _short(names: Sequence[tuple[str, ...]]) -> list[str]:
    """The shortest ends of paths that differ, joined by _; blanks and commas, which the sheet reserves, become _."""
    kept = [parts[-1] for parts in names]
    depth = 1
    while len(set(kept)) < len(kept) and depth < max(map(len, names)):
        depth += 1
        kept = ["_".join(parts[-depth:]) for parts in names]
    return [re.sub(r"[\s,]+", "_", name) for name in kept]


def _numbered(images: Sequence[PosedImage]) -> dict[int, PosedImage]:
    """Images by the last number in their names, or by their order where these numbers are not unique."""
    numbers = [re.findall(r"\d+", PurePosixPath(posed.name).stem) for posed in images]
    if all(numbers) and len({int(found[-1]) for found in numbers}) == len(images):
        return {int(found[-1]): posed for found, posed in zip(numbers, images, strict=True)}
    return dict(enumerate(sorted(images, key=lambda posed: posed.name)))
