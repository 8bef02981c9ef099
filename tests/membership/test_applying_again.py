"""Applying a plan again with its journal: a report claims what this run did, and shows earlier runs separately."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from membership_fakes import OPEN, TEAM, client, entries, members, people, removals, team, writes

from confluence_groups_sdk import (
    ApiToken,
    ConfluenceGroups,
    DriftError,
    JournalError,
    NotFoundError,
    PlanError,
    RateLimitError,
)
from confluence_groups_sdk.membership import (
    Change,
    Outcome,
    Plan,
    Progress,
    RecordedRun,
    Report,
    Result,
    Stop,
    StopReason,
    apply,
    plan_sync,
    read_journal,
    read_report,
    rehearse,
    undo,
)
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.sandbox import Group, Sandbox

BEGAN_AT = "2027-01-15T08:00:00Z"  # by FakeClock
LATER_AT = "2027-01-15T08:01:40Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    with client(sandbox) as admin:
        yield admin


class OneWorker(Executor):
    """Runs this number of calls, one after the other, and accepts no more."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self.calls:
            raise RuntimeError("no more work")
        self.calls -= 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def outcomes(results: tuple[Result, ...]) -> dict[str, Outcome]:
    return {result.change.account_id: result.outcome for result in results}


def ids_of(changes: tuple[Change, ...]) -> list[str]:
    return [change.account_id for change in changes]


def test_finished_plan_applied_again_claims_nothing(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:31])
    first = apply(groups, plan, journal=path, clock=FakeClock())
    assert (first.counts, first.done_before, first.earlier_runs) == ({Outcome.REMOVED: 31}, (), ())
    assert not first.already_complete
    back = undo(groups, path, guards=OPEN)
    assert apply(groups, back, journal=path.with_suffix(".back")).counts == {Outcome.ADDED: 31}
    before, data = len(sandbox.requests), path.read_bytes()
    again = apply(groups, plan, journal=path, verify=True)
    assert sorted(members(sandbox)) == sorted(ids)
    assert (again.results, again.counts, again.unfinished, again.unverified) == ((), {}, (), ())
    assert outcomes(again.done_before) == dict.fromkeys(ids[:31], Outcome.REMOVED)
    assert again.counts_before == {Outcome.REMOVED: 31}
    assert again.already_complete
    assert (again.stop, again.interrupted) == (None, False)
    admin = groups.current_user()
    assert again.earlier_runs == (RecordedRun(began_at=BEGAN_AT, by=admin.account_id, by_name=admin.display_name),)
    assert again.journal_hash == first.journal_hash
    assert len(sandbox.requests) - before == 1, "nothing was sent or read, except by this test"
    assert path.read_bytes() == data, "the journal is unchanged"
    assert str(again) == (
        f"already applied on {BEGAN_AT} by {admin.display_name} ({admin.account_id}); nothing was sent; "
        f"make a new plan; earlier outcomes: REMOVED 31; journal {first.journal_hash}"
    )


def test_finished_plan_is_reported_without_valid_credentials(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path
) -> None:
    plan = removals(groups, team(sandbox)[:2])
    apply(groups, plan, journal=path)
    with client(sandbox, auth=ApiToken("nobody@example.com", "expired")) as nobody:
        assert apply(nobody, plan, journal=path).already_complete
        assert rehearse(nobody, plan, journal=path).already_complete


