"""The last step of blending: colours over a background, and expected depth from accumulated depth."""

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Rendering


def finish(blended: Float[Tensor, "views 5 h w"], background: Float[Tensor, "views 3"] | None) -> Rendering:
    """A rendering from accumulated colours, depth and alpha.

    Args:
        blended: RGB, depth and 1, each weighted and summed front to back; the sum of the 1s is alpha.
        background: RGB; black if None.
    """
    colors, depths, alphas = blended.split([3, 1, 1], 1)
    if background is not None:
        colors = colors + (1 - alphas) * background[:, :, None, None]
    # The clamp keeps the gradient of the branch that `where` discards finite.
    depths = torch.where(alphas > 0, depths / alphas.clamp(min=torch.finfo(alphas.dtype).tiny), 0.0)
    return Rendering(colors, alphas, depths)
