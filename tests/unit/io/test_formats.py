"""Formats of splats for other programs, each read back by a reader that is not ours, within the format's own bounds."""

import json
import struct

import helpers
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.errors import UserError
from posegaussian.io import gltf, limits, ply, sog, spz, usd
from posegaussian.types import Gaussians

SH = 0.28209479177387814


@pytest.fixture
def gaussians():
    torch.manual_seed(0)
    n = 300
    opacities = torch.rand(n) * 0.9 + 0.05
    opacities[::3] = 0.0
    quaternions = torch.randn(n, 4) * 2
    quaternions[1:9] = torch.cat([torch.eye(4), -torch.eye(4)])
    means, scales = torch.randn(n, 3) + torch.tensor([0, 2.0, 0]), torch.rand(n, 3) * 0.01 + 1e-3
    return Gaussians(means, quaternions, scales, opacities, torch.rand(n, 3))


def compare(found, gaussians, *, mean=1e-6, log_scale=1e-5, opacity=1e-6, color=1e-6, degrees=1e-2):
    """What a reader found against the visible Gaussians; `found` has linear scales and opacities, and wxyz."""
    kept = gaussians.compact()
    assert len(found["means"]) == len(kept.means) == 200
    np.testing.assert_allclose(found["means"], kept.means, atol=mean)
    np.testing.assert_allclose(np.log(found["scales"]), kept.scales.log(), atol=log_scale)
    np.testing.assert_allclose(np.ravel(found["opacities"]), kept.opacities, atol=opacity)
    np.testing.assert_allclose(found["colors"], kept.colors, atol=color)
    true, read = (
        Rotation.from_quat(np.asarray(q, float), scalar_first=True) for q in (kept.quaternions, found["wxyz"])
    )
    assert np.degrees((true.inv() * read).magnitude()).max() < degrees


def by_others(path):
    """A file as gaussforge converts it to .ply, read by gsply."""
    gaussforge, gsply = pytest.importorskip("gaussforge"), pytest.importorskip("gsply")
    plain = path
    if path.suffix != ".ply":
        converted = gaussforge.GaussForge().convert(path.read_bytes(), path.suffix[1:], "ply")
        assert "error" not in converted, converted
        plain = path.with_suffix(".converted.ply")
        plain.write_bytes(bytes(converted["data"]))
    data = gsply.plyread(plain)
    return dict(
        means=data.means,
        scales=np.exp(data.scales.astype(np.float64)),
        opacities=1 / (1 + np.exp(-data.opacities.astype(np.float64))),
        colors=0.5 + SH * data.sh0.reshape(-1, 3),
        wxyz=data.quats,
    )


@pytest.mark.parametrize("write", [ply.write_ply, ply.write_ply62])
def test_ply_is_exact(tmp_path, gaussians, write):
    write(tmp_path / "a.ply", gaussians)
    compare(by_others(tmp_path / "a.ply"), gaussians)
    header = (tmp_path / "a.ply").read_bytes().split(b"end_header")[0]
    assert header.count(b"property float") == (62 if write is ply.write_ply62 else 17)
    again = ply.read_ply(tmp_path / "a.ply")
    assert torch.equal(again.means, gaussians.compact().means)
    compare({**vars(again), "wxyz": again.quaternions}, gaussians)


@pytest.mark.parametrize("write", [spz.write_spz, spz.write_spz4])
def test_both_versions_of_spz(tmp_path, gaussians, write):
    if write is spz.write_spz4:
        pytest.importorskip("zstandard")
    write(tmp_path / "a.spz", gaussians)
    quantum = dict(mean=2.0**-17, log_scale=0.51 / 16, opacity=0.51 / 255, color=0.51 * SH / 0.15 / 255, degrees=0.3)
    compare(by_others(tmp_path / "a.spz"), gaussians, **quantum)


def test_sog_within_its_quantum(tmp_path, gaussians):
    sog.write_sog(tmp_path / "a.sog", gaussians)
    kept = gaussians.compact()
    farthest = float(kept.means.abs().max())
    quantum = dict(
        mean=0.51 * (1 + farthest) * 2 * np.log1p(farthest) / 65535,
        log_scale=0.51 / 255 * float(np.ptp(kept.scales.log().numpy())),
        opacity=0.51 / 255,
        color=0.51 / 255,
        degrees=1.0,
    )
    compare(by_others(tmp_path / "a.sog"), gaussians, **quantum)
    sog.write_sog(tmp_path / "b.sog", gaussians)
    assert (tmp_path / "a.sog").read_bytes() == (tmp_path / "b.sog").read_bytes()


