"""Time and randomness, replaceable: everything that waits takes a clock, so that no test sleeps."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec, module_from_spec
from types import BuiltinFunctionType
from typing import Protocol, runtime_checkable

from .public import public

MAX_WAIT_S = 1.0  # Windows handles Ctrl-C only between waits


@public
@runtime_checkable
class Clock(Protocol):
    """The time and randomness that clients use; pass your own as ``clock=`` to simulate them."""

    def now(self) -> float:
        """Return seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; the number never decreases."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        ...

    async def async_sleep(self, seconds: float) -> None:
        """Suspend this task."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1), for jitter."""
        ...


def _load_monotonic() -> Callable[[], float]:
    """Return ``time.monotonic`` of a second copy of the module: freezegun replaces the one in the first."""
    spec = find_spec("time")
    assert spec is not None, "`time` is part of Python"
    assert spec.loader is not None, "it is loaded already"
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    monotonic: Callable[[], float] = copy.monotonic
    return monotonic


machine_monotonic = _load_monotonic()  # freezing time does not stop this one
_monotonic = machine_monotonic  # what a SystemClock reads
_advancing = threading.Lock()


def _advance_to(moment: float) -> None:
    """Make the monotonic clock read at least a moment, the end of a sleep.

    It normally does. If a test has replaced the sleep or frozen every clock, each later reading gets a lead. The lead
    is the same for all clocks and all threads, so sleeping at the same time does not add up.
    """
    global _monotonic  # noqa: PLW0603 - so that a reading costs no more while there is no lead
    if _monotonic() >= moment:
        return
    with _advancing:
        if _monotonic() >= moment:
            return
        lead = moment - machine_monotonic()

        def monotonic_with_lead() -> float:
            return machine_monotonic() + lead

        _monotonic = monotonic_with_lead


class Waker:
    """Wakes one thread, which may wait several times.

    A signal handler may call `wake` at any time. It could wait for ever in `threading.Event.set`, whose lock the thread
    that it has interrupted may hold.

    Attributes:
        woken: whether `wake` was called.
    """

    def __init__(self) -> None:
        self.woken = False
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def wake(self) -> None:
        """End the thread's waiting, now and later."""
        self.woken = True
        with suppress(RuntimeError):  # it is released already
            self._asleep.release()

    def wait(self, seconds: float | None = None) -> bool:
        """Block this thread until it is woken, at most for some seconds; return whether it is."""
        if not self.woken and self._asleep.acquire(timeout=-1 if seconds is None else seconds):
            self.wake()  # for the next wait
        return self.woken


@public
class SystemClock:
    """The clock of this machine; tasks sleep with asyncio.

    Time slept counts as passed, even if a test freezes time or replaces ``time.sleep``.
    """

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return _monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for some seconds."""
        end = _monotonic() + seconds
        time.sleep(seconds)
        _advance_to(end)

    def wait(self, waker: Waker, seconds: float) -> None:
        """Block this thread until it is woken, at most for some seconds; then they count as passed."""
        if getattr(time.sleep, "__self__", None) is not time:
            self.sleep(seconds)  # a test has replaced it
            return
        end = _monotonic() + seconds
        left = seconds
        while left > 0 and not waker.wait(min(left, MAX_WAIT_S)):
            left -= MAX_WAIT_S
        if not waker.woken:
            _advance_to(end)

    async def async_sleep(self, seconds: float) -> None:
        """Let other tasks run for some seconds."""
        import asyncio  # synchronous programs never load it

        end = _monotonic() + seconds
        if isinstance(time.monotonic, BuiltinFunctionType):
            await asyncio.sleep(seconds)
        else:  # freezegun has replaced it, and stopped the clock of the event loop
            await _sleep_by_thread(seconds)
        _advance_to(end)

    def random(self) -> float:
        """Return a number from 0 to 1, for jitter."""
        return random.random()  # noqa: S311 - jitter needs no secure randomness

    def __repr__(self) -> str:
        return "SystemClock()"


def utc_timestamp(seconds: float) -> str:
    """Format seconds since the epoch as ISO 8601 in UTC, without fractions."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def _sleep_by_thread(seconds: float) -> None:
    """Suspend this task until a thread's timer has run out."""
    import asyncio
    from concurrent.futures import Future

    elapsed: Future[None] = Future()

    def wake() -> None:
        if elapsed.set_running_or_notify_cancel():  # else the task was cancelled
            elapsed.set_result(None)

    timer = threading.Timer(seconds, wake)
    timer.daemon = True
    timer.start()
    try:
        await asyncio.wrap_future(elapsed)
    finally:
        timer.cancel()
