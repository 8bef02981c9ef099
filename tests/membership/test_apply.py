"""Applying plans, over real HTTP."""

from __future__ import annotations

import asyncio
import functools
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes import START, FakeClock
from membership_fakes import TEAM, all_counts, client, members, people, removals, team, writes

from confluence_groups_sdk import (
    ConfigurationError,
    ConfluenceGroups,
    DriftError,
    IncompleteReadError,
    PermissionDeniedError,
    PlanError,
)
from confluence_groups_sdk.membership import (
    Action,
    Guards,
    Outcome,
    Plan,
    Progress,
    StopReason,
    apply,
    plan_removals,
    plan_sync,
    read_journal,
)
from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person, Sandbox

QUOTA_RENEWAL_S = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_apply_makes_all_changes_and_reports_them(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 3, first=900)
    seen: list[Progress] = []
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids[10:], *joining])
        report = apply(groups, plan, journal=path, on_progress=seen.append, expect_digest=plan.digest, verify=True)
    assert set(members(sandbox)) == {*ids[10:], *joining}
    assert report.counts == {Outcome.REMOVED: 10, Outcome.ADDED: 3}
    assert [result.change for result in report.results] == list(plan.changes)
    assert all(result.request_id for result in report.results)
    assert (report.unfinished, report.stopped, report.interrupted, report.unverified) == ((), None, False, ())
    assert report.journal_hash == read_journal(path).last_hash
    assert str(report) == f"10 REMOVED, 3 ADDED; journal {report.journal_hash}"
    assert writes(sandbox) == ["POST"] * 3 + ["DELETE"] * 10, "additions come first"
    assert list(dict.fromkeys(each.phase for each in seen)) == ["reading", "adding", "removing", "verifying"]
    assert [each.total for each in seen if each.phase == "removing"][-1] == seen[-2].done == 10


def test_only_the_owner_can_read_a_report(sandbox: Sandbox, path: Path, tmp_path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:2]), journal=path).save(tmp_path / "report.json")
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o600
    assert '"REMOVED": 2' in (tmp_path / "report.json").read_text()


def test_applying_twice_sends_nothing_the_second_time(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:5])
        first = apply(groups, plan, journal=path)
        sandbox.directory.add_member(TEAM, ids[0])  # by another admin: a finished change stays finished
        second = apply(groups, plan, journal=path)
    assert writes(sandbox) == ["DELETE"] * 5
    assert (second.results, second.done_before) == ((), first.results)


# --- plans that are rejected


