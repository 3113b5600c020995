"""`posegaussian export`: the splats are seen from where they should, and an interrupted export is finished."""

import json
import sys
from dataclasses import replace

import av
import cv2
import helpers
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.cli import main
from posegaussian.io import store
from posegaussian.io.ply import read_ply, write_ply
from posegaussian.rendering.camera_path import orbit_camera
from posegaussian.types import Camera, Gaussians

SIZE = 64


def dot(position, colour) -> Gaussians:
    """One opaque ball of 3 cm."""
    means = torch.tensor([position], dtype=torch.float32)
    ball = dict(quaternions=torch.tensor([[1.0, 0, 0, 0]]), scales=torch.full((1, 3), 0.03), opacities=torch.ones(1))
    return Gaussians(means=means, colors=torch.tensor([colour], dtype=torch.float32), **ball)


def both(first: Gaussians, second: Gaussians) -> Gaussians:
    return Gaussians(**{name: torch.cat([value, getattr(second, name)]) for name, value in vars(first).items()})


@pytest.fixture
def splats(tmp_path):
    """A red ball at the pivot, two metres ahead, and a green one 0.4 m to the right of it, in two frames of a pair."""
    for frame in (4, 5):
        write_ply(
            tmp_path / "splats" / f"00-01_{frame:06d}.ply", both(dot([0, 0, 2], [1, 0, 0]), dot([0.4, 0, 2], [0, 1, 0]))
        )
    return tmp_path / "splats"


@pytest.fixture
def rectified(tmp_path):
    """Two cameras 40 degrees apart about (0, 0, 2)."""
    poses = []
    for angle in (20, -20):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("y", angle, degrees=True).as_matrix()
        pose[:3, 3] = [0, 0, 2] - pose[:3, :3] @ [0, 0, 2]
        poses.append(pose)
    dims = dict(pair=1, frame=2, target=0, coefficients=5, height=16, width=16, target_height=16, target_width=16)
    without = ("sources/disparity", "sources/valid", "targets/depth", "joints")
    path = tmp_path / "c.h5"
    with store.create(path, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={}, without=without) as writer:
        writer["frames"] = [4, 5]
        writer["sources/pairs"] = [["00", "01"]]
        writer["sources/original/intrinsics"] = np.array([[60, 0, 32], [0, 60, 32], [0, 0, 1]])
        writer["sources/original/world_to_camera"] = poses
        writer["sources/original/size"] = SIZE
    return path


def export(splats, output, *more):
    main(["export", str(splats), "-o", str(output), *map(str, more)])


def centre(image, channel):
    """Where a colour lies, in pixels with centres at +0.5: (x, y)."""
    weights = image[..., channel].astype(float)
    rows, columns = np.indices(weights.shape)
    return np.array([((columns + 0.5) * weights).sum(), ((rows + 0.5) * weights).sum()]) / weights.sum()


