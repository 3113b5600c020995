from dataclasses import replace

import jaxtyping
import pytest
import torch

from posegaussian.geometry.disparity import depth_to_disparity, disparity_to_depth
from posegaussian.model.constants import DISPARITY_PRIOR
from posegaussian.model.disparity_prior import DisparityPrior
from posegaussian.model.skeleton import Link, capsules, stiffness
from posegaussian.types import JOINTS


def on_person(pair, values):
    return values[torch.nn.functional.avg_pool2d(pair.masks[:, :, 0], 4) > 0.5]


@pytest.fixture
def flat():
    """Joints and silhouettes of something without flesh."""
    thin = tuple(replace(capsule, inset=0.0) for capsule in DISPARITY_PRIOR.capsules)
    return DisparityPrior(4, constants=replace(DISPARITY_PRIOR, skin_offset=0.0, capsules=thin))


def test_joints_on_a_plane_give_its_disparity(make_plane, flat):
    pair = make_plane(64, 96, disparity=7)
    estimate = flat(pair)
    assert (on_person(pair, estimate.disparity) - 7).abs().max() < 0.05


def test_silhouettes_of_a_plane_give_its_disparity_and_the_skin_offset(make_plane):
    pair = make_plane(64, 96, disparity=-5, offset=-20.0)
    estimate = DisparityPrior(4, pose=False)(pair)
    plane = torch.full_like(estimate.disparity, -5.0)
    metres = disparity_to_depth(plane, pair.cameras) - disparity_to_depth(estimate.disparity, pair.cameras)
    assert (on_person(pair, metres) - DISPARITY_PRIOR.skin_offset).abs().max() < 0.01
    assert estimate.capsule_weights.count_nonzero() == 0


def test_skin_is_nearer_than_the_axis_by_the_inset_and_curves_away(make_plane):
    """An upright forearm whose ends are known exactly, in an image where everything else is missing."""
    pair = make_plane(256, 384, disparity=80)
    keypoints, scores = 0 * pair.keypoints, 0 * pair.scores
    for name, y in (("left_elbow", 80.0), ("left_wrist", 160.0)):
        keypoints[:, 0, JOINTS.index(name)] = torch.tensor([210.0, y])
        keypoints[:, 1, JOINTS.index(name)] = torch.tensor([130.0, y])
        scores[:, :, JOINTS.index(name)] = 1.0
    forearm = next(
        kind for kind in DISPARITY_PRIOR.capsules if (kind.start, kind.end, kind.beyond) == ("elbow", "wrist", 0.0)
    )
    prior = DisparityPrior(4, constants=replace(DISPARITY_PRIOR, skin_offset=forearm.inset))
    estimate = prior(replace(pair, keypoints=keypoints, scores=scores))
    depth = disparity_to_depth(estimate.disparity, pair.cameras)[0, 0]
    axis = disparity_to_depth(torch.full_like(estimate.disparity, 80.0), pair.cameras)[0, 0, 0, 0]
    middle, edge = depth[30, 51:53].mean(), depth[30, 53]
    assert abs(float(axis - middle) - forearm.inset) < 0.01
    assert middle < edge
    assert estimate.capsule_weights[0, 0, :, 15, 25].max() > 0.5 > 0.05 > estimate.capsule_weights[0, 0, :, 15, 5].max()


def test_joints_change_the_prior_and_without_scores_the_silhouettes_remain(make_plane):
    pair = make_plane(64, 96, disparity=30)
    moved = replace(pair, keypoints=pair.keypoints + torch.tensor([[3.0, 0.0], [0.0, 0.0]])[:, None])
    without = DisparityPrior(4, pose=False)(pair).disparity
    followed = DisparityPrior(4)(moved).disparity - DisparityPrior(4)(pair).disparity
    assert on_person(pair, followed).mean() > 0.2 and on_person(pair, followed).max() < 3.0
    unseen = replace(moved, scores=torch.zeros_like(pair.scores))
    assert torch.equal(DisparityPrior(4)(unseen).disparity, without)


def test_a_joint_on_two_rows_is_ignored(make_plane, flat):
    pair = make_plane(64, 96, disparity=6)
    keypoints = pair.keypoints.clone()
    keypoints[0, 0, :5] += torch.tensor([12.0, 20.0])
    estimate = flat(replace(pair, keypoints=keypoints))
    assert (on_person(pair, estimate.disparity) - 6).abs().max() < 0.3


