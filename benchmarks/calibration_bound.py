"""What errors of calibration cost a reconstruction that is otherwise exact: people of the validation split.

    python benchmarks/calibration_bound.py --people 8 --rig 22.5 --error 1

Gaussians come from the true depth and clean images (`gt_depth`). Then the images of the sources are moved by errors of
calibration as captures have them (`synthetic.sensor.calibration`): every source by its own, or both by the same one,
which no comparison of the sources can find. `true view` is the held-out image itself, moved by the mean of both errors:
what is left of a perfect image when the sources' cameras are wrong by so much and the held-out one is exact.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from mattes import RIGS, people
from torch import Tensor

from posegaussian.config import SensorSettings, StreamSettings
from posegaussian.data.batch import Batch
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.baselines import gaussians_from_depth
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import project, unproject_pixels
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.rigs.calibration import perturb_calibration
from posegaussian.training.losses.image import box_psnr
from posegaussian.types import Camera, Gaussians, StereoPair

ROWS = ("gt_depth", "gt_depth, each source moved", "gt_depth, both moved alike", "true view, moved")
DRAWS = 4
"""Errors that are drawn for each person. Chosen by hand."""


@torch.no_grad()
def main() -> None:
    """Measure people one after the other, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--size", type=int, default=1024, help="of sources and views, pixels")
    parser.add_argument("--rig", default="22.5", choices=list(RIGS), help="baseline, degrees")
    parser.add_argument("--error", type=float, default=1.0, help="largest shift of a point of the person, pixels")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare people")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.movement = None
    found = [measured(person, args) for person in people(args)]
    print("| | PSNR box, dB | loss |\n| --- | --- | --- |")
    for row, values in zip(ROWS, zip(*found, strict=True), strict=True):
        losses = [values[i] - found[i][0] for i in range(len(found))]
        spread = statistics.stdev(losses) / len(losses) ** 0.5 if len(losses) > 1 else float("nan")
        print(f"| {row} | {statistics.fmean(values):.2f} | {statistics.fmean(losses):+.2f} ± {spread:.2f} |")


def measured(subject: Subject, args: argparse.Namespace) -> list[float]:
    """The rows of a person."""
    size, index = (args.size, args.size), list(RIGS).index(args.rig)
    settings = StreamSettings(size=size, target_size=size, rig=RIGS[args.rig])
    sample = render_clip(subject, np.random.default_rng([subject.seed, index]), settings, 1)
    random = np.random.default_rng([subject.seed, index, 1])
    batch = batch_from_sample(sample, 1, read_error_model("package:errors.json"), random)
    depth = disparity_to_depth(batch.disparity, batch.pair.cameras) * batch.valid
    views = [gaussians_from_depth(only(batch.pair, view), depth) for view in range(2)]

    def psnr(image: Tensor) -> float:
        return float(box_psnr(image, batch.target, batch.target_mask))

    def moved(changes: list[Tensor]) -> float:
        parts = [shifted(views[view], batch.pair.cameras[0, view], changes[view]) for view in range(2)]
        joined = parts[0].map(lambda *values: torch.cat(values)[None], parts[1])
        return psnr(rasterize(joined, batch.target_camera, semantics=ANTIALIASED).colors.clamp(0, 1))

    eye = torch.eye(3, device=depth.device)
    extent = torch.cat([view.means[::50] for view in views]).double().cpu().numpy()
    drawn = [
        errors(np.random.default_rng([subject.seed, index, 2, n]), batch, extent, args.error) for n in range(DRAWS)
    ]

    def mean(value: Callable[[list[Tensor]], float]) -> float:
        return statistics.fmean(value(changes) for changes in drawn)

    return [
        moved([eye, eye]),
        mean(moved),
        mean(lambda changes: moved([changes[0], changes[0]])),
        mean(lambda changes: psnr(warped(batch, extent, changes))),
    ]


def only(pair: StereoPair, view: int) -> StereoPair:
    """The pair with an empty mask in the other view."""
    masks = pair.masks.clone()
    masks[:, 1 - view] = 0
    return replace(pair, masks=masks)


def errors(random: np.random.Generator, batch: Batch, extent: np.ndarray, error: float) -> list[Tensor]:
    """For each source the matrix that moves its pixels (homogeneous)."""
    cameras = batch.pair.cameras[0].to("cpu", torch.float64)
    actual = perturb_calibration(random, SensorSettings(calibration=(error, error)), cameras, extent)
    return list((actual.intrinsics @ cameras.intrinsics.inverse()).to(batch.disparity))


def shifted(gaussians: Gaussians, camera: Camera, change: Tensor) -> Gaussians:
    """The Gaussians of a source whose pixels are moved, at their depths."""
    pixels, depth = project(gaussians.means, camera)
    pixels = pixels @ change[:2, :2].mT + change[:2, 2]
    return replace(gaussians, means=unproject_pixels(pixels, depth, camera))


def warped(batch: Batch, extent: np.ndarray, changes: list[Tensor]) -> Tensor:
    """The held-out image, moved about the person as the sources are on average."""
    points = torch.from_numpy(extent).to(batch.disparity)
    linear = torch.stack(changes).mean(0)[:2, :2]
    moves = []
    for view, change in enumerate(changes):
        middle = project(points, batch.pair.cameras[0, view])[0].mean(0)
        moves.append(change[:2, :2] @ middle + change[:2, 2] - middle)
    about = project(points, batch.target_camera[0])[0].mean(0)
    offset = about - linear @ about + torch.stack(moves).mean(0)
    offset = offset + (linear @ torch.full_like(offset, 0.5)) - 0.5  # OpenCV counts from the centre of the first pixel.
    matrix = torch.cat([linear, offset[:, None]], dim=1).double().cpu().numpy()
    image = batch.target[0].permute(1, 2, 0).cpu().numpy()
    height, width = image.shape[:2]
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LANCZOS4)
    return torch.from_numpy(moved).permute(2, 0, 1)[None].to(batch.target).clamp(0, 1)


if __name__ == "__main__":
    main()
