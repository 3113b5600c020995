"""One training step without the optimiser: reconstruct a batch, render the target view, compute the losses."""

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

_OF_TRUE_DISPARITY = ("depth", "epe_1024")
"""The scalars that compare with true disparity."""


@dataclass(frozen=True)
class StepOutput:
    """What a training step computes."""

    result: Reconstruction
    view: Rendering | None
    losses: Losses


def training_step(network: nn.Module, batch: Batch, settings: TrainSettings, autocast, depth_only: bool) -> StepOutput:
    """The reconstruction of a batch, its target views (in phase full), and their losses.

    Args:
        network: a `PoseGaussian`, or the module of DistributedDataParallel around it.
        batch: on the network's device.
        settings: with the weights of the losses.
        autocast: returns the context in which the network runs; rendering and losses are always in float32.
        depth_only: whether this is phase depth.
    """
    with autocast():
        result = network(batch.pair, frames=batch.frames, depth_only=depth_only)
    view = None
    if result.gaussians is not None:
        view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED)
    return StepOutput(result, view, combine(result, view, batch, settings))


@torch.no_grad()
def step_scalars(output: StepOutput, batch: Batch) -> dict[str, Tensor]:
    """The scalars of a step by their names in the curves, without gradients; NaN: the batch lacks what they need."""
    losses, scale = output.losses, 1024 / batch.width
    values = {
        "loss": losses.total,
        **losses.parts,
        "epe_1024": scale * end_point_error(output.result.disparity, batch.disparity, batch.valid),
    }
    known = batch.valid.any()
    values |= {name: torch.where(known, values[name], torch.nan) for name in _OF_TRUE_DISPARITY}
    if output.view is not None:
        values["psnr_bbox"] = box_psnr(output.view.colors, batch.target, batch.target_mask)
    return values
