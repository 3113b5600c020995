"""The metrics of an ablation's variant on held-out people, and the table of all variants.

People are measured per range of baselines in three conditions: `moving` and `still` (exactly frozen), with noisy
cameras; and `posed`: still, with cameras without noise, so that only the joint heatmaps flicker. A clip is
reconstructed like a video, frame after frame with the temporal state; for still people the first frames, in which the
state settles, are not counted.
"""

import argparse
import pickle
import statistics
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from posegaussian.config import ModelSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.temporal import static_jitter, tof, warping_error
from posegaussian.io.images import write_image
from posegaussian.model.weights import load_network
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr

BINS = ((10.0, 20.0), (20.0, 30.0), (30.0, 45.0), (45.0, 60.0))
"""Baselines, degrees."""
NOISY = replace(SensorSettings(), noise=(0.01, 0.01), defocus=(0.0, 0.5), jpeg=(85.0, 95.0))
CONDITIONS = {"moving": (0.0, NOISY), "still": (1.0, NOISY), "posed": (1.0, SensorSettings())}
"""Share of still clips, and the sensor, of each condition."""
SETTLING = 4
"""Frames at the start of a still clip that are not counted."""


def clips(settings: ModelSettings, args: argparse.Namespace) -> Iterator[tuple[int, str, tuple[float, float], Any]]:
    """The clips of the measurement: number of the person, condition, bin of baselines, and a batch of one clip."""
    people = pickle.loads((args.output / "people.pickle").read_bytes())
    errors = read_error_model(settings.train.heatmap_errors)
    level = RigSettings(pitch=(-10.0, 20.0), vertical=0.0, between_cameras=(0.3, 0.7), above=(0.0, 0.0))
    for number, prepared in enumerate(people):
        subject = Subject.of(prepared, args.device)
        for (index, bin_), (condition, (still, sensor)) in product(enumerate(BINS), CONDITIONS.items()):
            stream: StreamSettings = replace(
                settings.train.synthetic, rig=replace(level, baseline=bin_), sensor=sensor, still=still
            )
            random = np.random.default_rng([prepared.seed, index])
            frames = args.watched + SETTLING * (still > 0)
            sample = render_clip(subject, random, stream, frames)
            yield number, condition, bin_, batch_from_sample(sample, frames, errors, random)


@torch.no_grad()
def measure(weights: Path, settings: ModelSettings, args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """The metrics of a model by bin, as means over the people so far; yielded after every person."""
    network = load_network(weights, args.device)
    found: dict[str, dict[str, list[float]]] = {}
    sheet: list[np.ndarray] = []

    def note(bin_: tuple[float, float], **values: float) -> None:
        for name, value in values.items():
            for key in (f"{bin_[0]:.0f}-{bin_[1]:.0f}", "all"):
                found.setdefault(key, {}).setdefault(name, []).append(value)

    def means(people: int) -> dict[str, Any]:
        bins = {key: {n: statistics.fmean(v) for n, v in values.items()} for key, values in found.items()}
        return {"people": people, "bins": bins}

    done = 0
    for number, condition, bin_, batch in clips(settings, args):
        if number > done:
            done = number
            yield means(done)
        with torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.precision != "32-true"):
            result = network(batch.pair, frames=batch.frames)
        view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED).colors.clamp(0, 1)
        error = (1024 / batch.width) * (result.disparity.float() - batch.disparity)
        known = batch.valid > 0
        if condition == "moving":
            sizes = error[known].abs()
            note(
                bin_,
                epe=float(sizes.mean()),
                under_1px=float((sizes < 1).float().mean()),
                psnr_bbox=float(box_psnr(view, batch.target, batch.target_mask)),
                psnr_full=float((-10 * (view - batch.target).square().mean((1, 2, 3)).log10()).mean()),
                tof=tof(view, batch.target),
                warping=warping_error(view, batch.target),
            )
            if len(sheet) < 3 * len(BINS):
                difference = (5 * (view[-1] - batch.target[-1]).abs()).clamp(0, 1)
                row = torch.cat([batch.pair.images[-1, 0], batch.pair.images[-1, 1]], -1)
                shown = torch.cat([view[-1], batch.target[-1], difference], -1)
                scale = shown.shape[-2] / row.shape[-2]
                row = torch.nn.functional.interpolate(row[None], scale_factor=scale)[0]
                sheet.append((255 * torch.cat([row, shown], -1)).byte().permute(1, 2, 0).cpu().numpy())
        else:
            view, spread = view[SETTLING:], error[SETTLING:].std(0, correction=0)[known.all(0)]
            jitter = static_jitter(view, batch.target_mask[0])
            note(bin_, **{f"jitter_{condition}": jitter, f"wobble_{condition}": float(spread.mean())})
    write_image(folder / "views.jpg", np.concatenate(sheet), (cv2.IMWRITE_JPEG_QUALITY, 88))
    yield means(args.people)


COLUMNS = {
    "epe": "EPE px",
    "under_1px": "under 1 px",
    "psnr_bbox": "PSNR bbox",
    "psnr_full": "full",
    "tof": "tOF px",
    "warping": "warping",
    "jitter_still": "still jitter",
    "wobble_still": "still wobble px",
    "jitter_posed": "posed jitter",
    "wobble_posed": "posed wobble px",
}


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table with one row per variant and bin."""
    lines = ["| variant | baseline | " + " | ".join(COLUMNS.values()) + " |", "| --- " * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        for key in ("all", *(f"{low:.0f}-{high:.0f}" for low, high in BINS)):
            values = row["bins"][key]
            lines.append(
                f"| {row['variant']} | {key} | " + " | ".join(f"{values[name]:.3g}" for name in COLUMNS) + " |"
            )
    return "\n".join(lines)
