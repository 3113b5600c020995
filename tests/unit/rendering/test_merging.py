"""Several pairs in one image, on spheres whose Gaussians are exact."""

import numpy as np
import pytest
import torch

from posegaussian.geometry.projection import project
from posegaussian.rendering.merging import merge_pairs, within_reach
from posegaussian.rendering.reconstruct import FrameReconstruction, render
from posegaussian.types import Camera, Gaussians, stack

SIZE, FOCAL, RADIUS = 64, 70.0, 0.4


def camera(angle):
    """2 m from the origin at an angle in degrees, looking at it."""
    a = np.radians(angle)
    pose = torch.eye(4)
    pose[:3, :3] = torch.tensor([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    pose[2, 3] = 2.0
    return Camera(torch.tensor([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1]]), pose, SIZE, SIZE)


def reconstruction(pair, angles, kept=None, color=(0.2, 0.4, 0.8)):
    """What two cameras see of a sphere, one Gaussian per point of a grid on it; `kept` drops some of it."""
    generator = torch.Generator().manual_seed(pair)
    normals = torch.nn.functional.normalize(torch.randn(20000, 3, generator=generator), dim=-1)
    cameras = stack([camera(a) for a in angles])
    seen = torch.stack([(normals * (c / c.norm())).sum(-1) > 0.2 for c in cameras.centre]).any(0)
    points = RADIUS * normals[seen]
    points = points if kept is None else points[kept(points)]
    n = len(points)
    gaussians = Gaussians(
        points, torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1), torch.full((n, 3), 0.012), torch.full((n,), 0.95),
        torch.tensor([color]).repeat(n, 1),
    )  # fmt: skip
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    edge = FOCAL * RADIUS / np.sqrt(4 - RADIUS**2)
    mask = ((x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 < edge**2).float()
    return FrameReconstruction(pair, 0, gaussians, torch.zeros((2, SIZE, SIZE)), mask.expand(2, 1, -1, -1), cameras)


def coverage(gaussians, view):
    return render(gaussians, view, backend="numba").alphas[0]


def test_a_neighbour_fills_what_the_nearer_pair_does_not_see():
    near = reconstruction(0, (-10, 10), kept=lambda p: p[:, 1] < 0.1)
    other, view = reconstruction(1, (10, 30), color=(0.9, 0.1, 0.1)), camera(8)
    whole = coverage(reconstruction(2, (-10, 10)).gaussians, view) > 0.9
    assert (coverage(near.gaussians, view) > 0.9)[whole].float().mean() < 0.8
    both = merge_pairs(near, [other], view, "numba")
    assert (coverage(both, view) > 0.9)[whole].float().mean() > 0.96, "but for a seam of a pixel around the hole"
    alone, together = (render(g, view, backend="numba").colors for g in (near.gaussians, both))
    certain = -torch.nn.functional.max_pool2d(-coverage(near.gaussians, view)[None], 5, 1, 2)[0] > 0.99
    assert (alone - together).abs()[:, certain].max() < 0.02, "what is seen well stays as it is"


def test_nothing_is_added_beside_what_is_opaque():
    near, view = reconstruction(0, (-10, 10), kept=lambda p: p[:, 1] < 0.1), camera(8)
    other = reconstruction(1, (10, 30))
    opaque = torch.nn.functional.max_pool2d(coverage(near.gaussians, view)[None], 3, 1, 1)[0] > 0.99
    merged = merge_pairs(near, [other], view, "numba")
    added = merged[len(near.gaussians.means) :]
    x, y = project(added.means, view)[0].long().unbind(-1)
    beside = added.opacities[opaque[y, x]].sum() / added.opacities.sum()
    assert beside < 0.02, "soft edges of the person are no holes"


def test_what_is_off_a_silhouette_is_not_believed():
    near, view = reconstruction(0, (-10, 10)), camera(5)
    wild = reconstruction(1, (10, 30))
    far = Gaussians(**(vars(wild.gaussians) | {"means": wild.gaussians.means + torch.tensor([0.5, 0.0, 0.0])}))
    wild = FrameReconstruction(1, 0, far, wild.disparity, wild.masks, wild.cameras)
    before, after = coverage(near.gaussians, view), coverage(merge_pairs(near, [wild], view, "numba"), view)
    assert coverage(far, view)[:, 50:].max() > 0.9
    assert (after - before).abs().max() < 0.05


def test_two_views_stay_as_they_are_and_nothing_is_harmless():
    near, view = reconstruction(0, (-10, 10)), camera(0)
    assert merge_pairs(near, [], view, "numba") is near.gaussians
    nobody = FrameReconstruction(1, 0, near.gaussians[:0], near.disparity, 0 * near.masks, near.cameras)
    assert len(merge_pairs(near, [nobody], view, "numba").means) == len(near.gaussians.means)
    assert len(merge_pairs(nobody, [near], view, "numba").means) == 0


@pytest.mark.parametrize(("angle", "expected"), [(-15, [0, 1, 2]), (38, [2, 1, 0]), (12, [1, 2, 0])])
def test_neighbours_come_in_the_order_of_their_angle(angle, expected):
    ring = [reconstruction(pair, (20 * pair - 20, 20 * pair)) for pair in range(3)]
    assert [m.pair for m in within_reach(ring, camera(angle))] == expected


@pytest.mark.parametrize(("angle", "expected"), [(60, [1]), (90, []), (180, [])])
def test_pairs_that_look_from_elsewhere_are_no_neighbours(angle, expected):
    assert [each.pair for each in within_reach([reconstruction(1, (-10, 10))], camera(angle))] == expected
