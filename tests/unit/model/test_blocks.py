import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.model import blocks
from posegaussian.model.alignment import PoseAlignment
from posegaussian.model.blocks import Convolution, Residual, concatenated, conv, unshuffled
from posegaussian.model.compaction import foreground_pixels, gather_pixels
from posegaussian.model.consistency import left_right_consistency, sample_rows, surface_slopes, trimmed
from posegaussian.model.exposure import Exposure
from posegaussian.model.fusion import PoseFusion
from posegaussian.model.rotation import multiply, quaternion
from posegaussian.model.stabilizer import TemporalPoseStabilizer


def as_scipy(wxyz):
    return Rotation.from_quat(wxyz.roll(-1, -1).numpy())


def test_quaternion_of_any_rotation():
    turns = Rotation.random(50, random_state=0) * Rotation.from_euler("xyz", [180, 0, 0], degrees=True)
    matrices = torch.from_numpy(turns.as_matrix())
    assert torch.allclose(torch.from_numpy(as_scipy(quaternion(matrices)).as_matrix()), matrices, atol=1e-12)
    half = torch.diag_embed(torch.tensor([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]))
    assert torch.allclose(quaternion(half).abs(), torch.eye(4).roll(-1, 0))


def test_product_of_quaternions():
    a, b = (Rotation.random(20, random_state=i) for i in (1, 2))
    first, second = (torch.from_numpy(r.as_quat()).roll(1, -1) for r in (a, b))
    expected = (a * b).as_matrix()
    assert torch.allclose(torch.from_numpy(as_scipy(multiply(first, second)).as_matrix()), torch.from_numpy(expected))


def test_fusion_adds_nothing_but_a_bias_without_pose():
    fusion = PoseFusion(6, 4)
    color = torch.randn(2, 6, 3, 3)
    assert torch.equal(fusion(color, torch.zeros(2, 4, 3, 3)), color)
    assert not torch.equal(fusion(color, torch.randn(2, 4, 3, 3)), color)


def test_alignment_rewards_matching_joints():
    loss = PoseAlignment(20, 20, dimensions=20)
    with torch.no_grad():
        for layer in (loss.fused, loss.pose):
            layer.weight.copy_(torch.eye(20))
            layer.bias.zero_()
    heatmaps = torch.zeros(1, 2, 17, 5, 5)
    heatmaps.flatten(-2)[..., torch.arange(17), torch.arange(17)] = 1.0
    features = torch.nn.functional.pad(torch.eye(20)[:, :17], (0, 8)).reshape(1, 1, 20, 5, 5).expand(1, 2, -1, -1, -1)
    scores = torch.ones(1, 2, 17)
    aligned = loss(features, features, heatmaps, scores)
    mixed = loss(features.roll(1, 2), features, heatmaps, scores)
    assert aligned < 0.01 < 5 < mixed
    assert loss(features, features, heatmaps, 0 * scores) == 0


def heatmaps_at(x, y, size=12):
    maps = torch.zeros(1, 17, size, size)
    maps[:, torch.arange(17), y, (x + torch.arange(17)) % size] = 1.0
    return maps


def test_motion_opens_the_stabilizer():
    stabilizer = TemporalPoseStabilizer(8)
    with torch.no_grad():
        stabilizer.gates.bias[:8] = -6.0
        stabilizer.motion.bias.fill_(-3.0)
    still, maps = torch.randn(1, 8, 4, 4), torch.rand(1, 17, 4, 4)
    _, one, _ = stabilizer(still, maps)
    forgotten = one.clone()
    forgotten[:, :8] = 3.0
    influence = {}
    for name, now in (("rest", still), ("motion", still + 20.0)):
        influence[name] = (stabilizer(now, maps, one)[1] - stabilizer(now, maps, forgotten)[1])[:, :8].abs().mean()
    assert influence["motion"] < 0.2 * influence["rest"]


