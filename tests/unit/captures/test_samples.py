"""Variants of ZJU-MoCap's and GPS-Gaussian's folders."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from layouts import FLAT, RIG, pictures, save, write_gps, write_zju

from posegaussian.captures.reading import read_capture
from posegaussian.errors import CalibrationError, CaptureError

CAMERA = "Camera ({})"


def annotate(root: Path, change: Callable[[dict], None]) -> Path:
    """ZJU-MoCap's layout, with its annotations changed."""
    write_zju(root)
    content = np.load(root / "annots.npy", allow_pickle=True).item()
    change(content)
    np.save(root / "annots.npy", np.array(content, dtype=object), allow_pickle=True)
    return root


def rename(old: str, new: str) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        for frame in content["ims"]:
            frame["ims"] = [name.replace(old, new) for name in frame["ims"]]

    return change


def check_pixels(root: Path, names: dict[str, str]) -> None:
    """The last frame of a capture holds the pictures and masks of the lenses."""
    capture = read_capture(root)
    assert capture.sources == tuple(names)
    for name, lens in names.items():
        image, mask, _ = pictures(RIG[lens], 2)
        np.testing.assert_array_equal(capture.image(name, 2), image)
        np.testing.assert_array_equal(capture.mask(name, 2), mask)


def test_zju_backslashes(tmp_path):
    check_pixels(annotate(tmp_path, rename("/", "\\")), {"Camera_(a)": "a", "Camera_(b)": "b"})


@pytest.mark.parametrize("folder", ["mask", "mask_cihp"])
def test_zju_images_and_masks_in_folders_of_their_own(folder, tmp_path):
    """Refined ZJU-MoCap and MonoCap: images/a/000000.png and mask/a/000000.png."""
    annotate(tmp_path, rename("Camera (", "images/"))
    content = np.load(tmp_path / "annots.npy", allow_pickle=True).item()
    rename(")", "")(content)
    np.save(tmp_path / "annots.npy", np.array(content, dtype=object), allow_pickle=True)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in RIG:
        (tmp_path / CAMERA.format(name)).rename(tmp_path / "images" / name)
        (tmp_path / "mask_cihp" / CAMERA.format(name)).rename(tmp_path / "masks" / name)
    (tmp_path / "mask_cihp").rmdir()
    (tmp_path / "masks").rename(tmp_path / folder)
    check_pixels(tmp_path, {"a": "a", "b": "b"})
    (tmp_path / folder / "b/000001.png").unlink()
    with helpers.refuses(CaptureError, "missing-frame", file=f"{folder}/b/000001.png", camera="b", frame=1):
        read_capture(tmp_path)
    shutil.rmtree(tmp_path / folder / "a")
    (tmp_path / folder / "b").rename(tmp_path / folder / "c")
    with helpers.warns("unmatched-masks", file=folder):
        assert not read_capture(tmp_path).masks


def test_zju_missing_images(tmp_path):
    write_zju(tmp_path)
    path = tmp_path / "Camera (b)/000001.png"
    path.unlink()
    with helpers.refuses(CaptureError, "missing-frame", file=path, camera="Camera_(b)", frame=1):
        read_capture(tmp_path)
    assert read_capture(tmp_path, cameras=["Camera_(a)"]).frames == (0, 1, 2)
    shutil.rmtree(path.parent)
    with helpers.warns("camera-without-footage", camera="Camera_(b)"):
        assert read_capture(tmp_path).sources == ("Camera_(a)",)


def test_zju_lists_that_do_not_agree(tmp_path):
    def exchange(content: dict) -> None:
        content["ims"][1]["ims"].reverse()

    def drop(content: dict) -> None:
        del content["ims"][1]["ims"][1]

    def uncalibrated(content: dict) -> None:
        content["cams"] = {key: values[:1] for key, values in content["cams"].items()}

    def empty(content: dict) -> None:
        content["ims"] = []

    def one_camera(content: dict) -> None:
        for frame in content["ims"]:
            frame["ims"].pop()

    cases = [(exchange, "invalid-annotations", 1), (drop, "missing-frame", 1)]
    cases += [(uncalibrated, "invalid-annotations", None), (empty, "missing-frame", None)]
    for number, (change, code, frame) in enumerate(cases):
        with helpers.refuses(CaptureError, code, file="annots.npy", frame=frame):
            read_capture(annotate(tmp_path / str(number), change))
    with helpers.warns("spare-calibrations", file="annots.npy"):
        assert read_capture(annotate(tmp_path / "spare", one_camera)).sources == ("Camera_(a)",)


