"""The command `adapt`: weights tuned to a rig, by its cameras that lie between two others; kept if they are better."""

import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import person_centre
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.triples import Triple, narrowest
from posegaussian.config import AdaptSettings, ModelSettings, NetworkSettings, RectifySettings, TrainSettings
from posegaussian.errors import warn
from posegaussian.evaluation.adaptation import Judged, Split, objection, split_rig
from posegaussian.io.atomic import write_atomic
from posegaussian.io.suffixes import check_suffix
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network
from posegaussian.pipeline.pair_files import (
    PairFiles,
    means,
    measure_pair,
    read_with_masks,
    render_pair,
    spread,
    write_pair_files,
)
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.progress import progress
from posegaussian.training.trainer import train

_STEPS, _BATCH, _SIZE = {"cuda": 1000, "cpu": 200}, {"cuda": 4, "cpu": 2}, {"cuda": 512, "cpu": 256}
"""Defaults by device: minutes on a GPU, tens of minutes on two cores. Chosen by hand."""
_NAMES = ("before", "after")
"""Names of the weights in tables of metrics, and of the folders of their renders."""
_EMA = 0.98
"""Decay of the average of the weights: over 50 steps, a quarter of a run on a CPU. Chosen by hand."""
_JUDGED_FRAMES, _JUDGED_TRIPLES = 6, 4
"""Most kept-back frames that are judged, and most triples in them. Chosen by hand: they cost as much as some steps."""


@dataclass(frozen=True)
class Adaptation:
    """The verdict."""

    judged: Sequence[Judged]  # what was kept back
    objection: str  # why the weights stay as they were; empty where the tuned ones were written

    def lines(self) -> list[str]:
        """A line each: the numbers, then the verdict."""
        verdict = (
            f"the weights stay as they were: {self.objection}" if self.objection else "the tuned weights are better"
        )
        return [*(each.line() for each in self.judged), verdict]


def adapt(
    root: Path,
    output: Path,
    settings: AdaptSettings,
    weights: Path,
    state: Path,
    frames: FrameRange | None = None,
    people: Path | None = None,
    device: str = "auto",
) -> Adaptation:
    """Tune weights to a rig, and write them if they are better where nothing was learned; else those they started from.

    The arguments are those of the command `adapt`.

    Raises:
        ConfigError: the output is no .safetensors.
        CaptureError: the capture cannot be read, no camera stands between two others, or nothing can be kept back.
        CalibrationError: a pair cannot be rectified.
        TrainingError: the training was stopped, or diverged.
        WeightsError: the weights cannot be read.
    """
    check_suffix(output, [".safetensors"])
    kind = pick_device(device).type
    rectify = settings.rectify or RectifySettings(size=(_SIZE[kind], _SIZE[kind]))
    network = load_network(weights).settings
    with nullcontext() if people is None else PeopleFile(people) as file:
        capture, numbers = read_with_masks(root, frames, rectify, file)
        capture = replace(capture, depths={}, joints_file=None)  # the truth of built-in people is not for rigs
        person = person_centre(capture, list(capture.cameras), numbers[0])
        split = split_rig(
            capture.cameras,
            person,
            numbers,
            widest=settings.widest,
            share=settings.kept_frames,
            chosen=settings.camera,
            root=root,
        )
        if split.camera is None:
            what = "no camera can be kept back: the kept-back frames of cameras that were trained on decide alone"
            warn(what, code="no-camera-kept-back", file=root, hint="with a fourth camera, one could be kept back")
        chosen = spread(split.frames, settings.frames)
        learned = [
            _files(state / "learned", each, capture, chosen, settings, rectify)
            for each in progress(split.learned, "prepare pair", unit="pairs")
        ]
        kept = _kept(state / "kept", capture, split, settings, rectify)
    tuned = state / "tuned.safetensors"
    train(
        "full",
        train_files=[(each.rectified, each.heatmaps) for each in learned],
        val_files=[(each.rectified, each.heatmaps) for files in kept.values() for each in files],
        output=tuned,
        state=state / "training",
        settings=_model(settings, network, kind, rectify.size, clip=2 if len(chosen) == len(split.frames) > 1 else 1),
        init=weights,
        device=device,
    )
    judged = [_judge(what, files, (weights, tuned), state, settings, device) for what, files in kept.items()]
    found = Adaptation(judged, objection(judged, settings.least_gain))
    write_atomic(output, (weights if found.objection else tuned).read_bytes())
    write_atomic(output.with_suffix(".json"), json.dumps(_summary(found, split), indent=1) + "\n")
    return found


