"""Threads: results in order, bounded memory, and errors that end all work."""

import threading
import time

import pytest

from posegaussian.parallel import Background, Lazy, in_order, thread_count


def slowly(number):
    time.sleep(0.01 * (number % 3))
    return number


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_items(threads):
    assert list(in_order(slowly, range(20), threads)) == list(range(20))


def test_items_are_taken_no_further_ahead_than_promised():
    taken, done = [], 0
    for _ in in_order(slowly, (taken.append(n) or n for n in range(50)), threads=2):
        done += 1
        assert len(taken) <= done + 4
    assert done == 50


def test_an_error_comes_where_its_result_would_and_ends_the_threads():
    def failing(number):
        if number == 5:
            raise ValueError("five")
        return number

    before = threading.active_count()
    found = []
    with pytest.raises(ValueError, match="five"):
        found.extend(in_order(failing, range(100), threads=3))
    assert threading.active_count() == before
    before = threading.active_count()
    for number in in_order(slowly, range(100), threads=3):
        if number == 3:
            break
    assert threading.active_count() == before


def test_lazy_values_of_several_objects_are_computed_at_the_same_time():
    together = threading.Barrier(2, timeout=10)

    class Slow:
        count = 0

        @Lazy
        def value(self):
            together.wait()
            self.count += 1
            return self.count

    objects = [Slow(), Slow()]
    assert list(in_order(lambda each: each.value, objects, threads=2)) == [1, 1]
    assert [each.value for each in objects] == [1, 1], "kept"


def test_results_of_background_calls_are_handled_in_order_by_the_caller():
    found, where = [], set()

    def keep(result):
        found.append(result)
        where.add(threading.current_thread())

    with Background(threads=3, ahead=4, then=keep) as background:
        for number in range(20):
            background.call(slowly, number)
            assert len(found) >= number - 3
    assert found == list(range(20)) and where == {threading.current_thread()}


def test_the_error_of_a_background_call_is_raised_and_drops_what_waits():
    called = []

    def failing(number):
        called.append(number)
        time.sleep(0.01)
        raise OSError(number)

    with pytest.raises(OSError, match="0"), Background(threads=1, ahead=2) as background:
        for number in range(100):
            background.call(failing, number)
    assert len(called) < 10


def test_the_error_of_the_block_goes_before_those_of_its_calls():
    called = []
    with pytest.raises(KeyboardInterrupt), Background(threads=1, ahead=50) as background:
        for number in range(50):
            background.call(lambda n=number: (time.sleep(0.01), called.append(n)))
        raise KeyboardInterrupt
    assert len(called) < 10


def test_the_number_of_threads_is_that_of_the_rule_or_of_the_cores(monkeypatch):
    for text, expected in (("3", 3), ("2,4", 2)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert thread_count() == expected
    for text in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert thread_count() >= 1


def test_worker_threads_share_the_cores_with_torch(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    before = torch.get_num_threads()
    torch.set_num_threads(6)
    try:
        for threads, expected in ((6, 1), (3, 2), (1, 6)):
            assert set(in_order(lambda _: torch.get_num_threads(), range(20), threads)) == {expected}
            counts: list[int] = []
            with Background(threads=threads, then=counts.append) as background:
                for _ in range(10):
                    background.call(torch.get_num_threads)
            assert set(counts) == {expected}
        assert torch.get_num_threads() == 6
        assert next(in_order(lambda _: torch.get_num_threads(), [0], 1)) == 6
    finally:
        torch.set_num_threads(before)
