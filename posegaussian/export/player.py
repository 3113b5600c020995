"""The player: a folder, or for short sequences a single page, in which people play the Gaussians of every frame."""

import base64
import json
import math
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posegaussian.errors import UserError
from posegaussian.export.pixel_frames import pack_frame, view_record
from posegaussian.export.sequence import SplatSequence, read_splats
from posegaussian.io import store
from posegaussian.progress import progress
from posegaussian.rendering.camera_path import camera_between, pivot_between, source_cameras
from posegaussian.types import Camera, Gaussians

_SINGLE = 30_000_000
"""Bytes of all frames up to which the player is one page with everything in it. Chosen by hand: such a page can be
mailed, and opens without a web server."""
_VIEW_HEIGHT = 1.25
"""Height of the first view at the person's distance, in heights of the person; chosen by hand."""
_PAGE = Path(__file__).with_name("player.html")
_DATA, _SCRIPT = "{{ data }}", "{{ script }}"
"""Where the page takes its data and its script."""


def viewer_script() -> Path:
    """The script of the viewer, which tools/viewer builds."""
    return Path(str(files("posegaussian"))) / "assets" / "viewer" / "viewer.js"


def write_player(folder: Path, sequence: SplatSequence) -> None:
    """Write index.html: with all frames in it, or, where they are large, with viewer.js and frames/ beside it.

    Frames are written one by one; memory does not grow with their number.

    Raises:
        UserError: splats were not rendered from the pairs of that file.
    """
    assert sequence.rectified is not None, "the registry says that it needs this file"
    frames = folder / "frames"
    frames.mkdir()
    with store.open_checked(sequence.rectified, store.RECTIFIED) as rectified:
        data = _packed(frames, sequence, rectified)
    images = sorted(frames.iterdir())
    single = sum(image.stat().st_size for image in images) <= _SINGLE
    before, between, after = _parts(_PAGE.read_text(encoding="utf-8"))
    with (folder / "index.html").open("w", encoding="utf-8") as page:
        page.write(before)
        for part in _json_parts(data, folder if single else None):
            page.write(part)
        page.write(between)
        if single:
            page.write(viewer_script().read_text(encoding="utf-8"))
        else:
            page.write('import "./viewer.js";')
        page.write(after)
    if single:
        for image in images:
            image.unlink()
        frames.rmdir()
    else:
        (folder / "viewer.js").write_bytes(viewer_script().read_bytes())


def first_view(rectified: store.Reader, pair: int, gaussians: Gaussians) -> dict[str, Any]:
    """Centre, position, up vector and field of view (degrees, vertical) of a view from the middle of a pair."""
    means = gaussians.means.double().numpy()
    left, right = source_cameras(rectified, pair)
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


def pair_index(rectified: store.Reader, name: str, file: Path | None = None) -> int:
    """The place of a pair, LEFT-RIGHT, in a rectified file.

    Raises:
        UserError: there is no such pair.
    """
    names = ["-".join(map(str, pair)) for pair in store.strings(rectified["sources/pairs"])]
    if name not in names:
        what = f"of no pair of the rectified file ({', '.join(names)})"
        raise UserError(what, code="mismatched-splats", file=file, hint="give those of this capture")
    return names.index(name)


def rectified_cameras(rectified: store.Reader, pair: int) -> list[Camera]:
    """The rectified cameras of a pair, left and right, float64."""
    height, width = rectified["sources/images"].shape[3:5]
    intrinsics, poses = (torch.from_numpy(rectified[f"sources/{n}"][pair]) for n in ("intrinsics", "world_to_camera"))
    return [Camera(intrinsics[view], poses[view], width, height) for view in (0, 1)]


def _packed(folder: Path, sequence: SplatSequence, rectified: store.Reader) -> dict[str, Any]:
    """Write the images of all frames; what the viewer needs to know, with the names of these files."""
    pairs, view = [], None
    for name, found in sequence.pairs().items():
        pair = pair_index(rectified, name, found[0][1])
        cameras, frames = rectified_cameras(rectified, pair), []
        for number, file in progress(found, f"player {name}"):
            gaussians = read_splats(file)
            view = view or first_view(rectified, pair, gaussians)
            packed = pack_frame(gaussians, cameras, file=file)
            target = folder / f"{file.stem}.webp"
            target.write_bytes(packed.image)
            frames.append({"title": f"frame {number}", "image": f"{folder.name}/{target.name}", **packed.record})
        position = first_view(rectified, pair, gaussians)["position"]
        pairs.append({"views": [view_record(camera) for camera in cameras], "position": position, "frames": frames})
    return {"fps": sequence.fps, "pairs": pairs, **(view or {})}


def _parts(page: str) -> tuple[str, str, str]:
    """The page before its data, between data and script, and after the script."""
    before, _, rest = page.partition(_DATA)
    between, _, after = rest.partition(_SCRIPT)
    return before, between, after


def _json_parts(data: dict[str, Any], folder: Path | None) -> Iterator[str]:
    """The data as JSON, piece by piece; images of a folder become data URIs, one in memory at a time."""
    text = json.dumps(data, sort_keys=True).replace("<", "\\u003c")
    for number, piece in enumerate(text.split('"image": "')):
        if number:
            name, _, piece = piece.partition('"')
            yield f'"image": "{image_uri((folder / name).read_bytes()) if folder else name}"'
        yield piece


def image_uri(image: bytes) -> str:
    """A WebP as a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(image).decode('ascii')}"