def glb_arrays(path):
    """The document and the arrays of a .glb, by the rules of glTF 2.0."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    if len(data) == 20 + size:
        return document, {}
    body = data[28 + size :]
    assert struct.unpack_from("<I4s", data, 20 + size) == (len(body), b"BIN\0")
    arrays = {}
    for name, index in document["meshes"][0]["primitives"][0]["attributes"].items():
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        raw = body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        kind = {5126: "<f4", 5121: "u1"}[accessor["componentType"]]
        arrays[name.rpartition(":")[2]] = np.frombuffer(raw, kind).reshape(accessor["count"], -1)
    return document, arrays


def test_glb_is_exact(tmp_path, gaussians):
    gltf.write_glb(tmp_path / "a.glb", gaussians)
    document, arrays = glb_arrays(tmp_path / "a.glb")
    assert document["extensionsUsed"] == ["KHR_gaussian_splatting"]
    assert document["meshes"][0]["primitives"][0]["mode"] == 0
    found = dict(means=arrays["POSITION"], scales=arrays["SCALE"], opacities=arrays["OPACITY"])
    found |= dict(colors=0.5 + SH * arrays["SH_DEGREE_0_COEF_0"], wxyz=np.roll(arrays["ROTATION"], 1, axis=1))
    compare(found, gaussians)
    np.testing.assert_allclose(arrays["COLOR_0"][:, :3] / 255, gaussians.compact().colors, atol=0.51 / 255)
    position = document["accessors"][0]
    np.testing.assert_array_equal(
        [position["min"], position["max"]], [m(arrays["POSITION"], 0) for m in (np.min, np.max)]
    )


def test_usd_is_exact_frame_by_frame(tmp_path, gaussians):
    pytest.importorskip("pxr")
    from pxr import Usd, UsdVol  # pyright: ignore[reportMissingImports]

    files = [(number, tmp_path / "frames" / f"{number}.usdc") for number in (4, 5)]
    moved = Gaussians(**vars(gaussians) | {"means": gaussians.means + 1})
    usd.write_usd(files[0][1], gaussians, 4)
    usd.write_usd(files[1][1], moved[gaussians.means[:, 0] > 0], 5)
    usd.write_usd_clips(tmp_path / "all.usda", files, 25)
    stage = Usd.Stage.Open(str(tmp_path / "all.usda"))
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (4, 5, 25)
    splat = UsdVol.ParticleField3DGaussianSplat(stage.GetDefaultPrim())
    assert splat.GetRadianceSphericalHarmonicsDegreeAttr().Get() == 0
    found = dict(
        means=splat.GetPositionsAttr().Get(4),
        scales=np.array(splat.GetScalesAttr().Get(4)),
        opacities=splat.GetOpacitiesAttr().Get(4),
        colors=0.5 + SH * np.array(splat.GetRadianceSphericalHarmonicsCoefficientsAttr().Get(4)),
        wxyz=[[q.GetReal(), *q.GetImaginary()] for q in splat.GetOrientationsAttr().Get(4)],
    )
    compare(found, gaussians)
    later = moved[gaussians.means[:, 0] > 0].compact().means
    np.testing.assert_array_equal(splat.GetPositionsAttr().Get(5), later)


@pytest.mark.parametrize("write, suffix", [(spz.write_spz, "spz"), (sog.write_sog, "sog"), (gltf.write_glb, "glb")])
def test_nobody_at_all_is_a_file_too(tmp_path, gaussians, write, suffix):
    write(tmp_path / f"a.{suffix}", gaussians[:0])
    if suffix == "glb":
        assert "meshes" not in glb_arrays(tmp_path / "a.glb")[0]
    else:
        import gsply

        assert suffix == "sog" or len(gsply.read_spz(tmp_path / "a.spz").means) == 0


def test_too_many_are_refused(tmp_path):
    limits.check_count(10, 10, ".spz", None)
    with helpers.refuses(UserError, "too-many-gaussians", file="a.spz"):
        limits.check_count(11, 10, ".spz", tmp_path / "a.spz")


def test_coarse_positions_of_sog_are_said(tmp_path, gaussians):
    far = Gaussians(**vars(gaussians) | {"means": gaussians.means + torch.tensor([0.0, 0, 1000])})
    sog.write_sog(tmp_path / "ok.sog", far)
    wide = Gaussians(**vars(gaussians) | {"means": gaussians.means * 1000})
    with helpers.warns("coarse-positions", file="a.sog"):
        sog.write_sog(tmp_path / "a.sog", wide)
