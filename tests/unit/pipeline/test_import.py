"""`posegaussian import`: any layout becomes the canonical one, linked where it can be."""

import json
import os
from pathlib import Path

import cv2
import h5py
import helpers
import numpy as np
import pytest
from layouts import FLAT, RIG, WRITERS, pictures, write_gps, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.counts import counted
from posegaussian.pipeline.rectify import rectify_capture


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "colmap"])
def test_the_same_capture_comes_back(kind, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    before = read_capture(WRITERS[kind][0](source))
    cli.main(["import", str(source), "-o", str(tmp_path / "walk")])
    said = capsys.readouterr().out
    assert f"{len(before.cameras)} cameras x {counted(len(before.frames), 'frame')}, read as {before.format}" in said
    after = read_capture(tmp_path / "walk")
    assert after.format == "easymocap"
    assert (after.frames, after.sources, after.held_out) == (before.frames, before.sources, before.held_out)
    assert (after.pairs, after.fps) == (before.pairs, before.fps)
    assert set(after.masks) == set(before.masks)
    assert set(after.depths) == set(before.depths)
    frame = before.frames[-1]
    for name, camera in before.cameras.items():
        np.testing.assert_allclose(after.cameras[name].intrinsics, camera.intrinsics, rtol=1e-12)
        np.testing.assert_allclose(after.cameras[name].world_to_camera, camera.world_to_camera, atol=1e-12)
        np.testing.assert_array_equal(after.image(name, frame), before.image(name, frame))
        if name in before.masks:
            np.testing.assert_array_equal(after.mask(name, frame), before.mask(name, frame))
        if name in before.depths:
            np.testing.assert_allclose(after.depth(name, frame), before.depth(name, frame), atol=5.1e-5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_pictures_and_videos_are_linked(tmp_path):
    write_gps(tmp_path / "gps")
    write_toml((tmp_path / "film").resolve() if (tmp_path / "film").mkdir() is None else tmp_path)
    cli.main(["import", str(tmp_path / "gps"), "-o", str(tmp_path / "a")])
    cli.main(["import", str(tmp_path / "film"), "-o", str(tmp_path / "b"), "--frames", "2:10:3"])
    assert os.path.samefile(tmp_path / "a/images/0/000000.jpg", tmp_path / "gps/img/0004_000/0.jpg")
    assert os.path.samefile(tmp_path / "b/videos/a.mp4", tmp_path / "film/videos/a.mp4")
    assert read_capture(tmp_path / "b").frames == (2, 5, 8)
    cli.main(["import", str(tmp_path / "gps"), "-o", str(tmp_path / "c"), "--copy"])
    assert not os.path.samefile(tmp_path / "c/images/0/000000.jpg", tmp_path / "gps/img/0004_000/0.jpg")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--scale", "0"), "--scale 0"),
        (("--scale", "-1"), "--scale -1"),
        (("--scale", "nan"), "--scale nan"),
        (("--pairs", "a,a"), "a,a"),
    ],
)
def test_options_that_cannot_be_meant(tmp_path, capsys, options, named):
    source = WRITERS["nerfstudio"][0](tmp_path / "source")
    with helpers.exits(capsys, names=[named]):
        cli.main(["import", str(source), "-o", str(tmp_path / "walk"), *options])
    assert not (tmp_path / "walk").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp"])
