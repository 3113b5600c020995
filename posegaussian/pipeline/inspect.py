"""The command `inspect`: one self-contained page about a capture, to look at before the stages run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import Diagnostic, diagnose
from posegaussian.captures.pairing import Names, named_pairs, neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.timing import timing_problems
from posegaussian.config import DetectorSettings, RectifySettings
from posegaussian.errors import CaptureError, StoreError, UserError, collected_warnings
from posegaussian.evaluation.checks import color_change
from posegaussian.geometry.compositing import person_on_black
from posegaussian.geometry.masks import centroid, is_person
from posegaussian.geometry.rig import triangulate
from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import ImageFile, check_whole
from posegaussian.io.suffixes import check_suffix
from posegaussian.pipeline.calibration import bad_calibration, corrected, judge_calibration
from posegaussian.pipeline.matched_colors import print_pair_colors
from posegaussian.pipeline.rectify import checked_plan
from posegaussian.pipeline.synchronise import Synchronisation, synchronise
from posegaussian.pose.detectors.base import Detector, detect_frame, load_detector
from posegaussian.preparation.calibration.correction import Correction
from posegaussian.preparation.known_people import KnownPeople
from posegaussian.preparation.mattes.computed import mask_confidence, with_masks
from posegaussian.preparation.mattes.judgement import JudgedMask, judge_masks
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.preparation.rectification import CameraFrame, rectify_pair
from posegaussian.preparation.rectification_plan import RectificationPlan
from posegaussian.progress import progress
from posegaussian.report.inspection import InspectedPair, inspection_page

_RECTIFIED = (384, 384)
"""Width and height of the rectified images, pixels: about the 420 pixels at which the page shows them."""
_JUDGED = 100
"""Frames, spread over the capture, whose masks are read and judged. Chosen by hand: some seconds for eight cameras."""


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    warnings: list[str]  # one plain sentence each
    masks: Mapping[str, JudgedMask]  # what is known about the masks of the frame that is shown, by camera
    calibration: Correction | None = None  # what features say about the calibration; None for fewer than two cameras
    times: Synchronisation | None = None  # how late the cameras are; None without sound and landmarks


def write_inspection(
    root: Path,
    output: Path,
    settings: RectifySettings,
    *,
    format: str | None = None,
    pairs: Sequence[tuple[str, ...]] = (),
    frames: FrameRange | None = None,
    people: Path | None = None,
    number: int = 1,
) -> Inspection:
    """Write the page, and return what it shows about the capture.

    Args:
        root: the capture's folder.
        output: the .html.
        settings: of rectification; the sizes are not used.
        format: name of the capture's layout; default: detected from the files in the folder.
        pairs: pairs to show; default: those the capture names, else neighbours.
        frames: which frames to read; the page shows the first one.
        people: of the stage `people`; what it found in that frame is shown, and masks are made of it where none are
            given. Frames without the person are not read.
        number: without `people`: which of several people is looked for; 1 is the nearest to the rig's centre.

    Raises:
        ConfigError: the output is no .html.
        StoreError: `people` is missing or damaged, is of another capture, or has the person in none of the frames.
        CaptureError: something is missing, or a mask is empty.
        CalibrationError: a camera's calibration is impossible.
    """
    check_suffix(output, [".html"])
    with collected_warnings() as caught, nullcontext() if people is None else PeopleFile(people) as file:
        capture = read_capture(root, format, frames)
        capture = capture if file is None else _with_person(capture, file)
        named = named_pairs(capture, pairs or capture.pairs)
        calibration = _calibration(capture, named)
        if calibration is not None and settings.calibration == "auto" and not capture.depths:
            capture = corrected(capture, calibration)
        times = synchronise(capture, file)
        known = None if file is None else KnownPeople(file, capture)
        label, model = settings.mask_label, settings.matting
        capture = with_masks(capture, settings.masks, True, label, known, number, matting=model)
        frame = capture.frames[0]
        capture, unseen = _without_unseen(capture, named, frame)
        masks = {camera: capture.mask(camera, frame) for camera in capture.cameras}
        centroids = np.stack([centroid(is_person(mask)) for mask in masks.values()])
        person = triangulate([capture.cameras[camera] for camera in masks], centroids)
        chosen, problems = _choose_pairs(capture, named, frame)
        judged = judge_masks(capture.cameras, masks, {name: mask_confidence(capture, name, frame) for name in masks})
        problems += [f"camera {camera}: {mask.problem}; {mask.hint}" for camera, mask in judged.items() if mask.problem]
        problems += unseen
        problems += [bad_calibration(calibration)] if calibration is not None and calibration.why_not else []
        problems += _impossible_masks(capture) + _cut_images(capture)
        problems += map(_sentence, diagnose(capture, chosen, frame))
        problems += timing_problems(capture, frame) if times is None else times.problems()
        problems = list(dict.fromkeys([*(str(warning.message) for warning in caught), *problems]))
        images = {camera: capture.image(camera, frame) for camera in masks}
        camera_frames = {camera: CameraFrame(images[camera], mask) for camera, mask in masks.items()}
        detect = load_detector(DetectorSettings(kind="blazepose")).detect
        inspected = [
            _inspect_pair(capture, pair, camera_frames, replace(settings, size=_RECTIFIED), detect)
            for pair in progress(chosen, "inspect pair", unit="pairs")
        ]
        print_pair_colors({each.names: each.color for each in inspected})
        page = inspection_page(
            capture,
            frame,
            warnings=problems,
            images=images,
            masks=masks,
            judged=judged,
            mask_kind=settings.masks,
            calibration=calibration,
            person=person,
            people=None if known is None else known(frame, images),
            pairs=inspected,
        )
    write_atomic(output, page)
    return Inspection(problems, judged, calibration, times)


def _calibration(capture: Capture, pairs: Sequence[Names]) -> Correction | None:
    """How well features agree with the calibration; None where an image cannot be read, which has its own message."""
    try:
        return judge_calibration(capture, [name for pair in pairs for name in pair], capture.frames)
    except UserError:
        return None


def _with_person(capture: Capture, file: PeopleFile) -> Capture:
    """The capture without the frames in which the person was not found."""
    kept = tuple(frame for frame in capture.frames if frame in file.found)
    if not kept:
        hint = "run the stage people with the same frames"
        what = "the file has the person in none of the frames"
        raise StoreError(what, code="other-frames", file=file.path, frame=capture.frames[0], hint=hint)
    return replace(capture, frames=kept)


def _without_unseen(capture: Capture, named: Sequence[Names], frame: int) -> tuple[Capture, list[str]]:
    """The capture without cameras that miss the person in a frame, where pairs are left; a line for each of them."""
    used = {camera for pair in named for camera in pair}
    missed = {}
    for camera in capture.cameras:
        try:
            capture.mask(camera, frame)
        except CaptureError as error:
            if error.code != "person-not-found" or camera in used or len(capture.cameras) - len(missed) < 3:
                raise
            missed[camera] = str(error)
    return capture.with_roles([name for name in capture.cameras if name not in missed]), [*missed.values()]


def _impossible_masks(capture: Capture) -> list[str]:
    """Masks that cannot be read or cannot be a person, in some frames after the one that is shown."""
    others = capture.frames[1:]
    chosen = sorted({others[len(others) * index // _JUDGED] for index in range(_JUDGED)}) if others else []
    strict = replace(capture, strict=True)
    return _line_per_camera(capture.cameras, chosen, strict.mask)


def _cut_images(capture: Capture) -> list[str]:
    """Image files without their ends, in frames after the one that is shown."""

    def check(camera: str, frame: int) -> None:
        file = capture.images[camera][frame]
        if isinstance(file, ImageFile):
            check_whole(file, camera, frame)

    return _line_per_camera(capture.cameras, capture.frames[1:], check)


def _line_per_camera(cameras: Iterable[str], frames: Sequence[int], check: Callable[[str, int], object]) -> list[str]:
    """The first error of a check in each camera, and how many more it has."""
    found = []
    for camera in cameras:
        errors = []
        for frame in frames:
            try:
                check(camera, frame)
            except UserError as error:
                errors.append(str(error))
        if errors:
            more = f" (and {len(errors) - 1} more of this camera)" if len(errors) > 1 else ""
            found.append(errors[0] + more)
    return found


def _choose_pairs(capture: Capture, named: list[Names], frame: int) -> tuple[list[Names], list[str]]:
    """The named pairs, else neighbours; and, where there are no pairs, the reason."""
    try:
        return named or neighbouring_pairs(capture, frame), []
    except UserError as error:
        return [], [str(error)]


def _sentence(found: Diagnostic) -> str:
    return f"{f'camera {found.camera}: ' if found.camera else ''}{found.what}; {found.hint}"


def _inspect_pair(
    capture: Capture,
    cameras: Names,
    camera_frames: Mapping[str, CameraFrame],
    settings: RectifySettings,
    detect: Detector,
) -> InspectedPair:
    """A pair at the first frame, rectified, with the joints that are found in it."""
    try:
        plan = RectificationPlan(checked_plan(capture, [cameras], [capture.frames[0]], settings).pairs)
        (pair,) = plan.pairs
        left, right = pair.names
        rectified = rectify_pair(pair, camera_frames[left], camera_frames[right])
        heatmaps = list(detect_frame(rectified.images, rectified.masks, [detect] * 2)["heatmaps"])
    except UserError as error:
        return InspectedPair(cameras, cameras, problem=str(error))
    color = max(color_change(view.color) for view in pair.views)
    return InspectedPair(cameras, pair.names, list(person_on_black(rectified.images, rectified.masks)), heatmaps, color)
