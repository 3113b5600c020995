"""The command `live`: cameras, a session and a server, until somebody ends it."""

import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from posegaussian.captures.capture import Capture
from posegaussian.captures.formats import easymocap
from posegaussian.captures.matching import check_known
from posegaussian.captures.pairing import Names, chosen_sources
from posegaussian.captures.reading import read_capture
from posegaussian.config import LiveSettings
from posegaussian.errors import CaptureError, ConfigError, warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.live.access import Access
from posegaussian.live.cameras import CameraStatus, GrabbedCamera
from posegaussian.live.crop import Images
from posegaussian.live.pairing import FramePair, TimedFrame
from posegaussian.live.recording import Recorder
from posegaussian.live.session import LiveSession
from posegaussian.live.sources import Playback, Source, camera_source, check_cameras
from posegaussian.live.synthetic import SyntheticPerson
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network

LOOK_EVERY = 0.5
"""Seconds between two looks at the cameras' states for the log."""
_POOR = 2.0
"""Residual at the start, pixels at 1024 px, from which on the calibration is called poor: see `residuals`."""
_SYNTHETIC_SIZE = {"cuda": (1024, 1024), "cpu": (512, 512)}
"""Width and height of the synthetic person's images, by kind of device."""


@dataclass(frozen=True)
class Rig:
    """Two calibrated cameras and where their frames come from."""

    cameras: Mapping[str, SourceCamera]  # by name
    sources: Mapping[str, Source]  # by camera
    # images of the empty scene of cameras whose footage is played; others may have been moved since
    scenes: Images = field(default_factory=dict)


def capture_rig(root: Path, named: Names | None, settings: LiveSettings) -> Rig:
    """Two cameras of a capture, or of a calibration without footage.

    Args:
        root: its folder.
        named: both cameras, see `chosen_sources`; None: the first two sources.
        settings: name the sources that are not its own footage.

    Raises:
        UserError: the capture cannot be read, or a source is missing.
    """
    capture: Capture | None = None
    try:
        capture = read_capture(root)
        cameras = capture.cameras
        names = chosen_sources(capture, named or ("0", "1"))
    except CaptureError as error:
        if error.code != "no-images" or not easymocap.recognizes(root):
            raise
        cameras = easymocap.read_cameras(root)
        names = named or _first_two(cameras, root)
        check_known(names, cameras, root)
    chosen, playback = {name: cameras[name] for name in names}, Playback()
    check_cameras(settings.cameras, chosen)
    sources = {
        name: camera_source(name, camera, settings.cameras.get(name), capture, settings.stall, playback)
        for name, camera in chosen.items()
    }
    played = [] if capture is None else [name for name in chosen if name not in settings.cameras]
    scenes = {name: scene for name in played if capture and (scene := capture.background(name)) is not None}
    return Rig(chosen, sources, scenes)


def synthetic_rig(seed: int, device: str) -> Rig:
    """Two cameras that film a synthetic person.

    Raises:
        ConfigError: no person has this seed.
    """
    print(f"synthetic person {seed}: rendering what the cameras film", file=sys.stderr, flush=True)
    person, playback = SyntheticPerson(seed, _SYNTHETIC_SIZE[pick_device(device).type]), Playback()
    return Rig(person.cameras, {name: person.source(name, playback) for name in person.cameras})


class LiveCameras:
    """Both cameras, which feed a session.

    Args:
        session: takes the frames.
        sources: by camera.
        stall: seconds without a frame after which a camera counts as stalled.
    """

    def __init__(self, session: LiveSession, sources: Mapping[str, Source], stall: float):
        self._session = session
        self._grabbed = {
            name: GrabbedCamera(name, camera, sources[name], stall, self._feed)
            for name, camera in session.cameras.items()
        }

    def __enter__(self) -> "LiveCameras":
        for camera in self._grabbed.values():
            camera.start()
        return self

    def __exit__(self, *_: object) -> None:
        for camera in self._grabbed.values():
            camera.close()

    def status(self) -> list[CameraStatus]:
        """Of each camera."""
        return [camera.status() for camera in self._grabbed.values()]

    def pairing(self) -> str:
        """Why frames find no partners, in one line; empty where they do."""
        missed = self._session.pairing.missed
        if missed is None or any(each.state != "live" for each in self.status()):
            return ""
        most = self._session.settings.tolerance
        return (
            f"frames of the two cameras are {1000 * missed:.0f} ms apart: more than `tolerance`, {1000 * most:.0f} ms"
        )

    def _feed(self, name: str, frame: TimedFrame) -> None:
        self._session.add(name, frame, self._read)

    def _read(self, pair: FramePair) -> Images | None:
        images = {}
        for (name, camera), frame in zip(self._grabbed.items(), pair.frames, strict=True):
            image = camera.image(frame)
            if image is None:
                return None
            images[name] = image
        return images


