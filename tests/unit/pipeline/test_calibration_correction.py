"""`rectify.calibration`: a capture of textures whose calibration file is wrong."""

import json

import cv2
import h5py
import numpy as np
import pytest
from filmed_boards import TrueCamera
from textured_scene import person_mask, photographed, source_of, turned

from posegaussian import cli
from posegaussian.io.easymocap import write_calibration

CAMERAS = {name: TrueCamera(angle, lens=(0.0, 0, 0, 0)) for name, angle in (("a", -12), ("b", 12))}
TRUE = {name: source_of(camera) for name, camera in CAMERAS.items()}


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    root = tmp_path_factory.mktemp("textured")
    for name, camera in CAMERAS.items():
        for kind, image in (("images", photographed(camera)), ("masks", person_mask(camera))):
            (root / kind / name).mkdir(parents=True)
            cv2.imwrite(str(root / kind / name / "000000.png"), image)
    (root / "rig.json").write_text(json.dumps({"sources": ["a", "b"], "targets": [], "pairs": [["a", "b"]]}))
    return root


def rectified(footage, output, cameras, **settings):
    write_calibration(footage, cameras, sizes=True)
    text = json.dumps({"size": [64, 64], "color": "off", **settings})
    cli.main(["rectify", str(footage), "-o", str(output), "--settings", text])
    return h5py.File(output)


def test_a_turned_camera_is_corrected(footage, tmp_path, capsys):
    bad = {**TRUE, "b": turned(TRUE["b"], 4.0, np.pi / 2)}
    with rectified(footage, tmp_path / "auto.h5", bad) as file:
        assert "calibration corrected: cameras a and b" in capsys.readouterr().err
        assert [name.decode() for name in file["calibration/cameras"][()]] == ["a", "b"]
        np.testing.assert_allclose(file["calibration/world_to_camera"][1], bad["b"].world_to_camera, atol=1e-9)
        before, after = file["calibration/residuals"][()].T
        assert (before > 2).all() and (after < 0.4).all()
        poses = {name: pose for name, pose in zip("ab", file["sources/original/world_to_camera"][0], strict=True)}
    relative = poses["b"] @ np.linalg.inv(poses["a"])
    true = TRUE["b"].world_to_camera @ np.linalg.inv(TRUE["a"].world_to_camera)
    angle = np.degrees(np.linalg.norm(cv2.Rodrigues(relative[:3, :3] @ true[:3, :3].T)[0]))
    assert angle < 0.1  # 4 px are 0.25 degrees


def test_given_calibrations_are_used_as_given(footage, tmp_path, capsys):
    bad = {**TRUE, "b": turned(TRUE["b"], 4.0, np.pi / 2)}
    with rectified(footage, tmp_path / "given.h5", bad, calibration="given") as file:
        assert "calibration" not in file
    assert "calibration" not in capsys.readouterr().err
    with rectified(footage, tmp_path / "exact.h5", TRUE) as file:
        assert "calibration" not in file


def test_inspect_shows_before_and_after(footage, tmp_path, capsys):
    write_calibration(footage, {**TRUE, "b": turned(TRUE["b"], 4.0, np.pi / 2)}, sizes=True)
    cli.main(["inspect", str(footage), "-o", str(tmp_path / "page.html")])
    assert "px from epipolar lines, " in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert "The calibration" in page and "Corrected" in page
