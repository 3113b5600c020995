"""The two causes that end a run before its last step: a signal, or the end of the time budget."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """The time budget of a run, which starts now.

    Args:
        budget: seconds; None: no limit.
    """

    def __init__(self, budget: float | None):
        self.budget, self.start = budget, time.monotonic()

    @property
    def used(self) -> float:
        """The share of the budget that has passed; 0 without a budget."""
        return 0.0 if self.budget is None else (time.monotonic() - self.start) / self.budget


@contextmanager
def stop_signals() -> Iterator[list[str]]:
    """The names of the signals (SIGTERM, SIGINT) received so far; the second one of a kind ends the process."""
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