def test_finished_plan_is_still_checked(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan, other = removals(groups, ids[:2]), removals(groups, ids[2:4])
    apply(groups, plan, journal=path)
    with pytest.raises(PlanError, match="not the approved plan"):
        apply(groups, plan, journal=path, expect_digest="0" * 64)
    with pytest.raises(ValueError, match="stop_after_failures"):
        apply(groups, plan, journal=path, stop_after_failures=0)
    with ConfluenceGroups("http://127.0.0.1:9", auth=ApiToken(*sandbox.admin)) as elsewhere:
        with pytest.raises(PlanError, match="another site"):
            apply(elsewhere, plan, journal=path)
        with pytest.raises(PlanError, match="another site"):
            rehearse(elsewhere, plan, journal=path)
    with pytest.raises(JournalError, match="another plan"):
        apply(groups, other, journal=path)
    path.write_bytes(path.read_bytes().replace(b"intents", b"Intents"))
    with pytest.raises(JournalError, match="is damaged"):
        apply(groups, plan, journal=path)


def test_finished_plan_is_reported_from_an_archive(sandbox: Sandbox, groups: ConfluenceGroups, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    plan = removals(groups, team(sandbox)[:2])
    apply(groups, plan, journal=folder / "journal")
    for file in folder.iterdir():
        if file.name != "journal":
            file.unlink()
    assert apply(groups, plan, journal=folder / "journal").already_complete
    assert [file.name for file in folder.iterdir()] == ["journal"], "no lock file was made"


def test_resumed_run_reports_only_its_own_results(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:31])
    stopped = apply(groups, plan, journal=path, executor=OneWorker(13), clock=FakeClock())
    assert (stopped.counts, len(stopped.unfinished)) == ({Outcome.REMOVED: 13}, 18)
    clock = FakeClock()
    clock.sleep(100)
    report = apply(groups, plan, journal=path, clock=clock)
    assert report.counts == {Outcome.REMOVED: 18}
    assert [result.change for result in report.done_before] == list(plan.changes[:13])
    assert [result.change for result in report.results] == list(plan.changes[13:])
    assert report.unfinished == ()
    assert not report.already_complete
    assert [run.began_at for run in report.earlier_runs] == [BEGAN_AT]
    assert str(report) == f"18 REMOVED; 13 done by earlier runs (REMOVED 13); journal {report.journal_hash}"
    again = apply(groups, plan, journal=path)
    assert [run.began_at for run in again.earlier_runs] == [BEGAN_AT, LATER_AT]
    assert f"already applied on {LATER_AT} by " in str(again), "the last run finished it"
    assert len(writes(sandbox)) == 31


def test_each_run_is_recorded_with_its_user(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    plan = removals(groups, team(sandbox)[:3])
    with open_journal(path, plan, by="first", now=BEGAN_AT) as journal:
        journal.begin()
        journal.record([Result(change=plan.changes[0], outcome=Outcome.REMOVED)])
    with open_journal(path, plan, by="idle", now="2027-01-15T09:00:00Z") as journal:
        journal.begin()
    apply(groups, plan, journal=path, on_drift="continue", clock=FakeClock())
    user = groups.current_user()
    assert read_journal(path).runs == (
        RecordedRun(began_at=BEGAN_AT, by="first"),
        RecordedRun(began_at=BEGAN_AT, by=user.account_id, by_name=user.display_name),
    ), "a run that recorded nothing is not named"
    assert read_journal(path).began_at == BEGAN_AT
    assert sum("run" in entry for entry in entries(path)) == 1


@pytest.mark.parametrize(
    "run",
    [
        '{"by":"y","by_name":null}',
        '{"began_at":"x","by":"","by_name":null}',
        '{"began_at":"x","by":"y","by_name":null,"more":1}',
        "[]",
    ],
)
def test_damaged_run_is_detected(sandbox: Sandbox, groups: ConfluenceGroups, path: Path, run: str) -> None:
    plan = removals(groups, team(sandbox)[:2])
    apply(groups, plan, journal=path, executor=OneWorker(1))
    apply(groups, plan, journal=path)
    head, _, last = path.read_text(encoding="utf-8").rstrip("\n").rpartition("\n")
    entry = json.loads(last)
    entry["run"] = json.loads(run)
    path.write_text(f"{head}\n{json.dumps(entry)}\n", encoding="utf-8")
    with pytest.raises(JournalError, match="is damaged"):
        read_journal(path)


def test_change_that_was_tried_again_belongs_to_this_run(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:3])
    with monkeypatch.context() as broken:
        refuse(broken, ids[1], RateLimitError("429 Too Many Requests", status_code=429))
        first = apply(groups, plan, journal=path)
    assert outcomes(first.results) == {ids[0]: Outcome.REMOVED, ids[1]: Outcome.FAILED, ids[2]: Outcome.REMOVED}
    assert ids_of(first.unfinished) == [ids[1]]
    second = apply(groups, plan, journal=path)
    assert outcomes(second.results) == {ids[1]: Outcome.REMOVED}
    assert outcomes(second.done_before) == {ids[0]: Outcome.REMOVED, ids[2]: Outcome.REMOVED}


def refuse(patch: pytest.MonkeyPatch, account_id: str, error: Exception) -> None:
    """Make the removal of one account fail."""
    remove = ConfluenceGroups.remove_member

    def fail(self: ConfluenceGroups, **ids: str) -> None:
        if ids["account_id"] == account_id:
            raise error
        remove(self, **ids)

    patch.setattr(ConfluenceGroups, "remove_member", fail)


def test_temporary_failure_that_was_not_tried_again_is_neither_claimed_nor_lost(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:3])
    with monkeypatch.context() as broken:
        refuse(broken, ids[1], RateLimitError("429 Too Many Requests", status_code=429))
        apply(groups, plan, journal=path)
    report = apply(groups, plan, journal=path, executor=OneWorker(0))
    assert (report.results, ids_of(report.unfinished)) == ((), [ids[1]])
    assert outcomes(report.done_before) == {ids[0]: Outcome.REMOVED, ids[2]: Outcome.REMOVED}
    assert not report.already_complete
    assert str(report).startswith("nothing done; 2 done by earlier runs (REMOVED 2); 1 left to do; stopped: ")


