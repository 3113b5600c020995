"""The pictures of the page: held-back views beside what was rendered, disparities, and the pipeline's steps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation import baselines, metrics
from posegaussian.evaluation.crops import crop
from posegaussian.io import store
from posegaussian.rendering.reconstruct import to_bytes
from posegaussian.report import color_maps, pictures
from posegaussian.report.pictures import Picture

_DISPARITY_ERROR = 8.0
"""Where the scale of disparity errors ends, pixels at 1024."""
_TALL = 0.55
"""Width / height of the pictures of the pipeline."""


@dataclass(frozen=True)
class Panel:
    """One picture with its title, a number or remark below, and its description for those who do not see it."""

    title: str
    picture: Picture
    remark: str
    alt: str


@dataclass(frozen=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


class CaptureFiles:
    """The files of one held-out capture, open together.

    Args:
        rectified: rectified .h5.
        heatmaps: its heatmaps .h5, or None.
        renders: its renders .h5.
    """

    def __init__(self, rectified: Path, heatmaps: Path | None, renders: Path):
        self.name = rectified.stem
        self.truth = store.open_checked(rectified, store.RECTIFIED)
        self.pose = store.open_checked(heatmaps, store.HEATMAPS) if heatmaps else None
        self.made = store.open_checked(renders, store.RENDERS)
        self.frames: list[int] = self.truth["frames"][()].tolist()
        self.pairs = [tuple(map(str, names)) for names in store.strings(self.truth["sources/pairs"])]
        self.targets = [str(name) for name in store.strings(self.truth["targets/cameras"])]

    @property
    def synthetic(self) -> bool:
        """Whether the people are built-in ones: only those come with true joints."""
        return "joints" in self.truth

    def close(self) -> None:
        """Close all files."""
        for file in (self.truth, self.pose, self.made):
            if file is not None:
                file.close()


def spread(captures: Sequence[CaptureFiles], count: int) -> list[tuple[CaptureFiles, int, int]]:
    """Captures, targets and frames (indices) spread evenly, chosen by nothing else."""
    cameras = [(capture, target) for capture in captures for target in range(len(capture.targets))]
    count = min(count, sum(len(capture.frames) for capture, _ in cameras))
    chosen = []
    for i in range(count):
        capture, target = cameras[i * len(cameras) // count if count <= len(cameras) else i % len(cameras)]
        chosen.append((capture, target, (2 * i + 1) * len(capture.frames) // (2 * count)))
    return chosen


def compared(capture: CaptureFiles, target: int, frame: int, model: str) -> Row:
    """Truth, model, floor and ceiling of one held-back view, and the model's error."""
    truth, mask, _ = read_target(capture.truth, target, frame)
    box = pictures.box_around(_bytes(mask[0]))
    where = crop("bbox", truth[0], mask[0, 0])
    rendered = torch.from_numpy(capture.made["targets/images"][target, frame]).permute(2, 0, 1) / 255
    seen = f"{capture.name}, camera {capture.targets[target]}, frame {capture.frames[frame]}"

    def panel(title: str, image: Tensor | None, alt: str) -> Panel | None:
        if image is None:
            return None
        remark = f"{metrics.psnr(image[:, *where], truth[0][:, *where]):.1f} dB" if where else ""
        return Panel(title, pictures.cut(to_bytes(image), box), remark, f"{alt} ({seen})")

    floor, ceiling = _yardsticks(capture, target, frame)
    error = color_maps.flip_map(to_bytes(rendered), to_bytes(truth[0]))
    panels = [
        Panel("truth", pictures.cut(to_bytes(truth[0]), box), "held back", f"The true view ({seen})"),
        panel(model, rendered, f"The view that {model} rendered"),
        panel("floor", floor, "The nearer source view, warped through a plane"),
        panel("ceiling", ceiling, "Gaussians from the true depth of both source views"),
        Panel("FLIP error", pictures.cut(error, box), f"of {model}", f"Error map of what {model} rendered ({seen})"),
    ]
    return Row(seen, tuple(panel for panel in panels if panel))


def _yardsticks(capture: CaptureFiles, target: int, frame: int) -> tuple[Tensor | None, Tensor | None]:
    """Floor and ceiling, each where the truth that it needs is known."""
    _, mask, camera = read_target(capture.truth, target, frame)
    pair = int(capture.truth["targets/pair"][target])
    sources = read_pair(capture.truth, None, pair, frame)
    floor = ceiling = None
    if "targets/depth" in capture.truth:
        depth = torch.from_numpy(capture.truth["targets/depth"][target, frame])
        floor = baselines.floor(sources, camera[0], depth, mask[0, 0])
    if "sources/disparity" in capture.truth:
        disparity = torch.from_numpy(capture.truth["sources/disparity"][pair, frame])[None]
        ceiling = baselines.ceiling(sources, camera[0], disparity)
    return floor, ceiling


