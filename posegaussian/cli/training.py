"""Training: the run, its curves, and where weights come from."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from posegaussian import config
from posegaussian.cli.arguments import Device, Files, Output, Settings, SomeFiles, naming
from posegaussian.errors import ConfigError
from posegaussian.registry import LOSSES

PHASES = ("depth", "full")
"""Phases of a model's training, in order."""


def train(
    phase: Annotated[str, Parameter(choices=PHASES)],
    /,
    *,
    rectified: Files = (),
    heatmaps: Files = (),
    val_rectified: Files = (),
    val_heatmaps: Files = (),
    init: Annotated[tuple[str, ...], Parameter(consume_multiple=(0, 1), metavar="[WEIGHTS]")] = (),
    state: Path,
    time_budget: Annotated[float | None, Parameter(metavar="SECONDS", validator=Number(gt=0))] = None,
    output: Output,
    settings: "Annotated[Settings, naming('train.losses', LOSSES)]" = None,
    device: Device = "auto",
) -> None:
    """Train a model: phase depth, then phase full.

    Args:
        phase: depth (disparity alone) or full (everything, through rendered views)
        rectified: rectified .h5 to train on
        heatmaps: their heatmaps, in the same order
        val_rectified: rectified .h5 to validate on
        val_heatmaps: their heatmaps, in the same order
        init: weights to start from: a file, or `release`; without a value: random weights
        state: folder for the checkpoint state and TensorBoard events
        time_budget: end after this time, with the learning rate cooled down
        output: the weights (.safetensors); the curves are written beside this file as .csv
    """
    from posegaussian.model.weights import weights_path
    from posegaussian.training.trainer import train

    train(
        phase,
        train_files=_together(rectified, heatmaps),
        val_files=_together(val_rectified, val_heatmaps),
        output=output,
        state=state,
        settings=config.load_settings(config.ModelSettings, settings),
        init=weights_path(init[-1]) if any(init) else None,
        device=device,
        time_budget=time_budget,
    )


def _together(rectified: Files, heatmaps: Files) -> list[tuple[Path, Path]]:
    if len(rectified) != len(heatmaps):
        raise ConfigError(
            f"{len(rectified)} rectified files but {len(heatmaps)} heatmap files; give one each", code="unpaired-files"
        )
    return list(zip(rectified, heatmaps, strict=True))


def curves(curves: SomeFiles, /, *, output: Output) -> None:
    """Draw training curves.

    Args:
        curves: curves .csv, in the order of the runs
        output: the image, .png or .svg
    """
    from posegaussian.report.curves import draw_curves

    draw_curves(output, curves)


def weights(weights: str = "release", /) -> None:
    """Print the network of a file of weights, and the runs that trained it.

    Args:
        weights: a .safetensors file, or `release`: the included weights
    """
    from posegaussian.model.weights import weights_path
    from posegaussian.training.provenance import describe

    print(describe(weights_path(weights)))
