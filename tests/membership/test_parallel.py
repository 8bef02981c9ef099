"""Independent calls in threads: how many at the same time, how many ahead, and in which threads."""

from __future__ import annotations

import threading
from threading import get_ident

import pytest

from confluence_groups_sdk._support.concurrency.threads import BackgroundCall, Notifier, map_in_threads

TIME_LIMIT_S = 30


@pytest.mark.parametrize(("items", "together"), [(2, 2), (8, 8), (30, 8)])
def test_up_to_8_calls_run_at_the_same_time(items: int, together: int) -> None:
    lock, arrived = threading.Lock(), threading.Event()
    running: list[int] = []
    most = 0

    def call(number: int) -> int:
        nonlocal most
        with lock:
            running.append(number)
            most = max(most, len(running))
            if len(running) == together:
                arrived.set()
        assert arrived.wait(TIME_LIMIT_S), "too few calls run"
        Notifier().wait()  # time for one call too many
        with lock:
            running.remove(number)
        return number

    assert list(map_in_threads(call, range(items))) == list(range(items))
    assert most == together


def test_at_most_32_calls_begin_before_their_results_are_taken() -> None:
    begun = threading.Semaphore(0)
    calls: list[int] = []

    def call(number: int) -> int:
        calls.append(number)
        begun.release()
        return number

    reads = map_in_threads(call, range(100))
    assert next(reads) == 0
    for _ in range(33):  # and one for the result that was taken
        assert begun.acquire(timeout=TIME_LIMIT_S), "fewer calls begin"
    for _ in range(4):
        Notifier().wait()  # time for one call too many, and for the threads to look again
    assert len(calls) == 33
    assert list(reads) == list(range(1, 100))


def test_a_single_call_needs_no_thread() -> None:
    assert list(map_in_threads(lambda _: get_ident(), ["one"])) == [get_ident()]
    assert get_ident() not in map_in_threads(lambda _: get_ident(), ["one", "two"])


def test_an_error_is_raised_in_the_place_of_its_result() -> None:
    def call(text: str) -> str:
        if text == "b":
            raise LookupError(text)
        return text

    reads = map_in_threads(call, "abc")
    assert next(reads) == "a"
    with pytest.raises(LookupError, match="b"):
        next(reads)


def test_calls_that_have_begun_end_before_the_results_are_closed() -> None:
    begun, closing = threading.Event(), threading.Event()
    ended: list[int] = []

    def call(number: int) -> None:
        if number:
            begun.set()
            closing.wait(TIME_LIMIT_S)
            Notifier().wait()
            ended.append(number)

    reads = map_in_threads(call, range(2))
    next(reads)
    assert begun.wait(TIME_LIMIT_S)
    closing.set()
    reads.close()
    assert ended == [1]


class CountingNotifier(Notifier):
    waits = 0

    def wait(self) -> None:
        self.waits += 1
        super().wait()


def test_only_a_call_that_is_not_over_is_waited_for() -> None:
    notifier = CountingNotifier()
    call = BackgroundCall(lambda: None, "call", notifier, daemon=True)
    call.wait()
    assert notifier.waits == 1
    call.prevent()
    call.wait()
    assert notifier.waits == 1


def test_the_process_may_end_before_a_read() -> None:
    assert list(map_in_threads(lambda _: threading.current_thread().daemon, range(2))) == [True, True]


@pytest.mark.parametrize("fails", [False, True])
def test_a_call_says_whether_it_runs(fails: bool) -> None:
    released, notifier = threading.Event(), Notifier()

    def work() -> str:
        released.wait(TIME_LIMIT_S)
        if fails:
            raise LookupError("no")
        return "done"

    call = BackgroundCall(work, "call", notifier, daemon=True)
    assert (call.has_begun, call.is_running, call.is_over) == (False, False, False)
    call.start()
    while not call.has_begun:
        notifier.wait()
    assert (call.is_running, call.is_over) == (True, False)
    released.set()
    while not call.is_over:
        call.wait()
    assert (call.has_begun, call.is_running) == (True, False)
    if fails:
        with pytest.raises(LookupError, match="no"):
            call.result()
    else:
        assert call.result() == "done"
