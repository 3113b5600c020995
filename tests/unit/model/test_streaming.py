from dataclasses import replace

import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import StreamingPredictor


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PoseGaussian(NetworkSettings(iterations=1)).eval()


def same(frame, result):
    one, other = frame.gaussians.compact(), result.gaussians[0].compact()
    assert torch.allclose(frame.disparity, result.disparity[0], atol=1e-3)
    return all(torch.allclose(getattr(one, name), getattr(other, name), atol=1e-3) for name in vars(one))


@torch.no_grad()
@pytest.mark.parametrize("settings", [{}, {"stabilizer": False}, {"pose": "none"}])
def test_a_stream_is_the_network_frame_by_frame(make_plane, settings):
    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(iterations=1, **settings)).eval()
    stream, state, lengths = StreamingPredictor(network), None, set()
    for seed in range(3):
        pair = make_plane(48, 64, disparity=12, seed=seed)
        expected = network(pair, state)
        frame, state = stream(pair), expected.state
        assert same(frame, expected)
        lengths.add(len(frame.gaussians.means))
    assert len(lengths) == 1


@torch.no_grad()
def test_a_stream_can_start_again_and_resume(make_plane, network):
    stream, pairs = StreamingPredictor(network), [make_plane(48, 64, disparity=12, seed=seed) for seed in range(2)]
    first = stream(pairs[0]).disparity.clone()
    state = stream.state()
    second = stream(pairs[1]).disparity.clone()
    stream.resume(None)
    assert torch.equal(stream(pairs[0]).disparity, first)
    stream(pairs[0])
    stream.resume(state)
    assert torch.equal(stream(pairs[1]).disparity, second)


@torch.no_grad()
def test_long_lists_are_made_when_a_patient_stream_needs_them(make_plane, network):
    pair = make_plane(48, 64, disparity=12)
    wanted = int((pair.masks > 0).sum((-2, -1)).max())
    patient = StreamingPredictor(network, capacity=100)
    hasty = StreamingPredictor(network, capacity=100, patient=False)
    frame = hasty(pair)
    assert frame.overflow == wanted - 100 and (frame.gaussians.opacities > 0).sum() <= 200
    for _ in range(2):
        expected = network(pair, None if patient.state() is None else patient.state())
        frame = patient(pair)
        assert frame.overflow <= 0 and same(frame, expected)


@torch.no_grad()
def test_the_network_is_left_as_it_is_and_inputs_may_change_afterwards(make_plane, network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stream, pair = StreamingPredictor(network), make_plane(48, 64, disparity=12)
    disparity = stream(pair).disparity.clone()
    pair.images.zero_()
    stream.resume(None)
    assert torch.equal(stream(make_plane(48, 64, disparity=12)).disparity, disparity)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())


@torch.no_grad()
def test_a_cut_is_detected(make_plane, network):
    here, there = (make_plane(48, 64, disparity=12, seed=seed) for seed in range(2))
    above, below = torch.zeros_like(here.heatmaps), torch.zeros_like(here.heatmaps)
    above[..., 0, :], below[..., -1, :] = 1.0, 1.0
    before, cut = replace(here, heatmaps=above), replace(there, heatmaps=below)
    stream = StreamingPredictor(network)
    stream(before)
    after = stream(cut).disparity.clone()
    stream.resume(None)
    assert torch.equal(stream(cut).disparity, after)
    stream.resume(None)
    stream(replace(here, heatmaps=below))
    assert not torch.equal(stream(cut).disparity, after)


def test_graphs_need_cuda(network):
    with pytest.raises(ValueError, match="needs CUDA"):
        StreamingPredictor(network, "graph")
