from dataclasses import replace

import torch

from posegaussian.geometry.disparity import depth_to_disparity, disparity_to_depth
from posegaussian.model.initial import InitialDisparity


def on_person(pair, values):
    return values[torch.nn.functional.avg_pool2d(pair.masks[:, :, 0], 4) > 0.5]


def test_joints_on_a_plane_give_its_disparity(make_plane):
    pair = make_plane(64, 96, disparity=7)
    estimate = InitialDisparity(4)(pair)
    assert (on_person(pair, estimate.disparity) - 7).abs().max() < 0.05


def test_silhouettes_of_a_plane_give_its_disparity(make_plane):
    pair = make_plane(64, 96, disparity=-5)
    estimate = InitialDisparity(4, pose=False)(pair)
    assert (on_person(pair, estimate.disparity) + 5).abs().max() < 0.05


def test_joints_prevail_near_the_bones_and_silhouettes_without_scores(make_plane):
    pair = make_plane(64, 96, disparity=6)
    moved = replace(pair, keypoints=pair.keypoints + torch.tensor([[3.0, 0.0], [0.0, 0.0]])[:, None])
    x, y = (pair.keypoints[0, 0, 0] / 4).long().tolist()
    assert abs(InitialDisparity(4)(moved).disparity[0, 0, y, x] - 9) < 0.3
    unseen = replace(moved, scores=torch.zeros_like(pair.scores))
    assert torch.equal(InitialDisparity(4)(unseen).disparity, InitialDisparity(4, pose=False)(pair).disparity)


def test_a_joint_on_two_rows_has_no_say(make_plane):
    pair = make_plane(64, 96, disparity=6)
    keypoints = pair.keypoints.clone()
    keypoints[0, 0, :5] += torch.tensor([12.0, 20.0])
    estimate = InitialDisparity(4)(replace(pair, keypoints=keypoints))
    assert (on_person(pair, estimate.disparity) - 6).abs().max() < 0.3


def test_spread_is_metres_times_pixels_per_metre(make_plane):
    pair = make_plane(64, 96, disparity=20, offset=-4.0)
    estimate = InitialDisparity(4)(pair)
    disparity = estimate.disparity.double()
    rig = pair.cameras.to(torch.float64)
    step = 1e-5
    moved = depth_to_disparity(disparity_to_depth(disparity, rig) + step, rig)
    assert torch.allclose(estimate.per_metre.double(), (disparity - moved) / step, rtol=1e-3)
    metres = on_person(pair, estimate.spread / estimate.per_metre)
    assert metres.min() > 0.05 and metres.max() < 0.25


def test_nobody_in_the_picture_stays_finite(make_plane):
    pair = make_plane(64, 96, disparity=6)
    empty = replace(pair, masks=0 * pair.masks, scores=0 * pair.scores)
    estimate = InitialDisparity(4)(empty)
    for values in (estimate.disparity, estimate.spread, estimate.per_metre):
        assert values.isfinite().all()
    assert (estimate.spread > 0).all()
