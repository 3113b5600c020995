"""The threads of a live session: every stage has its own, and between two of them waits at most one frame."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import UInt8

from posegaussian.errors import UserError
from posegaussian.live.crop import Images, Masks
from posegaussian.live.slots import Slot
from posegaussian.live.stages import Prepared, Stages
from posegaussian.live.statistics import Meter
from posegaussian.parallel import limit_torch
from posegaussian.preparation.people import FramePeople
from posegaussian.streams import own_stream
from posegaussian.types import Camera, Gaussians

STAGES = ("wait", "decode", "people", "prepare", "network")
"""What happens to a frame, in this order: it waits for its partner and for its turn, is decoded, people are looked for,
mattes and rectification, the network."""


@dataclass(frozen=True, eq=False)
class FrameInput:
    """A pair of frames that waits for its turn."""

    time: float  # of the earlier frame, on the clock `time.monotonic`, seconds
    read: Callable[[], Images | None]  # returns the images of both cameras, or None where one cannot be used
    masks: Masks | None = None  # of the person, by camera; None: they are found


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A frame that has been through the network."""

    number: int  # from 1
    time: float  # when it was taken, on the clock `time.monotonic`, seconds
    gaussians: Gaussians  # of the person, on the session's device
    cameras: Camera  # the rectified ones, left and right
    images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]  # of both cameras, as filmed


@dataclass(eq=False)
class _Work:
    """A frame on its way."""

    frame: FrameInput
    images: Images
    prepared: "Future[Prepared | None]" = field(default_factory=Future)


class Loop:
    """Runs the stages on the newest frames.

    One thread decodes and looks for people, a few prepare frames side by side, one runs the network. A frame is begun
    when a place among the preparing threads is free, and then it is the newest one: so the delay is the time that the
    stages need, however slow they are. On CUDA each thread has its own stream.

    Args:
        stages: the computation.
        device: where it runs.
        workers: number of preparing threads.
        drop: whether newer frames take the place of those that wait; else `put` waits, and each frame is used.
        then: called by the network's thread with every frame that is done.
        prepared: called with each prepared pair, in order.
    """

    def __init__(
        self,
        stages: Stages,
        device: torch.device,
        workers: int,
        drop: bool,
        then: Callable[[LiveFrame], object],
        prepared: Callable[[Prepared], object],
    ):
        self._device = device
        self._stages, self._then, self._prepared = stages, then, prepared
        self._waiting: Slot[FrameInput] = Slot(drop)
        self._places = threading.Semaphore(workers)
        self._begun: list[_Work | None] = []
        self._more = threading.Condition()
        self._pool = ThreadPoolExecutor(workers, "live prepare", limit_torch, (1,))
        self._closed = threading.Event()
        self.meters = {name: Meter() for name in (*STAGES, "total")}
        self.problem = ""
        """Why there are no frames, in one line; empty where there are."""
        self.failure: BaseException | None = None
        """What ended the loop; None as long as it runs."""
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"live {run.__name__.strip('_')}", daemon=True)
            for run in (self._begin, self._finish)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def dropped(self) -> int:
        """Pairs of frames whose place a newer one took."""
        return self._waiting.dropped

    def put(self, frame: FrameInput) -> None:
        """Give the newest pair of frames."""
        self._waiting.put(frame)

    def close(self) -> None:
        """End all threads; frames on their way are lost."""
        self._stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _stop(self) -> None:
        self._closed.set()
        self._waiting.close()
        self._places.release()
        with self._more:
            self._begun.append(None)
            self._more.notify_all()

    def _begin(self) -> None:
        """Decode frames and look for people, one after the other."""
        limit_torch(1)  # other threads compute meanwhile
        while True:
            self._places.acquire()
            frame = self._waiting.take()
            if frame is None or self._closed.is_set():
                return
            self._measure("wait", time.monotonic() - frame.time)
            with self._timed("decode"):
                images = frame.read()
            if images is None:
                self._places.release()
                continue
            with self._timed("people"), own_stream(self._device):
                people = self._stages.people(images)
            work = _Work(frame, images)
            work.prepared = self._pool.submit(self._prepare, images, people, frame.masks)
            with self._more:
                self._begun.append(work)
                self._more.notify_all()

    def _prepare(self, images: Images, people: FramePeople, masks: Masks | None) -> Prepared | None:
        with self._timed("prepare"), own_stream(self._device):
            return self._stages.prepare(images, people, masks)

    def _finish(self) -> None:
        """Run the network on prepared frames, in their order."""
        number = 0
        while True:
            with self._more:
                self._more.wait_for(lambda: self._begun)
                work = self._begun.pop(0)
            if work is None or self._closed.is_set():
                return
            try:
                prepared = work.prepared.result()
                self.problem = "" if prepared else "nobody is seen by both cameras"
            except UserError as error:
                prepared, self.problem = None, str(error)
            self._places.release()
            if prepared is None:
                continue
            with self._timed("network"), own_stream(self._device):
                found = self._stages.reconstruct(prepared)
            number += 1
            self._measure("total", time.monotonic() - work.frame.time)
            with own_stream(self._device):
                self._then(LiveFrame(number, work.frame.time, found.gaussians, found.cameras, work.images))
                self._prepared(prepared)  # after: it waits for the device, and no view waits for it

    def _guarded(self, run: Callable[[], None]) -> None:
        """Run a thread; what ends it unexpectedly is kept, and ends the loop."""
        try:
            run()
        except BaseException as error:
            self.failure = error
            self._stop()

    def _measure(self, stage: str, seconds: float) -> None:
        self.meters[stage].add(time.monotonic(), seconds)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._measure(stage, time.monotonic() - start)
