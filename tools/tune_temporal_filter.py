"""Choose the constants of the temporal filter on captures of the validation split, with a real detector's heatmaps.

    python tools/tune_temporal_filter.py results --jobs 14 --device cuda -o results/temporal_filter.json

config/validation.tsv lists people of the split `val`, half of them moving and half exactly still, with the
presets of the benchmark. Captures, rectified files and heatmaps that the folder does not hold yet are made by the
commands of the pipeline. A clip is reconstructed like a video with each candidate, and without a state.

The rule is that of the benchmark's goals (config/benchmark.yaml): of the candidates with which people who move have a
tOF of at most that without a state, and a PSNR at most 0.1 dB lower, the one with the least jitter of still people once
settled. The shipped constants stay unless they are not allowed themselves, or that jitter is less than theirs by more
than two standard errors of the difference, which is paired by capture.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posegaussian import config
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation.crops import crop
from posegaussian.evaluation.metrics import psnr
from posegaussian.evaluation.temporal import SETTLING, static_jitter, tof
from posegaussian.io import store
from posegaussian.io.atomic import write_atomic
from posegaussian.model.constants import TemporalFilterConstants
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_model
from posegaussian.progress import progress
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, Gaussians, StereoPair, stack

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.harness import machine, report

ROOT = Path(__file__).parents[1]
SINGLE = {
    "full_stillness": (0.93, 0.99),
    "stillness_power": (1, 2, 4, 8),
    "neighbourhood": (1, 3, 7),
    "max_weight": (0.8, 0.95),
    "prior_tolerance": (0.1, 0.4),
    "stillness_margin": (0.1, 0.4),
}
"""Values that are tried one at a time."""
TOGETHER = {"stillness_power": (1, 2), "neighbourhood": (1, 3), "full_stillness": (0.95, 0.97)}
"""Values that are tried together."""
METRICS = ("jitter", "tof", "psnr")
SHIPPED, NO_STATE = "shipped", "without a state"


class Measured(NamedTuple):
    """A metric of a capture with a candidate."""

    capture: str
    candidate: str
    metric: str
    value: float


def candidates(shipped: TemporalFilterConstants) -> dict[str, TemporalFilterConstants | None]:
    """Constants by what they change; None stands for a network whose state is reset before each frame."""
    changes = [{name: value} for name, values in SINGLE.items() for value in values]
    changes += [dict(zip(TOGETHER, values, strict=True)) for values in product(*TOGETHER.values())]
    found = {", ".join(f"{k} {v}" for k, v in change.items()): replace(shipped, **change) for change in changes}
    return {NO_STATE: None, SHIPPED: shipped, **found}


def prepared(folder: Path, detector: str, size: int, jobs: int) -> Iterator[tuple[Path, Path]]:
    """Rectified files and heatmaps of the captures of config/validation.tsv, made where they are missing, as they come.

    Args:
        folder: of the results, laid out as the workflow does.
        detector: kind of the detector, or the name that the configuration gives it.
        size: of the rectified images, pixels.
        jobs: how many captures are made at a time.
    """
    chosen = config.load(ROOT / "config/benchmark.yaml")
    chosen = replace(chosen, captures="config/validation.tsv", report=(), results=config.ResultsSettings())
    chosen = replace(chosen, rectify=replace(chosen.rectify, size=(size, size)))
    plan = config.Plan(chosen, config.read_captures(chosen, ROOT), ROOT)
    detectors = {"blazepose": config.DetectorSettings(kind="blazepose"), **chosen.detectors}

    def made(name: str) -> tuple[Path, Path]:
        capture, log = folder / "captures" / name, folder / "logs" / f"{name}.log"
        rectified, heatmaps = folder / f"rectified/{name}.h5", folder / f"heatmaps/{detector}/{name}.h5"
        for path in (capture, log, rectified, heatmaps):
            path.parent.mkdir(parents=True, exist_ok=True)
        _run(capture, log, ["captures", "--seed", str(plan.seeds[name])], plan.builtin(name))
        _run(rectified, log, ["rectify", str(capture)], chosen.rectify)
        _run(heatmaps, log, ["heatmaps", str(rectified)], detectors[detector])
        return rectified, heatmaps

    with ThreadPoolExecutor(jobs) as pool:
        tasks = [pool.submit(made, name) for name in plan.seeds]
        yield from (task.result() for task in as_completed(tasks))


def _run(output: Path, log: Path, command: list[str], settings: object) -> None:
    """Run a command of the pipeline where its output is missing."""
    if not output.exists():
        text = json.dumps(config.as_dict(settings))
        full = [sys.executable, "-m", "posegaussian", *command, "--output", str(output), "--settings", text]
        with log.open("a") as file:
            one = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
            subprocess.run(full, stdout=file, stderr=file, check=True, env=os.environ | one)


class Clip:
    """The frames of the first pair of a capture, and of a held-out camera between its cameras."""

    def __init__(self, rectified: Path, heatmaps: Path, device: str):
        with (
            store.open_checked(rectified, store.RECTIFIED) as file,
            store.open_checked(heatmaps, store.HEATMAPS) as pose,
        ):
            frames = range(len(file["frames"]))
            self.pairs: list[StereoPair] = [read_pair(file, pose, 0, frame).to(device) for frame in frames]
            views = [read_target(file, 0, frame) for frame in frames]
        self.truth: Tensor = torch.cat([image for image, _, _ in views])
        self.mask: Tensor = torch.cat([mask for _, mask, _ in views])
        self.camera: Camera = views[0][2][0].to(device)
        self.still = bool((self.truth[1:] == self.truth[:1]).all())

    @torch.inference_mode()
    def rendered(self, network: PoseGaussian, constants: TemporalFilterConstants | None) -> Tensor:
        """The views of all frames, rounded to 8 bits as in the stores that the benchmark measures."""
        if constants is not None:
            network.set_constants(replace(network.constants, temporal_filter=constants))
        views, state = [], None
        for pair in self.pairs:
            result = network(pair, state=state)
            state = result.state if constants is not None else None
            view = rasterize(result.gaussians, stack([self.camera]), semantics=ANTIALIASED).colors
            views.append((255 * view.clamp(0, 1)).round().cpu() / 255)
        return torch.cat(views)

    def metrics(self, views: Tensor) -> dict[str, float]:
        """Value of each metric."""
        if self.still:
            return {"jitter": static_jitter(views[SETTLING:], self.mask[0])}
        boxes = [crop("bbox", truth, mask[0]) for truth, mask in zip(self.truth, self.mask, strict=True)]
        values = [
            psnr(view[:, *box], truth[:, *box])
            for view, truth, box in zip(views, self.truth, boxes, strict=True)
            if box
        ]
        return {"tof": tof(views, self.truth), "psnr": float(np.mean(values))}


def measure(args: argparse.Namespace) -> Iterator[list[Measured]]:
    """Metrics of every candidate: those of the captures so far, after every capture."""
    network = load_model(args.weights, args.device)
    tried = candidates(network.constants.temporal_filter)
    found: list[Measured] = []
    with ThreadPoolExecutor(args.jobs) as pool:
        pool.submit(_warm_up, args.device)
        waiting: dict[str, Mapping[str, Future]] = {}
        for rectified, heatmaps in prepared(args.results, args.detector, args.size, args.jobs):
            clip = Clip(rectified, heatmaps, args.device)
            waiting[rectified.stem] = {
                name: pool.submit(clip.metrics, clip.rendered(network, constants))
                for name, constants in progress([*tried.items()], rectified.stem)
            }
            done = [name for name, tasks in waiting.items() if all(task.done() for task in tasks.values())]
            found += [each for name in done for each in _measured(name, waiting.pop(name))]
            yield found
        found += [each for name, tasks in waiting.items() for each in _measured(name, tasks)]
    yield found


def _measured(capture: str, tasks: Mapping[str, Future]) -> Iterator[Measured]:
    for candidate, task in tasks.items():
        for metric, value in task.result().items():
            yield Measured(capture, candidate, metric, value)


def _warm_up(device: str) -> None:
    """Compile the rasteriser of a GPU, which takes minutes, while captures are made."""
    values = torch.tensor([[0, 0, 2.0], [0, 0.1, 2]], device=device)
    whole = torch.tensor([[1.0, 0, 0, 0]] * 2, device=device)
    dots = Gaussians(values, whole, torch.full_like(values, 0.01), whole[:, 0] * 0.5, torch.full_like(values, 0.5))
    matrix = torch.tensor([[20.0, 0, 16], [0, 20, 16], [0, 0, 1]])
    rasterize(dots, stack([Camera(matrix, torch.eye(4), 32, 32).to(device)]), semantics=ANTIALIASED)


def summarize(measured: Sequence[Measured]) -> list[dict]:
    """A row for each candidate: means, and paired differences from the shipped constants with standard errors."""

    def values(candidate: str, metric: str) -> np.ndarray:
        return np.array([m.value for m in measured if (m.candidate, m.metric) == (candidate, metric)] or [np.nan])

    rows = []
    for name in dict.fromkeys(m.candidate for m in measured):
        mean = {metric: values(name, metric).mean() for metric in METRICS}
        base = {metric: values(NO_STATE, metric).mean() for metric in METRICS}
        off = {metric: values(name, metric) - values(SHIPPED, metric) for metric in METRICS}
        error = {metric: d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else np.nan for metric, d in off.items()}
        rows.append(
            {
                "candidate": name,
                "jitter : without": mean["jitter"] / base["jitter"],
                "jitter - shipped": off["jitter"].mean(),
                "+-": error["jitter"],
                "tOF : without": mean["tof"] / base["tof"],
                "tOF - shipped": off["tof"].mean(),
                "tOF +-": error["tof"],
                "PSNR - without, dB": mean["psnr"] - base["psnr"],
                "allowed": bool(mean["tof"] <= base["tof"] and mean["psnr"] >= base["psnr"] - 0.1),
            }
        )
    return rows


def main() -> None:
    """Measure, print the table and the choice, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of captures, rectified files and heatmaps")
    parser.add_argument("--detector", default="blazepose", help="kind, or name in config/benchmark.yaml")
    parser.add_argument("--weights", default="release")
    parser.add_argument("--size", type=int, default=1024, help="of the rectified images, pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="captures that are made, or measured, at a time")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/temporal_filter.json"))
    args = parser.parse_args()
    where, rows = machine(("torch", "numpy", "opencv-python-headless")) | {"load": os.getloadavg()[0]}, []
    for measured in measure(args):
        write_atomic(args.output.with_suffix(".captures.json"), json.dumps([list(m) for m in measured]) + "\n")
    rows = summarize(measured)
    report("temporal_filter", rows, where, args.output)
    print(f"shipped constants: {asdict(load_model(args.weights, 'cpu').constants.temporal_filter)}")
    print(choice(rows))


def choice(rows: list[dict]) -> str:
    """What the rule chooses."""
    best = min((row for row in rows if row["allowed"]), key=lambda row: row["jitter : without"])
    shipped = next(row for row in rows if row["candidate"] == SHIPPED)
    clear = best["jitter - shipped"] < -2 * best["+-"]
    if shipped["allowed"] and not clear:
        return f"the shipped constants stay; least jitter, within noise: {best['candidate']}"
    return f"another choice: {best['candidate']}"


if __name__ == "__main__":
    main()
