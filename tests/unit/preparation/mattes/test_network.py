"""The matting network: its shapes, its input, and its weights on disk."""

import helpers
import pytest
import torch

from posegaussian.errors import WeightsError
from posegaussian.model.unet import STRIDE
from posegaussian.preparation.mattes.network import MattingNetwork, bone_map, network_input
from posegaussian.preparation.mattes.network_weights import load_matting_network, write_matting_network


@pytest.fixture
def trained():
    """A network whose normalisation has seen something."""
    torch.manual_seed(0)
    network = MattingNetwork().train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 5, 2 * STRIDE, 3 * STRIDE))
    return network.eval()


def test_merged_weights_give_the_same_logits(trained, tmp_path):
    write_matting_network(tmp_path / "weights.safetensors", trained, {"steps": "3"})
    merged = load_matting_network(tmp_path / "weights.safetensors")
    seen = torch.rand(1, 5, STRIDE, 2 * STRIDE)
    assert not [module for module in merged.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        torch.testing.assert_close(merged(seen), trained(seen), atol=2e-3, rtol=2e-3)  # half precision on disk


def test_the_same_weights_give_the_same_bytes(trained, tmp_path):
    for name in ("a", "b"):
        write_matting_network(tmp_path / name, trained, {"steps": "3", "windows": "5"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", [b"", b"no weights", None])
def test_other_files_are_refused(damage, tmp_path):
    path = tmp_path / "weights.safetensors"
    code = "unreadable-network"
    if damage is not None:
        path.write_bytes(damage)
        code = "unreadable-weights"
    with helpers.refuses(WeightsError, code):
        load_matting_network(path)


def test_bones_are_drawn_between_landmarks():
    points = torch.zeros(1, 33, 2)
    points[0, 11], points[0, 13] = torch.tensor([20.0, 40.0]), torch.tensor([100.0, 40.0])  # left shoulder, elbow
    visibility = torch.zeros(1, 33)
    visibility[0, [11, 13]] = torch.tensor([1.0, 0.6])
    bones = bone_map(points, visibility, 200.0, 32, 32)[0, 0]
    assert bones[9, 15] == pytest.approx(0.6, abs=0.05)  # the centre of the cell is 2 px from the bone
    assert bones[9, 31] < 0.05 and bones[20, 15] < 1e-3


@pytest.mark.parametrize(("height", "width"), [(96, 64), (32, 128), (128, 128)])
@torch.no_grad()
def test_what_lies_outside_the_area_does_not_matter(trained, height, width):
    whole = torch.zeros(1, 5, 128, 128)
    part = whole[..., :height, :width] = torch.rand(1, 5, height, width, generator=torch.Generator().manual_seed(4))
    found = trained.eval()(whole, torch.tensor([height, width]))[..., :height, :width]
    assert torch.allclose(found, trained(part.contiguous()), atol=1e-5)


def test_input_is_between_minus_one_and_one():
    seen = network_input(
        torch.rand(2, 3, 64, 32), torch.rand(2, 1, 64, 32), 64 * torch.rand(2, 33, 2), torch.rand(2, 33), 64.0
    )
    assert seen.shape == (2, 5, 64, 32)
    assert seen.min() >= -1 and seen.max() <= 1
