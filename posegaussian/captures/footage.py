"""Where a camera's pictures lie: in a folder of numbered files, or in a video; and which frames of them are taken."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posegaussian.errors import CaptureError, ConfigError, warn
from posegaussian.io import video
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile, LazyImage


@dataclass(frozen=True)
class FrameRange:
    """Frame numbers START:STOP:STEP, as in a Python slice; an open end reaches as far as there are frames.

    A negative START or STOP counts back from the end of the frames that are there: -3 is the third from the last.
    """

    start: int | None = None
    stop: int | None = None
    step: int = 1

    @classmethod
    def parse(cls, text: str) -> "FrameRange":
        """From `10:50`, `::5`, `-3:`, `7`, or nothing for all frames.

        Raises:
            ConfigError: it is none of those, or chooses nothing.
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
        """The frames of the range, ascending; steps count from START, or else from the first frame."""
        ordered = sorted(frames)
        if not ordered:
            return []
        start = ordered[0] if self.start is None else _number(self.start, ordered)
        stop = np.inf if self.stop is None else _number(self.stop, ordered)
        return [frame for frame in ordered if start <= frame < stop and (frame - start) % self.step == 0]

    def needs_beyond(self, count: int) -> bool:
        """Whether the choice depends on frames from number `count` on: it names some, or counts back from the end."""
        return self.stop is None or self.stop > count or min(self.start or 0, self.stop) < 0


def _number(bound: int, ordered: Sequence[int]) -> int:
    """A bound of a range as a frame number; one that counts back beyond the first frame is the first frame."""
    return bound if bound >= 0 else ordered[max(bound, -len(ordered))]


def _no_range(text: str) -> ConfigError:
    what = f"frames {text!r} is not START:STOP:STEP with START < STOP and STEP > 0"
    return ConfigError(what, code="invalid-range")


def image_sequence(folder: Path, camera: str) -> dict[int, LazyImage]:
    """Image files of a folder by the number that they are called."""
    files = sorted(folder.glob("*"))
    found = {int(path.stem): path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and path.stem.isdecimal()}
    if not found:
        raise CaptureError("no pictures of this camera", code="no-images", file=folder, camera=camera)
    return {frame: ImageFile(path) for frame, path in found.items()}


def background_images(root: Path, cameras: Collection[str]) -> dict[str, LazyImage]:
    """Pictures of the empty scene in backgrounds/, called by their cameras."""
    files = sorted(path for path in (root / "backgrounds").glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return {path.stem: ImageFile(path) for path in files if path.stem in cameras}


def video_sequence(path: Path, camera: str, frames: FrameRange | None = None) -> dict[int, LazyImage]:
    """Frames of a video by their number, from 0.

    Args:
        path: of the video.
        camera: whose it is.
        frames: those that are wanted: a video that is cut short behind them will do.
    """
    try:
        there, promised = video.frame_count(path)
    except (OSError, ValueError) as error:
        raise CaptureError(
            f"not a readable video ({error})", code="unreadable-video", file=path, camera=camera
        ) from None
    frames = frames or FrameRange()
    if there < promised and frames.needs_beyond(there):
        hint = f"take the frames before the damage: {max(frames.start or 0, 0)}:{there}"
        what = f"the video is truncated: {there} of {promised} frames are there"
        raise CaptureError(what, code="truncated-video", file=path, camera=camera, hint=hint)
    return {index: video.VideoFrame(path, index) for index in range(there)}


def find_sequences(
    root: Path, cameras: Sequence[str], frames: FrameRange | None = None
) -> dict[str, dict[int, LazyImage]]:
    """Pictures or videos by camera: images/CAMERA/, videos/CAMERA.mp4, or CAMERA.mp4 beside the calibration.

    A video may also carry the camera's name within its own; failing that, as many videos as cameras belong to them in
    the order of their names.
    """
    if (root / "images").is_dir():
        return {camera: image_sequence(root / "images" / camera, camera) for camera in cameras}
    folder = root / "videos" if (root / "videos").is_dir() else root
    videos = sorted(path for path in folder.glob("*") if path.suffix.lower() in video.VIDEO_SUFFIXES)
    chosen = {camera: _named_like(camera, videos) for camera in cameras}
    if not any(chosen.values()) and len(videos) == len(cameras):
        chosen = dict(zip(sorted(cameras), videos, strict=True))
        pairs = ", ".join(f"{camera}: {path.name}" for camera, path in chosen.items())
        warn(
            f"no video is named like a camera: matched in the order of names ({pairs})",
            code="videos-in-order",
            file=folder,
        )
    found = {camera: path for camera, path in chosen.items() if path}
    if not found:
        raise CaptureError("no pictures: neither images/CAMERA/ nor videos/CAMERA.mp4", code="no-images", file=root)
    return {camera: video_sequence(path, camera, frames) for camera, path in found.items()}


def _named_like(camera: str, videos: Sequence[Path]) -> Path | None:
    exact = [path for path in videos if path.stem == camera]
    within = [path for path in videos if re.search(rf"(?<![A-Za-z0-9]){re.escape(camera)}(?![A-Za-z0-9])", path.stem)]
    return next((paths[0] for paths in (exact, within) if len(paths) == 1), None)


def frame_rate(images: dict[str, dict[int, LazyImage]]) -> float | None:
    """Frames per second, where the pictures are a video's."""
    first = next((by_frame[min(by_frame)] for by_frame in images.values() if by_frame), None)
    return video.frame_rate(first.path) if isinstance(first, video.VideoFrame) else None
