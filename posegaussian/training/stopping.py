"""What ends a run before its last step: a signal, or the end of its time."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """How much of a time budget has passed.

    Args:
        budget: seconds from now on; None never ends.
    """

    def __init__(self, budget: float | None):
        self.budget, self.start = budget, time.monotonic()

    @property
    def used(self) -> float:
        """The share of the budget, 0 without one."""
        return 0.0 if self.budget is None else (time.monotonic() - self.start) / self.budget


@contextmanager
def stop_signals() -> Iterator[list[str]]:
    """Collect the names of SIGTERM and SIGINT instead of dying of them; the second one of a kind kills."""
    received: list[str] = []

    def note(number: int, _frame: Any) -> None:
        received.append(signal.Signals(number).name)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
