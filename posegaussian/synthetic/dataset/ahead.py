"""Other processes of the stream, and the random parameters of coming steps, which some of them draw ahead of time."""

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from posegaussian.config import StreamSettings
from posegaussian.synthetic.dataset.camera_sample import ClipPerson, draw_packed
from posegaussian.synthetic.dataset.packing import Packed

PROCESSES = 2
"""Processes that draw; one draws a clip in a room in 12 ms, so two keep up with 160 clips a second."""
Key = tuple[int, int, int]
"""Number of the step, number of clips, frames of each."""


class DrawnAhead:
    """Random parameters of coming steps. A step that nobody began to draw is not there."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._coming: dict[Key, tuple[StreamSettings, Future[Packed]]] = {}
        self._running = False

    def start(
        self,
        step: int,
        clips: int,
        frames: int,
        settings: StreamSettings,
        to_draw: Callable[[], tuple[list[ClipPerson], list[np.random.Generator]]],
    ) -> None:
        """Begin to draw a step, unless that was done before."""
        if (step, clips, frames) in self._coming:
            return
        if self._executor is None:
            self._executor = new_executor(PROCESSES)
        future = self._executor.submit(draw_packed, *to_draw(), settings)
        self._coming[step, clips, frames] = settings, future

    def take(self, step: int, clips: int, frames: int, settings: StreamSettings) -> Packed | None:
        """The parameters of a step, None where they are not drawn; those of earlier steps are dropped.

        A process takes seconds to start, so until one has drawn something nobody waits for it.
        """
        known, future = self._coming.pop((step, clips, frames), (None, None))
        for key in [key for key in self._coming if key[0] < step]:
            self._coming.pop(key)[1].cancel()
        if future is None or known != settings or not (self._running or future.done()) or future.cancel():
            return None
        self._running = True
        return future.result()

    def close(self) -> None:
        """End the processes at once."""
        self._coming.clear()
        if self._executor is not None:
            end_at_once(self._executor)
            self._executor = None
        self._running = False


class _Shielded(ProcessPoolExecutor):
    """Processes that Ctrl-C does not end: a terminal sends it to all, and the caller ends them after its last step."""

    def submit(self, *args: Any, **kwargs: Any) -> Future:
        """See ProcessPoolExecutor; a process that it starts inherits the blocked signal."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def new_executor(processes: int) -> ProcessPoolExecutor:
    """Processes that start when they are needed, of one thread each: many of them share the processor."""
    context = multiprocessing.get_context("spawn")  # threads and CUDA do not survive a fork
    return _Shielded(processes, context, torch.set_num_threads, (1,))


def end_at_once(executor: ProcessPoolExecutor) -> None:
    """End processes without waiting for what they do."""
    working = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in working:
        process.terminate()
