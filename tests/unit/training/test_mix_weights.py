"""`tools/mix_weights.py`: the mean of weights files, and what its metadata says."""

import json
import sys
from pathlib import Path

import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, read_metadata, save_weights

ROOT = Path(__file__).parents[3]


@pytest.fixture
def files(tmp_path):
    """Two files whose weights are all 1 and all 3, the second trained longer."""
    paths = [tmp_path / "before.safetensors", tmp_path / "after.safetensors"]
    for path, value, runs in zip(paths, (1.0, 3.0), (["a"], ["a", "b"]), strict=True):
        network = PoseGaussian(NetworkSettings())
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, value)
        save_weights(network, path, {"history": json.dumps(runs), "averaged": json.dumps({path.stem: {"x": 1.0}})})
    return paths


def mix(monkeypatch, *words):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import mix_weights  # pyright: ignore[reportMissingImports]

    monkeypatch.setattr(sys, "argv", ["mix_weights.py", *map(str, words)])
    mix_weights.main()


def test_the_mean_has_the_shares_of_each_file_and_says_so(files, tmp_path, monkeypatch):
    output = tmp_path / "mean.safetensors"
    mix(monkeypatch, *files, "--shares", 0.25, 0.75, "--name", "start of run 3", "-o", output)
    network = load_network(output)
    assert all(torch.equal(value, torch.full_like(value, 2.5)) for value in network.parameters())
    found = read_metadata(output)
    assert json.loads(found["history"]) == ["a", "b"]
    assert json.loads(found["averaged"]) == {
        "before": {"x": 1.0},
        "after": {"x": 1.0},
        "start of run 3": {"before": 0.25, "after": 0.75},
    }


def test_shares_that_do_not_fit_are_refused(files, tmp_path, monkeypatch, capsys):
    for shares in ([1.0], [0.5, 0.6]):
        with pytest.raises(SystemExit):
            mix(monkeypatch, *files, "--shares", *shares, "--name", "mean", "-o", tmp_path / "mean.safetensors")
        assert "a sum of 1" in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()