@pytest.mark.parametrize("kind", ["images", "masks"])
def test_an_image_that_is_cut_short_is_not_imported(tmp_path, capsys, kind, suffix):
    helpers.write_sphere_capture(tmp_path / "source", size=(40, 32), samples=1, frames=3)
    for path in (tmp_path / "source" / kind).rglob("*.*"):
        data = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        path.unlink()
        cv2.imwrite(str(path.with_suffix(suffix)), data)
    cli.main(["import", str(tmp_path / "source"), "-o", str(tmp_path / "whole")])
    path = sorted((tmp_path / "source" / kind).rglob("*.*"))[1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with helpers.exits(capsys, file=path, camera=path.parent.name, frame=int(path.stem)):
        cli.main(["import", str(tmp_path / "source"), "-o", str(tmp_path / "cut")])
    assert not (tmp_path / "cut").exists()


def test_scale_cameras_targets_and_pairs(tmp_path):
    helpers.write_sphere_capture(tmp_path / "metres", size=(40, 32), samples=1)
    lenses = helpers.default_rig((40, 32))
    millimetres = {
        name: helpers.Lens(lens.matrix, lens.rotation, 1000 * lens.translation, lens.size, lens.distortion)
        for name, lens in lenses.items()
    }
    helpers.write_calibration(tmp_path / "metres", millimetres)
    options = ["--scale", "0.001", "--cameras", "00", "t00", "--targets", "01", "--pairs", "t00,00", "--frames", "1"]
    for name in ("depths", "joints.json"):
        (tmp_path / "metres" / name).rename(tmp_path / name)
    cli.main(["import", str(tmp_path / "metres"), "-o", str(tmp_path / "b"), *options])
    capture = read_capture(tmp_path / "b")
    assert (capture.sources, capture.held_out, capture.pairs) == (("00", "t00"), ("01",), (("t00", "00"),))
    assert capture.frames == (1,)
    for name, lens in lenses.items():
        np.testing.assert_allclose(capture.cameras[name].centre, lens.centre, atol=1e-9)


def test_a_path_with_spaces_and_letters_of_all_kinds(tmp_path):
    source = tmp_path / "Prüfung с пробелами 走る" / "take 1"
    helpers.write_sphere_capture(source, size=(40, 32), samples=1)
    cli.main(["import", str(source), "-o", str(tmp_path / "été" / "a b")])
    rectify_capture(tmp_path / "été" / "a b", tmp_path / "où est" / "x y.h5", RectifySettings(size=(32, 32)))
    rectify_capture(source, tmp_path / "z.h5", RectifySettings(size=(32, 32)))
    assert (tmp_path / "où est" / "x y.h5").is_file()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--format", "avi"], {"names": ["avi", "easymocap"]}),
        (["--frames", "9:"], {"file": "c"}),
        (["--frames", "x"], {"names": ["'x'"]}),
        (["--cameras", "07"], {"camera": "07"}),
        (["--pairs", "00,07"], {"camera": "07"}),
    ],
)
def test_mistakes_leave_nothing(options, named, tmp_path, capfd):
    helpers.write_sphere_capture(tmp_path / "c", size=(40, 32), samples=1)
    with helpers.exits(capfd, **named):
        cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "out"), *options])
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, capfd):
    helpers.write_sphere_capture(tmp_path / "c", size=(40, 32), samples=1)
    path = tmp_path / "c/depths/t00/000001.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    for options in (["--scale", "2"], []):
        with helpers.exits(capfd, file=path, camera="t00", frame=1):
            cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "out"), *options])
        assert not (tmp_path / "out").exists()
    path.write_bytes(whole)
    cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "out")])
    with helpers.exits(capfd, file=tmp_path / "out"):
        cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "out")])


def test_exif_is_not_lost_where_the_calibration_ignores_it(tmp_path):
    """COLMAP takes pictures as stored; the canonical layout obeys the EXIF rotation, so such a picture is rewritten."""
    from posegaussian.io.images import ImageFile
    from posegaussian.pipeline.import_capture import _placed

    image = pictures(RIG["a"], 0)[0]
    path = tmp_path / "turned.jpg"
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    exif = bytes.fromhex("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000")
    path.write_bytes(data[:2] + exif + data[2:])
    assert ImageFile(path).is_rotated()
    assert ImageFile(path).pixels().shape == (64, 48, 3)
    target, write = _placed(Path("images/a/000000.png"), ImageFile(path, upright=False), ("a", 0), copy=False)
    assert target == Path("images/a/000000.png")
    write(tmp_path / "out.png")
    assert abs(ImageFile(tmp_path / "out.png").pixels() - image.astype(float)).mean() < 12


def test_rig_json_says_what_the_source_said(tmp_path):
    cli.main(["import", str(write_gps(tmp_path / "g")), "-o", str(tmp_path / "out")])
    rig = json.loads((tmp_path / "out/rig.json").read_text())
    assert rig == {"sources": ["0", "1"], "targets": ["3"], "pairs": [["0", "1"]]}
    assert set(FLAT) == {"0", "1", "3"}


def test_calibration_beside_the_capture(tmp_path):
    """A sample's parm/ lies outside its img/ folder; it is known by its digest all the same."""
    write_gps(tmp_path / "gps")
    rectify_capture(tmp_path / "gps/img/0004_000", tmp_path / "x.h5", RectifySettings(size=(32, 32)))
    with h5py.File(tmp_path / "x.h5") as file:
        assert "../../parm/0004_000/1_extrinsic.npy" in json.loads(file.attrs["inputs"])
