"""The stage `evaluate`: a model's renders of one capture against the views that were held back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.config import EvaluateSettings
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.errors import StoreError
from posegaussian.evaluation import baselines
from posegaussian.evaluation.comparison import Comparison, ImageMetric, load_image_metrics
from posegaussian.evaluation.crops import Crop, crop
from posegaussian.evaluation.table import Row, explained, write_rows
from posegaussian.evaluation.temporal_statistics import NO_DEPTH, Pictures, Video
from posegaussian.io import store
from posegaussian.progress import progress
from posegaussian.registry import METRICS, metrics_on, resolve


def evaluate_capture(renders: Path, rectified: Path, output: Path, settings: EvaluateSettings) -> None:
    """Measure every held-back view of every frame, with floor and ceiling beside the model.

    Args:
        renders: the renders .h5; its folder names the model.
        rectified: the rectified .h5 they were made from; its name is the capture's.
        output: the .csv to write.
        settings: protocols, and where weights of metrics are.

    Raises:
        StoreError: a file is not whole, or the two do not belong together.
        WeightsError: the weights of a metric are damaged.
    """
    folders = {entry.weights: getattr(settings, entry.weights) for entry in METRICS.values() if entry.weights}
    metrics = load_image_metrics(folders)
    with store.open_checked(renders, store.RENDERS) as made, store.open_checked(rectified, store.RECTIFIED) as truth:
        _check_companions(made, truth, renders)
        write_rows(output, _rows(_Inputs(made, truth, rectified.stem, renders.parent.name, settings, metrics)))


@dataclass(frozen=True)
class _Inputs:
    """Both files are typed loosely: h5py's own annotations do not know what a name holds."""

    made: Any
    truth: Any
    capture: str
    model: str
    settings: EvaluateSettings
    metrics: dict[str, ImageMetric]


def _check_companions(made: Any, truth: Any, path: Path) -> None:
    for name in ("frames", "sources/pairs", "targets/cameras"):
        if not np.array_equal(made[name][()], truth[name][()]):
            raise StoreError(
                f"its {name} differ from those of {truth.filename}",
                code="mismatched-stores",
                file=path,
                hint="render again",
            )
    for name, other in (("targets/images", "targets/images"), ("sources/disparity", "sources/masks")):
        if made[name].shape != truth[other].shape:
            what = f"its {name} have another size than {truth.filename}"
            raise StoreError(what, code="mismatched-stores", file=path, hint="render again")


def _rows(inputs: _Inputs) -> Iterator[Row]:
    truth = inputs.truth
    frames = [int(frame) for frame in truth["frames"]]
    pairs = ["-".join(names) for names in store.strings(truth["sources/pairs"])]
    cameras = [str(name) for name in store.strings(truth["targets/cameras"])]
    places = [(target, index) for target in range(len(cameras)) for index in range(len(frames))]
    video = Video()
    for target, index in progress(places, f"evaluate {inputs.capture}"):
        pair = int(truth["targets/pair"][target])
        row = partial(Row, inputs.capture, pairs[pair], cameras[target])
        pictures = _pictures(inputs, target, index, pair)
        for method, protocol, metric, value, note in _view(inputs, target, index, pictures):
            yield row(frames[index], method, protocol, metric, value, note)
        video = video if index else Video()
        video.add(pictures, truth["targets/images"][target, index], truth["targets/masks"][target, index])
        if index == len(frames) - 1:
            for method, metric, value, note in video.measured():
                yield row(frames[0], method, "video", metric, value, note)
    for pair, name in enumerate(pairs):
        for index, frame in enumerate(frames):
            for metric, value, note in _disparity(inputs, pair, index):
                yield Row(inputs.capture, name, "", frame, inputs.model, "disparity", metric, value, note)


def _pictures(inputs: _Inputs, target: int, index: int, pair: int) -> Pictures:
    made = torch.from_numpy(inputs.made["targets/images"][target, index]).permute(2, 0, 1) / 255
    return {**_yardsticks(inputs, target, index, pair), inputs.model: made}


def _view(inputs: _Inputs, target: int, index: int, pictures: Pictures) -> Iterator[tuple[str, str, str, float, str]]:
    """Method, protocol, metric, value and note of one held-back view."""
    image, mask, _ = read_target(inputs.truth, target, index)
    for method, picture in pictures.items():
        compared = None if picture is None else Comparison(picture, image[0])
        for protocol in inputs.settings.protocols:
            where = crop(protocol, image[0], mask[0, 0])
            for metric, value, note in _measure(compared, where, inputs.metrics):
                yield method, protocol, metric, value, note


def _yardsticks(inputs: _Inputs, target: int, index: int, pair: int) -> Pictures:
    """Floor and ceiling, rounded to 8 bits as every render is; None where true depth is not known."""
    truth = inputs.truth
    known = "targets/depth" in truth, "sources/disparity" in truth
    found: Pictures = {"floor": None, "ceiling": None}
    if not any(known):
        return found
    _, mask, camera = read_target(truth, target, index)
    sources = read_pair(truth, None, pair, index)
    if known[0]:
        depth = torch.from_numpy(truth["targets/depth"][target, index])
        found["floor"] = _rounded(baselines.floor(sources, camera[0], depth, mask[0, 0]))
    if known[1]:
        disparity = torch.from_numpy(truth["sources/disparity"][pair, index])[None]
        found["ceiling"] = _rounded(baselines.ceiling(sources, camera[0], disparity))
    return found


def _rounded(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    return (image * 255).round() / 255


def _measure(
    compared: Comparison | None, where: Crop | None, metrics: dict[str, ImageMetric]
) -> Iterator[tuple[str, float, str]]:
    """Metric, value and note of one image in one crop."""
    for name, metric in metrics.items():
        if compared is None or where is None:
            yield name, math.nan, NO_DEPTH if compared is None else "the true mask is empty"
        else:
            note = metric.missing or f"the crop is smaller than {metric.entry.smallest} pixels"
            yield name, *explained(compared.value(metric, where), note)


def _disparity(inputs: _Inputs, pair: int, index: int) -> Iterator[tuple[str, float, str]]:
    """Metric, value and note of both views of a pair, over the pixels whose true disparity is known."""
    truth, metrics = inputs.truth["sources"], metrics_on("disparity")
    if "disparity" not in truth:
        yield from ((name, math.nan, NO_DEPTH) for name in metrics)
        return
    valid = truth["valid"][pair, index] > 0
    found, true = inputs.made["sources/disparity"][pair, index][valid], truth["disparity"][pair, index][valid]
    for name, entry in metrics.items():
        yield name, *explained(resolve(entry.path)(found, true, valid.shape[-1]), "no pixel with known disparity")
