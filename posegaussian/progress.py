"""Progress of a loop: a bar on a terminal, a line now and then in a log. Standard library only."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from shutil import get_terminal_size
from typing import TypeVar

T = TypeVar("T")

_loops: ContextVar[int] = ContextVar("loops", default=0)
"""Loops with progress that are in the middle of an item: those around the one that starts."""


def progress(
    items: Iterable[T], label: str, total: int | None = None, every: float = 10.0, unit: str = "", short: bool = True
) -> Iterator[T]:
    """Yield the items; lines on stderr show how far the loop has come.

    A loop within another one prints lines where it takes long, and none at its end: the outer one says how far all is.

    Args:
        items: what to loop over.
        label: what is being done.
        total: how many items; taken from `items` where it has a length.
        every: seconds between two lines when stderr is not a terminal.
        unit: of the items, for their rate; without one, neither rate nor time left are printed.
        short: whether a loop that takes less than `every` seconds is shown, too.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    terminal = sys.stderr.isatty()
    outer = _loops.get() == 0
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        _loops.set(_loops.get() + 1)
        try:
            yield item
        finally:
            _loops.set(_loops.get() - 1)
        now = time.monotonic()
        ends = done == total and outer
        short |= now - start >= every
        if short and (terminal or now - last >= every or ends):
            end = "\n" if not terminal or ends else ""
            share = f"{done}/{total}" if total else str(done)
            passed = now - start
            spent = f"{passed:.0f} s"
            if unit and passed > 0:
                spent += f", {done / passed:.3g} {unit}/s"
                spent += f", {passed / done * (total - done):.0f} s left" if total and done < total else ""
            line = f"{label} {share} ({spent})"
            if terminal:  # a line that is wider than the terminal would move it at every step
                width = get_terminal_size().columns - 1
                line = f"\r{line[:width]:{width}}"
            print(line, end=end, file=sys.stderr, flush=True)
            last = now