def test_zju_images_that_are_not_listed(tmp_path):
    write_zju(tmp_path)
    shutil.copytree(tmp_path / "Camera (b)", tmp_path / "Camera (c)")
    with helpers.warns("unlisted-images", file=tmp_path):
        assert len(read_capture(tmp_path).sources) == 2


def views(root: Path, names: dict[str, str], suffix: str = ".jpg") -> Path:
    """A sample of GPS-Gaussian's layout with other names of its views."""
    write_gps(root)
    for folder in ("img", "mask", "depth", "parm"):
        sample = root / folder / "0004_000"
        sample.rename(root / folder / "old")
        sample.mkdir()
        for new, old in names.items():
            for path in (root / folder / "old").glob(f"{old}[._]*"):
                shutil.copy(path, sample / path.name.replace(old, new, 1))
        shutil.rmtree(root / folder / "old")
    if suffix != ".jpg":
        for path in (root / "img/0004_000").iterdir():
            cv2.imwrite(str(path.with_suffix(suffix)), cv2.imread(str(path)))
            path.unlink()
    return root


@pytest.mark.parametrize(
    ("names", "sources", "held_out"),
    [
        ("0 1 2", ("0", "1"), ("2",)),
        ("0 1", ("0", "1"), ()),
        ("2 3 4", ("2", "3", "4"), ()),
        ("0 1 2 3 10 9", ("0", "1", "2", "3", "9", "10"), ()),
        ("0 2", ("0", "2"), ()),
    ],
)
def test_gps_roles(names, sources, held_out, tmp_path):
    order = {name: list(FLAT)[number % 3] for number, name in enumerate(names.split())}
    capture = read_capture(views(tmp_path, order, ".png"))
    assert (capture.sources, capture.held_out) == (sources, held_out)
    assert capture.pairs == ((("0", "1"),) if sources == ("0", "1") else ())
    for name, old in order.items():
        np.testing.assert_array_equal(capture.mask(name, 0), pictures(FLAT[old], 0)[1])


def test_gps_files_without_a_partner(tmp_path):
    views(tmp_path, {"0": "0", "1": "1", "2": "3"})
    save(tmp_path / "img/0004_000/7.png", pictures(FLAT["0"], 0)[0])
    with helpers.warns("unlisted-images", file=tmp_path):
        read_capture(tmp_path)
    (tmp_path / "img/0005_000").mkdir()
    with helpers.warns("uncalibrated-footage", file="img"), helpers.warns("unlisted-images"):
        read_capture(tmp_path)
    (tmp_path / "img/0004_000/7.png").unlink()
    (tmp_path / "img/0005_000").rmdir()
    (tmp_path / "mask/0004_000/1.png").unlink()
    with helpers.warns("cameras-without-masks", file=tmp_path):
        assert set(read_capture(tmp_path).masks) == {"0", "2"}
    (tmp_path / "img/0004_000/2.jpg").unlink()
    with helpers.warns("camera-without-footage", camera="2"):
        assert read_capture(tmp_path).held_out == ()
    np.save(tmp_path / "parm/0004_000/1_extrinsic.npy", np.eye(2))
    with helpers.refuses(CalibrationError, "invalid-calibration", camera="1"):
        read_capture(tmp_path)
    (tmp_path / "parm/0004_000/1_extrinsic.npy").unlink()
    with helpers.refuses(CalibrationError, "missing-calibration", file="1_extrinsic.npy", camera="1"):
        read_capture(tmp_path)


def test_gps_a_frame_that_a_view_lacks(tmp_path):
    write_gps(tmp_path, frames=2)
    (tmp_path / "img/0004_001/1.jpg").unlink()
    with helpers.refuses(CaptureError, "missing-frame", file="img/0004_001/1.jpg", camera="1", frame=1):
        read_capture(tmp_path)


def test_gps_two_images_of_a_view(tmp_path):
    write_gps(tmp_path)
    save(tmp_path / "img/0004_000/1.png", pictures(FLAT["1"], 0)[0])
    with helpers.refuses(CaptureError, "repeated-frame", file="0004_000/1"):
        read_capture(tmp_path)
