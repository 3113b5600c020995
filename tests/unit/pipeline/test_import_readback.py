"""What `import` writes reads back as the capture that it was, or no folder appears."""

import errno
import os
import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import helpers
import layouts
import numpy as np
import pytest

from posegaussian import cli
from posegaussian.captures.capture import Capture
from posegaussian.captures.reading import read_capture
from posegaussian.errors import CaptureError, CaptureWarning
from posegaussian.pipeline.import_capture import import_capture


@pytest.fixture
def capture(tmp_path) -> Capture:
    helpers.write_sphere_capture(tmp_path / "source", 3, (40, 32), samples=1)
    return read_capture(tmp_path / "source")


def renamed(capture: Capture, **names: str) -> Capture:
    """The capture with other names of its cameras; `_01` stands for 01."""
    new = {name: names.get(f"_{name}", name) for name in capture.cameras}
    by_camera = {
        kind: {new[name]: value for name, value in getattr(capture, kind).items()}
        for kind in ("cameras", "images", "masks", "depths")
    }
    roles = {kind: tuple(new[name] for name in getattr(capture, kind)) for kind in ("sources", "held_out")}
    pairs = tuple((new[a], new[b]) for a, b in capture.pairs)
    return replace(capture, **by_camera, **roles, pairs=pairs)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "source"]


@pytest.mark.parametrize("name", ["cam 1", "Läufer", "カメラ", "a.b-c_d", "(B1)", "0", "K_0", "x&y+z@1"])
def test_names_that_are_kept(capture, tmp_path, name):
    import_capture(renamed(capture, _01=name), tmp_path / "out")
    assert read_capture(tmp_path / "out").sources == ("00", name)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a:b", "a_b"),
        ('the "left" one', "the _left_ one"),
        ("a\\b", "a_b"),
        ("a/b", "a_b"),
        ("../b", "__b"),
        ("..", "_"),
        (".hidden", "_hidden"),
        ("take#2", "take_2"),
        (" 01 ", "01"),
        ("a\tb", "a_b"),
        ("a?*b", "a_b"),
    ],
)
def test_names_that_files_cannot_have_are_changed_with_a_word(capture, tmp_path, name, clean):
    with helpers.warns("renamed-cameras"):
        import_capture(renamed(capture, _01=name), tmp_path / "out")
    found = read_capture(tmp_path / "out")
    assert (found.sources, found.pairs) == (("00", clean), (("00", clean),))
    np.testing.assert_array_equal(found.image(clean, 1), capture.image("01", 1))
    assert leftovers(tmp_path) == ["out"]


def test_names_that_would_become_one_are_refused(capture, tmp_path):
    with helpers.refuses(CaptureError, "same-names"):
        import_capture(renamed(capture, _00="a:b", _01="a/b"), tmp_path / "out")
    assert leftovers(tmp_path) == []


def test_pairs_are_named_as_the_source_names_them(capture, tmp_path):
    with helpers.warns("renamed-cameras"):
        import_capture(renamed(capture, _01="a:b"), tmp_path / "out", pairs=[("a:b", "00")])
    assert read_capture(tmp_path / "out").pairs == (("a_b", "00"),)


def test_a_capture_without_sources_is_refused(capture, tmp_path):
    with helpers.refuses(CaptureError, "no-sources", file=capture.root):
        import_capture(capture.with_roles(held_out=list(capture.cameras)), tmp_path / "out")
    assert leftovers(tmp_path) == []


def test_a_missing_file_of_a_converted_kind_is_one_line(tmp_path, capfd):
    layouts.write_zju(tmp_path / "source")
    path = tmp_path / "source/mask_cihp/Camera (a)/000002.png"
    path.unlink()
    with helpers.exits(capfd, file=path, frame=2):
        cli.main(["import", str(tmp_path / "source"), "-o", str(tmp_path / "out")])
    assert leftovers(tmp_path) == []


def test_what_cannot_be_read_back_leaves_nothing(capture, tmp_path, monkeypatch):
    monkeypatch.setattr("posegaussian.pipeline.import_capture.write_rig", lambda root, *_, **__: None)
    with helpers.refuses(CaptureError, "not-read-back", file=tmp_path / "out"):
        import_capture(capture, tmp_path / "out")
    monkeypatch.setattr("posegaussian.pipeline.import_capture.write_calibration", lambda *_, **__: None)
    with helpers.refuses(CaptureError, "not-read-back", file=tmp_path / "out") as error:
        import_capture(capture, tmp_path / "out")
    assert ".part" not in str(error.value)
    assert leftovers(tmp_path) == []


def test_videos_whose_frames_would_be_paired_otherwise_are_refused(tmp_path):
    (tmp_path / "source").mkdir()
    film = read_capture(layouts.write_toml(tmp_path / "source"))
    images = {frame: film.images["b"][frame + 2] for frame in range(6)}
    later = replace(film, frames=tuple(range(6)), images={**film.images, "b": images})
    with helpers.refuses(CaptureError, "not-read-back", file=tmp_path / "out"):
        import_capture(later, tmp_path / "out")
    assert leftovers(tmp_path) == []


def test_images_of_12_bits_become_8(capture, tmp_path):
    expected = capture.image("01", 2)
    for path in (tmp_path / "source/images").glob("*/*"):
        pixels = cv2.imread(str(path))
        assert pixels is not None
        cv2.imwrite(str(path), np.rint(pixels * (4095 / 255)).astype(np.uint16))
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        deep = read_capture(tmp_path / "source")
    import_capture(deep, tmp_path / "out")
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        found = read_capture(tmp_path / "out")
        np.testing.assert_array_equal(found.image("01", 2), expected)


def no(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_drive_without_links_is_said_with_the_way_out(capture, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(os, "link", no)
    monkeypatch.setattr(os, "symlink", no)
    arguments = ["import", str(tmp_path / "source"), "-o", str(tmp_path / "out")]
    with helpers.exits(capfd, names=["--copy"]):
        cli.main(arguments)
    assert leftovers(tmp_path) == []
    cli.main([*arguments, "--copy"])
    assert read_capture(tmp_path / "out").frames == capture.frames
