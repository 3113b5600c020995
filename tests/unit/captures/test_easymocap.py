"""The reader of EasyMocap's layout."""

import json
import re
import shutil
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.capture import Capture
from posegaussian.captures.formats import easymocap
from posegaussian.captures.reading import read_capture
from posegaussian.errors import CalibrationError, CaptureError


@pytest.mark.parametrize("header", ["%YAML:1.0", "%YAML 1.2"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_everything_is_read(tmp_path, header, suffix):
    rig = helpers.default_rig((40, 32)) | {"01": helpers.lens(11, size=(36, 40), distortion=(-0.1, 0.02, 0, 0, 0))}
    helpers.write_sphere_capture(tmp_path / "walk", cameras=rig, header=header, suffix=suffix, samples=1)
    capture = easymocap.read(tmp_path / "walk")
    assert capture.name == "walk"
    assert capture.frames == (0, 1)
    assert (capture.sources, capture.held_out, capture.pairs) == (("00", "01"), ("t00",), (("00", "01"),))
    for name, lens in rig.items():
        camera = capture.cameras[name]
        assert (camera.width, camera.height) == lens.size
        np.testing.assert_allclose(camera.intrinsics, helpers.source_camera(lens).intrinsics, atol=1e-12)
        np.testing.assert_allclose(camera.world_to_camera, helpers.source_camera(lens).world_to_camera, atol=1e-12)
        np.testing.assert_allclose(camera.distortion, lens.distortion)
        image, mask, depth = helpers.render(lens, 1, samples=1)
        assert abs(capture.image(name, 1) - image.astype(float)).mean() <= (0 if suffix == ".png" else 12)
        np.testing.assert_array_equal(capture.mask(name, 1), mask)
        np.testing.assert_allclose(capture.depth(name, 1), depth / 1e4, atol=1e-7)
    np.testing.assert_allclose(capture.joints(), np.stack([helpers.joints(0), helpers.joints(1)]))


def test_true_joints_lie_where_plain_opencv_projects_them(tmp_path):
    lens = helpers.lens(15, elevation=10, roll=20, distortion=(-0.2, 0.05, 0.001, -0.001, 0.01))
    helpers.write_calibration(tmp_path, {"a": lens})
    (tmp_path / "images/a").mkdir(parents=True)
    (tmp_path / "masks/a").mkdir(parents=True)
    for kind in ("images", "masks"):
        cv2.imwrite(str(tmp_path / kind / "a/000000.png"), np.full((128, 160), 255, np.uint8))
    camera = easymocap.read(tmp_path).cameras["a"]
    pixels = lens.project(helpers.JOINTS) + 0.5
    rays = camera.directions(pixels)
    expected = helpers.JOINTS - camera.centre
    expected /= (expected @ camera.rotation.T)[:, 2:]
    np.testing.assert_allclose(rays, expected, atol=2e-5)


def test_without_rig_and_truth(tmp_path):
    helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), depths=False, samples=1)
    (tmp_path / "rig.json").unlink()
    capture = easymocap.read(tmp_path)
    assert capture.sources == ("00", "01", "t00")
    assert (capture.held_out, capture.pairs) == ((), ())
    assert capture.depth("00", 0) is None
    assert capture.joints() is None


def test_rodrigues_alone_and_four_coefficients(tmp_path):
    rig = helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), samples=1)
    extri = tmp_path / "extri.yml"
    extri.write_text(extri.read_text().replace("Rot_", "Ignored_"))
    intri = tmp_path / "intri.yml"
    text = intri.read_text().replace("[0.0, 0.0, 0.0, 0.0, 0.0]", "[-0.1, 0.02, 0.001, 0.002]")
    intri.write_text(text.replace("cols: 5", "cols: 4"))
    camera = easymocap.read(tmp_path).cameras["00"]
    np.testing.assert_allclose(camera.rotation, rig["00"].rotation, atol=1e-12)
    assert camera.distortion.tolist() == [-0.1, 0.02, 0.001, 0.002, 0]


def test_masks_of_zero_and_one_are_stretched(tmp_path):
    helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), samples=1)
    path = tmp_path / "masks/00/000000.png"
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), (mask > 0).astype(np.uint8))
    np.testing.assert_array_equal(easymocap.read(tmp_path).mask("00", 0), mask)


def test_names_choose_the_cameras(tmp_path):
    """A calibration may hold more cameras than were filmed with; `names` says which count."""
    helpers.write_sphere_capture(tmp_path, frames=1)
    (tmp_path / "rig.json").unlink()
    shutil.rmtree(tmp_path / "images" / "t00")
    with helpers.warns("camera-without-footage", camera="t00"):
        assert easymocap.read(tmp_path).sources == ("00", "01")
    with helpers.refuses(CaptureError, "no-images", camera="t00"):
        easymocap.read(tmp_path, asked=["00", "t00"])
    for name in ("intri.yml", "extri.yml"):
        path = tmp_path / name
        path.write_text(re.sub(r'(?m)^\s*- *"?t00"?\n', "", path.read_text()))
    assert easymocap.read(tmp_path).sources == ("00", "01")


def edit(root: Path, *changes: tuple[str, str], files: tuple[str, ...] = ("intri.yml", "extri.yml")) -> None:
    """Replace patterns in the calibration files."""
    for name in files:
        text = (root / name).read_text()
        for old, new in changes:
            text = re.sub(old, new, text)
        (root / name).write_text(text)


