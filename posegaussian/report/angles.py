"""Metrics over the angle between the two source cameras, if captures with several angles were measured."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from posegaussian.registry import METRICS
from posegaussian.rendering.camera_path import pivot_between, source_cameras
from posegaussian.report.charts import Curve
from posegaussian.report.views import CaptureFiles

_SCOPES = {"image": "bbox", "disparity": "disparity", "frames": "frames"}
"""The scope that is shown, by what a metric is measured on."""


def angle_of(capture: CaptureFiles, pair: int) -> float:
    """The angle between a pair's cameras as seen from the point that they look at, degrees."""
    cameras = source_cameras(capture.rectified, pair)
    pivot = pivot_between(*cameras)
    rays = [(camera.centre - pivot).double().numpy() for camera in cameras]
    cosine = rays[0] @ rays[1] / (np.linalg.norm(rays[0]) * np.linalg.norm(rays[1]))
    return math.degrees(math.acos(np.clip(cosine, -1, 1)))


def curves_by_angle(captures: Sequence[CaptureFiles], table: pd.DataFrame) -> dict[str, dict[str, Curve]]:
    """Means over all views with the same angle in whole degrees, by metric and method; empty for a single angle.

    Only metrics with a chart title in the registry are included.

    Args:
        captures: the held-out captures.
        table: their metrics, as `evaluation.table.read_all` returns them.
    """
    degrees = {
        (capture.name, "-".join(names)): round(angle_of(capture, pair))
        for capture in captures
        for pair, names in enumerate(capture.pairs)
    }
    if len(set(degrees.values())) < 2 or table.empty:
        return {}
    rows: Any = table.dropna(subset="value")
    rows["angle"] = [degrees.get(key) for key in zip(rows["capture"], rows["pair"], strict=True)]
    return {
        name: {
            str(method): _curve(group)
            for method, group in rows[(rows["metric"] == name) & (rows["scope"] == _SCOPES[metric.on])].groupby(
                "method"
            )
        }
        for name, metric in METRICS.items()
        if metric.chart
    }


def _curve(rows: Any) -> Curve:
    """The angles, and the mean at each angle."""
    means = rows.groupby("angle")["value"].mean()
    return [float(angle) for angle in means.index], means.tolist()