def _files(
    folder: Path,
    triple: Triple,
    capture: Capture,
    frames: Sequence[int],
    settings: AdaptSettings,
    rectify: RectifySettings,
) -> PairFiles:
    folder.mkdir(parents=True, exist_ok=True)
    return write_pair_files(
        folder, triple.name, capture, triple.pair, triple.camera, frames, rectify, settings.detector
    )


def _kept(
    folder: Path, capture: Capture, split: Split, settings: AdaptSettings, rectify: RectifySettings
) -> dict[str, list[PairFiles]]:
    """The stores of what is kept back, by what it is."""
    frames = spread(split.kept or split.frames, _JUDGED_FRAMES)
    found = {}
    if split.camera is not None:
        files = _files(folder / "camera", split.camera, capture, frames, settings, rectify)
        found[f"camera {split.camera.camera}, kept back"] = [files]
    if split.kept:
        chosen = spread(narrowest(split.learned), _JUDGED_TRIPLES)
        found[f"frames {split.kept[0]} to {split.kept[-1]}, kept back"] = [
            _files(folder / "frames", each, capture, frames, settings, rectify) for each in chosen
        ]
    return found


def _model(
    settings: AdaptSettings, network: NetworkSettings, kind: str, size: tuple[int, int], clip: int
) -> ModelSettings:
    """The settings of the training, on a device of this kind, with clips of so many frames, if the batch holds them."""
    steps, batch = settings.steps or _STEPS[kind], settings.batch_size or _BATCH[kind]
    return ModelSettings(
        network=network,
        train=TrainSettings(
            depth_steps=0,
            full_steps=steps,
            batch_size=batch,
            frames=clip if batch % clip == 0 else 1,
            target_size=max(size),
            learning_rate=settings.learning_rate,
            warm_up=steps // 20,
            ema_decay=_EMA,
            uncertain_band=settings.uncertain_band,
            validate_every=max(steps // 4, 1),
            precision="bf16-mixed" if kind == "cuda" else "32-true",
            seed=settings.seed,
        ),
    )


def _judge(
    what: str,
    files: Sequence[PairFiles],
    weights: Sequence[Path],
    state: Path,
    settings: AdaptSettings,
    device: str,
) -> Judged:
    """Means over views that were kept back, with the weights before and after."""
    values: dict[str, list[tuple[float, float]]] = {"psnr": [], "lpips": []}
    for each in files:
        numbers = []
        for name, path in zip(_NAMES, weights, strict=True):
            renders = state / name / each.rectified.name
            render_pair(each, path, renders, device)
            numbers.append(means(measure_pair(each, renders, renders.with_suffix(".csv"), settings.evaluate)))
        for metric, scope in (("psnr", "bbox"), ("lpips", "full")):
            before, after = (
                each.get((name, scope, metric), math.nan) for name, each in zip(_NAMES, numbers, strict=True)
            )
            values[metric].append((before, after))
    psnr, lpips = (tuple(map(float, np.mean(values[metric], axis=0))) for metric in ("psnr", "lpips"))
    return Judged(what, (psnr[0], psnr[1]), (lpips[0], lpips[1]))


def _summary(found: Adaptation, split: Split) -> dict[str, object]:
    """The verdict as plain values; LPIPS that was not measured is null."""
    return {
        "tuned": not found.objection,
        "why": found.objection,
        "camera": None if split.camera is None else split.camera.camera,
        "frames": split.frames,
        "kept_frames": split.kept,
        "judged": [
            {
                "what": each.what,
                "psnr": [round(value, 4) for value in each.psnr],
                "lpips": None if math.isnan(each.lpips[1]) else [round(value, 5) for value in each.lpips],
            }
            for each in found.judged
        ],
    }
