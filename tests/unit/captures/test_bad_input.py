"""What can be wrong with a capture: each mistake is one clear line, and leaves nothing behind."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import helpers
import numpy as np
import pytest

from posegaussian import cli
from posegaussian.config import RectifySettings
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.pipeline.rectify import rectify_capture

SETTINGS = RectifySettings(size=(32, 32))


def delete(path: str) -> Callable[[Path], object]:
    return lambda root: (root / path).unlink()


def delete_folder(path: str) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        for file in (root / path).iterdir():
            file.unlink()
        (root / path).rmdir()

    return spoil


def replace(path: str, old: str, new: str) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        text = (root / path).read_text()
        assert re.search(old, text)
        (root / path).write_text(re.sub(old, new, text, count=1))

    return spoil


def truncate(path: str) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        data = (root / path).read_bytes()
        (root / path).write_bytes(data[: len(data) * 2 // 3])

    return spoil


def write(path: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text(text)


def picture(path: str, width: int, height: int, value: int = 255) -> Callable[[Path], object]:
    return lambda root: cv2.imwrite(str(root / path), np.full((height, width), value, np.uint8))


def rig(**changes: helpers.Lens) -> Callable[[Path], object]:
    lenses = helpers.default_rig((40, 32))
    return lambda root: helpers.write_calibration(root, lenses | {k.strip("_"): v for k, v in changes.items()})


def entry(file: str, key: str, values: np.ndarray) -> Callable[[Path], object]:
    """Replace one matrix of a calibration file."""
    return replace(file, rf"(?s)\b{key}: .*?\]\n", helpers.matrix_text(key, values))


def pairs(*names: str) -> Callable[[Path], object]:
    return lambda root: (root / "rig.json").write_text(json.dumps({"sources": ["00", "01"], "pairs": [names]}))


UNCALIBRATED = CalibrationError, "uncalibrated-camera"
INVALID = CalibrationError, "invalid-calibration"
SINGULAR = CalibrationError, "singular-intrinsics"
NOT_FINITE = CalibrationError, "not-finite"
OUT_OF_RANGE = CalibrationError, "number-out-of-range"
NO_ROTATION = CalibrationError, "not-a-rotation"
UNREADABLE = CaptureError, "unreadable-image"
MIXED = CaptureError, "mixed-image-sizes"
EMPTY = CaptureError, "empty-mask"
CASES = {
    "no capture": (lambda root: root.rename(root.with_name("gone")), CaptureError, "missing-folder", "capture"),
    "missing frame": (delete("images/01/000001.png"), CaptureError, "missing-frame", "images/01/000001.png", "01", 1),
    "missing mask": (delete("masks/t00/000000.png"), CaptureError, "missing-frame", "masks/t00/000000.png", "t00", 0),
    "missing depth": (delete("depths/00/000001.png"), CaptureError, "missing-frame", "depths/00/000001.png", "00", 1),
    "missing camera": (delete_folder("images/01"), CaptureError, "no-images", "images/01", "01"),
    "no intri.yml": (delete("intri.yml"), CalibrationError, "missing-calibration", "intri.yml"),
    "no extri.yml": (delete("extri.yml"), CalibrationError, "missing-calibration", "extri.yml"),
    "missing K": (replace("intri.yml", "K_01", "K_02"), *UNCALIBRATED, "intri.yml", "01"),
    "missing R": (replace("extri.yml", "\nR_01(.|\n)*?Rot_01", "\nX"), *UNCALIBRATED, "extri.yml", "01"),
    "missing T": (replace("extri.yml", "T_01", "X_01"), *UNCALIBRATED, "extri.yml", "01"),
    "no YAML": (write("intri.yml", "hello"), CalibrationError, "unreadable-calibration", "intri.yml"),
    "empty YAML": (write("extri.yml", ""), CalibrationError, "unreadable-calibration", "extri.yml"),
    "broken matrix": (replace("intri.yml", r"data: \[.*", "x: 1"), *INVALID, "intri.yml", "00"),
    "K of 2 x 2": (entry("intri.yml", "K_00", np.eye(2)), *INVALID, "intri.yml", "00"),
    "truncated image": (truncate("images/01/000001.png"), *UNREADABLE, "images/01/000001.png", "01", 1),
    "truncated mask": (truncate("masks/00/000001.png"), *UNREADABLE, "masks/00/000001.png", "00", 1),
    "truncated depth": (truncate("depths/t00/000001.png"), *UNREADABLE, "depths/t00/000001.png", "t00", 1),
    "no picture": (write("images/00/000000.png", "hello"), *UNREADABLE, "images/00/000000.png", "00", 0),
    "other size": (picture("images/00/000001.png", 41, 32), *MIXED, "images/00/000001.png", "00", 1),
    "mask of other size": (picture("masks/01/000000.png", 32, 40), *MIXED, "masks/01/000000.png", "01", 0),
    "depth of 8 bits": (picture("depths/01/000000.png", 40, 32), *UNREADABLE, "depths/01/000000.png", "01", 0),
    "empty mask": (picture("masks/01/000001.png", 40, 32, 0), *EMPTY, "masks/01/000001.png", "01", 1),
    "empty target mask": (picture("masks/t00/000001.png", 40, 32, 0), *EMPTY, "masks/t00/000001.png", "t00", 1),
    "singular K": (entry("intri.yml", "K_01", np.diag([30.0, 0, 1])), *SINGULAR, "intri.yml", "01"),
    "zero K": (entry("intri.yml", "K_t00", np.zeros((3, 3))), *SINGULAR, "intri.yml", "t00"),
    "skewed K": (
        entry("intri.yml", "K_01", np.eye(3) + np.eye(3, k=1)),
        CalibrationError,
        "skewed-intrinsics",
        "intri.yml",
        "01",
    ),
    "nan": (entry("intri.yml", "dist_00", np.full((1, 5), np.nan)), *NOT_FINITE, "intri.yml", "00"),
    "infinite": (entry("extri.yml", "T_00", np.full((3, 1), np.inf)), *NOT_FINITE, "extri.yml", "00"),
    "huge T": (entry("extri.yml", "T_00", np.full((3, 1), 1e200)), *OUT_OF_RANGE, "intri.yml", "00"),
    "huge distortion": (entry("intri.yml", "dist_00", np.full((1, 5), 1e12)), *OUT_OF_RANGE, "intri.yml", "00"),
    "impossible distortion": (
        entry("intri.yml", "dist_00", np.full((1, 8), 52.0)),
        CalibrationError,
        "unsupported-lens",
        "intri.yml",
        "00",
    ),
    "no focal length": (entry("intri.yml", "K_01", np.diag([1e-9, 30, 1])), *SINGULAR, "intri.yml", "01"),
    "brackets": (replace("rig.json", "00", '",' + "[" * 100_000), CaptureError, "invalid-rig", "rig.json"),
    "stretched R": (entry("extri.yml", "Rot_01", 1.1 * np.eye(3)), *NO_ROTATION, "intri.yml", "01"),
    "mirrored R": (entry("extri.yml", "Rot_01", np.diag([1.0, 1, -1])), *NO_ROTATION, "intri.yml", "01"),
    "same centre": (
        rig(_01=helpers.lens(-11.25, roll=5, size=(40, 32))),
        CalibrationError,
        "no-baseline",
        "extri.yml",
        "00",
    ),
    "one behind": (
        rig(_01=helpers.lens(-11.25, radius=9, size=(40, 32))),
        CalibrationError,
        "person-on-baseline",
        "extri.yml",
        "00",
        0,
    ),
    "unknown in pair": (pairs("00", "07"), CaptureError, "unknown-camera", "capture", "07"),
    "one camera in a pair": (pairs("00", "00"), CaptureError, "invalid-pair", "capture", "00"),
    "three in a pair": (pairs("00", "01", "00"), CaptureError, "invalid-rig", "rig.json"),
    "broken rig": (write("rig.json", "{"), CaptureError, "invalid-rig", "rig.json"),
    "broken joints": (replace("joints.json", ": {", ": ["), CaptureError, "invalid-joints", "joints.json"),
    "truncated joints": (truncate("joints.json"), CaptureError, "invalid-joints", "joints.json"),
    "joints without frames": (replace("joints.json", "frames", "f"), CaptureError, "invalid-joints", "joints.json"),
    "joints of a frame": (
        replace("joints.json", '"000001"', '"000009"'),
        CaptureError,
        "missing-joints",
        "joints.json",
        None,
        1,
    ),
    "target of other size": (
        lambda root: helpers.write_sphere_capture(
            root, cameras=helpers.default_rig((40, 32)) | {"t01": helpers.lens(5, size=(48, 32))}, samples=1
        ),
        CaptureError,
        "mixed-target-sizes",
        "capture",
    ),
}
"""How a capture is spoiled; the error's class, code, file, camera and frame, as far as it has them."""


