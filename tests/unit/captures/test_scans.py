"""Scan meshes photographed: a box whose sides have colours of their own, written as THuman2.0's scans are."""

from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.config import BuiltinSettings, parse
from posegaussian.errors import CaptureError
from posegaussian.io.obj import read_textured_mesh
from posegaussian.pipeline.captures import write_scan_capture
from posegaussian.synthetic.scans import upright

SETTINGS = {"frames": 1, "size": [96, 96], "sources": 2, "images": "png"}
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40], [120, 120, 120], [40, 200, 200]])


def write_box(folder: Path) -> Path:
    """A box of 0.5 x 2 x 0.3 (y up, any unit); the texture has one stripe a side: +z, -z, +x, -x, +y, -y."""
    folder.mkdir(parents=True)
    corners = [(x, y, z) for x in (-0.25, 0.25) for y in (0, 2) for z in (-0.15, 0.15)]
    sides = [(1, 5, 7, 3), (4, 0, 2, 6), (5, 4, 6, 7), (0, 1, 3, 2), (3, 7, 6, 2), (0, 4, 5, 1)]
    text = "mtllib material0.mtl\nusemtl m\n" + "".join(f"v {x} {y} {z}\n" for x, y, z in corners)
    for side in range(6):
        left, right = (side + 0.2) / 6, (side + 0.8) / 6
        text += f"vt {left} 0.1\nvt {right} 0.1\nvt {right} 0.9\nvt {left} 0.9\n"
    for side, numbers in enumerate(sides):
        text += "f " + " ".join(f"{n + 1}/{4 * side + k + 1}/1" for k, n in enumerate(numbers)) + "\n"
    (folder / "0004.obj").write_text(text)
    (folder / "material0.mtl").write_text("newmtl m\nmap_Kd material0.jpeg\n")
    texture = np.repeat(COLOURS, 20, axis=0)[None].repeat(60, axis=0).astype(np.uint8)
    cv2.imwrite(str(folder / "material0.jpeg"), texture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    return folder


def test_a_scan_stands_on_the_floor(tmp_path):
    scan = upright(read_textured_mesh(write_box(tmp_path / "0004")))
    np.testing.assert_allclose(scan.vertices.min(0), [-0.225, -0.135, 0], atol=1e-12)
    np.testing.assert_allclose(scan.vertices.max(0), [0.225, 0.135, 1.8], atol=1e-12)
    assert scan.faces.shape == (12, 3)


def test_the_pictures_show_its_colours_and_its_depth(tmp_path):
    output = tmp_path / "box"
    write_scan_capture(write_box(tmp_path / "0004"), output, parse(BuiltinSettings, SETTINGS))
    capture = read_capture(output)
    assert (capture.sources, capture.held_out, capture.pairs) == (("00", "01"), ("t00",), (("00", "01"),))
    camera = capture.cameras["t00"]
    depth, mask, image = capture.depth("t00", 0), capture.mask("t00", 0), capture.image("t00", 0)
    front = np.array([0.0, -0.135, 0.9])  # the scan's +z side looks along -y here
    x, y, z = camera.rotation @ (front - camera.centre)
    column = int(camera.intrinsics[0, 0] * x / z + camera.intrinsics[0, 2])
    row = int(camera.intrinsics[1, 1] * y / z + camera.intrinsics[1, 2])
    assert mask[row, column] == 255
    assert depth[row, column] == pytest.approx(z, abs=2e-3)
    red, green, blue = image[row, column].astype(float)
    assert red > 2.5 * max(green, blue)
    assert abs((depth > 0) ^ (mask > 127)).mean() < 0.02


def test_the_command_and_its_mistakes(tmp_path, capfd):
    write_box(tmp_path / "0004")
    options = ["--settings", "{frames: 1, size: [48, 48], sources: 2}"]
    cli.main(["captures", "--scan", str(tmp_path / "0004"), "-o", str(tmp_path / "out"), *options])
    assert len(read_capture(tmp_path / "out").frames) == 1
    with helpers.exits(capfd, file=tmp_path / "gone"):
        cli.main(["captures", "--scan", str(tmp_path / "gone"), "-o", str(tmp_path / "b"), *options])
    assert not (tmp_path / "b").exists()
    (tmp_path / "0004/0004.obj").write_text("v 0 0 0\nf 1 2 3\n")
    with helpers.refuses(CaptureError, "unreadable-mesh", file="0004/0004.obj"):
        read_textured_mesh(tmp_path / "0004")


def test_indices_count_from_the_first_entry_or_back_from_the_last_one(tmp_path):
    cv2.imwrite(str(tmp_path / "skin.png"), np.full((4, 4, 3), 100, np.uint8))
    listed = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
    (tmp_path / "a.obj").write_text(listed + "f 1/1 2/2 3/3\n" + listed + "f -3/-1 -2/-2 -1/-3\n")
    mesh = read_textured_mesh(tmp_path)
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert mesh.uv[1].tolist() == [[0, 1], [1, 0], [0, 0]]


@pytest.mark.parametrize("face", ["f 0/1 1/1 2/1", "f 1/1 2/2 4/1", "f -4/1 1/1 2/1", "f 1/9 2/2 3/3"])
def test_indices_of_nothing_are_refused(tmp_path, face):
    cv2.imwrite(str(tmp_path / "skin.png"), np.full((4, 4, 3), 100, np.uint8))
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n" + face + "\n")
    with helpers.refuses(CaptureError, "unreadable-mesh", file="a.obj"):
        read_textured_mesh(tmp_path)
