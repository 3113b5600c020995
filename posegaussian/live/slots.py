"""What stands between two threads of the loop: a place for one item, in which the newest wins."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """A queue of one.

    Args:
        drop: whether a new item takes the place of one that nobody has taken; else who puts it waits.
    """

    def __init__(self, drop: bool = True):
        self._drop = drop
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._closed = False
        self.dropped = 0
        """Items whose place a newer one took."""

    def put(self, item: T) -> None:
        """Leave an item; it is lost where the slot is closed."""
        with self._changed:
            if not self._drop:
                self._changed.wait_for(lambda: self._closed or not self._items)
            if self._closed:
                return
            self.dropped += len(self._items)
            self._items[:] = [item]
            self._changed.notify_all()

    def take(self) -> T | None:
        """Wait for an item and take it; None once the slot is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items)
            if not self._items:
                return None
            self._changed.notify_all()
            return self._items.pop()

    def close(self) -> None:
        """Wake everybody who waits; what is put from now on is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
