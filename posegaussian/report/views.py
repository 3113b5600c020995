"""Rows of images for the report page: held-out views, disparities, heatmaps, and the steps of the pipeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posegaussian.data.rectified import read_person, read_target
from posegaussian.evaluation import metrics
from posegaussian.evaluation.baselines import read_reference_inputs, reference_views
from posegaussian.evaluation.crops import crop
from posegaussian.io import store
from posegaussian.preparation.people_file import PEOPLE
from posegaussian.rendering.levels import to_bytes
from posegaussian.report.color_maps import disparity_colours, disparity_limits, error_colours, flip_colours
from posegaussian.report.images import RGBImage, box_around, heatmap_overlay, padded_crop

_DISPARITY_ERROR = 8.0
"""Upper end of the colour scale of disparity errors, pixels at 1024; chosen by hand."""
_OVERVIEW_ASPECT = 0.55
"""Width / height of the images of the pipeline; as in the page's drawing (130 x 236)."""
_VISIBLE_LEVEL = 8
"""A pixel of a view on the path, which has no mask, shows the person if a channel exceeds this level of 255; chosen by
hand."""


@dataclass(frozen=True)
class Panel:
    """One image with its title, a short text below it, and a description for readers who cannot see it."""

    title: str
    image: RGBImage
    text: str
    alt: str


@dataclass(frozen=True)
class PanelRow:
    """Panels side by side, with a common title."""

    title: str
    panels: tuple[Panel, ...]


class CaptureFiles:
    """The open files of one held-out capture.

    Args:
        rectified: rectified .h5.
        heatmaps: its heatmaps .h5, or None.
        renders: its renders .h5.
        people: what the stage `people` found in it, or None.
    """

    def __init__(self, rectified: Path, heatmaps: Path | None, renders: Path, people: Path | None = None):
        self.name = rectified.stem
        self.rectified = store.open_checked(rectified, store.RECTIFIED)
        self.heatmaps = store.open_checked(heatmaps, store.HEATMAPS) if heatmaps else None
        self.renders = store.open_checked(renders, store.RENDERS)
        self.people = store.open_checked(people, PEOPLE) if people else None
        self.frames: list[int] = self.rectified["frames"][()].tolist()
        self.pairs = [tuple(map(str, names)) for names in store.strings(self.rectified["sources/pairs"])]
        self.targets = [str(name) for name in store.strings(self.rectified["targets/cameras"])]

    @property
    def synthetic(self) -> bool:
        """Whether the people are synthetic: only synthetic captures have true joints."""
        return "joints" in self.rectified

    @property
    def true_depth(self) -> bool:
        """Whether the true depth of the sources is known."""
        return "sources/disparity" in self.rectified

    def close(self) -> None:
        """Close all files."""
        for file in (self.rectified, self.heatmaps, self.renders, self.people):
            if file is not None:
                file.close()


