"""One frame of a pair's Gaussians as one lossless image: the player's format, about an eighth of a .spz.

Every Gaussian lies on the ray of a pixel of one of the two rectified views, so its attributes are pixels of images. The
image holds, one below the other, four parts, each with the left view's box and the right view's box side by side:

    colour         red, green, blue: 0..255
    depth          high and low byte of a number of 12 bits that maps linearly to 1 / depth; opacity: 1..63, 0: none
    scales         three numbers of 5 bits that map linearly to log(scale x focal length / depth)
    rotation       three numbers of 6 bits: x, y and z of the unit quaternion with w >= 0 that turns the Gaussian in its
                   camera's axes; they map linearly, 0..62, to -rotation..rotation

`PixelFrame.record` has what is needed to read it: boxes and ranges. tools/viewer/pixels.js reads it on the GPU.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from posegaussian.errors import UserError
from posegaussian.geometry.projection import project
from posegaussian.model.rotation import multiply, quaternion
from posegaussian.types import Camera, Gaussians

_DEPTH, _OPACITY, _SCALE, _ROTATION = 4095, 63, 31, 62
"""Highest levels. Chosen on val people (seeds 101 and 105, 512 px; benchmarks/export_formats.py): 0.01 dB below the
.ply at a held-out camera; scales and rotations of 8 bits gain nothing and take 45 % more."""
_OFF_PIXEL = 0.02
"""A Gaussian farther than this from the centre of its pixel, in pixels, belongs to other cameras. Rounding of float32
moves it by less than 1e-3. Chosen by hand."""
_METHOD = 4
"""Effort of the WebP encoder, 0 to 6: its default. 6 takes five times as long and saves 2 %."""


@dataclass(frozen=True)
class PixelFrame:
    """One frame of a pair."""

    image: bytes  # WebP, lossless
    # boxes [x, y, width, height] of both views in pixels of the image's cells; stride of the cells in pixels of the
    # view; ranges of inverse depth (1/m) and of log scale; the largest component of a rotation
    record: dict[str, Any]


def pack_frame(
    gaussians: Gaussians, cameras: Sequence[Camera], *, most: int | None = None, file: Path | None = None
) -> PixelFrame:
    """A frame as an image; entries with an opacity below 1/255 are left out.

    Args:
        gaussians: of one pair, as `render` writes them.
        cameras: the rectified cameras, left and right.
        most: of more Gaussians only every n-th column of every n-th row is kept, and larger; None: all are.
        file: named in errors.

    Raises:
        UserError: the Gaussians do not lie on pixels of the cameras.
    """
    visible = gaussians.compact().to("cpu", torch.float64)
    stride = 1
    while most and len(visible.means) > most * stride**2:
        stride += 1
    view, pixels, depths = _assigned(visible.means, cameras, file)
    parts = [_View(visible[view == i], pixels[view == i], depths[view == i], cameras[i], stride) for i in (0, 1)]
    ranges = {
        "depth": _limits([1 / part.depths for part in parts]),
        "scale": _limits([part.log_scales for part in parts]),
        "rotation": max(_limits([part.rotations.abs() for part in parts])[1], 1e-6),
    }
    height = max(part.box[3] for part in parts)
    sides = [part.image(height, ranges) for part in parts]
    encoded = io.BytesIO()
    Image.fromarray(np.concatenate(sides, axis=1)).save(encoded, "webp", lossless=True, method=_METHOD)
    return PixelFrame(encoded.getvalue(), {"boxes": [part.box for part in parts], "stride": stride, **ranges})


def view_record(camera: Camera) -> dict[str, list[float]]:
    """What the player needs of a rectified camera: focal length and principal point, and its pose in the world."""
    to_world = camera.world_to_camera.double()[:3, :3].mT.contiguous()
    values = {
        "pinhole": [camera.intrinsics[0, 0], camera.intrinsics[0, 2], camera.intrinsics[1, 2]],
        "position": camera.centre,
        "quaternion": torch.roll(quaternion(to_world), -1),  # xyzw
    }
    return {name: [round(float(value), 9) for value in numbers] for name, numbers in values.items()}


class _View:
    """The Gaussians of one view, as columns; one per cell."""

    def __init__(self, gaussians: Gaussians, pixels: Tensor, depths: Tensor, camera: Camera, stride: int):
        first = pixels.amin(0) if len(pixels) else pixels.new_zeros(2)
        kept = ((pixels - first) % stride == 0).all(1)
        gaussians, depths = gaussians[kept], depths[kept]
        self.cells: Int[Tensor, "n 2"] = (pixels[kept] - first) // stride
        size = (self.cells.amax(0) + 1).tolist() if len(self.cells) else [0, 0]
        self.box: list[int] = [*first.tolist(), *size]
        self.depths: Float[Tensor, "n 1"] = depths[:, None]
        self.colors, self.opacities = gaussians.colors, gaussians.opacities[:, None]
        footprint = self.depths / camera.intrinsics[0, 0].double()
        self.log_scales: Float[Tensor, "n 3"] = (gaussians.scales * stride / footprint).log()
        to_camera = quaternion(camera.world_to_camera.double()[:3, :3].contiguous())
        turned = multiply(to_camera, torch.nn.functional.normalize(gaussians.quaternions, dim=-1))
        self.rotations: Float[Tensor, "n 3"] = torch.where(turned[:, :1] < 0, -turned, turned)[:, 1:]

    def image(self, height: int, ranges: dict[str, Any]) -> UInt8[np.ndarray, "_ w 3"]:
        """The four parts, one below the other, each `height` cells high."""
        depth = _levels(1 / self.depths, ranges["depth"], _DEPTH).long()
        opacity = _levels(self.opacities, [0.0, 1.0], _OPACITY).clamp(min=1).long()
        reach = ranges["rotation"]
        parts = [
            _levels(self.colors, [0.0, 1.0], 255),
            torch.cat([depth >> 8, depth & 255, opacity], dim=1),
            _levels(self.log_scales, ranges["scale"], _SCALE),
            _levels(self.rotations, [-reach, reach], _ROTATION),
        ]
        image = np.zeros((len(parts), height, self.box[2], 3), np.uint8)
        columns, rows = self.cells.numpy().T
        for part, values in zip(image, parts, strict=True):
            part[rows, columns] = values.numpy().astype(np.uint8)
        return image.reshape(-1, self.box[2], 3)


def _assigned(
    means: Float[Tensor, "n 3"], cameras: Sequence[Camera], file: Path | None
) -> tuple[Int[Tensor, " n"], Int[Tensor, "n 2"], Float[Tensor, " n"]]:
    """The view of every Gaussian, its pixel there, and its depth in metres."""
    found = [project(means, camera.to(torch.float64)) for camera in cameras]
    pixels = torch.stack([points - 0.5 for points, _ in found])
    off = (pixels - pixels.round()).abs().amax(-1)
    # Row by row, those of the left view come first: the right view begins where the rows start again at the top.
    rows = pixels[0].round() @ pixels.new_tensor([1.0, cameras[0].width])
    again = (rows[1:] <= rows[:-1]).nonzero()
    splits = [int(again[0]) + 1 if len(again) else len(means), len(means), 0]
    split = min(splits, key=lambda at: float(off[0, :at].sum() + off[1, at:].sum()))
    entries = torch.arange(len(means))
    view = (entries >= split).long()
    wrong = int((off[view, entries] > _OFF_PIXEL).sum())
    pixels = pixels.round().long()[view, entries]
    if wrong or len(torch.unique(torch.cat([view[:, None], pixels], 1), dim=0)) < len(means):
        what = f"{wrong or 'some'} of {len(means)} Gaussians do not lie on pixels of their own in the rectified images"
        hint = "give the rectified .h5 that these splats were rendered from, and splats as `render` wrote them"
        raise UserError(what, code="mismatched-splats", file=file, hint=hint)
    return view, pixels, torch.stack([depths for _, depths in found])[view, entries]


def _limits(values: Sequence[Tensor]) -> list[float]:
    """The smallest and the largest number."""
    together = torch.cat([each.flatten() for each in values])
    return [float(f"{edge:.9g}") for edge in (together.min(), together.max())]


def _levels(values: Tensor, limits: Sequence[float], most: int) -> Tensor:
    """Whole numbers, 0 to `most`, that map linearly to the limits."""
    low, high = limits
    return ((values - low) / max(high - low, 1e-12) * most).round().clamp(0, most)
