"""Erroneous mattes: areas, counts and places that are known, and the same numbers for the same seed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from posegaussian.config import MatteErrorSettings, RigSettings, RoomSettings, SensorSettings, StreamSettings
from posegaussian.data.matte_errors import draw_matte_errors, erroneous_mattes
from posegaussian.data.streamed import batch_from_sample
from posegaussian.geometry.unmixing import person_on_black
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.bake import PARTS
from posegaussian.synthetic.people.prepared_subject import prepare_subject
from posegaussian.synthetic.people.subject import Subject

SIZE, RADIUS = 512, 150
"""Of an image whose lengths are half as many pixels as the settings', and of the disc in it."""


def disc(count=2):
    at = torch.arange(SIZE) + 0.5 - SIZE / 2
    distance = (at.square() + at[:, None].square()).sqrt()
    return (RADIUS - distance + 0.5).clamp(0, 1).expand(count, -1, -1).contiguous()


def made(settings, seed=0, clips=1, frames=1, images=None, parts=None):
    masks = disc(2 * clips * frames)
    images = torch.zeros(len(masks), 3, SIZE, SIZE) if images is None else images
    parts = torch.zeros(masks.shape, dtype=torch.int32) if parts is None else parts
    random = np.random.default_rng(seed)
    errors = draw_matte_errors(random, settings, clips, frames, SIZE, torch.device("cpu"))
    return erroneous_mattes(masks, images, parts, errors)


def test_without_errors_mattes_are_exact():
    assert torch.equal(made(MatteErrorSettings()), disc())


@pytest.mark.parametrize("offset", [-6, -3, 3, 6])
def test_an_offset_changes_the_area_of_a_disc_by_a_ring(offset):
    mattes = made(MatteErrorSettings(offset=(offset, offset)))
    radius = RADIUS + offset / 2
    quarter = 0.25 * 2 * np.pi * radius  # distances are correct to a quarter of a pixel
    assert mattes.sum((1, 2)).tolist() == pytest.approx(2 * [np.pi * radius**2], abs=quarter)


def test_a_ragged_edge_has_its_deviation_and_a_soft_edge_its_width():
    ragged = made(MatteErrorSettings(ragged=(4, 4)))[0, SIZE // 2 - 100 : SIZE // 2 + 100]
    ends = ragged.sum(1) - disc()[0, SIZE // 2 - 100 : SIZE // 2 + 100].sum(1)
    assert 1 < ends.std() / 2**0.5 < 3, "two edges a row, each of 2 pixels in this image"
    row = made(MatteErrorSettings(soft=(8, 8)))[0, SIZE // 2]
    slope = row[: SIZE // 2].diff().clamp_min(0)
    at = torch.arange(len(slope)) + 1.0
    deviation = ((slope * (at - (slope * at).sum()).square()).sum()).sqrt()
    assert float(deviation) == pytest.approx(4, rel=0.1)


def test_holes_are_counted():
    for seed in range(3):
        lost = (disc() - made(MatteErrorSettings(holes=(3, 3)), seed)) > 0.5
        for hole in lost:
            pieces = cv2.connectedComponents(hole.numpy().astype(np.uint8))[1]
            areas = np.bincount(pieces.flatten())[1:]
            assert 1 <= (areas > 4).sum() <= 3, "holes may touch; the noise at their edges leaves single pixels"
            assert np.pi * 2**2 < areas.sum() < 3 * np.pi * (1.3 * 10) ** 2


def test_leaks_lie_beside_the_person_and_have_one_colour():
    images = torch.zeros(2, 3, SIZE, SIZE)
    images[:, :, :, SIZE // 2 :] = 0.8
    images[:, :, ::16] += 0.1
    more = made(MatteErrorSettings(leaks=(4, 4)), images=images) - disc()
    for leaks in more > 0.5:
        rows, columns = leaks.nonzero().unbind(1)
        assert len(rows) > 50
        away = ((rows + 0.5 - SIZE / 2).square() + (columns + 0.5 - SIZE / 2).square()).sqrt() - RADIUS
        assert away.min() > -1 and away.max() < 20 + 24, "the largest radius, and three cells"
    assert (more >= 0).all()


def test_lost_hands_and_feet_are_those_of_the_truth():
    parts = torch.zeros(2, SIZE, SIZE, dtype=torch.int32)
    boxes = {"left_hand": 160, "right_hand": 220, "left_foot": 280, "right_foot": 340, "head": 250}
    for number, (name, row) in enumerate(boxes.items()):
        parts[:, row : row + 20, 200 + 20 * number : 220 + 20 * number] = PARTS.index(name)
    everything = made(MatteErrorSettings(lost=1.0), parts=parts)
    limbs = (parts > 0) & (parts != PARTS.index("head"))
    assert not everything[limbs].any() and (everything[parts == PARTS.index("head")] == 1).all()
    assert (disc() - everything).sum() == pytest.approx(2 * 4 * 24 * 24), "with two pixels around each"
    shares = [
        float(made(MatteErrorSettings(lost=0.25), seed, parts=parts)[limbs].eq(0).float().mean()) for seed in range(40)
    ]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.08)


def test_errors_follow_the_seed_and_stay_or_change_in_a_clip():
    every = MatteErrorSettings(offset=(-6, 6), ragged=(0, 3), soft=(0, 4), holes=(0, 4), lost=0.2)
    one, again, other = (made(every, seed, 2, 2) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    first, second = one.unflatten(0, (2, 2, 2)).unbind(1)
    assert torch.equal(first, second), "constant"
    first, second = made(replace(every, changing=1.0), 1, 2, 2).unflatten(0, (2, 2, 2)).unbind(1)
    assert all(not torch.equal(a, b) for a, b in zip(first.flatten(0, 1), second.flatten(0, 1), strict=True))
    assert torch.equal(made(replace(every, exact=1.0), 1, 2, 2), disc(8))


def test_the_stream_keeps_the_truth_and_changes_what_the_network_sees():
    subject = Subject.of(prepare_subject(1002, StreamSettings().people, 4, 30, 0.008))
    level = RigSettings(pitch=(0.0, 20.0), above=(0.0, 5.0), vertical=0.0)
    settings = StreamSettings(
        size=(128, 128), target_size=(32, 32), rig=level, sensor=SensorSettings(), room=RoomSettings(kinds=("office",))
    )
    sample = render_clip(subject, np.random.default_rng(5), settings, 1)
    model = read_error_model("package:errors.json")

    def batch(filmed=True, **changes):
        return batch_from_sample(
            sample, 1, model, np.random.default_rng(0), matte=MatteErrorSettings(**changes), filmed=filmed
        )

    exact, wide = batch(), batch(offset=(8, 8))
    assert sample.surroundings is not None and wide.coverage is not None and exact.coverage is not None
    assert torch.equal(exact.pair.masks, sample.pair.masks) and torch.equal(exact.coverage, wide.coverage)
    assert torch.equal(exact.disparity, wide.disparity) and torch.equal(exact.target, wide.target)
    assert torch.equal(wide.coverage[:, :, None], sample.pair.masks) and (wide.pair.masks >= exact.pair.masks).all()
    inside = (wide.pair.masks > 0).expand_as(wide.pair.images)
    assert torch.equal(wide.pair.images[inside], sample.surroundings.images[inside])
    assert (wide.pair.images == 0).all(2).float().mean() > 0.2
    black = batch(filmed=False, offset=(8, 8))
    torch.testing.assert_close(black.pair.images, person_on_black(sample.surroundings.images, black.pair.masks))
    assert torch.equal(black.pair.masks, wide.pair.masks)