def test_swapping_and_mirroring_the_views_swaps_and_mirrors_the_estimate(make_plane):
    pair = make_plane(64, 96, disparity=20, offset=6.0)
    keypoints = pair.keypoints + torch.randn(pair.keypoints.shape, generator=torch.Generator().manual_seed(0))
    pair = replace(pair, keypoints=keypoints)
    intrinsics = pair.cameras.intrinsics.flip(1).clone()
    intrinsics[..., 0, 2] = 96 - intrinsics[..., 0, 2]
    mirrored = replace(
        pair,
        masks=pair.masks.flip(1, -1),
        keypoints=torch.stack([96 - keypoints[..., 0], keypoints[..., 1]], dim=-1).flip(1),
        scores=pair.scores.flip(1),
        cameras=replace(pair.cameras, intrinsics=intrinsics),
    )
    one, other = DisparityPrior(4)(pair), DisparityPrior(4)(mirrored)
    for name in ("disparity", "sigma", "pixels_per_metre"):
        assert torch.allclose(getattr(one, name), getattr(other, name).flip(1, -1), rtol=1e-4, atol=1e-4), name
    assert torch.allclose(one.capsule_weights, other.capsule_weights.flip(1, -1), atol=1e-4)


def test_sigma_is_metres_times_pixels_per_metre_and_smaller_with_joints(make_plane):
    pair = make_plane(64, 96, disparity=20, offset=-4.0)
    estimate = DisparityPrior(4)(pair)
    disparity = estimate.disparity.double()
    rig = pair.cameras.to(torch.float64)
    step = 1e-5
    moved = depth_to_disparity(disparity_to_depth(disparity, rig) + step, rig)
    assert torch.allclose(estimate.pixels_per_metre.double(), (disparity - moved) / step, rtol=1e-3)
    alone = DisparityPrior(4, pose=False)(pair)
    metres, without = (on_person(pair, e.sigma / e.pixels_per_metre).mean() for e in (estimate, alone))
    assert metres < without and abs(without - DISPARITY_PRIOR.silhouette_sigma) < 0.02


def test_depths_of_joints_are_linked():
    ties = stiffness(DISPARITY_PRIOR.links)
    assert torch.equal(ties, ties.T) and (ties >= 0).all() and ties.diagonal().count_nonzero() == 0
    left, right = (JOINTS.index(f"{side}_knee") for side in ("left", "right"))
    assert ties[left, JOINTS.index("left_hip")] > 0 == ties[left, right]
    ends, sizes = capsules(DISPARITY_PRIOR.capsules)
    assert torch.allclose(ends.sum(-1), torch.ones(())) and (sizes > 0).all() and ends.shape[1] == sizes.shape[1]


def test_a_body_with_unknown_joints_is_refused():
    with pytest.raises(ValueError, match="no joint is called left_tail"):
        replace(DISPARITY_PRIOR.capsules[0], end="tail")
    with pytest.raises(ValueError, match="no joint is called left_knees"):
        Link("hip", "knees", 0.1)


def test_the_constants_of_the_prior_can_be_fitted(make_plane, monkeypatch):
    """tools/fit_body_prior.py puts tensors in place of floats, which the tests' checks of types would refuse."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    offset, radius = torch.tensor(0.07, requires_grad=True), torch.tensor(0.05, requires_grad=True)
    limbs = tuple(replace(capsule, radius=radius) for capsule in DISPARITY_PRIOR.capsules)
    prior = DisparityPrior(4, constants=replace(DISPARITY_PRIOR, skin_offset=offset, capsules=limbs))
    prior.estimate(make_plane(64, 96, disparity=30)).disparity.sum().backward()
    assert offset.grad.abs() > 0 and radius.grad.abs() > 0


def test_an_empty_image_gives_finite_values(make_plane):
    pair = make_plane(64, 96, disparity=6)
    for empty in (replace(pair, masks=0 * pair.masks, scores=0 * pair.scores), replace(pair, masks=0 * pair.masks)):
        estimate = DisparityPrior(4)(empty)
        assert all(values.isfinite().all() for values in vars(estimate).values())
        assert (estimate.sigma > 0).all()
