"""The lock that threads share until one wants it alone: which run side by side, and which wait."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest

from posegaussian.locks import SharedLock

SOON = 0.1
"""Seconds after which a thread that does not wait has surely run."""


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


def ran(block):
    with block():
        return True


def held(pool, block):
    """A block that another thread is in; call what is returned to end it."""
    entered, end = threading.Event(), threading.Event()

    def hold():
        with block():
            entered.set()
            end.wait(10)

    done = pool.submit(hold)
    assert entered.wait(10)

    def finish():
        end.set()
        done.result(10)

    return finish


def waits(call):
    try:
        call.result(SOON)
    except TimeoutError:
        return True
    return False


def test_threads_share_it(pool):
    lock = SharedLock()
    finish = held(pool, lock.shared)
    assert pool.submit(ran, lock.shared).result(10)
    finish()


def test_who_wants_it_alone_waits_for_all_who_share_it(pool):
    lock = SharedLock()
    first, second = held(pool, lock.shared), held(pool, lock.shared)
    alone = pool.submit(ran, lock.alone)
    assert waits(alone)
    first()
    assert waits(alone)
    second()
    assert alone.result(10)


@pytest.mark.parametrize("other", ["shared", "alone"])
def test_nobody_enters_while_it_is_held_alone(pool, other):
    lock = SharedLock()
    finish = held(pool, lock.alone)
    late = pool.submit(ran, getattr(lock, other))
    assert waits(late)
    finish()
    assert late.result(10)


def test_a_stream_of_sharing_threads_does_not_keep_out_who_wants_it_alone(pool):
    lock = SharedLock()
    finish = held(pool, lock.shared)
    alone = pool.submit(ran, lock.alone)
    assert waits(alone)
    late = pool.submit(ran, lock.shared)
    assert waits(late)
    finish()
    assert alone.result(10) and late.result(10)


def test_a_thread_that_shares_it_may_share_it_again_although_another_waits_for_it(pool):
    lock, within, go = SharedLock(), threading.Event(), threading.Event()

    def twice():
        with lock.shared():
            within.set()
            go.wait(10)
            return ran(lock.shared)

    outer = pool.submit(twice)
    assert within.wait(10)
    alone = pool.submit(ran, lock.alone)
    assert waits(alone)
    go.set()
    assert outer.result(10) and alone.result(10)


def test_what_shares_it_within_a_block_alone_does_not_wait(pool):
    lock = SharedLock()

    def both():
        with lock.alone():
            return ran(lock.shared)

    assert pool.submit(both).result(10)
    assert pool.submit(ran, lock.alone).result(10)


@pytest.mark.parametrize("outer", ["shared", "alone"])
def test_a_thread_that_holds_it_cannot_wait_for_itself(outer):
    lock = SharedLock()
    with getattr(lock, outer)(), pytest.raises(RuntimeError, match="cannot wait"), lock.alone():
        pass
    with lock.alone():
        pass


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_an_error_frees_it(pool, kind):
    lock = SharedLock()
    with pytest.raises(ValueError), getattr(lock, kind)():
        raise ValueError
    assert pool.submit(ran, lock.alone).result(10)


def test_many_threads_never_run_beside_one_that_is_alone(pool):
    lock, inside, faults, end = SharedLock(), [], [], time.monotonic() + 0.5

    def share(_):
        while time.monotonic() < end:
            with lock.shared():
                inside.append(1)
                time.sleep(1e-4)
                inside.pop()

    def take(_):
        turns = 0
        while time.monotonic() < end:
            with lock.alone():
                before = len(inside)
                time.sleep(1e-3)
                faults.append(before or len(inside))
                turns += 1
        return turns

    sharing = [pool.submit(share, n) for n in range(5)]
    taking = [pool.submit(take, n) for n in range(2)]
    for each in sharing:
        each.result(10)
    assert sum(each.result(10) for each in taking) > 3
    assert not any(faults)
