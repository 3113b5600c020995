"""The images of a camera path as a video and as single files, written in threads while others are rendered."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from posegaussian.io import chunks
from posegaussian.io.atomic import atomic_folder, check_folder
from posegaussian.io.images import write_image
from posegaussian.io.suffixes import check_suffix
from posegaussian.io.video import VideoWriter, new_video
from posegaussian.parallel import Background

_IMAGES_AHEAD = 8
"""Images that wait for the encoder of the video, at most; one more waits with the renderer. Chosen by hand."""
IMAGES, SPLATS = ("[0-9]" * 6 + ".png",), ("*.ply",)
"""Names of the files in the folders that `render` writes: a folder that holds others is not replaced."""


def check_outputs(video: Path | None, frames: Path | None, splats: Path | None) -> None:
    """Raise an error where the outputs of `render` cannot be written under their names.

    Raises:
        ConfigError: the name of the video does not end in .mp4.
        StoreError: a folder of images, or of splats, holds other files.
    """
    if video:
        check_suffix(video, [".mp4"])
    for folder, names in ((frames, IMAGES), (splats, SPLATS)):
        if folder:
            check_folder(folder, names)


class PathOutput:
    """Takes the images of a path in any order of the steps.

    Images that come before the turn of their step wait for it in memory, packed: a path that passes a short capture
    several times shows each frame in several steps.
    """

    def __init__(self, video: VideoWriter | None, folder: Path | None, encoder: Background, files: Background):
        self._video, self._folder, self._encoder, self._files = video, folder, encoder, files
        self._next, self._early = 0, dict[int, tuple[bytes, tuple[int, ...]]]()

    def add(self, step: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Write the image of a step, later."""
        if self._folder:
            self._files.call(write_image, self._folder / f"{step:06d}.png", image)
        if not self._video:
            return
        if step != self._next:
            self._early[step] = chunks.pack(image), image.shape
            return
        self._encode(image)
        while self._next in self._early:
            packed, shape = self._early.pop(self._next)
            self._encode(chunks.unpack(packed, image.dtype, shape, shuffled=False))

    def _encode(self, image: UInt8[np.ndarray, "h w 3"]) -> None:
        assert self._video is not None
        self._encoder.call(self._video.add, image)
        self._next += 1


@contextmanager
def path_output(video: Path | None, frames: Path | None, fps: int, files: Background) -> Iterator[PathOutput]:
    """What writes the images of a path; complete, or not there, when the block ends.

    Args:
        video: the .mp4 to write, or None.
        frames: the folder to write, with one .png for each step, or None.
        fps: images per second of the video.
        files: writes the .png.
    """
    with ExitStack() as stack:
        writer = stack.enter_context(new_video(video, fps)) if video else None
        folder = stack.enter_context(atomic_folder(frames, replaces=IMAGES)) if frames else None
        stack.callback(files.drop)  # after an error: no thread writes to the folder while it is removed
        encoder = stack.enter_context(Background(threads=1, ahead=_IMAGES_AHEAD))
        yield PathOutput(writer, folder, encoder, files)
        files.finish()
