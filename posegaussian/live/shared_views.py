"""Views of frames for many viewers: those of a frame are rendered at once, and one of each place serves all."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import UInt8

from posegaussian.live.loop import LiveFrame
from posegaussian.live.statistics import Meter
from posegaussian.live.viewer import VIEW, jpeg, message
from posegaussian.live.viewpoint import Viewpoint
from posegaussian.parallel import limit_torch

_THREADS = 8
"""Threads that encode views, at most: as many as there are viewers by default."""
Render = Callable[[Sequence[Viewpoint], LiveFrame], UInt8[np.ndarray, "n h w 3"] | None]
"""Returns an image for each place; None before the first frame."""
Wanted = dict[Viewpoint, "asyncio.Future[bytes | None]"]
"""Messages with views, by place."""


class SharedViews:
    """Makes messages with views, in threads; it belongs to one event loop.

    A frame wakes all viewers in one turn of the event loop. What they want of it is collected until the turn ends, and
    rendered by one call: a renderer's call takes longer than a view.

    Args:
        render: makes images of a frame from several places, as `LiveSession.views` does.
        quality: of JPEG.
    """

    def __init__(self, render: Render, quality: int):
        self._render, self._quality = render, quality
        # Two: a viewer who has moved need not wait for the views of a frame. Other threads compute beside them.
        self._renderers = ThreadPoolExecutor(2, "live view", limit_torch, (1,))
        self._encoders = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), "live encode")
        self._made: tuple[int, Wanted] = (0, {})
        self._wanted: dict[LiveFrame, Wanted] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.meter = Meter()
        """How long the views of a frame take."""

    def request(self, place: Viewpoint, frame: LiveFrame) -> "asyncio.Future[bytes | None]":
        """A message with a view, which others may wait for as well; None where there is none yet.

        Those of the newest frame are made once for all. Its exception is that of the renderer.
        """
        number, made = self._made
        if frame.number > number:
            self._made = number, made = frame.number, {}
        known = made if frame.number == number else self._wanted.get(frame, {})
        view = known.get(place)
        if view is None:
            loop = asyncio.get_running_loop()
            view = loop.create_future()
            if frame.number == number:
                made[place] = view
            if not self._wanted:
                loop.call_soon(self._start)
            self._wanted.setdefault(frame, {})[place] = view
        return view

    def close(self) -> None:
        """End the threads, once what they do is done."""
        self._renderers.shutdown(wait=False)
        self._encoders.shutdown(wait=False)

    def _start(self) -> None:
        """Make what was wanted in this turn of the event loop."""
        wanted, self._wanted = self._wanted, {}
        for frame, views in wanted.items():
            task = asyncio.create_task(self._make(frame, views))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _make(self, frame: LiveFrame, wanted: Wanted) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._renderers, self._rendered, tuple(wanted), frame)
        except Exception as error:
            for view in wanted.values():
                view.set_exception(error)
                view.exception()  # a viewer who has left does not look at it
            return
        for view, data in zip(wanted.values(), found, strict=True):
            view.set_result(data)

    def _rendered(self, places: Sequence[Viewpoint], frame: LiveFrame) -> list[bytes | None]:
        """Messages with the views of a frame; None of each before the first one."""
        start = time.monotonic()
        images = self._render(places, frame)
        if images is None:
            return [None] * len(places)
        others = [self._encoders.submit(jpeg, image, self._quality) for image in images[1:]]
        encoded = [jpeg(images[0], self._quality), *(each.result() for each in others)]
        self.meter.add(start, time.monotonic() - start)
        return [message(VIEW, frame, data) for data in encoded]
