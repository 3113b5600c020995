"""The stage `evaluate`: the metrics of a model's renders of one capture at its held-out cameras."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from posegaussian.config import EvaluateSettings
from posegaussian.data.rectified import read_person
from posegaussian.errors import StoreError
from posegaussian.evaluation.baselines import ReferenceInputs, read_reference_inputs, reference_views
from posegaussian.evaluation.comparison import Comparison, ImageMetric, load_image_metrics
from posegaussian.evaluation.crops import Crop, crop
from posegaussian.evaluation.rows import Row, read_back, with_note, write_rows
from posegaussian.evaluation.temporal import ImageMotion
from posegaussian.evaluation.temporal_statistics import TemporalStatistics, ViewLevels, motions_between
from posegaussian.io import store
from posegaussian.io.suffixes import check_suffix
from posegaussian.parallel import in_order, thread_count
from posegaussian.progress import progress
from posegaussian.registry import METRICS, metrics_on, resolve
from posegaussian.rendering.levels import to_bytes
from posegaussian.streams import own_stream, to_device

_THREADS = 16
"""Threads that measure views, at most: each holds two, of 60 MB at 1024 x 1024 with their optical flow."""
_READERS = 4
"""Threads that read views, at most. Chosen by hand."""
_ON_DEVICE = 2
"""Threads that measure views on a GPU, at most. On an H200, two took 0.030 s a view, four 0.035 and eight 0.039."""


def evaluate_capture(
    renders: Path | None, rectified: Path, output: Path, settings: EvaluateSettings, references: Path | None = None
) -> None:
    """Measure every held-out view of every frame: the model's render and the two reference rows.

    Threads read and measure, the caller's renders reference rows; the values are the same for any number of threads.

    Args:
        renders: the renders .h5; the name of its folder is the model's. None: the reference rows alone.
        rectified: the rectified .h5 that they were made from; its name is the capture's.
        output: the .csv to write.
        settings: image crops, and the folders of the metrics' weights.
        references: a .csv of the reference rows alone, made with the same settings, which are copied from it: they are
            the same for all models. None: they are measured here.

    Raises:
        ConfigError: the output has another suffix.
        StoreError: a file is incomplete, or they do not belong together.
        WeightsError: the weights of a metric are not the published ones.
    """
    check_suffix(output, [".csv"])
    known = None if references is None else _KnownRows(references, rectified.stem)
    folders = {entry.weights: getattr(settings, entry.weights) for entry in METRICS.values() if entry.weights}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    crops = dict.fromkeys(METRICS, settings.crops) | settings.lpips_crops(device == "cuda")
    metrics = load_image_metrics(folders, without=[name for name in crops if not crops[name]])
    with ExitStack() as stack:
        source, made, model = stack.enter_context(store.open_checked(rectified, store.RECTIFIED)), None, ""
        if renders is not None:
            made, model = stack.enter_context(store.open_checked(renders, store.RENDERS)), renders.parent.name
            _check_match(made, source, renders)
        inputs = _Inputs(made, source, rectified.stem, model, settings, metrics, crops, device, known)
        write_rows(output, _rows(inputs))


class _KnownRows:
    """The reference rows of a capture, from a table of them alone."""

    def __init__(self, path: Path, capture: str):
        self._path, self._rows = path, dict[tuple[str, int, bool], list[Row]]()
        try:
            rows = read_back(path)
        except FileNotFoundError:
            hint = "run the stage that writes it"
            raise StoreError("no such file", code="missing-store", file=path, hint=hint) from None
        except (KeyError, TypeError, ValueError):
            raise self._other("cannot be read from this file") from None
        for row in rows:
            if row.capture != capture:
                raise self._other(f"of the capture {row.capture}, not of {capture}")
            self._rows.setdefault((row.camera, row.frame, row.scope == "frames"), []).append(row)

    def of(self, camera: str, frame: int, crops: Sequence[str] = ()) -> list[Row]:
        """Those of a view, in image crops; without crops, the temporal statistics that begin with this frame."""
        found = self._rows.get((camera, frame, not crops), [])
        if crops and {row.scope for row in found} != set(crops):
            raise self._other(f"without the crops {', '.join(crops)} of camera {camera}, frame {frame}")
        return found

    def _other(self, what: str) -> StoreError:
        hint = "make them again, with the same settings"
        return StoreError(f"reference rows {what}", code="mismatched-references", file=self._path, hint=hint)


@dataclass(frozen=True)
class _Inputs:
    """The open files and what is measured; h5py's annotations do not tell groups from data sets, hence `Any`."""

    renders: Any | None
    rectified: Any
    capture: str
    model: str
    settings: EvaluateSettings
    metrics: dict[str, ImageMetric]
    crops: Mapping[str, Sequence[str]]
    """Crops in which each metric is measured."""
    device: str
    """Where images are made and compared."""
    known: _KnownRows | None
    """The reference rows; None: they are measured."""


