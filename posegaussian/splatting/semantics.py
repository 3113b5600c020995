"""What a rasteriser computes, as parameters: the published ones differ in ways that show in single pixels."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Semantics:
    """The rules of compositing. Defaults are those of gsplat 1.5.3.

    A Gaussian adds alpha = min(opacity x exp(-sigma), alpha_max) to a pixel; below `alpha_min` it is skipped; a pixel
    stops before the Gaussian that would bring its transmittance to `transmittance_min` or less.
    """

    alpha_max: float = 0.999
    """Upper bound of one Gaussian's alpha; beyond it no gradient flows to the Gaussian's shape and opacity."""
    alpha_min: float = 1 / 255
    """Smallest alpha that counts."""
    transmittance_min: float = 1e-4
    """Where a pixel stops."""
    dilation: float = 0.3
    """Added to the diagonal of the projected covariance, pixels squared."""
    antialiased: bool = False
    """Lower the opacity by what the dilation adds in area (Mip-Splatting, eq. 9)."""
    near: float = 0.01
    """Gaussians whose centre is nearer than this are skipped, metres along the optical axis."""
    footprint: Literal["exact", "square"] = "exact"
    """`exact`: every pixel with alpha >= alpha_min. `square`: the 16 x 16 tiles that a square of half-width
    ceil(3 sigma), sigma along the longer axis, touches: from floor(low / 16) to floor((high + 15) / 16), exclusive, low
    and high counted from the centre of the first pixel, as the original does."""
    slope_limit: Literal["image", "symmetric"] = "image"
    """Where the projection's Jacobian is held: 0.3 tan(fov / 2) beyond the image's borders, or at 1.3 tan(fov / 2) from
    the optical axis on either side."""


GSPLAT = Semantics()
"""gsplat 1.5.3, `rasterize_mode="classic"`."""

ANTIALIASED = Semantics(antialiased=True)
"""gsplat 1.5.3, `rasterize_mode="antialiased"`: what the pipeline trains, renders and measures with."""

INRIA = Semantics(alpha_max=0.99, near=0.2, footprint="square", slope_limit="symmetric")
"""The original 3DGS rasteriser; values only: its gradient ignores the bound of alpha, ours does not."""
