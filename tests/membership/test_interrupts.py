"""Ctrl-C during a run: the first one is deferred, the second one is not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from fakes import FakeClock

from confluence_groups_sdk.membership.execution.interrupts import DeferredInterrupt


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    """Use Python's own handler: a test run in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_ctrl_c_is_a_request_and_the_second_is_raised() -> None:
    interrupt = DeferredInterrupt()
    with interrupt.installed():
        assert not interrupt.requested
        ctrl_c()
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_kept() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    interrupt = DeferredInterrupt()
    with interrupt.installed():
        ctrl_c()
    assert (seen, interrupt.requested) == ([signal.SIGINT], False)


def test_another_thread_installs_nothing() -> None:
    def run() -> None:
        with DeferredInterrupt().installed():
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers: list[object] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_ctrl_c_ends_a_sleep_at_once() -> None:
    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            ctrl_c()
            super().sleep(seconds)

    clock, interrupt = Clock(), DeferredInterrupt()
    with interrupt.installed():
        with pytest.raises(KeyboardInterrupt):
            interrupt.sleep(clock, 3600)
        assert clock.slept == []
        ctrl_c()
        assert interrupt.requested, "after the sleep it is deferred again"
        interrupt.sleep(clock, 3600)
    assert clock.slept == [], "no sleep is running when the end is requested"
