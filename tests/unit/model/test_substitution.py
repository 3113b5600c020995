"""benchmarks/substitution.py."""

from pathlib import Path

import torch

from posegaussian.model.stereo import StereoEstimate

BENCHMARKS = str(Path(__file__).parents[3] / "benchmarks")


def test_the_truth_replaces_a_region_alone(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from substitution import replaced

    # Padded from 5 x 6 to 8 x 8 pixels.
    found = StereoEstimate((torch.zeros(1, 2, 8, 8),), torch.full((1, 2, 4, 4), -1.0), torch.zeros(1, 2, 1, 4, 4))
    truth = torch.arange(30.0).reshape(1, 1, 5, 6).expand(1, 2, 5, 6)
    region = torch.zeros(1, 2, 5, 6, dtype=torch.bool)
    region[:, :, 1:5, 2] = True

    new = replaced(found, truth, region)

    full, half = new.disparities[-1], new.half
    assert full[0, 0, 1:5, 2].tolist() == [8, 14, 20, 26]
    assert full.sum() == 2 * (8 + 14 + 20 + 26)
    assert half[0, 1, :3, 1].tolist() == [8, 17, 26]  # 14 and 20 share a cell
    assert (half == -1).sum() == 2 * (16 - 3)
    assert found.disparities[-1].sum() == 0
