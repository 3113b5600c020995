"""The page about a rig whose cameras are held out in turn, from small captures on disk."""

import csv
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.cli import main

SETTINGS = "{rectify: {size: [160, 160]}, frames: 2, evaluate: {crops: [bbox], lpips_weights: null}}"


def rig(folder: Path, *azimuths: float, frames: int = 2) -> Path:
    """A capture of the balloon person without truth, by cameras at these angles in degrees."""
    cameras = {f"c{i}": helpers.lens(azimuth, size=(160, 160)) for i, azimuth in enumerate(azimuths)}
    helpers.write_sphere_capture(folder, frames=frames, cameras=cameras, depths=False)
    return folder


def assess(capture: Path, output: Path, *options: str) -> str:
    main(["assess", str(capture), "--output", str(output), "--settings", SETTINGS, "--device", "cpu", *options])
    return output.read_text(encoding="utf-8")


def rows(page: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(page.with_suffix(".csv").open()))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The page about three cameras, and what was printed."""
    folder = tmp_path_factory.mktemp("three")
    return folder / "page.html", assess(rig(folder / "walk", -20, 0, 20), folder / "page.html")


def test_the_middle_camera_is_held_out_and_measured(three):
    page, _ = three
    found = rows(page)
    assert {(row["capture"], row["pair"], row["camera"]) for row in found if row["scope"] == "bbox"} == {
        ("walk", "c0-c2", "c1")
    }
    psnr = {
        method: [float(row["value"]) for row in found if (row["method"], row["metric"]) == (method, "psnr")]
        for method in ("model", "plane_warp")
    }
    assert len(psnr["model"]) == 2, "one for each frame"
    assert min(psnr["model"]) > max(psnr["plane_warp"]) + 3


def test_the_page_shows_views_advice_and_what_is_unknown(three):
    _, text = three
    assert text.count("<img") == 4, "truth, model, plain warp and the error"
    assert "30 to 45° (mean 40°)" in text
    assert text.count('<tr class="use">') == 2, "the pairs c0, c1 and c1, c2"
    assert "all cameras look from one side: the person is not seen from the other 320 degrees" in text
    assert "pairs less than 40 degrees apart are narrower than any that was measured" in text
    assert "the masks are given" in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_two_cameras_cannot_know(tmp_path, capsys):
    text = assess(rig(tmp_path / "walk", -11, 11), tmp_path / "page.html", "--frames", "0:1")
    assert "how good the views are cannot be known: there are two cameras" in capsys.readouterr().out
    assert "half way, no truth" in text
    assert "one frame: whether the cameras are synchronised" in text
    assert rows(tmp_path / "page.html") == []


def darkened(folder: Path, camera: str) -> Path:
    """The capture, with images of a camera that are half as bright."""
    for path in (folder / "images" / camera).iterdir():
        cv2.imwrite(str(path), np.asarray(cv2.imread(str(path))) // 2)
    return folder


@pytest.mark.parametrize("command", ["assess", "inspect"])
def test_one_line_names_the_pairs_whose_colours_are_changed(command, tmp_path, capsys):
    capture = darkened(rig(tmp_path / "walk", -20, 0, 20), "c2")
    rectify = "{size: [160, 160]}"
    settings = {"assess": f"{{rectify: {rectify}, frames: 1, evaluate: {{lpips_weights: null}}}}", "inspect": rectify}
    main([command, str(capture), "--output", str(tmp_path / "page.html"), "--settings", settings[command]])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "colours" in line]
    changes = dict(part.split(" by ") for part in line.removeprefix("colours: ").split(", "))
    expected = {"assess": {"c0-c1", "c0-c2", "c1-c2"}, "inspect": {"c0-c1", "c1-c2"}}
    assert set(changes) <= expected[command]
    assert int(changes["c1-c2"].removesuffix(" %")) > 20 > int(changes.get("c0-c1", "0 %").removesuffix(" %"))


def test_no_pair_can_be_rectified(tmp_path, capsys):
    capture = rig(tmp_path / "walk", 0, 100)
    with helpers.exits(capsys, names=["no two source cameras stand within 90 degrees"]):
        assess(capture, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_settings_are_checked(tmp_path, capsys):
    with helpers.exits(capsys, names=["mmpose needs an environment of its own"]):
        main(["assess", str(tmp_path), "-o", "x.html", "--settings", "{detector: {config: a, weights: b}}"])