def test_the_stabilizer_smooths_a_trembling_pose_but_not_a_fast_one():
    torch.manual_seed(0)
    stabilizer = TemporalPoseStabilizer(8).eval()
    with torch.no_grad():
        stabilizer.gates.bias[:8] = -2.0
    rest, maps = torch.randn(1, 8, 6, 6), torch.rand(1, 17, 6, 6)
    kept = {}
    for name, size in (("tremble", 0.002), ("fast", 5.0)):  # what joints of still people make, and more than any limb
        state, hidden, alone = None, [], []
        for step in range(40):
            _, state, _ = stabilizer(rest + size * (-1) ** step, maps, state)
            _, forgetful, _ = stabilizer(rest + size * (-1) ** step, maps)
            hidden.append(state[:, :8].detach())
            alone.append(forgetful[:, :8].detach())
        with_it, without = ((h[-1] - h[-2]).abs().mean() / h[-1].abs().mean() for h in (hidden, alone))
        kept[name] = with_it / without
    assert kept["tremble"] < 0.3 < 0.7 < kept["fast"]


def test_a_cut_resets_the_state_and_anything_less_does_not():
    stabilizer = TemporalPoseStabilizer(8).eval()
    poses = torch.randn(3, 1, 8, 12, 12)
    here, elsewhere = heatmaps_at(0, 3), heatmaps_at(0, 9)
    near = torch.cat([here[:, :9], elsewhere[:, 9:]], dim=1)
    _, state, _ = stabilizer(poses[0], here)
    fresh, _, _ = stabilizer(poses[1], elsewhere)
    after_cut, _, _ = stabilizer(poses[1], elsewhere, state)
    assert torch.allclose(after_cut, fresh, atol=1e-6)
    for maps in (here, near, 0 * here):
        assert not torch.allclose(stabilizer(poses[1], maps, state)[0], stabilizer(poses[1], maps)[0], atol=1e-4)
    start, _, _ = stabilizer(poses[0], here, torch.zeros_like(state))
    assert torch.allclose(start, stabilizer(poses[0], here)[0], atol=1e-6)


def test_left_right_consistency_is_low_where_occluded():
    disparity = torch.full((1, 2, 4, 20), 4.0)
    depth, masks, colors = torch.full_like(disparity, 2.0), torch.ones_like(disparity), torch.rand(1, 2, 3, 4, 20)
    depth[0, 1, :, 10:] = 1.5
    consistency, covered, matched = left_right_consistency(disparity, depth, masks, colors)
    assert torch.allclose(consistency[0, 0, :, 5:13], torch.ones(4, 8))
    assert consistency[0, 0, :, 15:].max() < 0.01
    assert torch.allclose(matched[0, 0, :, :, 4:], colors[0, 1, :, :, :-4])
    assert torch.allclose(matched[0, 1, :, :, :-4], colors[0, 0, :, :, 4:])
    masks[0, 1, :, :3] = 0
    consistency, covered, _ = left_right_consistency(disparity, depth, masks, colors)
    assert consistency[0, 0, :, 4:6].max() == 0 == covered[0, 0, :, 4:6].max()


def test_exposure_depends_on_the_difference_and_swaps_with_the_views():
    torch.manual_seed(0)
    exposure = Exposure()
    torch.nn.init.normal_(exposure.affine.weight)
    own, trust = torch.rand(2, 2, 3, 6, 6), torch.ones(2, 2, 6, 6)
    matched = 1.5 * own
    gain, bias = exposure(own, matched, trust)
    assert gain.shape == bias.shape == (2, 2, 3)
    assert not torch.allclose(gain, exposure(own, own, trust)[0], atol=1e-3)
    for values, swapped in zip((gain, bias), exposure(own.flip(1), matched.flip(1), trust), strict=True):
        assert torch.allclose(values, swapped.flip(1))
    nothing = exposure(own, matched, 0 * trust)
    assert all(value.isfinite().all() for value in nothing)
    fresh = Exposure()(own, matched, trust)
    assert (fresh[0] - 1).abs().max() < 0.02 and fresh[1].abs().max() < 0.01


