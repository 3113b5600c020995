"""The Gaussians of a capture for the viewer inside the page: few and small enough to travel in it."""

import base64
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posegaussian.errors import UserError
from posegaussian.io.ply import read_ply
from posegaussian.io.spz import spz_bytes
from posegaussian.rendering.camera_path import camera_between, pivot_between, source_cameras
from posegaussian.report.views import CaptureFiles
from posegaussian.types import Gaussians

_SPLATS = 200_000
"""Gaussians of one moment; of more, every so many-th is shown, larger."""
_BYTES = 5_000_000
"""Of all moments together, compressed."""
_HEADROOM = 1.25
"""Height of what the viewer sees at first, in heights of the person."""


def viewer_data(capture: CaptureFiles, folder: Path) -> str | None:
    """What the viewer needs, as JSON: moments of the first pair, and the view from the middle between its cameras.

    Args:
        capture: whose pairs and frames the files are named after.
        folder: of the .ply files that the stage `render` wrote.

    Returns:
        None where the folder holds nothing of the pair.
    """
    names = capture.pairs[0]
    files = sorted(folder.glob(f"{'-'.join(names)}_*.ply"))
    if not files:
        return None
    first = spz_bytes(thinned(read_ply(files[0]), _SPLATS))
    count = max(1, min(len(files), _BYTES // len(first)))
    chosen = [files[i * len(files) // count] for i in range(count)]
    moments = [
        {
            "title": f"frame {int(path.stem.rsplit('_', 1)[1])}",
            "spz": base64.b64encode(spz_bytes(thinned(read_ply(path), _SPLATS))).decode("ascii"),
        }
        for path in chosen
    ]
    return json.dumps({"moments": moments, **_view(capture, read_ply(chosen[0]), chosen[0])}, sort_keys=True)


def thinned(gaussians: Gaussians, limit: int) -> Gaussians:
    """At most `limit` of them, each as much wider as others beside it are left out."""
    step = math.ceil(len(gaussians.means) / limit)
    if step <= 1:
        return gaussians
    kept = gaussians[slice(None, None, step)]
    return replace(kept, scales=kept.scales * math.sqrt(step))


def _view(capture: CaptureFiles, gaussians: Gaussians, path: Path) -> dict[str, Any]:
    """Where the viewer starts: between the source cameras, the person filling its height."""
    means = gaussians.means.double().numpy()
    if not len(means):
        raise UserError("holds no Gaussians", code="empty-splats", file=path, hint="rerun the stage `render`")
    left, right = source_cameras(capture.truth, 0)
    middle = camera_between(left, right, 0.5, pivot_between(left, right))
    pose = middle.world_to_camera.double().numpy()
    heights = np.percentile(means @ -pose[1, :3], [1, 99])
    centre = means.mean(0)
    centre = centre + (heights.mean() + centre @ pose[1, :3]) * -pose[1, :3]
    position = middle.centre.double().numpy()
    distance = float(np.linalg.norm(position - centre))
    fov = 2 * math.degrees(math.atan(_HEADROOM * float(np.ptp(heights)) / 2 / distance))
    rounded = {"centre": centre, "position": position, "up": -pose[1, :3]}
    return {name: np.round(values, 5).tolist() for name, values in rounded.items()} | {"fov": round(fov, 3)}
