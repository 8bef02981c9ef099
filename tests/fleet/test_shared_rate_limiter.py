"""Processes that share the rate of a site, and what they do without the database."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from unittest.mock import Mock
from weakref import WeakValueDictionary

import httpx
import pytest
from databases.embedded import EmbeddedPostgres
from fakes import KINDS, SITE, Answers, FakeClock, call, token

from confluence_groups_sdk import AsyncConfluenceGroups, ConfigurationError, SystemClock
from confluence_groups_sdk._support.clock import machine_monotonic
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting import schedule
from confluence_groups_sdk.fleet.rate_limiting.database import DatabaseDownError
from confluence_groups_sdk.fleet.rate_limiting.shared_rate_limiter import SharedRateLimiter, WhenDown
from confluence_groups_sdk.fleet.rate_limiting.trips import Answer
from confluence_groups_sdk.fleet.rate_limiting.turns import TurnRequest

DOWN = DatabaseDownError("PostgreSQL at db.example.com cannot be reached: refused")
BOTH = {"group_id": "g", "account_id": "a"}


class FakeDatabase:
    """A database that does what the test says."""

    server = "PostgreSQL at db.example.com"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Sequence[Any]] = []
        self.resumed = threading.Event()

    def execute(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        assert function == "take_turns"
        self.asked.append(arguments)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            self.resumed.wait(30)
            raise DatabaseDownError
        if isinstance(answer, Exception):
            raise answer
        delays, held_s = answer
        return ([*delays, *[0.0] * (arguments[4] - len(delays))], 0.0, 1, None, held_s, None, None)

    def has_answered(self) -> bool:
        return False

    def was_heard_within(self, seconds: float) -> bool:
        return seconds < 0

    def close(self) -> None:
        pass


NOT_RUN = (  # has the server answered this question, or others; the seconds between checks; is it down
    (False, False, [0.25] * 4, True),
    (False, False, [100.0], False),
    (False, False, [100.0, 0.25, 0.25], True),
    (True, False, [0.25] * 40, False),
    (False, True, [0.25] * 20, False),
    (False, True, [0.25] * 21, True),
)


def limiter_of(shared: Postgres, site: str) -> SharedRateLimiter:
    limiter = shared.rate_limiter(site)
    assert isinstance(limiter, SharedRateLimiter)
    return limiter


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", ["hang", DOWN])
def test_without_the_database_a_process_continues_with_its_share(
    kind: str, failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database, clock = FakeDatabase(failure), FakeClock()
    limiter = SharedRateLimiter(database, SITE)
    answers = Answers(*[httpx.Response(204)] * 3)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            call(kind, "remove_member", answers, BOTH, rate_limiter=limiter, clock=clock)
    database.resumed.set()
    assert len(answers.requests) == 3
    assert 0.1 < sum(clock.slept) < 1  # 10 calls per second
    assert len(caplog.records) == 1
    assert "db.example.com" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_database_raise_names_the_server(kind: str) -> None:
    answers = Answers(httpx.Response(204))
    limiter = SharedRateLimiter(
        FakeDatabase(DOWN),
        SITE,
        when_down="raise",
    )
    with pytest.raises(ConfigurationError, match=r"db\.example\.com"):
        call(kind, "remove_member", answers, BOTH, rate_limiter=limiter)
    assert answers.requests == []
    assert limiter.snapshot().in_flight == 0


@pytest.mark.parametrize("kind", KINDS)
def test_missing_tables_are_an_error_in_any_case(kind: str) -> None:
    limiter = SharedRateLimiter(FakeDatabase(ConfigurationError("tables are missing")), SITE)
    with pytest.raises(ConfigurationError, match="tables are missing"):
        call(kind, "remove_member", Answers(), BOTH, rate_limiter=limiter)


def test_a_call_that_was_woken_by_a_hold_still_gets_its_turn() -> None:
    limiter = SharedRateLimiter(FakeDatabase(([0.0], 0.0)), SITE)
    one = schedule.Schedule(limiter._database, SITE, limiter, 1.0)
    with one.lock:  # so that its thread waits
        request = one.request(FakeClock())
        request.settle()  # for the hold
        trip = one._new_trip(0.0)
        one._settle(trip, Answer([0.0], 0.0, 1, None, 0.0, None, None))
        assert request.turn is not None


def test_a_call_that_slept_through_an_outage_gets_a_turn() -> None:
    database = FakeDatabase("hang")
    limiter = SharedRateLimiter(database, SITE)
    one = limiter._schedule
    with one.lock:  # so that its thread waits
        waiting = limiter.reserve(FakeClock(), None)
        one._trip = trip = one._new_trip(0.0)
        one._leave("the database is down")
        one._settle(trip, Answer([0.0], 0.0, 1, None, 0.0, None, None))  # the database is back before the call runs
        again = limiter.reserve(FakeClock(), waiting)
        assert isinstance(again, TurnRequest)
        one._settle(one._new_trip(0.0), Answer([0.0], 0.0, 1, None, 0.0, None, None))
        assert again.turn is not None
    database.resumed.set()


def test_a_process_without_room_for_a_thread_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    database = FakeDatabase(([0.0], 0.0))
    limiter = SharedRateLimiter(database, SITE)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        request = limiter.reserve(FakeClock(), None)
        assert isinstance(request, TurnRequest)
    assert request.acquire()


@pytest.mark.parametrize("when_down", ["share", "raise"])
def test_a_process_that_never_gets_a_thread_continues_as_in_an_outage(
    monkeypatch: pytest.MonkeyPatch, when_down: WhenDown
) -> None:
    """As at the end of a program, when Python starts no more threads."""
    limiter = SharedRateLimiter(FakeDatabase(([0.0], 0.0)), SITE, when_down=when_down)
    monkeypatch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
    now = 1_000.0
    monkeypatch.setattr(schedule, "machine_monotonic", lambda: now)
    request = limiter.reserve(FakeClock(), None)
    assert isinstance(request, TurnRequest)
    for _ in range(4):
        now += 0.25
        limiter._schedule.check(request)
    assert request.is_settled
    if when_down == "raise":
        with pytest.raises(ConfigurationError, match=r"db\.example\.com .*thread"):
            limiter.reserve(FakeClock(), request)
    else:
        assert not isinstance(limiter.reserve(FakeClock(), request), TurnRequest)


def test_a_call_that_comes_while_the_outage_is_noticed_does_not_wait_for_its_end() -> None:
    database = FakeDatabase("hang")
    limiter = SharedRateLimiter(database, SITE)
    one = limiter._schedule
    with one.lock:
        one._leave("the database is down")
        request = one.request(FakeClock())  # of a call that saw a moment ago that the database was there
        assert request.is_settled
        assert not isinstance(limiter.reserve(FakeClock(), request), TurnRequest)
    database.resumed.set()


def test_after_an_outage_a_hold_lets_no_call_go_without_a_turn() -> None:
    limiter = SharedRateLimiter(FakeDatabase("hang"), SITE)
    one, clock = limiter._schedule, FakeClock()
    with one.lock:  # so that its thread waits
        one._leave("the database is down")
        reservation = limiter.reserve(clock, None)
        assert not isinstance(reservation, TurnRequest)
        one._settle(one._new_trip(0.0), Answer([], 0.1, 1, 10.0, 5.0, 2, None))  # it is back, and calls are held
        assert isinstance(limiter.reserve(clock, reservation), TurnRequest)
    limiter.close(ConfigurationError("closed"))


def test_an_answer_that_cannot_be_used_is_an_error() -> None:
    limiter = SharedRateLimiter(FakeDatabase((["soon"], 0.0)), SITE)
    request = limiter.reserve(FakeClock(), None)
    assert isinstance(request, TurnRequest)
    limiter.join(5.0)
    assert isinstance(request.error, TypeError)


@pytest.mark.parametrize(("members", "confirmed"), [(1, 0), (2, 1)])
def test_a_turn_is_confirmed_only_if_other_processes_call_the_site(members: int, confirmed: int) -> None:
    limiter = SharedRateLimiter(FakeDatabase("hang"), SITE)
    one, clock = limiter._schedule, FakeClock()
    with one.lock:
        request = limiter.reserve(clock, None)
        one._settle(one._new_trip(machine_monotonic() - 0.1), Answer([0.5], 0.5, 1, 2.0, 0.0, members, None))
        turn = limiter.reserve(clock, request)
        assert turn.delay_s == pytest.approx(0.5)
        clock.sleep(0.5)
        limiter.reserve(clock, turn)
        assert len(one._confirming) == confirmed


def test_tasks_run_while_the_database_does_not_answer() -> None:
    database = FakeDatabase("hang")
    limiter = SharedRateLimiter(database, SITE)

    async def remove() -> None:
        transport = httpx.MockTransport(Answers(httpx.Response(204)))
        async with AsyncConfluenceGroups(
            SITE, auth=token(), rate_limiter=limiter, http_client=httpx.AsyncClient(transport=transport)
        ) as groups:
            task = asyncio.create_task(groups.remove_member(**BOTH))
            while not database.asked:
                await asyncio.sleep(0)
            for _ in range(1_000):
                await asyncio.sleep(0)
            database.resumed.set()
            await task

    asyncio.run(remove())
    assert limiter.snapshot().in_flight == 0


@pytest.mark.parametrize(("has_answered", "was_heard", "passed", "is_down"), NOT_RUN)
def test_a_busy_machine_is_not_taken_for_a_database_that_is_down(
    monkeypatch: pytest.MonkeyPatch, passed: Sequence[float], *, has_answered: bool, was_heard: bool, is_down: bool
) -> None:
    database = FakeDatabase(([0.0], 0.0))
    monkeypatch.setattr(database, "has_answered", lambda: has_answered)
    monkeypatch.setattr(database, "was_heard_within", lambda _seconds: was_heard)
    limiter = SharedRateLimiter(database, SITE)
    one = limiter._schedule
    now = 1_000.0
    monkeypatch.setattr(schedule, "machine_monotonic", lambda: now)
    with one.lock:
        request = one.request(FakeClock())
        one._trip = one._new_trip(now)
        for seconds in passed:
            now += seconds
            one.check(request)
    assert one.is_down is is_down


def test_turns_of_a_killed_process_do_not_block_the_others(shared: Postgres) -> None:
    """A process asks for turns shortly before they are due, so few are lost with it."""
    site = "a site with a killed process"
    database = shared._open_rate_database()
    database.execute("take_turns", (site, "m", True, "[]", 0, False, 5.0, None, True, None))  # 5 calls per second
    limiter = shared.rate_limiter(site)
    requests = [limiter.reserve(SystemClock(), None) for _ in range(16)]
    assert isinstance(requests[0], TurnRequest)
    assert requests[0].acquire()
    (delay_s,), *_ = database.execute("take_turns", (site, "other", True, "[]", 1, True, None, None, False, None))
    assert delay_s < 1.0  # not 16 turns, which are 3.2 seconds
    database.close()


NAMES = (
    "https://acme.atlassian.net",
    "https://ACME.atlassian.net/",
    "https://acme.atlassian.net:443/wiki/",
    "acme.atlassian.net",
)


@pytest.mark.parametrize("name", NAMES)
def test_all_spellings_of_an_address_are_one_site(name: str) -> None:
    shared = Postgres("postgresql://db.example.com/x")
    assert limiter_of(shared, name)._site == "acme.atlassian.net"


@pytest.mark.parametrize(
    "name", ["", "https://", "https://me:marker@acme.atlassian.net", "https://acme.atlassian.net/x"]
)
def test_an_unusable_site_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="site") as caught:
        Postgres("postgresql://db.example.com/x").rate_limiter(name)
    assert "marker" not in str(caught.value)


def test_clients_of_a_process_have_one_rate_limiter_for_a_site() -> None:
    shared = Postgres("postgresql://db.example.com/x")
    limiter = shared.rate_limiter(SITE)
    assert shared.rate_limiter(f"{SITE}/wiki") is limiter
    others = [
        shared.rate_limiter("another site"),
        shared.rate_limiter(SITE, when_down="raise"),
        shared.rate_limiter(SITE, max_in_flight=3),
    ]
    assert len({id(each) for each in (limiter, *others)}) == 4


def test_threads_that_ask_at_once_get_one_rate_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` ends the rate limiters that it knows."""
    shared = Postgres("postgresql://db.example.com/x")
    both = threading.Barrier(2)

    class Slow(WeakValueDictionary[Any, Any]):
        def setdefault(self, key: Any, default: Any = None) -> Any:
            found = self.get(key)
            with suppress(threading.BrokenBarrierError):
                both.wait(0.2)
            if found is None:
                self[key] = found = default
            return found

    monkeypatch.setattr(shared, "_limiters", Slow())
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: shared.rate_limiter(SITE), range(2))
    assert one is other


