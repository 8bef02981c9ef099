"""A database that stops answering or has no free place, hosts whose clocks differ, and neighbours in one database."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from databases.embedded import EmbeddedPostgres
from membership_fakes import OPEN, client, members, removals, team, writes
from test_journal_table import INTENDED, plan_220_changes, when
from test_postgres import rows

from confluence_groups_sdk import (
    ConfigurationError,
    ConfluenceGroups,
    JournalError,
    OAuth2,
    SystemClock,
    Tokens,
)
from confluence_groups_sdk.fleet import Postgres, journal_storage, timed_connection, token_store
from confluence_groups_sdk.fleet.token_store import PostgresTokenStore
from confluence_groups_sdk.membership import Plan, apply, read_journal, undo
from confluence_groups_sdk.sandbox import Sandbox

TOKENS = Tokens("access", "refresh", 1.0)


@pytest.fixture
def plan(sandbox: Sandbox) -> Plan:
    return plan_220_changes(sandbox)


@pytest.fixture
def impatient(server: EmbeddedPostgres, schema: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A Postgres that soon takes a silent server for unreachable."""
    monkeypatch.setattr(timed_connection, "ANSWER_TIMEOUT_S", 0.4)
    with Postgres(f"{server.dsn}?connect_timeout=2", schema=schema) as postgres:
        postgres.init()
        yield postgres


@contextmanager
def silent(server: EmbeddedPostgres, seconds: float) -> Iterator[None]:
    """Let a server answer nothing for some time."""
    server.stop_answering()
    timer = threading.Timer(seconds, server.answer)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_server_that_is_silent_for_a_moment_does_not_stop_the_run(
    impatient: Postgres,
    sandbox: Sandbox,
    plan: Plan,
    server: EmbeddedPostgres,
) -> None:
    with ExitStack() as stack:

        def stop() -> None:
            stack.enter_context(silent(server, 1.5))

        with client(sandbox) as groups:
            report = apply(groups, plan, journal=impatient.journal(plan), on_progress=when("removing", 60, stop))
    assert report.unfinished == ()
    assert len(writes(sandbox)) == 220
    state = read_journal(impatient.journal(plan), expect_hash=report.journal_hash)
    assert (len(state.results), state.in_doubt) == (220, {})


def test_a_server_that_stays_silent_stops_the_run_in_order(
    impatient: Postgres,
    sandbox: Sandbox,
    plan: Plan,
    server: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal_storage, "RECONNECT_TIMEOUT_S", 0.2)
    began = time.monotonic()
    try:
        with client(sandbox) as groups, pytest.raises(JournalError, match="lost its connection") as caught:
            apply(
                groups, plan, journal=impatient.journal(plan), on_progress=when("removing", 60, server.stop_answering)
            )
        assert time.monotonic() - began < 15
    finally:
        server.answer()
    sent = len(writes(sandbox))
    assert 90 <= sent < 220
    assert len(read_journal(caught.value.recovered or "").results) == sent
    with client(sandbox) as groups:
        report = apply(groups, plan, journal=impatient.journal(plan))
        assert report.unfinished == ()
        assert set(members(sandbox)) == INTENDED
        back = undo(groups, impatient.journal(plan), guards=OPEN)
    assert len(back.changes) == 220, "nothing that was sent is unknown to the journal"


def test_tokens_wait_for_a_silent_server(impatient: Postgres, server: EmbeddedPostgres) -> None:
    store = impatient.token_store("site")
    with store.lock():
        store.load()
        with silent(server, 1.0):
            store.save(TOKENS)
    with silent(server, 1.0), store.lock():
        assert store.load() == TOKENS


# --- no free place


