"""Scalars of training steps, read late."""

import torch

from posegaussian.data.captured import Captures
from posegaussian.training.scalars import DeferredScalars


def test_scalars_are_read_in_order_a_step_late(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    batch = captures.read(captures.clips[0], 0)
    scalars = DeferredScalars(lag=1, world=1)
    read = []
    for step in range(1, 4):
        means = scalars.add(step, {"loss": torch.tensor(step / 2), "epe": torch.tensor(1.0)}, batch, 9.0, 1e-3)
        assert means["loss"] == step / 2
        read.append([each.step for each in scalars.read()])
    assert read == [[], [1], [2]]
    (last,) = scalars.read(everything=True)
    assert (last.step, last.values, last.limit, last.learning_rate) == (3, {"loss": 1.5, "epe": 1.0}, 9.0, 1e-3)
    assert scalars.read(everything=True) == [] and last.batch is batch
