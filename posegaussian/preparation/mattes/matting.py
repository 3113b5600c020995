"""Mattes of the person in all cameras of one frame: all evidence fused, then the edge refined."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.device_matting import DeviceMatting
from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.fusion import Evidence, fuse
from posegaussian.preparation.mattes.matte import Matte, confidence
from posegaussian.preparation.mattes.models import MattingModel
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.skeleton import near_skeleton
from posegaussian.preparation.mattes.soft_edge import anchored, keep_person, soft_coverage
from posegaussian.preparation.mattes.soft_hull import SoftHull
from posegaussian.preparation.mattes.window import Window

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB, by camera."""
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function for each item, as `map` does."""


class Matting:
    """Computes the mattes of one frame of all cameras, independently of other frames.

    Args:
        cameras: by name.
        model: predicts the coverage in a window; see `models`.
        scenes: the scene without the person, by camera; those of some cameras, or none.
        device: on CUDA, everything is computed there, see `DeviceMatting`: edges then differ by a few levels.
        each: on the CPU, calls a function for each camera, as `map` does; that of a pool of threads does so for all at
            once.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        model: MattingModel,
        scenes: Mapping[str, Scene] | None = None,
        device: str | torch.device = "cpu",
        each: Each = map,
    ):
        self._model, self._scenes, self._each = model, dict(scenes or {}), each
        on = torch.device(device)
        self._there = DeviceMatting(cameras, model, self._scenes, on) if on.type != "cpu" else None
        self._hull = SoftHull(cameras)

    def mattes(
        self, images: Images, people: Mapping[str, Person], there: Mapping[str, UInt8[Tensor, "_ _ 3"]] | None = None
    ) -> dict[str, Matte]:
        """The mattes of a frame, by camera; without those in which there is no person.

        Args:
            images: of the frame, by camera.
            people: the same person in each of them.
            there: the images on the device, if the caller has them there.
        """
        if self._there is not None:
            return self._there.mattes(images, _windows(images, people), there or {})
        known = self.evidence(images, people)
        return dict(zip(known, self._each(self._matte, known.values()), strict=True))

    def evidence(self, images: Images, people: Mapping[str, Person]) -> dict[str, tuple[Window, Evidence]]:
        """What is known about the windows around the person, by camera; see `mattes`."""
        windows = _windows(images, people)
        logits = dict(zip(windows, self._each(self._logits, windows.values()), strict=True))
        hull = self._hull.evidence(windows, logits)
        scenes = {
            name: difference_evidence(windows[name], self._scenes[name])
            for name in windows.keys() & self._scenes.keys()
        }
        return {name: (windows[name], Evidence(logits[name], hull[name], scenes.get(name))) for name in windows}

    def _logits(self, window: Window) -> Float32[np.ndarray, "_ _"]:
        return anchored(self._model(window), window.coarse, near_skeleton(window))

    def _matte(self, known: tuple[Window, Evidence]) -> Matte:
        window, evidence = known
        fused = keep_person(fuse(evidence), window.coarse)
        coverage = np.zeros(window.image.shape[:2], np.uint8)
        coverage[window.rows, window.columns] = soft_coverage(window, fused)
        person, hull = fused > 0, evidence.hull
        return Matte(coverage, confidence(window, person, hull.lenient > 0 if hull.others else np.ones_like(person)))


def _windows(images: Images, people: Mapping[str, Person]) -> dict[str, Window]:
    """Windows around the person, by camera."""
    windows = {name: Window.around(images[name], person) for name, person in people.items()}
    return {name: window for name, window in windows.items() if window is not None}
