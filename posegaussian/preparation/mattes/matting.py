"""Mattes of the person in all cameras of one frame: all evidence fused, then the edge refined."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.device_edges import device_coverage
from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.fusion import Evidence, fuse
from posegaussian.preparation.mattes.models import MattingModel
from posegaussian.preparation.mattes.soft_edge import anchored, keep_person, soft_coverage
from posegaussian.preparation.mattes.soft_hull import SoftHull
from posegaussian.preparation.mattes.window import Window

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB, by camera."""
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function for each item, as `map` does."""


@dataclass(frozen=True)
class Matte:
    """The person in one image."""

    coverage: UInt8[np.ndarray, "h w"]  # of each pixel, 0..255
    confidence: float  # in [0, 1]: how much of it several kinds of evidence agree about


class Matting:
    """Computes the mattes of one frame of all cameras, independently of other frames.

    Args:
        cameras: by name.
        model: predicts the coverage in a window; see `models`.
        scenes: images of the scene without the person, by camera; those of some cameras, or none.
        device: on CUDA, edges are computed there: coverage then differs by a level in a few pixels.
        each: calls a function for each camera, as `map` does; that of a pool of threads does so for all at once.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        model: MattingModel,
        scenes: Mapping[str, UInt8[np.ndarray, "_ _ 3"]] | None = None,
        device: str | torch.device = "cpu",
        each: Each = map,
    ):
        self._model, self._scenes, self._each = model, dict(scenes or {}), each
        on = torch.device(device)
        self._coverage = soft_coverage if on.type == "cpu" else partial(device_coverage, device=on)
        self._hull = SoftHull(cameras)

    def mattes(self, images: Images, people: Mapping[str, Person]) -> dict[str, Matte]:
        """The mattes of a frame, by camera; without those in which there is no person."""
        known = self.evidence(images, people)
        return dict(zip(known, self._each(self._matte, known.values()), strict=True))

    def evidence(self, images: Images, people: Mapping[str, Person]) -> dict[str, tuple[Window, Evidence]]:
        """What is known about the windows around the person, by camera; see `mattes`."""
        windows = {name: Window.around(images[name], person) for name, person in people.items()}
        windows = {name: window for name, window in windows.items() if window is not None}
        logits = dict(zip(windows, self._each(self._logits, windows.values()), strict=True))
        hull = self._hull.evidence(windows, logits)
        scenes = {
            name: difference_evidence(windows[name], self._scenes[name])
            for name in windows.keys() & self._scenes.keys()
        }
        return {name: (windows[name], Evidence(logits[name], hull[name], scenes.get(name))) for name in windows}

    def _logits(self, window: Window) -> Float32[np.ndarray, "_ _"]:
        return anchored(self._model(window), window.coarse)

    def _matte(self, known: tuple[Window, Evidence]) -> Matte:
        window, evidence = known
        fused = keep_person(fuse(evidence), window.coarse)
        coverage = np.zeros(window.image.shape[:2], np.uint8)
        coverage[window.rows, window.columns] = self._coverage(window, fused)
        return Matte(coverage, _confidence(evidence, fused, window))


def _confidence(evidence: Evidence, fused: Float32[np.ndarray, "h w"], window: Window) -> float:
    """The share of the person that the coarse matte and the other cameras confirm, times the score of the person."""
    person = fused > 0
    if not person.any():
        return 0.0
    coarse = window.coarse >= 128
    agreement = float((person & coarse).sum() / (person | coarse).sum())
    inside = float((evidence.hull.lenient[person] > 0).mean()) if evidence.hull.others else 1.0
    return window.person.score * min(agreement, inside)
