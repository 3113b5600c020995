"""Rectification on a device gives what that in compiled code on the CPU gives, up to rounding."""

from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch

from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.geometry.compositing import band_around, person_on_black, with_background
from posegaussian.preparation.device_band import as_filmed, near_person
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.rectification import CameraFrame, rectify_pair, rectify_person
from posegaussian.preparation.rectification_plan import PairPlan, plan_rectification

LENSES = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in zip(("00", "01"), (-15, 15), strict=True)}


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture") / "c"
    helpers.write_sphere_capture(folder, cameras=LENSES, samples=3, depths=False)
    return read_capture(folder)


def both(capture, plan, frame, filmed, given=True):
    """Images and masks of both views: by the device's functions, and by the CPU's."""
    found = DeviceRectifier(plan, torch.device("cpu"), filmed, (given, given))(
        [torch.from_numpy(frame[name].image) for name in plan.names],
        [torch.from_numpy(frame[name].mask) for name in plan.names],
    )
    if filmed:
        pair = rectify_pair(plan, *(frame[name] for name in plan.names))
        expected = pair.images, pair.masks
    else:
        people = zip(*(rectify_person(view, frame[view.name]) for view in plan.views), strict=True)
        expected = tuple(np.stack(each) for each in people)
    images, masks = (each.numpy() for each in found)
    return (images.transpose(0, 2, 3, 1), masks), expected


def apart(one, other):
    return abs(one.astype(int) - other)


@pytest.mark.parametrize("side", [48, 128], ids=["reduced", "enlarged"])
@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize(
    ("filmed", "given"), [(False, True), (True, True), (True, False)], ids=["on black", "as filmed", "found"]
)
def test_it_agrees_with_the_cpu(capture, side, matched, filmed, given):
    (plan,) = plan_rectification(capture, [("00", "01")], capture.frames, RectifySettings(size=(side, side))).pairs
    if matched:
        color = np.array([[1.1, 0.02, 0, 0.01], [0, 0.9, 0.03, 0], [0.01, 0, 1.2, -0.01]])
        plan = PairPlan((replace(plan.views[0], color=color), plan.views[1]))
    generator = np.random.default_rng(0)
    frame = {}
    for name in plan.names:
        image, mask = capture.image(name, 0), capture.mask(name, 0)
        noise = generator.integers(0, 60, image.shape, np.uint8)  # a background, and texture on the person
        image = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
        frame[name] = CameraFrame(image, mask, confidence=None if given else 1.0)
    (images, masks), (expected, coverage) = both(capture, plan, frame, filmed, given)
    assert ((masks > 0) & (masks < 255)).any() and ((expected.max(-1) > 0) & (coverage == 0)).any() == filmed
    assert apart(masks, coverage).max() <= 1 and (masks != coverage).mean() < 0.01
    alone, expected_alone = person_on_black(images, masks), person_on_black(expected, coverage)
    assert apart(alone, expected_alone).max() <= 1 and (alone != expected_alone).mean() < 0.01
    if not matched or side > 96:  # the CPU matches colours in the source's band, narrower than the least one at 48 px
        # Soft pixels that have no background nearby are divided by their coverage, and so are their roundings.
        near = images[masks == coverage], expected[masks == coverage]
        assert (near[0] != near[1]).mean() < 0.02 and (apart(*near) > 2).mean() < 1e-3


@pytest.mark.parametrize("filmed", [False, True], ids=["on black", "as filmed"])
def test_an_image_without_a_person_is_black(capture, filmed):
    (plan,) = plan_rectification(capture, [("00", "01")], capture.frames, RectifySettings(size=(48, 48))).pairs
    frame = {n: CameraFrame(capture.image(n, 0), np.zeros_like(capture.mask(n, 0))) for n in plan.names}
    (images, masks), _ = both(capture, plan, frame, filmed)
    assert not images.any() and not masks.any()


def ellipses(heights, height=210, width=170, soft=3.0):
    """Masks with soft edges, of people so tall; levels of 8 bits."""
    y, x = np.mgrid[:height, :width]
    radii = np.array(heights, float)[:, None, None] / 2
    distance = np.hypot((y - height / 2 + 0.5) / radii, (x - width / 3) / (radii / 2)) - 1
    return np.rint(255 * np.clip(0.5 - distance * radii / soft, 0, 1)).astype(np.uint8)


def test_the_band_is_that_of_the_cpu():
    masks = ellipses((20, 150, 175, 209, 400))  # less than the least band, whole numbers of pixels, beyond the image
    masks[0, 3, 160] = 40  # a speck that is no person
    found = near_person(torch.from_numpy(masks)).numpy()
    assert (found == np.stack([band_around(mask) for mask in masks])).all()
    faint = np.minimum(masks, 100)
    assert (near_person(torch.from_numpy(faint)).numpy() == (faint > 0)).all()


def test_soft_pixels_get_their_background_back_to_the_level():
    generator = np.random.default_rng(0)
    masks = ellipses((60, 150))
    masks[:, 80:120, 40:70] = generator.integers(1, 255, (2, 40, 30))  # soft pixels without background nearby
    filmed = generator.integers(0, 256, (*masks.shape, 3)).astype(np.uint8)
    person = np.minimum(generator.integers(0, 256, filmed.shape), masks[..., None]).astype(np.uint8)
    channels = [torch.from_numpy(each).movedim(-1, 1) for each in (person, filmed)]
    exact = (True, False)
    found = as_filmed(channels[0], channels[1], torch.from_numpy(masks), exact).movedim(1, -1).numpy()
    for image, alone, seen, mask, kept in zip(found, person, filmed, masks, exact, strict=True):
        assert (image == with_background(alone, seen * band_around(mask)[..., None], mask, kept)).all()
    assert (person_on_black(found[0], masks[0])[masks[0] < 255] == person[0][masks[0] < 255]).mean() > 0.99
