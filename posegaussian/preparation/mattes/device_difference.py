"""How much windows differ from the scene without the person, on a CUDA device: `difference`, up to rounding.

One CUDA graph a camera; on the CPU it took longer than everything else about a matte.
"""

from collections.abc import Mapping
from functools import partial

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.preparation.mattes.device_window import SIDE, frame_of, in_window, padded, window_pixels
from posegaussian.preparation.mattes.difference import DEVIATIONS, LEAST, NORMAL, RANGE, SMALLEST
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.window import Window

_BLUR = torch.exp(-0.5 * torch.arange(-3, 4).double().square())
"""Weights of OpenCV's Gaussian of 8-bit images with a standard deviation of one pixel, not normalised."""
_STEPS, _PARTS = 32, 16
"""Steps of each colour in the table by which OpenCV finds CIELAB, and places between two of them that it interpolates
at. What it finds is up to 0.3 off the formula, as far as noise."""


class DeviceDifference:
    """Measures the differences of one frame; threads may share it.

    Args:
        scenes: the scene without the person, by camera; those of some cameras, or none.
        device: which computes.
    """

    def __init__(self, scenes: Mapping[str, Scene], device: torch.device):
        self._device, self._graph = device, GraphPerShape(partial(_planes, _lab_table().to(device)))
        self._scenes = {name: _uploaded(scene, device) for name, scene in scenes.items()}

    def of(self, windows: Mapping[str, Window], there: Mapping[str, UInt8[Tensor, "_ _ 3"]]) -> list[Tensor]:
        """For each window, in the square: lightness and colour of the difference, and where it is known.

        Args:
            windows: by camera.
            there: the images on the device.

        Returns:
            one tensor (windows, 3, side, side); none where the scene of no window is known.
        """
        if not windows.keys() & self._scenes.keys():
            return []
        found = [
            self._graph(
                self._device,
                there[name],
                *self._scenes[name],
                torch.from_numpy(padded(window.coarse)),
                torch.from_numpy(frame_of(window)),
            )[0]
            if name in self._scenes
            else torch.zeros(3, SIDE, SIDE, device=self._device)
            for name, window in windows.items()
        ]
        return [torch.stack(found)]


def _uploaded(scene: Scene, device: torch.device) -> tuple[UInt8[Tensor, "h w 3"], UInt8[Tensor, "h w 1"]]:
    """The scene's image and 255 where it is known, on the device."""
    known = np.ones(scene.image.shape[:2], bool) if scene.known is None else scene.known
    return torch.from_numpy(scene.image).to(device), torch.from_numpy(known[..., None] * np.uint8(255)).to(device)


def _lab_table() -> Float32[Tensor, "3 b g r"]:
    """OpenCV's CIELAB of sRGB."""
    steps = np.linspace(0, 1, _STEPS + 1, dtype=np.float32)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij")[::-1], -1)
    table = cv2.cvtColor(colours.reshape(-1, 1, 3), cv2.COLOR_RGB2LAB).reshape(colours.shape)
    return torch.from_numpy(table).movedim(-1, 0).contiguous()


def _planes(
    table: Float32[Tensor, "3 b g r"],
    image: UInt8[Tensor, "h w 3"],
    scene: UInt8[Tensor, "h w 3"],
    known: UInt8[Tensor, "h w 1"],
    coarse: UInt8[Tensor, "side side"],
    frame: Float64[Tensor, "6"],
) -> tuple[Float32[Tensor, "3 side side"]]:
    """See `difference_evidence`; 0 beyond the window."""
    inside, size = in_window(frame), frame[4:].flip(0)
    both = torch.stack([window_pixels(each, frame, SIDE, SIDE).float() for each in (image, scene)])
    first, second = _lab(table, _blurred(both, size))
    beside = inside & (coarse == 0)
    beside = torch.where(beside.sum() > 0.1 * inside.sum(), beside, inside)
    change = first - second
    change = change - _median(change, beside)
    sizes = torch.stack([change[0].abs(), torch.hypot(change[1], change[2])])
    limit = (DEVIATIONS * NORMAL * _median(sizes, beside)).clamp_min(LEAST)
    octaves = torch.log2(sizes.clamp_min(SMALLEST) / limit).clamp(-RANGE, RANGE)
    seen = window_pixels(known, frame, SIDE, SIDE) == 255
    return (torch.cat([octaves, seen.float()]) * inside,)


def _blurred(values: Float32[Tensor, "n c h w"], size: Float64[Tensor, "2"]) -> Float32[Tensor, "n c h w"]:
    """Levels of 8 bits, blurred and rounded; mirrored at the borders of the window: `size` rows and columns."""
    weights = (_BLUR / _BLUR.sum()).tolist()
    for axis in (2, 3):
        length = values.shape[axis]
        extended = values.index_select(axis, _mirrored(length, size[axis - 2]))
        values = sum(weight * extended.narrow(axis, k, length) for k, weight in enumerate(weights))  # type: ignore[assignment]
    return values.round()


def _mirrored(length: int, count: Float64[Tensor, ""]) -> Int64[Tensor, " n"]:
    """Indices along an axis with three more at each end; from the last of `count` on they go back."""
    place = torch.arange(-3, length + 3, device=count.device).abs()
    return torch.minimum(place, 2 * (count.long() - 1) - place).clamp_min(0)


def _lab(table: Float32[Tensor, "3 b g r"], levels: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
    """CIELAB of sRGB in levels of 8 bits."""
    places = (levels * (_STEPS * _PARTS / 255) + 1e-3).floor() / (_STEPS * _PARTS)
    grid = places.permute(0, 2, 3, 1)[:, None] * 2 - 1
    return functional.grid_sample(table.expand(len(levels), -1, -1, -1, -1), grid, align_corners=True)[:, :, 0]


def _median(values: Float32[Tensor, "c h w"], where: Bool[Tensor, "h w"]) -> Float32[Tensor, "c 1 1"]:
    """The median of each channel over some pixels."""
    ordered = values.masked_fill(~where, torch.inf).flatten(1).sort(1).values
    count = where.sum()
    middle = torch.stack([(count - 1) // 2, count // 2])
    return ordered.index_select(1, middle).mean(1)[:, None, None]
