import torch
from scipy.spatial.transform import Rotation

from posegaussian.model.alignment import PoseAlignment
from posegaussian.model.consistency import agreement, slopes, trimmed
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


def test_motion_opens_the_stabilizer():
    stabilizer = TemporalPoseStabilizer(8)
    with torch.no_grad():
        stabilizer.gates.bias[:8] = -6.0
        stabilizer.motion.bias.fill_(-3.0)
    still = torch.randn(1, 8, 4, 4)
    _, one = stabilizer(still)
    forgotten = one.clone()
    forgotten[:, :8] = 3.0
    influence = {}
    for name, now in (("rest", still), ("motion", still + 20.0)):
        influence[name] = (stabilizer(now, one)[1] - stabilizer(now, forgotten)[1])[:, :8].abs().mean()
    assert influence["motion"] < 0.2 * influence["rest"]


def test_agreement_knows_the_occluded():
    disparity = torch.full((1, 2, 4, 20), 4.0)
    depth, masks = torch.full_like(disparity, 2.0), torch.ones_like(disparity)
    depth[0, 1, :, 10:] = 1.5
    trust = agreement(disparity, depth, masks)[0]
    assert torch.allclose(trust[0, :, 5:13], torch.ones(4, 8))
    assert trust[0, :, 15:].max() < 0.01
    masks[0, 1, :, :3] = 0
    assert agreement(disparity, depth, masks)[0, 0, :, 4:6].max() == 0


def test_slope_of_a_slanted_plane():
    x = (torch.arange(60) + 0.5 - 30) / 100
    depth = (2 / (1 - 0.5 * x)).expand(1, 2, 5, 60)
    right, down = slopes(depth, torch.full((1, 2), 100.0))[0, 0]
    assert torch.allclose(right[:, 2:-2], torch.atan(torch.tensor(0.5)) / (torch.pi / 2), atol=0.06)
    assert down.abs().max() == 0


def test_trim_takes_one_pixel():
    mask = torch.zeros(1, 2, 7, 7)
    mask[..., 1:6, 1:6] = 1
    assert trimmed(mask).sum() == 2 * 9
