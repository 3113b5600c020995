"""Estimates of what the stages will write, before they run.

The sizes of stores follow from their schemas. The other constants were measured, as stated at each. Together they are
right within a factor of two on the demo, which a test checks on a small capture.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.config import BuiltinSettings, Plan, RectifySettings, RenderSettings
from posegaussian.errors import UserError
from posegaussian.io import store
from posegaussian.io.space import ensure_room, free_bytes, readable
from posegaussian.model.weights import RELEASE
from posegaussian.pose.person import MATTE
from posegaussian.preparation.people_file import PEOPLE

_CAPTURE_PIXEL = 0.55
"""Bytes of a built-in capture per pixel of all its images: image, mask and depth, at 1024 px (0.34 to 0.6, the
benchmark), 512 px (0.47, the demo) and 256 px (0.8)."""
_PERSON = 0.15
"""Share of a rectified image that the person covers, with a Gaussian per pixel: 0.16 for the demo's first person."""
_GAUSSIAN = 68
"""Bytes of a Gaussian in a .ply: 17 numbers of four bytes."""
_PATH_PIXEL, _VIDEO_PIXEL = 0.32, 0.024
"""Bytes of a pixel of the rendered path as .png and in the video, of the demo at 512 px."""
_WEIGHTS_IN_A_STATE = 10.0
"""Training keeps weights, their average and two moments of the optimiser, twice, and two files of weights."""


@dataclass(frozen=True)
class CaptureSize:
    """How much a capture holds."""

    sources: int  # number of source cameras
    held_out: int  # number of held-out cameras
    pairs: int  # number of source pairs
    frames: int  # number of frames
    size: tuple[int, int]  # width and height of the largest image, pixels
    truth: bool  # whether it has depths


def builtin_size(settings: BuiltinSettings) -> CaptureSize:
    """The size of a built-in capture, or of a scan's."""
    pairs = settings.sources if settings.ring else settings.sources - 1
    return CaptureSize(settings.sources, pairs * settings.targets, pairs, settings.frames, settings.size, True)


def capture_bytes(settings: BuiltinSettings) -> float:
    """Estimated bytes of a built-in capture."""
    size = builtin_size(settings)
    return _CAPTURE_PIXEL * (size.sources + size.held_out) * size.frames * size.size[0] * size.size[1]


def rectified_bytes(size: CaptureSize, settings: RectifySettings) -> float:
    """Estimated bytes of a rectified capture."""
    without = () if size.truth else ("sources/disparity", "sources/valid", "targets/depth", "joints")
    return store.expected_size(store.RECTIFIED, _dims(size, settings), without)


def people_bytes(size: CaptureSize) -> float:
    """Estimated bytes of the people of a capture."""
    dims = {"frame": size.frames, "camera": size.sources + size.held_out, "matte_height": MATTE, "matte_width": MATTE}
    return store.expected_size(PEOPLE, dims)


def heatmaps_bytes(size: CaptureSize, settings: RectifySettings) -> float:
    """Estimated bytes of the heatmaps of a capture."""
    dims = _dims(size, settings)
    quarter = {"width": dims["width"] // 4, "height": dims["height"] // 4}
    return store.expected_size(store.HEATMAPS, dims | quarter)


def render_bytes(size: CaptureSize, rectify: RectifySettings, settings: RenderSettings, splats: bool) -> float:
    """Estimated bytes of the renders of a capture, with the video and the images of the path, and maybe the splats."""
    (width, height), dims = settings.path_size, _dims(size, rectify)
    dims |= {"step": settings.path_steps, "path_width": width, "path_height": height}
    return store.expected_size(store.RENDERS, dims) + path_bytes(settings) + splats * splat_bytes(dims)


def path_bytes(settings: RenderSettings) -> float:
    """Estimated bytes of the images of the path and of the video."""
    return math.prod((settings.path_steps, *settings.path_size)) * (_PATH_PIXEL + _VIDEO_PIXEL)


def splat_bytes(dims: Mapping[str, int]) -> float:
    """Estimated bytes of the splats of all frames; the argument holds the dimensions of the rectified store."""
    return 2 * math.prod(dims[name] for name in ("pair", "frame", "width", "height")) * _PERSON * _GAUSSIAN


def train_bytes() -> float:
    """Estimated bytes of one phase of training: its state and its weights."""
    return _WEIGHTS_IN_A_STATE * RELEASE.stat().st_size


def check_disk_space(plan: Plan, jobs: Iterable[tuple[str, Mapping[str, str]]], folder: Path) -> str:
    """A line about what jobs of the workflow will write.

    Raises:
        StoreError: it cannot fit on the disk.
    """
    size = cache(lambda capture: _size(plan, capture))
    needed: Counter[str] = Counter()
    for rule, wildcards in jobs:
        needed[rule] += round(_job_bytes(plan, rule, wildcards, size))
    total = needed.total()
    ensure_room(folder, total)
    parts = ", ".join(f"{rule} {readable(count)}" for rule, count in needed.most_common() if count)
    return f"{folder}: about {readable(total)} will be written ({parts}), {readable(free_bytes(folder))} are free"


def _job_bytes(plan: Plan, rule: str, wildcards: Mapping[str, str], size) -> int | float:
    """Estimated bytes of what a job writes; 0 for small tables and pages, and where the capture is not there yet."""
    if rule in ("train_depth", "train_full"):
        return train_bytes()
    capture, rectify = wildcards.get("capture"), plan.config.rectify
    if capture is None or (found := size(capture)) is None:
        return 0
    match rule:
        case "captures" | "photograph_scan":
            return capture_bytes(plan.builtin(capture))
        case "people":
            return people_bytes(found)
        case "rectify":
            return rectified_bytes(found, rectify)
        case "heatmaps":
            return heatmaps_bytes(found, rectify)
        case "render" | "render_views":
            return render_bytes(found, rectify, plan.config.render, splats=rule == "render")
    return 0


def _size(plan: Plan, name: str) -> CaptureSize | None:
    """The size of a capture of the sheet; None for one that is not downloaded yet, or cannot be read (see its job)."""
    row = plan.captures[name]
    if name in plan.seeds or name in plan.scans:
        return builtin_size(plan.builtin(name))
    if plan.is_made(name):
        return None
    try:
        capture = read_capture(row.path, frames=FrameRange.parse(row.frames) if row.frames else None)
        capture = capture.with_roles(held_out=row.targets.split())
    except UserError:
        return None
    pairs = len(row.pairs.split()) or len(capture.pairs) or max(len(capture.sources) - 1, 1)
    largest = max(((c.width, c.height) for c in capture.cameras.values()), key=lambda size: size[0] * size[1])
    return CaptureSize(
        len(capture.sources), len(capture.held_out), pairs, len(capture.frames), largest, bool(capture.depths)
    )


def _dims(size: CaptureSize, settings: RectifySettings) -> dict[str, int]:
    """Dimensions of the stores of a capture."""
    width, height = settings.target_size or size.size
    return {
        "pair": size.pairs,
        "frame": size.frames,
        "width": settings.size[0],
        "height": settings.size[1],
        "coefficients": 5,
        "target": size.held_out,
        "target_width": width,
        "target_height": height,
    }