def _check_match(renders: Any, rectified: Any, path: Path) -> None:
    """Refuse renders that were not made from this rectified file."""
    for name in ("frames", "sources/pairs", "targets/cameras"):
        if not np.array_equal(renders[name][()], rectified[name][()]):
            raise StoreError(
                f"its {name} differ from those of {rectified.filename}",
                code="mismatched-stores",
                file=path,
                hint="render again",
            )
    for name, other in (("targets/images", "targets/images"), ("sources/disparity", "sources/masks")):
        if renders[name].shape != rectified[other].shape:
            what = f"its {name} have another size than those of {rectified.filename}"
            raise StoreError(what, code="mismatched-stores", file=path, hint="render again")


def _rows(inputs: _Inputs) -> Iterator[Row]:
    """All rows of the table: for each camera its views and temporal statistics, then the disparities of each pair."""
    rectified = inputs.rectified
    frames = [int(frame) for frame in rectified["frames"]]
    pairs = ["-".join(names) for names in store.strings(rectified["sources/pairs"])]
    cameras = [str(name) for name in store.strings(rectified["targets/cameras"])]
    views = [(target, index) for target in range(len(cameras)) for index in range(len(frames))]
    threads = min(thread_count(), _THREADS)
    measuring = threads if inputs.device == "cpu" else min(threads, _ON_DEVICE)
    read = in_order(partial(_read, inputs), views, min(threads, _READERS))
    images = (_with_references(view, found, inputs.device) for view, found in read)
    measured = in_order(partial(_measured, inputs), images, measuring)
    moved = in_order(partial(_moved, inputs.device), _with_previous(measured), measuring)
    statistics = TemporalStatistics()
    for view, values, motions in progress(moved, f"evaluate {inputs.capture}", len(views), unit="views"):
        row = partial(Row, inputs.capture, pairs[int(rectified["targets/pair"][view.target])], cameras[view.target])
        if inputs.known:
            yield from inputs.known.of(cameras[view.target], frames[view.index], inputs.settings.crops)
        for method, crop_name, metric, value, note in values:
            yield row(frames[view.index], method, crop_name, metric, value, note)
        statistics = statistics if view.index else TemporalStatistics()
        statistics.add(view.levels, motions)
        if view.index == len(frames) - 1:
            if inputs.known:
                yield from inputs.known.of(cameras[view.target], frames[0])
            for method, metric, value, note in statistics.values():
                yield row(frames[0], method, "frames", metric, value, note)
    for pair, name in enumerate(pairs if inputs.renders is not None else ()):
        found = in_order(partial(_disparity, inputs, pair), range(len(frames)), threads)
        for frame, values in zip(frames, found, strict=True):
            for metric, value, note in values:
                yield Row(inputs.capture, name, "", frame, inputs.model, "disparity", metric, value, note)


class _View(NamedTuple):
    """A held-out view: indices of its camera and frame, and its images in 8 bits."""

    target: int
    index: int
    levels: ViewLevels


