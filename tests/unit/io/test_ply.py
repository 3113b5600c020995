"""The .ply that other programs read, checked by reading it without this project's reader."""

import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import UserError
from posegaussian.io.ply import read_ply, write_ply
from posegaussian.types import Gaussians


@pytest.fixture
def gaussians():
    n = 50
    opacities = torch.rand(n) * 0.9 + 0.05
    opacities[::5] = 0.0
    return Gaussians(
        means=torch.randn(n, 3),
        quaternions=torch.randn(n, 4) * 3,
        scales=torch.rand(n, 3) * 0.01 + 1e-4,
        opacities=opacities,
        colors=torch.rand(n, 3),
    )


def independent(path):
    """Parse the file with nothing but numpy and the published column order."""
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = int(lines[2].removeprefix("element vertex "))
    names = [line.removeprefix("property float ") for line in lines[3:-1]]
    return np.frombuffer(data[end:], dtype=[(name, "<f4") for name in names]), count, names


def test_columns_are_those_of_the_published_convention(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", gaussians)
    table, count, names = independent(tmp_path / "a.ply")
    assert " ".join(names) == (
        "x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
    )
    kept = gaussians.opacities.numpy() >= 1 / 255
    assert count == len(table) == kept.sum() == 40
    np.testing.assert_array_equal(table["y"], gaussians.means[kept, 1])
    np.testing.assert_allclose(1 / (1 + np.exp(-table["opacity"])), gaussians.opacities[kept], atol=1e-6)
    np.testing.assert_allclose(np.exp(table["scale_2"]), gaussians.scales[kept, 2], rtol=1e-5)
    np.testing.assert_allclose(0.28209479 * table["f_dc_0"] + 0.5, gaussians.colors[kept, 0], atol=1e-6)
    w = gaussians.quaternions[kept, 0] / gaussians.quaternions[kept].norm(dim=1)
    np.testing.assert_allclose(table["rot_0"], w, atol=1e-6)


def test_round_trip(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", gaussians)
    back, expected = read_ply(tmp_path / "a.ply"), gaussians.compact()
    torch.testing.assert_close(back.means, expected.means)
    torch.testing.assert_close(back.scales, expected.scales)
    torch.testing.assert_close(back.opacities, expected.opacities, atol=1e-6, rtol=0)
    torch.testing.assert_close(back.colors, expected.colors, atol=1e-6, rtol=0)


def test_full_opacity_stays_finite(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", Gaussians(**{**vars(gaussians), "opacities": torch.ones(50)}))
    table, _, _ = independent(tmp_path / "a.ply")
    assert all(np.isfinite(table[name]).all() for name in table.dtype.names)


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "mesh.ply").write_text("ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    with helpers.refuses(UserError, "unreadable-splats", file="mesh.ply"):
        read_ply(tmp_path / "mesh.ply")
