"""The footage of calibrated cameras: folders of images, or videos, matched to the cameras, frame by frame."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posegaussian.captures.matching import entries, match_footage, media, named_alike
from posegaussian.captures.sequences import FrameRange, image_sequence, video_sequence
from posegaussian.captures.simultaneous import paired_by_time
from posegaussian.errors import CaptureError, warn
from posegaussian.io import video
from posegaussian.io.images import LazyImage
from posegaussian.names import words

_VIDEO_FOLDERS = ("videos", "synchronized_videos", ".")
"""Where videos lie: EasyMocap and Pose2Sim; FreeMoCap; caliscope, beside each other in the capture's own folder."""


@dataclass(frozen=True)
class CameraFootage:
    """Footage by camera."""

    images: dict[str, dict[int, LazyImage]]  # by camera and frame number
    paths: Mapping[str, Path]  # folder of images, or video, by camera
    in_order: bool  # whether the cameras were matched in the order of names, since no name said which is which

    @property
    def matched_in_order(self) -> dict[str, str]:
        """Name of the folder or video by camera, where they were matched in order; otherwise empty."""
        return {camera: path.name for camera, path in self.paths.items()} if self.in_order else {}

    @property
    def fps(self) -> float | None:
        """Frames per second, where the frames are those of videos; otherwise None."""
        for by_frame in self.images.values():
            first = next(iter(by_frame.values()), None)
            # Where videos of several rates are paired, the frames' numbers are those of one of them.
            if isinstance(first, video.VideoFrame) and all(_index(image, n) == n for n, image in by_frame.items()):
                return video.frame_rate(first.path)
        return None

    def beside(self, root: Path) -> dict[str, dict[int, LazyImage]]:
        """Image files that belong to the cameras' frames, such as masks, by camera and frame number.

        Args:
            root: with a folder for each camera, named like it or like its footage (see `matching.named_alike`). Its
                files are numbered like the camera's images, or like the frames of its video. Cameras without such a
                folder are left out, with a warning where none has one.

        Raises:
            CaptureError: a camera's folder holds no images, or two of one frame.
        """
        folders = {path.name: path for path in entries(root) if path.is_dir()}
        footage = {name: path.stem if path.is_file() else path.name for name, path in self.paths.items()}
        found = named_alike(list(self.paths), folders)
        found |= {camera: name for camera, name in footage.items() if name in folders}
        found |= {camera: camera for camera in self.paths if camera in folders}
        if not found and root.is_dir():
            what = f"no folder in it is named like a camera ({', '.join(self.paths)}): left out"
            warn(what, code="unmatched-masks", file=root)
        return {camera: self._numbered(folders[found[camera]], camera) for camera in self.paths if camera in found}

    def _numbered(self, folder: Path, camera: str) -> dict[int, LazyImage]:
        """Image files of a folder by the number of the frame that they belong to."""
        files = image_sequence(folder, camera)
        if all(_index(image, number) == number for number, image in self.images[camera].items()):
            return files
        indices = {number: _index(image, number) for number, image in self.images[camera].items()}
        return {number: files[index] for number, index in indices.items() if index in files}


def find_footage(
    root: Path, cameras: Collection[str], frames: FrameRange | None = None, asked: Collection[str] = ()
) -> CameraFootage:
    """Footage of calibrated cameras: images/NAME/, videos/NAME.mp4, or NAME.mp4 beside the calibration.

    Names are matched as `matching.match_footage` says. Frames of videos that differ in their rates, or lack frames, are
    paired by their time stamps.

    Args:
        root: the capture's folder.
        cameras: calibrated cameras.
        frames: the frames that are needed; videos may be truncated behind them.
        asked: cameras that the user or the capture names; empty: whichever have footage.

    Raises:
        CaptureError: there is no footage, it cannot be matched for certain, or a video cannot be used.
    """
    folder, found = _candidates(root, cameras, report=not asked)
    paths, in_order = match_footage(cameras, found, folder=folder, asked=asked)
    images: dict[str, dict[int, LazyImage]] = {}
    times: dict[str, np.ndarray] = {}
    for camera, path in paths.items():
        if path.is_file():
            images[camera] = video_sequence(path, camera, frames)
            times[camera] = video.frame_times(path)  # now, while the video is open
        else:
            images[camera] = image_sequence(path, camera)
    if len(times) > 1:
        images.update(paired_by_time({camera: paths[camera] for camera in times}, times, folder) or {})
    return CameraFootage(images, paths, in_order)


def _candidates(root: Path, cameras: Collection[str], report: bool) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the footage, and what it holds, by name.

    Beside images, videos of other names than the cameras' and those of the folders are reported, if this is wanted.
    """
    folders = {path.name: path for path in entries(root / "images") if path.is_dir()}
    videos = next((found for place in _VIDEO_FOLDERS if (found := media(root / place, video.VIDEO_SUFFIXES))), [])
    by_name: dict[str, Path] = {}
    for path in videos:
        if path.stem in by_name and not folders:
            what = f"both {by_name[path.stem].name} and {path.name} have this name"
            raise CaptureError(what, code="several-videos", file=path.parent, hint="keep one of them there")
        by_name[path.stem] = path
    if folders:  # beside images, a video counts only where it has a camera's very name
        known = set(map(words, (*cameras, *folders)))
        for path in by_name.values() if report else ():
            if words(path.stem) not in known and path.parent.name == _VIDEO_FOLDERS[0]:
                warn("no camera of this name is calibrated: left out", code="uncalibrated-footage", file=path)
        return root / "images", {name: by_name[name] for name in by_name if name in cameras} | folders
    if not by_name:
        what = "no footage: neither images/CAMERA/ with the camera's frames nor videos/CAMERA.mp4"
        raise CaptureError(what, code="no-images", file=root)
    return videos[0].parent, by_name


def _index(image: LazyImage, number: int) -> int:
    """Number of an image in its own folder or video."""
    return image.index if isinstance(image, video.VideoFrame) else number