def test_failures_of_earlier_runs_do_not_stop_this_run(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:4])
    with monkeypatch.context() as broken:
        refuse(broken, ids[0], ValueError("no"))
        first = apply(groups, plan, journal=path, executor=OneWorker(4), stop_after_failures=1)
        assert first.stop is not None
        left = len(first.unfinished)
    report = apply(groups, plan, journal=path, stop_after_failures=1)
    assert (report.stop, report.counts[Outcome.FAILED], report.counts_before[Outcome.FAILED]) == (None, 0, 1)
    assert report.counts[Outcome.REMOVED] == left


def test_journal_with_failures_alone_is_complete_too(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    plan = removals(groups, team(sandbox)[:3])
    sandbox.directory.delete_group(TEAM)
    assert apply(groups, plan, journal=path, on_drift="continue").counts == {Outcome.FAILED: 3}
    again = apply(groups, plan, journal=path)
    assert again.already_complete
    assert (again.counts, again.counts_before) == ({}, {Outcome.FAILED: 3})
    assert [result.error for result in again.done_before] == ["the group no longer exists"] * 3
    assert "earlier outcomes: FAILED 3" in str(again)


def test_verifying_a_resumed_run_covers_earlier_runs(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:5])
    apply(groups, plan, journal=path, executor=OneWorker(2))
    sandbox.directory.add_member(TEAM, ids[0])  # by another admin, or by an undo
    report = apply(groups, plan, journal=path, verify=True, clock=FakeClock())
    assert ids_of(report.unverified) == [ids[0]]
    assert ids[0] not in outcomes(report.results)


def test_progress_of_a_resumed_run_counts_what_is_left(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    plan = removals(groups, team(sandbox)[:31])
    apply(groups, plan, journal=path, executor=OneWorker(13))
    seen: list[Progress] = []
    apply(groups, plan, journal=path, on_progress=seen.append)
    assert {each.total for each in seen if each.phase == "removing"} == {18}
    seen.clear()
    apply(groups, plan, journal=path, on_progress=seen.append)
    assert seen == []


def test_rehearsal_separates_earlier_runs_too(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:31])
    apply(groups, plan, journal=path, executor=OneWorker(13))
    sandbox.directory.remove_member(TEAM, ids[30])
    rehearsed = rehearse(groups, plan, journal=path, on_drift="continue")
    assert (len(rehearsed.done_before), len(rehearsed.unfinished)) == (13, 17)
    assert outcomes(rehearsed.results) == {ids[30]: Outcome.NOT_A_MEMBER}
    assert len(rehearsed.earlier_runs) == 1
    apply(groups, plan, journal=path, on_drift="continue")
    before = len(sandbox.requests)
    rehearsed = rehearse(groups, plan, journal=path)
    assert (rehearsed.already_complete, rehearsed.results, rehearsed.unfinished) == (True, (), ())
    assert rehearsed.stop == Stop(reason=StopReason.REHEARSED)
    assert len(sandbox.requests) == before, "nothing was read"


def test_report_is_read_from_the_journal_alone(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    plan = removals(groups, team(sandbox)[:31])
    new = read_report(plan, path)
    assert (new.done_before, new.earlier_runs, new.unfinished) == ((), (), plan.changes)
    path.touch()
    assert read_report(plan, path).unfinished == plan.changes
    apply(groups, plan, journal=path, executor=OneWorker(13))
    part = read_report(plan, path)
    assert (len(part.done_before), len(part.unfinished), part.results, part.stop) == (13, 18, (), None)
    assert part.journal_hash == read_journal(path).last_hash
    with pytest.raises(JournalError, match="another plan"):
        read_report(removals(groups, []), path)


@pytest.mark.parametrize("kind", ["a folder", "a pipe"])
def test_only_a_file_is_read_as_a_journal(sandbox: Sandbox, groups: ConfluenceGroups, path: Path, kind: str) -> None:
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    plan = removals(groups, team(sandbox)[:2])
    with pytest.raises(JournalError, match="must be a file"):
        read_report(plan, path)
    with pytest.raises(JournalError, match="must be a file"):
        rehearse(groups, plan, journal=path)


def test_journal_is_created_where_a_link_leads(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, tmp_path: Path
) -> None:
    path.symlink_to(tmp_path / "target")
    plan = removals(groups, team(sandbox)[:2])
    assert apply(groups, plan, journal=path).counts == {Outcome.REMOVED: 2}
    assert apply(groups, plan, journal=tmp_path / "target").already_complete


def test_saved_report_shows_earlier_runs_separately(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, tmp_path: Path
) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:3])
    apply(groups, plan, journal=path, executor=OneWorker(1), clock=FakeClock())
    apply(groups, plan, journal=path, clock=FakeClock()).save(tmp_path / "resumed.json")
    apply(groups, plan, journal=path).save(tmp_path / "again.json")
    resumed, again = (json.loads((tmp_path / name).read_bytes()) for name in ("resumed.json", "again.json"))
    user = groups.current_user()
    run = {"began_at": BEGAN_AT, "by": user.account_id, "by_name": user.display_name}
    assert (resumed["counts"]["REMOVED"], resumed["counts_before"]["REMOVED"]) == (2, 1)
    assert [each["change"]["account_id"] for each in resumed["done_before"]] == ids[:1]
    assert [each["change"]["account_id"] for each in resumed["results"]] == ids[1:3]
    assert (resumed["already_complete"], resumed["earlier_runs"]) == (False, [run])
    assert (again["counts"]["REMOVED"], again["counts_before"]["REMOVED"], again["results"]) == (0, 3, [])
    assert (again["already_complete"], again["earlier_runs"]) == (True, [run, run])


