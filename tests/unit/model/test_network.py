from dataclasses import replace

import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.geometry.projection import project
from posegaussian.model.disparity_prior import PriorEstimate
from posegaussian.model.gaussian_head import GaussianHead
from posegaussian.model.network import PoseGaussian
from posegaussian.model.rotation import quaternion
from posegaussian.model.stereo import Stereo
from posegaussian.model.upsampling import bilinear
from posegaussian.types import concatenate


@pytest.mark.parametrize("size", [(64, 96), (77, 50), (60, 61)])
def test_any_size(make_plane, size):
    pair = make_plane(*size, disparity=20)
    network = PoseGaussian(NetworkSettings(iterations=2)).eval()
    with torch.no_grad():
        result = network(pair)
    height, width = size
    assert result.disparity.shape == (1, 2, height, width)
    assert result.gaussians.means.shape == (1, 2 * height * width, 3)
    assert all(getattr(result.gaussians, name).isfinite().all() for name in vars(result.gaussians))
    off = result.gaussians.opacities[pair.masks.flatten(1) == 0]
    assert off.max() == 0 and result.gaussians.opacities.max() > 0.9


def test_padding_does_not_move_the_gaussians(make_plane):
    pair = make_plane(77, 50, disparity=20)
    network = PoseGaussian(NetworkSettings(iterations=1)).eval()
    with torch.no_grad():
        gaussians = network(pair).gaussians
    for view in range(2):
        means = gaussians.means.reshape(2, 77, 50, 3)[view].reshape(1, -1, 3)
        camera = pair.cameras[:, view]
        pixels, _ = project(means, camera)
        y, x = torch.meshgrid(torch.arange(77) + 0.5, torch.arange(50) + 0.5, indexing="ij")
        person = pair.masks[0, view, 0] > 0
        error = pixels.reshape(77, 50, 2) - torch.stack([x, y], -1)
        assert error[person].abs().max() < 1e-3


def test_gradients_reach_every_parameter(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=2)).train()
    frames = [make_plane(64, 64, disparity=20, seed=i) for i in range(2)]
    result = network(concatenate(frames), frames=2)
    loss = sum(d.square().mean() for d in result.disparities) + result.pose_loss
    for value in vars(result.gaussians).values():
        loss = loss + (value * torch.rand_like(value)).sum()
    loss.backward()
    unused = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unused


def test_streaming_equals_a_clip(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=2)).eval()
    frames = [make_plane(64, 64, disparity=20, seed=i) for i in range(3)]
    with torch.no_grad():
        whole = network(concatenate(frames), frames=3)
        state, sizes = None, set()
        for index, frame in enumerate(frames):
            one = network(frame, state)
            state = one.state
            sizes.add(state.shape)
            assert torch.allclose(one.disparity[0], whole.disparity[index], atol=1e-3)
    assert len(sizes) == 1
    assert torch.allclose(state, whole.state, atol=1e-4)
    with torch.no_grad():
        assert not torch.allclose(network(frames[2]).disparity[0], whole.disparity[2], atol=1e-4)


def test_a_batch_is_its_members(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=2)).eval()
    pairs = [make_plane(64, 64, disparity=d, seed=d) for d in (18, 22)]
    with torch.no_grad():
        both = network(concatenate(pairs))
        for index, pair in enumerate(pairs):
            alone = network(pair)
            assert torch.allclose(alone.disparity[0], both.disparity[index], atol=1e-3)
            seen = alone.gaussians.opacities[0] > 0
            assert torch.allclose(
                alone.gaussians.means[0, seen], both.gaussians.means[index, seen], rtol=1e-2, atol=1e-3
            )


def test_missing_heatmaps_are_zero_heatmaps(make_plane):
    network = PoseGaussian(NetworkSettings()).eval()
    pair = make_plane(64, 64, disparity=20)
    zeroed = replace(pair, heatmaps=0 * pair.heatmaps, scores=0 * pair.scores)
    missing = replace(pair, heatmaps=None, scores=None, keypoints=None)
    with torch.no_grad():
        disparity = network(zeroed).disparity
        assert torch.equal(network(missing).disparity, disparity)
        assert not torch.allclose(network(pair).disparity, disparity, atol=1e-3)


def test_pose_none_uses_no_pose(make_plane):
    network = PoseGaussian(NetworkSettings(pose="none")).eval()
    pair = make_plane(64, 64, disparity=20)
    with torch.no_grad():
        result = network(pair)
        other = network(replace(pair, heatmaps=1 - pair.heatmaps, keypoints=pair.keypoints.flip(1)))
    assert torch.equal(result.disparity, other.disparity)
    assert result.state is None and result.pose_loss is None
    assert network.pose_branch is None


def test_stabilizer_can_be_left_out(make_plane):
    network = PoseGaussian(NetworkSettings(stabilizer=False)).eval()
    with torch.no_grad():
        assert network(make_plane(64, 64, disparity=20)).state is None
    assert not [name for name, _ in network.named_parameters() if "stabilizer" in name]


def test_small_enough():
    assert sum(p.numel() for p in PoseGaussian(NetworkSettings()).parameters()) <= 3_800_000


