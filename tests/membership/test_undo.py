from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import evolve
from membership_fakes import TEAM, client, members, people, removals, team, writes

from confluence_groups_sdk import JournalError, PlanError
from confluence_groups_sdk.membership import Action, Guards, Outcome, Plan, Result, apply, plan_sync, read_journal, undo
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.sandbox import Sandbox

NOW = "2026-11-24T08:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_undo_plans_the_reverse_changes(sandbox: Sandbox, path: Path, tmp_path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 3, first=900)
    with client(sandbox) as groups:
        apply(groups, plan_sync(groups, group_id=TEAM, account_ids=[*ids[10:], *joining]), journal=path)
        before = len(writes(sandbox))
        back = undo(groups, path)
        assert len(writes(sandbox)) == before, "undo changes nothing"
        assert {(change.action, change.account_id) for change in back.changes} == {
            *((Action.ADD, each) for each in ids[:10]),
            *((Action.REMOVE, each) for each in joining),
        }
        assert back.asked.startswith("undo the changes applied since ")
        assert Plan.from_json(back.as_json()) == back
        apply(groups, back, journal=tmp_path / "back")
        assert set(members(sandbox)) == set(ids)
        apply(groups, undo(groups, tmp_path / "back"), journal=tmp_path / "again")
    assert set(members(sandbox)) == {*ids[10:], *joining}


def test_undo_reverses_only_changes_that_were_made(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:4])
        sandbox.directory.remove_member(TEAM, ids[0])  # by another admin
        apply(groups, plan, journal=path, on_drift="continue")
        assert [change.account_id for change in undo(groups, path).changes] == ids[1:4]


def test_undo_does_not_list_all_groups_to_find_one(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:2]), journal=path)
        before = len(sandbox.requests)
        assert len(undo(groups, path).changes) == 2
    addresses = [urlsplit(seen.target) for seen in sandbox.requests[before:]]
    assert not [each for each in addresses if each.path.endswith("/group") and "accessType" not in each.query]


def test_undo_skips_memberships_that_others_have_changed(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        apply(groups, plan_sync(groups, group_id=TEAM, account_ids=[*ids[3:], *joining]), journal=path)
        sandbox.directory.add_member(TEAM, ids[0])
        sandbox.directory.remove_member(TEAM, joining[0])
        back = undo(groups, path)
        assert {change.account_id for change in back.changes} == {ids[1], ids[2], joining[1]}
        assert {each.change.account_id: each.why for each in back.skipped} == {
            ids[0]: "somebody has changed this since: is a member again",
            joining[0]: "somebody has changed this since: is no longer a member",
        }
        sandbox.directory.delete_group(TEAM)
        gone = undo(groups, path)
    assert gone.changes == ()
    assert {each.why for each in gone.skipped} == {"the group no longer exists"}


def test_undo_shows_settled_changes_and_skips_changes_in_doubt(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        with open_journal(path, plan, by="me", now=NOW) as journal:
            journal.begin()
            journal.intend(plan.changes)
            sure, lost = (Result(change=each, outcome=Outcome.REMOVED) for each in plan.changes[:2])
            journal.record([sure, evolve(lost, settled=True)])
        for account_id in ids[:2]:
            sandbox.directory.remove_member(TEAM, account_id)
        back = undo(groups, path)
    assert [change.reason for change in back.changes] == [
        "removed",
        "removed, perhaps by somebody else: the response was lost",
    ]
    assert [(each.change.account_id, each.why) for each in back.skipped] == [
        (ids[2], "unknown whether this change was made: resume the journal first")
    ]


def test_undo_evaluates_the_guards(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids, *joining], mode="add-only")
        apply(groups, plan, journal=path)
        back = undo(groups, path, guards=Guards(protected_accounts=joining[:1]))
    assert [change.account_id for change in back.changes] == joining[1:]
    assert [each.guard for each in back.refused] == ["protected_account"]


def test_undo_rejects_a_journal_of_another_site(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups, Sandbox() as other, client(other) as elsewhere:
        apply(groups, removals(groups, ids[:3]), journal=path)
        with pytest.raises(PlanError, match="another site"):
            undo(elsewhere, path)
        with pytest.raises(JournalError, match="cannot be read"):
            undo(groups, path.with_name("nothing"))


# --- changes that an earlier run left in doubt


def write_journal_in_doubt(path: Path, plan: Plan) -> None:
    with open_journal(path, plan, by="me", now=NOW) as journal:
        journal.begin()
        journal.intend(plan.changes)


def test_removals_in_doubt_are_sent_again(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:2])
        write_journal_in_doubt(path, plan)
        sandbox.directory.remove_member(TEAM, ids[0])  # this one was made
        report = apply(groups, plan, journal=path)
    assert [(each.outcome, each.settled) for each in report.results] == [(Outcome.REMOVED, True)] * 2
    assert writes(sandbox) == ["DELETE", "DELETE"]


def test_additions_in_doubt_are_looked_up(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids, *joining])
        write_journal_in_doubt(path, plan)
        sandbox.directory.add_member(TEAM, joining[0])
        report = apply(groups, plan, journal=path)
    assert [(each.outcome, each.settled) for each in report.results] == [(Outcome.ADDED, True)] * 2
    assert writes(sandbox) == ["POST"]


def test_changes_stay_in_doubt_after_a_stopped_run(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:2])
        write_journal_in_doubt(path, plan)
        for account_id in ids[:2]:
            sandbox.directory.remove_member(TEAM, account_id)
        sandbox.directory.people[sandbox_admin(sandbox)] = evolve(
            sandbox.directory.people[sandbox_admin(sandbox)], is_site_admin=False
        )
        assert "403" in (apply(groups, plan, journal=path).stopped or "")
        assert len(read_journal(path).in_doubt) == 2
        sandbox.directory.people[sandbox_admin(sandbox)] = evolve(
            sandbox.directory.people[sandbox_admin(sandbox)], is_site_admin=True
        )
        report = apply(groups, plan, journal=path)
    assert [(each.outcome, each.settled) for each in report.results] == [(Outcome.REMOVED, True)] * 2


def sandbox_admin(sandbox: Sandbox) -> str:
    return next(each.account_id for each in sandbox.directory.people.values() if each.email == sandbox.admin.email)