def read(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image[..., ::-1] if image.ndim == 3 else image


def test_orbit_keeps_the_pivot_and_turns_the_rest(splats, rectified, tmp_path):
    out, settings = tmp_path / "out", f"{{steps: 4, size: [{SIZE}, {SIZE}]}}"
    export(
        splats,
        out,
        "--as",
        "images",
        "alpha",
        "depth",
        "--path",
        "orbit",
        "--rectified",
        rectified,
        "--settings",
        settings,
    )
    for step, x in enumerate((32 + 60 * 0.4 / 2, None, 32 - 60 * 0.4 / 2, None)):
        image, alpha, depth = (read(out / kind / f"{step:06d}.png") for kind in ("images", "alpha", "depth"))
        assert image.shape == (SIZE, SIZE, 3) and alpha.shape == depth.shape == (SIZE, SIZE)
        assert depth.dtype == np.uint16
        if x is not None:  # in the quarters between, one ball stands before the other
            np.testing.assert_allclose(centre(image, 0), [32, 32], atol=0.1)
            np.testing.assert_allclose(centre(image, 1), [x, 32], atol=0.1)
            assert depth[32, 32] == pytest.approx(20000, abs=2)
        assert alpha[32, 32] > 120 and alpha[2, 2] == depth[2, 2] == 0


def test_between_ends_at_the_cameras(splats, rectified, tmp_path):
    out, settings = tmp_path / "out", f"{{steps: 8, size: [{SIZE}, {SIZE}]}}"
    export(splats, out, "--as", "video", "--rectified", rectified, "--settings", settings)
    for step, angle in ((0, 20), (4, -20)):
        point = Rotation.from_euler("y", angle, degrees=True).as_matrix() @ [0.4, 0, 0] + [0, 0, 2]
        image = read(out / "images" / f"{step:06d}.png")
        np.testing.assert_allclose(centre(image, 1), [32 + 60 * point[0] / point[2], 32], atol=0.15)
    with av.open(str(out / "video.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 8
    np.testing.assert_allclose(centre(frames[0], 1), centre(read(out / "images/000000.png"), 1), atol=0.7)


def test_cameras_of_the_users_own(splats, tmp_path):
    pose = np.eye(4)
    pose[0, 3] = 0.1
    camera = {"intrinsics": [[80, 0, 30], [0, 80, 20], [0, 0, 1]], "world_to_camera": pose.tolist(), "size": [60, 40]}
    (tmp_path / "path.json").write_text(json.dumps({"cameras": [camera] * 3}))
    export(splats, tmp_path / "out", "--as", "images", "--path", tmp_path / "path.json")
    images = [read(path) for path in sorted((tmp_path / "out/images").iterdir())]
    assert len(images) == 3 and images[0].shape == (40, 60, 3)
    np.testing.assert_allclose(centre(images[0], 0), [30 + 80 * 0.1 / 2, 20], atol=0.1)


def test_an_interrupted_export_is_finished_and_nothing_is_done_twice(splats, rectified, tmp_path):
    arguments = ("--as", "spz", "images", "--rectified", rectified, "--settings", "{steps: 4, size: [32, 32]}")
    export(splats, tmp_path / "whole", *arguments)
    export(splats, tmp_path / "out", *arguments)
    kept = tmp_path / "out/images/000001.png"
    for gone in ("images/000002.png", "images/000003.png", "spz/00-01_000005.spz"):
        (tmp_path / "out" / gone).unlink()
    before = kept.stat().st_mtime_ns
    export(splats, tmp_path / "out", *arguments)
    assert kept.stat().st_mtime_ns == before
    for path in (tmp_path / "whole").rglob("*.*"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_an_orbit_of_a_whole_turn_comes_home():
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.tensor(Rotation.from_euler("xyz", [0.3, 1.0, -0.2]).as_matrix())
    pose[:3, 3] = torch.tensor([0.3, -0.1, 2.0])
    camera, pivot = Camera(torch.eye(3, dtype=torch.float64), pose, 8, 8), torch.tensor([0.5, 0.2, 0.1]).double()
    torch.testing.assert_close(orbit_camera(camera, pivot, 360.0).world_to_camera, pose)
    quarter = orbit_camera(camera, pivot, 90.0)
    before, after = (c.world_to_camera @ torch.cat([pivot, torch.ones(1).double()]) for c in (camera, quarter))
    torch.testing.assert_close(before, after)
    upright = [c.world_to_camera[1, :3] for c in (camera, quarter)]
    torch.testing.assert_close(*upright)
    assert abs(float(camera.world_to_camera[2, :3] @ quarter.world_to_camera[2, :3])) < 1e-9


BAD = {"intrinsics": [[80, 0, 30], [0, 80, 20], [0, 0, 1]], "world_to_camera": [[2.0] * 4] * 4, "size": [60, 40]}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--as", "images"), "--path between"),
        (("--as", "images", "--path", "gone.json"), "gone.json"),
        (("--as", "images", "--path", "list.json"), "list.json"),
        (("--as", "images", "--path", "bad.json"), "bad.json: camera 0"),
    ],
)
def test_mistakes_are_one_line(splats, tmp_path, capsys, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bad.json").write_text(json.dumps({"cameras": [BAD]}))
    with helpers.exits(capsys, names=[named]):
        export(splats, tmp_path / "out", *arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("player",), "--as player needs the cameras"),
        (("images",), "--path between needs the cameras"),
        (("images", "--path", "gone.json"), "gone.json"),
        (("images", "--path", "bad.json"), "bad.json: camera 0"),
        (("usd",), "pip install 'posegaussian[formats]'"),
        (("cameras", "--path", "good.json"), "pip install 'posegaussian[formats]'"),
        (("exr", "--path", "good.json"), "pip install 'posegaussian[formats]'"),
    ],
)
def test_what_a_format_lacks_is_refused_before_others_are_written(
    splats, tmp_path, capsys, monkeypatch, arguments, named
):
    monkeypatch.chdir(tmp_path)
    for package in ("pxr", "OpenEXR"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "bad.json").write_text(json.dumps({"cameras": [BAD]}))
    (tmp_path / "good.json").write_text(json.dumps({"cameras": [BAD | {"world_to_camera": np.eye(4).tolist()}]}))
    with helpers.exits(capsys, names=[named]):
        export(splats, tmp_path / "out", "--as", "spz", *arguments)
    assert not (tmp_path / "out").exists()


def test_splats_of_another_capture_are_refused_before_others_are_written(splats, rectified, tmp_path, capsys):
    (splats / "00-01_000005.ply").rename(splats / "00-01_000007.ply")
    with helpers.exits(capsys, names=["no 00-01_000005.ply"]):
        export(splats, tmp_path / "out", "--as", "spz", "images", "--rectified", rectified)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"none"], ids=["cut short", "no .ply"])
