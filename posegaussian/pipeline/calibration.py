"""The given calibration of a capture, judged by its images and corrected where `rectify.calibration` allows it."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from posegaussian.captures.capture import Capture
from posegaussian.config import RectifySettings
from posegaussian.errors import warn
from posegaussian.parallel import in_order, thread_count
from posegaussian.preparation.calibration.correction import BAD, Correction, correct
from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.footage import images_ahead
from posegaussian.progress import progress

_FRAMES = 4
"""Frames, spread over the capture, in which features are looked for. By hand: what stands still is the same in all."""

_THREADS = 4
"""Threads that look for features, at most: each takes 250 MB at 1024 x 1024. Chosen by hand."""


def judge_calibration(capture: Capture, cameras: Sequence[str], frames: Sequence[int]) -> Correction | None:
    """What features say about some cameras of a capture; None for fewer than two cameras.

    Args:
        capture: with images.
        cameras: those to judge; default: the sources.
        frames: frame numbers to choose from, ascending.

    Raises:
        CaptureError: an image cannot be read.
    """
    names = list(dict.fromkeys(cameras)) or list(capture.sources)
    if len(names) < 2:
        return None
    chosen = sorted({frames[(len(frames) - 1) * index // max(_FRAMES - 1, 1)] for index in range(_FRAMES)})
    images = (views[name] for views in images_ahead(capture, names, chosen) for name in names)
    found = in_order(Features.of, images, min(thread_count(), _THREADS))
    of_frames = (
        progress(islice(found, len(names)), "find features", len(names), unit="images", short=False) for _ in chosen
    )
    features = (dict(zip(names, each, strict=True)) for each in of_frames)
    return correct(features, {name: capture.cameras[name] for name in names})


def with_calibration(
    capture: Capture, settings: RectifySettings, cameras: Sequence[str], frames: Sequence[int]
) -> tuple[Capture, Correction | None]:
    """The capture with corrected cameras, and the correction; None where nothing was corrected.

    Nothing is corrected in a capture that is rendered (has true depths), and with `calibration: given`. One line says
    what was corrected; a warning, that a calibration is bad and cannot be corrected. Arguments as for
    `judge_calibration`.
    """
    if settings.calibration == "given" or capture.depths:
        return capture, None
    found = judge_calibration(capture, cameras, frames)
    if found is None or not found.used:
        if found is not None and found.why_not:
            file = capture.calibration_files[-1] if capture.calibration_files else capture.root
            warn(bad_calibration(found), code="bad-calibration", file=file, hint="calibrate the cameras again")
        return capture, None
    print("calibration corrected: " + "; ".join(found.lines()), file=sys.stderr)
    return corrected(capture, found), found


def corrected(capture: Capture, correction: Correction) -> Capture:
    """The capture with the cameras of a correction."""
    return replace(capture, cameras={**capture.cameras, **correction.cameras})


def bad_calibration(found: Correction) -> str:
    """One sentence about a bad calibration that was not corrected."""
    (a, b), worst = max(found.before.items(), key=lambda each: each[1])
    return (
        f"features of {a} and {b} lie {worst:.1f} px from their epipolar lines (up to {BAD:g} px are good), and "
        f"{found.why_not}"
    )
