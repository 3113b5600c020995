"""The browser's side of a live session: one page, and views over a WebSocket, each viewer's from its own camera.

The network runs once for all viewers; each one has its own rendering and JPEG, which those who look from the same place
share. A viewer is sent the next view when it
has drawn an earlier one, so a slow one gets fewer views, not older ones, and one that does not read costs nothing.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from posegaussian.errors import UserError, warn
from posegaussian.live.access import Access
from posegaussian.live.loop import LiveFrame
from posegaussian.live.recording import Recorder
from posegaussian.live.session import LiveSession
from posegaussian.live.shared_views import SharedViews
from posegaussian.live.statistics import Meter
from posegaussian.live.viewer import LONGEST, SOURCES, BadMessage, Viewer, message, sources_jpeg

_PAGE = Path(__file__).with_name("page.html")
_STATUS_EVERY = 0.5
"""Seconds between two messages about rates, latencies and cameras."""
_QUEUE = 8
"""Messages of a browser that wait to be read, at most."""
_SILENT = 20.0
"""Seconds after which a connection whose other side does not answer is closed (twice: ping and its answer)."""
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'"
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",  # the address may hold the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


Views = asyncio.Queue[tuple[LiveFrame, "asyncio.Future[bytes | None]"]]
"""Views that were asked for, and that will be messages."""


class ViewServer:
    """Serves a session to browsers.

    Args:
        session: that computes.
        access: who may watch.
        recorder: of what a viewer sees; None: there is no recording.
        status: further facts for the page, such as the state of the cameras.
    """

    def __init__(
        self,
        session: LiveSession,
        access: Access,
        recorder: Recorder | None = None,
        status: Callable[[], dict[str, Any]] = dict,
    ):
        self._session, self._access, self._recorder, self._status = session, access, recorder, status
        self._wakes: dict[Viewer, asyncio.Event] = {}
        self._shared = SharedViews(lambda *shown: session.views(*shown), session.settings.quality)
        self._pool = ThreadPoolExecutor(2, "live sources")  # cameras' images, and recordings
        self._views = Meter()
        self._age = Meter()
        self._sources: tuple[int, bytes] = (0, b"")
        self._sources_lock = threading.Lock()
        self._filmed: Viewer | None = None

    async def run(self, host: str, port: int, ready: Callable[[int], object] = lambda port: None) -> None:
        """Serve until cancelled, once.

        Args:
            host: address to listen on.
            port: port to listen on; 0: any that is free.
            ready: called with the port once browsers can connect.

        Raises:
            OSError: the address is in use, or not of this machine.
            UserError: views cannot be rendered.
        """
        loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._wake_all)

        end = self._session.listen(wake)
        try:
            await self._serve(host, port, ready)
        finally:
            end()
            self._shared.close()
            self._pool.shutdown(wait=False)

    async def _serve(self, host: str, port: int, ready: Callable[[int], object]) -> None:
        async with serve(
            self._watch,
            host,
            port,
            process_request=self._answer,
            compression=None,
            max_size=LONGEST,
            max_queue=_QUEUE,
            ping_interval=_SILENT,
            ping_timeout=_SILENT,
            server_header=None,
        ) as server:
            ready(next(iter(server.sockets)).getsockname()[1])
            recording = asyncio.create_task(self._record())
            try:
                await asyncio.wait([recording, self._failed], return_when=asyncio.FIRST_COMPLETED)
                for ended in (recording, self._failed):
                    if ended.done():
                        ended.result()
            finally:
                recording.cancel()
                if self._recorder is not None:
                    self._recorder.stop()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, or a refusal; None for a WebSocket that may be opened."""
        if not self._access.allows(request.path, request.headers):
            return connection.respond(HTTPStatus.FORBIDDEN, "403: open the address that the program printed\n")
        path = urlsplit(request.path).path
        if path == "/":
            headers, body = Headers(_HEADERS), _PAGE.read_bytes()
            headers["Content-Length"] = str(len(body))
            return Response(200, "OK", headers, body)
        if path != "/live":
            return connection.respond(HTTPStatus.NOT_FOUND, "404: there is only one page\n")
        if len(self._wakes) >= self._session.settings.viewers:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "503: too many viewers\n")
        return None

    async def _watch(self, connection: ServerConnection) -> None:
        """Serve one viewer."""
        viewer, wake = Viewer(), asyncio.Event()
        if len(self._wakes) >= self._session.settings.viewers:  # others may have come since the answer
            return
        self._wakes[viewer] = wake
        wake.set()  # there may be a frame already
        views: Views = asyncio.Queue()
        runs = self._ask(viewer, wake, views), self._send(connection, viewer, views), self._tell(connection)
        tasks = [asyncio.create_task(run) for run in runs]
        for task in tasks:
            task.add_done_callback(lambda _: asyncio.create_task(connection.close()))
        try:
            async for text in connection:
                await self._obey(viewer, viewer.receive(text, self._session.latest()))
                wake.set()
        except (ConnectionClosed, BadMessage):
            pass
        finally:
            del self._wakes[viewer]
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, ConnectionClosed):
                    self._fail(ended)
            if self._filmed is viewer:
                await self._stop_recording()

    async def _ask(self, viewer: Viewer, wake: asyncio.Event, views: Views) -> None:
        """Have views made as soon as they are wanted: the next one while one is on its way."""
        while True:
            await wake.wait()
            wake.clear()
            if (frame := viewer.due(self._session.latest())) is not None:
                viewer.asked = (frame.number, viewer.viewpoint)
                viewer.in_flight += 1
                views.put_nowait((frame, self._shared.request(viewer.viewpoint, frame)))

    async def _send(self, connection: ServerConnection, viewer: Viewer, views: Views) -> None:
        """Send views, and the cameras' images, in the order in which they were asked for."""
        loop = asyncio.get_running_loop()
        while True:
            frame, made = await views.get()
            view = await asyncio.shield(made)  # one who leaves does not take it from the others
            if view is None:
                viewer.in_flight -= 1
                continue
            await connection.send(view)
            now = time.monotonic()
            self._views.add(now)
            if viewer.frozen is None:
                self._age.add(now, now - frame.time)
            if viewer.sources and viewer.sent_sources != frame.number:
                viewer.sent_sources = frame.number
                await connection.send(await loop.run_in_executor(self._pool, self._both, frame))

    async def _tell(self, connection: ServerConnection) -> None:
        """Send the status again and again."""
        while True:
            await connection.send(json.dumps(self.status()))
            await asyncio.sleep(_STATUS_EVERY)

    async def _record(self) -> None:
        """Give the recorder the view of the viewer who records, from each frame; without one, wait."""
        loop, last = asyncio.get_running_loop(), 0
        while True:
            viewer, frame = self._filmed, self._session.latest()
            if viewer is None or frame is None or frame.number == last or self._recorder is None:
                await asyncio.sleep(0.01)
                continue
            last = frame.number
            try:
                await loop.run_in_executor(self._pool, self._film, viewer, frame)
            except UserError as error:
                self._filmed = None
                warn(f"the recording has ended: {error}", code="recording-ended")

    def _film(self, viewer: Viewer, frame: LiveFrame) -> None:
        assert self._recorder is not None
        place = viewer.viewpoint
        image = self._session.view(place.along, place.up, place.zoom, frame)
        if image is not None:
            self._recorder.add(frame, image)

    async def _obey(self, viewer: Viewer, wishes: dict[str, Any]) -> None:
        """Start or stop a recording; the one who started it stops it."""
        if self._recorder is None or "record" not in wishes:
            return
        if wishes["record"] and self._filmed is None:
            try:
                self._recorder.start()
                self._filmed = viewer
            except UserError as error:
                warn(f"no recording: {error}", code="no-recording")
        elif not wishes["record"] and self._filmed is viewer:
            await self._stop_recording()

    async def _stop_recording(self) -> None:
        self._filmed = None
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.stop)

    def _fail(self, error: Exception) -> None:
        """End the server: something is wrong that concerns all viewers."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def _both(self, frame: LiveFrame) -> bytes:
        with self._sources_lock:  # one JPEG for all viewers
            if self._sources[0] != frame.number:
                self._sources = frame.number, sources_jpeg(frame, self._session.settings.quality)
            return message(SOURCES, frame, self._sources[1])

    def _wake_all(self) -> None:
        for event in self._wakes.values():
            event.set()

    def status(self) -> dict[str, Any]:
        """What the page shows in numbers."""
        session, now = self._session, time.monotonic()
        residual, meters = session.residuals.residual(), session.loop.meters
        stages = {name: meter.median(now) for name, meter in meters.items()} | {"view": self._shared.meter.median(now)}
        return {
            "fps": round(meters["total"].rate(now), 1),
            "latency": _milliseconds(self._age.median(now)),
            "stages": {name: _milliseconds(value) for name, value in stages.items() if name != "total"},
            "dropped": session.loop.dropped,
            "problem": session.problem(),
            "residual": {"first": residual.first, "now": residual.now, "moved": residual.moved},
            "viewers": len(self._wakes),
            "device": "GPU" if session.device.type == "cuda" else "CPU",
            "size": session.size,
            "recording": None if self._recorder is None else self._recorder.name,
            "recorder": self._recorder is not None,
            **self._status(),
        }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
