from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from confluence_groups_sdk import APIConnectionError, ApiToken, ConfluenceGroups, DriftError, JournalError, PlanError
from confluence_groups_sdk.membership import Guards, Outcome, Plan, StopReason, apply, plan_removals, rehearse
from confluence_groups_sdk.sandbox import Sandbox

GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
READER = "608a9b555426330072f9867d"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as admin:
        yield admin


@pytest.fixture
def plan(groups: ConfluenceGroups) -> Plan:
    return plan_removals(groups, [(GROUP, READER), (GROUP, CHIARA)])


def writes(sandbox: Sandbox) -> list[str]:
    return [seen.method for seen in sandbox.requests if seen.method != "GET"]


def test_a_rehearsal_reports_the_changes_and_sends_nothing(
    groups: ConfluenceGroups, sandbox: Sandbox, plan: Plan
) -> None:
    report = rehearse(groups, plan)
    assert report.unfinished == plan.changes
    assert (report.results, report.interrupted) == ((), False)
    assert report.stop is not None
    assert report.stop.reason is StopReason.REHEARSED
    assert not writes(sandbox)


def test_a_rehearsal_creates_no_journal(groups: ConfluenceGroups, plan: Plan, tmp_path: Path) -> None:
    rehearse(groups, plan, journal=tmp_path / "a.journal")
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_continues_a_journal_without_changing_it(
    groups: ConfluenceGroups, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "a.journal"
    remove = ConfluenceGroups.remove_member

    def fail_without_response(self: ConfluenceGroups, *, group_id: str, account_id: str) -> None:
        if account_id == CHIARA:
            raise APIConnectionError("no answer")
        remove(self, group_id=group_id, account_id=account_id)

    with monkeypatch.context() as broken:
        broken.setattr(ConfluenceGroups, "remove_member", fail_without_response)
        report = apply(groups, plan, journal=journal)
    assert [change.account_id for change in report.unfinished] == [CHIARA]
    before = journal.read_bytes()
    rehearsed = rehearse(groups, plan, journal=journal)
    assert rehearsed.unfinished == report.unfinished
    assert rehearsed.results == ()
    assert rehearsed.done_before == tuple(each for each in report.results if each.final)
    assert journal.read_bytes() == before


def test_a_rehearsal_accepts_an_empty_journal(groups: ConfluenceGroups, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "a.journal").touch()
    assert rehearse(groups, plan, journal=tmp_path / "a.journal").unfinished == plan.changes


def test_a_rehearsal_refuses_drift_or_continues(groups: ConfluenceGroups, sandbox: Sandbox, plan: Plan) -> None:
    sandbox.directory.remove_member(GROUP, READER)
    with pytest.raises(DriftError):
        rehearse(groups, plan)
    report = rehearse(groups, plan, on_drift="continue")
    assert [(each.change.account_id, each.outcome) for each in report.results] == [(READER, Outcome.NOT_A_MEMBER)]
    assert [each.account_id for each in report.unfinished] == [CHIARA]


def test_a_rehearsal_evaluates_the_guards_now(groups: ConfluenceGroups, sandbox: Sandbox, plan: Plan) -> None:
    person = sandbox.directory.people[READER]
    sandbox.directory.add_person(evolve(person, account_type="app"))
    report = rehearse(groups, plan, on_drift="continue")
    assert [(each.change.account_id, each.outcome) for each in report.results] == [(READER, Outcome.REFUSED)]


def test_a_rehearsal_rejects_the_wrong_plan_or_journal(groups: ConfluenceGroups, plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        rehearse(groups, plan, expect_digest="0" * 64)
    other = plan_removals(groups, [(GROUP, READER)], guards=Guards(max_removals=1))
    apply(groups, other, journal=tmp_path / "other.journal")
    with pytest.raises(JournalError, match="another plan"):
        rehearse(groups, plan, journal=tmp_path / "other.journal")