@pytest.mark.parametrize("options", [{"max_in_flight": True}, {"max_in_flight": 1.0}, {"when_down": []}])
def test_options_are_checked_each_time(options: dict[str, Any]) -> None:
    shared = Postgres("postgresql://db.example.com/x")
    made = shared.rate_limiter(SITE, max_in_flight=1)
    with pytest.raises(ConfigurationError):
        shared.rate_limiter(SITE, **options)
    assert made is shared.rate_limiter(SITE, max_in_flight=1)


def test_options_are_checked() -> None:
    shared = Postgres("postgresql://db.example.com/x")
    with pytest.raises(ConfigurationError, match="when_down"):
        shared.rate_limiter("a", when_down="stop")  # type: ignore[arg-type] # on purpose
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        shared.rate_limiter("a", max_in_flight=0)
    assert shared.rate_limiter("a", max_in_flight=3)._max_in_flight == 3


def test_a_refusal_of_the_server_is_not_taken_for_a_lost_connection(shared: Postgres) -> None:
    database = shared._open_rate_database()
    database._schema = "pg_catalog"
    database.execute("set_config", ("statement_timeout", "1", False))
    with pytest.raises(DatabaseDownError, match=r"PostgreSQL at .*: canceling statement due to statement timeout"):
        database.execute("pg_sleep", (5,))


def test_tables_that_were_never_created_are_named(server: EmbeddedPostgres, schema: str) -> None:
    with Postgres(server.dsn, schema=schema) as shared, pytest.raises(ConfigurationError, match="no tables: run conf"):
        call("sync", "remove_member", Answers(), BOTH, rate_limiter=shared.rate_limiter(SITE))


def test_nothing_is_loaded_before_its_use() -> None:
    program = (
        "import sys, confluence_groups_sdk.fleet as fleet; "
        "print(*(name for name in sys.modules if name == 'psycopg' or '.rate_limiting' in name))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.split() == []
