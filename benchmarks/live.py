"""Live views: frames per second, delay from a frame's time stamp to the view's bytes, memory, viewers, parity.

A built-in person in a room is rendered once; two cameras play the frames from memory, to and fro, at 30 frames per
second. Viewers are clients on the loopback address in a process of their own, who acknowledge each view as the page
does. `--parity` compares the views with those of the same computation without threads, where no frame is left out.
`--soak` runs cameras, threads, server and viewers alone, with stages that return at once, and prints memory and delay.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does: spinning threads are not work

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import machine, report

from posegaussian.config import BuiltinSettings, LiveSettings, RectifySettings, RoomSettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.live import session as session_module
from posegaussian.live.access import Access
from posegaussian.live.command import LiveCameras
from posegaussian.live.crop import MARGIN
from posegaussian.live.server import ViewServer
from posegaussian.live.session import LiveSession
from posegaussian.live.sources import Footage, Playback
from posegaussian.live.stages import Prepared
from posegaussian.model.device import pick_device
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.rendering.raw_pair import KnownFrame, RawPair
from posegaussian.rendering.reconstruct import FrameReconstruction
from posegaussian.synthetic.dataset.synthetic_capture import SyntheticCapture, person_capture
from posegaussian.types import Camera, Gaussians, StereoPair

_CLIENT = Path(__file__).with_name("live_client.py")
_WARM_UP = {"cuda": 90, "cpu": 5}
"""Frames until kernels are compiled and graphs captured, by kind of device: windows around people differ in size."""
_ROUND = 30.0
"""Seconds after which the viewers of a soak leave, and others come."""
Frames = dict[str, list[np.ndarray]]
"""Images by camera."""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--person", type=int, default=101)
    parser.add_argument("--frames", type=int, default=24, help="frames that are rendered")
    parser.add_argument("--fps", type=float, default=30.0, help="at which they are played")
    parser.add_argument("--footage", type=int, default=1024, help="width and height of the cameras' images")
    parser.add_argument("--size", type=int, nargs="+", default=[1024], help="of the rectified images and views")
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each row, after warming up")
    parser.add_argument("--parity", type=int, default=0, help="frames that are compared without dropping")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="that render the footage")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of a run without computation")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/live.json"))
    given = parser.parse_args()
    if given.soak:
        _soak(given.soak, max(given.viewers))
        return
    cv2.setNumThreads(1)  # as the command does
    cameras, frames = _filmed(given)
    rows: list[dict[str, Any]] = []
    versions = machine(("torch", "gsplat", "numba", "websockets", "opencv-python-headless"))
    for size in given.size:
        if given.parity:
            rows.append(_parity(cameras, frames, size, given))
        for row in _live(cameras, frames, size, given):
            rows.append(row)
            report("live", rows, versions, given.output)


def _capture(given: argparse.Namespace) -> SyntheticCapture:
    size = given.footage, given.footage
    room = RoomSettings(kinds=("living", "office", "gym"), people=(0, 1))
    return person_capture(given.person, BuiltinSettings(frames=given.frames, fps=30, size=size, sources=2, room=room))


def _rendered(given: argparse.Namespace, numbers: list[int]) -> list[dict[str, np.ndarray]]:
    torch.set_num_threads(1)
    capture = _capture(given)
    return [{name: each.image for name, each in capture.render(number)} for number in numbers]


def _filmed(given: argparse.Namespace) -> tuple[dict[str, SourceCamera], Frames]:
    """Two cameras and their images, rendered in several processes."""
    parts = [list(range(first, given.frames, given.processes)) for first in range(min(given.processes, given.frames))]
    with ProcessPoolExecutor(len(parts)) as pool:
        found = list(pool.map(partial(_rendered, given), parts))
    images = {
        number: image for part, made in zip(parts, found, strict=True) for number, image in zip(part, made, strict=True)
    }
    views = _capture(given).scene.rig.sources
    cameras = {
        n: SourceCamera(v.intrinsics, v.distortion, v.world_to_camera, v.width, v.height) for n, v in views.items()
    }
    order = [*range(given.frames), *range(given.frames - 2, 0, -1)]
    return cameras, {name: [images[number][name] for number in order] for name in cameras}


def _settings(size: int, viewers: int = 8) -> LiveSettings:
    return LiveSettings(size=(size, size), color="off", viewers=max(viewers, 1))


def _live(
    cameras: dict[str, SourceCamera], frames: Frames, size: int, given: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Rows: a session that is watched by so many clients, one number of them after the other."""
    playback = Playback()
    sources = {
        name: Footage(f"memory {name}", len(images), images.__getitem__, given.fps, playback)
        for name, images in frames.items()
    }
    network = load_network(RELEASE, pick_device(given.device))
    with (
        LiveSession(cameras, network, settings=_settings(size, max(given.viewers))) as session,
        LiveCameras(session, sources, 5.0),
    ):
        session.wait(_WARM_UP[session.device.type], seconds=300.0)
        for viewers in given.viewers:
            with _served(session) as (server, address):
                yield {"size": size, "played at": given.fps, **_row(session, server, address, viewers, given.seconds)}


