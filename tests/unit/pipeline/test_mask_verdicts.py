"""Masks that cannot be the person, through the command line: named by file, camera and frame; and what is right."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import helpers
import layouts
import numpy as np
import pytest

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.preparation.mattes.judgement import confidence_line, judge_masks

SIZE = (96, 80)
FRAMES = 4
RIG = {f"{i:02d}": helpers.lens(azimuth, size=SIZE) for i, azimuth in enumerate((-30, 0, 30))}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("verdicts") / "capture"
    helpers.write_sphere_capture(root, frames=FRAMES, cameras=RIG, samples=2, depths=False)
    return root


@pytest.fixture
def capture(pristine, tmp_path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "capture"))


def change(root: Path, change: Callable[[np.ndarray], np.ndarray], camera: str = "*", frame: int | None = None) -> None:
    """Write masks anew."""
    for path in sorted(root.glob(f"masks/{camera}/{'*' if frame is None else f'{frame:06d}'}.png")):
        cv2.imwrite(str(path), change(np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))))


def rectify(root: Path, **settings) -> None:
    text = ", ".join(f"{key}: {value}" for key, value in {"size": [64, 64], "color": "'off'", **settings}.items())
    cli.main(["rectify", str(root), "-o", str(root.parent / "x.h5"), "--settings", f"{{{text}}}"])


def masks(root: Path) -> np.ndarray:
    with h5py.File(root.parent / "x.h5") as file:
        return np.asarray(file["sources/masks"])


def inspect(root: Path, capsys, *options: str) -> tuple[str, str]:
    """The page, and what was said."""
    cli.main(["inspect", str(root), "-o", str(root.parent / "page.html"), "--settings", "{color: 'off'}", *options])
    return (root.parent / "page.html").read_text(), capsys.readouterr().out


def inverted(mask: np.ndarray) -> np.ndarray:
    return 255 - mask


def white(mask: np.ndarray) -> np.ndarray:
    return np.full_like(mask, 255)


@pytest.mark.parametrize(
    ("spoil", "named"), [(inverted, "inverted"), (white, "white all over"), (np.zeros_like, "black")]
)
@pytest.mark.parametrize(("camera", "frame"), [("*", None), ("01", None), ("02", 3)])
def test_rectify_names_what_cannot_be_a_person(spoil, named, camera, frame, capture, capfd):
    change(capture, spoil, camera, frame)
    first = camera.replace("*", "00")
    file = capture / f"masks/{first}/{frame or 0:06d}.png"
    with helpers.exits(capfd, names=[named], file=file, camera=first, frame=frame or 0):
        rectify(capture)
    assert not (capture.parent / "x.h5").exists()


def test_a_held_out_camera_is_judged_too(tmp_path, capfd):
    helpers.write_sphere_capture(tmp_path / "c", size=SIZE, samples=1)
    change(tmp_path / "c", inverted, "t00", 1)
    with helpers.exits(capfd, names=["inverted"], file="masks/t00/000001.png", camera="t00", frame=1):
        rectify(tmp_path / "c")


def test_inverted_masks_are_the_same_once_they_are_named(capture, tmp_path, capfd):
    rectify(capture)
    expected = masks(capture)
    change(capture, inverted)
    with helpers.exits(capfd, names=["rectify.mask_label", "--mask-label", "to 0 where"]):
        rectify(capture)
    rectify(capture, mask_label=0)
    np.testing.assert_array_equal(masks(capture), expected)
    cli.main(["import", str(capture), "-o", str(tmp_path / "mended"), "--mask-label", "0"])
    rectify(tmp_path / "mended")
    np.testing.assert_array_equal(masks(tmp_path / "mended"), expected)


def labels(mask: np.ndarray) -> np.ndarray:
    """The person is 2, what surrounds the person 1."""
    return np.where(mask > 127, 2, 1).astype(np.uint8)


def import_labels(root: Path, label: str) -> Path:
    cli.main(["import", str(root), "-o", str(root.parent / "new/capture"), "--mask-label", label])
    return root.parent / "new/capture"


@pytest.mark.parametrize(("label", "named"), [("1", "inverted: it covers 8"), ("any", "white all over (100 %")])
def test_import_names_a_label_that_cannot_be_the_person(label, named, capture, capfd):
    change(capture, labels)
    with helpers.exits(capfd, names=[named], file=capture / "masks/00/000000.png", camera="00", frame=0):
        import_labels(capture, label)
    assert not (capture.parent / "new/capture").exists()


def test_import_takes_frames_without_the_person(capture, capfd):
    change(capture, np.zeros_like, "02", 3)
    imported = import_labels(capture, "any")
    with helpers.exits(capfd, names=["empty"], file=imported / "masks/02/000003.png", camera="02", frame=3):
        rectify(imported)


def test_inspect_shows_what_rectify_refuses(capture, capsys):
    change(capture, inverted, "01")
    page, said = inspect(capture, capsys)
    assert re.search(r"camera 00: mask \d+\.\d % of the image, 0 % of its border", said)
    assert re.search(r"camera 01: mask 8\d\.\d % of the image, 100 % of its border.*: doubtful", said)
    assert "camera 01: the mask looks inverted" in said and "camera 01: the mask looks inverted" in page
    assert page.count("doubtful") == 1 and "Mask of camera 01" in page


def test_inspect_names_bad_masks_of_later_frames(capture, capsys):
    change(capture, inverted, "02", 3)
    (capture / "masks/00/000002.png").write_bytes((capture / "masks/00/000002.png").read_bytes()[:60])
    _, said = inspect(capture, capsys)
    assert [line for line in said.splitlines() if "masks/02/000003.png, camera 02, frame 000003" in line]
    assert [line for line in said.splitlines() if "masks/00/000002.png, camera 00, frame 000002" in line]
    assert "2 warnings" in said


def test_inspect_has_one_line_for_the_bad_masks_of_a_camera(capture, capsys):
    for frame in (1, 2, 3):
        change(capture, inverted, "02", frame)
    _, said = inspect(capture, capsys)
    (line,) = [line for line in said.splitlines() if "looks inverted" in line]
    assert "masks/02/000001.png" in line and line.endswith(" (and 2 more of this camera)")


def elsewhere(mask: np.ndarray) -> np.ndarray:
    """A box in a corner, of no other camera."""
    box = np.zeros_like(mask)
    box[2:20, 2:20] = 255
    return box


@pytest.mark.parametrize("frame", [0, 2])
def test_a_mask_of_something_else_is_said_once(frame, capture, capsys):
    change(capture, elsewhere, "02", frame)
    if frame:
        change(capture, elsewhere, "02", 3)
    with helpers.warns("masks-disagree", file=f"masks/02/{frame:06d}.png", camera="02", frame=frame):
        call = cli.parse(
            ["rectify", str(capture), "-o", str(capture.parent / "x.h5"), "--settings", "{size: [64, 64]}"]
        )
        call()


def test_agreement_of_right_masks_of_far_ones_and_of_two(capture):
    found = read_capture(capture)
    seen = {name: found.mask(name, 0) for name in RIG}
    judged = judge_masks(found.cameras, seen)
    assert min(each.agreement or 0 for each in judged.values()) > 0.95
    assert {each.problem for each in judged.values()} == {""}
    wrong = judge_masks(found.cameras, seen | {"02": elsewhere(seen["02"])})
    assert [name for name, each in wrong.items() if each.problem] == ["02"]
    two = judge_masks(found.cameras, {name: seen[name] for name in ("00", "01")})
    assert min(each.agreement or 0 for each in two.values()) > 0.95


def test_a_person_cut_by_the_border_passes(tmp_path, capsys):
    close = {
        "00": helpers.lens(-20, size=SIZE),
        "01": helpers.lens(0, radius=0.9, size=SIZE),
        "02": helpers.lens(20, size=SIZE),
    }
    helpers.write_sphere_capture(tmp_path / "c", frames=1, cameras=close, samples=1, depths=False)
    found = read_capture(tmp_path / "c")
    judged = judge_masks(found.cameras, {name: found.mask(name, 0) for name in close})
    assert judged["01"].border > 0.05
    assert min(each.agreement or 0 for each in judged.values()) > 0.9


@pytest.mark.parametrize("opaque", ["everywhere", "in one frame"])
def test_an_opaque_alpha_channel_is_no_mask(opaque, tmp_path, capfd):
    layouts.write_nerfstudio(tmp_path / "c")
    content = json.loads((tmp_path / "c/transforms.json").read_text())
    for frame in content["frames"]:
        path, mask = tmp_path / "c" / frame["file_path"], tmp_path / "c" / frame.pop("mask_path")
        cover = np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE))
        if opaque == "everywhere" or "b/frame_00001" in str(path):
            cover = white(cover)
        cv2.imwrite(str(path), np.dstack([np.asarray(cv2.imread(str(path))), cover]))
    (tmp_path / "c/transforms.json").write_text(json.dumps(content))
    place: dict[str, Any] = (
        {"camera": "a"} if opaque == "everywhere" else {"file": "b/frame_00001.png", "camera": "b", "frame": 1}
    )
    with helpers.exits(capfd, names=["masks" if opaque == "everywhere" else "opaque"], **place):
        rectify(tmp_path / "c", masks="given")


@pytest.mark.parametrize(
    ("value", "line"), [(0.9599, "0.95 (medium)"), (0.96, "0.96 (high)"), (0.57, "0.57 (low)"), (1.0, "1.00 (high)")]
)
def test_the_number_of_a_confidence_and_its_word_agree(value, line):
    assert confidence_line(value) == f"confidence {line}"
