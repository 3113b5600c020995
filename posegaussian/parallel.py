"""Work in threads, in order: the results are the same for any number of threads. Standard library only.

The work must release Python's lock to gain from threads, as NumPy, OpenCV, Numba's `nogil` kernels and compressors do.
The number of calls that wait or run at once is bounded, so memory does not grow with the length of what is processed.
An error in a thread is raised by the caller, who then waits for the calls that run and drops those that wait.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def thread_count() -> int:
    """How many threads this process may use.

    OMP_NUM_THREADS, which Snakemake sets to the threads of a rule; without it, the cores that the process may run on.
    """
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS


class Lazy(cached_property[T]):
    """`functools.cached_property` without its lock, as from Python 3.12 on.

    In Python 3.11 a thread that computes the value of one object holds up those that need the value of any other.
    """

    def __init__(self, function: Callable[[Any], T]):
        super().__init__(function)
        self.lock = nullcontext()


def in_order(function: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """The results of a function for each item, in the order of the items, computed ahead by threads.

    Args:
        function: called in a thread, for several items at once.
        items: taken one after the other by the caller's thread, at most two per thread ahead of the results.
        threads: their number; None takes `thread_count`.
    """
    threads = threads or thread_count()
    waiting: deque[Future[R]] = deque()
    pool = _pool(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that share the cores: each of them computes with as many threads of its own as are left to it.

    PyTorch would start `thread_count` more for each of ours, and 16 x 16 threads on 16 cores wait for each other.
    """
    return ThreadPoolExecutor(threads, initializer=limit_torch, initargs=(max(1, thread_count() // threads),))


def limit_torch(threads: int) -> None:
    """Let PyTorch use so many threads at most for the operations of the calling thread."""
    torch = sys.modules.get("torch")  # not imported: nothing to limit, and the import takes seconds
    if torch is None or (default := torch.get_num_threads()) <= threads:
        return
    torch.set_num_threads(threads)  # of this thread, and the default of those that have not used torch yet
    restore = threading.Thread(target=torch.set_num_threads, args=(default,))
    restore.start()
    restore.join()


class Background:
    """Calls that threads make while the caller goes on; their results are handled by the caller, in order.

    Use it in a `with` block: its end waits for all calls and raises the error of the first that failed. An error of the
    block itself drops the calls that have not begun.

    Args:
        threads: their number; one makes the calls one after the other. None takes `thread_count`.
        ahead: how many calls may wait or run; one more waits for the first of them.
        then: called by the caller's thread with each result, in the order of the calls.
    """

    def __init__(
        self, threads: int | None = None, ahead: int = 16, then: Callable[[Any], object] = lambda result: None
    ):
        self._pool = _pool(threads or thread_count())
        self._ahead, self._then = ahead, then
        self._waiting: deque[Future[Any]] = deque()

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Make a call in a thread; raises the error of an earlier one."""
        self._waiting.append(self._pool.submit(function, *args))
        self.finish(self._ahead)

    def finish(self, leave: int = 0) -> None:
        """Wait until at most so many calls are left, and handle the results of the others."""
        while len(self._waiting) > leave:
            self._then(self._waiting.popleft().result())

    def drop(self) -> None:
        """Drop the calls that have not begun and wait for those that run; their results and errors are lost."""
        wait([call for call in self._waiting if not call.cancel()])
        self._waiting.clear()

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None):
        try:
            if kind is None:
                self.finish()
        finally:
            self._pool.shutdown(cancel_futures=True)
