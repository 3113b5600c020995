"""The correction of mattes: exact ones stay as they are, it overrules where something was filmed, and it learns."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from posegaussian.config import NetworkSettings
from posegaussian.model.matte_correction import MatteCorrection
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, load_weights, read_metadata, save_weights
from posegaussian.training.losses.coverage import coverage_loss
from posegaussian.types import JOINTS


@pytest.fixture
def correction():
    torch.manual_seed(0)
    return MatteCorrection()


def scene(seed: int, offset: int, size: int = 64):
    """A striped disc before a grainy wall, as filmed; its matte, grown by `offset` pixels; its true coverage."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    centre = 0.5 * size + 6 * (torch.rand(2, 2, generator=random) - 0.5)
    away = torch.stack([((x - a).square() + (y - b).square()).sqrt() for a, b in centre.tolist()])
    truth = (0.3 * size - away + 0.5).clamp(0, 1)
    stripes = (0.75 + 0.2 * torch.sign(torch.sin(x))) * torch.tensor([1.0, 0.6, 0.3])[:, None, None]
    wall = 0.05 + 0.4 * torch.rand(2, 3, size, size, generator=random)
    images = truth[:, None] * stripes + (1 - truth[:, None]) * wall
    return images[None], (0.3 * size + offset - away + 0.5).clamp(0, 1)[None, :, None], truth[None]


def test_before_training_no_matte_changes(correction):
    for offset in (-3, 0, 3):
        images, masks, _ = scene(0, offset)
        found, logits = correction(images, masks)
        assert torch.equal(found, masks) and (logits.sigmoid() - masks[:, :, 0]).abs().max() < 0.02
        assert logits.requires_grad and not found.requires_grad


def test_evidence_overrules_where_something_was_filmed(correction):
    images, masks, _ = scene(0, 0)
    images[..., :16] = 0
    with torch.no_grad():
        correction.unet.logits.weight.zero_()
        correction.unet.logits.bias.fill_(14.0)
        more = correction(images, masks)[0]
        correction.unet.logits.bias.fill_(-14.0)
        fewer = correction(images, masks)[0]
    unknown, inside = (images.amax(2, keepdim=True) == 0) & (masks == 0), masks > 0
    assert more[inside].min() > 0.98 - 1e-6 and torch.equal(more[unknown], masks[unknown])
    assert fewer.max() < 0.02


