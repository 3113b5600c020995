"""Sheets of held-back views: what the sources saw, what was rendered, the truth, the error, and where it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from posegaussian.evaluation.aggregate import BELOW_CEILING
from posegaussian.report import color_maps, pictures
from posegaussian.report.error_regions import regions, shares
from posegaussian.report.pictures import Picture
from posegaussian.report.views import CaptureFiles

_WIDTH, _HEIGHT = 200, 320
"""Of a tile, pixels."""
_TEXT = 15


@dataclass(frozen=True)
class View:
    """A model's picture at one held-back camera and frame, and its numbers; NaN where the truth is not known.

    Args:
        capture: name.
        camera: name.
        frame: number.
        psnr: of the person's box, dB.
        below_ceiling: likewise, dB.
        epe: of the pair's disparities, pixels at 1024.
    """

    capture: str
    camera: str
    frame: int
    psnr: float
    below_ceiling: float
    epe: float

    @property
    def badness(self) -> float:
        """By how much the model misses what the views allow; where that is not known, how low its PSNR is."""
        return -self.psnr if np.isnan(self.below_ceiling) else self.below_ceiling


def views_of(rows: pd.DataFrame, model: str) -> list[View]:
    """All views of a model, the worst first.

    Args:
        rows: what `evaluation.groups.read_tables` gave.
        model: whose.
    """
    own: Any = rows[rows["method"] == model]
    epe = own[own["metric"] == "epe_1024"].set_index(["capture", "pair", "frame"])["value"].to_dict()
    boxes = own[own["protocol"] == "bbox"]
    below = boxes[boxes["metric"] == BELOW_CEILING].set_index(["capture", "camera", "frame"])["value"].to_dict()
    found = []
    for row in boxes[boxes["metric"] == "psnr"].dropna(subset="value").to_dict("records"):
        place = row["capture"], row["camera"], row["frame"]
        depth = epe.get((row["capture"], row["pair"], row["frame"]), np.nan)
        found.append(View(*place, row["value"], below.get(place, np.nan), depth))
    return sorted(found, key=lambda view: -view.badness)


def worst(views: Sequence[View], count: int) -> list[View]:
    """The worst view of each of the captures that have the worst ones."""
    first = {view.capture: view for view in reversed(views)}
    return sorted(first.values(), key=lambda view: -view.badness)[:count]


def typical(views: Sequence[View], groups: Mapping[str, Sequence[str]]) -> list[View]:
    """The middle one of each group's views, no view twice."""
    found: dict[View, None] = {}
    for captures in groups.values():
        own = [view for view in views if view.capture in captures]
        if own:
            found[own[len(own) // 2]] = None
    return list(found)


def sheet(views: Sequence[View], captures: Mapping[str, CaptureFiles], model: str) -> Picture:
    """One row a view.

    Args:
        views: to show.
        captures: their files, by name.
        model: how the renders are called.
    """
    rows = [_row(number, view, captures[view.capture], model) for number, view in enumerate(views, start=1)]
    return np.concatenate(rows)


def _row(number: int, view: View, capture: CaptureFiles, model: str) -> Picture:
    target, frame = capture.targets.index(view.camera), capture.frames.index(view.frame)
    pair = int(capture.truth["targets/pair"][target])
    truth, mask = (capture.truth[f"targets/{name}"][target, frame] for name in ("images", "masks"))
    made = capture.made["targets/images"][target, frame]
    sources, outlines = (capture.truth[f"sources/{name}"][pair, frame] for name in ("images", "masks"))
    shown = [(sources[side], outlines[side]) for side in (0, 1)]
    shown += [(image, mask) for image in (made, truth, color_maps.flip_map(made, truth))]
    tiles = [_tile(*pair) for pair in shown]
    names = ["left source", "right source", model, "truth", "FLIP error"]
    strip = pictures.contact_sheet(tiles, names, height=_HEIGHT, text=_TEXT)
    return np.concatenate([_banner(strip.shape[1], _texts(number, view, capture, target, frame)), strip])


def _tile(image: Picture, mask: UInt8[np.ndarray, "h w"]) -> Picture:
    """The part of a picture around the person."""
    return pictures.fitted(pictures.cut(image, pictures.box_around(mask, _WIDTH / _HEIGHT)), _WIDTH, _HEIGHT)


def _texts(number: int, view: View, capture: CaptureFiles, target: int, frame: int) -> list[str]:
    """What is known about a view, in two lines."""
    numbers = [f"{view.psnr:.1f} dB"]
    if not np.isnan(view.below_ceiling):
        numbers.append(f"{view.below_ceiling:.1f} dB below the ceiling")
    if not np.isnan(view.epe):
        numbers.append(f"EPE {view.epe:.1f} px")
    lines = [f"{number}. {view.capture}, frame {view.frame}: " + ", ".join(numbers)]
    if "targets/depth" in capture.truth and "sources/disparity" in capture.truth:
        made, truth = (file["targets/images"][target, frame] for file in (capture.made, capture.truth))
        found = shares(made, truth, regions(capture.truth, target, frame))
        words = {"both": "seen by both", "one": "by one", "none": "by no camera", "outline": "outline"}
        parts = [f"{words[name]} {100 * pixels:.0f} ({100 * error:.0f})" for name, (pixels, error) in found.items()]
        lines.append("% of pixels (of squared error): " + ", ".join(parts))
    return lines


def _banner(width: int, lines: Sequence[str]) -> Picture:
    image = Image.new("RGB", (width, 10 + round(1.4 * _TEXT) * len(lines)), (38, 40, 46))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT)
    for number, line in enumerate(lines):
        pen.text((8, 5 + round(1.4 * _TEXT) * number), line, (235, 235, 235), font)
    return np.asarray(image)
