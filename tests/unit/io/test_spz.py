"""The .spz that other programs read, checked by a reader written from the format's description, and by gsply's."""

import gzip
import math
import struct
import warnings

import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import CaptureWarning, UserError
from posegaussian.io.spz import write_spz
from posegaussian.types import Gaussians


@pytest.fixture
def gaussians():
    n = 400
    opacities = torch.rand(n) * 0.9 + 0.05
    opacities[::5] = 0.0
    quaternions = torch.randn(n, 4) * 3
    quaternions[:4] = torch.eye(4)
    quaternions[4:8] = -torch.eye(4)
    return Gaussians(
        means=torch.randn(n, 3),
        quaternions=quaternions,
        scales=torch.rand(n, 3) * 0.01 + 1e-4,
        opacities=opacities,
        colors=torch.rand(n, 3),
    )


def independent(path):
    """Read the file byte after byte, with nothing of this project."""
    data = gzip.decompress(path.read_bytes())
    magic, version, count, degree, fraction, _, _ = struct.unpack_from("<IIIBBBB", data)
    assert (magic, version, degree) == (int.from_bytes(b"NGSP", "little"), 3, 0)
    rows, start = {name: [] for name in ("means", "opacities", "colors", "scales", "quaternions")}, 16

    def take(size):
        nonlocal start
        start += size
        return data[start - size : start]

    for _ in range(count):
        parts = take(9)
        rows["means"].append([int.from_bytes(parts[i : i + 3], "little", signed=True) / 2**fraction for i in (0, 3, 6)])
    rows["opacities"] = [byte / 255 for byte in take(count)]
    for _ in range(count):
        rows["colors"].append([0.5 + 0.28209479 * (byte / 255 - 0.5) / 0.15 for byte in take(3)])
    for _ in range(count):
        rows["scales"].append([math.exp(byte / 16 - 10) for byte in take(3)])
    for _ in range(count):
        bits, found, largest = int.from_bytes(take(4), "little"), [0.0] * 4, None
        largest = bits >> 30
        for axis in (3, 2, 1, 0):
            if axis != largest:
                found[axis] = (-1 if bits >> 9 & 1 else 1) * (bits & 511) / 511 / math.sqrt(2)
                bits >>= 10
        found[largest] = math.sqrt(max(0, 1 - sum(value**2 for value in found)))
        rows["quaternions"].append([found[3], *found[:3]])
    assert start == len(data)
    return {name: np.array(values) for name, values in rows.items()}


def check(found, gaussians):
    kept = gaussians[gaussians.opacities >= 1 / 255]
    assert len(found["means"]) == 320
    np.testing.assert_allclose(found["means"], kept.means, atol=1e-5)
    np.testing.assert_allclose(found["opacities"], kept.opacities, atol=0.51 / 255)
    np.testing.assert_allclose(found["colors"], kept.colors, atol=0.51 * 0.2821 / 0.15 / 255)
    np.testing.assert_allclose(np.log(found["scales"]), kept.scales.log(), atol=0.51 / 16)
    unit = torch.nn.functional.normalize(kept.quaternions, dim=1).numpy()
    same = np.abs((found["quaternions"] * unit).sum(1))
    assert np.degrees(2 * np.arccos(same.clip(0, 1))).max() < 0.3


def test_an_independent_reader_finds_what_was_written(tmp_path, gaussians):
    write_spz(tmp_path / "a.spz", gaussians)
    check(independent(tmp_path / "a.spz"), gaussians)


def test_gsply_finds_what_was_written(tmp_path, gaussians):
    gsply = pytest.importorskip("gsply")
    write_spz(tmp_path / "a.spz", gaussians)
    data = gsply.read_spz(tmp_path / "a.spz")
    found = dict(means=data.means, quaternions=data.quats, scales=np.exp(data.scales))
    found["opacities"] = 1 / (1 + np.exp(-data.opacities.reshape(-1)))
    found["colors"] = 0.5 + 0.28209479 * data.sh0.reshape(-1, 3)
    check(found, gaussians)


def test_same_gaussians_same_bytes_and_no_time(tmp_path, gaussians):
    for name in "ab":
        write_spz(tmp_path / name, gaussians)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes()[4:8] == bytes(4)


def test_none_at_all_is_a_file_too(tmp_path, gaussians):
    write_spz(tmp_path / "a.spz", gaussians[:0])
    assert len(independent(tmp_path / "a.spz")["means"]) == 0


def moved(gaussians, offset, unit=1.0):
    """The Gaussians elsewhere, in another unit of the world."""
    return Gaussians(**vars(gaussians) | {"means": gaussians.means * unit + offset, "scales": gaussians.scales * unit})


@pytest.mark.parametrize("offset, unit", [(127, 1), (-130, 1), (3000, 1), (0, 1000), (5000, 1000)])
def test_positions_far_from_the_origin_keep_their_place(tmp_path, gaussians, offset, unit):
    far = moved(gaussians, offset, unit)
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        write_spz(tmp_path / "a.spz", far)
    found, kept = independent(tmp_path / "a.spz"), far.compact()
    farthest = float(kept.means.abs().max())
    np.testing.assert_allclose(found["means"], kept.means, atol=max(farthest * 2.0**-23, 2.0**-17))
    np.testing.assert_allclose(np.log(found["scales"]), kept.scales.log(), atol=0.51 / 16)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.filterwarnings("ignore:.*rounds positions")
def test_the_ends_of_the_range(tmp_path, gaussians, sign):
    dot = gaussians.compact()[:1]
    for value in (128 - 2**-16, 128.0, 2.0**23 - 1):
        write_spz(tmp_path / "a.spz", Gaussians(**vars(dot) | {"means": torch.full((1, 3), sign * value)}))
        np.testing.assert_array_equal(independent(tmp_path / "a.spz")["means"], np.full((1, 3), sign * value))
    with helpers.refuses(UserError, "beyond-spz", file="b.spz"):
        write_spz(tmp_path / "b.spz", Gaussians(**vars(dot) | {"means": torch.full((1, 3), sign * 2.0**23)}))
    assert not (tmp_path / "b.spz").exists()


def test_coarse_positions_are_said(tmp_path, gaussians):
    with helpers.warns("coarse-positions", file="a.spz"):
        write_spz(tmp_path / "a.spz", moved(gaussians, 500_000))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.filterwarnings("ignore:.*rounds positions")
def test_sizes_beyond_the_range_are_said(tmp_path, gaussians, unit):
    with helpers.warns("size-beyond-spz", file="a.spz"):
        write_spz(tmp_path / "a.spz", moved(gaussians[gaussians.means.abs().amax(1) < 3], 0, unit))