def test_a_file_that_is_repaired_goes_into_the_same_folder(splats, tmp_path, capsys, damage):
    path = splats / "00-01_000004.ply"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with helpers.exits(capsys, file=path):
        export(splats, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path.write_bytes(whole)
    export(splats, tmp_path / "out")
    assert len([*(tmp_path / "out/spz").iterdir()]) == 2


def test_a_format_names_the_extra_that_it_needs(splats, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with helpers.exits(capsys, names=["pip install 'posegaussian[formats]'"]):
        export(splats, tmp_path / "out", "--as", "spz4")
    assert not (tmp_path / "out/spz4").exists()


def test_files_with_a_suffix_in_capitals(splats, tmp_path):
    for path in [*splats.iterdir()]:
        path.rename(path.with_suffix(".PLY"))
    export(splats, tmp_path / "out")
    assert len([*(tmp_path / "out/spz").iterdir()]) == 2


def test_it_says_what_to_open_also_where_all_is_there(splats, rectified, tmp_path, capsys):
    for _ in range(2):
        settings = ["--settings", "{steps: 2, size: [16, 16]}"]
        export(splats, tmp_path / "out", "--as", "ply", "video", "--rectified", str(rectified), *settings)
        places = capsys.readouterr().out.splitlines()
        assert places == [str(tmp_path / "out" / name) for name in ("ply", "video.mp4")]


def test_another_export_in_the_folder_is_not_mixed_with(splats, rectified, tmp_path, capsys):
    export(splats, tmp_path / "out")
    with helpers.exits(capsys, file=tmp_path / "out"):
        export(splats, tmp_path / "out", "--settings", "{steps: 5}")
    with helpers.exits(capsys, file=tmp_path / "none"):
        export(tmp_path / "none", tmp_path / "out2")
    (tmp_path / "mine/cameras").mkdir(parents=True)
    with helpers.exits(capsys, file=tmp_path / "mine", names=["cameras"]):
        export(splats, tmp_path / "mine", "--as", "cameras", "--rectified", str(rectified))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["cameras"]


def test_a_second_file_that_is_repaired_goes_into_the_same_folder(splats, tmp_path, capsys):
    """The first one was converted: it is kept, and still claims the folder."""
    first, second = sorted(splats.iterdir())
    whole = second.read_bytes()
    second.write_bytes(whole[:-20])
    with helpers.exits(capsys, file=second):
        export(splats, tmp_path / "out")
    kept = tmp_path / f"out/spz/{first.stem}.spz"
    before = kept.stat().st_mtime_ns
    second.write_bytes(whole)
    export(splats, tmp_path / "out")
    assert kept.stat().st_mtime_ns == before and (tmp_path / f"out/spz/{second.stem}.spz").exists()
    write_ply(first, read_ply(second)[:2])
    with helpers.exits(capsys, file=tmp_path / "out"):
        export(splats, tmp_path / "out")


@pytest.mark.parametrize("opacity", [None, 0.001], ids=["none", "none that can be seen"])
def test_no_gaussians_are_refused(splats, tmp_path, capsys, opacity):
    path = sorted(splats.iterdir())[1]
    gaussians = read_ply(path)
    few = gaussians[:0] if opacity is None else replace(gaussians, opacities=gaussians.opacities * 0 + opacity)
    write_ply(path, few)
    with helpers.exits(capsys, file=path, names=["no Gaussians"]):
        export(splats, tmp_path / "out")
    assert not (tmp_path / f"out/spz/{path.stem}.spz").exists()
