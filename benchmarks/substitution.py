"""What errors of disparity cost, region by region: there, the exact disparity replaces that of the network.

    python benchmarks/substitution.py --people 6 --rig 45-60 --output results/benchmarks/substitution

The people are of the validation split, without a room, filmed by clean cameras. All rows show the same people, rigs and
joints. `gt_depth` is the reference row of the evaluation. Writes a table, and JSON with every single value.
"""

import argparse
import json
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mattes import HANDS, RIGS, people
from torch import Tensor
from torch.nn import functional as F

from posegaussian.config import SensorSettings, StreamSettings
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.baselines import gt_depth
from posegaussian.io.atomic import write_atomic
from posegaussian.model.network import PoseGaussian
from posegaussian.model.stereo import StereoEstimate
from posegaussian.model.weights import load_network, weights_path
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.motion.motion import NAMED_SHARES
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr

REGIONS = ("nothing", "what both cameras see", "what one camera sees", "hands", "everything")
"""Where the disparity is replaced."""
COLUMNS = ("psnr", "epe", "both", "one", "hands", "outliers")
"""PSNR in the box; mean disparity error of everything and of regions; share of the hands with a large error."""
OUTLIER = 8.0
"""Errors above this, in pixels at 1024 px, are large: two cells of stereo. Chosen by hand."""


def main() -> None:
    """Measure people one after the other, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="release", help="a file, or `release`")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--size", type=int, default=512, help="of sources and views, pixels")
    parser.add_argument("--rig", default="45-60", choices=list(RIGS), help="baseline, degrees")
    parser.add_argument("--movement", choices=list(NAMED_SHARES), help="`gesture`: hands before face and chest")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that prepare people")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/substitution"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    network = load_network(weights_path(args.weights), args.device)
    network.matte = None  # The masks are exact.
    rows: list[dict[str, Any]] = []
    for person in people(args):
        rows += measured(person, network, args)
        write_atomic(args.output / "rows.json", json.dumps(rows, indent=1) + "\n")
    text = table(rows)
    write_atomic(args.output / "table.md", text + "\n")
    print(text)


@torch.no_grad()
def measured(subject: Subject, network: PoseGaussian, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of a person."""
    size, index = (args.size, args.size), list(RIGS).index(args.rig)
    settings = StreamSettings(size=size, target_size=size, rig=RIGS[args.rig], sensor=SensorSettings())
    sample = render_clip(subject, np.random.default_rng([subject.seed, index]), settings, 1)
    random = np.random.default_rng([subject.seed, index, 1])
    batch = batch_from_sample(sample, 1, read_error_model("package:errors.json"), random)
    known, seen = batch.valid > 0, sample.visible > 0
    hands = torch.isin(sample.parts, sample.parts.new_tensor(HANDS))
    regions = torch.zeros_like(known), known & seen, known & ~seen, known & hands, known

    def row(name: str, view: Tensor, **errors: float | None) -> dict[str, Any]:
        psnr = float(box_psnr(view, batch.target, batch.target_mask))
        return {"person": subject.seed, "row": name, "psnr": psnr, **errors}

    rows = [row("gt_depth", gt_depth(batch.pair, batch.target_camera[0], batch.disparity)[None])]
    for name, region in zip(REGIONS, regions, strict=True):

        def exact(_module: Any, _inputs: Any, found: Any, region: Tensor = region) -> StereoEstimate:
            return replaced(found, batch.disparity, region)

        hook = network.stereo.register_forward_hook(exact)
        result = network(batch.pair)
        hook.remove()
        assert result.gaussians is not None
        view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED).colors.clamp(0, 1)
        error = (1024 / batch.width) * (result.disparity - batch.disparity).abs()
        means = {key: _mean(error, mask) for key, mask in zip(COLUMNS[2:5], regions[1:4], strict=True)}
        outliers = _mean((error > OUTLIER).float(), known & hands)
        rows.append(row(name, view, epe=_mean(error, known), **means, outliers=outliers))
    return rows


def replaced(found: StereoEstimate, truth: Tensor, region: Tensor) -> StereoEstimate:
    """The estimate with the true disparity in a region; masks and truth (b, 2, h, w) are those before padding."""
    height, width = truth.shape[-2:]
    full, half = found.disparities[-1].clone(), found.half.clone()
    inside = full[..., :height, :width]
    inside[region] = truth[region]
    share = F.avg_pool2d(region.float(), 2, ceil_mode=True)
    mean = F.avg_pool2d(truth * region, 2, ceil_mode=True) / share.clamp_min(1e-6)
    cells = half[..., : share.shape[-2], : share.shape[-1]]
    cells[share > 0] = mean[share > 0]
    return replace(found, disparities=(*found.disparities[:-1], full), half=half)


def _mean(values: Tensor, region: Tensor) -> float | None:
    return float(values[region].mean()) if region.any() else None


def table(rows: list[dict[str, Any]]) -> str:
    """Means over the people, and the differences of PSNR from the first row of the network, as Markdown."""
    lines = ["| exact | PSNR box, dB | gain | EPE, px | both see | one sees | hands | large errors of hands |"]
    lines.append("| --- " * 8 + "|")
    first = [row["psnr"] for row in rows if row["row"] == REGIONS[0]]
    for name in (*REGIONS, "gt_depth"):
        own = [row for row in rows if row["row"] == name]
        gains = [row["psnr"] - before for row, before in zip(own, first, strict=True)]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
        cells = [f"{statistics.fmean(row['psnr'] for row in own):.2f}", f"{statistics.fmean(gains):+.2f} ± {error:.2f}"]
        for key in COLUMNS[1:]:
            values = [row[key] for row in own if row.get(key) is not None]
            cells.append(
                (f"{statistics.fmean(values):.1%}" if key == "outliers" else f"{statistics.fmean(values):.2f}")
                if values
                else ""
            )
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
