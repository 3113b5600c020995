"""One look at a batch: reconstruct it, render the view that was held back, compare."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from posegaussian.config import TrainSettings
from posegaussian.data.batch import Batch
from posegaussian.model.network import Reconstruction
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.training.losses.combine import Losses, combine
from posegaussian.training.losses.disparity import end_point_error
from posegaussian.training.losses.image import box_psnr
from posegaussian.types import Rendering


@dataclass(frozen=True)
class Look:
    """What came of a batch.

    Args:
        result: of the network.
        view: the view that was held back, rendered; None in stage depth.
        losses: of both.
    """

    result: Reconstruction
    view: Rendering | None
    losses: Losses


def look(network: nn.Module, batch: Batch, settings: TrainSettings, autocast, depth_only: bool) -> Look:
    """Reconstruct a batch, render it in stage full, and compare.

    Args:
        network: or what wraps it.
        batch: the batch.
        settings: the weights of the losses.
        autocast: makes the context of the network's arithmetic.
        depth_only: stage depth.
    """
    with autocast():
        result = network(batch.pair, frames=batch.frames, depth_only=depth_only)
    view = None
    if result.gaussians is not None:
        view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED)
    return Look(result, view, combine(result, view, batch, settings))


@torch.no_grad()
def numbers_of(seen: Look, batch: Batch) -> dict[str, Tensor]:
    """The numbers of a batch as they stand in the curves."""
    losses, scale = seen.losses, 1024 / batch.width
    values = {
        "loss": losses.total,
        **losses.parts,
        "epe_1024": scale * end_point_error(seen.result.disparity, batch.disparity, batch.valid),
    }
    if seen.view is not None:
        values["psnr_bbox"] = box_psnr(seen.view.colors, batch.target, batch.target_mask)
    return values
