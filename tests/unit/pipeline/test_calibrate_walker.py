"""`posegaussian calibrate --person`: with landmarks of a person who walks in place of the networks."""

import json

import cv2
import numpy as np
import pytest
from filmed_boards import SIZE
from helpers import exits
from walking_person import FRAMES, HEIGHT, rig, trajectories

from posegaussian import cli
from posegaussian.captures.formats.easymocap import read_cameras
from posegaussian.io.easymocap import write_calibration
from posegaussian.pipeline import calibrate_walker

TRUE = rig("two")


@pytest.fixture
def footage(tmp_path, monkeypatch):
    """Black images of two cameras, whose landmarks are known; and the lenses, with wrong poses."""
    known = trajectories(TRUE)
    order = iter(known)
    monkeypatch.setattr(calibrate_walker, "load_blazepose", lambda: None)
    monkeypatch.setattr(calibrate_walker, "follow_alone", lambda images, _: known[next(order)][: len(list(images))])
    image = cv2.imencode(".png", np.zeros((SIZE[1], SIZE[0]), np.uint8))[1].tobytes()
    for name in TRUE:
        (tmp_path / "footage" / name).mkdir(parents=True)
        for frame in range(FRAMES):
            (tmp_path / f"footage/{name}/{frame:06d}.png").write_bytes(image)
    first = TRUE["0"].world_to_camera
    lenses = {name: type(camera)(camera.intrinsics, camera.distortion, first, *SIZE) for name, camera in TRUE.items()}
    (tmp_path / "lenses").mkdir()
    write_calibration(tmp_path / "lenses", lenses, sizes=True)
    return tmp_path


def test_poses_are_written(footage, capsys):
    output = footage / "out"
    command = ["calibrate", str(footage / "footage"), "--person", str(HEIGHT), "--lenses", str(footage / "lenses")]
    cli.main([*command, "-o", str(output)])
    printed = capsys.readouterr().out
    assert "px from their epipolar lines" in printed and "too few features" in printed, "the images are black"
    found = read_cameras(output)
    base = [np.linalg.norm(each["0"].centre - each["1"].centre) for each in (found, TRUE)]
    assert base[0] == pytest.approx(base[1], rel=0.05)
    assert found["0"].centre[2] == pytest.approx(TRUE["0"].centre[2], rel=0.1)
    content = json.loads((output / "calibration.json").read_text())
    assert content["person"] == HEIGHT and content["features"] is None
    with exits(capsys, file=output):
        cli.main([*command, "-o", str(output)])


def test_what_is_missing_is_named(footage, capsys):
    start = ["calibrate", str(footage / "footage"), "-o", str(footage / "out")]
    with exits(capsys, names=["--board", "--person"]):
        cli.main(start)
    with exits(capsys, camera="0", names=["focal length", "--lenses"]):
        cli.main([*start, "--person", str(HEIGHT)])
    with exits(capsys, names=["implausible"]):
        cli.main([*start, "--person", "180", "--lenses", str(footage / "lenses")])
    write_calibration(footage / "lenses", {"0": TRUE["0"]}, sizes=True)
    with exits(capsys, file=footage / "lenses", camera="1"):
        cli.main([*start, "--person", "1.8", "--lenses", str(footage / "lenses")])
    assert not (footage / "out").exists()
