"""Views between two cameras: where they stand, where they look, and what stays where it was."""

import itertools
import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.rendering.camera_path import PathStep, camera_between, pivot_between, sweep
from posegaussian.types import Camera

PIVOT = torch.tensor([0.3, -0.2, 1.1], dtype=torch.float64)


def looking_at(angle, *, radius=2.0, height=0.0, roll=0.0, focal=500.0, size=(400, 300), target=PIVOT):
    """A camera on a circle about the target, in radians; z is up in the world."""
    offset = torch.tensor([radius * math.cos(angle), radius * math.sin(angle), height], dtype=torch.float64)
    forward = -offset / offset.norm()
    right = torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    right = right / right.norm()
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward])
    rotation = torch.from_numpy(Rotation.from_euler("z", roll).as_matrix()) @ rotation
    world_to_camera = torch.eye(4, dtype=torch.float64)
    world_to_camera[:3, :3] = rotation
    world_to_camera[:3, 3] = -rotation @ (target + offset)
    intrinsics = torch.tensor([[focal, 0, 210], [0, focal, 140], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, world_to_camera, *size)


def pixel(camera, point):
    seen = camera.intrinsics @ (camera.world_to_camera[:3, :3] @ point + camera.world_to_camera[:3, 3])
    return seen[:2] / seen[2]


def test_pivot_is_where_both_cameras_look():
    torch.testing.assert_close(pivot_between(looking_at(0.1), looking_at(0.5, height=0.4)), PIVOT)


def test_pivot_of_skew_axes_is_the_middle_of_their_common_perpendicular():
    shift = torch.tensor([0.0, 0.0, 0.1], dtype=torch.float64)
    pair = looking_at(0.0, target=PIVOT - shift), looking_at(0.4, target=PIVOT + shift)
    torch.testing.assert_close(pivot_between(*pair), PIVOT)


@pytest.mark.parametrize("radius", [2.0, -2.0])
def test_parallel_or_diverging_cameras_move_along_the_chord(radius):
    first = looking_at(0.0)
    if radius > 0:
        moved = first.world_to_camera.clone()
        moved[0, 3] -= 0.5
        second = Camera(first.intrinsics, moved, 400, 300)
    else:  # turned about by 180 degrees about their own vertical: the axes meet behind both
        about = torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0], dtype=torch.float64))
        first, second = (
            Camera(c.intrinsics, about @ c.world_to_camera, 400, 300) for c in (looking_at(0.0), looking_at(0.4))
        )
    middle = camera_between(first, second, 0.5, pivot_between(first, second))
    torch.testing.assert_close(middle.centre, (first.centre + second.centre) / 2, atol=1e-4, rtol=0)


def test_ends_are_the_cameras_themselves():
    first, second = looking_at(0.1), looking_at(0.5, focal=700.0, size=(640, 480))
    assert camera_between(first, second, 0.0, PIVOT) is first
    assert camera_between(first, second, 1.0, PIVOT) is second


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.9])
def test_centre_runs_on_the_arc_and_the_view_turns_with_it(ratio):
    expected = looking_at(0.1 + ratio * 0.4)
    camera = camera_between(looking_at(0.1), looking_at(0.5), ratio, PIVOT)
    torch.testing.assert_close(camera.centre, expected.centre)
    torch.testing.assert_close(camera.world_to_camera, expected.world_to_camera)


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_rolled_and_raised_cameras_keep_the_pivot_in_its_place(ratio):
    first, second = looking_at(0.0, roll=0.2, height=-0.3), looking_at(0.7, roll=math.pi / 2, height=0.9, radius=2.6)
    camera = camera_between(first, second, ratio, PIVOT)
    torch.testing.assert_close(pixel(camera, PIVOT), torch.tensor([210.0, 140.0], dtype=torch.float64))
    to_pivot = [c.centre - PIVOT for c in (first, camera, second)]
    assert abs(torch.linalg.det(torch.stack(to_pivot))) < 1e-9, "the centre left the plane of the arc"
    reach = [v.norm() for v in to_pivot]
    torch.testing.assert_close(reach[1], (1 - ratio) * reach[0] + ratio * reach[2])


def test_nearly_the_ends_is_nearly_the_cameras():
    first, second = looking_at(0.0, roll=0.2), looking_at(0.7, roll=-0.1, radius=2.6, focal=700.0)
    for ratio, expected in ((1e-9, first), (1 - 1e-9, second)):
        camera = camera_between(first, second, ratio, PIVOT)
        torch.testing.assert_close(camera.world_to_camera, expected.world_to_camera, atol=1e-7, rtol=0)
        torch.testing.assert_close(camera.intrinsics, expected.intrinsics, atol=1e-5, rtol=0)


def test_opposite_cameras_pass_by_the_side_not_overhead():
    camera = camera_between(looking_at(0.0), looking_at(math.pi), 0.5, PIVOT)
    assert abs(camera.centre[2] - PIVOT[2]) < 1e-6 and abs((camera.centre - PIVOT).norm() - 2) < 1e-6


def test_intrinsics_and_size_change_evenly():
    first, second = looking_at(0.0), looking_at(0.4, focal=700.0, size=(800, 600))
    camera = camera_between(first, second, 0.5, PIVOT)
    assert (camera.width, camera.height) == (600, 450)
    assert camera.intrinsics[0, 0] == pytest.approx((500 * 1.5 + 700 * 0.75) / 2)


def test_sweep_goes_there_and_back_through_every_pair():
    path = sweep([("00", "01"), ("01", "02")], frames=3, steps=8)
    assert [s.pair for s in path] == [0, 0, 0, 1, 1, 1, 1, 0] or [s.pair for s in path] == [0, 0, 1, 1, 1, 1, 1, 0]
    positions = [s.pair + s.ratio for s in path]
    assert positions == pytest.approx([1 - math.cos(2 * math.pi * i / 8) for i in range(8)])
    assert [s.frame for s in path] == [0, 1, 2, 1, 0, 1, 2, 1]


def test_sweep_stays_continuous_where_pairs_are_named_from_right_to_left():
    path = sweep([("01", "00"), ("02", "01")], frames=1, steps=100)
    positions = [s.pair + 1 - s.ratio for s in path]
    assert max(abs(b - a) for a, b in itertools.pairwise(positions)) < 0.07
    assert path[0] == PathStep(0, 0, 1.0)