@contextmanager
def all_places_taken(server: EmbeddedPostgres, schema: str, free: int = 0) -> Iterator[tuple[Postgres, ExitStack]]:
    """Give a Postgres whose role may have no more connections than are open already, and these connections."""
    role, places = f"{schema}_few", 3
    with Postgres(server.dsn, schema=schema) as admin:
        admin.init()
        with suppress(psycopg.errors.DuplicateObject):
            rows(server, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {places}")
        admin.init(grant_to=role)
    dsn = psycopg.conninfo.make_conninfo(server.dsn, user=role)
    with Postgres(dsn, schema=schema) as few, ExitStack() as others:
        few._check_tables()
        few._connections._pool.close()
        for _ in range(places - free):
            others.enter_context(psycopg.connect(dsn))
        yield few, others


def test_no_free_place_is_an_error_soon(
    server: EmbeddedPostgres, schema: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "RECONNECT_TIMEOUT_S", 0.5)
    with client(sandbox) as groups:
        plan = removals(groups, team(sandbox)[:5])
        with all_places_taken(server, schema) as (few, _):
            began = time.monotonic()
            with pytest.raises(ConfigurationError, match="too many connections for role"):
                apply(groups, plan, journal=few.journal(plan))
            with pytest.raises(ConfigurationError, match="too many connections for role"), few.token_store("x").lock():
                pass
            assert time.monotonic() - began < 10
    assert writes(sandbox) == []


def test_tokens_wait_for_a_place(server: EmbeddedPostgres, schema: str) -> None:
    with all_places_taken(server, schema) as (few, others):
        threading.Timer(0.3, others.close).start()
        assert few.token_store("x").load() is None


def test_a_refresh_needs_one_place(server: EmbeddedPostgres, schema: str) -> None:
    with all_places_taken(server, schema, free=1) as (few, _):
        store = few.token_store("x")
        with store.lock():
            assert store.load() is None
            store.save(TOKENS)
        assert store.load() == TOKENS


# --- clocks


class SkewedClock(SystemClock):
    """A clock that is wrong by some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return super().now() + self._seconds


def test_hosts_whose_clocks_differ_refresh_tokens_once(shared: Postgres, sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    shared.token_store("site").save(Tokens(grant.access_token, grant.refresh_token, grant.expires_at))
    with ExitStack() as stack:

        def host(seconds: float) -> ConfluenceGroups:
            clock = SkewedClock(seconds)
            store = PostgresTokenStore(shared._connections, shared._check_tables, "site", clock=clock)
            auth = OAuth2(*sandbox.oauth_client, store, authority=sandbox.authority, clock=clock)
            return stack.enter_context(
                ConfluenceGroups.for_cloud(sandbox.cloud_id, auth=auth, gateway=sandbox.gateway, clock=clock)
            )

        hosts = [host(0), host(3_600), host(-3_600)]
        for _ in range(3):
            for each in hosts:
                each.current_user()
        assert refreshes(sandbox) == 0
        sandbox.expire_tokens()
        for _ in range(3):
            for each in hosts:
                each.current_user()
        assert refreshes(sandbox) == 1
        sandbox.expire_tokens()
        hosts[1].current_user()  # the tokens of a host whose clock is an hour ahead
        for _ in range(3):
            for each in reversed(hosts):
                each.current_user()
        assert refreshes(sandbox) == 2


def refreshes(sandbox: Sandbox) -> int:
    return sum(seen.target.startswith("/oauth/token") for seen in sandbox.requests if seen.method == "POST")


def test_a_host_whose_clock_is_behind_goes_on_with_a_journal(shared: Postgres, sandbox: Sandbox, plan: Plan) -> None:
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    with client(sandbox, clock=SkewedClock(3_600)) as groups:
        first = apply(groups, plan, journal=shared.journal(plan), on_progress=when("removing", 60, interrupt))
    assert first.interrupted
    with client(sandbox, clock=SkewedClock(-3_600)) as groups:
        second = apply(groups, plan, journal=shared.journal(plan))
        assert (second.unfinished, len(first.results) + len(second.results)) == ((), 220)
        assert len(undo(groups, shared.journal(plan), guards=OPEN).changes) == 220
    assert set(members(sandbox)) == INTENDED
    assert len(writes(sandbox)) == 220


# --- neighbours


def test_two_sites_in_one_schema_do_not_meet(shared: Postgres) -> None:
    def work(site: Sandbox) -> tuple[Plan, list[str]]:
        ids = team(site)
        with client(site) as groups:
            plan = removals(groups, ids[:20])
            assert apply(groups, plan, journal=shared.journal(plan)).unfinished == ()
        return plan, members(site)

    with Sandbox() as first, Sandbox() as second, ThreadPoolExecutor(2) as pool:
        (one, left), (other, left_there) = pool.map(work, (first, second))
    assert left == left_there == [f"id-{number:03d}" for number in range(20, 40)]
    assert one.digest != other.digest
    for each in (one, other):
        assert read_journal(shared.journal(each)).in_doubt == {}


def test_two_schemas_in_one_database_do_not_meet(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    with Postgres(server.dsn, schema=f"{schema}_2") as other:
        other.init()
        with shared.journal("a" * 64).lock(), other.journal("a" * 64).lock():
            pass
        with shared.token_store("site").lock(), other.token_store("site").lock():
            shared.token_store("site").save(TOKENS)
            assert other.token_store("site").load() is None
