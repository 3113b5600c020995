"""Choose the constants of the temporal filter on captures of the validation split, with the real detector's heatmaps.

    snakemake --configfile config/benchmark.yaml --config captures=config/validation.tsv report=[] \\
        'results={goals: []}' 'rectify={size: [512, 512]}' --cores all -- \\
        $(tail -n +2 config/validation.tsv | cut -f1 | sed 's#.*#results/heatmaps/small/&.h5#')
    python tools/tune_temporal_filter.py results -o results/temporal_filter.json

config/validation.tsv lists people of the split `val`, six who move and six who are exactly still, with the presets of
the benchmark. A clip is reconstructed like a video with each candidate, and without a state. The rule is that of the
benchmark's goals (config/benchmark.yaml): of the candidates with which people who move have a tOF of at most that
without a state, and a PSNR at most 0.1 dB lower, the one with the least jitter of still people once settled.
Differences from the shipped constants are paired by capture and come with their standard error.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

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
from posegaussian.types import Camera, StereoPair, stack

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.harness import machine, report

SINGLE = {
    "full_stillness": (0.93, 0.99),
    "stillness_power": (1, 2, 4, 8),
    "neighbourhood": (1, 3, 7),
    "max_weight": (0.8, 0.95),
    "prior_tolerance": (0.1, 0.4),
    "stillness_margin": (0.1, 0.4),
}
"""Values that are tried one at a time."""
TOGETHER = {"full_stillness": (0.95,), "stillness_power": (2, 4), "neighbourhood": (1, 3)}
"""Values that are tried together."""
SHIPPED, NO_STATE = "shipped", "without a state"


def candidates(shipped: TemporalFilterConstants) -> dict[str, TemporalFilterConstants | None]:
    """Constants by what they change; None stands for a network whose state is reset before each frame."""
    changes = [{name: value} for name, values in SINGLE.items() for value in values]
    changes += [dict(zip(TOGETHER, values, strict=True)) for values in product(*TOGETHER.values())]
    found = {", ".join(f"{k} {v}" for k, v in change.items()): replace(shipped, **change) for change in changes}
    return {NO_STATE: None, SHIPPED: shipped, **found}


class Clip:
    """The frames of the first pair of a capture, and of a held-out camera between its cameras."""

    def __init__(self, rectified: Path, heatmaps: Path):
        with (
            store.open_checked(rectified, store.RECTIFIED) as file,
            store.open_checked(heatmaps, store.HEATMAPS) as pose,
        ):
            frames = range(len(file["frames"]))
            self.pairs: list[StereoPair] = [read_pair(file, pose, 0, frame) for frame in frames]
            views = [read_target(file, 0, frame) for frame in frames]
        self.truth: Tensor = torch.cat([image for image, _, _ in views])
        self.mask: Tensor = torch.cat([mask for _, mask, _ in views])
        self.camera: Camera = views[0][2][0]
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
            views.append((255 * view.clamp(0, 1)).round() / 255)
        return torch.cat(views)

    def metrics(self, views: Tensor) -> Iterator[tuple[str, float]]:
        """Name and value of each metric."""
        if self.still:
            yield "jitter", static_jitter(views[SETTLING:], self.mask[0])
            return
        yield "tof", tof(views, self.truth)
        boxes = [crop("bbox", truth, mask[0]) for truth, mask in zip(self.truth, self.mask, strict=True)]
        values = [
            psnr(view[:, *box], truth[:, *box])
            for view, truth, box in zip(views, self.truth, boxes, strict=True)
            if box
        ]
        yield "psnr", float(np.mean(values))


def measure(args: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """Metrics of every candidate: those of the captures so far, after every capture."""
    network, rows = load_model(args.weights, "cpu"), []
    tried = candidates(network.constants.temporal_filter)
    paths = sorted((args.results / "heatmaps" / args.detector).glob("*.h5"))
    for path in progress(paths, "captures"):
        clip = Clip(args.results / "rectified" / path.name, path)
        for name, constants in tried.items():
            rows += [(path.stem, name, *found) for found in clip.metrics(clip.rendered(network, constants))]
        yield pd.DataFrame(rows, columns=["capture", "candidate", "metric", "value"])


def summarize(measured: pd.DataFrame) -> list[dict]:
    """A row for each candidate: means, and paired differences from the shipped constants with standard errors."""
    values = measured.pivot_table(index="capture", columns=["metric", "candidate"], values="value", sort=False)
    rows = []
    for name in measured["candidate"].unique():
        found, shipped, none = (values.xs(key, axis=1, level="candidate") for key in (name, SHIPPED, NO_STATE))
        difference, mean, base = found - shipped, found.mean(), none.mean()
        error = difference.std(ddof=1) / np.sqrt(difference.count())
        mean, base = mean.reindex(["jitter", "tof", "psnr"]), base.reindex(["jitter", "tof", "psnr"])
        rows.append(
            {
                "candidate": name,
                "jitter : without": mean["jitter"] / base["jitter"],
                "jitter - shipped": difference.mean().get("jitter", np.nan),
                "+-": error.get("jitter", np.nan),
                "tOF : without": mean["tof"] / base["tof"],
                "tOF - shipped": difference.mean().get("tof", np.nan),
                "tOF +-": error.get("tof", np.nan),
                "PSNR - without, dB": mean["psnr"] - base["psnr"],
                "allowed": bool(mean["tof"] <= base["tof"] and mean["psnr"] >= base["psnr"] - 0.1),
            }
        )
    return rows


def main() -> None:
    """Measure, print the table and the choice, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the workflow's folder of results")
    parser.add_argument("--detector", default="small")
    parser.add_argument("--weights", default="release")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/temporal_filter.json"))
    args = parser.parse_args()
    where, rows = machine(("torch", "numpy", "opencv-python-headless")) | {"load": os.getloadavg()[0]}, []
    for measured in measure(args):
        rows = summarize(measured)
        content = {"machine": where, "captures": measured["capture"].nunique(), "rows": rows}
        write_atomic(args.output, json.dumps(content, indent=1) + "\n")
    report("temporal_filter", rows, where, args.output)
    best = min((row for row in rows if row["allowed"]), key=lambda row: row["jitter : without"])
    print(f"least jitter among the allowed: {best['candidate']}")
    print(f"shipped constants: {asdict(load_model(args.weights, 'cpu').constants.temporal_filter)}")


if __name__ == "__main__":
    main()
