"""One novel view of a capture folder: a single frame is rectified, its joints detected, reconstructed and rendered."""

import json
from dataclasses import replace
from pathlib import Path

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names, chosen_sources
from posegaussian.captures.reading import read_capture
from posegaussian.config import MattingSettings, RectifySettings, ViewSettings, parse
from posegaussian.data.rectify import network_input
from posegaussian.errors import CaptureError, ConfigError, warn
from posegaussian.io.images import IMAGE_SUFFIXES, write_image
from posegaussian.io.suffixes import check_suffix
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network, read_metadata
from posegaussian.pipeline.calibration import with_calibration
from posegaussian.pipeline.matched_colors import print_colors
from posegaussian.pipeline.rectify import checked_plan
from posegaussian.pose.detectors.base import LoadedDetector, load_detector
from posegaussian.preparation.mattes.computed import with_masks
from posegaussian.preparation.rectification import read_views
from posegaussian.preparation.rectification_plan import RectificationPlan
from posegaussian.rendering.camera_path import camera_between, pivot_between
from posegaussian.rendering.framing import fitted_camera
from posegaussian.rendering.levels import to_bytes
from posegaussian.rendering.reconstruct import reconstruct_frames, render
from posegaussian.types import StereoPair


def render_view(
    capture: Path,
    *,
    weights: Path,
    sources: tuple[str, str],
    ratio: float,
    frame: int | None,
    output: Path | None,
    settings: ViewSettings,
    device: str,
    number: int = 1,
) -> None:
    """Render the view at `ratio` of the way from one source camera to another, and write it as .png.

    Args:
        capture: the capture's folder.
        weights: of the network.
        sources: two source cameras, by their names or by their places in the order of the sources, from 0.
        ratio: 0 is the view of the first camera, 1 that of the second.
        frame: the frame's number; None takes the first.
        output: the .png to write; None: novel.png in the working directory.
        settings: sizes, detector and rasteriser.
        device: auto, cpu, cuda or cuda:N.
        number: which of several people is looked for where masks are not given; 1 is the nearest to the rig's centre.

    Raises:
        ConfigError: the ratio is not between 0 and 1.
        CaptureError: a camera or the frame is not in the capture, or both cameras are the same.
        WeightsError: the weights are missing, or are not weights of this network.
    """
    check_ratio(ratio)
    output = output or Path("novel.png")
    check_suffix(output, IMAGE_SUFFIXES)
    rectify, chosen = view_rectification(settings, weights), pick_device(device)
    network = load_network(weights, chosen)
    found = read_capture(capture)
    first, second = chosen_sources(found, sources)
    frame = found.frames[0] if frame is None else frame
    if frame not in found.frames:
        raise CaptureError(
            f"no such frame ({found.frames[0]} to {found.frames[-1]})",
            code="unknown-frame",
            file=capture,
            frame=frame,
        )
    found, _ = with_calibration(found, rectify, [first, second], found.frames)
    detector = load_detector(settings.detector, str(chosen)) if network.settings.pose != "none" else None
    masked = with_masks(found, rectify.masks, label=rectify.mask_label, number=number, matting=rectify.matting)
    filmed = network.settings.filmed
    pair = _rectified_pair(masked, (first, second), frame, rectify, detector, filmed)
    (reconstruction,) = next(reconstruct_frames(network, [[pair]], chosen))
    start, end = (found.cameras[camera].pinhole() for camera in (first, second))
    camera = camera_between(start, end, ratio, pivot_between(start, end))
    if settings.size:
        camera = fitted_camera(camera, *settings.size)
    write_image(output, to_bytes(render(reconstruction.gaussians, camera, backend=settings.backend).colors))
    print(f"{output}: frame {frame:06d}, from {first} to {second} at ratio {ratio:g}, with {weights.name}")


def _rectified_pair(
    capture: Capture,
    names: Names,
    frame: int,
    settings: RectifySettings,
    detector: LoadedDetector | None,
    filmed: bool,
) -> StereoPair:
    """The rectified pair of two cameras at one frame; with joint heatmaps if there is a detector."""
    plan = RectificationPlan(checked_plan(capture, [names], [frame], settings).pairs)  # targets are not rendered
    print_colors(plan)
    detectors = [detector.detect] * 2 if detector else []
    pair = network_input(plan.pairs[0], read_views(plan, capture, frame), detectors, filmed)
    if pair.scores is not None and not pair.scores.any():
        warn("the detector finds nobody: no joints", code="nobody-found", file=capture.root, frame=frame)
    return pair


def view_rectification(settings: ViewSettings, weights: Path) -> RectifySettings:
    """The settings of rectification: those that are given, else those of the captures that the weights were trained on,
    but with masks that every capture has, or can have.

    Raises:
        WeightsError: the weights are missing, or are not weights of this network.
    """
    trained = json.loads(read_metadata(weights).get("rectify", "{}"))
    return settings.rectify or replace(
        parse(RectifySettings, trained, str(weights)), masks="auto", matting=MattingSettings()
    )


def check_ratio(ratio: float | None) -> None:
    """Raise a ConfigError for a ratio that is not between 0 and 1."""
    if ratio is not None and not 0 <= ratio <= 1:
        what = f"--ratio {ratio:g} is not between 0 (the first camera) and 1 (the second)"
        raise ConfigError(what, code="invalid-ratio")