@pytest.mark.parametrize("training", [False, True])
def test_mirroring_and_swapping_the_views_mirrors_and_swaps_the_result(training):
    stereo = Stereo(channels=12, fine=8, hidden=8, iterations=3).train(training)
    features, fine, masks = torch.randn(2, 2, 12, 8, 20), torch.randn(2, 2, 8, 16, 40), torch.rand(2, 2, 32, 80)
    maps = 10 * torch.rand(2, 2, 8, 20), 1 + torch.rand(2, 2, 8, 20), 5 + torch.rand(2, 2, 8, 20)
    prior = PriorEstimate(*maps, capsule_weights=torch.rand(2, 2, 3, 4, 10))
    swapped = PriorEstimate(*(value.flip(1, -1) for value in vars(prior).values()))
    with torch.no_grad():
        one = stereo(features, fine, masks, prior)
        other = stereo(*(value.flip(1, -1) for value in (features, fine, masks)), swapped)
    assert len(one.disparities) == (6 if training else 1)
    for a, b in zip(
        (*one.disparities, one.half, one.hidden), (*other.disparities, other.half, other.hidden), strict=True
    ):
        assert torch.allclose(a, b.flip(1, -1), atol=1e-4)


def test_matching_finds_a_plane_before_any_training(make_plane):
    pair = make_plane(64, 96, disparity=24)
    joints = pair.keypoints + torch.tensor([[2.0, 0.0], [-2.0, 0.0]])[:, None]
    network = PoseGaussian(NetworkSettings(iterations=1)).train()
    torch.nn.init.zeros_(network.stereo.prior_correction.bias)
    with torch.no_grad():
        found = network(replace(pair, keypoints=joints), depth_only=True).disparities[0]
        start = bilinear(network.disparity_prior(replace(pair, keypoints=joints)).disparity[:, 0] / 4, 4)
    inside = torch.nn.functional.avg_pool2d(pair.masks[:, 0, 0], 9, 1, 4) == 1
    before, after = ((values - 24)[inside].abs().mean() for values in (start, found[:, 0]))
    assert before > 2
    assert after < 0.75 * before


@pytest.mark.parametrize("capacity", [None, 1500])
def test_the_head_starts_from_round_gaussians_of_half_a_footprint(make_plane, capacity):
    pair = make_plane(64, 64, disparity=20)
    head = GaussianHead(fine=5, refined=6)
    disparity = torch.full((1, 2, 64, 64), 20.0)
    features = torch.randn(1, 2, 5, 32, 32), torch.randn(1, 2, 6, 32, 32)
    decoded = head(pair, disparity, disparity[..., ::2, ::2], *features, capacity)
    gaussians, person = decoded.gaussians, pair.masks.flatten(2)[0] > 0
    kept = gaussians.opacities[0] > 0
    assert kept.sum() == person.sum()
    depth = 96 * 0.5 / 20
    assert torch.allclose(gaussians.scales[0, kept], torch.tensor(0.5 * depth / 96), rtol=0.1)
    colors = pair.images[0].movedim(1, -1).flatten(1, 2)[person]
    assert torch.allclose(gaussians.colors[0, kept], colors, atol=0.05)
    camera_to_world = quaternion(pair.cameras.world_to_camera[0, 0, :3, :3].T)
    assert ((gaussians.quaternions[0] * camera_to_world).sum(-1).abs() > 0.99).all()
    opacity = (
        torch.zeros(2 * 64 * 64).masked_scatter(person.flatten(), gaussians.opacities[0, kept]).reshape(2, 64, 64)[0]
    )
    assert opacity[32, 32] > 0.97
    assert opacity[32, int((pair.masks[0, 0, 0, 32] > 0).float().argmax())] < 0.05
    if capacity is None:
        means, _ = project(gaussians.means[:, :4096], pair.cameras[:, 0])
        assert torch.allclose(means[0, 0], torch.tensor([0.5, 0.5]), atol=1e-3)


def test_a_capacity_lists_the_same_gaussians(make_plane):
    pair = make_plane(77, 50, disparity=20)
    network = PoseGaussian(NetworkSettings(iterations=1)).eval()
    with torch.no_grad():
        dense, listed, short = network(pair), network(pair, capacity=2000), network(pair, capacity=300)
    wanted = (pair.masks[0, :, 0] > 0).sum((-2, -1))
    assert torch.equal(listed.count[0].long(), wanted) and torch.equal(short.count, listed.count)
    assert dense.count is None and listed.gaussians.means.shape == (1, 4000, 3)
    one, other = dense.gaussians[0].compact(), listed.gaussians[0].compact()
    for name in vars(one):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-6)
    first = listed.gaussians.opacities.unflatten(1, (2, 2000))[:, :, :300].flatten(1)
    assert torch.allclose(short.gaussians.opacities, first, atol=1e-6)  # the ends of vectors round otherwise


def test_the_disparity_changes_little_with_the_scores(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=1)).eval()
    pair = make_plane(64, 96, disparity=12)
    person = pair.masks[:, :, 0] > 0
    with torch.no_grad():
        found = [network(replace(pair, scores=s * pair.scores)).disparity[person] for s in (1.0, 0.99, 0.0)]
    assert (found[1] - found[0]).abs().max() < 0.5
    assert (found[2] - found[0]).abs().mean() < 3


def test_mixed_precision_keeps_the_geometry_exact(make_plane):
    network = PoseGaussian(NetworkSettings(iterations=1)).eval()
    pair = make_plane(64, 64, disparity=20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = network(pair)
        start = network.disparity_prior(pair)
    with torch.no_grad():
        exact = network(pair)
        assert torch.equal(start.disparity, network.disparity_prior(pair).disparity)
    person = pair.masks[:, :, 0] > 0
    assert (mixed.disparity - exact.disparity).abs()[person].mean() < 0.1
    assert all(value.dtype == torch.float32 for value in vars(mixed.gaussians).values())