_Values = list[tuple[str, str, str, float, str]]
"""Method, crop, metric, value and note."""


def _read(inputs: _Inputs, place: tuple[int, int]) -> tuple[_View, ReferenceInputs | None]:
    """One held-out view with the model's image, in 8 bits as in the store; what the reference rows are made of."""
    target, index = place
    found = None if inputs.known else read_reference_inputs(inputs.rectified, target, index)
    images = {} if inputs.renders is None else {inputs.model: inputs.renders["targets/images"][target, index]}
    truth = read_person(inputs.rectified, "targets", target, index)
    return _View(target, index, ViewLevels(images, truth, inputs.rectified["targets/masks"][target, index])), found


def _with_references(view: _View, found: ReferenceInputs | None, device: str) -> _View:
    """The view with the images of the reference rows before the model's.

    Rasterisers are not called from several threads: reference rows are rendered by the caller's.
    """
    if found is None:
        return view
    references = {name: to_bytes(image) for name, image in reference_views(found, device).items()}
    return view._replace(levels=replace(view.levels, images=references | dict(view.levels.images)))


def _with_previous(measured: Iterable[tuple[_View, _Values]]) -> Iterator[tuple[_View, _Values, ViewLevels | None]]:
    """Each view with the images of the frame before of its camera."""
    before = None
    for view, values in measured:
        yield view, values, before if view.index else None
        before = view.levels


def _moved(
    device: str, item: tuple[_View, _Values, ViewLevels | None]
) -> tuple[_View, _Values, dict[str, ImageMotion]]:
    view, values, before = item
    return view, values, {} if before is None else motions_between(before, view.levels, device)


def _measured(inputs: _Inputs, view: _View) -> tuple[_View, _Values]:
    """The values of one held-out view, on the GPU if there is one."""
    with own_stream(torch.device(inputs.device)):
        return view, _compared(inputs, view)


def _compared(inputs: _Inputs, view: _View) -> _Values:
    device = torch.device(inputs.device)
    truth, mask, *images = (
        to_device(each, device) / 255 for each in (view.levels.truth, view.levels.mask, *view.levels.images.values())
    )
    truth, values = truth.permute(2, 0, 1).contiguous(), []
    for method, image in zip(view.levels.images, images, strict=True):
        comparison = Comparison(image.permute(2, 0, 1).contiguous(), truth)
        for crop_name in inputs.settings.crops:
            where = crop(crop_name, truth, mask)
            metrics = {name: metric for name, metric in inputs.metrics.items() if crop_name in inputs.crops[name]}
            values += [(method, crop_name, *each) for each in _measure(comparison, where, metrics)]
    return values


def _measure(
    comparison: Comparison, where: Crop | None, metrics: dict[str, ImageMetric]
) -> Iterator[tuple[str, float, str]]:
    """Metric, value and note of one image in one crop."""
    for name, metric in metrics.items():
        if where is None:
            yield name, math.nan, "the true mask is empty"
        else:
            note = metric.missing or f"the crop is smaller than {metric.entry.smallest} pixels"
            yield name, *with_note(comparison.value(metric, where), note)


def _disparity(inputs: _Inputs, pair: int, index: int) -> list[tuple[str, float, str]]:
    """Metric, value and note of both views of a pair, over the pixels with a known true disparity."""
    sources, metrics = inputs.rectified["sources"], metrics_on("disparity")
    if "disparity" not in sources:
        return [(name, math.nan, "no true depth") for name in metrics]
    valid = sources["valid"][pair, index] > 0
    assert inputs.renders is not None
    disparity = inputs.renders["sources/disparity"][pair, index][valid]
    truth = sources["disparity"][pair, index][valid]
    found = {name: resolve(entry.path)(disparity, truth, valid.shape[-1]) for name, entry in metrics.items()}
    return [(name, *with_note(value, "no pixel with known disparity")) for name, value in found.items()]
