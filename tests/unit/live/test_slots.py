"""The place between two threads: one item, the newest wins; or who puts waits."""

import threading
import time

from posegaussian.live.slots import Slot


def test_the_newest_item_wins_and_the_others_are_counted():
    slot = Slot()
    for number in range(5):
        slot.put(number)
    assert slot.take() == 4 and slot.dropped == 4


def test_without_dropping_each_item_arrives_in_order():
    slot, got = Slot(drop=False), []
    thread = threading.Thread(target=lambda: [slot.put(number) for number in range(20)])
    thread.start()
    for _ in range(20):
        time.sleep(0.001)
        got.append(slot.take())
    thread.join()
    assert got == list(range(20)) and slot.dropped == 0


def test_closing_wakes_who_takes_and_who_puts():
    slot, done = Slot(drop=False), []
    slot.put(1)
    threads = [threading.Thread(target=lambda: done.append(slot.put(2)))]
    empty = Slot()
    threads.append(threading.Thread(target=lambda: done.append(empty.take())))
    for thread in threads:
        thread.start()
    slot.close()
    empty.close()
    for thread in threads:
        thread.join(5)
    assert done == [None, None]
    assert slot.take() == 1 and slot.take() is None
