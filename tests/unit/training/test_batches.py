"""Batches made ahead, and numbers read late."""

import threading

import pytest
import torch

from posegaussian.data.captured import Captures
from posegaussian.data.prefetching import BatchSource, Prefetcher
from posegaussian.training.scalars import Numbers


class Noted(BatchSource):
    """One clip for all steps; step 7 is lost."""

    def __init__(self, clip):
        self.clip, self.asked, self.threads, self.closed = clip, [], set(), False

    def __getitem__(self, index):
        self.asked.append(index)
        self.threads.add(threading.get_ident())
        if index == 7:
            raise OSError("lost")
        return self.clip

    def close(self):
        self.closed = True


@pytest.fixture
def clip(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    return captures.read(captures.places[0], 0)


def test_batches_are_made_ahead_by_a_thread(clip):
    steps = Noted(clip)
    batches = Prefetcher(steps, None, 0.0, 0, torch.device("cpu"), rank=1, world=2)
    batches.start(0)
    batches.wait()
    assert steps.asked == [1]
    for step in (0, 1):
        assert torch.equal(batches.take(step).target, clip.target)
    batches.close()
    assert steps.asked == [1, 3] and steps.closed
    assert threading.get_ident() not in steps.threads and len(steps.threads) == 1


def test_what_goes_wrong_ahead_is_said_when_its_step_comes(clip):
    batches = Prefetcher(Noted(clip), None, 0.0, 0, torch.device("cpu"))
    batches.start(7)
    batches.wait()
    assert batches.take(6)
    with pytest.raises(OSError, match="lost"):
        batches.take(7)
    batches.close()


def test_numbers_come_back_in_order_a_step_late(clip):
    numbers = Numbers(lag=1, world=1)
    read = []
    for step in range(1, 4):
        means = numbers.add(step, {"loss": torch.tensor(step / 2), "epe": torch.tensor(1.0)}, clip, 9.0, 1e-3)
        assert means["loss"] == step / 2
        read.append([told.step for told in numbers.read()])
    assert read == [[], [1], [2]]
    (last,) = numbers.read(everything=True)
    assert (last.step, last.values, last.limit, last.rate) == (3, {"loss": 1.5, "epe": 1.0}, 9.0, 1e-3)
    assert numbers.read(everything=True) == [] and last.batch is clip
