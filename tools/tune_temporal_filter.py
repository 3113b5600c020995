"""Choose the constants of the temporal filter on people of the validation split.

    python tools/tune_temporal_filter.py --people 24 -o results/temporal_filter.json

Each person is rendered in two clips with the sensor effects of the benchmark's captures: one moves, one is exactly
still. Heatmaps have the errors of the detector (pose/detector_noise.py). A clip is reconstructed like a video with each
candidate, and without a state. The rule, which is that of the benchmark's goals (config/benchmark.yaml): of the
candidates whose moving people have a tOF of at most that without a state, and a PSNR at most 0.1 dB lower, the one with
the least jitter of still people once settled. The candidates differ from the shipped constants in one value, or in the
three values of the stillness together. Differences are paired by person and come with their standard error. With
--seconds the measurement ends early, after a whole person.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from itertools import pairwise, product, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from torch import Tensor

from posegaussian.config import PeopleSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.config.models import TrainSettings
from posegaussian.data.batch import Batch
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.temporal import SETTLING, FlowError, Motion, static_jitter
from posegaussian.io.atomic import write_atomic
from posegaussian.model.constants import TemporalFilterConstants
from posegaussian.model.weights import load_model
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.harness import machine, report

FIRST_PERSON = 100
"""First seed of the validation split."""
CAMERA = SensorSettings(
    exposure=(-0.15, 0.15),
    white_balance=(-0.05, 0.05),
    gamma=(0.92, 1.09),
    noise=(0.0, 0.02),
    defocus=(0.0, 0.8),
    jpeg=(60.0, 95.0),
    calibration=(0.0, 0.5),
)
"""The presets `camera` and `still` of config/benchmark.yaml."""
LEVEL_RIG = RigSettings(pitch=(-10.0, 20.0), roll=(-3.0, 3.0), vertical=0.0, between_cameras=(0.3, 0.7), above=(-5, 5))
"""As in those presets, with baselines of 10 to 60 degrees."""
MOVING, STILL = 8, 12
"""Frames of a clip, as in those presets."""
FPS = 30
SINGLE = {
    "full_stillness": (0.9, 0.93, 0.96, 0.99),
    "stillness_power": (1, 2, 4, 8, 12),
    "neighbourhood": (1, 3, 7, 9),
    "max_weight": (0.8, 0.95),
    "prior_tolerance": (0.1, 0.4),
    "stillness_margin": (0.1, 0.3, 0.4),
}
"""Values that are tried one at a time."""
TOGETHER = {"full_stillness": (0.95, 0.97, 0.98), "stillness_power": (4, 6, 8), "neighbourhood": (3, 5, 7)}
"""Values that are tried together."""
CHUNK = 4
"""Candidates that one process measures: they share the optical flow of the truth."""
SHIPPED, NO_STATE = "shipped", "without a state"


def candidates(shipped: TemporalFilterConstants) -> dict[str, TemporalFilterConstants | None]:
    """Constants by what they change; None stands for a network whose state is reset before each frame."""
    changes = [{name: value} for name, values in SINGLE.items() for value in values]
    changes += [dict(zip(TOGETHER, values, strict=True)) for values in product(*TOGETHER.values())]
    found = {", ".join(f"{k} {v}" for k, v in change.items()): replace(shipped, **change) for change in changes}
    return {
        NO_STATE: None,
        SHIPPED: shipped,
        **{name: constants for name, constants in found.items() if constants != shipped},
    }


def clips(args: argparse.Namespace) -> Iterator[tuple[int, str, Batch]]:
    """Seed of the person, `moving` or `still`, and a batch of one clip."""
    stream = StreamSettings(size=(args.size,) * 2, target_size=(args.size,) * 2, rig=LEVEL_RIG, sensor=CAMERA, fps=FPS)
    errors = read_error_model(TrainSettings().heatmap_errors)
    preparation = PeopleSettings(), FPS, FPS, texel_for(args.size)
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        seeds = range(FIRST_PERSON, FIRST_PERSON + args.people)
        for seed, person in [(seed, pool.submit(prepare_subject, seed, *preparation)) for seed in seeds]:
            subject = Subject.of(person.result(), args.device)
            for kind, frames in (("moving", MOVING), ("still", STILL)):
                random = np.random.default_rng([seed, frames])
                sample = render_clip(subject, random, replace(stream, still=float(kind == "still")), frames)
                yield seed, kind, batch_from_sample(sample, frames, errors, random)


@torch.no_grad()
def measure(args: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """Metrics of every candidate and kind of clip: those of the people so far, after every person."""
    network = load_model(args.weights, args.device)
    tried, rows, start = candidates(network.constants.temporal_filter), [], time.monotonic()
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        for seed, kind, batch in clips(args):
            truth, mask, views = _levels(batch.target), (batch.target_mask[0] > 0).cpu(), {}
            for name, constants in tried.items():
                if constants is not None:
                    network.set_constants(replace(network.constants, temporal_filter=constants))
                with torch.autocast(args.device, torch.float16, enabled=args.device == "cuda"):
                    result = network(batch.pair, frames=1 if constants is None else batch.frames)
                view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED).colors.clamp(0, 1)
                views[name] = _levels(view)
                if kind == "moving":
                    rows.append((seed, name, "psnr", float(box_psnr(view, batch.target, batch.target_mask))))
            names = list(views)
            parts = [{name: views[name] for name in names[i : i + CHUNK]} for i in range(0, len(names), CHUNK)]
            measured = pool.map(_tof if kind == "moving" else _jitter, parts, repeat(truth), repeat(mask))
            rows += [(seed, name, metric, value) for part in measured for name, metric, value in part]
            print(f"person {seed}, {kind}: {time.monotonic() - start:.0f} s", flush=True)
            if kind == "still":
                yield pd.DataFrame(rows, columns=["person", "candidate", "metric", "value"])
                if args.seconds and time.monotonic() - start > args.seconds:
                    return


def _levels(images: Tensor) -> UInt8[Tensor, "t 3 h w"]:
    """Images of 8 bits, as in the stores that the benchmark measures."""
    return (255 * images).round().byte().cpu()


def _tof(views: dict[str, Tensor], truth: Tensor, mask: Tensor) -> list[tuple[str, str, float]]:
    """Candidate, metric and value of moving clips; the truth's flow is computed once for all of them."""
    frames = truth.permute(0, 2, 3, 1).numpy()
    motions, found = [Motion(*pair) for pair in pairwise(frames)], []
    for name, images in views.items():
        metric = FlowError()
        for number, levels in enumerate(images.permute(0, 2, 3, 1).float().numpy()):
            metric.add(levels, motions[number - 1] if number else None)
        found.append((name, "tof", metric.value()))
    return found


