"""Cameras: footage is played in real time; one that dies, stalls or has another size is shown as such."""

import threading
import time

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture
from posegaussian.config import LiveCameraSettings, LiveSettings, parse
from posegaussian.errors import ConfigError
from posegaussian.live import sources
from posegaussian.live.cameras import GrabbedCamera
from posegaussian.live.pairing import TimedFrame
from posegaussian.live.sources import Footage, NetworkCamera, Playback, UsbCamera, camera_source, check_cameras


def write_images(folder, count=4, size=(32, 24)):
    """Images whose level is ten times their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:06d}.png"), np.full((size[1], size[0], 3), 10 * number, np.uint8))


@pytest.fixture
def capture(tmp_path):
    cameras = {name: helpers.lens(azimuth, size=(32, 24)) for name, azimuth in (("00", -12), ("01", 12))}
    helpers.write_sphere_capture(tmp_path / "capture", cameras=cameras, samples=1)
    return read_capture(tmp_path / "capture")


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def footage(folder, fps=100.0, playback=None):
    chosen = LiveCameraSettings(file=str(folder), fps=fps)
    return sources.file_source(folder, "00", chosen.fps, playback or Playback())


def test_footage_is_played_in_real_time_again_and_again(tmp_path):
    """A busy machine may lose frames, but not time: whenever a frame is taken, it is the next one or the one due."""
    write_images(tmp_path / "a")
    playback, number = Playback(), -1
    frames = footage(tmp_path / "a", fps=50.0, playback=playback).frames()
    asked = playback.position()
    while number < 10:
        frame, before = next(frames), number
        assert frame.time <= time.monotonic(), "no frame comes before its time"
        number = round((frame.time - playback.start) * 50)
        assert frame.time == pytest.approx(playback.start + number / 50, abs=1e-6)
        assert max(before + 1, int(asked * 50)) <= number <= max(before + 1, int(playback.position() * 50))
        assert frame.read()[0, 0, 0] == 10 * (number % 4)
        asked = playback.position()


def test_cameras_that_are_played_together_have_the_same_times(tmp_path):
    write_images(tmp_path / "a")
    playback = Playback()
    first = next(iter(footage(tmp_path / "a", playback=playback).frames()))
    second = next(iter(footage(tmp_path / "a", playback=playback).frames()))
    steps = (second.time - first.time) * 100
    assert abs(steps - round(steps)) < 1e-6


def test_frames_that_are_not_used_are_not_decoded(tmp_path, monkeypatch):
    write_images(tmp_path / "a")
    read = []
    monkeypatch.setattr(sources, "read_image", lambda *place: read.append(place) or np.zeros((24, 32, 3), np.uint8))
    for count, frame in enumerate(footage(tmp_path / "a").frames()):
        if count == 5:
            frame.read()
            break
    assert len(read) == 1


def test_footage_that_vanishes_is_lost_and_comes_back(tmp_path):
    write_images(tmp_path / "a")
    got = []
    camera = GrabbedCamera("00", helpers.source_camera(helpers.lens(0, size=(32, 24))), footage(tmp_path / "a"), 1.0,
                           lambda name, frame: got.append(frame))  # fmt: skip
    assert camera.status().state == "waiting"
    camera.start()
    try:
        wait_for(lambda: camera.status().state == "live" and len(got) > 3)
        assert camera.image(got[-1]) is not None
        assert camera.status().fps > 20
        (tmp_path / "a").rename(tmp_path / "b")
        wait_for(lambda: camera.status().state == "lost")
        assert camera.status().reason == "no such file or directory"
        assert str(tmp_path) not in str(camera.status().as_dict())
        (tmp_path / "b").rename(tmp_path / "a")
        wait_for(lambda: camera.status().state == "live")
    finally:
        camera.close()


class Held:
    """A source whose frames a test sends."""

    label = "test"

    def __init__(self):
        self.condition, self.image, self.waiting = threading.Condition(), None, []

    def send(self, size=(32, 24)):
        with self.condition:
            self.waiting.append(TimedFrame(time.monotonic(), lambda: np.zeros((size[1], size[0], 3), np.uint8)))
            self.condition.notify()

    def frames(self):
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self.waiting, 3)
                yield self.waiting.pop(0)


def test_a_camera_without_frames_is_stalled_until_one_comes():
    source, got = Held(), []
    camera = GrabbedCamera("00", helpers.source_camera(helpers.lens(0, size=(32, 24))), source, 0.2,
                           lambda name, frame: got.append(frame))  # fmt: skip
    camera.start()
    try:
        source.send()
        wait_for(lambda: camera.status().state == "live")
        wait_for(lambda: camera.status().state == "stalled")
        source.send()
        wait_for(lambda: camera.status().state == "live")
    finally:
        source.send()
        camera.close()
    assert len(got) >= 2


def test_another_size_is_refused_in_one_line_until_it_fits():
    camera = GrabbedCamera("00", helpers.source_camera(helpers.lens(0, size=(32, 24))), Held(), 9.0, print)
    wrong, right = (TimedFrame(0.0, lambda size=size: np.zeros(size, np.uint8)) for size in ((8, 16, 3), (24, 32, 3)))
    assert camera.image(wrong) is None
    assert camera.status().state == "lost"
    assert camera.status().reason == "its images have 16 x 8 pixels, its calibration is for 32 x 24"
    assert camera.image(right) is not None
    assert camera.status().reason == ""


def test_an_address_that_does_not_answer_is_lost_and_its_password_is_not_shown():
    source = NetworkCamera("rtsp://me:secret@127.0.0.1:9/stream", 0.5)
    assert source.label == "rtsp://127.0.0.1"
    camera = GrabbedCamera("00", helpers.source_camera(helpers.lens(0)), source, 0.5, print)
    camera.start()
    try:
        wait_for(lambda: camera.status().state == "lost")
    finally:
        camera.close()
    assert camera.status().reason
    assert "secret" not in str(camera.status()) and "me:" not in str(camera.status())


def test_the_settings_choose_the_source_of_each_camera(capture, tmp_path):
    write_images(tmp_path / "a")
    given = parse(LiveSettings, {"cameras": {"00": {"usb": 1}, "01": {"url": "http://x/video"}}}).cameras
    camera = capture.cameras["00"]

    def source(chosen, of=capture):
        return camera_source("00", camera, chosen, of, 1.0, Playback())

    assert isinstance(source(given["00"]), UsbCamera)
    assert isinstance(source(given["01"], None), NetworkCamera)
    own = source(None)
    assert isinstance(own, Footage) and own.count == 2 and own.fps == 30
    check_cameras(given, capture.cameras)
    with helpers.refuses(ConfigError, "unknown-live-camera"):
        check_cameras({"02": given["00"]}, capture.cameras)
    with helpers.refuses(ConfigError, "missing-live-file", camera="00"):
        source(LiveCameraSettings(file=str(tmp_path / "b")))
    with helpers.refuses(ConfigError, "missing-live-source", camera="00"):
        source(None, None)


@pytest.mark.parametrize("given", [{}, {"usb": 0, "file": "a"}, {"usb": -1}, {"url": "a", "fps": 0}])
def test_a_camera_has_exactly_one_source(given):
    with helpers.refuses(ConfigError, "invalid-settings"):
        parse(LiveSettings, {"cameras": {"00": given}})


def test_a_usb_camera_that_is_missing_is_said_by_the_error_alone(capfd):
    for _ in range(2):
        with pytest.raises(OSError, match="no frame"):
            next(iter(UsbCamera(97, (64, 48)).frames()))
    assert capfd.readouterr().err == ""
