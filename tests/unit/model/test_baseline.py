"""The network of GPS-Gaussian's class and the comparison of variants, both of benchmarks/."""

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.geometry.projection import pixel_grid, project
from posegaussian.training.stopping import Clock
from posegaussian.types import StereoPair

BENCHMARKS = str(Path(__file__).parents[3] / "benchmarks")


@pytest.fixture
def make_baseline(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from baseline_network import BaselineModel

    torch.manual_seed(0)
    return lambda: BaselineModel(NetworkSettings(pose="none", stabilizer=False)).eval()


def joined(*pairs: StereoPair) -> StereoPair:
    cameras = type(pairs[0].cameras)(
        torch.cat([pair.cameras.intrinsics for pair in pairs]),
        torch.cat([pair.cameras.world_to_camera for pair in pairs]),
        pairs[0].cameras.width,
        pairs[0].cameras.height,
    )
    return StereoPair(torch.cat([p.images for p in pairs]), torch.cat([p.masks for p in pairs]), cameras)


@torch.no_grad()
def test_the_search_starts_where_the_silhouettes_meet(make_baseline, make_plane):
    network, pair = make_baseline(), make_plane(48, 64, disparity=9)
    torch.nn.init.zeros_(network.stereo.delta_head[-1].weight)
    torch.nn.init.zeros_(network.stereo.delta_head[-1].bias)

    result = network(pair)

    torch.testing.assert_close(result.disparity, torch.full((1, 2, 48, 64), 9.0), atol=1e-3, rtol=0)
    for view in range(2):
        camera = pair.cameras[0, view]
        means = result.gaussians.means.unflatten(1, (2, -1))[0, view]
        used = result.gaussians.opacities.unflatten(1, (2, -1))[0, view] > 0
        torch.testing.assert_close(used, pair.masks[0, view].flatten() > 0)
        pixels = pixel_grid(48, 64, like=means).flatten(0, 1)
        torch.testing.assert_close(project(means[used], camera)[0], pixels[used], atol=1e-2, rtol=0)


@torch.no_grad()
def test_pairs_of_a_batch_do_not_mix(make_baseline, make_plane):
    network, pairs = make_baseline(), [make_plane(44, 60, disparity, seed=disparity) for disparity in (4, 9)]

    together = network(joined(*pairs)).disparity

    alone = torch.cat([network(pair).disparity for pair in pairs])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)
    assert together.shape == (2, 2, 44, 60)


def test_all_of_it_learns(make_baseline, make_plane):
    network = make_baseline().train()

    result = network(make_plane(48, 64, disparity=9))
    losses = [disparity.square().mean() for disparity in result.disparities]
    gaussians = result.gaussians
    attributes = gaussians.quaternions.square() @ torch.arange(4.0) + gaussians.scales.sum(-1) + gaussians.opacities
    (torch.stack(losses).sum() + attributes.sum()).backward()

    assert len(result.disparities) == network.stereo.iterations
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_differences_are_paired(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "ablation_metrics", raising=False)
    from ablation_metrics import differences, table

    values = {"first": [1.0, 5.0, 3.0], "second": [2.0, 6.5, 3.5]}
    rows = [
        {
            "variant": name,
            "rigs": {"22.5": {"epe": sum(own) / 3}, "all": {"epe": sum(own) / 3}},
            "values": {"22.5": {"epe": own}, "all": {"epe": own}},
        }
        for name, own in values.items()
    ]

    assert "| second | 22.5 | 4 |" in table(rows)
    # +1, +1.5, +0.5: standard deviation 0.5, standard error 0.5 / sqrt(3)
    assert "| second - first | 22.5 | +1.00 ± 0.29 |" in differences(rows)


@pytest.mark.parametrize(("done", "waits"), [(5, False), (6, True)])
def test_no_variant_runs_ahead_of_the_slowest(monkeypatch, tmp_path, done, waits):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from ablations import AHEAD, PacedTrainer, Trainer

    args = Namespace(output=tmp_path, variants=["fast", "slow"], steps=(9, 9))
    counts = np.memmap(tmp_path / "steps", np.int64, "w+", shape=2)
    pauses, taken = [], []

    def pause(_):
        pauses.append(True)
        counts[1] += 1  # The slow one takes a step meanwhile.

    monkeypatch.setattr("ablations.time.sleep", pause)
    monkeypatch.setattr(Trainer, "step", lambda self, stop=False: taken.append(self.done))
    trainer = object.__new__(PacedTrainer)
    trainer.phase, trainer.done, trainer.clock = "depth", done, Clock(None)
    trainer.join(args, "fast")

    trainer.step()

    assert AHEAD == 5 and taken == [done]
    assert bool(pauses) == waits
    assert counts.tolist() == [done, done - AHEAD]
