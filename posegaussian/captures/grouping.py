"""Layouts that list pictures with a pose each: which of them one camera has taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from posegaussian.captures.assemble import Calibration
from posegaussian.io.images import LazyImage


@dataclass(frozen=True)
class PosedImage:
    """A picture as such a layout lists it.

    Args:
        name: its path within the capture.
        image: the image.
        calibration: of the camera that took it.
        mask: the person's coverage, or None.
        depth: true depth, or None.
    """

    name: str
    image: LazyImage
    calibration: Calibration
    mask: LazyImage | None = None
    depth: LazyImage | None = None


def group_by_camera(pictures: Sequence[PosedImage]) -> dict[str, dict[int, PosedImage]]:
    """Pictures by camera and frame.

    Pictures of one folder that share a pose are frames of one camera, named like the folder and numbered by the last
    digits of their names. Otherwise every picture is a camera's only one, of frame 0.
    """
    folders: dict[str, list[PosedImage]] = {}
    for picture in pictures:
        folders.setdefault(str(PurePosixPath(picture.name).parent), []).append(picture)
    if len(folders) > 1 and all(_share_pose(images) for images in folders.values()):
        names = _short([PurePosixPath(folder).parts for folder in folders])
        return {name: _numbered(images) for name, images in zip(names, folders.values(), strict=True)}
    names = _short([PurePosixPath(picture.name).with_suffix("").parts for picture in pictures])
    return {name: {0: picture} for name, picture in zip(names, pictures, strict=True)}


def masks_and_depths(cameras: Mapping[str, Mapping[int, PosedImage]]) -> tuple[dict, dict]:
    """Masks and depths by camera and frame, for the cameras that have them in any frame."""
    kinds = []
    for kind in ("mask", "depth"):
        found = {
            camera: {frame: getattr(posed, kind) for frame, posed in by_frame.items() if getattr(posed, kind)}
            for camera, by_frame in cameras.items()
        }
        kinds.append({camera: by_frame for camera, by_frame in found.items() if by_frame})
    return kinds[0], kinds[1]


def _share_pose(images: Sequence[PosedImage]) -> bool:
    poses = [np.column_stack([posed.calibration.rotation, posed.calibration.translation]) for posed in images]
    return all(np.allclose(pose, poses[0], atol=1e-6) for pose in poses)


def _short(names: Sequence[tuple[str, ...]]) -> list[str]:
    """Names without the parts that all of them share, in letters that the captures sheet takes."""
    kept = [parts[-1] for parts in names]
    depth = 1
    while len(set(kept)) < len(kept) and depth < max(map(len, names)):
        depth += 1
        kept = ["_".join(parts[-depth:]) for parts in names]
    return [re.sub(r"[\s,]+", "_", name) for name in kept]


def _numbered(images: Sequence[PosedImage]) -> dict[int, PosedImage]:
    numbers = [re.findall(r"\d+", PurePosixPath(posed.name).stem) for posed in images]
    if all(numbers) and len({int(found[-1]) for found in numbers}) == len(images):
        return {int(found[-1]): posed for found, posed in zip(numbers, images, strict=True)}
    return dict(enumerate(sorted(images, key=lambda posed: posed.name)))
