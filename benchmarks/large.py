"""Sources of 2048 px and more: quality, time and memory of three ways, on people of the validation split.

    python benchmarks/large.py --people 2

Views are rendered at the size of the sources: `reduced` from pairs of 1024 px, `window` as the project does it, from
the part of the pair that holds the person, `whole` from all of it. Peak memory is that of the process: measure one
way in a run, and `--ways` without any for that of the renderer of people. Times are those of a first call on the CPU,
and medians of several on CUDA, without compilation.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from posegaussian.config import PeopleSettings, StreamSettings
from posegaussian.data.streamed import batch_from_sample
from posegaussian.evaluation.crops import crop
from posegaussian.evaluation.lpips import load_alex
from posegaussian.evaluation.similarity import similarity
from posegaussian.io.images import write_image
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, weights_path
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.rendering.reconstruct import FrameReconstructor, render
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.training.losses.image import box_psnr
from posegaussian.types import Camera, Gaussians, StereoPair

from mattes import FIRST_PERSON, FRAMES, RIGS  # isort: skip

WAYS = ("reduced", "window", "whole")
REDUCED = 1024
"""Size of the reduced pairs, pixels: the largest of training."""
CALLS = 20
"""Calls that are timed on CUDA, apart from the first one."""


def main() -> None:
    """Render people, reconstruct them in every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="release")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--size", type=int, default=2048, help="of sources and views, pixels")
    parser.add_argument("--rig", default="22.5", choices=list(RIGS))
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--lpips", type=Path, help="folder of `posegaussian fetch lpips`")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/large"))
    args = parser.parse_args()
    network, errors = load_network(weights_path(args.weights), args.device), read_error_model("package:errors.json")
    settings = StreamSettings(size=(args.size,) * 2, target_size=(args.size,) * 2, rig=RIGS[args.rig])
    lpips = None if args.lpips is None else load_alex(args.lpips)
    ways = reconstructors(network, args.size // REDUCED)
    rows: dict[str, list[tuple[float, ...]]] = {way: [] for way in args.ways}
    for seed in range(FIRST_PERSON, FIRST_PERSON + args.people):
        prepared = prepare_subject(seed, PeopleSettings(), FRAMES, 30, texel_for(args.size))
        sample = render_clip(Subject.of(prepared, args.device), np.random.default_rng(seed), settings, 1)
        batch = batch_from_sample(sample, 1, errors, np.random.default_rng(seed))
        for way in args.ways:
            with torch.inference_mode():
                gaussians, seconds = timed(partial(ways[way], batch.pair))
                view = render(gaussians, batch.target_camera[0]).colors[None]
                psnr = float(box_psnr(view, batch.target, batch.target_mask))
                inside = batch.target_mask.expand_as(view) > 0.5
                likeness = float(similarity(view, batch.target)[inside].mean())
            box = crop("bbox", batch.target[0], batch.target_mask[0, 0]) or (slice(None), slice(None))
            distance = float("nan") if lpips is None else lpips(view[0][:, *box].clamp(0, 1), batch.target[0][:, *box])
            rows[way].append((psnr, likeness, distance, len(gaussians.means), seconds))
            shown = torch.cat([view, batch.target], dim=-1)[0].clamp(0, 1).permute(1, 2, 0)
            path = args.output / f"{seed}-{way}.jpg"
            write_image(path, (255 * shown).byte().cpu().numpy(), (cv2.IMWRITE_JPEG_QUALITY, 90))
    print("| way | PSNR box, dB | SSIM on the person | LPIPS (AlexNet), box | Gaussians | s |\n" + "| --- " * 6 + "|")
    for way, values in rows.items():
        psnr, likeness, distance, count, seconds = map(statistics.fmean, zip(*values, strict=True))
        print(f"| {way} | {psnr:.2f} | {likeness:.4f} | {distance:.4f} | {count:,.0f} | {seconds:.3f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nPeak memory of this process: {peak:.1f} GB, rendering of people included")


def reconstructors(network: PoseGaussian, factor: int) -> dict[str, Callable[[StereoPair], Gaussians]]:
    """What makes the Gaussians of a pair, by way; `factor` reduces pairs."""
    frames = FrameReconstructor(network, next(network.parameters()).device, stabilizer=False)

    def window(pair: StereoPair) -> Gaussians:
        return frames([pair])[0].gaussians

    def whole(pair: StereoPair) -> Gaussians:
        result = network(pair).gaussians
        assert result is not None
        return result[0].compact()

    return {"reduced": lambda pair: window(reduced(pair, factor)), "window": window, "whole": whole}


def timed(run: Callable[[], Gaussians]) -> tuple[Gaussians, float]:
    """The Gaussians, and the seconds of a call: the first one on the CPU, the median of several on CUDA."""
    seconds: list[float] = []
    while True:
        start = time.perf_counter()
        result = run()
        if result.means.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        if not result.means.is_cuda or len(seconds) > CALLS:
            return result, statistics.median(seconds[-CALLS:])


def reduced(pair: StereoPair, factor: int) -> StereoPair:
    """The pair at a size smaller by this factor."""

    def smaller(values: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(values.flatten(0, 1), factor).unflatten(0, (-1, 2))

    intrinsics = pair.cameras.intrinsics.clone()
    intrinsics[..., :2, :] /= factor
    images, masks = smaller(pair.images), smaller(pair.masks)
    assert pair.heatmaps is not None and pair.keypoints is not None
    return replace(
        pair,
        images=images,
        masks=masks,
        cameras=Camera(intrinsics, pair.cameras.world_to_camera, images.shape[-1], images.shape[-2]),
        heatmaps=smaller(pair.heatmaps),
        keypoints=pair.keypoints / factor,
    )


if __name__ == "__main__":
    main()