def test_plan_without_changes_is_not_already_applied(groups: ConfluenceGroups, path: Path) -> None:
    plan = removals(groups, [])
    for _ in range(2):
        report = apply(groups, plan, journal=path)
        assert not report.already_complete
        assert str(report).startswith("nothing to do; journal")


def test_drift_of_a_resumed_run_is_still_refused(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:5])
    apply(groups, plan, journal=path, executor=OneWorker(2))
    data = path.read_bytes()
    sandbox.directory.remove_member(TEAM, ids[30])
    with pytest.raises(DriftError):
        apply(groups, plan, journal=path)
    assert path.read_bytes() == data, "a run that was refused is not recorded"


def test_last_admin_stays_on_a_resumed_run(sandbox: Sandbox, groups: ConfluenceGroups, path: Path) -> None:
    (old,), (new,) = people(sandbox, 1), people(sandbox, 1, first=900)
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"admin"})), [old])
    plan = plan_sync(groups, group_id=TEAM, account_ids=[new])
    apply(groups, plan, journal=path, executor=OneWorker(1))
    sandbox.directory.remove_member(TEAM, new)
    report = apply(groups, plan, journal=path, on_drift="continue")
    assert outcomes(report.done_before) == {new: Outcome.ADDED}
    assert outcomes(report.results) == {old: Outcome.REFUSED}
    assert members(sandbox) == [old]


def test_report_of_an_older_version_has_no_earlier_runs() -> None:
    report = Report(
        results=(),
        unfinished=(),
        stop=None,
        interrupted=False,
        unverified=(),
        plan_digest="0" * 64,
        journal_hash="1" * 64,
    )
    assert (report.done_before, report.earlier_runs, report.already_complete) == ((), (), False)


def test_unknown_user_is_shown_by_account_id() -> None:
    assert str(RecordedRun(began_at=BEGAN_AT, by="712020:a")) == f"{BEGAN_AT} by 712020:a"
    assert str(RecordedRun(began_at=BEGAN_AT, by="712020:a", by_name="Ada")) == f"{BEGAN_AT} by Ada (712020:a)"


def test_journal_that_another_process_finished_meanwhile_is_not_claimed(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: Plan = removals(groups, team(sandbox)[:3])
    current_user = ConfluenceGroups.current_user

    def finish_and_answer(self: ConfluenceGroups) -> Any:
        monkeypatch.setattr(ConfluenceGroups, "current_user", current_user)
        apply(groups, plan, journal=path)
        return current_user(self)

    monkeypatch.setattr(ConfluenceGroups, "current_user", finish_and_answer)
    with client(sandbox) as another:  # which does not know its caller yet
        report = apply(another, plan, journal=path)
    assert (report.already_complete, report.results, len(report.earlier_runs)) == (True, (), 1)
    assert len(writes(sandbox)) == 3


@pytest.mark.parametrize("error", [NotFoundError("404 Not Found", status_code=404)])
def test_finished_plan_with_mixed_outcomes_shows_all_of_them(
    sandbox: Sandbox, groups: ConfluenceGroups, path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ids = team(sandbox)
    plan = removals(groups, ids[:3])
    with monkeypatch.context() as broken:
        refuse(broken, ids[1], error)
        apply(groups, plan, journal=path)
    again = apply(groups, plan, journal=path)
    assert "earlier outcomes: REMOVED 2, NOT_A_MEMBER 1" in str(again)
