"""Processes that share the rate of a site, and what they do without the database."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from databases.embedded import EmbeddedPostgres, running_postgres
from fakes import KINDS, SITE, Answers, FakeClock, call

from confluence_groups_sdk import ConfigurationError, SystemClock
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting import schedule
from confluence_groups_sdk.fleet.rate_limiting.database import DatabaseDownError
from confluence_groups_sdk.fleet.rate_limiting.shared_rate_limiter import SharedRateLimiter
from confluence_groups_sdk.fleet.rate_limiting.trips import Answer
from confluence_groups_sdk.fleet.rate_limiting.turns import TurnRequest

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
        return ([*delays, *[0.0] * (arguments[4] - len(delays))], 0.0, 1, None, held_s, None)

    def close(self) -> None:
        pass


@pytest.fixture
def own_server(schema: str) -> Iterator[tuple[EmbeddedPostgres, Postgres]]:
    """A server that the test may stop, and its tables."""
    with running_postgres() as running, Postgres(running.dsn, schema=schema) as postgres:
        postgres.init()
        yield running, postgres


def limiter_of(shared: Postgres, site: str) -> SharedRateLimiter:
    limiter = shared.rate_limiter(site)
    assert isinstance(limiter, SharedRateLimiter)
    return limiter


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", ["hang", DatabaseDownError()])
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
    limiter = SharedRateLimiter(FakeDatabase(DatabaseDownError()), SITE, when_down="raise")
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
        one._settle(trip, Answer([0.0], 0.0, 1, None, 0.0, None))
        assert request.turn is not None


def test_a_429_of_one_process_holds_the_others(shared: Postgres) -> None:
    limiters = [shared.rate_limiter("one site") for _ in range(2)]
    clocks = [FakeClock(), FakeClock()]
    limited = [httpx.Response(429, headers={"Retry-After": "30"}), httpx.Response(204)]
    call("sync", "remove_member", Answers(*limited), BOTH, rate_limiter=limiters[0], clock=clocks[0])
    call("sync", "remove_member", Answers(httpx.Response(204)), BOTH, rate_limiter=limiters[1], clock=clocks[1])
    assert 20 < sum(clocks[1].slept) < 40
    other = shared.rate_limiter("another site")
    clock = FakeClock()
    call("sync", "remove_member", Answers(httpx.Response(204)), BOTH, rate_limiter=other, clock=clock)
    assert clock.slept == []


def test_a_killed_server_is_left_and_joined_again(
    own_server: tuple[EmbeddedPostgres, Postgres], caplog: pytest.LogCaptureFixture
) -> None:
    server, shared = own_server
    limiter = limiter_of(shared, "a site to return to")

    def remove() -> None:
        call("sync", "remove_member", Answers(httpx.Response(204)), BOTH, rate_limiter=limiter)

    with caplog.at_level(logging.INFO):
        remove()
        assert not limiter._schedule.is_down
        server.stop(kill=True)
        remove()
        assert limiter._schedule.is_down
        server.start()
        while limiter._schedule.is_down:
            remove()
        remove()
    assert not limiter._schedule.is_down


def test_turns_of_a_killed_process_do_not_block_the_others(shared: Postgres) -> None:
    """A process asks for turns shortly before they are due, so few are lost with it."""
    site = "a site with a killed process"
    database = shared._open_rate_database()
    database.execute("take_turns", (site, "m", True, "[]", 0, 5.0, None, True, None))  # 5 calls per second
    limiter = shared.rate_limiter(site)
    requests = [limiter.reserve(SystemClock(), None) for _ in range(16)]
    assert isinstance(requests[0], TurnRequest)
    assert requests[0].acquire()
    (delay_s,), *_ = database.execute("take_turns", (site, "other", True, "[]", 1, None, None, False, None))
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


def test_options_are_checked() -> None:
    shared = Postgres("postgresql://db.example.com/x")
    with pytest.raises(ConfigurationError, match="when_down"):
        shared.rate_limiter("a", when_down="stop")  # type: ignore[arg-type] # on purpose
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        shared.rate_limiter("a", max_in_flight=0)
    assert shared.rate_limiter("a", max_in_flight=3)._max_in_flight == 3


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
