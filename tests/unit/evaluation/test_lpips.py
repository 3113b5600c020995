"""LPIPS against torchmetrics' own network, with random backbone weights in both."""

import hashlib
import math

import helpers
import pytest
import torch
import torchmetrics.functional.image.lpips as published
from torch import nn

from posegaussian.errors import WeightsError
from posegaussian.evaluation import lpips as lpips_module
from posegaussian.evaluation.lpips import ALEXNET, load_lpips


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Random AlexNet weights under a name that carries their sha256."""
    shapes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    state = {"classifier.1.weight": torch.zeros(2, 2)}
    for layer, (out, into, side) in shapes.items():
        state[f"features.{layer}.weight"] = torch.randn(out, into, side, side) / (into * side * side) ** 0.5
        state[f"features.{layer}.bias"] = 0.1 * torch.randn(out)
    path = tmp_path / ALEXNET
    torch.save(state, path)
    name = f"alexnet-owt-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    monkeypatch.setattr(lpips_module, "ALEXNET", name)
    path.rename(tmp_path / name)
    return tmp_path


def test_equals_torchmetrics(folder, monkeypatch):
    ours = load_lpips(folder)
    layers = nn.Sequential(*ours.features, nn.MaxPool2d(3, 2))
    monkeypatch.setattr(published, "_get_tv_model_features", lambda *_, **__: layers)
    theirs = published._LPIPS(net="alex", pnet_rand=True)
    for shape in ((3, 64, 64), (3, 97, 131)):
        image, truth = torch.rand(shape), torch.rand(shape)
        expected = float(theirs(image[None], truth[None], normalize=True))
        assert expected > 1e-3
        assert ours(image, truth) == pytest.approx(expected, rel=1e-4)
        assert ours(truth, truth) == 0


def test_too_small_images_have_no_value(folder):
    assert math.isnan(load_lpips(folder)(torch.rand(3, 62, 90), torch.rand(3, 62, 90)))
    assert math.isfinite(load_lpips(folder)(torch.rand(3, 63, 63), torch.rand(3, 63, 63)))


def test_missing_and_foreign_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match=ALEXNET):
        load_lpips(tmp_path)
    (tmp_path / ALEXNET).write_bytes(b"something else")
    with helpers.refuses(WeightsError, "foreign-weights", file=tmp_path / ALEXNET):
        load_lpips(tmp_path)
