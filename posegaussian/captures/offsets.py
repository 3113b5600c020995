"""Whole frames by which cameras are late, taken away: frame `n` of the capture is frame `n + offset` of the camera."""

import re
from collections.abc import Mapping
from dataclasses import replace

from posegaussian.captures.capture import Capture, FrameFiles
from posegaussian.captures.matching import check_known
from posegaussian.config.sheet import OFFSETS
from posegaussian.errors import CaptureError, ConfigError


def parse_offsets(text: str) -> dict[str, int]:
    """Offsets by camera from a text such as `02:3 03:-1`: camera 02 is three frames late, camera 03 one frame early.

    Raises:
        ConfigError: the text is not of this form, or names a camera twice.
    """
    text = " ".join(text.split())
    if not re.fullmatch(OFFSETS, text):
        what = f"offsets {text!r} are not CAMERA:FRAMES, separated by blanks"
        raise ConfigError(what, code="invalid-offsets", hint="write `02:3 03:-1`: positive numbers are late cameras")
    parts = [part.rpartition(":") for part in text.split()]
    found = {camera: int(frames) for camera, _, frames in parts}
    if len(found) < len(parts):
        raise ConfigError(f"offsets {text!r} name a camera twice", code="invalid-offsets")
    return found


def with_offsets(capture: Capture, offsets: Mapping[str, int]) -> Capture:
    """The capture with late cameras moved; its frames are those for which every camera has an image.

    Args:
        capture: whose cameras are apart in time.
        offsets: how late each camera is, frames; cameras that are not named are not late.

    Raises:
        CaptureError: there is no such camera, or no frame is left.
    """
    check_known(list(offsets), capture.cameras, capture.root)
    offsets = {camera: late for camera, late in offsets.items() if late}
    if not offsets:
        return capture
    images = moved(capture.images, offsets)
    kept = tuple(frame for frame in capture.frames if all(frame in images[camera] for camera in capture.cameras))
    if not kept:
        what = f"no frame is left by offsets of {min(offsets.values())} to {max(offsets.values())} frames"
        raise CaptureError(what, code="no-common-frames", file=capture.root)
    masks, depths = moved(capture.masks, offsets), moved(capture.depths, offsets)
    late = {camera: capture.offsets.get(camera, 0) + offsets.get(camera, 0) for camera in capture.cameras}
    late = {camera: frames for camera, frames in late.items() if frames}
    return replace(capture, images=images, masks=masks, depths=depths, frames=kept, offsets=late)


def moved(files: FrameFiles, offsets: Mapping[str, int]) -> FrameFiles:
    """Files by camera and frame with the numbers of late cameras moved."""
    return {
        camera: {frame - offsets.get(camera, 0): file for frame, file in by_frame.items()}
        for camera, by_frame in files.items()
    }


def in_common(files: FrameFiles) -> FrameFiles:
    """The files of the frames that all cameras have."""
    common = set.intersection(*map(set, files.values()))
    return {camera: {frame: by_frame[frame] for frame in sorted(common)} for camera, by_frame in files.items()}
