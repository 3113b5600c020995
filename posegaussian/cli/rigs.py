"""What a rig of one's own is worth, by its cameras that are held out; and weights that are tuned to it."""

from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import Device, Frames, Output, Settings
from posegaussian.counts import counted


def assess(
    capture: Path,
    /,
    *,
    frames: Frames = None,
    people: Path | None = None,
    weights: str = "release",
    output: Output,
    settings: Settings = None,
    device: Device = "auto",
) -> None:
    """Measure how good novel views are on a rig: each camera between two others is held out in turn.

    Args:
        capture: a capture folder of any known layout
        people: the people .h5 of the capture, for masks where none are given
        weights: a .safetensors file, or `release`: the included weights
        output: the .html page; the metrics are written beside it as .csv
    """
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.model.weights import weights_path
    from posegaussian.pipeline.assess import assess as write_assessment

    found = write_assessment(
        capture,
        output,
        config.load_settings(config.AssessSettings, settings),
        weights_path(weights),
        frames=FrameRange.parse(frames) if frames else None,
        people=people,
        device=device,
    )
    print("\n".join([*found.lines(), f"{output}: {counted(len(found.triples), 'view of held-out cameras')}"]))


def adapt(
    capture: Path,
    /,
    *,
    frames: Frames = None,
    people: Path | None = None,
    weights: str = "release",
    state: Path | None = None,
    output: Output,
    settings: Settings = None,
    device: Device = "auto",
) -> None:
    """Tune weights to a rig of three cameras or more; the result is kept if views that were not trained on get better.

    Args:
        capture: a capture folder of any known layout
        people: the people .h5 of the capture, for masks where none are given
        weights: to start from: a .safetensors file, or `release`: the included weights
        state: folder for what is made on the way (default: beside the output, with the suffix .state); a stopped run
            goes on from it
        output: the weights (.safetensors), tuned or as they were; the verdict is written beside this file as .json
    """
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.model.weights import weights_path
    from posegaussian.pipeline.adapt import adapt as tune

    found = tune(
        capture,
        output,
        config.load_settings(config.AdaptSettings, settings),
        weights_path(weights),
        state or output.with_suffix(".state"),
        frames=FrameRange.parse(frames) if frames else None,
        people=people,
        device=device,
    )
    print("\n".join([*found.lines(), str(output)]))
