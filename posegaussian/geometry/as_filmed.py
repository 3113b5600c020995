"""Images as filmed near a matte, and black beyond: what rectified stores contain, for images on a device."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.geometry.compositing import BAND
from posegaussian.geometry.distance import distance_to

_CELL = 4
"""The distance to the matte is computed in cells of this many pixels. Chosen by hand: a hundredth of a person."""


def near_matte(
    images: Float[Tensor, "n 3 h w"], mattes: Float[Tensor, "n h w"], band: float = BAND
) -> Float[Tensor, "n 3 h w"]:
    """The images, black where they lie farther from their matte than the band is wide.

    Args:
        images: as filmed, RGB; sides are multiples of 4.
        mattes: coverage of the person.
        band: width, as a share of the person's height.
    """
    width = band * (mattes > 0.5).any(-1).sum(-1) / _CELL
    cells = F.max_pool2d(mattes[:, None], _CELL)[:, 0] > 0
    reach = int(band * mattes.shape[-2] / _CELL) + 2
    distance = F.interpolate(distance_to(cells, reach)[:, None], scale_factor=float(_CELL), mode="bilinear")
    return images * (distance <= width[:, None, None, None])
