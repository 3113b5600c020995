"""Served views: a page, images that follow the viewer, bounded viewers and messages, one network pass for all."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, suppress

import cv2
import helpers
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import posegaussian as pg
from posegaussian.config import LiveSettings
from posegaussian.errors import BackendError
from posegaussian.live.access import Access
from posegaussian.live.recording import Recorder
from posegaussian.live.server import ViewServer
from posegaussian.live.session import LiveSession
from posegaussian.live.viewer import HEADER, IN_FLIGHT, SOURCES, VIEW


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live") / "capture"
    cameras = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in (("00", -12), ("01", 12))}
    helpers.write_sphere_capture(folder, frames=4, cameras=cameras, samples=1)
    return pg.read_capture(folder)


@pytest.fixture(scope="module")
def session(capture):
    settings = LiveSettings(size=(64, 64), color="off", viewers=3)
    with LiveSession(capture.cameras, settings=settings, device="cpu") as session:
        feed(session, capture, 0)
        session.wait(seconds=60.0)
        yield session


def feed(session, capture, number):
    now = time.monotonic()
    for name in ("00", "01"):
        session.feed(name, capture.image(name, number), now, capture.mask(name, number))


@asynccontextmanager
async def served(session, **further):
    """The port of a server that runs in this loop; once it has ended, the session does not call it any more."""
    port, before = asyncio.get_running_loop().create_future(), len(session._listeners)
    server = ViewServer(session, further.pop("access", Access(None)), **further)
    task = asyncio.create_task(server.run("127.0.0.1", 0, port.set_result))
    try:
        yield await asyncio.wait_for(port, 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(session._listeners) == before


def watching(port, query=""):
    return connect(f"ws://127.0.0.1:{port}/live{query}", max_size=None, proxy=None)


async def say(connection, **wishes):
    await connection.send(json.dumps(wishes))


async def receive(connection, kind=VIEW, seconds=8.0):
    """The next message of a kind: (number of the frame, image), or the status."""
    async with asyncio.timeout(seconds):
        while True:
            data = await connection.recv()
            if isinstance(data, str):
                if kind is None:
                    return json.loads(data)
            elif data[0] == kind:
                number = HEADER.unpack(data[: HEADER.size])[1]
                return number, cv2.imdecode(np.frombuffer(data[HEADER.size :], np.uint8), cv2.IMREAD_COLOR)


async def fetch(port, path="/", headers=None):
    """Status, headers and text of an answer."""

    def get():
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers or {})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    return await asyncio.to_thread(get)


def test_there_is_one_page_that_asks_nobody_else_for_anything(session):
    async def run():
        async with served(session) as port:
            status, headers, text = await fetch(port)
            assert status == 200 and "<canvas" in text and "http://" not in text and "https://" not in text
            assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
            assert (await fetch(port, "/etc/passwd"))[0] == 404
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                assert (await fetch(port, headers=headers))[0] == 403

    asyncio.run(run())


def test_without_the_token_every_request_gets_403(session):
    async def run():
        async with served(session, access=Access("secret")) as port:
            assert {(await fetch(port, path))[0] for path in ("/", "/live", "/?token=wrong", "/nothing")} == {403}
            with pytest.raises(InvalidStatus, match="403"):
                async with watching(port):
                    pass
            assert (await fetch(port, "/?token=secret"))[0] == 200
            async with watching(port, "?token=secret") as connection:
                assert (await receive(connection))[1].shape == (64, 64, 3)

    asyncio.run(run())


def test_the_view_follows_the_viewer(session):
    async def run():
        async with served(session) as port, watching(port) as connection:
            number, first = await receive(connection)
            await say(connection, drawn=True, view=[0.0, 0, 1])
            again, left = await receive(connection)
            await say(connection, drawn=True, view=[0.5, 0, 1])
            assert number == again and np.abs(first.astype(int) - left).mean() > 1
            np.testing.assert_array_equal((await receive(connection))[1], first)

    asyncio.run(run())


def test_new_frames_are_sent_and_a_frozen_viewer_keeps_the_old_one(session, capture):
    async def run():
        async with served(session) as port, watching(port) as moving, watching(port) as frozen:
            number, _ = await receive(moving)
            await receive(frozen)
            await say(frozen, drawn=True, freeze=True)
            await say(moving, drawn=True)
            await receive(frozen, None)  # the server has read the wish
            await asyncio.sleep(0.2)
            await asyncio.to_thread(feed, session, capture, 2)
            assert (await receive(moving))[0] > number
            await say(frozen, view=[0.1, 0, 1])
            assert (await receive(frozen))[0] == number
            await say(frozen, drawn=True, freeze=False)
            assert (await receive(frozen))[0] > number

    asyncio.run(run())


def test_a_viewer_who_does_not_draw_costs_nothing_and_holds_nobody_up(session, capture):
    async def run():
        async with served(session) as port, watching(port) as silent, watching(port) as other:
            views = 0
            for number in range(6):
                await say(silent, view=[0.1 * number, 0, 1])
                await say(other, view=[0.1 * number, 0, 1])
                await receive(other)
                await say(other, drawn=True)
            with pytest.raises(TimeoutError):
                while True:
                    await receive(silent, seconds=1.0)
                    views += 1
            assert views == IN_FLIGHT

    asyncio.run(run())


def test_viewers_are_bounded_and_their_places_become_free(session):
    async def run():
        async with served(session) as port:
            async with watching(port), watching(port), watching(port) as third:
                assert (await receive(third, None))["viewers"] == 3
                with pytest.raises(InvalidStatus, match="503"):
                    async with watching(port):
                        pass
            for _ in range(50):
                await asyncio.sleep(0.05)
                with suppress(InvalidStatus):
                    async with watching(port) as connection:
                        assert (await receive(connection))[1].size
                    return
            raise AssertionError("no place became free")

    asyncio.run(run())


@pytest.mark.parametrize("text", ["x" * 5000, '{"delete": 1}', "no JSON"])
def test_a_message_that_is_not_ours_ends_the_connection_alone(session, text):
    async def run():
        async with served(session) as port, watching(port) as good:
            await receive(good)
            async with watching(port) as bad:
                await bad.send(text)
                with pytest.raises(ConnectionClosed):
                    while True:
                        await asyncio.wait_for(bad.recv(), 10)
            await say(good, drawn=True, view=[0.2, 0, 1])
            await receive(good)

    asyncio.run(run())


def test_what_fails_for_all_ends_the_server(session, monkeypatch):
    def broken(*_, **__):
        raise BackendError("cannot render", code="unsuitable-backend")

    async def run():
        port = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(ViewServer(session, Access(None)).run("127.0.0.1", 0, port.set_result))
        monkeypatch.setattr(session, "views", broken)
        with pytest.raises(ConnectionClosed):
            async with watching(await port) as connection:
                await receive(connection)
        with pytest.raises(BackendError):
            await asyncio.wait_for(task, 10)

    asyncio.run(run())


def test_the_cameras_images_come_when_they_are_wanted(session):
    async def run():
        async with served(session) as port, watching(port) as connection:
            await receive(connection)
            await say(connection, drawn=True, sources=True, view=[0.4, 0, 1])
            _, both = await receive(connection, SOURCES)
            assert both.shape == (80, 192, 3)

    asyncio.run(run())


def test_the_status_has_numbers_and_no_path(session, capture, tmp_path):
    async def run():
        recorder = Recorder(tmp_path / "own", "00-01", 5.0, (64, 64))
        server = served(session, recorder=recorder, status=lambda: {"cameras": []})
        async with server as port, watching(port) as connection:
            await receive(connection)
            await say(connection, drawn=True, view=[0.3, 0, 1])
            await receive(connection)
            found = await receive(connection, None)
            while found["stages"]["view"] is None:
                found = await receive(connection, None)
        assert found["stages"]["network"] > 0 and found["latency"] > 0 and found["size"] == [64, 64]
        assert found["device"] == "CPU" and found["recorder"] is True
        assert str(tmp_path) not in json.dumps(found) and str(capture.root) not in json.dumps(found)

    asyncio.run(run())


def test_a_recording_is_started_and_stopped_by_a_viewer(session, capture, tmp_path):
    async def run():
        recorder = Recorder(tmp_path, "00-01", 60.0, (64, 64))
        async with served(session, recorder=recorder) as port, watching(port) as connection:
            await receive(connection)
            await say(connection, drawn=True, record=True)
            while (await receive(connection, None))["recording"] is None:
                pass
            for number in (1, 2, 3):
                last = session.latest().number
                await asyncio.to_thread(feed, session, capture, number)
                await asyncio.to_thread(session.wait, last, 60.0)
                await asyncio.sleep(0.3)
            await say(connection, record=False)
            while (await receive(connection, None))["recording"] is not None:
                pass
        while recorder.name is not None:
            await asyncio.sleep(0.05)

    asyncio.run(run())
    for _ in range(100):
        if (tmp_path / "recording-001").exists():
            break
        asyncio.run(asyncio.sleep(0.05))
    names = {path.name for path in (tmp_path / "recording-001").iterdir()}
    assert names == {"view.mp4", "splats"} and list((tmp_path / "recording-001/splats").glob("00-01_*.ply"))


def test_the_next_view_is_made_while_one_is_on_its_way(session, capture, monkeypatch):
    views, begun, go_on = session.views, [], threading.Event()
    monkeypatch.setattr(session, "views", lambda *shown: begun.append(shown) or (go_on.wait(20) and views(*shown)))

    async def run():
        async with served(session) as port, watching(port) as viewer:
            for count in (1, 2):
                while len(begun) < count:
                    await asyncio.sleep(0.01)
                feed(session, capture, count)
            go_on.set()
            assert (await receive(viewer))[0] < (await receive(viewer))[0]

    asyncio.run(asyncio.wait_for(run(), 20))