@pytest.fixture
def capture(tmp_path) -> Path:
    root = tmp_path / "capture"
    rig = {f"0{n}": helpers.lens(12 * n, size=(40, 32), distortion=(-0.1, 0.02, 0, 0, 0)) for n in (1, 2, 10)}
    rig["10"] = rig.pop("010")
    helpers.write_sphere_capture(root, cameras=rig, samples=1, depths=False, frames=1)
    (root / "rig.json").unlink()
    return root


def same(found: Capture, expected: Capture) -> bool:
    cameras = zip(found.cameras.values(), expected.cameras.values(), strict=True)
    return all(
        np.array_equal(getattr(a, part), getattr(b, part))
        for a, b in cameras
        for part in ("intrinsics", "distortion", "world_to_camera")
    )


@pytest.mark.parametrize(
    "changes",
    [
        [("dist_", "D_")],
        [(r'(?m)^( *- *)"(\d+)"', r"\1\2")],
        [(r'(?m)^( *- *)"0?(\d+)"', r"\1\2  # the camera")],  # numbers, which have lost their zeros
        [(r"names:\n(?s:.*?)(?=[KR]_)", "names: [ 01, 02, '10' ]\n")],
        [(r"names:\n(.*\n)+?(?=K|R)", "")],
    ],
    ids=["D_", "names as numbers", "names without zeros", "names in a row", "no names"],
)
def test_what_the_own_reader_of_easymocap_takes(changes, capture, recwarn):
    expected = easymocap.read(capture)
    edit(capture, *changes)
    found = easymocap.read(capture)
    assert found.sources == ("01", "02", "10")
    assert same(found, expected)
    assert recwarn.list == []


def test_names_without_zeros_find_their_images(capture, recwarn):
    expected = easymocap.read(capture)
    edit(capture, (r'"0(\d)"', r"\1"), (r"_0(\d):", r"_\1:"))
    assert easymocap.read(capture).sources == ("1", "2", "10")
    assert same(easymocap.read(capture), expected)
    assert recwarn.list == []


def test_without_distortion(capture):
    edit(capture, ("dist_0", "other_0"), files=("intri.yml",))
    with helpers.warns("no-distortion", file="intri.yml"):
        found = easymocap.read(capture)
    assert not found.cameras["01"].distortion.any()
    assert found.cameras["10"].distortion[0] == -0.1


@pytest.mark.parametrize(
    ("text", "code"),
    [("[" * 10000, "unreadable"), ("- " * 10000, "unreadable"), ("a" * 10000, "invalid")],
    ids=["brackets", "lists", "word"],
)
def test_what_crashes_the_parser_of_opencv(text, code, capture):
    edit(capture, (r"data: \[", f"data: {text}["), files=("intri.yml",))
    with helpers.refuses(CalibrationError, f"{code}-calibration", file="intri.yml"):
        easymocap.read(capture)


@pytest.mark.parametrize("name", ["08", "cam 1", "a-b", "été"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_names_of_all_kinds(name, quote, capture):
    for kind in ("images", "masks"):
        (capture / kind / "02").rename(capture / kind / name)
    edit(capture, (r'"02"', quote + name + quote), (r"_02:", f"_{name}:"))
    assert set(easymocap.read(capture).sources) == {"01", name, "10"}


@pytest.mark.parametrize("name", ["intri.yml", "extri.yml", "rig.json"])
def test_a_file_instead_of_the_folder(name, capture):
    (capture / "rig.json").write_text('{"sources": ["01", "02"]}')
    found = read_capture(capture / name)
    assert (found.name, found.root, found.sources) == ("capture", capture, ("01", "02"))


@pytest.mark.parametrize("rate", [-25, "fast"])
def test_a_rate_that_cannot_be(rate, capture):
    (capture / "rig.json").write_text(json.dumps({"sources": ["01", "02"], "fps": rate}))
    with helpers.refuses(CaptureError, "invalid-rig", file="rig.json"):
        read_capture(capture)


@pytest.mark.parametrize("end", [" \n", "\t\n", "\n\t\n", " \t\r\n"])
def test_blanks_at_the_ends_of_lines(capture, end):
    before = read_capture(capture)
    for name in ("intri.yml", "extri.yml"):
        (capture / name).write_text((capture / name).read_text().replace("\n", end), newline="")
    after = read_capture(capture)
    for name, camera in before.cameras.items():
        np.testing.assert_array_equal(after.cameras[name].intrinsics, camera.intrinsics)


def test_a_file_that_is_no_calibration(capture):
    (capture / "note.txt").write_text("x")
    with helpers.refuses(CaptureError, "unknown-layout", file="note.txt") as error:
        read_capture(capture / "note.txt")
    assert str(capture) in str(error.value.hint)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "[1, 2", '{"version": 1.3, "people": []}', '{"frames": [{"file_path": "a.png"}]}', "joints", '"x"'],
)
def test_joints_of_another_program_are_ignored(text, capture):
    (capture / "joints.json").write_text(text)
    with helpers.warns("foreign-joints", file="joints.json"):
        found = easymocap.read(capture)
    assert found.joints() is None
    assert capture / "joints.json" not in found.files()
