"""Footage of cameras that are not calibrated yet: every folder of images and every video is a camera."""

from pathlib import Path

from posegaussian.captures.canonical import clean_name
from posegaussian.captures.matching import entries, media
from posegaussian.captures.sequences import image_sequence, video_sequence
from posegaussian.captures.simultaneous import paired_by_time
from posegaussian.errors import CaptureError
from posegaussian.io import video
from posegaussian.io.images import IMAGE_SUFFIXES, LazyImage

_PLACES = (".", "images", "videos")
"""Where cameras are looked for in the folder, beside each other."""


def find_board_footage(root: Path) -> dict[str, dict[int, LazyImage]]:
    """Images by camera and frame number, from CAMERA/ or CAMERA.mp4 in the folder, or in its images/ and videos/.

    Frames of images are paired by the numbers in their names, those of videos as `captures.simultaneous` does.

    Raises:
        CaptureError: there is no footage, two cameras have one name, or a video cannot be read.
    """
    if not root.is_dir():
        raise CaptureError("no such folder", code="missing-file", file=root)
    paths: dict[str, Path] = {}
    for place in _PLACES:
        folder = root / place
        inner = [path for path in entries(folder) if path.is_dir() and path.name not in _PLACES]
        for path in [*(path for path in inner if media(path, IMAGE_SUFFIXES)), *media(folder, video.VIDEO_SUFFIXES)]:
            name = clean_name(path.name if path.is_dir() else path.stem)
            if name in paths:
                what = f"two cameras have the name {name}: {paths[name].relative_to(root)} and {path.relative_to(root)}"
                raise CaptureError(what, code="same-names", file=root, hint="rename one of them")
            paths[name] = path
    if not paths:
        what = "no footage: neither CAMERA/ with the camera's images nor CAMERA.mp4"
        raise CaptureError(what, code="no-images", file=root)
    videos = {name: path for name, path in paths.items() if path.is_file()}
    images = {
        name: video_sequence(path, name) if name in videos else image_sequence(path, name)
        for name, path in paths.items()
    }
    if len(videos) > 1:
        times = {name: video.frame_times(path) for name, path in videos.items()}
        images.update(paired_by_time(videos, times, root) or {})
    return images
