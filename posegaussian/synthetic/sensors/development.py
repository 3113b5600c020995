"""Development: how cameras turn light into the values of an image, by metering, white balance and a tone curve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from posegaussian.config import SensorSettings
from posegaussian.synthetic.renderer.render import RenderedColours
from posegaussian.types import Tensors

LUMA = (0.2126, 0.7152, 0.0722)
"""Shares of red, green and blue in the luminance (ITU-R BT.709)."""
CENTRE_WIDTH = 0.25
"""Standard deviation of the weights of centre-weighted metering, as a share of the image's sides; chosen by hand."""
_DARKEST = 1e-4
"""Means below this are metered as this, so that black images stay finite."""
_SHARED = ("metering", "metered", "centre", "grey_world", "white", "contrast")
"""The settings that all cameras of a rig share."""


@dataclass(frozen=True)
class Development(Tensors):
    """Development of n images; the arguments up to `contrast` are those of `SensorSettings`."""

    metering: Float32[Tensor, n]  # share of the wrong exposure that the camera corrects
    metered: Float32[Tensor, n]  # mean luminance that metering aims at
    centre: Float32[Tensor, n]  # weight of the image's middle
    grey_world: Float32[Tensor, n]  # share of the colour cast that the camera corrects
    white: Float32[Tensor, n]  # brightness that becomes white
    contrast: Float32[Tensor, n]  # strength of the S-shaped curve
    # 1 where sRGB's transfer function encodes linear light, 0 where the values are encoded already
    encoding: Float32[Tensor, n]

    def repeated(self, times: int) -> Development:
        """The development of `times` times as many images."""
        return self.map(lambda values: values.repeat(times))

    def gains(self, images: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3"]:
        """Gains of the channels that the cameras choose by themselves: white balance by grey world, then exposure.

        The mean luminance of the images times the gains is `metered` where `metering` is 1.
        """
        means = _means(images, self.centre).clamp_min(_DARKEST)
        balance = (_luminance(means) / means) ** self.grey_world[:, None]
        level = _luminance(means * balance)
        return (balance * (self.metered[:, None] / level) ** self.metering[:, None]).float()

    def encoded(self, light: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
        """Values of an image, 0 and up, from exposed light: roll-off of the highlights, encoding, contrast.

        Without a single effect these are the same bits. The roll-off x / (1 + (1 - 1/w) x) sends w to 1 (after
        Reinhard et al., 2002); the contrast adds a share of smoothstep's deviation from a straight line.
        """
        white, contrast, encoding = (
            values[:, None, None, None] for values in (self.white, self.contrast, self.encoding)
        )
        light = light / (1 + (1 - 1 / white) * light)
        light = light + encoding * (srgb(light) - light)
        inside = light.clamp(0, 1)
        return light + contrast * inside * (1 - inside) * (2 * inside - 1)

    def developed(self, rendered: RenderedColours, gains: Float32[Tensor, "n 3"]) -> RenderedColours:
        """Images of the person on black, developed.

        In a pixel that the person covers in part, their own colour is developed, then multiplied by the coverage.
        """
        own = rendered.colours / rendered.coverage.clamp_min(1e-6)
        changed = self.encoded(own * gains[:, :, None, None])
        return replace(rendered, colours=rendered.colours + rendered.coverage * (changed - own))


def draw_development(rng: np.random.Generator, settings: SensorSettings, linear: bool) -> Development:
    """The random development of one image, on the CPU; `linear` as in `LightSettings`.

    It is drawn from a generator of its own, so that the numbers that follow in `rng` do not depend on it.
    """
    own = rng.spawn(1)[0]
    values = {name: own.uniform(*getattr(settings, name)) for name in _SHARED} | {"encoding": float(linear)}
    return Development(**{name: torch.tensor([value], dtype=torch.float32) for name, value in values.items()})


def srgb(light: Float32[Tensor, "*n"]) -> Float32[Tensor, "*n"]:
    """Linear light, 0 and up, encoded by sRGB's transfer function (IEC 61966-2-1)."""
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def _luminance(colours: Float64[Tensor, "n 3"]) -> Float64[Tensor, "n 1"]:
    red, green, blue = colours.split(1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def _means(images: Float32[Tensor, "n 3 h w"], centre: Float32[Tensor, n]) -> Float64[Tensor, "n 3"]:
    """Means of the channels, `centre` of them weighted towards the middle; in float64, so that all devices agree."""
    height, width = images.shape[2:]
    rows, columns = (_middle_weights(size, images.device) for size in (height, width))
    middle = ((images * columns).sum(3) * rows).sum(2)
    return torch.lerp(images.mean((2, 3), dtype=torch.float64), middle, centre[:, None].double())


@cache
def _middle_weights(size: int, device: torch.device) -> Float64[Tensor, s]:
    """Gaussian weights of pixels along one side of an image; they sum to 1."""
    place = (torch.arange(size, dtype=torch.float64, device=device) + 0.5) / size - 0.5
    weights = torch.exp(-0.5 * (place / CENTRE_WIDTH) ** 2)
    return weights / weights.sum()
