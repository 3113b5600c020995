"""`posegaussian inspect`: the page of a good capture, and of broken ones."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import helpers
import numpy as np
import pytest
from layouts import RIG, pictures, save, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.timing import timing_problems
from posegaussian.config import RectifySettings
from posegaussian.errors import CaptureError
from posegaussian.pipeline.inspect import write_inspection
from posegaussian.preparation.mattes.computed import with_masks

AZIMUTHS = (-30, 0, 30)


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("inspect") / "good"
    rig = {f"{i:02d}": helpers.lens(azimuth, size=(96, 80)) for i, azimuth in enumerate(AZIMUTHS)}
    helpers.write_sphere_capture(root, frames=7, cameras=rig, samples=1, depths=False)
    return root


def inspect(root: Path, capsys) -> tuple[str, str]:
    """The page, and what was said."""
    page = root.parent / f"{root.name}.html"
    cli.main(["inspect", str(root), "-o", str(page), "--settings", "{color: 'off'}"])
    return page.read_text(), capsys.readouterr().out


def test_a_good_capture_has_a_page_without_warnings(capture, capsys):
    page, said = inspect(capture, capsys)
    assert "0 warnings" in said
    assert "Nothing looks wrong" in page
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is fetched
    for name in ("00", "01", "02"):
        assert f"Mask of camera {name}" in page
    assert page.count("Rectified image with scan lines") == 4
    angles = [float(value) for value in re.findall(r"<td>([\d.]+)°</td>", page)]
    np.testing.assert_allclose(angles, [30, 30, 60], atol=1.5)
    agreements = [float(value) for value in re.findall(r"agreement (\d+) %", page)]
    assert len(agreements) == 3 and min(agreements) > 85


def test_the_capture_is_read_and_masked_once_as_asked(capture, tmp_path, monkeypatch):
    calls = []

    def counted(function):
        def call(*arguments, **named):
            calls.append((function.__name__, *arguments[1:]))
            return function(*arguments, **named)

        return call

    for stage in ("inspect", "rectify"):
        for function in (read_capture, with_masks):
            monkeypatch.setattr(f"posegaussian.pipeline.{stage}.{function.__name__}", counted(function))
    asked = ["--format", "easymocap", "--frames", "2:6", "--settings", "{color: 'off', masks: median}"]
    cli.main(["inspect", str(capture), "-o", str(tmp_path / "page.html"), *asked])
    read, masked = calls
    assert read == ("read_capture", "easymocap", FrameRange(2, 6)) and masked[:2] == ("with_masks", "median")
    page = (tmp_path / "page.html").read_text()
    assert page.count("Rectified image with scan lines") == 4
    assert "data:image/jpeg" in page and "data:image/png" not in page, "PNGs of 49 cameras take 89 MB"


def test_what_takes_long_with_many_cameras_shows_progress(capture, tmp_path, monkeypatch, capsys):
    clock = iter(range(0, 100_000, 20))
    monkeypatch.setattr("posegaussian.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    cli.main(["inspect", str(capture), "-o", str(tmp_path / "page.html"), "--settings", "{color: 'off'}"])
    last = [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert {"find features 3/3", "check pair 2/2", "inspect pair 2/2"} <= set(last)


def test_broken_poses_are_said_and_shown(capture, tmp_path, capsys):
    root = tmp_path / "broken"
    shutil.copytree(capture, root)
    turned = {}
    for i, azimuth in enumerate(AZIMUTHS):
        lens = helpers.lens(azimuth, size=(96, 80))
        turned[f"{i:02d}"] = helpers.Lens(lens.matrix, lens.rotation.T, lens.centre, lens.size, lens.distortion)
    helpers.write_calibration(root, turned)
    page, said = inspect(root, capsys)
    assert "camera-to-world" in said
    assert "camera-to-world" in page


def test_a_camera_that_is_late_is_named(capture, tmp_path):
    root = tmp_path / "late"
    shutil.copytree(capture, root)
    assert timing_problems(read_capture(root), 0) == []
    for kind in ("images", "masks"):
        for frame in range(6, 1, -1):  # camera 01 shows what was two frames ago
            shutil.copy(root / kind / f"01/{frame - 2:06d}.png", root / kind / f"01/{frame:06d}.png")
    (said,) = timing_problems(read_capture(root), 0)
    assert said.startswith("camera 01 looks 2 of these frames late")


def test_an_impossible_pair_is_told_in_its_place(capture, tmp_path, capsys):
    root = tmp_path / "empty"
    shutil.copytree(capture, root)
    cv2.imwrite(str(root / "masks/01/000000.png"), np.zeros((80, 96), np.uint8))
    with helpers.exits(capsys, file=root / "masks/01/000000.png", camera="01", frame=0):
        inspect(root, capsys)
    assert not (tmp_path / "empty.html").exists()


def test_footage_matched_in_order_is_shown(tmp_path, capsys):
    root = tmp_path / "trial"
    root.mkdir()
    write_toml(root)
    for name, lens in RIG.items():
        (root / f"videos/{name}.mp4").rename(root / f"videos/GX_{ord(name)}.mp4")
        for frame in range(12):
            save(root / f"masks/{name}/{frame}.png", pictures(lens, frame)[1])
    page, said = inspect(root, capsys)
    assert "matched in the order of names (a: GX_97.mp4, b: GX_98.mp4)" in said
    assert "matched in the order of names (a: GX_97.mp4, b: GX_98.mp4)" in page
    cells = re.findall(r'<tr><th scope="row">(\w+)</th><td>(GX[^<]*)</td></tr>', page)
    assert cells == [("a", "GX_97.mp4"), ("b", "GX_98.mp4")]


def test_warnings_are_issued_where_no_page_is_written(tmp_path):
    write_toml(tmp_path / "trial")
    for name in RIG:
        (tmp_path / f"trial/videos/{name}.mp4").rename(tmp_path / f"trial/videos/GX_{ord(name)}.mp4")
    with helpers.warns("videos-in-order"), helpers.refuses(CaptureError, "no-masks", camera="a"):
        write_inspection(tmp_path / "trial", tmp_path / "x.html", RectifySettings(masks="given"))
    assert not (tmp_path / "x.html").exists()


def test_images_that_are_cut_after_the_first_frame_are_named(capture, tmp_path, capsys):
    root = Path(shutil.copytree(capture, tmp_path / "cut"))
    for frame in (3, 6):
        path = root / f"images/01/{frame:06d}.png"
        path.write_bytes(path.read_bytes()[:-200])
    page, said = inspect(root, capsys)
    assert "1 warning\n" in said
    assert "000003.png" in page and "and 1 more of this camera" in page
