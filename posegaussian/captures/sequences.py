"""The images of a camera, in a folder of numbered files or in a video, and the choice of frames among them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posegaussian.captures.matching import frame_numbers, media
from posegaussian.errors import CaptureError, ConfigError, warn
from posegaussian.io import video
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile, LazyImage


@dataclass(frozen=True)
class FrameRange:
    """Frame numbers START:STOP:STEP, as in a Python slice; an open bound is the first or the last frame.

    A negative START or STOP counts from the end of the available frames: -3 is the third from the last.
    """

    start: int | None = None
    stop: int | None = None
    step: int = 1

    @classmethod
    def parse(cls, text: str) -> "FrameRange":
        """A range from a text such as `10:50`, `::5`, `-3:` or `7`; an empty text means all frames.

        Raises:
            ConfigError: the text is not of this form, or chooses nothing.
        """
        match = re.fullmatch(r"(-?\d+)?(?:(:)(-?\d+)?(?::(\d+)?)?)?", text.strip())
        if not match:
            raise _no_range(text)
        start, stop, step = (int(part) if part else None for part in match.group(1, 3, 4))
        if start is not None and not match[2]:
            return cls(start, None if start == -1 else start + 1)
        first = start or 0
        if step == 0 or (stop is not None and (first < 0) == (stop < 0) and stop <= first):
            raise _no_range(text)
        return cls(start, stop, step or 1)

    def choose(self, frames: Collection[int]) -> list[int]:
        """Frames of the range, ascending; steps count from START, or from the first frame where START is open."""
        ordered = sorted(frames)
        if not ordered:
            return []
        start = ordered[0] if self.start is None else _number(self.start, ordered)
        stop = np.inf if self.stop is None else _number(self.stop, ordered)
        return [frame for frame in ordered if start <= frame < stop and (frame - start) % self.step == 0]

    def needs_frames_from(self, count: int) -> bool:
        """Whether the choice depends on frames from number `count` on: it names some, or counts from the end."""
        return self.stop is None or self.stop > count or min(self.start or 0, self.stop) < 0


def _number(bound: int, ordered: Sequence[int]) -> int:
    """A bound of a range as a frame number; one that counts back beyond the first frame is the first frame."""
    return bound if bound >= 0 else ordered[max(bound, -len(ordered))]


def _no_range(text: str) -> ConfigError:
    what = f"frames {text!r} is not START:STOP:STEP with START < STOP and STEP > 0, or one number"
    return ConfigError(what, code="invalid-range")


def image_sequence(folder: Path, camera: str) -> dict[int, LazyImage]:
    """Image files of a folder by the frame number in their names (see `matching.frame_numbers`).

    Raises:
        CaptureError: there are none, or two have the same number.
    """
    files = media(folder, IMAGE_SUFFIXES)
    numbers = frame_numbers({path.stem for path in files})
    found: dict[int, LazyImage] = {}
    others: list[Path] = []
    for path in files:
        number = numbers.get(path.stem)
        if number is None:
            others.append(path)
        elif number in found:
            what = f"two images of this frame: {found[number].path.name} and {path.name}"
            hint = "keep one of them there"
            raise CaptureError(what, code="repeated-frame", file=folder, camera=camera, frame=number, hint=hint)
        else:
            found[number] = ImageFile(path)
    if not found:
        what = "no images in this folder" if not files else "no image in this folder has a number in its name"
        raise CaptureError(what, code="no-images", file=folder, camera=camera, hint=_other_kinds(folder))
    if others:
        what = "not numbered like the others: left out" + (f", like {len(others) - 1} more" if len(others) > 1 else "")
        warn(what, code="unnumbered-image", file=others[0], camera=camera)
    return dict(sorted(found.items()))


def _other_kinds(folder: Path) -> str | None:
    """A hint about files of kinds that are not read, such as .exr and .heic; None where there are none."""
    others = sorted({path.suffix.lower() for path in folder.glob("*.*") if path.is_file()} - set(IMAGE_SUFFIXES))
    return f"it holds {', '.join(others)}; images are read from {', '.join(IMAGE_SUFFIXES)}" if others else None


def background_images(root: Path, cameras: Collection[str]) -> dict[str, LazyImage]:
    """Images of the empty scene by camera, from backgrounds/CAMERA.*.

    Raises:
        CaptureError: a camera has two.
    """
    found: dict[str, LazyImage] = {}
    for path in media(root / "backgrounds", IMAGE_SUFFIXES):
        if path.stem in found:
            what = f"two backgrounds of this camera: {found[path.stem].path.name} and {path.name}"
            raise CaptureError(what, code="several-backgrounds", file=path.parent, camera=path.stem)
        if path.stem in cameras:
            found[path.stem] = ImageFile(path)
    return found


def video_sequence(path: Path, camera: str, frames: FrameRange | None = None) -> dict[int, LazyImage]:
    """Frames of a video by their number, from 0.

    Args:
        path: of the video.
        camera: the camera that recorded it.
        frames: the frames that are needed; the video may be truncated behind them.

    Raises:
        CaptureError: the video cannot be read, or is truncated before the last frame that is needed.
    """
    try:
        found, promised = video.frame_count(path)
    except (OSError, ValueError) as error:
        raise CaptureError(
            f"not a readable video ({error})", code="unreadable-video", file=path, camera=camera
        ) from None
    frames = frames or FrameRange()
    if found < promised and frames.needs_frames_from(found):
        hint = f"use the frames before the damage: {max(frames.start or 0, 0)}:{found}"
        what = f"the video is truncated: {found} of {promised} frames are there"
        raise CaptureError(what, code="truncated-video", file=path, camera=camera, hint=hint)
    return {index: video.VideoFrame(path, index) for index in range(found)}
