"""What errors of mattes cost: views of people of the validation split in rooms, a row for each kind of error.

    python benchmarks/mattes.py --weights release model.safetensors --people 8 --output results/benchmarks/mattes

All rows of all weights show the same people, rooms, rigs and joints. Errors are those of the stream
(`synthetic.matte`), of a fixed strength. Writes a table, JSON with every single value, and a sheet of the first person.
"""

import argparse
import json
import multiprocessing
import os
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from posegaussian.config import (
    GPS_GAUSSIAN,
    REALISTIC_SENSOR,
    MatteErrorSettings,
    PeopleSettings,
    RigSettings,
    RoomSettings,
    SensorSettings,
    StreamSettings,
    TrainSettings,
    load,
)
from posegaussian.data.batch import Batch
from posegaussian.data.found_mattes import MatteFinder
from posegaussian.data.streamed import batch_from_sample
from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import write_image
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, weights_path
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.motion.motion import NAMED_SHARES
from posegaussian.synthetic.people.bake import PARTS
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr

ROOT = Path(__file__).parents[1]
ROWS: dict[str, MatteErrorSettings] = {
    "exact": MatteErrorSettings(),
    "3 px too small": MatteErrorSettings(offset=(-3, -3)),
    "3 px too large": MatteErrorSettings(offset=(3, 3)),
    "ragged, 3 px": MatteErrorSettings(ragged=(3, 3)),
    "soft, 3 px": MatteErrorSettings(soft=(3, 3)),
    "six holes": MatteErrorSettings(holes=(6, 6)),
    "six leaks": MatteErrorSettings(leaks=(6, 6)),
    "half of hands and feet lost": MatteErrorSettings(lost=0.5),
    "found": MatteErrorSettings(found=1),
}
"""The errors; lengths in pixels at 1024 px."""
WIDE = RigSettings(baseline=(45, 60), pitch=(-10, 20), vertical=0.0, between_cameras=(0.3, 0.7), above=(0, 0))
RIGS = {"22.5": GPS_GAUSSIAN, "45-60": replace(WIDE, focal=(4, 4))}
"""Baselines, degrees, and their rigs."""
KINDS = ("living", "office", "gym", "outdoors")
FIRST_PERSON = 150
"""First seed of the people, who are of the validation split."""
DEFAULT_PEOPLE = PeopleSettings()
FRAMES = 4
"""Of the people's pose sequences, of which one is drawn."""
HANDS = tuple(PARTS.index(f"{side}_hand") for side in ("left", "right"))
"""Body parts whose disparity error has a column of its own."""
SENSORS = {"clean": SensorSettings(), "camera": replace(REALISTIC_SENSOR, calibration=(0.0, 1.5))}