def test_the_person_gains_holes_and_what_lies_near_the_matte_and_around_hands_and_feet_alone(correction, monkeypatch):
    size = 1024
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    away = ((x - 512).square() + (y - 512).square()).sqrt()
    masks = ((away < 400) & (away > 12)).float().expand(1, 2, 1, -1, -1)  # 800 px tall, with a hole
    heatmaps = torch.zeros(1, 2, 17, size // 4, size // 4)
    heatmaps[0, 1, JOINTS.index("left_ankle"), 240, 20] = 0.3
    heatmaps[0, 0, JOINTS.index("left_knee"), 240, 20] = 0.3
    monkeypatch.setattr(correction.unet, "forward", lambda seen: torch.full_like(seen[:, :1], 14.0))
    with torch.no_grad():
        found = correction(torch.full((1, 2, 3, size, size), 0.5), masks, heatmaps)[0][0, :, 0]
    to_ankle = ((x - 4 * 20.5).square() + (y - 4 * 240.5).square()).sqrt()
    assert found[:, away < 400 + 6].min() > 0.98 - 1e-6, "in the hole, and 6 px around the matte"
    assert found[1, to_ankle < 0.15 * 800 - 6].min() > 0.98 - 1e-6
    assert not found[0, away > 400 + 16].any(), "no hand or foot is in this view"
    assert not found[1, (away > 400 + 16) & (to_ankle > 0.15 * 800 + 6)].any()


@pytest.mark.parametrize("size", [64, 128])
def test_small_corrections_are_not_made_and_views_that_hardly_change_are_kept(correction, size):
    images, masks, _ = scene(0, 0, size)
    soft = nn.functional.avg_pool2d(masks[:, :, 0], 9, stride=1, padding=4)[:, :, None]
    with torch.no_grad():
        correction.unet.logits.weight.zero_()
        correction.unet.logits.bias.fill_(1.0)
        assert torch.equal(correction(images, masks)[0], masks), "a fifth of a pixel along the outline"
        found = correction(images, soft)[0]
    sure = (soft == 0) | (soft == 1)
    assert torch.equal(found[sure], soft[sure]) and (found > soft)[(soft > 0.3) & (soft < 0.7)].all()


def test_the_correction_grows_steadily_with_the_evidence(correction, monkeypatch):
    images, masks, _ = scene(0, 0)
    soft = nn.functional.avg_pool2d(masks[:, :, 0], 9, stride=1, padding=4)[:, :, None]
    found = []
    for value in torch.linspace(0, 3, 301).tolist():
        monkeypatch.setattr(correction.unet, "forward", lambda seen, e=value: torch.full_like(seen[:, :1], e))
        found.append(float(correction(images, soft)[0].sum()))
    steps, total = torch.tensor(found).diff(), found[-1] - found[0]
    assert found[10] == found[0] and total > 100 and (steps >= -1e-3).all()
    assert steps.max() < 0.05 * total, "no jump, which would flicker in a video"


def test_a_lost_part_comes_back_though_the_rest_of_the_matte_is_right(correction, monkeypatch):
    images, truth, _ = scene(0, 0, 1024)
    part = torch.zeros_like(truth)
    part[..., 502:522, 502:522] = 1
    masks = truth * (1 - part)
    monkeypatch.setattr(correction.unet, "forward", lambda _: (14 * truth * part - 0.25 * (1 - part)).flatten(0, 1))
    found = correction(images, masks)[0]
    assert found[..., 502:522, 502:522].min() > 0.6
    far = slice(580, None)
    assert torch.equal(found[..., far, :], masks[..., far, :]), "small corrections elsewhere are not made"


def test_hands_and_feet_are_known_by_their_joints(correction):
    images, masks, _ = scene(0, 0)
    nn.init.normal_(correction.unet.logits.weight)
    heatmaps = torch.rand(1, 2, 17, 16, 16, requires_grad=True)
    correction(images, masks, heatmaps)[1].sum().backward()
    assert heatmaps.grad is not None
    used = {JOINTS[i].split("_")[1] for i in range(17) if heatmaps.grad[:, :, i].any()}
    assert used == {"wrist", "ankle"}
    with torch.no_grad():
        one, other = (correction(images, masks, joints)[1] for joints in (None, 0 * heatmaps))
    assert torch.equal(one, other)


def test_it_learns_to_move_edges_to_where_the_person_ends(correction):
    optimizer = torch.optim.Adam(correction.parameters(), lr=3e-3)
    for step in range(60):
        scenes = [scene(9 + 3 * step + i, 2 * i - 2) for i in range(3)]
        images, masks, truth = map(torch.cat, zip(*scenes, strict=True))
        optimizer.zero_grad()
        coverage_loss(correction(images, masks)[1], truth).backward()
        optimizer.step()
    for offset in (-2, 2):
        images, masks, truth = scene(5, offset)
        with torch.no_grad():
            found = correction(images, masks)[0]
        given, left = ((each[:, :, 0] - truth).abs().mean() for each in (masks, found))
        assert left < 0.4 * given, offset


def test_all_parts_of_the_network_see_the_corrected_matte(make_plane):
    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(matte="hint")).eval()
    pair = make_plane(64, 64, disparity=12)
    pair = replace(pair, images=pair.images + 0.4 * (1 - pair.masks))
    small = replace(pair, masks=pair.masks * (torch.arange(64) > 24))
    with torch.no_grad():
        expected = network(pair)
        network.matte.forward = lambda images, masks, joints: (pair.masks, masks[:, :, 0])  # type: ignore[union-attr, method-assign]
        found = network(small)
    assert torch.equal(found.disparity, expected.disparity)
    assert torch.equal(found.gaussians.opacities, expected.gaussians.opacities)


def test_weights_from_before_it_work_as_they_did(make_plane, tmp_path):
    network, path = PoseGaussian(NetworkSettings(matte="hint")).eval(), tmp_path / "new.safetensors"
    save_weights(network, path, {})
    old = tmp_path / "old.safetensors"
    tensors = {name: value for name, value in load_file(path).items() if not name.startswith("matte.")}
    save_file(tensors, old, {"posegaussian": json.dumps(read_metadata(path))})
    pair = make_plane(64, 64, disparity=12)
    with torch.no_grad():
        one, other = load_network(path)(pair), load_network(old)(pair)
    assert load_network(old).matte is None
    assert torch.equal(one.gaussians.means, other.gaussians.means) and torch.equal(one.disparity, other.disparity)
    missing = load_weights(PoseGaussian(NetworkSettings(matte="hint")), old, partly=True)
    assert missing and all(name.startswith("matte.") for name in missing)
