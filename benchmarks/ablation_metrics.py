"""The metrics of an ablation's variant on held-out people, and the tables of all variants.

People are measured per rig in three conditions: `moving` and `still` (exactly frozen), with noisy
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

from posegaussian.config import GPS_GAUSSIAN, ModelSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.temporal import static_jitter, tof, warping_error
from posegaussian.io.images import write_image
from posegaussian.model.network import PoseGaussian
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr

LEVEL = RigSettings(pitch=(-10.0, 20.0), vertical=0.0, between_cameras=(0.3, 0.7), above=(0.0, 0.0))
RIGS = {f"{low}-{high}": replace(LEVEL, baseline=(low, high)) for low, high in ((10, 20), (20, 30), (30, 45), (45, 60))}
RIGS |= {"22.5": GPS_GAUSSIAN}
"""The rigs by their baselines in degrees; 22.5 is the rig of the literature."""
NOISY = replace(SensorSettings(), noise=(0.01, 0.01), defocus=(0.0, 0.5), jpeg=(85.0, 95.0))
CONDITIONS = {"moving": (0.0, NOISY), "still": (1.0, NOISY), "posed": (1.0, SensorSettings())}
"""Share of still clips, and the sensor, of each condition."""
SETTLING = 4
"""Frames at the start of a still clip that are not counted."""


def clips(settings: ModelSettings, args: argparse.Namespace) -> Iterator[tuple[int, str, str, Any]]:
    """The clips of the measurement: number of the person, condition, rig, and a batch of one clip."""
    people = pickle.loads((args.output / "people.pickle").read_bytes())
    errors = read_error_model(settings.train.heatmap_errors)
    for number, prepared in enumerate(people):
        subject = Subject.of(prepared, args.device)
        for rig, condition in product(args.rigs, args.conditions):
            still, sensor = CONDITIONS[condition]
            stream: StreamSettings = replace(settings.train.synthetic, rig=RIGS[rig], sensor=sensor, still=still)
            random = np.random.default_rng([prepared.seed, list(RIGS).index(rig)])
            frames = args.watched + SETTLING * (still > 0)
            sample = render_clip(subject, random, stream, frames)
            yield number, condition, rig, batch_from_sample(sample, frames, errors, random)


@torch.no_grad()
def measure(
    network: PoseGaussian, settings: ModelSettings, args: argparse.Namespace, folder: Path
) -> Iterator[dict[str, Any]]:
    """The metrics of a network by rig, of every person so far and their means; yielded after every person."""
    found: dict[str, dict[str, list[float]]] = {}
    sheet: list[np.ndarray] = []

    def note(rig: str, **values: float) -> None:
        for name, value in values.items():
            for key in (rig, "all"):
                found.setdefault(key, {}).setdefault(name, []).append(value)

    def means(people: int) -> dict[str, Any]:
        rigs = {key: {n: statistics.fmean(v) for n, v in values.items()} for key, values in found.items()}
        return {"people": people, "rigs": rigs, "values": found}

    done = 0
    for number, condition, rig, batch in clips(settings, args):
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
                rig,
                epe=float(sizes.mean()),
                under_1px=float((sizes < 1).float().mean()),
                psnr_bbox=float(box_psnr(view, batch.target, batch.target_mask)),
                psnr_full=float((-10 * (view - batch.target).square().mean((1, 2, 3)).log10()).mean()),
                tof=tof(view, batch.target),
                warping=warping_error(view, batch.target),
            )
            if len(sheet) < 3 * len(args.rigs):
                difference = (5 * (view[-1] - batch.target[-1]).abs()).clamp(0, 1)
                row = torch.cat([batch.pair.images[-1, 0], batch.pair.images[-1, 1]], -1)
                shown = torch.cat([view[-1], batch.target[-1], difference], -1)
                scale = shown.shape[-2] / row.shape[-2]
                row = torch.nn.functional.interpolate(row[None], scale_factor=scale)[0]
                sheet.append((255 * torch.cat([row, shown], -1)).byte().permute(1, 2, 0).cpu().numpy())
        else:
            view, spread = view[SETTLING:], error[SETTLING:].std(0, correction=0)[known.all(0)]
            jitter = static_jitter(view, batch.target_mask[0])
            note(rig, **{f"jitter_{condition}": jitter, f"wobble_{condition}": float(spread.mean())})
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
COMPARED = ("epe", "psnr_bbox", "psnr_full")
"""The metrics of which differences are listed."""


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table with one row per variant and rig, and a column for every metric that was measured."""
    columns = [name for name in COLUMNS if name in rows[0]["rigs"]["all"]] if rows else []
    lines = [_line("variant", "angle", *(COLUMNS[name] for name in columns)), "| --- " * (len(columns) + 2) + "|"]
    for row in rows:
        for rig in _measured(rows):
            lines.append(_line(row["variant"], rig, *(f"{row['rigs'][rig][name]:.3g}" for name in columns)))
    return "\n".join(lines)


def differences(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of the variants minus the first one: means over the people that both have, and their standard
    errors."""
    columns = [name for name in COMPARED if name in rows[0]["rigs"]["all"]] if rows else []
    lines = [_line("variant", "angle", *(COLUMNS[name] for name in columns)), "| --- " * (len(columns) + 2) + "|"]
    for row, rig in product(rows[1:], _measured(rows)):
        cells = []
        for name in columns:
            pairs = zip(rows[0]["values"][rig][name], row["values"][rig][name], strict=False)
            change = [own - first for first, own in pairs]
            error = statistics.stdev(change) / len(change) ** 0.5 if len(change) > 1 else float("nan")
            cells.append(f"{statistics.fmean(change):+.2f} ± {error:.2f}")
        lines.append(_line(f"{row['variant']} - {rows[0]['variant']}", rig, *cells))
    return "\n".join(lines)


def _measured(rows: list[dict[str, Any]]) -> list[str]:
    """All rigs together, and each of them, as far as they were measured."""
    return [rig for rig in ("all", *RIGS) if rows and rig in rows[0]["rigs"]]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