def test_compaction_keeps_the_order_and_counts_all_pixels():
    random = torch.Generator().manual_seed(0)
    kept = torch.rand(3, 2, 20, 25, generator=random) < 0.3
    kept[2, 1] = False
    values = torch.rand(3, 2, 500, 4, generator=random)
    for capacity in (10, 200):
        index, used, count = foreground_pixels(kept, capacity)
        assert torch.equal(count.long(), kept.sum((-2, -1)))
        chosen = gather_pixels(values, index)
        for item in range(3):
            for view in range(2):
                wanted = values[item, view][kept[item, view].flatten()][:capacity]
                assert torch.equal(chosen[item, view][used[item, view]], wanted)
                assert used[item, view].sum() == len(wanted)


def test_slope_of_a_slanted_plane():
    x = (torch.arange(60) + 0.5 - 30) / 100
    depth = (2 / (1 - 0.5 * x)).expand(1, 2, 5, 60)
    right, down = surface_slopes(depth, torch.full((1, 2), 100.0))[0, 0]
    assert torch.allclose(right[:, 2:-2], torch.atan(torch.tensor(0.5)) / (torch.pi / 2), atol=0.06)
    assert down.abs().max() == 0


def test_trimming_removes_one_pixel():
    mask = torch.zeros(1, 2, 7, 7)
    mask[..., 1:6, 1:6] = 1
    assert trimmed(mask).sum() == 2 * 9


def test_a_folded_gain_changes_nothing():
    block, x = Residual(6, gain=0.7), torch.randn(1, 6, 5, 8)
    expected = block(x)
    assert not torch.allclose(expected, x)
    block.fold()
    block.fold()
    assert torch.allclose(block(x), expected, atol=1e-6)


@pytest.mark.parametrize(("channels", "groups", "wanted"), [(5, 1, 8), (8, 1, 8), (6, 6, 1)])
def test_input_channels_of_zeros_change_nothing(channels, groups, wanted):
    layer, x = Convolution(channels, 6, 3, groups=groups), torch.randn(2, channels, 5, 8)
    expected = layer(x)
    layer.align()
    layer.align()
    assert layer.weight.shape[1] == wanted and torch.allclose(layer(x), expected, atol=1e-6)


def test_parts_are_concatenated_and_zeros_appended():
    parts = torch.randn(2, 3, 4, 6), torch.randn(2, 2, 4, 6)
    assert torch.equal(concatenated(*parts, channels=4), torch.cat(parts, dim=1))
    found = concatenated(*parts, channels=8)
    assert torch.equal(found[:, :5], torch.cat(parts, dim=1)) and found.shape[1] == 8 and not found[:, 5:].any()
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_pixels_become_channels_in_torch_s_order():
    pixels = torch.randn(2, 3, 4, 6)
    cells = unshuffled(pixels)
    assert torch.equal(cells, torch.nn.functional.pixel_unshuffle(pixels, 2))
    assert cells.is_contiguous(memory_format=torch.channels_last)


def test_rows_are_sampled_between_columns_and_repeat_beyond_their_ends():
    values, x = torch.tensor([[1.0, 3.0, 7.0]]), torch.tensor([[0.5, 1.25, -4.0, 9.0, 2.0]])
    found = sample_rows(values.expand(5, 3), x.T.expand(5, 3))[:, 0]
    assert torch.allclose(found, torch.tensor([2.0, 4.0, 1.0, 7.0, 7.0]))


def test_rows_of_a_network_that_diverged_are_not_numbers():
    """An index made of NaN is out of bounds; on CUDA that ends the process."""
    found = sample_rows(torch.tensor([[1.0, 3.0, 7.0]]), torch.tensor([[torch.nan, 1.0, torch.inf]]))[0]
    assert found[0].isnan() and torch.equal(found[1:], torch.tensor([3.0, 7.0]))


@pytest.mark.parametrize("aligned", [False, True])
def test_a_convolution_of_parts_is_a_sum_of_convolutions(aligned):
    torch.manual_seed(0)
    layer, groups = conv(13, 4), [[torch.rand(2, 8, 6, 5)], [torch.rand(2, 3, 6, 5), torch.rand(2, 2, 6, 5)]]
    torch.nn.init.normal_(layer.bias)
    expected = layer(torch.cat([part for group in groups for part in group], dim=1))
    if aligned:
        layer.align()
    for found in (blocks.convolved(layer, *groups), blocks._summed(layer, groups)):
        assert torch.allclose(found, expected, atol=1e-5)
