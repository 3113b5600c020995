"""Late cameras: whole frames that are taken away, on the command line and in rig.json; and `import --sync`."""

import json
import shutil
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest
from helpers import exits, refuses, write_sphere_capture

from posegaussian import cli
from posegaussian.captures.offsets import parse_offsets, with_offsets
from posegaussian.captures.reading import read_capture
from posegaussian.config.sheet import CaptureRow
from posegaussian.errors import CaptureError, ConfigError
from posegaussian.io.sound import RATE, read_sound

FRAMES, FPS, LATE = 48, 12, {"01": 3, "t00": -2}


def test_offsets_are_read():
    assert parse_offsets("") == {}
    assert parse_offsets("02:3  a:b:-1") == {"02": 3, "a:b": -1}
    for text in ("02", "02:", "02:1.5", "02:1 02:2", ":3"):
        with refuses(ConfigError, "invalid-offsets"):
            parse_offsets(text)
    assert CaptureRow(capture="a", split="test", path="x", offsets="02:3 03:-1").offsets == "02:3 03:-1"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("late") / "images"
    write_sphere_capture(root, frames=6, size=(32, 32), suffix=".jpg", depths=False, samples=1)
    return root


def test_frames_are_moved(images):
    capture = read_capture(images)
    moved = with_offsets(capture, LATE)
    assert moved.frames == (2,)  # 01 has it as frame 5, t00 as frame 0
    assert [moved.images[name][2].path.stem for name in ("00", "01", "t00")] == ["000002", "000005", "000000"]
    assert moved.masks["01"][2].path.stem == "000005"
    assert with_offsets(capture, {"01": 0}) is capture
    with refuses(CaptureError, "no-common-frames"):
        with_offsets(capture, {"01": 6})
    with pytest.raises(CaptureError, match="nobody"):
        with_offsets(capture, {"nobody": 1})


def test_images_are_imported_with_new_numbers(images, tmp_path, capsys):
    cli.main(["import", str(images), "--offsets", "01:1", "-o", str(tmp_path / "out")])
    found = read_capture(tmp_path / "out")
    assert found.frames == (0, 1, 2, 3, 4)
    first = (tmp_path / "out/images/01/000000.jpg").read_bytes()
    assert first == (images / "images/01/000001.jpg").read_bytes()
    with exits(capsys, names=["offsets"]):
        cli.main(["import", str(images), "--offsets", "01", "-o", str(tmp_path / "no")])


def write_video(path, frames, sound=None):
    """A small video with a sound, or without."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        track = container.add_stream("aac", rate=RATE) if sound is not None else None
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                part = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
                container.mux(track.encode(part))
            container.mux(track.encode())


def claps(late):
    random, seconds = np.random.default_rng(2), FRAMES / FPS
    sound = np.zeros(int(RATE * (seconds + 2)))
    for start in random.integers(0, len(sound) - 2000, 12):
        sound[start : start + 2000] += 0.3 * random.normal(0, 1, 2000) * np.exp(-np.arange(2000) / 400)
    first = RATE - round(late / FPS * RATE)
    return sound[first : first + int(RATE * seconds)].astype(np.float32)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Videos of numbered greys whose sounds say that 01 is three frames late, and t00 two frames early."""
    root = tmp_path_factory.mktemp("late") / "videos"
    write_sphere_capture(root, frames=1, size=(32, 32), suffix=".jpg", depths=False, samples=1)
    for kind in ("images", "masks"):
        shutil.rmtree(root / kind)
    (root / "videos").mkdir()
    for name in ("00", "01", "t00"):
        late = LATE.get(name, 0)
        frames = [np.full((32, 32, 3), 20 + 4 * (number - late), np.uint8) for number in range(FRAMES)]
        write_video(root / f"videos/{name}.mp4", frames, claps(late))
    return root


def level(capture, camera, frame):
    return float(capture.image(camera, frame).mean())


def test_sound_is_read(videos, tmp_path):
    sound = read_sound(videos / "videos/00.mp4")
    assert sound is not None and len(sound) == pytest.approx(RATE * FRAMES / FPS, rel=0.05)
    write_video(tmp_path / "mute.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3)
    assert read_sound(tmp_path / "mute.mp4") is None
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(OSError):
        read_sound(tmp_path / "text.mp4")


def test_videos_are_synchronised_by_sound(videos, tmp_path, capsys):
    cli.main(["import", str(videos), "--sync", "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "camera 01 against 00, by sound: 3.0" in printed and "late" in printed and "early" in printed
    assert json.loads((tmp_path / "out/rig.json").read_text())["offsets"] == {"01": 3, "t00": -2}
    with warnings.catch_warnings(action="error"):
        found = read_capture(tmp_path / "out")
    assert found.frames[0] == 2 and found.frames[-1] == FRAMES - 4
    for frame in (2, 20, FRAMES - 4):
        levels = [level(found, name, frame) for name in found.cameras]
        assert np.ptp(levels) < 2.5, levels


def test_still_footage_gives_no_answer(images, tmp_path, capsys):
    cli.main(["import", str(images), "--sync", "-o", str(tmp_path / "out")])
    assert "neither sound nor the person's motion shows" in capsys.readouterr().err
    assert read_capture(tmp_path / "out").frames == (0, 1, 2, 3, 4, 5)


def test_a_broken_offset_in_rig_json(videos, tmp_path):
    shutil.copytree(videos, tmp_path / "copy")
    path = tmp_path / "copy/rig.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"offsets": {"01": "x"}}))
    with refuses(CaptureError, "invalid-rig"):
        read_capture(tmp_path / "copy")
