"""The reference rows where the truth is known: a patterned disc parallel to the image planes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation import baselines
from posegaussian.evaluation.metrics import psnr
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.io import store
from posegaussian.model.constants import DISPARITY_PRIOR
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, stack


@pytest.fixture
def disc(rectified):
    with store.open_checked(rectified, store.RECTIFIED) as file:
        disparity = torch.from_numpy(file["sources/disparity"][0, 0])[None]
        depth = torch.from_numpy(file["targets/depth"][0, 0])
        return read_pair(file, None, 0, 0), *read_target(file, 0, 0), disparity, depth


def inner(mask: torch.Tensor, border: int) -> torch.Tensor:
    for _ in range(border):
        mask = baselines.trimmed(mask[None])[0]
    return mask


def test_plane_warp_is_exact_on_a_parallel_plane(disc):
    """Up to bilinear interpolation of a smooth pattern, and 8 bits."""
    pair, image, mask, camera, _, depth = disc
    inside = inner(mask[0, 0] >= 0.5, 2)
    made = baselines.plane_warp(pair, camera[0], float(depth[inside].median()), mask[0, 0] >= 0.5)
    assert (made - image[0])[:, inside].abs().max() < 0.012
    assert psnr(made[:, inside][..., None], image[0][:, inside][..., None]) > 45
    assert made[:, 0, 0].max() == 0


def test_plane_warp_is_off_by_the_parallax_at_a_wrong_depth(disc):
    """At the wrong depth the image moves by f b (1/z - 1/z') and no longer fits."""
    pair, image, mask, camera, _, depth = disc
    inside = inner(mask[0, 0] >= 0.5, 2)
    made = baselines.plane_warp(pair, camera[0], 1.1 * float(depth[inside].median()), mask[0, 0] >= 0.5)
    assert psnr(made[:, inside][..., None], image[0][:, inside][..., None]) < 35


def test_plane_warp_is_black_without_a_person(disc):
    pair, _, mask, camera, _, depth = disc
    assert baselines.plane_warp(pair, camera[0], float(depth.max()), mask[0, 0] > 2).max() == 0


def test_silhouettes_meet_at_the_person(disc):
    """A flat disc has no thickness: its centroids meet in it, and the surface of a body would be nearer.

    Up to 4 cm: the images of the sources cut off a sliver of the disc.
    """
    pair, _, mask, camera, _, depth = disc
    shown = mask[0, 0] >= 0.5
    expected = float(depth[shown & (depth > 0)].median()) - DISPARITY_PRIOR.skin_offset
    assert baselines.person_distance(pair, camera[0], shown) == pytest.approx(expected, abs=0.04)
    assert baselines.person_distance(pair, camera[0], mask[0, 0] > 2) == 0


def around(*degrees: float) -> Camera:
    """Cameras on a circle of two metres about the origin."""
    cameras = []
    for angle in np.radians(degrees):
        pose = torch.eye(4)
        pose[:3, 3] = -torch.tensor([2 * np.sin(angle), 0.0, -2 * np.cos(angle)])
        cameras.append(Camera(torch.eye(3), pose, 8, 8))
    return stack(cameras)


@pytest.mark.parametrize("target, nearer", [(0.0, 0), (0.3, 0), (-0.3, 0), (5.0, 1), (-5.0, 0), (40.0, 1), (180.0, 0)])
def test_nearer_source_and_ties(target, nearer):
    """The first takes a tie, and what is as good as one, so that frames do not flip between the two."""
    assert baselines.nearer_source(around(-11.25, 11.25), around(target)[0], torch.zeros(3)) == nearer


def test_gt_depth_is_near_the_truth(disc):
    pair, image, mask, camera, disparity, _ = disc
    made = baselines.gt_depth(pair, camera[0], disparity)
    inside = inner(mask[0, 0] >= 0.5, 4)
    assert psnr(made[:, inside][..., None], image[0][:, inside][..., None]) > 30
    assert psnr(made, image[0]) > 25
    assert made[:, 0, 0].max() == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_gaussians_fit_best_where_the_camera_is(disc, axis):
    """Half-pixel mistakes die here: the best shift of the target camera is none.

    Those in front hide a part of those behind and so pull the image towards themselves; on this disc all are equally
    near, so that the order is the index, and both orders together pull nowhere.
    """
    pair, image, mask, camera, disparity, _ = disc
    gaussians = baselines.gaussians_from_depth(pair, disparity_to_depth(disparity, pair.cameras))
    inside = inner(mask[0, 0] >= 0.5, 4)
    shifts = np.array([-0.5, -0.25, 0.0, 0.25, 0.5])
    best = []
    for order in (gaussians, gaussians[torch.arange(len(gaussians.means)).flip(0)]):
        errors = []
        for shift in shifts:
            intrinsics = camera.intrinsics[0].clone()
            intrinsics[axis, 2] += shift
            moved = replace(camera[0], intrinsics=intrinsics)
            made = rasterize(order, moved, semantics=ANTIALIASED).colors
            errors.append(float((made - image[0])[:, inside].square().mean()))
        curve = np.polyfit(shifts, errors, 2)
        assert curve[0] > 0
        best.append(-curve[1] / (2 * curve[0]))
    assert abs(np.mean(best)) < 0.05


def test_gaussians_have_half_a_footprint_and_no_rim(disc):
    pair, _, _, _, disparity, _ = disc
    gaussians = baselines.gaussians_from_depth(pair, disparity_to_depth(disparity, pair.cameras))
    masks = pair.masks[0, :, 0] >= 0.5
    assert len(gaussians.means) == int(baselines.trimmed(masks).sum()) < int(masks.sum())
    torch.testing.assert_close(gaussians.means[:, 2], torch.full_like(gaussians.means[:, 2], 2.0), rtol=1e-4, atol=0)
    footprint = 2.0 / pair.cameras.intrinsics[0, 0, 0, 0]
    torch.testing.assert_close(gaussians.scales, torch.full_like(gaussians.scales, 0.5 * footprint), rtol=1e-4, atol=0)


def test_trimming_removes_one_pixel():
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    mask[0, 2:7, 1:8] = True
    expected = torch.zeros_like(mask)
    expected[0, 3:6, 2:7] = True
    assert torch.equal(baselines.trimmed(mask), expected)
    assert baselines.trimmed(torch.ones(1, 4, 4, dtype=torch.bool)).all()  # the image's border is no silhouette
