"""One Gaussian per pixel: decoded at half the image's size, then shuffled to full."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import pixel_grid, unproject_pixels
from posegaussian.model.blocks import Residual, concatenated, conv, output, unshuffled
from posegaussian.model.compaction import foreground, pick
from posegaussian.model.consistency import agreement, slopes, trimmed
from posegaussian.model.exposure import Exposure
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
_CUES = 24


@dataclass(frozen=True)
class Decoded:
    """The Gaussians of both views, one after the other, and how many pixels each view wanted (None: all got one)."""

    gaussians: Gaussians
    count: Int[Tensor, "b 2"] | None


class GaussianHead(nn.Module):
    """Attributes of the Gaussians, as corrections to isotropic ones of half a footprint in the pixel's own colour.

    Args:
        fine: channels of the features at 1/2.
        known: channels of what the stereo search knows at 1/2.
        width: channels of the decoder.
    """

    def __init__(self, fine: int, known: int, width: int = 32):
        super().__init__()
        self.join = conv(fine + known + _CUES, width)
        self.refine = Residual(width)
        self.attributes = output(width, 4 * sum(_PARTS), gain=0.01)
        self.exposure = Exposure()

    def forward(
        self,
        pair: StereoPair,
        disparity: Float[Tensor, "b 2 h w"],
        half: Float[Tensor, "b 2 hh wh"],
        fine: Float[Tensor, "b 2 c1 hh wh"],
        known: Float[Tensor, "b 2 c2 hh wh"],
        capacity: int | None = None,
    ) -> Decoded:
        """Gaussians in the world frame.

        Args:
            pair: the images, masks and cameras.
            disparity: at full resolution, in pixels; gradients reach it through the means.
            half: the same, one value per 2 x 2 pixels, in pixels of the image.
            fine: features at 1/2.
            known: what the stereo search knows at 1/2, rectified.
            capacity: Gaussians per view; the person's pixels fill them in order, and the opacity of the rest is 0. None
                gives every pixel one, row by row; off the mask its opacity is 0.
        """
        masks = pair.masks[:, :, 0]
        trim = trimmed(masks)
        cues, (gain, bias) = self._cues(pair, half.detach(), trim, fine.dtype)
        joined = concatenated(fine.flatten(0, 1).relu(), known.flatten(0, 1), *cues)
        attributes = F.pixel_shuffle(self.attributes(self.refine(self.join(joined)).relu()), 2)

        lists = {
            "attributes": attributes.permute(0, 2, 3, 1).unflatten(0, (-1, 2)).flatten(2, 3),
            "disparity": disparity.flatten(2),
            "colors": pair.images.permute(0, 1, 3, 4, 2).flatten(2, 3),
            "masks": masks.flatten(2),
            "trim": trim.flatten(2),
        }
        grid = pixel_grid(*masks.shape[-2:], like=disparity).flatten(0, 1)
        pixels, count = grid.expand(*masks.shape[:2], -1, -1), None
        if capacity is not None:
            index, used, count = foreground(masks > 0, capacity)
            lists = {name: pick(values, index) for name, values in lists.items()}
            lists["masks"] = lists["masks"] * used
            pixels = grid[index]
        gaussians = _gaussians(pair, pixels, gain=gain, bias=bias, **lists)
        return Decoded(gaussians.map(lambda values: values.flatten(1, 2)), count)

    def _cues(
        self, pair: StereoPair, half: Tensor, trim: Tensor, dtype: torch.dtype
    ) -> tuple[tuple[Float[Tensor, "n _ hh wh"], ...], tuple[Float[Tensor, "b 2 3"], Float[Tensor, "b 2 3"]]]:
        """What is known without learning, at 1/2, and each view's colour correction."""
        cover = F.avg_pool2d(pair.masks.flatten(0, 1), 2).unflatten(0, (-1, 2))[:, :, 0]
        colors = F.avg_pool2d(pair.images.flatten(0, 1), 2).unflatten(0, (-1, 2))
        with torch.no_grad():
            depth = disparity_to_depth(half, pair.cameras)
            trust, covered, seen = agreement(half / 2, depth, cover, colors)
            slope = slopes(depth, pair.cameras.intrinsics[..., 0, 0] / 2)
        exposure = self.exposure(colors, seen, trust * cover)
        shuffled = torch.cat([2 * pair.images - 1, trim[:, :, None]], dim=2).to(dtype) * pair.masks.to(dtype)
        flat = torch.stack([trust, covered, cover], dim=2)
        flat = torch.cat([flat, slope, 4 * (seen - colors) * covered[:, :, None]], dim=2)
        flat = (flat * (cover > 0)[:, :, None]).flatten(0, 1).to(dtype, memory_format=torch.channels_last)
        return (unshuffled(shuffled.flatten(0, 1)), flat), exposure


def _gaussians(
    pair: StereoPair,
    pixels: Float[Tensor, "b 2 n 2"],
    *,
    attributes: Float[Tensor, "b 2 n k"],
    disparity: Float[Tensor, "b 2 n"],
    colors: Float[Tensor, "b 2 n 3"],
    masks: Float[Tensor, "b 2 n"],
    trim: Float[Tensor, "b 2 n"],
    gain: Float[Tensor, "b 2 3"],
    bias: Float[Tensor, "b 2 3"],
) -> Gaussians:
    """The Gaussians of a list of pixels (docs/method.md, equation 7)."""
    rotation, scale, opacity, change = attributes.to(disparity.dtype).split(_PARTS, dim=-1)
    depth = disparity_to_depth(disparity[..., None], pair.cameras)[..., 0]
    known = (masks > 0) & (depth > 0)
    depth = depth.where(known, torch.ones_like(depth))
    footprint = (depth / pair.cameras.intrinsics[..., :1, 0])[..., None]
    facing = quaternion(pair.cameras.world_to_camera[..., :3, :3].mT)[:, :, None]
    turned = F.normalize(F.pad(rotation, (1, 0), value=1.0), dim=-1)
    return Gaussians(
        means=unproject_pixels(pixels, depth, pair.cameras),
        quaternions=multiply(facing, turned),
        scales=_FOOTPRINT * footprint * torch.exp(_SCALE_RANGE * scale.tanh()),
        opacities=(opacity[..., 0] + _CERTAIN * (2 * trim - 1)).sigmoid() * masks * known,
        colors=(gain[:, :, None] * colors + bias[:, :, None] + _COLOR_RANGE * change.tanh()).clamp(0, 1),
    )
