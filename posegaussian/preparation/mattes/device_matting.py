"""Mattes of the person in all cameras of one frame, on a CUDA device: `matting.Matting`, up to rounding.

One thread makes those of all cameras: what it computes on the CPU meanwhile depends on the coarse mattes alone, and it
waits for the device twice a frame. Images and coverage stay there for those who go on with them.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.geometry.averages import average_matrix
from posegaussian.geometry.lens import SourceCamera
from posegaussian.locks import DEVICE
from posegaussian.preparation.mattes.device_edges import device_coverage
from posegaussian.preparation.mattes.device_hull import DeviceHull, DeviceHullEvidence
from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.fusion import WEIGHTS
from posegaussian.preparation.mattes.matte import DeviceView, Matte, confidence
from posegaussian.preparation.mattes.models import MattingModel
from posegaussian.preparation.mattes.prediction import NetworkMatting
from posegaussian.preparation.mattes.soft_edge import HELD, NOTHING, anchors, beside_person
from posegaussian.preparation.mattes.window import Window
from posegaussian.streams import to_host

_PERSON, _CONFIRMED = 1, 2
"""Bits of a pixel: more person than not; a person for the other cameras, too."""


class DeviceMatting:
    """Computes the mattes of one frame of all cameras, independently of other frames; threads may share it.

    Args:
        cameras: by name.
        model: predicts the coverage in a window.
        scenes: images of the scene without the person, by camera; those of some cameras, or none.
        device: which computes.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        model: MattingModel,
        scenes: Mapping[str, UInt8[np.ndarray, "_ _ 3"]],
        device: torch.device,
    ):
        self._model, self._scenes, self._device = model, scenes, device
        self._hull = DeviceHull(cameras, device)
        self._weights = {kind: torch.tensor(each, device=device) for kind, each in WEIGHTS.items()}

    @torch.inference_mode()
    def mattes(
        self, images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]], windows: Mapping[str, Window]
    ) -> dict[str, Matte]:
        """The mattes of a frame, by camera.

        Args:
            images: of the frame, by camera.
            windows: around the same person in them.
        """
        there = {name: torch.from_numpy(np.ascontiguousarray(images[name])).to(self._device) for name in windows}
        logits = {name: self._logits(window, there[name]) for name, window in windows.items()}
        hull = self._hull.evidence(windows, logits) if len(windows) > 1 else {}
        fused = {name: self._fused(windows, name, logits[name], hull.get(name)) for name in windows}
        codes = [_code(fused[name], hull.get(name)).reshape(-1) for name in windows]
        split = np.cumsum([len(each) for each in codes])[:-1]
        flat = np.split(to_host(torch.cat(codes)), split) if codes else []
        known = {n: c.reshape(w.height, w.width) for (n, w), c in zip(windows.items(), flat, strict=True)}
        beside = {name: beside_person((known[name] & _PERSON) > 0, windows[name].coarse) for name in windows}
        found = {}
        for name, window in windows.items():
            dropped = torch.from_numpy(beside[name]).to(self._device)
            kept = torch.where(dropped, fused[name].clamp_max(NOTHING), fused[name])
            found[name] = device_coverage(window, there[name], kept)
        return {
            name: _matte(window, there[name], found[name], known[name], beside[name])
            for name, window in windows.items()
        }

    def _logits(self, window: Window, image: UInt8[Tensor, "_ _ 3"]) -> Float[Tensor, "h w"]:
        """What the network says, held to the coarse matte where that is sure."""
        if isinstance(self._model, NetworkMatting):
            logits = self._model.on_device(window, _pixels(window, image))
        else:
            logits = torch.from_numpy(self._model(window)).to(self._device)
        inside, outside = torch.from_numpy(np.stack(anchors(window.coarse))).to(self._device)
        logits = torch.where(inside, logits.clamp_min(HELD), logits)
        return torch.where(outside, logits.clamp_max(-HELD), logits)

    def _fused(
        self, windows: Mapping[str, Window], name: str, logits: Float[Tensor, "h w"], hull: DeviceHullEvidence | None
    ) -> Float[Tensor, "h w"]:
        """See `fusion.fuse`."""
        features, scene = [logits], self._scenes.get(name)
        alone = weights = self._weights[0, scene is not None]
        if hull is not None:
            weights = torch.where(hull.known, self._weights[min(len(windows) - 1, 3), scene is not None], alone)
            features += [hull.strict, hull.lenient]
        total = weights[0] + sum(weight * values for weight, values in zip(weights[1:4], features, strict=False))
        if scene is None:
            return total
        difference = difference_evidence(windows[name], scene)
        for weight, values in zip(weights[4:], (difference.lightness, difference.colour), strict=True):
            total = total + weight * torch.from_numpy(values).to(total)
        return total


def _pixels(window: Window, image: UInt8[Tensor, "_ _ 3"]) -> UInt8[Tensor, "3 h w"]:
    """See `Window.pixels`."""
    part = image[window.rows, window.columns].permute(2, 0, 1).float()
    height, width = part.shape[1:]
    if window.width < width:
        rows, columns = (
            average_matrix(height, window.height, image.device),
            average_matrix(width, window.width, image.device),
        )
        with DEVICE.shared():
            part = rows @ part @ columns.T
    else:
        size = window.height, window.width
        part = functional.interpolate(part[None], size=size, mode="bilinear", align_corners=False)[0]
    return part.round().clamp(0, 255).byte()


def _code(fused: Float[Tensor, "h w"], hull: DeviceHullEvidence | None) -> UInt8[Tensor, "h w"]:
    """`_PERSON` and `_CONFIRMED` of each pixel."""
    person = (fused > 0).byte() * _PERSON
    if hull is None:
        return person + _CONFIRMED
    return person + ((hull.lenient > 0) | ~hull.known).byte() * _CONFIRMED


def _matte(
    window: Window,
    image: UInt8[Tensor, "h w 3"],
    found: UInt8[Tensor, "_ _"],
    code: UInt8[np.ndarray, "_ _"],
    beside: Bool[np.ndarray, "_ _"],
) -> Matte:
    """The matte of an image from the coverage in its window."""
    there = torch.zeros(image.shape[:2], dtype=torch.uint8, device=image.device)
    there[window.rows, window.columns] = found
    coverage = np.zeros(image.shape[:2], np.uint8)
    coverage[window.rows, window.columns] = to_host(found)
    person = ((code & _PERSON) > 0) & ~beside
    sure = confidence(window, person, (code & _CONFIRMED) > 0)
    return Matte(coverage, sure, DeviceView(image, there))