def main() -> None:
    """Render people, reconstruct them with every error and every file of weights, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", nargs="+", default=["release"], help="files, or `release`")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--first", type=int, default=FIRST_PERSON, help="seed of the first person")
    parser.add_argument("--laden", action="store_true", help="people in all garments and hair, 60 %% with a thing")
    parser.add_argument("--size", type=int, default=1024, help="of sources and views, pixels")
    parser.add_argument("--rigs", nargs="+", default=["22.5"], choices=list(RIGS))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--room", nargs="+", default=list(KINDS), help="kinds of rooms; `off`: black around the person")
    parser.add_argument("--sensor", default="clean", choices=list(SENSORS))
    parser.add_argument("--movement", choices=list(NAMED_SHARES), help="`gesture`: hands before face and chest")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that prepare people")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/mattes"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    networks = {name: load_network(weights_path(name), args.device) for name in args.weights}
    rows: list[dict[str, Any]] = []
    finder = MatteFinder(torch.device(args.device))
    for person in people(args, laden_people() if args.laden else DEFAULT_PEOPLE, args.first):
        rows += measured(person, networks, finder, args)
        write_atomic(args.output / "rows.json", json.dumps(rows, indent=1) + "\n")
    text = table(rows, args)
    write_atomic(args.output / "table.md", text + "\n")
    print(text)


def laden_people() -> PeopleSettings:
    """People in all garments and hair, of whom 60 % wear or hold a thing."""
    train = load(ROOT / "config/release.yaml").models["volumes"].train
    assert isinstance(train, TrainSettings)
    return train.synthetic.people


def people(
    args: argparse.Namespace, settings: PeopleSettings = DEFAULT_PEOPLE, first: int = FIRST_PERSON
) -> Iterator[Subject]:
    """People of the validation split, who are prepared in `args.workers` processes."""
    with ProcessPoolExecutor(min(args.workers, args.people), multiprocessing.get_context("spawn")) as pool:
        seeds = range(first, first + args.people)
        arguments = settings, FRAMES, 30, texel_for(args.size), args.movement
        for prepared in pool.map(prepare_subject, seeds, *([value] * args.people for value in arguments)):
            yield Subject.of(prepared, args.device)


@torch.no_grad()
def measured(
    subject: Subject, networks: dict[str, PoseGaussian], finder: MatteFinder, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """The rows of a person."""
    rows, errors = [], read_error_model("package:errors.json")
    for index, rig in enumerate(args.rigs):
        size = args.size, args.size
        room = RoomSettings(kinds=tuple(args.room), before=0.0)
        settings = StreamSettings(size=size, target_size=size, rig=RIGS[rig], sensor=SENSORS[args.sensor], room=room)
        sample = render_clip(subject, np.random.default_rng([subject.seed, index]), settings, 1)
        for weights, network in networks.items():
            pictures = []
            for name in args.rows:
                random, filmed = np.random.default_rng([subject.seed, index, 1]), network.settings.filmed
                batch = batch_from_sample(sample, 1, errors, random, matte=ROWS[name], filmed=filmed, finder=finder)
                values, picture = reconstructed(network, batch, sample.parts)
                rows.append({"person": subject.seed, "rig": rig, "weights": weights, "row": name, **values})
                pictures.append(picture)
            if subject.seed == FIRST_PERSON:
                sheet = torch.cat(pictures, dim=1).byte().cpu().numpy()
                path = args.output / f"{rig}-{Path(weights).stem}.jpg"
                write_image(path, sheet, (cv2.IMWRITE_JPEG_QUALITY, 88))
    return rows


def reconstructed(network: PoseGaussian, batch: Batch, parts: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
    """The metrics of a batch of one pair, and a column of its left image and mask, its view and the truth."""
    with torch.autocast(batch.target.device.type, torch.float16, enabled=batch.target.is_cuda):
        result = network(batch.pair)
    assert result.gaussians is not None
    view = rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED).colors.clamp(0, 1)
    errors, known = (1024 / batch.width) * (result.disparity.float() - batch.disparity).abs(), batch.valid > 0
    error, hands = errors[known], errors[known & torch.isin(parts, parts.new_tensor(HANDS))]
    values = {
        "psnr": float(box_psnr(view, batch.target, batch.target_mask)),
        "epe": float(error.mean()),
        "median": float(error.median()),
        "hands": float(hands.sum() / max(hands.numel(), 1)),
        "gaussians": int((result.gaussians.opacities >= 1 / 255).sum()),
    }
    shown = [batch.pair.images[0, 0], batch.pair.masks[0, 0].expand(3, -1, -1), view[0], batch.target[0]]
    small = [F.interpolate(image[None], size=(512, 512), mode="area")[0] for image in shown]
    return values, (255 * torch.cat(small, dim=1)).permute(1, 2, 0)[:, 100:412]


def table(rows: list[dict[str, Any]], args: argparse.Namespace) -> str:
    """Means over the people, and the loss against exact mattes, as Markdown."""
    lines = [
        "| weights | rig | error | PSNR box, dB | against exact | EPE (median), px | hands | Gaussians |",
        "| --- " * 8 + "|",
    ]
    for weights in args.weights:
        for rig in args.rigs:
            exact = None
            for name in args.rows:
                found = [row for row in rows if (row["weights"], row["rig"], row["row"]) == (weights, rig, name)]
                means = {
                    key: statistics.fmean(row[key] for row in found)
                    for key in ("psnr", "epe", "median", "hands", "gaussians")
                }
                exact = means if exact is None else exact
                loss = means["psnr"] - exact["psnr"]
                disparity = f"{means['epe']:.2f} ({means['median']:.2f})"
                count = f"{means['gaussians']:,.0f}"
                hands = f"{means['hands']:.2f}"
                cells = weights, rig, name, f"{means['psnr']:.2f}", f"{loss:+.2f}", disparity, hands, count
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
