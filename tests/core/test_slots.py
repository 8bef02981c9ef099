"""The slots of a concurrency limiter, and what a call leaves for the record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from confluence_groups_sdk._core.call_metadata import CallMetadata, current_call_metadata, record_call_metadata
from confluence_groups_sdk._core.limits.concurrency_limiter import ConcurrencyLimiter
from confluence_groups_sdk._core.responses.rate_limit_headers import NO_RATE_LIMITS
from confluence_groups_sdk._support.clock import Waker


def test_slots_are_given_out_up_to_their_number() -> None:
    limiter = ConcurrencyLimiter(2)
    assert [limiter.try_acquire() for _ in range(3)] == [True, True, False]
    limiter.release()
    assert [limiter.try_acquire() for _ in range(2)] == [True, False]
    for _ in range(5):  # more than were taken
        limiter.release()
    assert [limiter.try_acquire() for _ in range(3)] == [True, True, False]


def test_a_woken_waiter_leaves_the_queue_and_takes_no_slot() -> None:
    limiter = ConcurrencyLimiter(1)
    assert limiter.acquire()
    waker = Waker()
    waker.wake()
    assert limiter.acquire(waker) is False
    limiter.release()
    assert limiter.try_acquire()  # nobody is in the queue


def test_a_slot_goes_to_the_caller_that_has_waited_longest() -> None:
    limiter = ConcurrencyLimiter(1)
    assert limiter.acquire()
    order: list[str] = []
    entered = [threading.Event(), threading.Event()]

    class Noted(Waker):
        def __init__(self, event: threading.Event) -> None:
            super().__init__()
            self.event = event

        def wait(self, seconds: float | None = None) -> bool:
            self.event.set()
            return super().wait(seconds)

    def work(name: str, event: threading.Event) -> Callable[[], None]:
        def run() -> None:
            assert limiter.acquire(Noted(event)) is True
            order.append(name)
            limiter.release()

        return run

    threads = []
    for name, event in zip(("first", "second"), entered, strict=True):
        thread = threading.Thread(target=work(name, event))
        thread.start()
        assert event.wait(10)
        threads.append(thread)
    assert not limiter.try_acquire()  # others wait
    limiter.release()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]
    assert limiter.try_acquire()


def test_a_waiter_that_is_interrupted_passes_the_slot_on() -> None:
    class Interrupted(Waker):
        def __init__(self, *, granted: bool) -> None:
            super().__init__()
            self.granted = granted

        def wait(self, seconds: float | None = None) -> bool:
            del seconds
            if self.granted:
                limiter.release()
            raise KeyboardInterrupt

    for granted in (True, False):
        limiter = ConcurrencyLimiter(1)
        assert limiter.acquire()
        with pytest.raises(KeyboardInterrupt):
            limiter.acquire(Interrupted(granted=granted))
        assert limiter.try_acquire() is granted  # the slot that it was given is free again
        limiter.release()
        assert limiter.try_acquire()


def test_tasks_get_slots_in_their_order_and_a_cancelled_one_none() -> None:
    async def use() -> list[str]:
        limiter = ConcurrencyLimiter(1)
        await limiter.acquire_async()
        order: list[str] = []

        async def work(name: str) -> None:
            await limiter.acquire_async()
            order.append(name)
            limiter.release()

        tasks = [asyncio.create_task(work(name)) for name in ("first", "cancelled", "second")]
        await asyncio.sleep(0)
        assert order == []
        tasks[1].cancel()
        await asyncio.sleep(0)
        limiter.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.try_acquire()
        return order

    assert asyncio.run(use()) == ["first", "second"]


def test_a_task_that_is_cancelled_when_it_gets_its_slot_passes_it_on() -> None:
    async def use() -> None:
        limiter = ConcurrencyLimiter(1)
        await limiter.acquire_async()
        waiting = asyncio.create_task(limiter.acquire_async())
        await asyncio.sleep(0)
        limiter.release()  # to the task, which has not run since
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert limiter.try_acquire()

    asyncio.run(use())


def test_a_task_of_a_closed_event_loop_is_passed_over() -> None:
    limiter = ConcurrencyLimiter(1)
    assert limiter.acquire()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(limiter.acquire_async())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    limiter.release()
    assert limiter.try_acquire()
    del waiting


# --- metadata of calls


def test_metadata_says_nothing_before_a_call_and_ends_with_its_block() -> None:
    with record_call_metadata() as metadata:
        assert current_call_metadata.get() is metadata
        assert (metadata.request_id, metadata.outcome_unknown, metadata.unidentified) == (None, False, 0)
        with record_call_metadata() as inner:
            assert current_call_metadata.get() is inner
        assert current_call_metadata.get() is metadata
    assert current_call_metadata.get() is None
    assert CallMetadata().limits == NO_RATE_LIMITS
