"""The journal of a plan in PostgreSQL: the same lines as in a file, on any host, one run at a time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import fleet_process
import pytest
from databases.embedded import EmbeddedPostgres
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from membership_fakes import OPEN, client, members, people, removals, team, writes
from test_postgres import rows

from confluence_groups_sdk import ConfigurationError, JournalError
from confluence_groups_sdk.fleet import Postgres, journal_storage
from confluence_groups_sdk.membership import (
    Change,
    Outcome,
    Plan,
    Progress,
    Result,
    apply,
    plan_sync,
    read_journal,
    read_report,
    rehearse,
    undo,
)
from confluence_groups_sdk.membership.execution.journal import Journal, open_journal
from confluence_groups_sdk.sandbox import Sandbox

PROCESS_TIMEOUT_S = 60
NOW, LATER = "2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z"


INTENDED = {f"id-{number:03d}" for number in (*range(190, 200), *range(500, 530))}


class Host(NamedTuple):
    """Starts processes that apply a plan with the journal in the table."""

    server: EmbeddedPostgres
    schema: str
    sandbox: Sandbox
    plan: Path

    def start(self, spot: str, count: int = 1) -> subprocess.Popen[str]:
        command = [sys.executable, fleet_process.__file__, "apply", self.server.dsn, self.schema, self.sandbox.url]
        command += [*self.sandbox.admin, str(self.plan), spot, str(count)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, spot: str, count: int = 1) -> int:
        with self.start(spot, count) as process:
            _, errors = process.communicate(timeout=PROCESS_TIMEOUT_S)
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode


def plan_220_changes(sandbox: Sandbox) -> Plan:
    """Plan to add 30 people to the team and to remove 190 of 200."""
    ids = team(sandbox, 200)
    joining = people(sandbox, 30, first=500)
    with client(sandbox) as groups:
        return plan_sync(groups, group_id="team-id", account_ids=[*ids[190:], *joining], guards=OPEN)


@pytest.fixture
def plan(sandbox: Sandbox) -> Plan:
    return plan_220_changes(sandbox)


@pytest.fixture
def host(server: EmbeddedPostgres, schema: str, sandbox: Sandbox, plan: Plan, tmp_path: Path) -> Host:
    plan.save(tmp_path / "plan.json")
    return Host(server, schema, sandbox, tmp_path / "plan.json")


def test_every_function_takes_it(shared: Postgres, sandbox: Sandbox, plan: Plan, tmp_path: Path) -> None:
    journal = shared.journal(plan)
    with client(sandbox) as groups:
        assert read_report(plan, journal).unfinished == plan.changes
        with pytest.raises(JournalError, match=r"journal of plan .* in PostgreSQL at .*: this is an empty journal"):
            read_journal(journal)
        report = apply(groups, plan, journal=journal)
        assert report.unfinished == ()
        assert set(members(sandbox)) == INTENDED
        assert read_journal(shared.journal(plan.digest), expect_hash=report.journal_hash).in_doubt == {}
        assert apply(groups, plan, journal=journal).already_complete
        assert rehearse(groups, plan, journal=journal).already_complete
        back = undo(groups, journal, guards=OPEN)
        assert len(back.changes) == 220
        copy = tmp_path / "copy.journal"
        copy.write_bytes(journal.read())
        assert read_journal(copy) == read_journal(journal)
        assert apply(groups, plan, journal=copy).already_complete, "the file can take its place"


KEYS = st.integers(0, 9)
STEPS = st.lists(st.tuples(st.sampled_from(("intend", "record", "withdraw")), st.lists(KEYS, max_size=4)), max_size=12)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(STEPS, min_size=1, max_size=3))
def test_file_and_table_hold_the_same_lines(
    runs: list[list[tuple[str, list[int]]]],
    shared: Postgres,
    small_plan: Plan,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("file") / "journal"
    table = shared.journal(token_hex(32))  # hypothesis repeats random numbers
    for now, steps in zip((NOW, LATER, LATER), runs, strict=False):
        for place in (path, table):
            with open_journal(place, small_plan, by="ann", by_name="Änn \ud800\x00", now=now) as journal:
                journal.begin()
                for kind, numbers in steps:
                    write(journal, kind, [small_plan.changes[number] for number in numbers])
    assert table.read() == path.read_bytes()
    assert read_journal(table) == read_journal(path)


@pytest.fixture
def small_plan(sandbox: Sandbox) -> Plan:
    ids = team(sandbox)
    with client(sandbox) as groups:
        return removals(groups, ids[:10])


def write(journal: Journal, kind: str, changes: Sequence[Change]) -> None:
    if kind == "record":
        journal.record([Result(change=change, outcome=Outcome.REMOVED) for change in changes])
    else:
        (journal.intend if kind == "intend" else journal.withdraw)(changes)


def test_a_process_that_is_killed_at_a_spot_loses_nothing(
    shared: Postgres, sandbox: Sandbox, plan: Plan, host: Host
) -> None:
    chance = random.Random(26)
    kills = 0
    for spot in fleet_process.SPOTS:
        kills += host.run(spot, chance.randint(2, 3 if "append" in spot else 20)) == -signal.SIGKILL
    assert kills == len(fleet_process.SPOTS)
    assert host.run("never") == 0
    assert set(members(sandbox)) == INTENDED
    state = read_journal(shared.journal(plan))
    assert set(state.results) == {change.key for change in plan.changes}
    assert state.in_doubt == {}
    assert {result.outcome for result in state.results.values()} == {Outcome.REMOVED, Outcome.ADDED}
    with client(sandbox) as groups:
        back = undo(groups, shared.journal(plan), guards=OPEN)
        assert apply(groups, back, journal=shared.journal(back)).unfinished == ()
    assert set(members(sandbox)) == {f"id-{number:03d}" for number in range(200)}


def test_a_second_host_is_refused_until_the_first_is_dead(
    shared: Postgres, sandbox: Sandbox, plan: Plan, host: Host
) -> None:
    with host.start("wait") as first, client(sandbox) as groups:
        assert first.stdout is not None
        assert first.stdout.readline() == "waiting\n"
        for refused in (
            lambda: apply(groups, plan, journal=shared.journal(plan)),
            lambda: undo(groups, shared.journal(plan)),
        ):
            with pytest.raises(JournalError, match=r"another process at 127.0.0.1 \(user .* applies this plan: wait"):
                refused()
        assert writes(sandbox) == []
        assert read_journal(shared.journal(plan)).in_doubt, "anybody can read it meanwhile"
        first.send_signal(signal.SIGKILL)
        assert apply(groups, plan, journal=shared.journal(plan)).unfinished == ()
    assert set(members(sandbox)) == INTENDED


def when(phase: str, done: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Return an ``on_progress`` that calls a function once, at this point of the run."""
    waiting = [act]

    def on_progress(progress: Progress) -> None:
        if waiting and progress.phase == phase and progress.done >= done:
            waiting.pop()()

    return on_progress


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_of_the_server_does_not_stop_the_run(
    shared: Postgres, sandbox: Sandbox, plan: Plan, server: EmbeddedPostgres, kill: bool
) -> None:
    journal, starts = shared.journal(plan), []

    def restart() -> None:
        server.stop(kill=kill)
        starts.append(threading.Timer(0.5, server.start))
        starts[0].start()

    with client(sandbox) as groups:
        report = apply(groups, plan, journal=journal, on_progress=when("removing", 60, restart))
    starts[0].join()
    assert report.unfinished == ()
    assert len(report.results) == len(writes(sandbox)) == 220
    state = read_journal(journal, expect_hash=report.journal_hash)
    assert (len(state.results), state.in_doubt) == (220, {})