def serve(
    rig: Rig,
    *,
    weights: Path,
    output: Path,
    host: str,
    port: int,
    settings: LiveSettings,
    device: str,
) -> None:
    """Serve live views until interrupted.

    Args:
        rig: the cameras.
        weights: of the network.
        output: folder of recordings.
        host: address to listen on; any other than that of the loopback needs a token, which is printed.
        port: port to listen on; 0: any that is free.
        settings: see `LiveSettings`.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: the address is in use, or not of this machine.
        ImportError: websockets is not installed.
        UserError: the weights cannot be used.
    """
    from posegaussian.live.server import ViewServer

    cv2.setNumThreads(1)  # the session's own threads share the cores
    network = load_network(weights, pick_device(device))
    access = Access.on(host)
    with ExitStack() as stack:
        session = stack.enter_context(LiveSession(rig.cameras, network, settings=settings, scenes=rig.scenes))
        cameras = stack.enter_context(LiveCameras(session, rig.sources, settings.stall))
        recorder = Recorder(output, "-".join(rig.cameras), settings.recording, session.size)
        stack.callback(recorder.stop)

        def status() -> dict[str, Any]:
            return {"cameras": [each.as_dict() for each in cameras.status()], "pairing": cameras.pairing()}

        server = ViewServer(session, access, recorder, status)

        def announce(found: int) -> None:
            _announce(session, _address(host, found, access))

        try:
            asyncio.run(_serve(server.run(host, port, announce), _Log(session, cameras)))
        except OSError as error:
            if error.errno is None:
                raise
            what = f"cannot listen on {host}, port {port} ({(error.strerror or str(error)).lower()})"
            raise ConfigError(what, code="cannot-listen", hint="choose another --port or --host") from None


async def _serve(server: Any, log: "_Log") -> None:
    """Serve and keep the log until the session fails or somebody ends it."""
    task = asyncio.create_task(server)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=LOOK_EVERY)
            log.look()
        await task
    finally:
        task.cancel()


class _Log:
    """Prints what changes: a line for each change of a camera's state, of the calibration's fit and of problems."""

    def __init__(self, session: LiveSession, cameras: LiveCameras):
        self._session, self._cameras = session, cameras
        self._said: dict[str, object] = {}

    def look(self) -> None:
        """Print what has changed since the last look.

        Raises:
            RuntimeError: the session has failed.
        """
        if self._session.loop.failure is not None:
            raise RuntimeError("the live session has failed") from self._session.loop.failure
        for camera in self._cameras.status():
            facts = (camera.state, camera.reason)
            if self._changed(camera.name, facts) and camera.state != "waiting":
                print(f"camera {camera.name} ({camera.label}): {camera.reason or camera.state}", file=sys.stderr)
        problem = self._cameras.pairing() or self._session.problem()
        if self._changed("problem", problem) and problem:
            print(problem, file=sys.stderr)
        residual = self._session.residuals.residual()
        if residual.first is not None and self._changed("first", True):
            what = f"calibration: the rows of joints differ by {abs(residual.first):.1f} px of 1024 between the cameras"
            print(what + ("; calibrate again" if abs(residual.first) > _POOR else ""), file=sys.stderr)
        if self._changed("moved", residual.moved) and residual.moved:
            warn("a camera was moved since the start: views get worse", code="camera-moved", hint="calibrate again")

    def _changed(self, name: str, fact: object) -> bool:
        before, self._said[name] = self._said.get(name), fact
        return before != fact


def _first_two(cameras: Mapping[str, SourceCamera], root: Path) -> Names:
    if len(cameras) < 2:
        raise CaptureError("a pair needs two source cameras", code="too-few-sources", file=root)
    first, second, *_ = cameras
    return first, second


def _address(host: str, port: int, access: Access) -> str:
    named = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}/" + ("" if access.token is None else f"?token={access.token}")


def _announce(session: LiveSession, address: str) -> None:
    width, height = session.size
    where = "the GPU" if session.device.type == "cuda" else "the CPU: a few frames per second at best"
    facts = f"cameras {' and '.join(session.cameras)}, {width} x {height} pixels on {where}"
    print(f"live: open {address}\n{facts}; Ctrl-C ends it", flush=True)