def test_apply_rejects_unapproved_edited_and_foreign_plans(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups, Sandbox() as other:
        plan = removals(groups, ids[:2])
        with pytest.raises(PlanError, match="not the approved plan"):
            apply(groups, plan, journal=path, expect_digest="0" * 64)
        with pytest.raises(PlanError, match="edited"):
            apply(groups, evolve(plan, changes=plan.changes[:1]), journal=path)
        with client(other) as elsewhere, pytest.raises(PlanError, match="another site"):
            apply(elsewhere, plan, journal=path)
        assert other.requests == []
    assert writes(sandbox) == []
    assert not path.exists()


@pytest.mark.parametrize("options", [{"on_drift": "ignore"}, {"stop_after_failures": 0}, {"stop_after_failures": True}])
def test_invalid_options_are_rejected(sandbox: Sandbox, path: Path, options: dict[str, Any]) -> None:
    with client(sandbox) as groups, pytest.raises(ValueError, match=next(iter(options))):
        apply(groups, removals(groups, []), journal=path, **options)


def test_a_journal_needs_the_files_extra(sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = team(sandbox)
    monkeypatch.setitem(sys.modules, "filelock", None)
    with client(sandbox) as groups, pytest.raises(ConfigurationError, match=r"\[files\]"):
        apply(groups, removals(groups, ids[:1]), journal=path)
    assert writes(sandbox) == []


# --- drift


def drift(sandbox: Sandbox, plan: Plan, path: Path) -> tuple[str, ...]:
    with client(sandbox) as groups, pytest.raises(DriftError) as caught:
        apply(groups, plan, journal=path)
    assert writes(sandbox) == []
    assert path.read_bytes() == b"", "nothing was begun"
    return caught.value.differences


def test_drift_is_described_and_nothing_is_sent(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    (new, other) = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        sync = plan_sync(groups, group_id=TEAM, account_ids=[*ids, new])
    directory = sandbox.directory
    directory.add_member(TEAM, other)
    assert drift(sandbox, plan, path) == (f"Team: P {other} ({other}) has become a member",)
    directory.remove_member(TEAM, other)
    directory.remove_member(TEAM, ids[0])
    assert drift(sandbox, plan, path) == (f"Team: P {ids[0]} ({ids[0]}) is no longer a member",)
    directory.remove_member(TEAM, ids[20])
    assert "it had 37 members and now has 36" in drift(sandbox, plan, path)[1]
    directory.add_member(TEAM, other)
    assert "it had 37 members and now has 37, and they are not the same" in drift(sandbox, plan, path)[1]
    directory.add_group(directory.groups[TEAM], [*ids, new])
    assert drift(sandbox, sync, path) == (f"Team: P {new} ({new}) is already a member",)
    directory.delete_group(TEAM)
    assert drift(sandbox, plan, path) == ("Team (team-id): the group no longer exists",)


def test_continue_applies_the_changes_that_are_still_possible(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids[3:], *joining])
        sandbox.directory.remove_member(TEAM, ids[0])
        sandbox.directory.add_member(TEAM, joining[0])
        report = apply(groups, plan, journal=path, on_drift="continue")
    assert report.counts == {
        Outcome.ALREADY_A_MEMBER: 1,
        Outcome.ADDED: 1,
        Outcome.NOT_A_MEMBER: 1,
        Outcome.REMOVED: 2,
    }
    assert writes(sandbox) == ["POST", "DELETE", "DELETE"]


def test_a_deleted_group_fails_only_its_own_changes(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    sandbox.directory.add_group(Group("other", "Other"), ids[:4])
    with client(sandbox) as groups:
        plan = plan_removals(groups, [("other", ids[0]), (TEAM, ids[0])])
        sandbox.directory.delete_group("other")
        report = apply(groups, plan, journal=path, on_drift="continue")
    assert {result.change.group_id: result.outcome for result in report.results} == {
        "other": Outcome.FAILED,
        TEAM: Outcome.REMOVED,
    }


def test_guards_are_evaluated_again_before_sending(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3], Guards())
        sandbox.directory.add_group(Group(TEAM, "Team", managed_by="EXTERNAL"), ids)
        report = apply(groups, plan, journal=path)
    assert report.counts == {Outcome.REFUSED: 3}
    assert {(result.guard, result.option) for result in report.results} == {("external", ("allow_external", True))}
    assert writes(sandbox) == []


def test_the_last_admin_stays_if_the_replacement_was_not_added(sandbox: Sandbox, path: Path) -> None:
    (old,) = people(sandbox, 1)
    (new,) = people(sandbox, 1, first=900)
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"admin"})), [old])
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[new])
        assert [change.action for change in plan.changes] == [Action.ADD, Action.REMOVE]
        sandbox.directory.remove_person(new)
        report = apply(groups, plan, journal=path)
    assert [result.outcome for result in report.results] == [Outcome.FAILED, Outcome.REFUSED]
    assert members(sandbox) == [old]


def test_deactivated_members_are_removed(sandbox: Sandbox, path: Path) -> None:
    leaver, *rest = team(sandbox)
    sandbox.directory.add_person(Person(leaver, "Gone", "gone@example.com", account_status="inactive"))
    with client(sandbox) as groups:
        plan = removals(groups, [leaver])
        assert [change.display_name for change in plan.changes] == ["Gone"]
        assert apply(groups, plan, journal=path, verify=True).counts == {Outcome.REMOVED: 1}
    assert members(sandbox) == rest


# --- what stops a run


@pytest.mark.parametrize("status", [401, 403, 410])
def test_an_error_that_every_change_would_meet_stops_the_run(sandbox: Sandbox, path: Path, status: int) -> None:
    ids = team(sandbox, 150)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:140])

        def break_it(progress: Progress) -> None:
            if progress.phase == "removing" and len(members(sandbox)) < 140:
                sandbox.answer_next(*[Answer(status) for _ in range(20)])

        report = apply(groups, plan, journal=path, on_progress=break_it)
        done = report.counts[Outcome.REMOVED]
        assert str(status) in (report.stopped or "")
        assert report.stop is not None
        assert report.stop.reason is StopReason.FATAL_ERROR
        assert 0 < done < 60
        assert len(report.unfinished) == 140 - done
        assert 0 < report.counts[Outcome.FAILED] <= 8, "the calls that were running"
        assert len(writes(sandbox)) == done + report.counts[Outcome.FAILED]
        queued_answers(sandbox).clear()
        again = apply(groups, plan, journal=path)
    assert (again.counts, again.counts_before) == ({Outcome.REMOVED: 140 - done}, {Outcome.REMOVED: done})
    assert members(sandbox) == ids[140:]


