"""Fit the weights with which evidence about mattes is fused, and print them for preparation/mattes/fusion.py.

    python tools/fit_mattes.py captures/109 captures/110 captures/111 captures/112

Captures as benchmarks/footage.py makes them, with four sources and pictures of the empty scene, of people of `val` that
its table does not show. Logistic regression: each combination of what may be known has weights of its own.
"""

import argparse
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from posegaussian.captures.reading import read_capture
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.preparation.mattes.fusion import NAMES, Evidence
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.window import Window
from posegaussian.preparation.people import find_people

PIXELS = 4000
"""Of each window."""
RIDGE = 1.0
"""Penalty of the squared weights: evidence that says little gets a weight near zero."""
STEPS = 25
"""Of Newton's method; it has converged after 10."""


def main() -> None:
    """Collect pixels, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each for one capture at a time")
    args = parser.parse_args()
    pixels = defaultdict(list)
    with ProcessPoolExecutor(args.jobs, get_context("spawn"), torch.set_num_threads, (1,)) as jobs:
        for found in jobs.map(collect, args.captures, count()):
            for kind, parts in found.items():
                pixels[kind] += parts
    print(f"WEIGHTS: {', '.join(NAMES)}")
    for kind in sorted(pixels):
        features, truth = (np.concatenate(parts) for parts in zip(*pixels[kind], strict=True))
        weights = fit(features, truth)
        alone = loss(features[:, :2], truth, newton(features[:, :2], truth))
        print(f"    {kind}: ({', '.join(f'{w:.3f}' for w in weights)}),  # {len(truth)} pixels, loss", end=" ")
        print(f"{loss(features, truth, weights):.4f}, of the network alone {alone:.4f}", flush=True)


def collect(root: Path, seed: int) -> dict[tuple[int, bool], list[tuple[np.ndarray, np.ndarray]]]:
    """Pixels of one capture, with fewer and more of its cameras, with and without the empty scene."""
    pixels, rng = defaultdict(list), np.random.default_rng(seed)
    capture = read_capture(root)
    cameras = {name: capture.cameras[name] for name in capture.sources}
    scenes = {name: Scene(image) for name in cameras if (image := capture.background(name)) is not None}
    model, matting, people = load_blazepose(), Matting(cameras, load_matting_model(), scenes), None
    for frame in capture.frames:
        images = {name: capture.image(name, frame) for name in cameras}
        people = find_people(images, cameras, model, people)
        for number in range(1, len(cameras) + 1):
            chosen = dict(list(people.views.items())[:number])
            for name, (window, evidence) in matting.evidence(images, chosen).items():
                where = rng.integers(window.width * window.height, size=PIXELS)
                truth = window.resampled(capture.mask(name, frame)).ravel()[where] / 255
                for known in (evidence, replace(evidence, difference=None)):
                    pixels[known.kind].append((columns(known, window, where), truth))
    return pixels


def columns(evidence: Evidence, window: Window, where: np.ndarray) -> np.ndarray:
    """Features of some pixels, with the bias."""
    shape = window.height, window.width
    return np.stack([np.broadcast_to(values, shape).ravel()[where] for values in [1.0, *evidence.features()]], axis=1)


def fit(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights of least cross entropy, by Newton's method; evidence whose weight would be negative is left out."""
    used = np.array(features.any(axis=0))
    while True:
        weights = np.zeros(features.shape[1])
        weights[used] = newton(features[:, used], truth)
        wrong = weights[1:] < 0
        if not wrong.any():
            return weights
        used[1 + np.argmin(weights[1:])] = False


def newton(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights of logistic regression, the first of which is not penalised."""
    weights, penalty = np.zeros(features.shape[1]), np.full(features.shape[1], RIDGE)
    weights[1], penalty[0] = 1, 1e-6
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (probability - truth) + penalty * weights
        curve = (features * (probability * (1 - probability) + 1e-6)[:, None]).T @ features
        weights = weights - np.linalg.solve(curve + np.diag(penalty), slope)
    return weights


def loss(features: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """Mean cross entropy."""
    logits = features @ weights
    return float(np.mean(np.logaddexp(0, logits) - truth * logits))


if __name__ == "__main__":
    main()
