"""The player's frames, decoded from the description of the format, and its page in a real browser."""

import io
import json
import re
import shutil

import helpers
import numpy as np
import pytest
import report_files
import torch
from browser import CHROMIUM, browser, until
from PIL import Image
from scipy.spatial.transform import Rotation

from posegaussian.cli import main
from posegaussian.errors import UserError
from posegaussian.export import player
from posegaussian.export.pixel_frames import pack_frame, view_record
from posegaussian.geometry.projection import unproject_pixels
from posegaussian.types import Camera, Gaussians

FOCAL, SIZE = 600.0, 40


def camera(azimuth, principal):
    """A camera 2 m from the origin, which it looks at."""
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.from_numpy(Rotation.from_euler("yxz", [azimuth, 8, 3], degrees=True).as_matrix())
    pose[2, 3] = 2
    intrinsics = torch.tensor([[FOCAL, 0, principal], [0, FOCAL, 21.5], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, pose, SIZE, SIZE)


CAMERAS = camera(-10, 19.0), camera(12, 22.25)


@pytest.fixture
def gaussians():
    """One Gaussian per pixel of a box in each view, as the network makes them, without those of a few pixels."""
    rng = torch.Generator().manual_seed(0)
    parts = []
    for each, (x, y, width, height) in zip(CAMERAS, ((3, 5, 20, 30), (8, 2, 25, 28)), strict=True):
        grid = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"), -1).reshape(-1, 2)
        pixels = (grid + torch.tensor([x, y]) + 0.5).double()
        n = len(pixels)
        depths = 2 + 0.2 * torch.rand(n, generator=rng).double()
        opacities = torch.rand(n, generator=rng) * 0.9 + 0.1
        opacities[5::17] = 0
        parts.append(
            Gaussians(
                means=unproject_pixels(pixels, depths, each).float(),
                quaternions=torch.randn(n, 4, generator=rng),
                scales=(depths[:, None] / FOCAL).float() * torch.exp(torch.rand(n, 3, generator=rng) * 2 - 2),
                opacities=opacities,
                colors=torch.rand(n, 3, generator=rng),
            )
        )
    return parts[0].map(lambda first, second: torch.cat([first, second]), parts[1])


def decoded(packed, cameras):
    """A frame as the description of the format says, view by view, row by row."""
    image = np.asarray(Image.open(io.BytesIO(packed.image)).convert("RGB")).astype(float)
    record, found = packed.record, []
    parts = image.reshape(4, -1, *image.shape[1:])
    start = 0
    for each, (x0, y0, width, height) in zip(map(view_record, cameras), record["boxes"], strict=True):
        turn, (focal, cx, cy) = Rotation.from_quat(each["quaternion"]), each["pinhole"]
        for row, column in np.ndindex(height, width):
            color, (high, low, opacity), scale, rotation = parts[:, row, start + column]
            if opacity == 0:
                continue
            nearest, farthest = record["depth"]
            depth = 1 / (nearest + (farthest - nearest) * (256 * high + low) / 4095)
            pixel = np.array([x0, y0]) + record["stride"] * np.array([column, row]) + 0.5
            point = depth * np.array([*(pixel - [cx, cy]) / focal, 1])
            xyz = (rotation / 31 - 1) * record["rotation"]
            local = Rotation.from_quat([*xyz, np.sqrt(max(0, 1 - (xyz**2).sum()))])
            small, large = record["scale"]
            found.append(
                dict(
                    means=turn.apply(point) + each["position"],
                    scales=np.exp(small + (large - small) * scale / 31) * depth / focal,
                    opacities=opacity / 63,
                    colors=color / 255,
                    xyzw=(turn * local).as_quat(),
                )
            )
        start += width
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def test_a_frame_within_its_quantum(gaussians):
    packed = pack_frame(gaussians, CAMERAS)
    found, kept = decoded(packed, CAMERAS), gaussians.compact()
    assert len(found["means"]) == len(kept.means) == 1224
    low, high = packed.record["depth"]
    np.testing.assert_allclose(found["means"], kept.means, atol=0.51 * (high - low) / 4095 / low**2 * 1.02 + 2e-6)
    reach = np.subtract(*packed.record["scale"][::-1])
    np.testing.assert_allclose(np.log(found["scales"]), kept.scales.log(), atol=0.51 / 31 * reach)
    np.testing.assert_allclose(found["opacities"], kept.opacities, atol=0.51 / 63)
    np.testing.assert_allclose(found["colors"], kept.colors, atol=0.51 / 255)
    true = Rotation.from_quat(kept.quaternions.numpy(), scalar_first=True)
    errors = np.degrees((true.inv() * Rotation.from_quat(found["xyzw"])).magnitude())
    assert np.median(errors) < 3 and np.percentile(errors, 90) < 8
    assert pack_frame(gaussians, CAMERAS).image == packed.image


def test_fewer_and_larger_ones(gaussians):
    packed = pack_frame(gaussians, CAMERAS, most=400)
    found = decoded(packed, CAMERAS)
    assert packed.record["stride"] == 2 and 280 < len(found["means"]) < 400
    sizes = gaussians.scales[gaussians.opacities > 0]
    assert np.median(found["scales"]) == pytest.approx(2 * float(sizes.median()), rel=0.1)
    distances = np.linalg.norm(found["means"][:, None] - gaussians.means.numpy(), axis=-1).min(1)
    assert distances.max() < 1e-3


def test_gaussians_of_other_cameras_are_refused(gaussians):
    with helpers.refuses(UserError, "mismatched-splats"):
        pack_frame(gaussians, CAMERAS[::-1])
    twice = gaussians.map(lambda values: torch.cat([values, values[-1:]]))
    with helpers.refuses(UserError, "mismatched-splats"):
        pack_frame(twice, CAMERAS)


@pytest.fixture
def export(tmp_path):
    """Export a player of a disc that turns from red to green."""
    capture = report_files.capture(tmp_path, "person6")
    splats = report_files.write_splats(tmp_path / "splats")
    (splats / "01-02_000000.ply").unlink()

    def run(name="out", *more):
        main(["export", str(splats), "-o", str(tmp_path / name), "--as", "player", *more])
        return tmp_path / name / "player"

    return lambda *args: run("out", "--rectified", str(capture.rectified), *args) if args != ("none",) else run("none")


def test_short_sequences_are_one_page(export):
    folder = export()
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    text = (folder / "index.html").read_text(encoding="utf-8")
    (found,) = re.findall(r'class="splats">(.*?)</script>', text, re.S)
    data = json.loads(found)
    assert [frame["title"] for frame in data["pairs"][0]["frames"]] == [f"frame {i}" for i in range(4)]
    assert all(frame["image"].startswith("data:image/webp;base64,") for frame in data["pairs"][0]["frames"])
    assert data["fps"] == 12


def test_long_ones_are_a_folder(export, monkeypatch):
    monkeypatch.setattr(player, "_SINGLE", 0)
    folder = export()
    assert sorted(path.name for path in folder.iterdir()) == ["frames", "index.html", "viewer.js"]
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(text) < 10_000 and '"frames/00-01_000003.webp"' in text
    assert len([*(folder / "frames").iterdir()]) == 4


def test_it_says_which_page_to_open(export, capsys):
    page = export() / "index.html"
    assert capsys.readouterr().out.splitlines() == [str(page)]


def test_cameras_are_needed_and_nothing_stays(export, capsys, tmp_path):
    with helpers.exits(capsys, names=["--rectified"]):
        export("none")
    assert not (tmp_path / "none").exists()


def test_an_interrupted_one_leaves_nothing_and_is_finished(export, monkeypatch, tmp_path):
    calls = []

    def interrupted(*args, **keys):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return pack_frame(*args, **keys)

    monkeypatch.setattr(player, "pack_frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["export.json"]
    assert (export() / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_plays_seeks_and_turns(export, tmp_path, width):
    page_file = shutil.copy(export() / "index.html", tmp_path / "alone.html")
    viewer = "document.querySelector('.viewer').viewer"
    with browser(tmp_path / "profile") as page:
        page.open(tmp_path / "alone.html", width=width)
        page.until("document.querySelector('.viewer').dataset.state !== 'waiting'")
        assert page.run("document.documentElement.scrollWidth") <= width

        def share(channel):
            image = np.asarray(Image.open(io.BytesIO(page.picture())).convert("RGB")).astype(int)
            image = image[: int(image.shape[0] * 0.8)]
            return (image[..., channel] - image[..., 1 - channel] > 100).mean()

        until(lambda: share(0) > 0.02)  # two moments
        page.run(f"{viewer}.show(3).then(() => true)")
        until(lambda: share(1) > 0.02 and share(0) < 0.001)
        assert page.run("document.querySelector('output').textContent") == "frame 3"

        front = share(1)  # two cameras: from the side, a disc is thin
        page.run(f"(v => v.camera.position.applyAxisAngle(v.camera.up, 1.3))({viewer})")
        until(lambda: 0 < share(1) < 0.75 * front)

        page.run("document.querySelector('button.home').click()")
        page.run(f"{viewer}.show(0).then(() => true)")
        page.run("document.querySelector('button.play').click()")
        page.until(f"{viewer}.shown.frame === 2")
        assert page.run("document.querySelector('button.play').textContent") == "pause"
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == [], page_file