@pytest.fixture
def capture(tmp_path) -> Path:
    root = tmp_path / "capture"
    helpers.write_sphere_capture(root, size=(40, 32), samples=1)
    return root


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_is_one_clear_line(case, capture, capfd):
    spoil, kind, code, *place = CASES[case]
    named: dict[str, Any] = {"file": None, "camera": None, "frame": None} | dict(
        zip(("file", "camera", "frame"), place, strict=False)
    )
    spoil(capture)
    output = capture.parent / "out" / "x.h5"
    with helpers.refuses(kind, code, **named):
        rectify_capture(capture, output, SETTINGS)
    with helpers.exits(capfd, **named):
        cli.main(["rectify", str(capture), "-o", str(output), "--settings", "{size: [32, 32]}"])
    assert not [path for path in output.parent.glob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("pairs", "named"),
    [
        ("00,09", {"camera": "09"}),
        ("00", {"file": "capture"}),
        ("00,01,t00", {"file": "capture"}),
        ("00,00", {"camera": "00"}),
    ],
)
def test_wrong_pairs_of_the_command_line(pairs, named, capture, capfd):
    output = capture.parent / "x.h5"
    with helpers.exits(capfd, **named):
        cli.main(["rectify", str(capture), "-o", str(output), "--pairs", pairs])
    assert not output.exists()