def test_without_the_server_the_run_stops_in_order(
    shared: Postgres,
    sandbox: Sandbox,
    plan: Plan,
    server: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal_storage, "RECONNECT_TIMEOUT_S", 0.3)
    try:
        with client(sandbox) as groups, pytest.raises(JournalError, match="the journal lost its connection") as caught:
            apply(groups, plan, journal=shared.journal(plan), on_progress=when("removing", 60, server.stop))
    finally:
        server.start()
    assert "postgres@127.0.0.1" in str(caught.value)
    assert caught.value.changes_sent
    sent = len(writes(sandbox))
    assert 90 <= sent < 220
    local = read_journal(caught.value.recovered or "")
    assert (len(local.results), local.in_doubt) == (sent, {})
    known = read_journal(shared.journal(plan))
    assert set(local.results) <= set(known.results) | set(known.in_doubt), "no call that the table does not know"
    with client(sandbox) as groups:
        assert apply(groups, plan, journal=shared.journal(plan)).unfinished == ()
    assert set(members(sandbox)) == INTENDED


def test_a_run_that_lost_its_lock_adds_nothing(
    shared: Postgres,
    sandbox: Sandbox,
    plan: Plan,
    server: EmbeddedPostgres,
    schema: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another host goes on with the plan after the server has ended the connection of the first."""
    monkeypatch.chdir(tmp_path)
    finished = []

    def overtake() -> None:
        rows(server, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with Postgres(server.dsn, schema=schema) as other, client(sandbox) as groups:
            finished.append(apply(groups, plan, journal=other.journal(plan)))

    with client(sandbox) as groups, pytest.raises(JournalError, match="another run has gone on with it") as caught:
        apply(groups, plan, journal=shared.journal(plan), on_progress=when("removing", 60, overtake))
    assert caught.value.recovered
    assert finished[0].unfinished == ()
    state = read_journal(shared.journal(plan), expect_hash=finished[0].journal_hash)
    assert state.in_doubt == {}
    assert set(members(sandbox)) == INTENDED


def test_lines_that_somebody_edited_are_noticed(
    shared: Postgres,
    sandbox: Sandbox,
    plan: Plan,
    server: EmbeddedPostgres,
    schema: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    def edit() -> None:
        rows(server, f"UPDATE {schema}.journal_lines SET line = line || '\\x20' WHERE number = 2")

    with client(sandbox) as groups, pytest.raises(JournalError, match="was edited") as caught:
        apply(groups, plan, journal=shared.journal(plan), on_progress=when("removing", 60, edit))
    assert len(read_journal(caught.value.recovered or "").results) == 220
    with pytest.raises(JournalError, match=r"line [234] is damaged"):
        read_journal(shared.journal(plan))


def test_a_table_that_refuses_lines_stops_the_run(
    shared: Postgres, sandbox: Sandbox, plan: Plan, server: EmbeddedPostgres, schema: str
) -> None:
    rows(server, f"ALTER TABLE {schema}.journal_lines ADD CHECK (number < 3)")
    with (
        client(sandbox) as groups,
        pytest.raises(JournalError, match=r"cannot be written \(.*violates check.*, then resume"),
    ):
        apply(groups, plan, journal=shared.journal(plan))
    rows(server, f"ALTER TABLE {schema}.journal_lines DROP CONSTRAINT journal_lines_number_check")
    with client(sandbox) as groups:
        assert apply(groups, plan, journal=shared.journal(plan)).unfinished == ()


def test_one_journal_is_used_once_at_a_time_in_a_program(shared: Postgres, plan: Plan) -> None:
    journal = shared.journal(plan)
    with journal.lock(), pytest.raises(JournalError, match="this program applies the plan already"), journal.lock():
        pass
    with journal.lock():
        pass


def test_a_server_that_is_gone_before_the_run_sends_nothing(sandbox: Sandbox, plan: Plan) -> None:
    with (
        Postgres("postgresql://me@127.0.0.1:1/db") as gone,
        client(sandbox) as groups,
        pytest.raises(ConfigurationError, match="cannot be reached"),
    ):
        apply(groups, plan, journal=gone.journal(plan))
    assert writes(sandbox) == []
