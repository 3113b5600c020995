"""How the error grows with the angle between the two source cameras, where several angles were measured."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posegaussian.evaluation.table import read_rows
from posegaussian.rendering.camera_path import pivot_between, source_cameras
from posegaussian.report.charts import Curve
from posegaussian.report.views import CaptureFiles

SHOWN = {"psnr": ("bbox", "PSNR (box), dB"), "epe_1024": ("disparity", "disparity error, px at 1024")}
"""Metrics that are shown, each with its protocol and title."""


def angle_of(capture: CaptureFiles, pair: int) -> float:
    """The angle between a pair's cameras as seen from the point that they look at, degrees."""
    cameras = source_cameras(capture.truth, pair)
    pivot = pivot_between(*cameras)
    rays = [(camera.centre - pivot).double().numpy() for camera in cameras]
    cosine = rays[0] @ rays[1] / (np.linalg.norm(rays[0]) * np.linalg.norm(rays[1]))
    return math.degrees(math.acos(np.clip(cosine, -1, 1)))


def curves_by_angle(captures: Sequence[CaptureFiles], tables: Sequence[Path]) -> dict[str, dict[str, Curve]]:
    """Means over all views at one angle (to the whole degree), by metric and method; empty for a single angle.

    Args:
        captures: the held-out captures.
        tables: their metrics .csv.
    """
    degrees = {
        (capture.name, "-".join(names)): round(angle_of(capture, pair))
        for capture in captures
        for pair, names in enumerate(capture.pairs)
    }
    if len(set(degrees.values())) < 2 or not tables:
        return {}
    rows: Any = pd.concat([read_rows(path) for path in tables], ignore_index=True).dropna(subset="value")
    rows["angle"] = [degrees.get(key) for key in zip(rows["capture"], rows["pair"], strict=True)]
    return {
        metric: {
            str(method): _curve(group)
            for method, group in rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].groupby("method")
        }
        for metric, (protocol, _) in SHOWN.items()
    }


def _curve(rows: Any) -> Curve:
    """The angles, and the mean at each."""
    means = rows.groupby("angle")["value"].mean()
    return [float(angle) for angle in means.index], means.tolist()
