"""One Gaussian per pixel: decoded at half the image's size, then shuffled to full."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import unproject
from posegaussian.model.blocks import Residual, conv, output
from posegaussian.model.consistency import agreement, slopes, trimmed
from posegaussian.model.rotation import multiply, quaternion
from posegaussian.types import Gaussians, StereoPair

_FOOTPRINT = 0.5
"""Standard deviation at first, in footprints of a pixel (depth / focal length)."""
_SCALE_RANGE = 1.5
"""A scale may grow or shrink by exp of this."""
_COLOR_RANGE = 0.25
"""A colour may change by this much."""
_CERTAIN = 4.0
"""Logit of the opacity at first; its negative on the silhouette's outermost pixel."""
_PARTS = (3, 3, 1, 3)
"""Rotation, scale, opacity, colour."""
_CUES = 8


class GaussianHead(nn.Module):
    """Attributes of the Gaussians, as corrections to isotropic ones of half a footprint in the pixel's own colour.

    Args:
        half: channels of the colour features at 1/2.
        quarter: channels of whatever is known at 1/4.
        width: channels of the decoder.
    """

    def __init__(self, half: int, quarter: int, width: int = 32):
        super().__init__()
        self.coarse = conv(quarter, width, 1)
        self.join = conv(half + width + 4 * _CUES, width)
        self.refine = Residual(width)
        self.attributes = output(width, 4 * sum(_PARTS), gain=0.01)

    def forward(
        self,
        pair: StereoPair,
        disparity: Float[Tensor, "b 2 h w"],
        half: Float[Tensor, "b 2 c1 h1 w1"],
        quarter: Float[Tensor, "b 2 c2 h2 w2"],
    ) -> Gaussians:
        """Gaussians in the world frame, 2 h w of them; opacity 0 off the masks.

        Args:
            pair: the images, masks and cameras.
            disparity: at full resolution, in pixels; gradients reach it through the means.
            half: colour features at 1/2.
            quarter: features at 1/4.
        """
        masks = pair.masks[:, :, 0]
        depth = disparity_to_depth(disparity, pair.cameras)
        known = (masks > 0) & (depth > 0)
        depth = depth.where(known, torch.ones_like(depth))
        focal = pair.cameras.intrinsics[..., 0, 0]
        trim = trimmed(masks)
        with torch.no_grad():
            cues = torch.cat(
                [
                    2 * pair.images - 1,
                    pair.masks,
                    trim[:, :, None],
                    agreement(disparity, depth, masks)[:, :, None],
                    slopes(depth, focal),
                ],
                dim=2,
            )
            cues = F.pixel_unshuffle((cues * pair.masks).flatten(0, 1), 2)
        coarse = F.interpolate(self.coarse(quarter.flatten(0, 1)).relu(), scale_factor=2.0, mode="nearest")
        joined = self.join(torch.cat([half.flatten(0, 1).relu(), coarse, cues], dim=1))
        attributes = F.pixel_shuffle(self.attributes(self.refine(joined).relu()), 2).unflatten(0, (-1, 2)).float()
        rotation, scale, opacity, color = attributes.movedim(2, -1).split(_PARTS, dim=-1)

        facing = quaternion(pair.cameras.world_to_camera[..., :3, :3].mT)[:, :, None, None]
        turned = F.normalize(F.pad(rotation, (1, 0), value=1.0), dim=-1)
        footprint = (depth / focal[..., None, None])[..., None]
        opacity = (opacity[..., 0] + _CERTAIN * (2 * trim - 1)).sigmoid() * masks * known
        color = pair.images.movedim(2, -1) + _COLOR_RANGE * color.tanh()
        return Gaussians(
            means=unproject(depth, pair.cameras).flatten(1, 3),
            quaternions=multiply(facing.expand_as(turned), turned).flatten(1, 3),
            scales=(_FOOTPRINT * footprint * torch.exp(_SCALE_RANGE * scale.tanh())).flatten(1, 3),
            opacities=opacity.flatten(1, 3),
            colors=color.clamp(0, 1).flatten(1, 3),
        )
