"""Mattes that the networks of the stage `people` find in images of the stream."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.config import MatteErrorSettings, RigSettings, RoomSettings, SensorSettings, StreamSettings
from posegaussian.data.found_mattes import MatteFinder
from posegaussian.data.streamed import batch_from_sample
from posegaussian.pose.detector_noise import read_error_model
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.dataset.sample import concatenate
from posegaussian.synthetic.people.prepared_subject import prepare_subject
from posegaussian.synthetic.people.subject import Subject

CPU = torch.device("cpu")
FOUND = MatteErrorSettings(offset=(6, 6), found=1.0)
"""The errors would be seen if a found matte had them, too."""


@pytest.fixture(scope="module")
def finder():
    return MatteFinder(CPU)


OFFICE = StreamSettings(
    size=(256, 256),
    target_size=(32, 32),
    rig=RigSettings(pitch=(0.0, 20.0), above=(0.0, 5.0), vertical=0.0),
    sensor=SensorSettings(),
    room=RoomSettings(kinds=("office",), people=(0, 0), before=0),
)


@pytest.fixture(scope="module")
def person():
    return Subject.of(prepare_subject(1002, StreamSettings().people, 4, 30, 0.008))


def clip(person, settings=OFFICE):
    """Two frames of one person."""
    return render_clip(person, np.random.default_rng(5), settings, 2)


def mattes(sample, settings, finder, frames=2, seed=0):
    random, model = np.random.default_rng(seed), read_error_model("package:errors.json")
    batch = batch_from_sample(sample, frames, model, random, matte=settings, filmed=True, finder=finder)
    assert batch.coverage is not None and torch.equal(batch.coverage[:, :, None], sample.pair.masks), "the truth stays"
    return batch.pair.masks


def test_found_mattes_are_near_the_truth_and_not_the_truth(person, finder):
    sample = clip(person)
    found, truth = mattes(sample, FOUND, finder).flatten(0, 2), sample.pair.masks.flatten(0, 2)
    for one, exact in zip(found > 0.5, truth > 0.5, strict=True):
        assert 0.85 < (one & exact).sum() / (one | exact).sum() < 1
    assert torch.equal(found, mattes(sample, FOUND, finder).flatten(0, 2)), "the same for the same images"


def test_the_truth_is_kept_where_nobody_is_found(finder):
    truth = torch.zeros(1, 64, 64)
    truth[:, 20:40, 25:35] = 1
    grey, joints = torch.full((1, 3, 64, 64), 0.5), torch.rand(1, 17, 2) * 10 + 25
    assert torch.equal(finder(grey, joints, truth), truth)


def test_without_a_room_mattes_have_the_other_errors(person, finder):
    sample = clip(person, replace(OFFICE, room=RoomSettings()))
    assert sample.surroundings is None
    assert torch.equal(mattes(sample, FOUND, finder), mattes(sample, replace(FOUND, found=0.0), None))


class Empty(MatteFinder):
    """Finds mattes without anybody, and counts the images."""

    def __init__(self):
        self.images = 0

    def __call__(self, images, joints, truth):
        self.images += len(images)
        return torch.zeros_like(truth)


def test_all_frames_of_a_clip_are_found_or_none(person):
    clips, finder = concatenate([clip(person)] * 8), Empty()
    given = mattes(clips, MatteErrorSettings(found=0.5), finder).flatten(1).amax(1).reshape(8, 2)
    assert torch.equal(given[:, 0], given[:, 1])
    found = int((given[:, 0] == 0).sum())
    assert 0 < found < 8 and finder.images == 4 * found
