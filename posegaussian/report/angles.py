"""How the error grows with the angle between the two source cameras, where several angles were measured."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from posegaussian.registry import METRICS
from posegaussian.rendering.camera_path import pivot_between, source_cameras
from posegaussian.report.charts import Curve
from posegaussian.report.views import CaptureFiles

_PROTOCOLS = {"image": "bbox", "disparity": "disparity", "video": "video"}
"""By which protocol a metric is shown, by what it is measured on."""


def angle_of(capture: CaptureFiles, pair: int) -> float:
    """The angle between a pair's cameras as seen from the point that they look at, degrees."""
    cameras = source_cameras(capture.truth, pair)
    pivot = pivot_between(*cameras)
    rays = [(camera.centre - pivot).double().numpy() for camera in cameras]
    cosine = rays[0] @ rays[1] / (np.linalg.norm(rays[0]) * np.linalg.norm(rays[1]))
    return math.degrees(math.acos(np.clip(cosine, -1, 1)))


def curves_by_angle(captures: Sequence[CaptureFiles], table: pd.DataFrame) -> dict[str, dict[str, Curve]]:
    """Means over all views at one angle (to the whole degree), by metric and method; empty for a single angle.

    Shown are the metrics whose entry in the registry names a chart.

    Args:
        captures: the held-out captures.
        table: of their metrics, as `evaluation.table.read_all` gives it.
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
            for method, group in rows[(rows["metric"] == name) & (rows["protocol"] == _PROTOCOLS[metric.on])].groupby(
                "method"
            )
        }
        for name, metric in METRICS.items()
        if metric.chart
    }


def _curve(rows: Any) -> Curve:
    """The angles, and the mean at each."""
    means = rows.groupby("angle")["value"].mean()
    return [float(angle) for angle in means.index], means.tolist()
