"""Masks as a hint: without evidence nothing changes, evidence overrules the masks, and lists hold what is left."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.model.coverage import corrected
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import RELEASE, load_network, load_weights, save_weights
from posegaussian.training.losses.coverage import coverage_loss
from posegaussian.types import StereoPair, concatenate


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """Weights that take masks as exact: those that ship, without what they learned about mattes."""
    network, path = PoseGaussian(NetworkSettings()).eval(), tmp_path_factory.mktemp("weights") / "exact.safetensors"
    assert load_weights(network, RELEASE, partly=True) == []
    save_weights(network, path, {})
    return path


@pytest.fixture(scope="module")
def grown(exact):
    """A network that begins with weights that take masks as exact."""
    network = PoseGaussian(NetworkSettings(matte="hint"))
    load_weights(network, exact, partly=True)
    return network.eval()


def filmed(pair: StereoPair, shade: float = 0.6) -> StereoPair:
    """The pair before a grey wall, which fills the image."""
    return replace(pair, images=pair.images + shade * (1 - pair.masks))


def evidence(network: PoseGaussian, value: float) -> PoseGaussian:
    """The same network with the same evidence of the person in all pixels."""
    with torch.no_grad():
        changed = PoseGaussian(network.settings)
        changed.load_state_dict(network.state_dict())
        weight, bias = changed.head.attributes.weight, changed.head.attributes.bias
        assert bias is not None
        weight[-4:], bias[-4:] = 0, value
    return changed.eval()


def test_evidence_of_zero_changes_no_bit_and_strong_evidence_overrules():
    given = torch.linspace(0, 1, 101)
    assert torch.equal(corrected(given, torch.zeros(101))[0], given)
    assert corrected(given, torch.full((101,), 12.0))[0].min() > 0.99
    assert corrected(given, torch.full((101,), -14.0))[0].max() < 1 / 255
    steps = corrected(given, torch.ones(101))[0] - given
    assert (steps >= 0).all() and steps[50] > 0.2 > 0.02 > steps[0]


def test_it_begins_as_the_weights_it_starts_from(make_plane, grown, exact):
    pair, shipped = make_plane(96, 128, disparity=24), load_network(exact)
    with torch.no_grad():
        one, other = shipped(pair, capacity=6000), grown(pair, capacity=6000)
        dense = grown(pair)
    assert torch.equal(one.disparity, other.disparity) and torch.equal(one.count, other.count)
    assert torch.equal(one.gaussians.means, other.gaussians.means)
    for name in vars(one.gaussians):  # Colours are compared with the other view's up to the very edge.
        assert (getattr(one.gaussians, name) - getattr(other.gaussians, name)).abs().mean() < 0.005, name
    shapes = [(1, 2, 96, 128), (1, 2, 24, 32), (1, 2, 48, 64), (1, 2, 96, 128)]
    assert [tuple(values.shape) for values in dense.evidence] == shapes
    assert torch.equal(dense.evidence[-1] > 0, pair.masks[:, :, 0] > 0.5) and one.evidence == ()


def test_what_lies_around_is_seen_as_what_lies_inside_at_first(make_plane, grown):
    pair = filmed(make_plane(96, 128, disparity=24))
    images, masks = pair.images[:, 0], pair.masks[:, 0]
    encoder = deepcopy(grown.color_encoder)
    with torch.no_grad():
        encoder.to_half[0].weight[:, 12:16] = 0  # What remains depends on the colours, not on the matte itself.
        inside, outside, other = (encoder(images, m, images) for m in (masks**0, 0 * masks, masks))
        black = encoder(images * masks, masks, images * masks)
    for index, features in enumerate(inside):
        assert torch.allclose(features, outside[index], atol=1e-5) and torch.allclose(features, other[index], atol=1e-5)
        assert not torch.allclose(features, black[index], atol=0.1)


def test_evidence_adds_and_drops_gaussians_where_something_was_filmed(make_plane, grown):
    pair = make_plane(96, 128, disparity=24)
    person, seen = pair.masks[0, :, 0] > 0, pair.masks.clone()
    seen[..., 40:60, :] = 1
    half = replace(filmed(pair), images=filmed(pair).images * seen)
    with torch.no_grad():
        more, fewer = (evidence(grown, value)(half, capacity=12000) for value in (14.0, -14.0))
    assert fewer.count.max() == 0 and not (fewer.gaussians.opacities >= 1 / 255).any()
    wanted = (person | (seen[0, :, 0] > 0)).sum((-2, -1))
    assert (more.count[0] <= wanted).all() and (more.count[0] > 0.75 * wanted).all(), "some are transparent"
    assert (more.evidence[-1] > 0).all()


def test_lists_and_maps_hold_the_same_gaussians(make_plane, grown):
    pair = filmed(make_plane(77, 60, disparity=20))
    network = evidence(grown, 3.0)
    with torch.no_grad():
        dense, listed = network(pair), network(pair, capacity=5000)
    one, other = dense.gaussians[0].compact(), listed.gaussians[0].compact()
    assert len(one.means) == len(other.means) <= int(listed.count.sum()), "beyond infinity there are none"
    for name in vars(one):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-5), name


def test_gradients_reach_every_parameter(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=2, matte="hint")).train()
    frames = [filmed(make_plane(64, 64, disparity=20, seed=i)) for i in range(2)]
    result = network(concatenate(frames), frames=2)
    loss = sum(d.square().mean() for d in result.disparities) + result.pose_loss
    loss = loss + sum((values * torch.rand_like(values)).sum() for values in result.evidence)
    for value in vars(result.gaussians).values():
        loss = loss + (value * torch.rand_like(value)).sum()
    loss.backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_the_loss_of_coverage_is_relative_to_the_area_and_pulls_where_a_matte_is_wrong_and_certain():
    truth = torch.zeros(1, 2, 32, 32)
    truth[..., 8:24, 8:24] = 1
    logits = 40 * truth - 20
    assert float(coverage_loss(logits, truth)) < 1e-6
    wrong = logits.clone()
    wrong[:, :, 8:10, 8:24] = 0
    assert float(coverage_loss(wrong, truth)) == pytest.approx(2 * 16 / 256 * 0.6931, rel=1e-3)
    cells = torch.nn.functional.max_pool2d(-wrong, 2).neg()
    assert float(coverage_loss(cells, truth)) == pytest.approx(2 * 16 / 256 * 0.6931, rel=1e-3)
    padded = torch.nn.functional.pad(wrong, (0, 8, 0, 8), value=-20.0)
    assert float(coverage_loss(padded, truth)) == pytest.approx(2 * 16 / 256 * 0.6931, rel=1e-3)
    evidence = torch.zeros(1, 2, 32, 32, requires_grad=True)
    coverage_loss(corrected(1 - truth, evidence)[1], truth).backward()
    assert evidence.grad is not None
    assert (evidence.grad[truth > 0] < 0).all() and (evidence.grad[truth == 0] > 0).all()
