"""Mattes corrected before any other part of the network sees them: a U-Net of each view by itself."""

from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.distance import distance_to
from posegaussian.model.coverage import corrected, was_filmed
from posegaussian.model.unet import UNet, without_normalisation
from posegaussian.types import JOINTS, StereoPair

_LIMBS = tuple(i for i, joint in enumerate(JOINTS) if joint.endswith(("wrist", "ankle")))
"""Joints whose heatmaps are inputs: beside them lie hands and feet, which mattes lose."""
_CELL = 4
"""Pixels of a cell of the heatmaps."""
_CHANGES = 0.02, 0.04
"""Corrections of a pixel's coverage by less than the first are not made, so that exact mattes stay as they are; those
by more than the second are made completely, and part of those between. Chosen by hand: five and ten steps of 8 bits."""
_WIDTHS = 0.3, 0.6
"""The same for the width of a view's correction along the person's outline, pixels."""
_SHARES = 0.12, 0.24
"""And for the share of the pixels around a pixel that are corrected, so that a lost hand comes back where the rest
of the matte is exact."""
_WINDOW = 9
"""Side of the window of these pixels, cells. Chosen by hand: half as wide as a hand at 1024 px."""
_GROWTH, _HOLE = 0.012, 0.025
"""The person may gain what lies within the first share of their height of the matte (10 px of 800, as edges are off at
most in training), and holes of this radius (20 px, likewise). Chosen on people of the validation split, as are the
next two (docs/results/mattes.md)."""
_LIMB = 0.15
"""And what lies within this share of a wrist or an ankle: the length of a foot."""
_LIMB_SCORE = 0.05
"""Least heatmap times score at such a joint."""
_FIRST_GAIN = 0.01
"""Of the last layer before training, so that no matte changes at first. Chosen by hand."""


class MatteCorrection(nn.Module):
    """Evidence of the person in every pixel, from the image as filmed around the matte; about 0 before training."""

    def __init__(self):
        super().__init__()
        self.unet = UNet().eval()
        without_normalisation(self.unet)
        self.unet.requires_grad_()  # The biases that the merging adds are not trained otherwise.
        self.forget()

    @torch.no_grad()
    def forget(self) -> None:
        """Start the last layer anew: the U-Net finds features, and no evidence."""
        self.unet.logits.reset_parameters()
        self.unet.logits.weight *= _FIRST_GAIN
        assert self.unet.logits.bias is not None
        self.unet.logits.bias.zero_()

    def forward(
        self,
        images: Float[Tensor, "b 2 3 h w"],
        masks: Float[Tensor, "b 2 1 h w"],
        heatmaps: Float[Tensor, "b 2 17 hq wq"] | None = None,
    ) -> tuple[Float[Tensor, "b 2 1 h w"], Float[Tensor, "b 2 h w"]]:
        """The corrected mattes, without a gradient: their coverage has a loss of its own.

        Args:
            images: RGB as filmed around the person; sides are multiples of `unet.STRIDE`.
            masks: the given mattes.
            heatmaps: of the joints, times their scores; None: no joint was found.

        Returns:
            coverage in [0, 1]; the given one where nothing was filmed, where the correction is small, and where it
            would add something far from the given matte and from hands and feet.
            the logits of the estimate, for the loss.
        """
        known = was_filmed(images) | (masks > 0)
        limbs = torch.zeros_like(masks) if heatmaps is None else _enlarged(_limbs(heatmaps))
        # The last channel is that of the bones of the matting network, whose weights training starts from. What was not
        # filmed is 0, as outside of the image there.
        seen = (2 * torch.cat([images, masks, limbs], dim=2) - 1) * known
        evidence = self.unet(seen.flatten(0, 1).to(self.unet.logits.weight.dtype)).unflatten(0, (-1, 2))
        estimate, logits = corrected(masks, evidence)
        change = (estimate - masks) * known
        change = _rising(change.abs(), *_CHANGES) * change * ((change < 0) | _may_gain(masks, heatmaps))
        return (masks + _weight(change.abs(), masks) * change).detach(), logits[:, :, 0]


