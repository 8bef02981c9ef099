"""Resuming a run that ended in the middle: changes in doubt are settled, and guards and drift still count."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from membership_fakes import TEAM, client, members, people, removals, team, writes

from confluence_groups_sdk import ConfluenceGroups, DriftError, JournalError, User
from confluence_groups_sdk.membership import Outcome, Plan, apply, plan_sync, read_journal, undo
from confluence_groups_sdk.membership.execution import journal_format
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.membership.execution.journal_format import verify_chain
from confluence_groups_sdk.membership.model.changes import Change
from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person, Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def write_journal_in_doubt(plan: Plan, path: Path, changes: Sequence[Change]) -> None:
    """Write the journal of a process that was killed before it sent any of these calls."""
    with open_journal(path, plan, by="ada", now="2026-11-24T00:00:00Z") as journal:
        journal.begin()
        journal.intend(changes)


def test_drift_is_detected_although_all_changes_are_in_doubt(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        write_journal_in_doubt(plan, path, plan.changes)
        sandbox.directory.add_person(Person("newcomer", "New Comer", "new@example.com"))
        sandbox.directory.add_member(TEAM, "newcomer")
        with pytest.raises(DriftError, match="newcomer"):
            apply(groups, plan, journal=path)
        assert set(ids) <= set(members(sandbox))
        assert apply(groups, plan, journal=path, on_drift="continue").counts == {Outcome.REMOVED: 3}


def test_changes_in_doubt_are_not_drift(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        write_journal_in_doubt(plan, path, plan.changes)
        sandbox.directory.remove_member(TEAM, ids[0])
        report = apply(groups, plan, journal=path)
    assert report.counts == {Outcome.REMOVED: 3}
    assert all(result.settled for result in report.results)


def test_changes_stay_in_doubt_after_a_run_that_sends_nothing(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        write_journal_in_doubt(plan, path, plan.changes)
        assert apply(groups, plan, journal=path, executor=pool).stopped
    assert read_journal(path).in_doubt.keys() == {change.key for change in plan.changes}


def test_refused_changes_stay_in_doubt(sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        write_journal_in_doubt(plan, path, plan.changes)
        external = property(lambda _group: True)
        monkeypatch.setattr("confluence_groups_sdk.models.Group.is_externally_managed", external)
        report = apply(groups, plan, journal=path)
        assert report.counts == {Outcome.REFUSED: 3}
        assert set(report.unfinished) == set(plan.changes)
        assert len(undo(groups, path).skipped) == 3, "undo skips changes in doubt"
    assert len(read_journal(path).in_doubt) == 3


class OverfullExecutor(ThreadPoolExecutor):
    """An executor that takes a call and then fails, as if it could not start a thread for it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        super().submit(fn, *args, **kwargs).result()
        raise RuntimeError("can't start new thread")


