"""Grids of held-out views: one row per view with the sources, the render, the truth and the error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from posegaussian.data.rectified import read_person
from posegaussian.evaluation.aggregate import GAP_TO_GT_DEPTH
from posegaussian.report.color_maps import flip_colours
from posegaussian.report.error_regions import error_regions, error_shares
from posegaussian.report.images import RGBImage, box_around, image_row, padded_crop, resized
from posegaussian.report.views import CaptureFiles

_TILE_WIDTH, _TILE_HEIGHT = 200, 320
"""Size of one image of a row, pixels; chosen by hand, so that five images are as wide as a page."""
_FONT_SIZE = 15
"""Of captions and banners, pixels."""


@dataclass(frozen=True)
class MeasuredView:
    """The metrics of a model at one held-out camera and frame; NaN where the truth is not known."""

    capture: str  # name
    camera: str  # name
    frame: int  # number
    psnr: float  # in the crop `bbox`, dB
    gap_to_gt_depth: float  # likewise, dB; positive: the model is better
    epe: float  # end-point error of the pair's disparities, pixels at 1024

    @property
    def rank(self) -> float:
        """What views are sorted by: the gap to `gt_depth`, or the PSNR where there is no gap; lower is worse."""
        return self.psnr if np.isnan(self.gap_to_gt_depth) else self.gap_to_gt_depth


def measured_views(rows: pd.DataFrame, model: str) -> list[MeasuredView]:
    """All views of a model, the worst first."""
    own: Any = rows[rows["method"] == model]
    epe = own[own["metric"] == "epe_1024"].set_index(["capture", "pair", "frame"])["value"].to_dict()
    boxes = own[own["scope"] == "bbox"]
    gaps = boxes[boxes["metric"] == GAP_TO_GT_DEPTH].set_index(["capture", "camera", "frame"])["value"].to_dict()
    found = []
    for row in boxes[boxes["metric"] == "psnr"].dropna(subset="value").to_dict("records"):
        place = row["capture"], row["camera"], row["frame"]
        error = epe.get((row["capture"], row["pair"], row["frame"]), np.nan)
        found.append(MeasuredView(*place, row["value"], gaps.get(place, np.nan), error))
    return sorted(found, key=lambda view: view.rank)


def worst_views(views: Sequence[MeasuredView], count: int) -> list[MeasuredView]:
    """The worst view of each capture, the worst first, `count` at most; `views` are sorted by rank."""
    first = {view.capture: view for view in reversed(views)}
    return sorted(first.values(), key=lambda view: view.rank)[:count]


def typical_views(views: Sequence[MeasuredView], groups: Mapping[str, Sequence[str]]) -> list[MeasuredView]:
    """The median view of each group, without repetitions; `views` are sorted by rank."""
    found: dict[MeasuredView, None] = {}
    for captures in groups.values():
        own = [view for view in views if view.capture in captures]
        if own:
            found[own[len(own) // 2]] = None
    return list(found)


def view_grid(views: Sequence[MeasuredView], captures: Mapping[str, CaptureFiles], model: str) -> RGBImage:
    """One row per view."""
    rows = [_row(number, view, captures[view.capture], model) for number, view in enumerate(views, start=1)]
    return np.concatenate(rows)


def _row(number: int, view: MeasuredView, capture: CaptureFiles, model: str) -> RGBImage:
    target, frame = capture.targets.index(view.camera), capture.frames.index(view.frame)
    pair = int(capture.rectified["targets/pair"][target])
    truth, mask = (
        read_person(capture.rectified, "targets", target, frame),
        capture.rectified["targets/masks"][target, frame],
    )
    render = capture.renders["targets/images"][target, frame]
    sources = read_person(capture.rectified, "sources", pair, frame)
    source_masks = capture.rectified["sources/masks"][pair, frame]
    shown = [(sources[side], source_masks[side]) for side in (0, 1)]
    shown += [(image, mask) for image in (render, truth, flip_colours(render, truth))]
    names = ["left source", "right source", model, "truth", "FLIP error"]
    strip = image_row([_tile(*each) for each in shown], names, height=_TILE_HEIGHT, text=_FONT_SIZE)
    return np.concatenate([_banner(strip.shape[1], _texts(number, view, capture, target, frame)), strip])


def _tile(image: RGBImage, mask: UInt8[np.ndarray, "h w"]) -> RGBImage:
    """The part of an image around the person."""
    return resized(padded_crop(image, box_around(mask, _TILE_WIDTH / _TILE_HEIGHT)), _TILE_WIDTH, _TILE_HEIGHT)


def _texts(number: int, view: MeasuredView, capture: CaptureFiles, target: int, frame: int) -> list[str]:
    """The metrics of a view in one line and, with true depth, its error regions in a second one."""
    numbers = [f"{view.psnr:.1f} dB"]
    if not np.isnan(view.gap_to_gt_depth):
        numbers.append(f"{view.gap_to_gt_depth:+.1f} dB to gt_depth")
    if not np.isnan(view.epe):
        numbers.append(f"EPE {view.epe:.1f} px")
    lines = [f"{number}. {view.capture}, frame {view.frame}: " + ", ".join(numbers)]
    if "targets/depth" in capture.rectified and "sources/disparity" in capture.rectified:
        render = capture.renders["targets/images"][target, frame]
        truth = read_person(capture.rectified, "targets", target, frame)
        found = error_shares(render, truth, error_regions(capture.rectified, target, frame))
        words = {"both": "seen by both", "one": "by one", "none": "by no camera", "outline": "outline"}
        parts = [f"{words[name]} {100 * pixels:.0f} ({100 * error:.0f})" for name, (pixels, error) in found.items()]
        lines.append("% of pixels (of squared error): " + ", ".join(parts))
    return lines


def _banner(width: int, lines: Sequence[str]) -> RGBImage:
    """Lines of text on dark grey."""
    line_height = round(1.4 * _FONT_SIZE)
    image = Image.new("RGB", (width, 10 + line_height * len(lines)), (38, 40, 46))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_FONT_SIZE)
    for number, line in enumerate(lines):
        draw.text((8, 5 + line_height * number), line, (235, 235, 235), font)
    return np.asarray(image)
