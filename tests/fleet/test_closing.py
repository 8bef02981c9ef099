"""Closing a `Postgres` ends its rate limiters: their threads, their connections, and the calls that wait for a turn."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections.abc import Sequence
from multiprocessing import get_context
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, Answers, call

from confluence_groups_sdk import ConfigurationError, SystemClock
from confluence_groups_sdk._core.responses.rate_limit_headers import RateLimitInfo
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting.database import DatabaseDownError
from confluence_groups_sdk.fleet.rate_limiting.dedicated_connection import DedicatedConnection
from confluence_groups_sdk.fleet.rate_limiting.shared_rate_limiter import SharedRateLimiter
from confluence_groups_sdk.fleet.rate_limiting.turns import TurnRequest

BOTH = {"group_id": "g", "account_id": "a"}
CLOSED = "PostgreSQL at .*: it was closed"


class SlowDatabase:
    """A database whose answer takes until the test allows it."""

    server = "PostgreSQL at db.example.com"

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.is_closed = False

    def execute(self, *_: object) -> tuple[Any, ...]:
        self.asked.set()
        self.may_answer.wait(30)
        raise DatabaseDownError

    def has_answered(self) -> bool:
        return False

    def was_heard_within(self, seconds: float) -> bool:
        return seconds < 0

    def close(self) -> None:
        self.is_closed = True


def used_limiter(shared: Postgres, site: str = SITE) -> SharedRateLimiter:
    limiter = shared.rate_limiter(site)
    call("sync", "remove_member", Answers(httpx.Response(204)), BOTH, rate_limiter=limiter)
    assert isinstance(limiter, SharedRateLimiter)
    return limiter


def slow_limiter(monkeypatch: pytest.MonkeyPatch) -> tuple[Postgres, SlowDatabase, SharedRateLimiter]:
    database, shared = SlowDatabase(), Postgres("postgresql://db.example.com/x")
    monkeypatch.setattr(shared, "_open_rate_database", lambda: database)
    limiter = shared.rate_limiter(SITE)
    assert isinstance(limiter, SharedRateLimiter)
    return shared, database, limiter


def connection_of(limiter: SharedRateLimiter) -> Any:
    assert isinstance(limiter._database, DedicatedConnection)
    return limiter._database._connection


def test_threads_and_connections_end_at_once(shared: Postgres) -> None:
    limiters = [used_limiter(shared, site) for site in ("a", "b", "c")]
    threads, connections = [each._schedule.thread for each in limiters], [connection_of(each) for each in limiters]
    shared.close()
    assert not any(each.is_alive() for each in threads if each)
    assert all(each.closed for each in connections)


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_call_is_refused_and_starts_nothing(kind: str, shared: Postgres) -> None:
    limiter = used_limiter(shared)
    fresh = shared.rate_limiter(SITE)
    shared.close()
    for each in (limiter, fresh, shared.rate_limiter(SITE)):
        answers = Answers()
        with pytest.raises(ConfigurationError, match=CLOSED):
            call(kind, "remove_member", answers, BOTH, rate_limiter=each)
        assert answers.requests == []
        assert each.snapshot().in_flight == 0
    assert limiter._schedule.thread is None


def test_calls_that_wait_for_a_turn_are_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, database, limiter = slow_limiter(monkeypatch)
    monkeypatch.setattr("confluence_groups_sdk.fleet.postgres.CLOSE_TIMEOUT_S", 0.0)
    requests = [limiter.reserve(SystemClock(), None) for _ in range(3)]
    assert database.asked.wait(10)
    shared.close()
    for each in requests:
        assert isinstance(each, TurnRequest)
        assert each.acquire()
        with pytest.raises(ConfigurationError, match=CLOSED):
            limiter.reserve(SystemClock(), each)
    database.may_answer.set()


def test_a_database_that_does_not_answer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shared, database, limiter = slow_limiter(monkeypatch)
    limiter.reserve(SystemClock(), None)
    assert database.asked.wait(10)
    thread = limiter._schedule.thread
    assert thread is not None
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        shared.close()
        assert time.monotonic() - began < 5
        database.may_answer.set()
        thread.join(10)
    assert database.is_closed
    assert not limiter._schedule.is_down
    assert caplog.records == []


def test_a_signal_handler_can_close(shared: Postgres) -> None:
    """It interrupts a thread that has the lock which the limiter's thread needs to end."""
    limiter = used_limiter(shared)
    thread = limiter._schedule.thread
    assert thread is not None
    began = time.monotonic()
    with limiter._schedule.lock:
        shared.close()
    assert time.monotonic() - began < 0.9
    thread.join(10)
    assert connection_of(limiter) is None


def test_a_finalizer_in_the_thread_itself_can_close(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = used_limiter(shared)
    execute, done = limiter._database.execute, threading.Event()

    def close_and_execute(function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        shared.close()
        done.set()
        return execute(function, arguments)

    monkeypatch.setattr(limiter._database, "execute", close_and_execute)
    thread = limiter._schedule.thread
    assert thread is not None
    limiter.reserve(SystemClock(), None)
    assert done.wait(10)
    thread.join(10)
    assert connection_of(limiter) is None


def test_a_hold_that_was_just_reported_reaches_the_others(shared: Postgres, server: Any, schema: str) -> None:
    with Postgres(server.dsn, schema=schema) as other:
        limiter = used_limiter(shared)
        limiter.record_rate_limited(SystemClock(), RateLimitInfo(retry_after=30.0), sent_at=0.0)
        shared.close()
        later = other.rate_limiter(SITE)
        request = later.reserve(SystemClock(), None)
        assert isinstance(request, TurnRequest)
        assert request.acquire()
        assert later.seconds_held(SystemClock()) > 0


def test_a_forked_process_closes_its_own_connections_only(shared: Postgres) -> None:
    limiter = used_limiter(shared)
    connection = connection_of(limiter)

    def close() -> None:
        shared.close()
        limiter._database.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a process with threads is forked
        child = get_context("fork").Process(target=close)
        child.start()
    child.join(20)
    assert child.exitcode == 0
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert os.getpid() == limiter._database._process  # type: ignore[attr-defined] # it is a DedicatedConnection


def test_a_forked_process_that_leaves_a_lock_does_not_end_it(shared: Postgres) -> None:
    journal = shared.journal("a" * 64)
    with journal.lock():
        session = journal._connection  # type: ignore[attr-defined] # it is a PostgresJournal
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = get_context("fork").Process(target=journal._held.close)  # type: ignore[attr-defined] # see above
            child.start()
        child.join(20)
        assert child.exitcode == 0
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_is_in_use_meanwhile_is_closed_after_its_use(shared: Postgres) -> None:
    used = []

    def use(connection: Any) -> None:
        used.append(connection)
        shared.close()
        assert not connection.closed

    shared._connections.run(use)
    assert used[0].closed


def test_the_connection_of_a_limiter_that_failed_is_closed(shared: Postgres, server: Any, schema: str) -> None:
    import psycopg

    limiter = used_limiter(shared)
    connection, thread = connection_of(limiter), limiter._schedule.thread
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    with pytest.raises(ConfigurationError, match="fleet init"):
        call("sync", "remove_member", Answers(), BOTH, rate_limiter=limiter)
    assert thread is not None
    thread.join(10)
    assert connection.closed
