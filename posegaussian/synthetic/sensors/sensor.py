"""Sensor effects: blur, exposure, white balance, tone curve, gamma, noise, and the quantisation of JPEG.

Random numbers are hashes of the pixels' numbers, and sums have a fixed order, so that all devices agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

from posegaussian.config import SensorSettings
from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.sensors.development import Development
from posegaussian.types import Tensors


@dataclass(frozen=True)
class Sensor(Tensors):
    """Sensor effects of n images; see `SensorSettings`."""

    development: Development  # what the camera chooses by itself, and its tone curve
    gain: Float32[Tensor, "n 3"]  # of each channel, besides
    gamma: Float32[Tensor, n]  # exponent of the brightness
    noise: Float32[Tensor, n]  # standard deviation of the noise of a white pixel
    defocus: Float32[Tensor, n]  # standard deviation of the blur, pixels
    jpeg: Float32[Tensor, n]  # quality, 100 is off
    seed: Int64[Tensor, n]  # of the noise

    def apply(self, images: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
        """The images with all effects, in 0..1."""
        images = gaussian_blur(images, self.defocus)
        images = self.exposed(images, images)
        level = self.noise[:, None, None, None] * images.sqrt()
        images = (images + level * gaussian_noise(images.shape, self.seed)).clamp(0, 1)
        return jpeg_quantise((255 * images).round(), self.jpeg) / 255

    def exposed(
        self, images: Float32[Tensor, "n 3 h w"], scene: Float32[Tensor, "n 3 h w"]
    ) -> Float32[Tensor, "n 3 h w"]:
        """The images with the effects on single colours alone: exposure, white balance and tone curve; in 0..1."""
        gain = self.gain * self.development.gains(scene)
        return self.development.encoded(images * gain[:, :, None, None]).clamp(0, 1) ** self.gamma[:, None, None, None]


def draw_sensors(
    rng: np.random.Generator, settings: SensorSettings, development: Development, frames: int, cameras: int
) -> Sensor:
    """Random sensors of a rig, constant over the frames except the noise; batch is frames x cameras, on the CPU.

    Args:
        rng: random generator.
        settings: ranges to draw from.
        development: of one image, which all cameras share.
        frames: number of frames.
        cameras: number of cameras.
    """
    exposure = 2 ** rng.uniform(*settings.exposure, size=cameras)
    warmth = rng.uniform(*settings.white_balance, size=cameras)
    values = {
        "gain": exposure[:, None] * np.stack([1 + warmth, np.ones(cameras), 1 - warmth], axis=1),
        **{name: rng.uniform(*getattr(settings, name), size=cameras) for name in ("gamma", "noise", "defocus", "jpeg")},
    }
    tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
    repeated = {name: value.repeat(frames, *[1] * (value.ndim - 1)) for name, value in tensors.items()}
    seed = torch.from_numpy(rng.integers(0, 1 << 31, frames * cameras))
    return Sensor(development.repeated(frames * cameras), **repeated, seed=seed)


def gaussian_blur(images: Float32[Tensor, "n c h w"], sigma: Float32[Tensor, n]) -> Float32[Tensor, "n c h w"]:
    """Images blurred by a Gaussian of a standard deviation in pixels, cut off at 4 pixels."""
    offsets = torch.arange(-4, 5, device=images.device)
    weights = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    for axis in (2, 3):
        padding = (4, 4, 0, 0) if axis == 3 else (0, 0, 4, 4)
        around = F.pad(images, padding, mode="replicate").unfold(axis, 9, 1)
        images = (weights[:, None, None, None] * around).sum(-1)
    return images


def gaussian_noise(shape: tuple[int, ...], seed: Int64[Tensor, n]) -> Float32[Tensor, "n c h w"]:
    """Noise of mean 0 and deviation 1: the sum of the four quarters of a hash (splitmix64) of seed and pixel."""
    if seed.is_cuda and has_triton():
        from posegaussian.synthetic.renderer import kernels

        return kernels.noise(shape, seed)
    count = math.prod(shape[1:])
    pixel = torch.arange(count, device=seed.device)
    state = seed[:, None] * 0x1F3D5B79A3C1E587 + pixel * -0x61C8864680B583EB
    state = (state ^ _logical_shift(state, 30)) * -0x40A7B892E31B1A47
    state = (state ^ _logical_shift(state, 27)) * -0x6B2FB644ECCEEE15
    state = state ^ _logical_shift(state, 31)
    total = torch.stack([(state >> shift) & 0xFFFF for shift in (0, 16, 32, 48)]).sum(0)
    return ((total / 65535 - 2) * math.sqrt(3)).view(shape)


def _logical_shift(state: Int64[Tensor, "n p"], by: int) -> Int64[Tensor, "n p"]:
    """A logical shift to the right."""
    return (state >> by) & ((1 << (64 - by)) - 1)


_LUMINANCE = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""
_CHROMINANCE = """
17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99
"""
"""Quantisation tables of ITU-T T.81, Annex K; quality scales them as libjpeg does."""


def jpeg_quantise(images: Float32[Tensor, "n 3 h w"], quality: Float32[Tensor, n]) -> Float32[Tensor, "n 3 h w"]:
    """Images after JPEG's quantisation, with chroma at full resolution; whole levels 0..255 in and out."""
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    r, g, b = padded.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    channels = torch.stack([y - 128, 0.564334 * (b - y), 0.713267 * (r - y)], dim=1)
    basis, tables = _constants(images.device)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[:, None, None, None]
    steps = (tables * scale).round().clamp(1, 255)[:, :, None, :, None, :]
    blocks = channels.unflatten(3, (-1, 8)).unflatten(2, (-1, 8))  # n 3 rows 8 columns 8
    blocks = _transform_axis(_transform_axis(blocks, basis, 3), basis, 5)
    blocks = (blocks / steps).round() * steps
    blocks = _transform_axis(_transform_axis(blocks, basis.T, 3), basis.T, 5)
    y, blue, red = blocks.flatten(4).flatten(2, 3)[:, :, :height, :width].unbind(1)
    y = y + 128
    found = torch.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], dim=1)
    return torch.where((quality >= 100)[:, None, None, None], images, found.round().clamp(0, 255))


@cache
def _constants(device: torch.device) -> tuple[Float32[Tensor, "8 8"], Float32[Tensor, "3 8 8"]]:
    """The discrete cosine transform's matrix, and the tables of the three channels."""
    k, n = np.mgrid[:8, :8]
    basis = np.cos(np.pi * (2 * n + 1) * k / 16) * np.where(k == 0, np.sqrt(1 / 8), 0.5)
    tables = [np.array(text.split(), float).reshape(8, 8) for text in (_LUMINANCE, _CHROMINANCE, _CHROMINANCE)]
    matrices = basis, np.stack(tables)
    first, second = (torch.from_numpy(matrix.astype(np.float32)).to(device) for matrix in matrices)
    return first, second


def _transform_axis(blocks: Tensor, matrix: Float32[Tensor, "8 8"], axis: int) -> Tensor:
    """The matrix applied to one axis of 8; no matrix product, since on CUDA that may round to TF32."""
    return (blocks.movedim(axis, -1)[..., None, :] * matrix).sum(-1).movedim(-1, axis)
