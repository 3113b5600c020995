"""The Gaussians of a capture for the 3D viewer in the page, reduced until the page has an acceptable size."""

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
from posegaussian.names import natural_order
from posegaussian.rendering.camera_path import camera_between, pivot_between, source_cameras
from posegaussian.report.views import CaptureFiles
from posegaussian.types import Gaussians

_MAX_SPLATS = 200_000
"""Most Gaussians per frame; of more, only every n-th is shown, but larger. Chosen by hand."""
_MAX_BYTES = 5_000_000
"""Most bytes of all frames together, compressed; chosen by hand."""
_VIEW_HEIGHT = 1.25
"""Height of the first view at the person's distance, in heights of the person; chosen by hand."""


def viewer_data(capture: CaptureFiles, folder: Path) -> str | None:
    """The viewer's input as JSON: frames of the first pair, and a first view from the middle between its cameras.

    Args:
        capture: the files are named after its pairs and frames.
        folder: with the .ply files that the stage `render` wrote.

    Returns:
        None if the folder has no file of the pair.

    Raises:
        UserError: the first file holds no Gaussians.
    """
    names = capture.pairs[0]
    files = sorted(folder.glob(f"{'-'.join(names)}_*.ply"), key=lambda path: natural_order(path.name))
    if not files:
        return None
    first = spz_bytes(thinned(read_ply(files[0]), _MAX_SPLATS))
    count = max(1, min(len(files), _MAX_BYTES // len(first)))
    chosen = [files[i * len(files) // count] for i in range(count)]
    frames = [
        {
            "title": f"frame {int(path.stem.rsplit('_', 1)[1])}",
            "spz": base64.b64encode(spz_bytes(thinned(read_ply(path), _MAX_SPLATS))).decode("ascii"),
        }
        for path in chosen
    ]
    return json.dumps({"frames": frames, **_first_view(capture, read_ply(chosen[0]), chosen[0])}, sort_keys=True)


def thinned(gaussians: Gaussians, limit: int) -> Gaussians:
    """Every n-th Gaussian, `limit` at most, with scales larger by sqrt(n) so that the surface stays closed."""
    step = math.ceil(len(gaussians.means) / limit)
    if step <= 1:
        return gaussians
    kept = gaussians[slice(None, None, step)]
    return replace(kept, scales=kept.scales * math.sqrt(step))


def _first_view(capture: CaptureFiles, gaussians: Gaussians, path: Path) -> dict[str, Any]:
    """Centre, position, up vector and field of view (degrees, vertical) of the first view, centred on the person."""
    means = gaussians.means.double().numpy()
    if not len(means):
        raise UserError("holds no Gaussians", code="empty-splats", file=path, hint="rerun the stage `render`")
    left, right = source_cameras(capture.rectified, 0)
    middle = camera_between(left, right, 0.5, pivot_between(left, right))
    pose = middle.world_to_camera.double().numpy()
    heights = np.percentile(means @ -pose[1, :3], [1, 99])
    centre = means.mean(0)
    centre = centre + (heights.mean() + centre @ pose[1, :3]) * -pose[1, :3]
    position = middle.centre.double().numpy()
    distance = float(np.linalg.norm(position - centre))
    fov = 2 * math.degrees(math.atan(_VIEW_HEIGHT * float(np.ptp(heights)) / 2 / distance))
    rounded = {"centre": centre, "position": position, "up": -pose[1, :3]}
    return {name: np.round(values, 5).tolist() for name, values in rounded.items()} | {"fov": round(fov, 3)}
