"""Rectification on a device gives what that in compiled code on the CPU gives, up to rounding."""

from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch

from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.rectification import CameraFrame, rectify_person
from posegaussian.preparation.rectification_plan import PairPlan, plan_rectification

LENSES = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in zip(("00", "01"), (-15, 15), strict=True)}


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture") / "c"
    helpers.write_sphere_capture(folder, cameras=LENSES, samples=3, depths=False)
    return read_capture(folder)


def both(capture, plan, frame):
    """The person on black and the mask of both views: by the device's functions, and by the CPU's."""
    found = DeviceRectifier(plan, torch.device("cpu"))(
        [torch.from_numpy(frame[name].image) for name in plan.names],
        [torch.from_numpy(frame[name].mask) for name in plan.names],
    )
    expected = [rectify_person(view, frame[view.name]) for view in plan.views]
    stacked = [np.stack(each).astype(int) for each in zip(*expected, strict=True)]
    alone, masks = (each.numpy().astype(int) for each in found)
    return [alone.transpose(0, 2, 3, 1), masks], stacked


@pytest.mark.parametrize("side", [48, 128], ids=["reduced", "enlarged"])
@pytest.mark.parametrize("matched", [False, True])
def test_it_agrees_with_the_cpu(capture, side, matched):
    (plan,) = plan_rectification(capture, [("00", "01")], capture.frames, RectifySettings(size=(side, side))).pairs
    if matched:
        color = np.array([[1.1, 0.02, 0, 0.01], [0, 0.9, 0.03, 0], [0.01, 0, 1.2, -0.01]])
        plan = PairPlan((replace(plan.views[0], color=color), plan.views[1]))
    generator = np.random.default_rng(0)
    frame = {}
    for name in plan.names:
        image, mask = capture.image(name, 0), capture.mask(name, 0)
        noise = generator.integers(0, 60, image.shape, np.uint8)  # a background, and texture on the person
        frame[name] = CameraFrame(np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8), mask)
    (alone, masks), (expected, coverage) = both(capture, plan, frame)
    assert ((masks > 0) & (masks < 255)).any() and expected.any()
    assert abs(masks - coverage).max() <= 1 and abs(alone - expected).max() <= 1
    assert (alone != expected).mean() < 0.01 and (masks != coverage).mean() < 0.01


def test_an_image_without_a_person_is_black(capture):
    (plan,) = plan_rectification(capture, [("00", "01")], capture.frames, RectifySettings(size=(48, 48))).pairs
    frame = {n: CameraFrame(capture.image(n, 0), np.zeros_like(capture.mask(n, 0))) for n in plan.names}
    (alone, masks), _ = both(capture, plan, frame)
    assert not alone.any() and not masks.any()