def queued_answers(sandbox: Sandbox) -> Any:
    return sandbox._app.prepared


def test_too_many_failures_stop_the_run(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 150)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:140])

        def spoil(progress: Progress) -> None:
            if progress.phase == "removing" and progress.done < 60:
                sandbox.answer_next(Answer(409))

        report = apply(groups, plan, journal=path, on_progress=spoil, stop_after_failures=3)
    assert report.stop is not None
    assert (report.stop.reason, report.stop.option) == (StopReason.TOO_MANY_FAILURES, "stop_after_failures")
    assert "409" in (report.stop.error or "")
    assert 3 <= report.counts[Outcome.FAILED] <= 3 + 8
    assert report.unfinished


def test_a_spent_quota_stops_the_run_which_can_be_resumed(path: Path) -> None:
    clock = FakeClock()
    with Sandbox(clock=clock) as sandbox:
        ids = team(sandbox, 150)
        with client(sandbox, clock=clock) as groups:
            plan = removals(groups, ids[:140])
            sandbox.faults = Faults(quota=60)
            report = apply(groups, plan, journal=path, clock=clock)
            assert report.stop is not None
            assert (report.stop.reason, report.stop.option) == (StopReason.RATE_LIMITED, "wait_for_quota")
            assert report.stop.resume_at == "2027-01-15T09:00:00Z"
            assert 0 < report.counts[Outcome.REMOVED] < 60
            assert report.counts[Outcome.FAILED] == 0
            sent = len(sandbox.requests)
            assert read_journal(path).in_doubt == {}
            clock.sleep(QUOTA_RENEWAL_S)
            sandbox.faults = Faults()
            again = apply(groups, plan, journal=path, clock=clock)
            assert (again.counts_before, all_counts(again)) == (report.counts, {Outcome.REMOVED: 140})
            assert not any(result.settled for result in [*again.results, *again.done_before])
            assert len(sandbox.requests) > sent
        assert members(sandbox) == ids[140:]


def test_wait_for_quota_waits_for_a_spent_quota(path: Path) -> None:
    clock = FakeClock()
    seen: list[Progress] = []
    with Sandbox(clock=clock) as sandbox:
        ids = team(sandbox, 150)
        with client(sandbox, clock=clock) as groups:
            plan = removals(groups, ids[:140])
            sandbox.faults = Faults(quota=60)
            report = apply(groups, plan, journal=path, wait_for_quota=True, on_progress=seen.append, clock=clock)
        assert report.counts == {Outcome.REMOVED: 140}
        assert members(sandbox) == ids[140:]
    waits = [each.held_until for each in seen if each.phase == "waiting"]
    assert waits[0] == pytest.approx(START + QUOTA_RENEWAL_S, abs=2)
    assert 2 <= len(waits) <= 3


INTERRUPTED = """
import os, signal, sys, threading
import httpx
from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Plan, apply
from confluence_groups_sdk.membership.execution.interrupts import CallerThread

site, email, token, plan, journal, own = sys.argv[1:]
handled = threading.Event()  # the main thread only sets it
handle = CallerThread._handle

def handle_and_tell(self, *arguments):
    try:
        handle(self, *arguments)
    finally:
        handled.set()

CallerThread._handle = handle_and_tell

class Transport(httpx.HTTPTransport):
    writes = 0
    def handle_request(self, request):
        if request.method == "DELETE":
            Transport.writes += 1
            if Transport.writes == 70:
                os.kill(os.getpid(), signal.SIGINT)
            if Transport.writes >= 70:
                handled.wait(timeout=30)
        return super().handle_request(request)

def mine(*_):
    print("mine")
    handled.set()

signal.signal(signal.SIGINT, mine if own == "own" else signal.default_int_handler)
before = signal.getsignal(signal.SIGINT)
with httpx.Client(transport=Transport()) as http:
    groups = ConfluenceGroups(site, auth=ApiToken(email, token), http_client=http)
    report = apply(groups, Plan.load(plan), journal=journal)
assert signal.getsignal(signal.SIGINT) is before
print(report.interrupted, report.stopped, len(report.unfinished), len(report.results))
"""