def evenly_spaced_views(captures: Sequence[CaptureFiles], count: int) -> list[tuple[CaptureFiles, int, int]]:
    """Capture, target and frame (indices) of views evenly spaced over all cameras and frames."""
    cameras = [(capture, target) for capture in captures for target in range(len(capture.targets))]
    count = min(count, sum(len(capture.frames) for capture, _ in cameras))
    chosen = []
    for i in range(count):
        capture, target = cameras[i * len(cameras) // count if count <= len(cameras) else i % len(cameras)]
        chosen.append((capture, target, (2 * i + 1) * len(capture.frames) // (2 * count)))
    return chosen


def comparison_row(capture: CaptureFiles, target: int, frame: int, model: str) -> PanelRow:
    """One held-out view: the truth, the model, the reference rows where known, and the model's FLIP error."""
    truth, mask, _ = read_target(capture.rectified, target, frame)
    box = box_around(to_bytes(mask[0])[..., 0])
    where = crop("bbox", truth[0], mask[0, 0])
    rendered = torch.from_numpy(capture.renders["targets/images"][target, frame]).permute(2, 0, 1) / 255
    view = f"{capture.name}, camera {capture.targets[target]}, frame {capture.frames[frame]}"

    def panel(title: str, image: Tensor, alt: str) -> Panel:
        psnr = f"{metrics.psnr(image[:, *where], truth[0][:, *where]):.1f} dB" if where else ""
        return Panel(title, padded_crop(to_bytes(image), box), psnr, f"{alt} ({view})")

    descriptions = {
        "plane_warp": "The nearer source view, warped through a plane",
        "gt_depth": "Gaussians from the true depth of both source views",
    }
    references = reference_views(read_reference_inputs(capture.rectified, target, frame)).items()
    error = flip_colours(to_bytes(rendered), to_bytes(truth[0]))
    panels = (
        Panel("truth", padded_crop(to_bytes(truth[0]), box), "held out", f"The true view ({view})"),
        panel(model, rendered, f"The view that {model} rendered"),
        *(panel(name, image, descriptions[name]) for name, image in references),
        Panel("FLIP error", padded_crop(error, box), f"of {model}", f"Error map of the render of {model} ({view})"),
    )
    return PanelRow(view, panels)


def middle_row(capture: CaptureFiles, frame: int, model: str) -> PanelRow:
    """Both views of the first pair, and the rendered view half way between them, of which no truth is known."""
    view = _pair_title(capture, 0, frame)
    sources = read_person(capture.rectified, "sources", 0, frame)
    masks = capture.rectified["sources/masks"][0, frame]
    step = int(np.argmin(abs(capture.renders["path/ratios"][()] - 0.5)))
    novel = capture.renders["path/images"][step]
    panels = [
        Panel(f"{side} view", padded_crop(image, box_around(mask)), f"camera {name}", f"The {side} view ({view})")
        for side, name, image, mask in zip(("left", "right"), capture.pairs[0], sources, masks, strict=True)
    ]
    panels.insert(1, Panel(model, novel, "half way, no truth", f"The view that {model} rendered half way ({view})"))
    return PanelRow(view, tuple(panels))


def disparity_row(capture: CaptureFiles, pair: int, frame: int, model: str) -> PanelRow:
    """The left view of a pair, its predicted disparity and, where known, the true disparity and the error."""
    source = read_person(capture.rectified, "sources", pair, frame, 0)
    mask = capture.rectified["sources/masks"][pair, frame, 0]
    predicted = capture.renders["sources/disparity"][pair, frame, 0]
    view = _pair_title(capture, pair, frame)
    known = "sources/disparity" in capture.rectified
    true = capture.rectified["sources/disparity"][pair, frame, 0] if known else predicted
    valid = (capture.rectified["sources/valid"][pair, frame, 0] > 0) * np.uint8(255) if known else mask
    limits = disparity_limits(true, valid)
    box = box_around(mask)
    scale = f"{limits[0]:.0f} to {limits[1]:.0f} px".replace("-", "−")

    def panel(title: str, image: RGBImage, text: str, alt: str) -> Panel:
        return Panel(title, padded_crop(image, box), text, f"{alt} ({view})")

    panels = [
        panel("left view", source, "rectified", f"The rectified view of camera {capture.pairs[pair][0]}"),
        panel(model, disparity_colours(predicted, mask, limits), scale, f"Disparity predicted by {model}"),
    ]
    if known:
        error = np.abs(predicted - true) * 1024 / predicted.shape[1]
        mean = metrics.end_point_error(predicted[valid > 0], true[valid > 0], predicted.shape[1])
        coloured = error_colours(error, valid, _DISPARITY_ERROR)
        panels += [
            panel("truth", disparity_colours(true, valid, limits), scale, "True disparity"),
            panel("error", coloured, f"mean {mean:.1f} px at 1024", "Error of the predicted disparity"),
        ]
    return PanelRow(view, tuple(panels))


def heatmap_row(capture: CaptureFiles, pair: int, frame: int) -> PanelRow | None:
    """Both views of a pair, each without and with its joint heatmaps; None without heatmaps."""
    if capture.heatmaps is None:
        return None
    view = _pair_title(capture, pair, frame)
    panels = []
    for index, (side, camera) in enumerate(zip(("left", "right"), capture.pairs[pair], strict=True)):
        image = read_person(capture.rectified, "sources", pair, frame, index)
        overlay = heatmap_overlay(image, capture.heatmaps["heatmaps"][pair, frame, index])
        score = capture.heatmaps["scores"][pair, frame, index].mean()
        box = box_around(capture.rectified["sources/masks"][pair, frame, index])
        description = f"The rectified view of camera {camera}"
        panels += [
            Panel(f"{side} view", padded_crop(image, box), "rectified", f"{description} ({view})"),
            Panel("heatmaps", padded_crop(overlay, box), f"mean score {score:.2f}", f"Its joint heatmaps ({view})"),
        ]
    return PanelRow(view, tuple(panels))


def _pair_title(capture: CaptureFiles, pair: int, frame: int) -> str:
    return f"{capture.name}, pair {'-'.join(capture.pairs[pair])}, frame {capture.frames[frame]}"


@dataclass(frozen=True)
class Overview:
    """One frame at each step of the pipeline: source views, heatmaps over them, disparities, and the novel view."""

    sources: tuple[RGBImage, RGBImage]
    heatmaps: tuple[RGBImage, RGBImage] | None
    disparity: tuple[RGBImage, RGBImage]
    novel: RGBImage
    names: tuple[str, ...]
    where: str


def overview(capture: CaptureFiles) -> Overview:
    """The middle frame of the first pair; the novel view is that of its first held-out camera, or of the path."""
    pair, frame = 0, len(capture.frames) // 2
    sources = read_person(capture.rectified, "sources", pair, frame)
    masks = capture.rectified["sources/masks"][pair, frame]
    disparity = capture.renders["sources/disparity"][pair, frame]
    limits = disparity_limits(disparity, masks)
    boxes = [box_around(mask, aspect=_OVERVIEW_ASPECT) for mask in masks]
    coloured = [disparity_colours(d, m, limits) for d, m in zip(disparity, masks, strict=True)]
    overlays = None
    if capture.heatmaps is not None:
        heatmaps = capture.heatmaps["heatmaps"][pair, frame]
        overlays = [heatmap_overlay(i, h) for i, h in zip(sources, heatmaps, strict=True)]

    def cropped(views: Iterable[np.ndarray]) -> tuple[RGBImage, RGBImage]:
        left, right = (padded_crop(view, box) for view, box in zip(views, boxes, strict=True))
        return left, right

    novel, mask, where = _novel_view(capture, pair, frame)
    novel = padded_crop(novel, box_around(mask, aspect=_OVERVIEW_ASPECT))
    overlay_pair = cropped(overlays) if overlays else None
    return Overview(cropped(sources), overlay_pair, cropped(coloured), novel, capture.pairs[pair], where)


def _novel_view(capture: CaptureFiles, pair: int, frame: int) -> tuple[RGBImage, np.ndarray, str]:
    """Image, mask and title: of the pair's first held-out camera, or without one from the middle of its path."""
    targets = np.flatnonzero(capture.rectified["targets/pair"][()] == pair)
    if len(targets):
        image, alpha = (capture.renders[f"targets/{name}"][targets[0], frame] for name in ("images", "alphas"))
        return image, alpha, f"camera {capture.targets[targets[0]]}"
    ratios = np.where(capture.renders["path/pair"][()] == pair, capture.renders["path/ratios"][()], -1)
    step = int(np.argmin(np.abs(ratios - 0.5)))
    image = capture.renders["path/images"][step]
    return image, np.uint8(255) * (image.max(-1) > _VISIBLE_LEVEL), f"ratio {ratios[step]:.2f}"
