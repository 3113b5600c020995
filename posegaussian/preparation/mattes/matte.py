"""The matte of the person in one image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from torch import Tensor

from posegaussian.preparation.mattes.window import Window


@dataclass(frozen=True)
class DeviceView:
    """An image and the coverage of the person in it on a device, for those who go on there, in the same stream."""

    image: UInt8[Tensor, "h w 3"]  # RGB
    coverage: UInt8[Tensor, "h w"]  # 0..255


@dataclass(frozen=True)
class Matte:
    """The person in one image."""

    coverage: UInt8[np.ndarray, "h w"]  # of each pixel, 0..255
    confidence: float  # in [0, 1]: how much of it several kinds of evidence agree about
    on_device: DeviceView | None = None  # the same with the image, where it was computed on a device


def confidence(window: Window, person: Bool[np.ndarray, "h w"], confirmed: Bool[np.ndarray, "h w"]) -> float:
    """The share of the person that the coarse matte and the other cameras confirm, times the score of the person.

    Args:
        window: around the person.
        person: what is more person than not, in the window's pixels.
        confirmed: what may be the person for the other cameras; everything where there are none.
    """
    if not person.any():
        return 0.0
    coarse = window.coarse >= 128
    agreement = float((person & coarse).sum() / (person | coarse).sum())
    return window.person.score * min(agreement, float(confirmed[person].mean()))
