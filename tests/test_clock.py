"""The system's clock counts time slept as passed, even if tests replace the sleep."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from confluence_groups_sdk import SystemClock
from confluence_groups_sdk._support import clock
from confluence_groups_sdk._support.clock import Waker


@pytest.fixture(autouse=True)
def _no_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the time that a test has added to the clock."""
    monkeypatch.setattr(clock, "_monotonic", clock._monotonic)


def test_time_slept_counts_if_sleep_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, other = SystemClock(), SystemClock()
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    before = clock.monotonic()
    clock.sleep(3600)
    assert clock.monotonic() >= before + 3599.999
    clock.sleep(60)
    assert other.monotonic() >= before + 3659.999


def test_time_slept_counts_if_asyncio_sleep_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def return_at_once(_seconds: float) -> None:
        pass

    monkeypatch.setattr("asyncio.sleep", return_at_once)
    clock = SystemClock()
    before = clock.monotonic()
    asyncio.run(clock.async_sleep(3600))
    assert clock.monotonic() >= before + 3599.999


def test_threads_that_sleep_at_the_same_time_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(16)
    monkeypatch.setattr("time.sleep", lambda _seconds: barrier.wait(30))
    clock = SystemClock()
    before = clock.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(clock.sleep, [3600.0] * 16))
    assert before + 3599.999 <= clock.monotonic() < before + 2 * 3600


def test_a_sleep_that_is_interrupted_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    clock = SystemClock()
    before = clock.monotonic()
    with pytest.raises(KeyboardInterrupt):
        clock.sleep(3600)
    assert clock.monotonic() < before + 3600


def test_a_real_sleep_adds_nothing_to_the_clock() -> None:
    read: Callable[[], float] = clock._monotonic
    SystemClock().sleep(0)
    asyncio.run(SystemClock().async_sleep(0))
    assert clock._monotonic is read


def test_a_wait_ends_when_it_is_woken_and_does_not_count_as_passed() -> None:
    waker = Waker()
    clock = SystemClock()
    before = clock.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(clock.wait, waker, 3600.0)
        waker.wake()
        waiting.result(30)
    assert clock.monotonic() < before + 3599


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01])
def test_a_wait_ends_after_its_time(seconds: float) -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.wait(Waker(), seconds)
    assert clock.monotonic() >= before + seconds


def test_a_wait_uses_a_replaced_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)  # a builtin function, as time.sleep is
    clock = SystemClock()
    before = clock.monotonic()
    clock.wait(Waker(), 3600.0)
    assert slept == [3600.0]
    assert clock.monotonic() >= before + 3599.999


@pytest.mark.parametrize("times", [1, 2])
def test_a_waker_that_was_woken_before_ends_each_wait(times: int) -> None:
    waker = Waker()
    assert not waker.wait(0)
    for _ in range(times):
        waker.wake()
    assert waker.wait()
    assert waker.wait()
