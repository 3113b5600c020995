"""Mattes of the person in all cameras of one frame, on a CUDA device: `matting.Matting`, up to rounding.

Four CUDA graphs make them: log-odds of each window, its difference from the scene, all evidence about them together,
and coverage with edges that follow the image. Distances from edges are exact here, the CPU's are those of OpenCV's
5 x 5 mask: one pixel in 10,000 differs by more than two levels. One thread makes the mattes of all cameras. It looks
for components on the CPU, and waits for the device twice a frame: each operation of a thread takes Python's lock.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.geometry.distance import within
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import PERSON
from posegaussian.locks import DEVICE
from posegaussian.preparation.mattes.device_difference import DeviceDifference
from posegaussian.preparation.mattes.device_edges import device_coverage, following_edges
from posegaussian.preparation.mattes.device_hull import DeviceHull
from posegaussian.preparation.mattes.device_window import SIDE, frame_of, in_image, in_window, padded, window_pixels
from posegaussian.preparation.mattes.fusion import WEIGHTS
from posegaussian.preparation.mattes.matte import DeviceView, Matte, confidence
from posegaussian.preparation.mattes.models import MattingModel
from posegaussian.preparation.mattes.prediction import NetworkMatting, leans, window_numbers
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.skeleton import near_skeleton
from posegaussian.preparation.mattes.soft_edge import (
    ANCHOR,
    HAZE,
    HELD,
    NOTHING,
    SURE,
    YIELD,
    anchored,
    filter_radius,
    small_components,
)
from posegaussian.preparation.mattes.window import Window
from posegaussian.streams import to_device, to_host

_PERSON, _CONFIRMED = 1, 2
"""Bits of a pixel: more person than not; a person for the other cameras, too."""
_LARGEST = 1920 * 1200
"""Pixels of the largest image whose edges are looked for in all of it, which one graph does; in larger ones, they are
looked for in the person's box. Chosen by hand: the box is a third of an image."""


