"""The Gaussian head: one Gaussian per pixel, decoded at half the image's size and pixel-shuffled to full size."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import pixel_grid, unproject_pixels
from posegaussian.model.blocks import Residual, add_coarse, computed_once, conv, convolved, output, unshuffled
from posegaussian.model.compaction import foreground_pixels, gather_pixels
from posegaussian.model.consistency import left_right_consistency, surface_slopes, trimmed
from posegaussian.model.coverage import Filmed, corrected, was_filmed
from posegaussian.model.exposure import Exposure
from posegaussian.model.rotation import multiply, quaternion
from posegaussian.types import Gaussians, StereoPair

_FOOTPRINT = 0.5
"""Scale before training, in footprints of a pixel (depth / focal length). Chosen by hand, as are the next three."""
_SCALE_RANGE = 1.5
"""Scales grow or shrink by at most exp of this."""
_COLOR_RANGE = 0.25
"""Colours change by at most this."""
_OPACITY_LOGIT = 4.0
"""Logit of the opacity before training; minus this on the silhouette's outermost pixel."""
_ATTRIBUTES = (3, 3, 1, 3)
"""Channels of rotation, scale, opacity and colour."""
_WIDTH = 32
"""Channels of the decoder. Chosen by hand."""
_CUE_CHANNELS = 24
"""Channels of the cues: 16 of image and trimmed mask folded 2 x 2; consistency, coverage of both views, slope (2),
and difference of colours (3)."""
_OUTSIDE_CHANNELS = 12
"""Channels of the image outside of the mask, folded 2 x 2, where masks are a hint."""
_LEAST_OPACITY = 1 / 255
"""Gaussians of less opacity are dropped where masks are a hint: rasterisers skip them, too."""


@dataclass(frozen=True)
class Decoded:
    """The Gaussians of both views, concatenated."""

    gaussians: Gaussians  # world frame
    count: Int[Tensor, "b 2"] | None  # number of pixels with a Gaussian; None without capacity
    # the logit of the person's share of each pixel; None where masks are exact
    evidence: Float[Tensor, "b 2 h w"] | None