@pytest.mark.parametrize("own", ["", "own"])
def test_ctrl_c_finishes_running_calls_and_reports_the_rest(
    sandbox: Sandbox, tmp_path: Path, path: Path, own: str
) -> None:
    ids = team(sandbox, 150)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:140])
        plan.save(tmp_path / "plan.json")
        command = [sys.executable, "-c", INTERRUPTED, sandbox.url, *sandbox.admin]
        command += [str(tmp_path / "plan.json"), str(path), own]
        process = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
        assert process.returncode == 0, process.stderr
        if own:
            assert process.stdout.splitlines() == ["mine", "False None 0 140"]
            return
        interrupted, stopped, unfinished, results = process.stdout.split()
        assert (interrupted, stopped) == ("True", "interrupted")
        assert int(unfinished) + int(results) == 140
        assert 70 <= int(results) < 90, "running calls were finished, and no call was begun"
        assert read_journal(path).in_doubt == {}
        assert len(members(sandbox)) == 150 - int(results)
        assert apply(groups, plan, journal=path).counts == {Outcome.REMOVED: int(unfinished)}


def test_an_interrupt_in_a_callback_ends_the_run_in_order(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 150)

    def interrupt(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done > 20 and not interrupt_seen:
            interrupt_seen.append(progress)
            raise KeyboardInterrupt

    interrupt_seen: list[Progress] = []
    with client(sandbox) as groups:
        plan = removals(groups, ids[:140])
        report = apply(groups, plan, journal=path, on_progress=interrupt)
        assert report.interrupted
        assert report.stop is not None
        assert report.stop.reason is StopReason.INTERRUPTED
        assert 0 < len(report.unfinished) < 120
        assert read_journal(path).in_doubt == {}
        assert apply(groups, plan, journal=path).unfinished == ()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Use Python's own handler for Ctrl-C, as in a shell's foreground; background jobs ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_the_wait_for_a_quota(path: Path) -> None:
    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            if seconds > 100:
                signal.raise_signal(signal.SIGINT)
            super().sleep(seconds)

    clock = Clock()
    with Sandbox(clock=clock) as sandbox:
        ids = team(sandbox, 150)
        with client(sandbox, clock=clock) as groups:
            plan = removals(groups, ids[:140])
            sandbox.faults = Faults(quota=60)
            report = apply(groups, plan, journal=path, wait_for_quota=True, clock=clock)
    assert report.interrupted
    assert clock.monotonic() < 100
    assert len(report.unfinished) == 140 - report.counts[Outcome.REMOVED]


@pytest.mark.parametrize("action", list(Action))
def test_closing_the_client_stops_the_run_and_only_calls_that_were_sent_are_in_doubt(
    sandbox: Sandbox, path: Path, action: Action
) -> None:
    ids = team(sandbox, 100)

    def close(progress: Progress) -> None:
        if progress.phase in ("adding", "removing") and progress.done >= 20:
            groups.close()

    with client(sandbox) as groups, client(sandbox) as other:
        if action is Action.ADD:
            plan = plan_sync(groups, group_id=TEAM, account_ids=ids + people(sandbox, 100, first=500))
        else:
            plan = removals(groups, ids)
        report = apply(groups, plan, journal=path, on_progress=close, stop_after_failures=None)
        assert report.stop is not None
        assert report.stop.reason is StopReason.FATAL_ERROR
        assert "closed" in str(report)
        sent = len(writes(sandbox))
        done = report.counts[Outcome.REMOVED] + report.counts[Outcome.ADDED]
        in_doubt = read_journal(path).in_doubt
        assert sent <= done + len(in_doubt) <= sent + 8, "calls that were written but not received"
        changed = [each for each in plan.changes if (each.account_id in members(sandbox)) is (action is Action.ADD)]
        known = {result.change.key for result in report.results if result.outcome in (Outcome.REMOVED, Outcome.ADDED)}
        assert {each.key for each in changed} <= known | in_doubt.keys()
        assert apply(other, plan, journal=path).unfinished == ()


# --- verifying


def test_verify_reads_again_until_changes_are_visible(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)
    clock = FakeClock()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        true_members = ConfluenceGroups.iter_members
        reads = iter(range(100))

        def list_old_members(self: ConfluenceGroups, *, group_id: str, **_options: Any) -> Any:
            if 0 < next(reads) < 4:
                sandbox.directory.add_member(TEAM, ids[0])
                found = list(true_members(self, group_id=group_id))
                sandbox.directory.remove_member(TEAM, ids[0])
                return iter(found)
            return true_members(self, group_id=group_id)

        monkeypatch.setattr(ConfluenceGroups, "iter_members", list_old_members)
        report = apply(groups, plan, journal=path, verify=True, clock=clock)
    assert report.unverified == ()
    assert clock.slept == [0.0, 1.0, 2.0, 4.0]


def test_changes_that_stay_invisible_are_reported(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    clock = FakeClock()

    def revert(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done == progress.total:
            sandbox.directory.add_member(TEAM, ids[1])

    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        report = apply(groups, plan, journal=path, verify=True, on_progress=revert, clock=clock)
    assert [change.account_id for change in report.unverified] == [ids[1]]
    assert "1 not visible yet" in str(report)
    assert sum(clock.slept) == 31


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("problem", [401, 403, 500, "closed", "no end"])
def test_a_run_whose_changes_cannot_be_verified_is_reported(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch, problem: int | str, stopped: bool
) -> None:
    """The changes are made, so the report must not be lost."""
    ids = team(sandbox)

    def fail(progress: Progress) -> None:
        if progress.phase != "verifying":
            return
        if problem == "closed":
            groups.close()
        elif problem == "no end":
            monkeypatch.setattr(ConfluenceGroups, "iter_members", cut)
        else:
            sandbox.answer_next(*[Answer(int(problem))] * 9)

    def cut(*_: object, **__: object) -> Any:
        raise IncompleteReadError("the list repeats")

    remove = ConfluenceGroups.remove_member

    def remove_all_but_one(groups: ConfluenceGroups, *, group_id: str, account_id: str) -> None:
        if account_id == ids[9]:
            raise PermissionDeniedError("no", status_code=403)
        remove(groups, group_id=group_id, account_id=account_id)

    if stopped:
        monkeypatch.setattr(ConfluenceGroups, "remove_member", remove_all_but_one)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:20])
        report = apply(groups, plan, journal=path, verify=True, on_progress=fail, clock=FakeClock())
    removed = [result.change for result in report.results if result.outcome is Outcome.REMOVED]
    assert removed
    assert report.unverified == tuple(removed)
    assert report.stop is not None
    assert report.stop.reason is (StopReason.FATAL_ERROR if stopped else StopReason.NOT_VERIFIED)
    assert stopped or "could not be verified" in str(report)
    assert f"{len(removed)} not verified" in str(report)


# --- where the calls run


class Counting(ThreadPoolExecutor):
    submitted = 0

    def submit(self, *arguments: Any, **options: Any) -> Future[Any]:
        type(self).submitted += 1
        return super().submit(*arguments, **options)


def test_the_callers_executor_runs_the_calls_and_stays_open(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups, Counting(2) as pool:
        assert apply(groups, removals(groups, ids[:9]), journal=path, executor=pool).counts == {Outcome.REMOVED: 9}
        assert pool.submitted == 9
        assert pool.submit(int, "1").result() == 1


def test_no_call_is_running_after_a_failed_run(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)

    def fail(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done:
            raise RuntimeError("the caller's own")

    with client(sandbox) as groups, ThreadPoolExecutor(4) as pool:
        plan = removals(groups, ids[:30])
        with pytest.raises(RuntimeError, match="the caller's own"):
            apply(groups, plan, journal=path, executor=pool, on_progress=fail)
        sent = len(writes(sandbox))
        assert sent < 30
        assert pool.submit(lambda: len(writes(sandbox))).result() == sent
        report = apply(groups, plan, journal=path)
    assert all_counts(report) == {Outcome.REMOVED: 30}


def test_apply_works_in_a_thread_of_an_asyncio_program(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        report = asyncio.run(asyncio.to_thread(apply, groups, plan, journal=path))
    assert report.counts == {Outcome.REMOVED: 3}


def test_worker_processes_open_their_own_clients(sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = team(sandbox)
    monkeypatch.setenv("CONFLUENCE_SITE", sandbox.url)
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)
    with client(sandbox) as groups, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        plan = removals(groups, ids[:20])
        stopped = apply(groups, plan, journal=path, executor=pool)
        assert stopped.stop is not None
        assert (stopped.stop.reason, stopped.stop.option) == (StopReason.WORKER_FAILED, "open_client")
        assert writes(sandbox) == []
        opener = functools.partial(ConfluenceGroups.from_env)
        report = apply(groups, plan, journal=path, executor=pool, open_client=opener)
    assert report.counts == {Outcome.REMOVED: 20}
    assert members(sandbox) == ids[20:]


def test_a_closed_executor_stops_the_run(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with client(sandbox) as groups:
        report = apply(groups, removals(groups, ids[:9]), journal=path, executor=pool)
    assert report.stop is not None
    assert report.stop.reason is StopReason.EXECUTOR_CLOSED
    assert len(report.unfinished) == 9
    assert len(read_journal(path).in_doubt) == 1, "the executor may have taken this one"
    assert writes(sandbox) == []
