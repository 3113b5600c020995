"""The command: which cameras it takes, what it refuses in one line, and a whole run whose cameras vanish and return."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import av
import helpers
import numpy as np
import pytest
from browser import CHROMIUM, browser, until
from websockets.asyncio.client import connect

from posegaussian.cli import main
from posegaussian.config import LiveSettings, parse
from posegaussian.errors import CalibrationError, CaptureError, ConfigError
from posegaussian.io.easymocap import write_calibration
from posegaussian.live.command import LOOK_EVERY, capture_rig
from posegaussian.live.sources import Playback
from posegaussian.live.synthetic import SyntheticPerson

SIZE = (96, 80)
USB = parse(LiveSettings, {"cameras": {"00": {"usb": 0}, "01": {"url": "rtsp://me:secret@camera/1"}}})


def lenses():
    return {name: helpers.lens(azimuth, size=SIZE) for name, azimuth in (("00", -12), ("01", 12))}


@pytest.fixture
def capture(tmp_path):
    helpers.write_sphere_capture(tmp_path / "capture", cameras=lenses(), samples=1)
    return tmp_path / "capture"


@pytest.fixture
def calibration(tmp_path):
    """A calibration as `calibrate` writes it, without footage."""
    (tmp_path / "rig").mkdir()
    cameras = {name: helpers.source_camera(lens) for name, lens in lenses().items()}
    write_calibration(tmp_path / "rig", cameras, sizes=True)
    return tmp_path / "rig"


def test_a_capture_gives_calibration_and_footage(capture):
    rig = capture_rig(capture, ("1", "0"), LiveSettings())
    assert list(rig.cameras) == ["01", "00"]
    assert rig.sources["00"].label == "footage of 00" and rig.scenes == {}
    assert str(capture) not in str([source.label for source in rig.sources.values()])


def test_images_of_the_empty_scene_help_where_footage_is_played(capture):
    (capture / "backgrounds").mkdir()
    for name in ("00", "01"):
        shutil.copy(capture / f"images/{name}/000000.png", capture / f"backgrounds/{name}.png")
    assert capture_rig(capture, None, LiveSettings()).scenes.keys() == {"00", "01"}
    given = parse(LiveSettings, {"cameras": {"01": {"usb": 0}}})
    assert capture_rig(capture, None, given).scenes.keys() == {"00"}


def test_a_calibration_alone_needs_sources(calibration):
    rig = capture_rig(calibration, None, USB)
    assert list(rig.cameras) == ["00", "01"] and rig.cameras["00"].width == SIZE[0]
    np.testing.assert_allclose(
        rig.cameras["01"].intrinsics, helpers.source_camera(lenses()["01"]).intrinsics, atol=1e-6
    )
    assert [source.label for source in rig.sources.values()] == ["USB camera 0", "rtsp://camera"]
    with helpers.refuses(ConfigError, "missing-live-source", camera="00"):
        capture_rig(calibration, None, LiveSettings())
    with helpers.refuses(CaptureError, "unknown-camera"):
        capture_rig(calibration, ("00", "07"), USB)


def test_a_calibration_without_sizes_is_refused(capture):
    for name in ("images", "masks", "depths"):
        shutil.rmtree(capture / name)
    (capture / "rig.json").unlink()
    with helpers.refuses(CalibrationError, "unknown-image-size", camera="00"):
        capture_rig(capture, None, USB)


@pytest.mark.slow
def test_a_synthetic_person_is_filmed_by_two_cameras():
    person = SyntheticPerson(3, (48, 64), frames=3)
    assert {(camera.width, camera.height) for camera in person.cameras.values()} == {(48, 64)}
    names = list(person.cameras)
    source = person.source(names[0], Playback())
    assert source.count == 4 and source.label == "synthetic person 3"
    images = [source.read(number) for number in range(4)]
    assert images[0].shape == (64, 48, 3) and images[1] is images[3]  # to and fro
    assert np.abs(images[0].astype(int) - images[2]).max() > 20


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("live", ["source of frames"]),
        ("live a --synthetic 3", ["source of frames"]),
        ("live missing", ["missing", "no such folder"]),
        ("live --synthetic 400", ["400"]),
        ('live --synthetic 3 --settings {"tolerance":-1}', ["tolerance"]),
    ],
)
def test_mistakes_are_one_line(line, names, capsys):
    with helpers.exits(capsys, names=names):
        main(line.split())


@contextmanager
def running(*arguments):
    """A process of the command, its address, and its lines on stderr, which are complete after the block."""
    command = [sys.executable, "-m", "posegaussian", "live", *map(str, arguments), "--port", "0", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            address = re.search(r"http\S+", process.stdout.readline())
            assert address, process.stderr.read()
            yield address[0], lines
        finally:
            process.send_signal(signal.SIGINT)
            lines += process.stderr.read().splitlines()
    assert process.returncode == 130


async def statuses(address, until, between=lambda: None):
    """Wait for a status of which `until` is true."""
    address = re.sub(r"/(\?|$)", r"/live\1", address.replace("http", "ws"))
    async with connect(address, proxy=None) as connection, asyncio.timeout(40):
        while True:
            data = await connection.recv()
            if isinstance(data, str) and until(found := json.loads(data)):
                return found


def states(found):
    return {camera["name"]: (camera["state"], camera["reason"]) for camera in found["cameras"]}


@pytest.mark.slow
def test_a_camera_that_vanishes_is_shown_and_taken_up_again(capture):
    settings = '{"size": [64, 64], "color": "off"}'
    with running(capture, "--settings", settings) as (address, lines):
        live = ("live", "")
        asyncio.run(statuses(address, lambda found: states(found) == {"00": live, "01": live}))
        time.sleep(2 * LOOK_EVERY)
        (capture / "images/01").rename(capture / "away")
        found = asyncio.run(statuses(address, lambda found: states(found)["01"][0] == "lost"))
        assert states(found) == {"00": live, "01": ("lost", "no such file or directory")}
        assert str(capture) not in json.dumps(found)
        (capture / "away").rename(capture / "images/01")
        asyncio.run(statuses(address, lambda found: states(found)["01"] == live))
        time.sleep(2 * LOOK_EVERY)
    said = [line for line in lines if "camera 01" in line]
    assert [line.rpartition(": ")[2] for line in said] == ["live", "no such file or directory", "live"]
    assert not any(str(capture) in line for line in lines)


@pytest.mark.slow
def test_another_size_is_refused_in_one_line(capture, tmp_path):
    helpers.write_sphere_capture(tmp_path / "small", cameras={"01": helpers.lens(12, size=(48, 40))}, samples=1)
    settings = {"size": [64, 64], "cameras": {"01": {"file": str(tmp_path / "small/images/01")}}}
    with running(capture, "--settings", json.dumps(settings)) as (address, lines):
        what = "its images have 48 x 40 pixels, its calibration is for 96 x 80"
        found = asyncio.run(statuses(address, lambda found: states(found)["01"][1]))
        assert states(found)["01"] == ("lost", what)
        time.sleep(2 * LOOK_EVERY)
    assert [line for line in lines if what in line] == [f"camera 01 (file for 01): {what}"]


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_the_page_moves_shows_numbers_and_records(capture, tmp_path):
    settings = '{"size": [64, 64], "color": "off"}'
    image = "document.getElementById('view').toDataURL()"
    with running(capture, "--settings", settings, "-o", tmp_path / "own") as (address, _), browser(tmp_path) as page:
        page.call("Page.navigate", url=address)
        page.until("window.live && live.state.drawn > 2")
        page.run("document.getElementById('freeze').click()")  # the spheres move: what changes now is the place
        time.sleep(1)
        before = page.run(image)
        page.drag((300, 300), (500, 300))
        until(lambda: page.run(image) != before)
        assert page.run("live.place.along") < 0.5
        page.run("document.getElementById('freeze').click()")
        page.until("live.state.status.fps > 0 && live.state.status.stages.network > 0")
        page.run("document.getElementById('record').click()")
        page.until("live.state.status.recording")
        time.sleep(2)
        page.run("document.getElementById('record').click()")
        page.until("!live.state.status.recording")
        until(lambda: (tmp_path / "own/recording-001/view.mp4").exists())
        assert page.complaints == []
        assert all(url.startswith((address, address.replace("http", "ws"))) for url in page.requests), page.requests
    with av.open(tmp_path / "own/recording-001/view.mp4") as video:
        images = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(images) > 10 and images[0].shape == (64, 64, 3) and max(each.max() for each in images) > 40
