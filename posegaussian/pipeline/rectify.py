"""The stage `rectify`: from a capture to one HDF5 file of rectified stereo pairs and undistorted held-out images."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import check
from posegaussian.captures.masks import is_given
from posegaussian.captures.offsets import with_offsets
from posegaussian.captures.pairing import Names, named_pairs, neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.config import STAGE_VERSION, RectifySettings, as_dict
from posegaussian.errors import CaptureError
from posegaussian.io import store
from posegaussian.io.suffixes import STORE_SUFFIXES, check_suffix
from posegaussian.model.device import pick_device
from posegaussian.parallel import in_order, thread_count
from posegaussian.pipeline.calibration import with_calibration
from posegaussian.pipeline.matched_colors import print_colors
from posegaussian.pipeline.provenance import capture_digests
from posegaussian.preparation.calibration.correction import Correction
from posegaussian.preparation.known_people import KnownPeople, frames_with_person
from posegaussian.preparation.mattes.computed import compute_masks, with_masks
from posegaussian.preparation.mattes.judgement import MaskWatch
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.preparation.rectification import CameraFrame, RectifiedFrame, read_ahead, rectify_views
from posegaussian.preparation.rectification_plan import RectificationPlan, plan_rectification, with_matched_colors
from posegaussian.progress import progress

_THREADS = 16
"""Threads that rectify frames, at most: each holds two frames, of 25 MB at 1024 x 1024 with two cameras and depth."""
DEPTH_FIELDS = ("sources/disparity", "sources/valid", "targets/depth")
"""Fields of store.RECTIFIED that need true depth."""


def rectify_capture(
    root: Path,
    output: Path,
    settings: RectifySettings,
    pairs: Sequence[tuple[str, ...]] | None = None,
    frames: Sequence[int] | FrameRange | None = None,
    held_out: Sequence[str] = (),
    people: Path | None = None,
    number: int = 1,
    offsets: Mapping[str, int] | None = None,
    device: str = "cpu",
) -> None:
    """Write the rectified pairs and undistorted held-out images of a capture, frame by frame.

    Args:
        root: the capture's folder.
        output: the .h5 to write, of store.RECTIFIED.
        settings: of the stage.
        pairs: names of two cameras each, in any order; default: those the capture names, else neighbouring sources.
        frames: frame numbers; default: all.
        held_out: cameras that renders are only compared with; default: those the capture names.
        people: of the stage `people`, whose person masks are made of where none are given; frames without the person
            are left out. None: the person is looked for here where masks are needed.
        number: which of several people is looked for here; 1 is the nearest to the rig's centre.
        offsets: whole frames that cameras are late.
        device: auto, cpu, cuda or cuda:N; where masks are made, if none are given.

    Raises:
        CalibrationError: something is wrong with the calibration, or a pair cannot be rectified.
        CaptureError: something is missing, or an image cannot be read.
        ConfigError: the output has another suffix.
        StoreError: the file cannot be written; or `people` cannot be read, is of another capture, or lacks a frame.
    """
    check_suffix(output, STORE_SUFFIXES)
    chosen = frames if isinstance(frames, FrameRange) else None
    capture = with_offsets(read_capture(root, frames=chosen), offsets or {}).with_roles(held_out=held_out)
    frames = list(capture.frames if frames is None or isinstance(frames, FrameRange) else frames)
    pairs = capture.pairs if pairs is None else pairs
    capture, correction = with_calibration(capture, settings, [name for pair in pairs for name in pair], frames)
    with nullcontext() if people is None else PeopleFile(people) as file:
        known = None if file is None else KnownPeople(file, capture)
        capture = with_masks(
            capture,
            settings.masks,
            label=settings.mask_label,
            people=known,
            number=number,
            device=str(pick_device(device)),
            matting=settings.matting,
        )
        if file is not None:
            named = named_pairs(capture, pairs)
            needed = {camera for pair in named for camera in pair}.union(capture.held_out) if named else None
            frames = frames_with_person(file, capture, frames, needed)
        if not frames:
            raise CaptureError("nobody is in any of the chosen frames", code="no-frames-chosen", file=root)
        named = named_pairs(capture, pairs) or neighbouring_pairs(capture, frames[0])
        plan = checked_plan(capture, named, frames, settings)
        print_colors(plan)
        rectify_frames(output, capture, plan, frames, settings, people, correction)


def rectify_frames(
    output: Path,
    capture: Capture,
    plan: RectificationPlan,
    frames: Sequence[int],
    settings: RectifySettings,
    people: Path | None = None,
    correction: Correction | None = None,
) -> None:
    """Write the rectified frames of a capture with masks by a plan; other arguments as for `rectify_capture`.

    The cameras of the capture are those of the correction, if there is one.

    Raises:
        CaptureError: an image cannot be read.
        StoreError: the file cannot be written.
    """
    joints = capture.joints()
    found = [camera for camera, files in capture.masks.items() if not is_given(next(iter(files.values())))]
    inputs = capture_digests(capture, capture.files(list(plan.colors), frames))
    models = {"people": people, "matting": Path(settings.matting.onnx) if found and settings.matting.onnx else None}
    inputs |= {name: store.digest(file) for name, file in models.items() if file is not None}
    write_rectified(
        output,
        plan,
        frames,
        _rectified(plan, capture, frames),
        settings=settings,
        inputs=inputs,
        joints=None if joints is None else joints[[capture.frames.index(frame) for frame in frames]],
        without=_absent(capture, plan),
        correction=correction,
        found=found,
    )


def _rectified(plan: RectificationPlan, capture: Capture, frames: Sequence[int]) -> Iterator[RectifiedFrame]:
    """The frames, one after the other, with a warning where masks disagree; threads read and rectify ahead."""

    def rectify(views: Mapping[str, CameraFrame]) -> tuple[dict[str, np.ndarray], RectifiedFrame]:
        return {camera: view.mask for camera, view in views.items()}, rectify_views(plan, views)

    watch, threads = MaskWatch(capture), min(thread_count(), _THREADS)
    found = in_order(rectify, read_ahead(plan, capture, frames), threads)
    for frame, (masks, rectified) in progress(
        zip(frames, found, strict=True), f"rectify {capture.name}", len(frames), unit="frames"
    ):
        watch.check(masks, frame)
        yield rectified


def checked_plan(
    capture: Capture, pairs: Sequence[Names], frames: Sequence[int], settings: RectifySettings
) -> RectificationPlan:
    """Rectification plan for a capture with masks, after the diagnostics have passed.

    Colours are matched if the settings demand it, unless the capture is rendered (has true depths).

    Raises:
        CalibrationError: something is wrong with the calibration, or a pair cannot be rectified.
        CaptureError: an image cannot be read, or the held-out images differ in size.
    """
    check(capture, pairs, frames[0])
    compute_masks(capture, frames)
    plan = plan_rectification(capture, pairs, frames, settings)
    if settings.color == "auto" and not capture.depths:
        plan = with_matched_colors(plan, capture, frames)
    return plan


def write_rectified(
    output: Path,
    plan: RectificationPlan,
    frames: Sequence[int],
    rectified: Iterable[RectifiedFrame],
    *,
    settings: RectifySettings,
    inputs: Mapping[str, str],
    joints: Float[np.ndarray, "frames 17 3"] | None = None,
    without: Sequence[str] = (),
    found: Collection[str] = (),
    correction: Correction | None = None,
) -> None:
    """Write rectified frames as store.RECTIFIED.

    Args:
        output: the .h5.
        plan: that the frames were rectified by.
        frames: frame numbers.
        rectified: the frames, in the same order.
        settings: of the plan.
        inputs: digests of the files that were read, by name.
        joints: true COCO-17 joints in the world, metres, if known.
        without: the fields of DEPTH_FIELDS that the file does not have.
        found: cameras whose masks were found in their images, not given; the file holds the confidence of these masks.
        correction: of the calibration; the cameras of the plan are the corrected ones. None: they are as given.
    """
    sides = {
        "sources": [view for pair in plan.pairs for view in pair.views],
        "targets": [h.view for h in plan.held_out],
    }
    given = [f"{side}/confidence" for side, views in sides.items() if not {view.name for view in views} <= set(found)]
    absent = (*without, *given, *(["joints"] if joints is None else []))
    dims = _dims(plan, len(frames), settings)
    with store.create(
        output,
        store.RECTIFIED,
        dims if correction is None else dims | {"camera": len(correction.given)},
        stage_version=STAGE_VERSION["rectify"],
        settings=as_dict(settings),
        inputs=inputs,
        without=absent,
    ) as writer:
        writer["frames"] = frames
        if joints is not None:
            writer["joints"] = joints
        _write_cameras(writer, plan, found)
        if correction is not None:
            writer["calibration/cameras"] = np.array(list(correction.given), dtype=object)
            writer["calibration/intrinsics"] = [camera.intrinsics for camera in correction.given.values()]
            writer["calibration/world_to_camera"] = [camera.world_to_camera for camera in correction.given.values()]
            writer["calibration/residuals"] = [correction.residuals(name) for name in correction.given]
        for index, frame in enumerate(rectified):
            _write_frame(writer, index, frame, absent)


def _absent(capture: Capture, plan: RectificationPlan) -> list[str]:
    """Fields of DEPTH_FIELDS that the file cannot have, because a camera of their group has no true depth."""
    inputs = {camera for pair in plan.pairs for camera in pair.names}
    held_out = {each.view.name for each in plan.held_out}
    known = capture.depths.keys()
    complete = {"sources": inputs <= known, "targets": bool(held_out) and held_out <= known}
    return [name for name in DEPTH_FIELDS if not complete[name.partition("/")[0]]]


def _dims(plan: RectificationPlan, frames: int, settings: RectifySettings) -> dict[str, int]:
    """Sizes of the dimensions of store.RECTIFIED."""
    sources = [view.source for pair in plan.pairs for view in pair.views]
    held_out = [each.view.camera for each in plan.held_out]
    return {
        "pair": len(plan.pairs),
        "frame": frames,
        "width": settings.size[0],
        "height": settings.size[1],
        "coefficients": max(len(camera.distortion) for camera in sources),
        "target": len(held_out),
        "target_width": held_out[0].width if held_out else 0,
        "target_height": held_out[0].height if held_out else 0,
    }


def _write_cameras(writer: store.Writer, plan: RectificationPlan, found: Collection[str]) -> None:
    for number, pair in enumerate(plan.pairs):
        writer["sources/pairs", number] = pair.names
        writer["sources/intrinsics", number] = pair.cameras.intrinsics.numpy()
        writer["sources/world_to_camera", number] = pair.cameras.world_to_camera.numpy()
        writer["sources/original/color", number] = np.stack([view.color for view in pair.views])
        writer["sources/mask_origins", number] = [_origin(name, found) for name in pair.names]
        for view, camera in enumerate(view.source for view in pair.views):
            writer["sources/original/intrinsics", number, view] = camera.intrinsics
            writer["sources/original/distortion", number, view, : len(camera.distortion)] = camera.distortion
            writer["sources/original/world_to_camera", number, view] = camera.world_to_camera
            writer["sources/original/size", number, view] = (camera.width, camera.height)
    for number, each in enumerate(plan.held_out):
        writer["targets/cameras", number] = each.view.name
        writer["targets/pair", number] = each.pair
        writer["targets/intrinsics", number] = each.view.camera.intrinsics.numpy()
        writer["targets/world_to_camera", number] = each.view.camera.world_to_camera.numpy()
        writer["targets/color", number] = each.view.color
        writer["targets/mask_origins", number] = _origin(each.view.name, found)


def _origin(camera: str, found: Collection[str]) -> str:
    return "found" if camera in found else "given"


def _write_frame(writer: store.Writer, index: int, frame: RectifiedFrame, absent: Sequence[str]) -> None:
    for number, pair in enumerate(frame.pairs):
        writer["sources/images", number, index] = pair.images
        writer["sources/masks", number, index] = pair.masks
        if "sources/confidence" not in absent:
            writer["sources/confidence", number, index] = np.nan if pair.confidence is None else pair.confidence
        if "sources/disparity" not in absent:
            writer["sources/disparity", number, index] = pair.disparity
            writer["sources/valid", number, index] = pair.valid
    for number, view in enumerate(frame.held_out):
        writer["targets/images", number, index] = view.image
        writer["targets/masks", number, index] = view.mask
        if "targets/confidence" not in absent:
            writer["targets/confidence", number, index] = np.nan if view.confidence is None else view.confidence
        if "targets/depth" not in absent:
            writer["targets/depth", number, index] = view.depth