def _row(session: LiveSession, server: ViewServer, address: str, viewers: int, seconds: float) -> dict[str, Any]:
    memory, before, start, spent = _memory(), session.latest(), time.monotonic(), time.process_time()
    seen = _watched(address, viewers, seconds)
    spent = time.process_time() - spent
    passed, after, status = time.monotonic() - start, session.latest(), server.status()
    assert before is not None and after is not None
    ages = sorted(1000 * age for viewer in seen for age in viewer["ages"])
    stages = " ".join(f"{name} {value:.0f}" for name, value in status["stages"].items() if value is not None)
    return {
        "viewers": viewers,
        "frames/s": (after.number - before.number) / passed,
        "views/s each": statistics.median(viewer["rate"] for viewer in seen),
        "delay ms, median": statistics.median(ages),
        "delay ms, 95 %": ages[int(0.95 * (len(ages) - 1))],
        "kB a view": statistics.median(viewer["bytes"] for viewer in seen) / 1000,
        "CPU s a frame": spent / max(1, after.number - before.number),
        "left out": status["dropped"],
        "memory MB, growth": _memory() - memory,
        "stages, ms": stages,
    }


@contextmanager
def _served(session: LiveSession) -> Iterator[tuple[ViewServer, str]]:
    """A server on the loopback address in a thread of its own, and its address."""
    server, ports, loop = ViewServer(session, Access(None)), [], asyncio.new_event_loop()
    task = loop.create_task(server.run("127.0.0.1", 0, ports.append))
    thread = threading.Thread(target=lambda: loop.run_until_complete(_quietly(task)))
    thread.start()
    while not ports:
        time.sleep(0.01)
    try:
        yield server, f"ws://127.0.0.1:{ports[0]}/live"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _watched(address: str, viewers: int, seconds: float) -> list[dict[str, Any]]:
    """What viewers in a process of their own receive."""
    command = [sys.executable, str(_CLIENT), address, "--viewers", str(viewers), "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _memory() -> float:
    """Memory of this process, MB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _parity(cameras: dict[str, SourceCamera], frames: Frames, size: int, given: argparse.Namespace) -> dict[str, Any]:
    """PSNR of the session's views, dropping off, against the same functions called one after the other."""
    network = load_network(RELEASE, pick_device(given.device))
    first, second = cameras
    raw = RawPair(cameras, (first, second), network, RectifySettings(size=(size, size), margin=MARGIN))
    expected, plan = [], None
    for number in range(given.parity):
        images = {name: views[number] for name, views in frames.items()}
        people = raw.people(images)
        known = KnownFrame(images, people, raw.mattes(images, people))
        plan = plan or raw.plan([known])
        expected.append(raw.reconstruct(raw.rectified(plan, known)).gaussians)
    with LiveSession(cameras, network, settings=_settings(size), drop=False) as session:
        found: list[Any] = []
        session.listen(lambda: found.append(session.latest()))
        for number in range(given.parity):
            for name, views in frames.items():
                session.feed(name, views[number], number / given.fps)
        while len(found) < given.parity:
            session.wait(len(found), seconds=120.0)
            time.sleep(0.01)
        psnr = [
            _psnr(session.view(frame=frame), session.view(frame=replace(frame, gaussians=gaussians)))
            for gaussians, frame in zip(expected, found, strict=True)
        ]
    worst, median = min(psnr), statistics.median(psnr)
    return {"size": size, "compared frames": given.parity, "PSNR, worst": worst, "PSNR, median": median}


class _NoStages:
    """Stages that return at once: 2,000 Gaussians at random places 2 m before the cameras."""

    def __init__(self, *_: Any):
        self._cameras = Camera(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 64, 64)

    def people(self, images: Any) -> None:
        """Nobody."""

    def prepare(self, images: Any, people: Any, masks: Any = None) -> Prepared:
        """A black pair."""
        images = torch.zeros(1, 2, 3, 64, 64)
        return Prepared(StereoPair(images, images[:, :, :1], self._cameras[None]), 1)

    def reconstruct(self, prepared: Prepared) -> FrameReconstruction:
        """The Gaussians."""
        means, count = torch.rand(2000, 3) + torch.tensor([-0.5, -0.5, 1.5]), 2000
        shape = torch.eye(4)[:1].repeat(count, 1), torch.full((count, 3), 0.01), torch.ones(count), torch.rand(count, 3)
        masks = torch.zeros(2, 1, 64, 64)
        return FrameReconstruction(0, 0, Gaussians(means, *shape), masks[:, 0], masks, self._cameras)


def _soak(seconds: float, viewers: int) -> None:
    """Print memory and delay of a session without computation, again and again; viewers come and go."""
    session_module.Stages = _NoStages  # type: ignore[misc,assignment]
    right = np.eye(4)
    right[0, 3] = -0.5
    intrinsics = np.array([[80.0, 0, 48], [0, 80, 40], [0, 0, 1]])
    cameras = {
        name: SourceCamera(intrinsics, np.zeros(5), pose, 96, 80) for name, pose in (("0", np.eye(4)), ("1", right))
    }
    image, playback, end = np.zeros((80, 96, 3), np.uint8), Playback(), time.monotonic() + seconds
    sources = {name: Footage(name, 1, lambda number: image, 120.0, playback) for name in cameras}
    network: Any = torch.nn.Linear(1, 1)
    with (
        LiveSession(cameras, network, settings=_settings(64, viewers)) as session,
        LiveCameras(session, sources, 5.0),
        _served(session) as (_, address),
    ):
        while (left := end - time.monotonic()) > 0:
            seen = _watched(address, viewers, min(_ROUND, left))
            ages = sorted(1000 * age for viewer in seen for age in viewer["ages"])
            number, views = getattr(session.latest(), "number", 0), sum(viewer["rate"] for viewer in seen)
            facts = f"{number} frames, {_memory():.0f} MB, {threading.active_count()} threads, {views:.0f} views/s"
            print(f"{facts}, delay {ages[len(ages) // 2]:.1f} and {ages[int(0.95 * len(ages))]:.1f} ms", flush=True)


async def _quietly(task: "asyncio.Task[None]") -> None:
    """Wait for a task that is cancelled."""
    with suppress(asyncio.CancelledError):
        await task


def _psnr(one: np.ndarray | None, other: np.ndarray | None) -> float:
    assert one is not None and other is not None
    error = np.mean((one.astype(float) - other) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-10)))


if __name__ == "__main__":
    main()
