"""Time stamps of a camera's own clock as times of this machine's clock."""

from collections import deque

_WINDOW = 10.0
"""Seconds over which the shortest delay is looked for. Chosen by hand: crystals drift by up to 100 ppm, 1 ms in this
time, and among 300 frames one comes without having waited."""


class CameraClock:
    """Maps a camera's time stamps to this machine's clock, and follows a clock that drifts.

    A frame arrives after its time stamp by a delay that varies: encoding, the network, the scheduler. The difference
    between arrival and stamp is smallest for a frame that did not wait, so the smallest one of the last seconds is the
    distance of the clocks, except the constant part of the delay. (The minimum filter of the Network Time Protocol.)

    A stamp that jumps by more than these seconds, as after a restart of the camera, starts anew.
    """

    def __init__(self) -> None:
        self._smallest: deque[tuple[float, float]] = deque()
        """(arrival, difference) of frames, whose differences grow: the first one is the smallest."""
        self._last: float | None = None

    def time(self, stamp: float | None, arrival: float) -> float:
        """When a frame was taken, on this machine's clock, seconds; never after its arrival.

        Args:
            stamp: on the camera's clock, seconds; None where the camera gives none.
            arrival: on this machine's clock, seconds.
        """
        if stamp is None:
            return arrival
        if self._last is not None and abs(stamp - self._last) > _WINDOW:
            self._smallest.clear()
        self._last = stamp
        difference = arrival - stamp
        while self._smallest and self._smallest[-1][1] >= difference:
            self._smallest.pop()
        self._smallest.append((arrival, difference))
        while self._smallest[0][0] < arrival - _WINDOW:
            self._smallest.popleft()
        return stamp + self._smallest[0][1]
