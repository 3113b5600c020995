"""A synthetic person as live cameras: rendered when a frame is first wanted, and kept."""

import threading
from collections.abc import Mapping
from functools import partial

import numpy as np
from jaxtyping import UInt8

from posegaussian.config import BuiltinSettings, RoomSettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.live.sources import Footage, Playback
from posegaussian.synthetic.dataset.synthetic_capture import person_capture

FRAMES, FPS = 45, 30
"""One and a half seconds, shown to and fro. Chosen by hand: 45 frames of two cameras take 280 MB at 1024 px."""


class SyntheticPerson:
    """Two cameras that film a synthetic person in a room.

    Args:
        seed: of the person, see `synthetic.people.splits`.
        size: width and height of the images, pixels.
        frames: that are rendered.

    Raises:
        ConfigError: no person has this seed.
    """

    def __init__(self, seed: int, size: tuple[int, int], frames: int = FRAMES):
        settings = BuiltinSettings(
            frames=frames, fps=FPS, size=size, sources=2, room=RoomSettings(kinds=("living", "office", "gym"))
        )
        self._capture, self._seed = person_capture(seed, settings), seed
        there = [*range(frames), *range(frames - 2, 0, -1)]
        self._order = there
        self._lock = threading.Lock()
        self._rendered: dict[int, Mapping[str, UInt8[np.ndarray, "_ _ 3"]]] = {}

    @property
    def cameras(self) -> dict[str, SourceCamera]:
        """The calibration of both cameras."""
        views = self._capture.scene.rig.sources
        return {
            name: SourceCamera(view.intrinsics, view.distortion, view.world_to_camera, view.width, view.height)
            for name, view in views.items()
        }

    def source(self, camera: str, playback: Playback) -> Footage:
        """What one camera films."""
        label = f"synthetic person {self._seed}"
        return Footage(label, len(self._order), partial(self._image, camera), float(FPS), playback)

    def _image(self, camera: str, number: int) -> UInt8[np.ndarray, "h w 3"]:
        frame = self._order[number]
        with self._lock:  # both cameras are rendered together
            if frame not in self._rendered:
                self._rendered[frame] = {
                    name: each.image for name, each in self._capture.render(frame) if name in self.cameras
                }
            return self._rendered[frame][camera]
