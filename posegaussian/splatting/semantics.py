"""The semantics of a rasteriser as parameters: published rasterisers differ in details, visible in single pixels."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Semantics:
    """The rules of compositing. Defaults are those of gsplat 1.5.3.

    A Gaussian adds alpha = min(opacity x exp(-sigma), alpha_max) to a pixel. If alpha is below `alpha_min`, the
    Gaussian is skipped. A pixel is complete before the Gaussian that would lower its transmittance to
    `transmittance_min` or less.
    """

    alpha_max: float = 0.999
    """Upper bound of a Gaussian's alpha; where it applies, no gradient flows to the Gaussian's shape and opacity."""
    alpha_min: float = 1 / 255
    """Lower bound of alpha; Gaussians below it are skipped at that pixel."""
    transmittance_min: float = 1e-4
    """Transmittance at which a pixel is complete."""
    dilation: float = 0.3
    """Added to the diagonal of the projected covariance, pixels squared."""
    antialiased: bool = False
    """Whether opacities are multiplied by the ratio of the areas before and after dilation (Mip-Splatting, eq. 9)."""
    near: float = 0.01
    """Gaussians whose centre is nearer than this are skipped; metres along the optical axis."""
    footprint: Literal["exact", "square"] = "exact"
    """Pixels that a Gaussian is evaluated at. `exact`: every pixel with alpha >= alpha_min. `square`: the 16 x 16 tiles
    that a square of half-width ceil(3 sigma), sigma along the longer axis, touches: from floor(low / 16) to
    floor((high + 15) / 16), exclusive, with low and high counted from the centre of the first pixel, as in the original
    3DGS rasteriser."""
    slope_limit: Literal["image", "symmetric"] = "image"
    """Slopes x/z and y/z to which the projection's Jacobian is clamped. `image`: up to 0.3 tan(fov / 2) beyond the
    image's borders. `symmetric`: up to 1.3 tan(fov / 2) on either side of the optical axis."""


GSPLAT = Semantics()
"""gsplat 1.5.3, `rasterize_mode="classic"`."""

ANTIALIASED = Semantics(antialiased=True)
"""gsplat 1.5.3, `rasterize_mode="antialiased"`: used by the pipeline for training, rendering and evaluation."""

INRIA = Semantics(alpha_max=0.99, near=0.2, footprint="square", slope_limit="symmetric")
"""The original 3DGS rasteriser. Its values only: its gradient ignores the upper bound of alpha, ours does not."""
