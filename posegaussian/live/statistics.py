"""Rates and durations of the last seconds."""

import statistics
import threading
from collections import deque

_KEPT = 90
"""Values that are kept: three seconds at 30 frames per second. Chosen by hand."""
_RECENT = 10.0
"""Values that are older count no more, seconds. Chosen by hand: a slow machine has a few frames in this time."""


class Meter:
    """The newest values of something that happens again and again; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def add(self, now: float, value: float = 0.0) -> None:
        """Note that it has happened.

        Args:
            now: time, seconds.
            value: its duration, or whatever is measured.
        """
        with self._lock:
            self._values.append((now, value))

    def rate(self, now: float) -> float:
        """How often it happens, per second; 0 where it has stopped."""
        times = [time for time, _ in self._recent(now)]
        if len(times) < 2:
            return 0.0
        # The time since the last one counts where it is longer than usual: the rate of what has stopped falls.
        return (len(times) - 1) / max(times[-1] - times[0], now - times[0] - (times[-1] - times[0]) / (len(times) - 1))

    def median(self, now: float) -> float | None:
        """Median of the values; None where there are none."""
        values = [value for _, value in self._recent(now)]
        return statistics.median(values) if values else None

    def _recent(self, now: float) -> list[tuple[float, float]]:
        with self._lock:
            return [each for each in self._values if each[0] > now - _RECENT]
