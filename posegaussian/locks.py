"""A lock that threads share, until one of them needs it alone. Standard library only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Any number of threads hold it together, or one holds it alone.

    A thread that asks for it alone goes first: threads that come later to share it wait. A thread that shares it may
    share it again. It must neither wait for other threads meanwhile, nor ask for it alone: both could wait for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = self._wanting = 0
        self._taken = False
        self._local = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A block that runs beside those of other threads, and while nobody holds the lock alone."""
        depth = getattr(self._local, "depth", 0)
        if not depth:
            with self._changed:
                self._changed.wait_for(lambda: not self._taken and not self._wanting)
                self._sharing += 1
        self._local.depth = depth + 1
        try:
            yield
        finally:
            self._local.depth = depth
            if not depth:
                with self._changed:
                    self._sharing -= 1
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block that begins when all others have ended, and during which none begins.

        Raises:
            RuntimeError: the thread shares the lock, or holds it alone.
        """
        if getattr(self._local, "depth", 0):
            raise RuntimeError("a thread that shares a lock cannot wait to hold it alone")
        with self._changed:
            self._wanting += 1
            try:
                self._changed.wait_for(lambda: not self._taken and not self._sharing)
                self._taken = True
            finally:
                self._wanting -= 1
                self._changed.notify_all()
        self._local.depth = 1  # what shares it within the block does not wait for its end
        try:
            yield
        finally:
            self._local.depth = 0
            with self._changed:
                self._taken = False
                self._changed.notify_all()


DEVICE = SharedLock()
"""Shared by each run of a network and of the rasteriser; held alone while a CUDA graph is captured.

The capture of a graph fails for good if another thread synchronises the device meanwhile, and PyTorch allows one at a
time in a process. Networks of other threads do synchronise it: when cuDNN looks for the fastest kernels, or when a
thread gets its first handle of cuDNN and cuBLAS. Copies, memory, elementwise kernels and graphs that run on other
streams do no harm. Share it around the innermost call only: a block that waits for another lock, or for a thread, could
wait for ever.
"""
