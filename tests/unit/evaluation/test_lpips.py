"""LPIPS against torchmetrics' own networks, with random weights in both."""

import helpers
import pytest
import torch
import torchmetrics.functional.image.lpips as published
from safetensors.torch import save_file
from torch import nn

from posegaussian.errors import WeightsError
from posegaussian.evaluation import lpips
from posegaussian.evaluation.lpips import Lpips, load_lpips


def random_weights(network):
    torch.manual_seed(0)
    found = {}
    for name, shape in lpips.weight_shapes(network).items():
        spread = 1 / torch.tensor(shape[1:]).prod().sqrt() if len(shape) == 4 else 0.1
        found[name] = torch.randn(shape) * spread if name.startswith("conv") else torch.rand(shape)
    return found


def torchvision_like(network, weights):
    """The layers of torchvision's network, with the given weights."""
    layers, before = [], 3
    for place, (channels, size, stride, padding) in enumerate(lpips.CONVOLUTIONS[network]):
        if place in lpips.POOLED_BEFORE[network]:
            layers.append(nn.MaxPool2d(3 if network == "alex" else 2, 2))
        layer = nn.Conv2d(before, channels, size, stride, padding)
        layer.load_state_dict({kind: weights[f"conv{place}.{kind}"] for kind in ("weight", "bias")})
        layers += [layer, nn.ReLU()]
        before = channels
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_equals_torchmetrics(network, monkeypatch):
    weights = random_weights(network)
    ours = Lpips(network, weights)
    layers = torchvision_like(network, weights)
    monkeypatch.setattr(published, "_get_tv_model_features", lambda *_, **__: layers)
    theirs = published._LPIPS(net=network, pretrained=False, pnet_rand=True).eval()
    for place, layer in enumerate(theirs.lins):
        layer.model[-1].weight.data = weights[f"linear{place}"].reshape(1, -1, 1, 1)
    for shape in ((3, 64, 64), (3, 97, 131)):
        image, truth = torch.rand(shape), torch.rand(shape)
        expected = float(theirs(image[None], truth[None], normalize=True))
        assert expected > 1e-3
        assert ours(image, truth) == pytest.approx(expected, rel=1e-4)
        assert ours(truth, truth) == 0


def test_the_features_of_the_truth_are_those_of_this_truth():
    """They are kept for the next image, and must not outlive their view."""
    metric = Lpips("alex", random_weights("alex"))
    image, truth, other = (torch.rand(3, 64, 64) for _ in range(3))
    first, second = metric(image, truth), metric(image, other)
    assert first != second and metric(image, truth) == first
    truth[:] = other
    assert metric(image, truth) == pytest.approx(second, rel=1e-6)


def test_weights_are_read_and_foreign_ones_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="fetch lpips"):
        load_lpips("alex", tmp_path)
    path = tmp_path / lpips.file_name("alex")
    weights = random_weights("alex")
    save_file(weights, path)
    image, truth = torch.rand(3, 64, 64), torch.rand(3, 64, 64)
    assert load_lpips("alex", tmp_path)(image, truth) == pytest.approx(Lpips("alex", weights)(image, truth), rel=1e-4)
    path.rename(tmp_path / lpips.file_name("vgg"))
    with helpers.refuses(WeightsError, "foreign-weights", file=tmp_path / lpips.file_name("vgg")):
        load_lpips("vgg", tmp_path)
    path.write_bytes(b"something else")
    with helpers.refuses(WeightsError, "unreadable-weights", file=path):
        load_lpips("alex", tmp_path)