def test_as_a_process(capture):
    (capture / "masks/01/000001.png").write_bytes(b"")
    command = [sys.executable, "-m", "posegaussian", "rectify", str(capture), "-o", str(capture.parent / "x.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    place = f"{capture}/masks/01/000001.png, camera 01, frame 000001: "
    assert done.stderr.startswith(f"posegaussian: error: {place}") and done.stderr.count("\n") == 1
    assert [path.name for path in capture.parent.iterdir()] == ["capture"]


def test_far_apart_sources_need_named_pairs(tmp_path, capfd):
    cameras = {"00": helpers.lens(0, size=(40, 32)), "01": helpers.lens(120, size=(40, 32))}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, samples=1)
    (tmp_path / "c/rig.json").unlink()
    with helpers.refuses(CaptureError, "no-neighbours", file=tmp_path / "c"):
        rectify_capture(tmp_path / "c", tmp_path / "x.h5", SETTINGS)
    helpers.write_calibration(tmp_path / "c", {"00": cameras["00"]})
    with helpers.warns("uncalibrated-footage", file="images/01"), helpers.refuses(CaptureError, "too-few-sources"):
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
    with helpers.refuses(CalibrationError, "unsupported-lens", file="intri.yml", camera="00"):
        rectify_capture(tmp_path / "c", tmp_path / "x.h5", SETTINGS)


@pytest.mark.parametrize("suffix", [".exr", ".HEIC"])
def test_images_of_a_kind_that_is_not_read_are_named(capture, suffix):
    for path in (capture / "images/01").iterdir():
        path.rename(path.with_suffix(suffix))
    with helpers.refuses(CaptureError, "no-images", file="images/01", camera="01") as error:
        rectify_capture(capture, capture.parent / "out.h5", SETTINGS)
    assert f"it holds {suffix.lower()}; images are read from .jpg" in str(error.value)
