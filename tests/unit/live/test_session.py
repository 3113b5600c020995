"""A session that is fed by the caller: views of the newest frame, in constant memory, and the same as `reconstruct`."""

import re
import threading
import time
from pathlib import Path

import helpers
import numpy as np
import pytest

import posegaussian as pg
from posegaussian.config import LiveSettings
from posegaussian.errors import ConfigError
from posegaussian.live.session import LiveSession
from posegaussian.live.viewpoint import Viewpoint

SIZE = (64, 64)
SETTINGS = LiveSettings(size=SIZE, color="off")


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live") / "capture"
    cameras = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in (("00", -12), ("01", 12))}
    helpers.write_sphere_capture(folder, frames=6, cameras=cameras, samples=1)
    return pg.read_capture(folder)


@pytest.fixture
def session(capture):
    with LiveSession(capture.cameras, settings=SETTINGS, device="cpu") as session:
        yield session


def feed(session, capture, number, taken=None):
    taken = time.monotonic() if taken is None else taken
    for name in ("00", "01"):
        session.feed(name, capture.image(name, number), taken, capture.mask(name, number))


def test_what_is_fed_is_seen(session, capture):
    assert session.view() is None and session.latest() is None
    feed(session, capture, 0)
    frame = session.wait(seconds=60.0)
    assert frame.number == 1 and len(frame.gaussians.means) > 100
    left, middle = session.view(0.0), session.view(0.5)
    assert middle.shape == (64, 64, 3) and (middle.max(-1) > 40).mean() > 0.05
    assert np.abs(left.astype(int) - middle).mean() > 1  # another view is another image
    assert session.problem() == ""


def test_without_dropping_every_frame_comes_in_order(capture):
    seen = []
    with LiveSession(capture.cameras, settings=SETTINGS, device="cpu", drop=False) as session:
        session.listen(lambda: seen.append(session.latest()))
        for number in capture.frames:
            feed(session, capture, number, number / 30)
        while len(seen) < len(capture.frames):
            session.wait(len(seen), seconds=60.0)
            time.sleep(0.01)
    assert [frame.time for frame in seen] == [number / 30 for number in capture.frames]
    assert [frame.number for frame in seen] == list(range(1, 7))
    assert session.loop.dropped == 0


def test_the_newest_frame_wins(session, capture):
    end = time.monotonic() + 2
    count = 0
    while time.monotonic() < end:
        feed(session, capture, count % 6)
        count += 1
        time.sleep(0.005)
    frame = session.wait(seconds=60.0)
    feed(session, capture, 0)
    assert session.loop.dropped > 0
    assert session.wait(frame.number, seconds=60.0).time > frame.time


def test_mistakes_of_the_caller_are_named(session, capture):
    with helpers.refuses(ConfigError, "unknown-live-camera"):
        session.feed("02", capture.image("00", 0))
    with helpers.refuses(ConfigError, "live-image-size", camera="00"):
        session.feed("00", np.zeros((8, 8, 3), np.uint8))
    with helpers.refuses(ConfigError, "too-few-live-cameras"):
        LiveSession({"00": capture.cameras["00"]})
    with pytest.raises(TimeoutError):
        session.wait(seconds=0.1)


def test_nobody_is_said_and_passes(session, capture):
    blank = np.zeros((80, 96), np.uint8)
    for name in ("00", "01"):
        session.feed(name, capture.image(name, 0), 1.0, blank)
    end = time.monotonic() + 30
    while session.problem() == "":
        assert time.monotonic() < end
        time.sleep(0.01)
    assert session.problem() == "nobody is seen by both cameras"
    feed(session, capture, 0, 2.0)
    session.wait(seconds=60.0)
    assert session.problem() == ""


def test_threads_end_with_the_session(capture):
    before = threading.active_count()
    with LiveSession(capture.cameras, settings=SETTINGS, device="cpu") as session:
        feed(session, capture, 0)
        session.wait(seconds=60.0)
    assert threading.active_count() <= before


def test_a_failure_reaches_who_waits(session, capture, monkeypatch):
    monkeypatch.setattr(session.loop._stages, "reconstruct", lambda prepared: 1 / 0)
    feed(session, capture, 0)
    with pytest.raises(RuntimeError, match="failed"):
        session.wait(seconds=60.0)


def test_the_code_of_the_how_to_runs(capture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "capture").symlink_to(capture.root)
    text = (Path(__file__).parents[3] / "docs/howto/live.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert sum(bool(line.strip()) for line in block.splitlines()) == 10
    names = {}
    exec(block.replace("(256, 256)", "(64, 64)"), names)
    assert names["image"].shape == (64, 64, 3) and names["image"].max() > 40


def test_several_views_are_those_of_one_after_the_other(session, capture):
    feed(session, capture, 0)
    frame = session.wait(seconds=60.0)
    places = [Viewpoint(), Viewpoint(0.2, 5.0, 2.0)]
    found = session.views(places, frame)
    assert found.shape == (2, 64, 64, 3)
    for image, place in zip(found, places, strict=True):
        assert (image == session.view(place.along, place.up, place.zoom, frame)).all()
