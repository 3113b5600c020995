"""Views for many viewers: those of a frame are rendered by one call, one of each place serves all."""

import asyncio
import threading

import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import BackendError
from posegaussian.live.loop import LiveFrame
from posegaussian.live.shared_views import SharedViews
from posegaussian.live.viewer import HEADER
from posegaussian.live.viewpoint import Viewpoint
from posegaussian.types import Camera, Gaussians

MIDDLE, LEFT, RIGHT = Viewpoint(), Viewpoint(along=0.0), Viewpoint(along=1.0)


class Session:
    """Renders grey images, brighter to the right, and knows its calls."""

    def __init__(self):
        self.calls = []

    def views(self, places, frame):
        self.calls.append((tuple(places), frame.number))
        return np.stack([np.full((16, 16, 3), int(100 + 100 * place.along), np.uint8) for place in places])


def frame(number):
    nothing, poses = torch.zeros(0, 3), torch.eye(4).repeat(2, 1, 1)
    gaussians = Gaussians(nothing, torch.zeros(0, 4), nothing, torch.zeros(0), nothing)
    return LiveFrame(number, float(number), gaussians, Camera(torch.eye(3).repeat(2, 1, 1), poses, 16, 16), {})


def level(data):
    """Number of the frame and grey level of a message."""
    image = cv2.imdecode(np.frombuffer(data[HEADER.size :], np.uint8), cv2.IMREAD_COLOR)
    return HEADER.unpack(data[: HEADER.size])[1], round(image.mean())


def seen(session, *wanted):
    """What is seen by viewers who ask in the same turn, for each of several frames one after the other."""

    async def run():
        shared = SharedViews(session.views, 95)
        return [await asyncio.gather(*(shared.request(place, shown) for place in places)) for shown, places in wanted]

    return asyncio.run(run())


def test_one_call_renders_what_all_viewers_want_of_a_frame():
    session = Session()
    (found,) = seen(session, (frame(3), [MIDDLE, LEFT, MIDDLE, RIGHT]))
    assert [level(each) for each in found] == [(3, 150), (3, 100), (3, 150), (3, 200)]
    assert session.calls == [((MIDDLE, LEFT, RIGHT), 3)]


def test_a_view_of_the_newest_frame_is_not_made_again():
    session, newest = Session(), frame(2)
    seen(session, (newest, [MIDDLE]), (newest, [MIDDLE, LEFT]), (frame(1), [MIDDLE]), (frame(3), [MIDDLE]))
    assert session.calls == [((MIDDLE,), 2), ((LEFT,), 2), ((MIDDLE,), 1), ((MIDDLE,), 3)]


def test_frames_that_are_wanted_at_the_same_time_are_not_mixed():
    session, old, new = Session(), frame(1), frame(2)

    async def run():
        shared = SharedViews(session.views, 95)
        return await asyncio.gather(shared.request(LEFT, new), shared.request(RIGHT, old), shared.request(RIGHT, new))

    assert [level(each) for each in asyncio.run(run())] == [(2, 100), (1, 200), (2, 200)]
    assert sorted(session.calls, key=lambda call: call[1]) == [((RIGHT,), 1), ((LEFT, RIGHT), 2)]


def test_its_threads_end():
    before = set(threading.enumerate())

    async def run():
        shared = SharedViews(Session().views, 95)
        await asyncio.gather(shared.request(MIDDLE, frame(1)), shared.request(LEFT, frame(1)))
        own = [each for each in set(threading.enumerate()) - before if each.name.startswith("live")]
        shared.close()
        return own

    own = asyncio.run(run())
    for thread in own:
        thread.join(10)
    assert own and not any(thread.is_alive() for thread in own)


def test_a_failure_reaches_all_who_wait(monkeypatch):
    session = Session()

    def broken(*_):
        raise BackendError("cannot render", code="unsuitable-backend")

    monkeypatch.setattr(session, "views", broken)
    with helpers.refuses(BackendError, "unsuitable-backend"):
        seen(session, (frame(1), [MIDDLE, LEFT]))


def test_before_the_first_frame_there_is_no_view(monkeypatch):
    session = Session()
    monkeypatch.setattr(session, "views", lambda *_: None)
    assert seen(session, (frame(1), [MIDDLE, LEFT])) == [[None, None]]


def test_who_leaves_does_not_take_the_view_from_others():
    session, shown = Session(), frame(1)

    async def run():
        shared = SharedViews(session.views, 95)
        leaving, staying = (asyncio.create_task(watched(shared.request(MIDDLE, shown))) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return await staying

    async def watched(view):
        return await asyncio.shield(view)

    assert level(asyncio.run(run())) == (1, 150)
    assert len(session.calls) == 1