def _jitter(views: dict[str, Tensor], truth: Tensor, mask: Tensor) -> list[tuple[str, str, float]]:
    """Candidate, metric and value of still clips."""
    return [(name, "jitter", static_jitter(images[SETTLING:] / 255, mask.float())) for name, images in views.items()]


def summarize(measured: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each candidate: means, and paired differences from the shipped constants with standard errors."""
    by_person = measured.pivot_table(index="person", columns=["metric", "candidate"], values="value", sort=False)
    rows = []
    for name in measured["candidate"].unique():
        found, shipped, none = (by_person.xs(key, axis=1, level="candidate") for key in (name, SHIPPED, NO_STATE))
        difference = found - shipped
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        mean = found.mean()
        rows.append(
            {
                "candidate": name,
                "settled jitter, levels": mean["jitter"],
                "- shipped": difference["jitter"].mean(),
                "+-": error["jitter"],
                "tOF / without": mean["tof"] / none.mean()["tof"],
                "tOF - shipped": difference["tof"].mean(),
                "tOF +-": error["tof"],
                "PSNR - without, dB": mean["psnr"] - none.mean()["psnr"],
                "allowed": bool((mean["tof"] <= none.mean()["tof"]) and (mean["psnr"] >= none.mean()["psnr"] - 0.1)),
            }
        )
    return rows


def main() -> None:
    """Measure, print the table and the choice, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--size", type=int, default=1024, help="of all images, pixels")
    parser.add_argument("--weights", default="release")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=max((os.cpu_count() or 2) // 2 - 1, 1))
    parser.add_argument("--seconds", type=float, help="start no other person after this time")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/temporal_filter.json"))
    args = parser.parse_args()
    where, rows = machine(("torch", "numpy", "opencv-python-headless")), []
    for measured in measure(args):
        rows = summarize(measured)
        content = {"machine": where, "people": measured["person"].nunique(), "rows": rows}
        write_atomic(args.output, json.dumps(content, indent=1) + "\n")
    report("temporal_filter", rows, where, args.output)
    allowed = [row for row in rows if row["allowed"] and row["candidate"] != NO_STATE]
    best = min(allowed, key=lambda row: row["settled jitter, levels"])
    print(f"least jitter among the allowed: {best['candidate']}")
    print(f"shipped constants: {asdict(load_model(args.weights, 'cpu').constants.temporal_filter)}")


if __name__ == "__main__":
    main()
