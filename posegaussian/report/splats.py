"""The Gaussians of a capture for the 3D viewer in the page, reduced until the page has an acceptable size."""

import json
from pathlib import Path

from posegaussian.errors import UserError
from posegaussian.export.pixel_frames import pack_frame, view_record
from posegaussian.export.player import first_view, image_uri, rectified_cameras
from posegaussian.io.ply import read_ply
from posegaussian.names import natural_order
from posegaussian.report.views import CaptureFiles

_MAX_SPLATS = 200_000
"""Most Gaussians per frame; of more, only every n-th column and row is shown, larger. Chosen by hand."""
_MAX_BYTES = 5_000_000
"""Most bytes of all frames together, compressed; chosen by hand."""
_FPS = 12
"""Frames per second; chosen by hand, as that of the rendered video."""


def viewer_data(capture: CaptureFiles, folder: Path) -> str | None:
    """The viewer's input as JSON: frames of the first pair, and a first view from the middle between its cameras.

    Returns:
        None if the folder has no file of the pair.

    Raises:
        UserError: the first file holds no Gaussians, or a file is of other cameras.
    """
    names = capture.pairs[0]
    files = sorted(folder.glob(f"{'-'.join(names)}_*.ply"), key=lambda path: natural_order(path.name))
    if not files:
        return None
    first, cameras = read_ply(files[0]), rectified_cameras(capture.rectified, 0)
    if not len(first.means):
        raise UserError("holds no Gaussians", code="empty-splats", file=files[0], hint="rerun the stage `render`")
    size = len(pack_frame(first, cameras, most=_MAX_SPLATS, file=files[0]).image)
    count = max(1, min(len(files), _MAX_BYTES // size))
    frames = []
    for path in (files[i * len(files) // count] for i in range(count)):
        packed = pack_frame(read_ply(path), cameras, most=_MAX_SPLATS, file=path)
        title = f"frame {int(path.stem.rsplit('_', 1)[1])}"
        frames.append({"title": title, "image": image_uri(packed.image), **packed.record})
    view = first_view(capture.rectified, 0, first)
    pair = {"views": [view_record(each) for each in cameras], "position": view["position"], "frames": frames}
    return json.dumps({"fps": _FPS, "pairs": [pair], **view}, sort_keys=True)
