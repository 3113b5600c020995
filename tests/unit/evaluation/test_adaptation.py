"""What is kept back, and the verdict, from rigs and numbers that are known."""

import math

import helpers
import numpy as np
import pytest

from posegaussian.errors import CaptureError
from posegaussian.evaluation.adaptation import Judged, objection, split_rig

PERSON = np.asarray(helpers.CENTRE, float)


def split(azimuths, frames=tuple(range(10)), **options):
    cameras = {f"c{i}": helpers.source_camera(helpers.lens(angle)) for i, angle in enumerate(azimuths)}
    return split_rig(cameras, PERSON, frames, **({"widest": 60.0, "share": 0.2} | options))


def test_the_kept_back_camera_is_in_nothing_that_is_learned():
    found = split([0, 20, 40, 60, 80])
    assert found.camera is not None
    assert found.learned
    assert all(found.camera.camera not in each.cameras for each in found.learned)
    assert (found.frames, found.kept) == (list(range(8)), [8, 9])


def test_the_camera_can_be_chosen():
    found = split([0, 20, 40, 60, 80], chosen="c3")
    assert found.camera is not None and found.camera.camera == "c3"
    assert found.camera.pair == ("c2", "c4")


def test_of_three_cameras_none_can_be_spared():
    found = split([0, 20, 40])
    assert found.camera is None
    assert [each.cameras for each in found.learned] == [("c0", "c2", "c1")]
    assert found.kept == [8, 9]


@pytest.mark.parametrize(("count", "share"), [(10, 1.0), (3, 0.9)])
def test_one_frame_at_least_is_learned_from(count, share):
    found = split([0, 20, 40, 60], frames=tuple(range(count)), share=share)
    assert (found.frames, found.kept) == ([0], list(range(1, count)))


def test_one_frame_is_judged_by_the_camera_alone():
    found = split([0, 20, 40, 60], frames=(7,))
    assert (found.frames, found.kept) == ([7], [])
    assert found.camera is not None


@pytest.mark.parametrize(
    ("azimuths", "options", "code"),
    [
        ([0, 20], {}, "no-camera-between"),
        ([0, 40, 80], {}, "no-camera-between"),
        ([0, 20, 40], {"frames": (0,)}, "nothing-to-judge-by"),
        ([0, 20, 40], {"share": 0.0}, "nothing-to-judge-by"),
        ([0, 20, 40], {"chosen": "c1"}, "camera-not-spared"),
        ([0, 20, 40, 60], {"chosen": "c0"}, "camera-not-spared"),
    ],
)
def test_rigs_that_cannot_be_learned_from(azimuths, options, code):
    with helpers.refuses(CaptureError, code):
        split(azimuths, **options)


def judged(before: float, after: float, lpips=(math.nan, math.nan)) -> Judged:
    return Judged("camera c, kept back", (before, after), lpips)


def test_the_verdict():
    assert objection([judged(25.0, 25.3)], 0.2) == ""
    assert (
        objection([judged(25.0, 25.3), judged(25.0, 25.1)], 0.2) == "camera c, kept back gained +0.10 dB, less than 0.2"
    )
    assert objection([judged(25.0, 25.3, (0.03, 0.04))], 0.2) == "camera c, kept back lost LPIPS"
    assert objection([judged(25.0, 25.3, (0.04, 0.03))], 0.2) == ""
    assert objection([judged(25.0, math.nan)], 0.2), "what cannot be measured is no gain"


def test_the_numbers_as_a_line():
    assert judged(25.0, 25.3).line() == "camera c, kept back: PSNR 25.00 to 25.30 dB (+0.30)"
    assert judged(25.0, 25.3, (0.04, 0.03)).line().endswith(", LPIPS 0.0400 to 0.0300")