def weighted_heatmaps(pair: StereoPair) -> Float[Tensor, "b 2 17 hq wq"] | None:
    """Heatmaps times their scores; None where the pair has none."""
    if pair.heatmaps is None or pair.scores is None:
        return None
    return pair.heatmaps * pair.scores[..., None, None]


def _limbs(heatmaps: Float[Tensor, "b 2 17 hq wq"]) -> Float[Tensor, "b 2 1 hq wq"]:
    """The largest of the heatmaps of hands and feet."""
    maps = [heatmaps[:, :, joint, None] for joint in _LIMBS]  # An index list would be copied to the device.
    return reduce(torch.maximum, maps)


def _may_gain(
    masks: Float[Tensor, "b 2 1 h w"], heatmaps: Float[Tensor, "b 2 17 hq wq"] | None
) -> Bool[Tensor, "b 2 1 h w"]:
    """Pixels that may become the person's; elsewhere the U-Net takes furniture for something that is worn."""
    height = (masks > 0.5).any(-1).sum((-2, -1))[..., None] / _CELL
    reach = int(_HOLE * masks.shape[-2] / _CELL) + 1  # nobody is taller than the image
    away = distance_to(F.max_pool2d(masks.flatten(0, 2), _CELL) > 0, reach).unflatten(0, (-1, 2))
    # A morphological closing: what no disc of this radius reaches from outside, such as holes.
    outside = distance_to((away > _HOLE * height[..., None]).flatten(0, 1), reach).unflatten(0, (-1, 2))
    allowed = (away <= _GROWTH * height[..., None]) | (outside > _HOLE * height[..., None])
    if heatmaps is not None:
        for joint in _LIMBS:
            allowed = allowed | _around_peak(heatmaps[:, :, joint], _LIMB * height)
    return F.interpolate(allowed.float(), scale_factor=float(_CELL))[:, :, None] > 0


def _around_peak(heatmap: Float[Tensor, "b 2 hq wq"], reach: Float[Tensor, "b 2 1"]) -> Bool[Tensor, "b 2 hq wq"]:
    """Cells within reach of the largest value; none if this is too small for a joint."""
    width = heatmap.shape[-1]
    score, place = heatmap.flatten(2).max(-1)
    rows, columns = (torch.arange(n, device=heatmap.device) for n in heatmap.shape[-2:])
    down, right = rows - (place // width)[..., None], columns - (place % width)[..., None]
    near = down.square()[..., :, None] + right.square()[..., None, :] <= reach.square()[..., None]
    return near & (score > _LIMB_SCORE)[..., None, None]


def _weight(change: Float[Tensor, "b 2 1 h w"], masks: Float[Tensor, "b 2 1 h w"]) -> Float[Tensor, "b 2 1 h w"]:
    """Share of its correction that each pixel gets, 0 to 1: continuous functions, so that no video flickers.

    Args:
        change: size of the correction.
        masks: the given mattes.
    """
    width = change.sum((-2, -1), keepdim=True) / _outline(masks).clamp_min(1)
    cells = F.avg_pool2d(change.flatten(0, 1), _CELL)
    share = F.avg_pool2d(cells, _WINDOW, stride=1, padding=_WINDOW // 2).unflatten(0, (-1, 2))
    return torch.maximum(_rising(width, *_WIDTHS), _rising(_enlarged(share), *_SHARES))


def _enlarged(cells: Float[Tensor, "b 2 1 hc wc"]) -> Float[Tensor, "b 2 1 h w"]:
    """Values of cells at each pixel."""
    wide = F.interpolate(cells.flatten(0, 1), scale_factor=float(_CELL), mode="bilinear", align_corners=False)
    return wide.unflatten(0, (-1, 2))


def _rising(values: Tensor, first: float, last: float) -> Tensor:
    """0 up to the first value, 1 from the last one on, and a line between."""
    return ((values - first) / (last - first)).clamp(0, 1)


def _outline(masks: Float[Tensor, "b 2 1 h w"]) -> Float[Tensor, "b 2 1 1 1"]:
    """Length of the outlines, in pixels: the total variation, which soft edges leave as it is."""
    down = masks[..., 1:, :-1] - masks[..., :-1, :-1]
    right = masks[..., :-1, 1:] - masks[..., :-1, :-1]
    return torch.hypot(down, right).sum((-2, -1), keepdim=True)
