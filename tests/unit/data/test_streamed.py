"""The stream's variants: which step has which, and what a variant changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.config import (
    GPS_GAUSSIAN,
    PeopleSettings,
    SensorSettings,
    StreamSettings,
    StreamVariantSettings,
    TrainSettings,
)
from posegaussian.data.streamed import StreamedBatches
from posegaussian.synthetic.dataset import stream as streaming

LARGE = StreamVariantSettings(share=0.25, batch_size=2, size=(96, 64), rig=GPS_GAUSSIAN, sensor=SensorSettings())
SETTINGS = TrainSettings(
    batch_size=4,
    frames=2,
    stream=1.0,
    synthetic=StreamSettings(size=(64, 64), target_size=(48, 48), pool=1, lifetime=1000, workers=0),
    stream_variants=(LARGE, StreamVariantSettings(share=0.25, target_size=(32, 32), frames=4, still=1.0)),
)


def steps_of(stage="full", settings=SETTINGS, rank=0):
    return StreamedBatches(stage, settings, torch.device("cpu"), rank)


def test_variants_have_their_shares_and_all_ranks_agree():
    one, other = (steps_of(rank=rank) for rank in range(2))
    drawn = [one.variant(step) for step in range(2000)]
    assert drawn == [other.variant(step) for step in range(2000)]
    assert np.allclose(np.bincount(drawn) / 2000, [0.25, 0.25, 0.5], atol=0.03)
    assert one.seed != other.seed
    assert {steps_of(settings=replace(SETTINGS, stream_variants=())).variant(index) for index in range(9)} == {0}


@pytest.fixture
def one_person(monkeypatch):
    """The same prepared person for every seed."""
    prepare_subject, made = streaming.prepare_subject, {}

    def once(seed, people: PeopleSettings, frames, fps, texel):
        return (
            made.setdefault(0, None) or made.update({0: prepare_subject(1000, people, frames, fps, texel)}) or made[0]
        )

    monkeypatch.setattr(streaming, "prepare_subject", once)


def test_a_variant_changes_what_it_names(one_person):
    steps = steps_of()
    large, small, plain = (next(i for i in range(99) if steps.variant(i) == number) for number in range(3))
    assert (steps[large].width, len(steps[large].target), steps[large].target.shape[-1]) == (96, 2, 48)
    assert (steps[small].width, len(steps[small].target), steps[small].target.shape[-1]) == (64, 4, 32)
    assert (steps[plain].width, len(steps[plain].target), steps[plain].target.shape[-1]) == (64, 4, 48)
    assert [steps[index].frames for index in (large, small, plain)] == [2, 4, 2]
    assert (steps[small].disparity == steps[small].disparity[:1]).all(), "a variant of people who stand still"
    assert torch.equal(steps[large].pair.images, steps[large].pair.images)
    depth = steps_of("depth")
    assert depth[large].target.shape[-2:] == (16, 16) and depth[large].pair.images.shape[-2] == 64
