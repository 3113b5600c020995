"""Which cameras a capture has: those that were asked for, or else those with a calibration and images."""

import json
import shutil

import helpers
import pytest
from layouts import RIG, WRITERS, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.errors import CaptureError


def test_a_camera_without_footage_is_left_out_unless_it_is_asked_for(tmp_path):
    write_toml(tmp_path)
    path = tmp_path / "calibration/Calib_scene.toml"
    spare = path.read_text().partition("[cam_b]")[0].replace("cam_a", "cam_c").replace('name = "a"', 'name = "c"')
    path.write_text(spare + path.read_text())
    with helpers.warns("camera-without-footage", camera="c"):
        capture = read_capture(tmp_path)
    assert sorted(capture.sources) == sorted(RIG)
    with helpers.refuses(CaptureError, "no-images", camera="c"):
        read_capture(tmp_path, cameras=("a", "c"))


def test_no_file_of_another_camera_is_looked_for(tmp_path):
    helpers.write_sphere_capture(tmp_path, size=(40, 32), samples=1)
    shutil.rmtree(tmp_path / "images/01")
    with helpers.refuses(CaptureError, "no-images", camera="01"):
        read_capture(tmp_path)
    capture = read_capture(tmp_path, cameras=("00", "t00"))
    assert (capture.sources, capture.held_out, capture.pairs) == (("00",), ("t00",), ())


def test_roles_of_the_user(tmp_path):
    helpers.write_sphere_capture(tmp_path, size=(40, 32), samples=1)
    capture = read_capture(tmp_path, cameras=("00", "01"), held_out=("t00",))
    assert (capture.sources, capture.held_out) == (("00", "01"), ("t00",))
    capture = read_capture(tmp_path, cameras=("t00", "00"), held_out=("01",))
    assert (capture.sources, capture.held_out) == (("00", "t00"), ("01",))
    (tmp_path / "rig.json").write_text(json.dumps({"sources": ["00"]}))
    assert read_capture(tmp_path, cameras=("00", "01")).sources == ("00", "01")


@pytest.mark.parametrize("kind", WRITERS)
def test_an_unknown_camera(kind, tmp_path):
    write, name, lenses = WRITERS[kind]
    if name == "colmap":
        pytest.importorskip("pycolmap")
    write(tmp_path)
    known = next(iter(lenses))
    with helpers.refuses(CaptureError, "unknown-camera", camera="x") as error:
        read_capture(tmp_path, cameras=(known, "x"))
    assert known in error.value.what


def test_import_takes_the_cameras_that_are_named(tmp_path, capfd):
    helpers.write_sphere_capture(tmp_path / "c", size=(40, 32), samples=1)
    shutil.rmtree(tmp_path / "c/images/01")
    cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "o"), "--cameras", "00", "--targets", "t00"])
    assert "2 cameras x 2 frames" in capfd.readouterr().out