def test_a_change_that_the_executor_took_and_rejected_is_in_doubt(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups, OverfullExecutor(1) as pool:
        plan = removals(groups, ids[:3])
        assert apply(groups, plan, journal=path, executor=pool).stopped
        assert ids[0] not in members(sandbox)
        assert list(read_journal(path).in_doubt) == [plan.changes[0].key]
        assert apply(groups, plan, journal=path).counts == {Outcome.REMOVED: 3}
        assert len(undo(groups, path).changes) == 3


class InterruptedExecutor(ThreadPoolExecutor):
    """Workers that receive Ctrl-C too, because they are in the same process group."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(KeyboardInterrupt())
        return future


def test_ctrl_c_in_worker_processes_ends_the_run_in_order(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 30)
    with client(sandbox) as groups, InterruptedExecutor(1) as pool:
        plan = removals(groups, ids[:10])
        report = apply(groups, plan, journal=path, executor=pool)
        assert report.interrupted
        assert report.counts == {Outcome.UNKNOWN: 10}
        assert apply(groups, plan, journal=path).counts == {Outcome.REMOVED: 10}


@pytest.mark.parametrize("content", [b"a token, in one line", b'{"access_token":"x"}'])
def test_other_files_are_not_changed(sandbox: Sandbox, path: Path, content: bytes) -> None:
    ids = team(sandbox)
    path.write_bytes(content)
    with client(sandbox) as groups, pytest.raises(JournalError, match="this is not a journal"):
        apply(groups, removals(groups, ids[:1]), journal=path)
    assert path.read_bytes() == content
    assert ids[0] in members(sandbox)


def test_a_journal_with_two_names_is_rejected(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:1])
        apply(groups, plan, journal=path)
        path.with_suffix(".second").hardlink_to(path)
        with pytest.raises(JournalError, match="a second name"):
            apply(groups, plan, journal=path)


def test_reasons_must_be_strings(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert_reasons_must_be_strings(groups, ids)


def assert_reasons_must_be_strings(groups: ConfluenceGroups, ids: Sequence[str]) -> None:
    from confluence_groups_sdk import InputError
    from confluence_groups_sdk.membership import plan_offboarding, plan_removals, plan_sync

    number: Any = 4711
    with pytest.raises(InputError, match="row 1: the reason must be a string"):
        plan_removals(groups, [(TEAM, ids[0], number)])
    with pytest.raises(TypeError, match="reason"):
        plan_sync(groups, group_id=TEAM, account_ids=ids, reason=number)
    with pytest.raises(TypeError, match="reason"):
        plan_offboarding(groups, account_ids=ids, reason=number)


@pytest.mark.parametrize(
    ("answer", "outcome", "left"),
    [(Answer(429, {"Retry-After": "3600"}), Outcome.UNKNOWN, 1), (Answer(400, {}), Outcome.REMOVED, 0)],
)
def test_a_lost_response_counts_even_if_a_retry_was_answered(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, outcome: Outcome, left: int
) -> None:
    """The server makes a removal, its response is lost, and its retry gets an error."""

    class RefusingClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            if seconds and sandbox.faults.drop_after:
                sandbox.faults = Faults()
                sandbox.answer_next(answer)
            super().sleep(seconds)

    ids = team(sandbox)
    true_remove = ConfluenceGroups.remove_member

    def remove(self: ConfluenceGroups, *, group_id: str, account_id: str) -> None:
        sandbox.faults = Faults(drop_after=1)
        true_remove(self, group_id=group_id, account_id=account_id)

    clock = RefusingClock()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:1])
        with client(sandbox, clock=clock) as unlucky, monkeypatch.context() as patched:
            patched.setattr(ConfluenceGroups, "remove_member", remove)
            report = apply(unlucky, plan, journal=path, clock=clock)
        assert ids[0] not in members(sandbox)
        assert report.counts == {outcome: 1}
        assert len(report.unfinished) == len(read_journal(path).in_doubt) == left
        again = apply(groups, plan, journal=path)
        assert len(again.results) == left
        (result,) = again.results or again.done_before
        assert (result.outcome, result.settled) == (Outcome.REMOVED, True)
        assert [change.account_id for change in undo(groups, path).changes] == [ids[0]]


def test_the_hash_in_the_report_reveals_an_edit_of_the_last_line(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        report = apply(groups, removals(groups, ids[:1]), journal=path)
        assert len(undo(groups, path, expect_hash=report.journal_hash).changes) == 1
        path.write_bytes(path.read_bytes().replace(b"REMOVED", b"FAILED"))
        with pytest.raises(JournalError, match="it was edited or cut"):
            undo(groups, path, expect_hash=report.journal_hash)


def test_a_resumed_run_verifies_its_journal_once(sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 results take 4 seconds."""
    verified: list[int] = []

    def verify(name: str, data: bytes) -> Any:
        verified.append(len(data))
        return verify_chain(name, data)

    with client(sandbox) as groups:
        plan = removals(groups, team(sandbox)[:20])
        write_journal_in_doubt(plan, path, plan.changes[:5])
        monkeypatch.setattr(journal_format, "verify_chain", verify)
        done = path.stat().st_size
        apply(groups, plan, journal=path)
        assert verified == [done]
        assert len(undo(groups, path).changes) == 20


def test_a_journal_that_another_run_finishes_meanwhile_is_read_again(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_user = ConfluenceGroups.current_user

    def finish_elsewhere(groups: ConfluenceGroups) -> User:
        with monkeypatch.context() as patch:
            patch.setattr(ConfluenceGroups, "current_user", read_user)
            apply(groups, plan, journal=path)
        return read_user(groups)

    with client(sandbox) as groups:
        plan = removals(groups, team(sandbox)[:20])
    write_journal_in_doubt(plan, path, plan.changes[:5])
    monkeypatch.setattr(ConfluenceGroups, "current_user", finish_elsewhere)
    with client(sandbox) as groups:  # which does not know its caller yet
        report = apply(groups, plan, journal=path)
    assert report.already_complete
    assert len(report.done_before) == 20
    assert len(report.earlier_runs) == 2
    assert len(writes(sandbox)) == 20


def test_ctrl_c_while_verifying_ends_the_run_in_order(sandbox: Sandbox, path: Path) -> None:
    class InterruptedClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            raise KeyboardInterrupt

    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:2])
        report = apply(groups, plan, journal=path, verify=True, clock=InterruptedClock())
    assert (report.interrupted, report.unfinished) == (True, ())
    assert set(report.unverified) == set(plan.changes)


def test_a_device_is_rejected_as_a_journal(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups, pytest.raises(JournalError, match="must be a file"):
        apply(groups, removals(groups, ids[:1]), journal="/dev/zero")
    assert not Path("/dev/zero.lock").exists()


def test_the_last_admin_stays_although_the_removal_is_in_doubt(sandbox: Sandbox, path: Path) -> None:
    (old,), (new,) = people(sandbox, 1), people(sandbox, 1, first=900)
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"admin"})), [old])
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[new])
        write_journal_in_doubt(plan, path, plan.changes)
        sandbox.directory.remove_person(new)
        report = apply(groups, plan, journal=path)
    assert [result.outcome for result in report.results] == [Outcome.FAILED, Outcome.REFUSED]
    assert members(sandbox) == [old]
