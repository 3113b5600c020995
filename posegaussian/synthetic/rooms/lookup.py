"""Texture lookups on a device: the atlas with mip levels, trilinear; and the panorama."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from posegaussian.synthetic.rooms.panorama import HIGHEST, LOWEST, panorama
from posegaussian.synthetic.rooms.patterns import SIZE
from posegaussian.synthetic.rooms.textures import FULL, names, texture
from posegaussian.types import Tensors

LEVELS = 9
"""Mip levels: from 512 to 2 texels."""
COARSEST = 2 ** (LEVELS - 1) - 0.01
"""Largest footprint of a lookup, texels."""


@dataclass(frozen=True)
class Pyramid(Tensors):
    """The atlas with mip levels, flat."""

    texels: UInt8[Tensor, "n 4"]  # of all levels, layer by layer within a level
    starts: Int64[Tensor, "9"]  # first texel of each level

    def sample(
        self,
        layer: Int64[Tensor, "n"],
        u: Float32[Tensor, "n"],
        v: Float32[Tensor, "n"],
        footprint: Float32[Tensor, "n"],
    ) -> Float32[Tensor, "n 3"]:
        """Brightness and the shares of the second and the third colour.

        Args:
            layer: of the atlas.
            u: across, in periods.
            v: down, in periods.
            footprint: distance of neighbouring samples, periods.
        """
        level = (footprint * SIZE).clamp(1, COARSEST).log2()
        low = level.long()
        share = (level - low)[:, None]
        values = self._bilinear(layer, u, v, low) * (1 - share) + self._bilinear(layer, u, v, low + 1) * share
        return values[:, :3] * _scales(values.device)

    def _bilinear(
        self, layer: Int64[Tensor, "n"], u: Float32[Tensor, "n"], v: Float32[Tensor, "n"], level: Int64[Tensor, "n"]
    ) -> Float32[Tensor, "n 4"]:
        size = SIZE >> level
        x, y = u * size - 0.5, v * size - 0.5
        left, top = x.floor(), y.floor()
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        mask = size - 1
        column, row = left.long() & mask, top.long() & mask
        right, below = (column + 1) & mask, (row + 1) & mask
        first = self.starts[level] + layer * size * size
        row, below = first + row * size, first + below * size
        upper = self._texel(row + column) * (1 - fx) + self._texel(row + right) * fx
        lower = self._texel(below + column) * (1 - fx) + self._texel(below + right) * fx
        return upper * (1 - fy) + lower * fy

    def _texel(self, index: Int64[Tensor, "n"]) -> Float32[Tensor, "n 4"]:
        return self.texels[index].float()


@cache
def _scales(device: torch.device) -> Float32[Tensor, "3"]:
    return torch.tensor([1 / FULL, 1 / 255, 1 / 255], device=device)


def pyramid(device: torch.device, wanted: Float32[Tensor, "m 4"]) -> Pyramid:
    """The atlas on a device: on CUDA all of it, on the CPU at least the textures of some materials.

    Drawing a texture takes 20 ms, and a capture needs a few of them.
    """
    if device.type != "cpu":
        return _whole(device)
    known, drawn = _on_cpu()
    for number in {int(layer) for layer in wanted[:, 0]} - drawn:
        _draw(known, number)
        drawn.add(number)
    return known


@cache
def _whole(device: torch.device) -> Pyramid:
    """The whole atlas on a device."""
    found = _empty()
    for number in range(len(names())):
        _draw(found, number)
    return found.to(device)


@cache
def _on_cpu() -> tuple[Pyramid, set[int]]:
    """The atlas on the CPU, and the numbers of the textures that are drawn."""
    return _empty(), set()


def _empty() -> Pyramid:
    sizes = [len(names()) * (SIZE >> level) ** 2 for level in range(LEVELS)]
    return Pyramid(torch.zeros((sum(sizes), 4), dtype=torch.uint8), torch.tensor([0, *sizes[:-1]]).cumsum(0))


def _draw(into: Pyramid, number: int) -> None:
    """Draw a texture into all levels of an atlas on the CPU."""
    level = texture(number).astype(np.float32)
    for start in into.starts.tolist():
        rounded = torch.from_numpy((level + 0.5).astype(np.uint8).reshape(-1, 4))
        first = start + number * len(rounded)
        into.texels[first : first + len(rounded)] = rounded
        level = (level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] + level[1::2, 1::2]) / 4


@cache
def panorama_on(number: int, device: torch.device) -> UInt8[Tensor, "h w 4"]:
    """A panorama on a device."""
    return torch.from_numpy(panorama(number)).to(device)


def far_away(number: int, direction: Float32[Tensor, "n 3"], turn: Float32[Tensor, ""]) -> Float32[Tensor, "n 3"]:
    """RGB of a panorama in some directions, 0..1.

    Args:
        number: of the panorama.
        direction: in the world, of any length.
        turn: rotation about the vertical, radians.
    """
    image = panorama_on(number, direction.device)
    height, width = image.shape[:2]
    x, y, z = direction.unbind(1)
    tangent = (z / (x * x + y * y).sqrt().clamp_min(1e-4)).clamp(LOWEST, HIGHEST)
    column = (torch.atan2(y, x) + turn) * (width / (2 * torch.pi)) - 0.5
    row = (HIGHEST - tangent) * ((height - 1) / (HIGHEST - LOWEST))
    left, top = column.floor(), row.floor().clamp(0, height - 2)
    fx, fy = (column - left)[:, None], (row - top)[:, None]
    first, start = left.long() % width, top.long() * width
    second, flat = (first + 1) % width, image.flatten(0, 1)
    above = flat[start + first].float() * (1 - fx) + flat[start + second].float() * fx
    below = flat[start + width + first].float() * (1 - fx) + flat[start + width + second].float() * fx
    return (above * (1 - fy) + below * fy)[:, :3] / 255
