"""Several processes on one site: one rate, one hold, and what remains of a killed process or without the database."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping

import psycopg
import pytest
import rate_process
from databases.embedded import EmbeddedPostgres, running_postgres
from membership_fakes import TEAM
from test_postgres import rows

from confluence_groups_sdk import (
    ApiToken,
    ConfigurationError,
    ConfluenceGroups,
    RateLimiter,
    RateLimitError,
    RetryPolicy,
)
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting.shared_rate_limiter import SharedRateLimiter
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox
from confluence_groups_sdk.sandbox.app import Answer

PROCESS_TIMEOUT_S = 100
TARGET = re.compile(r"accountId=([a-z]+)-([0-9]+)")


class Fleet:
    """Starts processes that remove users from one site."""

    def __init__(self, server: EmbeddedPostgres, schema: str, sandbox: Sandbox) -> None:
        self._arguments = [server.dsn, schema, sandbox.url, *sandbox.admin]
        self._sandbox = sandbox

    def run(self, counts: Mapping[str, tuple[int, int]]) -> dict[str, str]:
        """Run a process for each name, all at once, and return what they print."""
        command = [sys.executable, rate_process.__file__, *self._arguments]
        running = {
            name: subprocess.Popen(
                [*command, name, str(count), str(kill_after)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for name, (count, kill_after) in counts.items()
        }
        try:
            for each in running.values():
                assert each.stdout is not None, "it is a pipe"
                each.stdout.readline()
            for each in running.values():
                assert each.stdin is not None, "it is a pipe"
                each.stdin.write("\n")
                each.stdin.flush()
            return {name: each.communicate(timeout=PROCESS_TIMEOUT_S)[0].strip() for name, each in running.items()}
        finally:
            self.ended = {name: each.poll() for name, each in running.items()}
            for each in running.values():
                each.kill()
                each.wait()

    def seen(self) -> dict[str, Counter[str]]:
        """Return how often each user of each process was removed, with the rate-limited attempts."""
        found: dict[str, Counter[str]] = {}
        for request in self._sandbox.requests:
            if match := TARGET.search(request.target):
                found.setdefault(match[1], Counter())[match[2]] += 1
        return found


@pytest.fixture(autouse=True)
def group(sandbox: Sandbox) -> None:
    """Add the group; removing somebody who is not a member succeeds, too."""
    ids = [f"{name}-{number}" for name in "abcd" for number in range(80)]
    for account_id in ids:
        sandbox.directory.add_person(Person(account_id, account_id, f"{account_id}@example.com"))
    sandbox.directory.add_group(Group(TEAM, "Team"), ids)


@pytest.fixture
def fleet(server: EmbeddedPostgres, schema: str, sandbox: Sandbox) -> Fleet:
    return Fleet(server, schema, sandbox)


def client(sandbox: Sandbox, limiter: RateLimiter) -> ConfluenceGroups:
    retry = RetryPolicy(max_retries=0, max_retry_after=5.0)
    return ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=retry, rate_limiter=limiter)


@pytest.mark.usefixtures("shared")
def test_processes_find_one_rate(fleet: Fleet, sandbox: Sandbox, server: EmbeddedPostgres, schema: str) -> None:
    sandbox.faults = Faults(rate_limit=50)
    printed = fleet.run(dict.fromkeys(("a", "b", "c"), (80, 0)))
    assert set(fleet.ended.values()) == {0}
    seen = fleet.seen()
    assert {name: len(users) for name, users in seen.items()} == {"a": 80, "b": 80, "c": 80}
    rate_limited = sum(users.total() for users in seen.values()) - 240
    assert 0 < rate_limited <= 3 * rate_process.THREADS * 2  # not those of three processes that each look for a rate
    rates = [float(rate) for rate in printed.values()]
    assert max(rates) < 1.3 * min(rates)
    assert rows(server, f"SELECT count(*), count(rate) FROM {schema}.rate_limits") == [(1, 1)]
    (total,) = rows(server, f"SELECT sum(turns) FROM {schema}.rate_limit_members")[0]
    assert total == pytest.approx(240)  # each turn is counted once, if its call was accepted


@pytest.mark.usefixtures("shared")
def test_a_killed_process_does_not_stop_the_others(fleet: Fleet, sandbox: Sandbox) -> None:
    sandbox.faults = Faults(rate_limit=50)
    fleet.run({"a": (80, 0), "b": (80, 20), "c": (80, 0)})
    assert fleet.ended == {"a": 0, "b": -signal.SIGKILL, "c": 0}
    assert {name: len(users) for name, users in fleet.seen().items() if name != "b"} == {"a": 80, "c": 80}


def test_a_429_holds_all_processes(shared: Postgres, server: EmbeddedPostgres, schema: str, sandbox: Sandbox) -> None:
    sandbox.answer_next(Answer(429, {"Retry-After": "30"}))
    with client(sandbox, shared.rate_limiter(sandbox.url)) as groups, pytest.raises(RateLimitError):
        groups.remove_member(group_id=TEAM, account_id="a-1")
    with (
        Postgres(server.dsn, schema=schema) as other,
        client(sandbox, other.rate_limiter(f"{sandbox.url}/wiki/")) as groups,
        pytest.raises(RateLimitError, match="not sent: all calls are held"),
    ):
        groups.remove_member(group_id=TEAM, account_id="b-1")
    assert len([each for each in sandbox.requests if TARGET.search(each.target)]) == 1
    with client(sandbox, shared.rate_limiter("another site")) as groups:
        groups.remove_member(group_id=TEAM, account_id="c-1")


@pytest.fixture
def own_server(schema: str) -> Iterator[tuple[EmbeddedPostgres, Postgres]]:
    """A server that the test may stop, and its tables."""
    with running_postgres() as running, Postgres(running.dsn, schema=schema) as postgres:
        postgres.init()
        yield running, postgres


@pytest.mark.parametrize("kill", [False, True])
def test_a_server_that_was_restarted_is_joined_again(
    own_server: tuple[EmbeddedPostgres, Postgres], sandbox: Sandbox, caplog: pytest.LogCaptureFixture, *, kill: bool
) -> None:
    server, shared = own_server
    limiter = shared.rate_limiter(sandbox.url)
    assert isinstance(limiter, SharedRateLimiter)
    with client(sandbox, limiter) as groups, caplog.at_level(logging.WARNING):
        groups.remove_member(group_id=TEAM, account_id="a-1")
        server.stop(kill=kill)
        for number in range(3):
            groups.remove_member(group_id=TEAM, account_id=f"b-{number}")
        assert limiter._schedule.is_down
        server.start()
        while limiter._schedule.is_down:
            groups.remove_member(group_id=TEAM, account_id="c-1")
        groups.remove_member(group_id=TEAM, account_id="d-1")
        assert not limiter._schedule.is_down
        assert len(caplog.records) == 1


def test_a_server_that_does_not_answer_is_left_and_joined_again(
    own_server: tuple[EmbeddedPostgres, Postgres], sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    server, shared = own_server
    limiter = shared.rate_limiter(sandbox.url)
    assert isinstance(limiter, SharedRateLimiter)
    with client(sandbox, limiter) as groups, caplog.at_level(logging.WARNING):
        groups.remove_member(group_id=TEAM, account_id="a-1")
        server.stop_answering()
        for number in range(3):
            groups.remove_member(group_id=TEAM, account_id=f"b-{number}")
        assert limiter._schedule.is_down
        server.answer()
        while limiter._schedule.is_down:
            groups.remove_member(group_id=TEAM, account_id="c-1")
        assert len(caplog.records) == 1


@pytest.fixture
def full_server(server: EmbeddedPostgres, schema: str) -> str:
    """The address of a database without a place for one more connection."""
    role = f"{schema}_role"
    rows(server, f"CREATE ROLE {role} LOGIN PASSWORD 'marker' CONNECTION LIMIT 0")
    return server.dsn.replace("postgres@", f"{role}:marker@")


def test_without_a_place_for_a_connection_a_process_continues_alone(
    full_server: str, schema: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(psycopg.OperationalError, match="too many connections"):
        psycopg.connect(full_server)
    with Postgres(full_server, schema=schema) as shared, client(sandbox, shared.rate_limiter(sandbox.url)) as groups:
        groups.remove_member(group_id=TEAM, account_id="a-1")
        groups.remove_member(group_id=TEAM, account_id="a-2")
    assert len(caplog.records) == 1
    assert "marker" not in caplog.text


def test_without_a_place_for_a_connection_raise_names_the_server(
    full_server: str, schema: str, sandbox: Sandbox
) -> None:
    with (
        Postgres(full_server, schema=schema) as shared,
        client(sandbox, shared.rate_limiter(sandbox.url, when_down="raise")) as groups,
        pytest.raises(ConfigurationError, match=r"_role@127\.0\.0\.1:[0-9]+/postgres cannot be reached") as caught,
    ):
        groups.remove_member(group_id=TEAM, account_id="a-1")
    assert "marker" not in str(caught.value)
    assert [each for each in sandbox.requests if TARGET.search(each.target)] == []
