"""Batches are made in the background, and errors reach the step that needs the batch."""

import threading

import pytest
import torch

from posegaussian.data.captured import Captures
from posegaussian.data.prefetching import BatchSource, Prefetcher


class Recorder(BatchSource):
    """The same batch for all steps, and an error for step 7; records what is asked of it."""

    def __init__(self, batch):
        self.batch, self.asked, self.threads, self.closed = batch, [], set(), False

    def __getitem__(self, index):
        self.asked.append(index)
        self.threads.add(threading.get_ident())
        if index == 7:
            raise OSError("lost")
        return self.batch

    def close(self):
        self.closed = True


@pytest.fixture
def batch(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    return captures.read(captures.clips[0], 0)


def test_batches_are_made_in_the_background(batch):
    source = Recorder(batch)
    prefetcher = Prefetcher(source, None, 0.0, 0, torch.device("cpu"), rank=1, world=2)
    prefetcher.start(0)
    prefetcher.wait()
    assert source.asked == [1]
    for step in (0, 1):
        assert torch.equal(prefetcher.take(step).target, batch.target)
    prefetcher.close()
    assert source.asked == [1, 3] and source.closed
    assert threading.get_ident() not in source.threads and len(source.threads) == 1


def test_an_error_in_the_background_is_raised_for_its_step(batch):
    prefetcher = Prefetcher(Recorder(batch), None, 0.0, 0, torch.device("cpu"))
    prefetcher.start(7)
    prefetcher.wait()
    assert prefetcher.take(6)
    with pytest.raises(OSError, match="lost"):
        prefetcher.take(7)
    prefetcher.close()
