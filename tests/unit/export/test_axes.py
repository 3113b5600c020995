"""Splats in the axes of a format: which way is up, and that nothing else changes."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.cli import main
from posegaussian.export.axes import rotated, rotation_between
from posegaussian.io.ply import read_ply, write_ply
from posegaussian.types import Gaussians


def covariances(gaussians):
    turned = Rotation.from_quat(gaussians.quaternions.numpy(), scalar_first=True).as_matrix()
    axes = turned * gaussians.scales.numpy()[:, None]
    return axes @ axes.transpose(0, 2, 1)


@pytest.fixture
def gaussians():
    torch.manual_seed(0)
    return Gaussians(torch.randn(9, 3), torch.randn(9, 4), torch.rand(9, 3), torch.rand(9) / 2 + 0.5, torch.rand(9, 3))


@pytest.mark.parametrize("target", ["y", "-y"])
@pytest.mark.parametrize("up", ["x", "-x", "y", "-y", "z", "-z"])
def test_up_is_up_and_shapes_turn_along(gaussians, up, target):
    rotation = rotation_between(up, target)
    assert torch.linalg.det(rotation) == 1
    axis = (1 - 2 * up.startswith("-")) * torch.eye(3).double()["xyz".index(up[-1])]
    assert (rotation @ axis).tolist() == [0, -1 if target == "-y" else 1, 0]
    found = rotated(gaussians, rotation)
    plain = rotation.numpy()
    np.testing.assert_array_equal(found.means, (gaussians.means.numpy() @ plain.T).astype(np.float32))
    np.testing.assert_allclose(covariances(found), plain @ covariances(gaussians) @ plain.T, atol=1e-6)


def test_unknown_up_keeps_the_world(gaussians):
    assert rotated(gaussians, rotation_between(None, "-y")) is gaussians


def test_the_command_turns_to_each_format_and_takes_the_users_word(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", gaussians)
    more = ["--as", "ply", "ply62", "--settings", "{up: z, file_up: {ply62: y}}"]
    main(["export", str(tmp_path / "a.ply"), "-o", str(tmp_path / "out"), *more])
    x, y, z = gaussians.means.T
    np.testing.assert_array_equal(read_ply(tmp_path / "out/ply/a.ply").means, torch.stack([x, -z, y], 1))
    np.testing.assert_array_equal(read_ply(tmp_path / "out/ply62/a.ply").means, torch.stack([x, z, -y], 1))