def disparities(capture: CaptureFiles, pair: int, frame: int, model: str) -> Row:
    """What the left camera sees, its disparity as predicted and, where known, as it truly is, and the error."""
    source = capture.truth["sources/images"][pair, frame, 0]
    mask = capture.truth["sources/masks"][pair, frame, 0]
    found = capture.made["sources/disparity"][pair, frame, 0]
    names, number = capture.pairs[pair], capture.frames[frame]
    seen = f"{capture.name}, pair {'-'.join(names)}, frame {number}"
    known = "sources/disparity" in capture.truth
    true = capture.truth["sources/disparity"][pair, frame, 0] if known else found
    valid = (capture.truth["sources/valid"][pair, frame, 0] > 0) * np.uint8(255) if known else mask
    limits = color_maps.disparity_limits(true, valid)
    box = pictures.box_around(mask)
    span = f"{limits[0]:.0f} to {limits[1]:.0f} px".replace("-", "−")

    def panel(title: str, picture: Picture, remark: str, alt: str) -> Panel:
        return Panel(title, pictures.cut(picture, box), remark, f"{alt} ({seen})")

    panels = [
        panel("left view", source, "rectified", f"What camera {names[0]} sees, rectified"),
        panel(model, color_maps.disparity_colours(found, mask, limits), span, f"Disparity that {model} predicts"),
    ]
    if known:
        error = np.abs(found - true) * 1024 / found.shape[1]
        mean = metrics.end_point_error(found[valid > 0], true[valid > 0], found.shape[1])
        coloured = color_maps.error_colours(error, valid, _DISPARITY_ERROR)
        panels += [
            panel("truth", color_maps.disparity_colours(true, valid, limits), span, "True disparity"),
            panel("error", coloured, f"mean {mean:.1f} px at 1024", "Error of the predicted disparity"),
        ]
    return Row(seen, tuple(panels))


def poses(capture: CaptureFiles, pair: int, frame: int) -> Row | None:
    """Both source views, each beside the same with its joint heatmaps over it; None without heatmaps."""
    if capture.pose is None:
        return None
    names, number = capture.pairs[pair], capture.frames[frame]
    seen = f"{capture.name}, pair {'-'.join(names)}, frame {number}"
    panels = []
    for view, (side, camera) in enumerate(zip(("left", "right"), names, strict=True)):
        image = capture.truth["sources/images"][pair, frame, view]
        over = pictures.heatmap_overlay(image, capture.pose["heatmaps"][pair, frame, view])
        scores = capture.pose["scores"][pair, frame, view]
        box = pictures.box_around(capture.truth["sources/masks"][pair, frame, view])
        plain, glowing = pictures.cut(image, box), pictures.cut(over, box)
        panels += [
            Panel(f"{side} view", plain, "rectified", f"What camera {camera} sees, rectified ({seen})"),
            Panel("heatmaps", glowing, f"mean score {scores.mean():.2f}", f"Its joint heatmaps ({seen})"),
        ]
    return Row(seen, tuple(panels))


@dataclass(frozen=True)
class Steps:
    """One frame on its way through the pipeline: both source views, with heatmaps, as disparity, as a novel view."""

    sources: tuple[Picture, Picture]
    posed: tuple[Picture, Picture] | None
    disparity: tuple[Picture, Picture]
    novel: Picture
    names: tuple[str, ...]
    where: str


def steps(capture: CaptureFiles) -> Steps:
    """The middle frame of the first pair; the novel view is that of its first held-back camera, or of the path."""
    pair, frame = 0, len(capture.frames) // 2
    images = capture.truth["sources/images"][pair, frame]
    masks = capture.truth["sources/masks"][pair, frame]
    found = capture.made["sources/disparity"][pair, frame]
    limits = color_maps.disparity_limits(found, masks)
    boxes = [pictures.box_around(mask, aspect=_TALL) for mask in masks]
    coloured = [color_maps.disparity_colours(d, m, limits) for d, m in zip(found, masks, strict=True)]
    posed = None
    if capture.pose is not None:
        heatmaps = capture.pose["heatmaps"][pair, frame]
        posed = [pictures.heatmap_overlay(i, h) for i, h in zip(images, heatmaps, strict=True)]

    def both(views: Iterable[np.ndarray]) -> tuple[Picture, Picture]:
        left, right = (pictures.cut(view, box) for view, box in zip(views, boxes, strict=True))
        return left, right

    targets = np.flatnonzero(capture.truth["targets/pair"][()] == pair)
    if len(targets):
        mask = capture.made["targets/alphas"][targets[0], frame]
        novel, where = capture.made["targets/images"][targets[0], frame], f"camera {capture.targets[targets[0]]}"
    else:
        ratios = np.where(capture.made["path/pair"][()] == pair, capture.made["path/ratios"][()], -1)
        step = int(np.argmin(np.abs(ratios - 0.5)))
        novel, where = capture.made["path/images"][step], f"ratio {ratios[step]:.2f}"
        mask = np.uint8(255) * (novel.max(-1) > 8)
    novel = pictures.cut(novel, pictures.box_around(mask, aspect=_TALL))
    return Steps(both(images), both(posed) if posed else None, both(coloured), novel, capture.pairs[pair], where)


def _bytes(values: Float[Tensor, "1 h w"]) -> np.ndarray:
    return to_bytes(values)[..., 0]