class GaussianHead(nn.Module):
    """The attributes of the Gaussians, as corrections to isotropic ones of half a footprint in the colour of the pixel.

    Args:
        fine: channels of the features at 1/2.
        refined: channels of the refinement's features at 1/2.
        hint: whether the masks are a hint: evidence of the person becomes one more attribute.
    """

    def __init__(self, fine: int, refined: int, hint: bool = False):
        super().__init__()
        self.join = conv(fine + refined + _CUE_CHANNELS + _OUTSIDE_CHANNELS * hint, _WIDTH)
        self.residual = Residual(_WIDTH)
        self.attributes = output(_WIDTH, 4 * (sum(_ATTRIBUTES) + hint), gain=0.01)
        self.exposure = Exposure()

    def forward(
        self,
        pair: StereoPair,
        disparity: Float[Tensor, "b 2 h w"],
        half: Float[Tensor, "b 2 hh wh"],
        fine: Float[Tensor, "b 2 c1 hh wh"],
        refined: Float[Tensor, "b 2 c2 hh wh"],
        capacity: int | None = None,
        filmed: Filmed | None = None,
        correction: Float[Tensor, "b 2 hh wh"] | None = None,
    ) -> Decoded:
        """Gaussians in the world frame.

        Args:
            pair: the images (the person on black), masks and cameras.
            disparity: at full resolution, in pixels; its gradients come from the means of the Gaussians alone.
            half: the same, one value per 2 x 2 pixels, in pixels of the image.
            fine: features at 1/2.
            refined: features of the refinement at 1/2, after a ReLU.
            capacity: Gaussians per view; foreground pixels fill them in order, and the opacity of the rest is 0. None:
                one for every pixel, row by row, with an opacity of 0 off the mask.
            filmed: the images as filmed; None where masks are exact.
            correction: evidence of the person in each 2 x 2 pixels, to which the head adds its own; None where masks
                are exact.
        """
        masks = pair.masks[:, :, 0]
        trim = trimmed(masks)
        cues, (gain, bias) = self._cues(pair, half.detach(), trim, filmed, correction, fine.dtype)
        joined = convolved(self.join, [fine.flatten(0, 1).relu()], [refined.flatten(0, 1)], cues)
        del cues  # In a large image they are most of the memory.
        attributes = F.pixel_shuffle(self.attributes(self.residual(joined).relu()), 2)
        del joined
        kept, evidence, colors = masks > 0, None, pair.images
        if filmed is not None and correction is not None:
            masks, trim, kept, evidence = self._estimated(masks, filmed, attributes, correction)
            colors = filmed.alone(masks.detach())  # The coverage has a loss of its own.

        lists = {
            "attributes": attributes.permute(0, 2, 3, 1).unflatten(0, (-1, 2)).flatten(2, 3),
            "disparity": disparity.flatten(2),
            "colors": colors.permute(0, 1, 3, 4, 2).flatten(2, 3),
            "masks": masks.flatten(2),
            "trim": trim.flatten(2),
        }
        grid = pixel_grid(*masks.shape[-2:], like=disparity).flatten(0, 1)
        pixels, count = grid.expand(*masks.shape[:2], -1, -1), None
        if capacity is not None:
            index, used, count = foreground_pixels(kept, capacity)
            lists = {name: gather_pixels(values, index) for name, values in lists.items()}
            lists["masks"] = lists["masks"] * used
            pixels = grid[index]
        gaussians = _gaussians(pair, pixels, gain=gain, bias=bias, **lists)
        return Decoded(gaussians.map(lambda values: values.flatten(1, 2)), count, evidence)

    @staticmethod
    def _estimated(
        masks: Float[Tensor, "b 2 h w"],
        filmed: Filmed,
        attributes: Float[Tensor, "n k h w"],
        correction: Float[Tensor, "b 2 hh wh"],
    ) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"], Bool[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"]]:
        """The person's share of every pixel that was filmed, trimmed, as pixels with a Gaussian, and as logits."""
        seen = (masks > 0) | was_filmed(filmed.images)[:, :, 0]
        opacity = attributes[:, sum(_ATTRIBUTES[:2])].unflatten(0, (-1, 2))
        evidence = add_coarse(attributes[:, -1:], correction.flatten(0, 1)[:, None])
        masks, logits = corrected(masks, evidence[:, 0].unflatten(0, (-1, 2)))
        masks = masks * seen
        trim = trimmed(masks)
        return masks, trim, _opacities(opacity.to(masks.dtype), trim) * masks >= _LEAST_OPACITY, logits

    def _cues(
        self,
        pair: StereoPair,
        half: Tensor,
        trim: Tensor,
        filmed: Filmed | None,
        correction: Tensor | None,
        dtype: torch.dtype,
    ) -> tuple[tuple[Float[Tensor, "n _ hh wh"], ...], tuple[Float[Tensor, "b 2 3"], Float[Tensor, "b 2 3"]]]:
        """Inputs of the decoder that are not learned, at 1/2, and the colour correction of each view."""
        cover = F.avg_pool2d(pair.masks.flatten(0, 1), 2).unflatten(0, (-1, 2))[:, :, 0]
        visible = pair.images if filmed is None else torch.where(pair.masks > 0, pair.images, filmed.images)
        colors = computed_once(F.avg_pool2d(visible.flatten(0, 1), 2)).unflatten(0, (-1, 2))
        known = cover > 0
        if correction is not None:
            cover, known = corrected(cover, correction)[0], known | was_filmed(colors)[:, :, 0]
        with torch.no_grad():
            depth = disparity_to_depth(half, pair.cameras)
            consistency, covered, matched = left_right_consistency(half / 2, depth, cover, colors)
            slope = surface_slopes(depth, pair.cameras.intrinsics[..., 0, 0] / 2)
        exposure = self.exposure(colors, matched, consistency * cover)
        shuffled = torch.cat([2 * pair.images - 1, trim[:, :, None]], dim=2).to(dtype) * pair.masks.to(dtype)
        flat = torch.stack([consistency, covered, cover], dim=2)
        compared = covered[:, :, None] if correction is None else was_filmed(matched)
        flat = torch.cat([flat, slope, 4 * (matched - colors) * compared], dim=2)
        flat = computed_once((flat * known[:, :, None]).flatten(0, 1).to(dtype))
        flat = flat.contiguous(memory_format=torch.channels_last)
        cues = unshuffled(shuffled.flatten(0, 1)), flat
        if filmed is not None:
            outside = (2 * filmed.images - 1) * ((1 - pair.masks) * was_filmed(filmed.images))
            cues += (unshuffled(outside.flatten(0, 1).to(dtype)),)
        return cues, exposure


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
    values = attributes[..., : sum(_ATTRIBUTES)].to(disparity.dtype)
    rotation, scale, opacity, change = values.split(_ATTRIBUTES, dim=-1)
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
        opacities=_opacities(opacity[..., 0], trim) * masks * known,
        colors=(gain[:, :, None] * colors + bias[:, :, None] + _COLOR_RANGE * change.tanh()).clamp(0, 1),
    )


def _opacities(logits: Float[Tensor, "*n"], trim: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Opacities of pixels that the person covers, from the attribute and the trimmed mask."""
    return (logits + _OPACITY_LOGIT * (2 * trim - 1)).sigmoid()