class DeviceMatting:
    """Computes the mattes of one frame of all cameras, independently of other frames; threads may share it.

    Args:
        cameras: by name.
        model: predicts the coverage in a window.
        scenes: the scene without the person, by camera; those of some cameras, or none.
        device: which computes.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        model: MattingModel,
        scenes: Mapping[str, Scene],
        device: torch.device,
    ):
        self._model, self._device = model, device
        self._hull, self._difference = DeviceHull(cameras, device), DeviceDifference(scenes, device)
        self._predict, self._cover = GraphPerShape(self._logits), GraphPerShape(_coverage)
        self._fuse: dict[tuple[str, ...], GraphPerShape] = {}
        self._radii: dict[int, Tensor] = {}

    @torch.inference_mode()
    def mattes(
        self,
        images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]],
        windows: Mapping[str, Window],
        there: Mapping[str, UInt8[Tensor, "_ _ 3"]],
    ) -> dict[str, Matte]:
        """The mattes of a frame, by camera.

        Args:
            images: of the frame, by camera.
            windows: around the same person in them.
            there: the images on the device; those that are not there are copied.
        """
        if not windows:
            return {}
        names = tuple(windows)
        there = {name: there[name] if name in there else to_device(images[name], self._device) for name in names}
        logits = [self._predicted(windows[name], there[name]) for name in names]
        fuse = self._fuse.setdefault(names, GraphPerShape(partial(self._fused, names)))
        fused, codes = fuse(self._device, *self._numbers(windows), *logits, *self._difference.of(windows, there))
        known = [code[: w.height, : w.width] for code, w in zip(to_host(codes), windows.values(), strict=True)]
        lost = [
            small_components((code & _PERSON) > 0, window.coarse)
            for code, window in zip(known, windows.values(), strict=True)
        ]
        dropped = to_device(np.stack([padded(each) for each in lost]), self._device)
        covered = [self._covered(*each) for each in zip(windows.values(), there.values(), fused, dropped, strict=True)]
        mattes = {}
        for name, coverage, code, none in zip(names, covered, known, lost, strict=True):
            sure = confidence(windows[name], ((code & _PERSON) > 0) & ~none, (code & _CONFIRMED) > 0)
            mattes[name] = Matte(to_host(coverage), sure, DeviceView(there[name], coverage))
        return mattes

    def _predicted(self, window: Window, image: UInt8[Tensor, "_ _ 3"]) -> Float[Tensor, "side side"]:
        """What the model says, held to the coarse matte where that is sure."""
        model, near = self._model, near_skeleton(window)
        if not isinstance(model, NetworkMatting) or leans(window.person):
            held = padded(anchored(model(window), window.coarse, near))
            return torch.from_numpy(held).to(self._device)
        size = window.height, window.width
        room = [(0, 0), *((0, -length % model.grain) for length in size)]
        planes = np.pad(np.stack([window.coarse, near.view(np.uint8)]), room)
        about = window_numbers(window.points(), window.person.visibility, *size)
        numbers = np.concatenate([about, frame_of(window)])
        return self._predict(self._device, image, torch.from_numpy(planes), torch.from_numpy(numbers))[0]

    def _logits(
        self, image: UInt8[Tensor, "_ _ 3"], planes: UInt8[Tensor, "2 h w"], numbers: Float64[Tensor, "108"]
    ) -> tuple[Tensor]:
        """The network's log-odds, held to the coarse matte where that is sure, in the square; see `anchored`.

        Args:
            image: RGB.
            planes: coarse matte, and 1 where it may be sure of the person.
            numbers: `window_numbers` and `frame_of`.
        """
        assert isinstance(self._model, NetworkMatting)
        about, frame = numbers.split([102, 6])
        coarse, near = planes
        height, width = coarse.shape
        inside = in_window(frame)[:height, :width]
        with DEVICE.shared():
            pixels = window_pixels(image, frame, height, width)
        (found,) = self._model.logits(torch.cat([pixels, coarse[None], inside[None].byte() * 255])[None], about)
        logits, person = found[0, 0].float(), coarse >= PERSON
        reach = (ANCHOR * frame[4:].amax()).expand(2)
        near_other, near_person = within(torch.stack([inside & ~person, person]), reach, int(ANCHOR * SIDE) + 1)
        logits = torch.where((near > 0) & ~near_other & (coarse >= 255 - SURE), logits.clamp_min(HELD), logits)
        held = torch.minimum(logits, (YIELD * logits - HELD).clamp_min(-HELD))
        logits = torch.where(~near_person & (coarse <= SURE), held, logits)
        return (functional.pad(logits, (0, SIDE - width, 0, SIDE - height)),)

    def _numbers(self, windows: Mapping[str, Window]) -> tuple[Float64[Tensor, "c 11"], Float[Tensor, "2 2 6"]]:
        """`frame_of` and `sizes` of each window; weights of the evidence with that of other cameras and without, each
        where the scene is not known and where it is."""
        numbers = [np.concatenate([frame_of(w), self._hull.sizes(n, w)]) for n, w in windows.items()]
        others = min(len(windows) - 1, 3)
        weights = [[WEIGHTS[count, scene] for scene in (False, True)] for count in (others, 0)]
        return torch.from_numpy(np.stack(numbers)), torch.tensor(weights)

    def _fused(self, names: Sequence[str], *given: Tensor) -> tuple[Tensor, Tensor]:
        """All evidence about each window, see `fusion.fuse`, and `_PERSON` and `_CONFIRMED` of its pixels.

        Args:
            names: of the cameras.
            given: `_numbers`, log-odds of each camera, and what `DeviceDifference` finds.
        """
        numbers, weights, *planes = given
        logits, differences = torch.stack(planes[: len(names)]), planes[len(names) :]
        hull = self._hull.evidence(names, logits, numbers) if len(names) > 1 else []
        fused, codes = [], []
        for index, known in enumerate(logits):
            features, weight, confirmed = [known], weights[1], torch.ones_like(known, dtype=torch.bool)
            if hull:
                evidence = hull[index]
                weight = torch.where(evidence.known, weights[0], weight)
                features += [evidence.strict, evidence.lenient]
                confirmed = (evidence.lenient > 0) | ~evidence.known
            total, *other = (
                each[0] + sum(by * f for by, f in zip(each[1:4], features, strict=False)) for each in weight
            )
            for each in differences:
                with_scene = other[0] + weight[1, 4] * each[index, 0] + weight[1, 5] * each[index, 1]
                total = torch.where(each[index, 2] > 0, with_scene, total)
            fused.append(total)
            codes.append((total > 0).byte() * _PERSON + confirmed.byte() * _CONFIRMED)
        return torch.stack(fused), torch.stack(codes)

    def _covered(
        self,
        window: Window,
        image: UInt8[Tensor, "h w 3"],
        fused: Float[Tensor, "side side"],
        dropped: Bool[Tensor, "side side"],
    ) -> UInt8[Tensor, "h w"]:
        """Coverage of the whole image."""
        radius, frame = filter_radius(window), torch.from_numpy(frame_of(window))
        if radius is None or image[..., 0].numel() > _LARGEST:
            kept = _kept(fused, dropped, frame.to(self._device))[: window.height, : window.width]
            coverage = torch.zeros(image.shape[:2], dtype=torch.uint8, device=image.device)
            coverage[window.rows, window.columns] = device_coverage(window, image, kept)
            return coverage
        if radius not in self._radii:
            self._radii[radius] = torch.zeros(radius, device=self._device)
        return self._cover(self._device, image, fused, dropped, frame, self._radii[radius])[0]


def _kept(
    fused: Float[Tensor, "side side"], dropped: Bool[Tensor, "side side"], frame: Float64[Tensor, "6"]
) -> Float[Tensor, "side side"]:
    """Log-odds without components that are dropped, and without haze beside the person; see `keep_person`."""
    person = (fused > 0) & ~dropped & in_window(frame)
    near = within(person[None], HAZE * frame[4:].amax()[None], int(HAZE * SIDE) + 1)[0]
    return torch.where(near & ~dropped, fused, fused.clamp_max(NOTHING))


def _coverage(
    image: UInt8[Tensor, "h w 3"],
    fused: Float[Tensor, "side side"],
    dropped: Bool[Tensor, "side side"],
    frame: Float64[Tensor, "6"],
    radius: Float[Tensor, " r"],
) -> tuple[Tensor]:
    """Coverage of the whole image, 0 beyond the window; the filter's radius is a length, since a graph has one."""
    wide, inside = in_image(_kept(fused, dropped, frame), frame, *image.shape[:2])
    return (following_edges(image.movedim(-1, 0) / 255, wide.sigmoid() * inside, len(radius)) * inside,)
