"""What can be wrong with a capture: each mistake is one clear line, and leaves nothing behind."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian import cli
from posegaussian.captures.rectify import rectify_capture
from posegaussian.config import RectifySettings
from posegaussian.errors import CalibrationError, CaptureError

SETTINGS = RectifySettings(size=(32, 32))


def delete(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


def delete_folder(path: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        for file in (root / path).iterdir():
            file.unlink()
        (root / path).rmdir()

    return spoil


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        text = (root / path).read_text()
        assert re.search(old, text)
        (root / path).write_text(re.sub(old, new, text, count=1))

    return spoil


def truncate(path: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        data = (root / path).read_bytes()
        (root / path).write_bytes(data[: len(data) * 2 // 3])

    return spoil


def picture(path: str, width: int, height: int, value: int = 255) -> Callable[[Path], None]:
    return lambda root: cv2.imwrite(str(root / path), np.full((height, width), value, np.uint8))


def rig(**changes: helpers.Lens) -> Callable[[Path], None]:
    lenses = helpers.default_rig((40, 32))
    return lambda root: helpers.write_calibration(root, lenses | {k.strip("_"): v for k, v in changes.items()})


def entry(file: str, key: str, values: np.ndarray) -> Callable[[Path], None]:
    """Replace one matrix of a calibration file."""
    return replace(file, rf"(?s)\b{key}: .*?\]\n", helpers.matrix_text(key, values))


def pairs(*names: str) -> Callable[[Path], None]:
    return lambda root: (root / "rig.json").write_text(json.dumps({"sources": ["00", "01"], "pairs": [names]}))


CASES = {
    "no capture": (lambda root: root.rename(root.with_name("gone")), CaptureError, "no such folder"),
    "missing frame": (delete("images/01/000001.png"), CaptureError, "images/01/000001.png, camera 01, frame 000001"),
    "missing mask": (delete("masks/t00/000000.png"), CaptureError, "masks/t00/000000.png, camera t00, frame 000000"),
    "missing depth": (delete("depths/00/000001.png"), CaptureError, "depths/00/000001.png, camera 00, frame 000001"),
    "missing camera": (delete_folder("images/01"), CaptureError, "images/01, camera 01: no pictures"),
    "missing masks": (delete_folder("masks/01"), CaptureError, "masks/01, camera 01: no pictures"),
    "no intri.yml": (delete("intri.yml"), CalibrationError, "intri.yml: no such file"),
    "no extri.yml": (delete("extri.yml"), CalibrationError, "extri.yml: no such file"),
    "missing K": (replace("intri.yml", "K_01", "K_02"), CalibrationError, "intri.yml, camera 01: no K_01"),
    "missing dist": (replace("intri.yml", "dist_01", "d_01"), CalibrationError, "intri.yml, camera 01: no dist_01"),
    "missing R": (replace("extri.yml", "\nR_01(.|\n)*?Rot_01", "\nX"), CalibrationError, "camera 01: no R_01"),
    "missing T": (replace("extri.yml", "T_01", "X_01"), CalibrationError, "extri.yml, camera 01: no T_01"),
    "no YAML": (lambda root: (root / "intri.yml").write_text("hello"), CalibrationError, "intri.yml: not a file of"),
    "empty YAML": (lambda root: (root / "extri.yml").write_text(""), CalibrationError, "extri.yml: not a file of"),
    "broken matrix": (replace("intri.yml", r"data: \[.*", "x: 1"), CalibrationError, "camera 00: K_00 is not a 3 x 3"),
    "K of 2 x 2": (entry("intri.yml", "K_00", np.eye(2)), CalibrationError, "camera 00: K_00 is not a 3 x 3 matrix"),
    "truncated image": (
        truncate("images/01/000001.png"),
        CaptureError,
        "images/01/000001.png, camera 01, frame 000001",
    ),
    "truncated mask": (truncate("masks/00/000001.png"), CaptureError, "masks/00/000001.png, camera 00, frame 000001"),
    "truncated depth": (truncate("depths/t00/000001.png"), CaptureError, "camera t00, frame 000001: not a readable"),
    "no picture": (
        lambda root: (root / "images/00/000000.png").write_text("hello"),
        CaptureError,
        "images/00/000000.png, camera 00, frame 000000: not a readable picture",
    ),
    "other size": (picture("images/00/000001.png", 41, 32), CaptureError, "frame 000001: 41 x 32 pixels, but"),
    "mask of other size": (picture("masks/01/000000.png", 32, 40), CaptureError, "camera 01, frame 000000: 32 x 40"),
    "depth of 8 bits": (
        picture("depths/01/000000.png", 40, 32),
        CaptureError,
        "a depth picture has one channel of 16 bits",
    ),
    "empty mask": (picture("masks/01/000001.png", 40, 32, 0), CaptureError, "frame 000001: the mask is empty"),
    "empty target mask": (
        picture("masks/t00/000001.png", 40, 32, 0),
        CaptureError,
        "camera t00, frame 000001: the mask",
    ),
    "singular K": (
        entry("intri.yml", "K_01", np.diag([30.0, 0, 1])),
        CalibrationError,
        "camera 01: the intrinsics are singular",
    ),
    "zero K": (
        entry("intri.yml", "K_t00", np.zeros((3, 3))),
        CalibrationError,
        "camera t00: the intrinsics are singular",
    ),
    "skewed K": (
        entry("intri.yml", "K_01", np.eye(3) + np.eye(3, k=1)),
        CalibrationError,
        "the intrinsics are not [fx 0 cx",
    ),
    "nan": (entry("intri.yml", "dist_00", np.full((1, 5), np.nan)), CalibrationError, "dist_00 holds a number that"),
    "infinite": (entry("extri.yml", "T_00", np.full((3, 1), np.inf)), CalibrationError, "camera 00: T_00 holds"),
    "stretched R": (entry("extri.yml", "Rot_01", 1.1 * np.eye(3)), CalibrationError, "camera 01: the rotation is not"),
    "mirrored R": (entry("extri.yml", "Rot_01", np.diag([1.0, 1, -1])), CalibrationError, "determinant -1"),
    "same centre": (rig(_01=helpers.lens(-11.25, roll=5, size=(40, 32))), CalibrationError, "same place as camera"),
    "one behind": (rig(_01=helpers.lens(-11.25, radius=9, size=(40, 32))), CalibrationError, "along the baseline"),
    "unknown in pair": (pairs("00", "07"), CaptureError, "camera 07: a pair names it, but the cameras are 00, 01"),
    "three in a pair": (pairs("00", "01", "00"), CaptureError, "rig.json: not of the form"),
    "broken rig": (lambda root: (root / "rig.json").write_text("{"), CaptureError, "rig.json: not of the form"),
    "broken joints": (lambda root: (root / "joints.json").write_text("[]"), CaptureError, "joints.json: not of the"),
    "joints of a frame": (replace("joints.json", '"000001"', '"000009"'), CaptureError, "frame 000001: no joints"),
    "target of other size": (
        lambda root: helpers.write_sphere_capture(
            root, cameras=helpers.default_rig((40, 32)) | {"t01": helpers.lens(5, size=(48, 32))}, samples=1
        ),
        CaptureError,
        "the target cameras differ in size; set rectify.target_size",
    ),
}


@pytest.fixture
def capture(tmp_path) -> Path:
    root = tmp_path / "capture"
    helpers.write_sphere_capture(root, size=(40, 32), samples=1)
    return root


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_is_one_clear_line(case, capture, capfd):
    spoil, kind, message = CASES[case]
    spoil(capture)
    output = capture.parent / "out" / "x.h5"
    with pytest.raises(kind, match=re.escape(message)):
        rectify_capture(capture, output, SETTINGS)
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        cli.main(["rectify", str(capture), "-o", str(output), "--settings", "{size: [32, 32]}"])
    assert exit.value.code == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("posegaussian: warning: ")]
    assert len(lines) == 1
    assert lines[0].startswith("posegaussian: error: ")
    assert message in lines[0]
    assert not [path for path in output.parent.glob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("00,09", "camera 09: a pair names it"),
        ("00", "a pair has two cameras, not 00"),
        ("00,01,t00", "a pair has two cameras, not 00,01,t00"),
        ("00,00", "camera 00: stands at the same place as camera 00"),
    ],
)
def test_wrong_pairs_of_the_command_line(named, message, capture, capfd):
    output = capture.parent / "x.h5"
    with pytest.raises(SystemExit) as exit:
        cli.main(["rectify", str(capture), "-o", str(output), "--pairs", named])
    assert exit.value.code == 2
    assert message in capfd.readouterr().err
    assert not output.exists()


def test_as_a_process(capture):
    (capture / "masks/01/000001.png").write_bytes(b"")
    command = [sys.executable, "-m", "posegaussian", "rectify", str(capture), "-o", str(capture.parent / "x.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    expected = f"{capture}/masks/01/000001.png, camera 01, frame 000001: not a readable picture"
    assert done.stderr == f"posegaussian: error: {expected}\n"
    assert [path.name for path in capture.parent.iterdir()] == ["capture"]


def test_far_apart_sources_need_named_pairs(tmp_path, capfd):
    cameras = {"00": helpers.lens(0, size=(40, 32)), "01": helpers.lens(120, size=(40, 32))}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, samples=1)
    (tmp_path / "c/rig.json").unlink()
    with pytest.raises(CaptureError, match="no two source cameras stand within 90 degrees; name the pairs"):
        rectify_capture(tmp_path / "c", tmp_path / "x.h5", SETTINGS)
    helpers.write_calibration(tmp_path / "c", {"00": cameras["00"]})
    with pytest.raises(CalibrationError, match="camera 01: no K_01"):
        rectify_capture(tmp_path / "c", tmp_path / "x.h5", SETTINGS)


def test_a_lens_that_folds_back_is_refused(tmp_path):
    fisheye = (-1.6, 0.0, 0.0, 0.0, 0.0)
    cameras = {name: helpers.lens(azimuth, size=(40, 32)) for name, azimuth in (("00", -11), ("01", 11))}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, samples=1)
    bent = {
        name: helpers.Lens(lens.matrix, lens.rotation, lens.translation, lens.size, np.array(fisheye))
        for name, lens in cameras.items()
    }
    helpers.write_calibration(tmp_path / "c", bent)
    with pytest.raises(CalibrationError, match=r"folds back on itself.*fisheye lenses are not supported"):
        rectify_capture(tmp_path / "c", tmp_path / "x.h5", SETTINGS)
