"""A capture in the canonical layout: names that it can hold, and the check that it reads back as it was."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.formats import easymocap
from posegaussian.errors import CaptureError, UserError, warn
from posegaussian.io.images import LazyImage
from posegaussian.io.video import VideoFrame

_FORBIDDEN = r"""[\x00-\x1f"':\\/#?%*<>|]+|^[.-]+"""
"""What a camera's name cannot hold: it becomes a key of OpenCV's files, a folder on any drive, and a link of a page."""
_ROUNDING = 1e-9
"""Largest difference of calibrations that are read back, relative and absolute: files hold all digits. By hand."""

Value = TypeVar("Value")


def clean_name(camera: str) -> str:
    """The name of a camera, with `_` for what the canonical layout cannot hold."""
    return re.sub(_FORBIDDEN, "_", camera.strip()) or "_"


def with_clean_names(capture: Capture) -> Capture:
    """The capture with cameras whose names the canonical layout can hold; a warning lists those that change.

    Raises:
        CaptureError: two cameras would have one name.
    """
    clean = {camera: clean_name(camera) for camera in capture.cameras}
    if changed := {old: new for old, new in clean.items() if old != new}:
        listed = ", ".join(f"{old!r} becomes {new}" for old, new in changed.items())
        if len(set(clean.values())) < len(clean):
            what = f"cameras would have the same name ({listed})"
            raise CaptureError(what, code="same-names", file=capture.root, hint="rename the cameras")
        warn(f"names of cameras that files cannot have: {listed}", code="renamed-cameras", file=capture.root)

    def renamed(by_camera: Mapping[str, Value]) -> dict[str, Value]:
        return {clean[camera]: value for camera, value in by_camera.items() if camera in clean}

    return replace(
        capture,
        cameras=renamed(capture.cameras),
        sources=tuple(clean[camera] for camera in capture.sources),
        held_out=tuple(clean[camera] for camera in capture.held_out),
        pairs=tuple((clean[a], clean[b]) for a, b in capture.pairs),
        images=renamed(capture.images),
        masks=renamed(capture.masks),
        depths=renamed(capture.depths),
        backgrounds=renamed(capture.backgrounds),
        offsets=renamed(capture.offsets),
    )


def check_written(folder: Path, capture: Capture, output: Path) -> None:
    """Read a folder in the canonical layout back and compare it with the capture that was written.

    Raises:
        CaptureError: it is another capture, or cannot be read.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # they came when the source was read
            found = easymocap.read(folder)
    except UserError as error:
        raise CaptureError(
            f"would not be read back: {error.what}", code="not-read-back", file=output, camera=error.camera
        ) from None
    if differing := _differing(found, capture):
        raise CaptureError(f"would be read back with other {differing}", code="not-read-back", file=output)


def _differing(found: Capture, capture: Capture) -> str | None:
    """What differs between two captures, in the plural; None for nothing."""
    if (found.sources, found.held_out) != (capture.sources, capture.held_out):
        return f"cameras ({', '.join([*found.sources, *found.held_out])})"
    if found.frames != capture.frames:
        return f"frames ({len(found.frames)} of {len(capture.frames)})"
    if found.pairs != capture.pairs:
        return "pairs"
    for kind in ("images", "masks", "depths", "backgrounds"):
        if not set(getattr(capture, kind)) & set(capture.cameras) <= set(getattr(found, kind)):
            return kind
    for name, camera in capture.cameras.items():
        read = found.cameras[name]
        parts = [(read.intrinsics, camera.intrinsics), (read.world_to_camera, camera.world_to_camera)]
        parts.append((read.distortion, camera.distortion))
        if (read.width, read.height) != (camera.width, camera.height) or not all(map(_equal, parts)):
            return f"numbers for camera {name}"
        if not all(_same_moment(found.images[name][frame], capture.images[name][frame]) for frame in capture.frames):
            return f"images of camera {name}"
    return None


def _equal(pair: tuple[np.ndarray, np.ndarray]) -> bool:
    return pair[0].shape == pair[1].shape and np.allclose(*pair, rtol=_ROUNDING, atol=_ROUNDING)


def _same_moment(found: LazyImage, written: LazyImage) -> bool:
    """Whether a frame of a video that is read back is the one that was meant; other images are files of their own."""
    return not isinstance(found, VideoFrame) or (isinstance(written, VideoFrame) and found.index == written.index)
