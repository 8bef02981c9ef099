"""Plans work for groups with members whom Confluence does not identify, and say how many they leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from membership_fakes import TEAM, client, members, removals, team

from confluence_groups_sdk.membership import (
    Action,
    Guards,
    Outcome,
    Plan,
    apply,
    check_change,
    plan_offboarding,
    plan_removals,
    plan_sync,
    rehearse,
    undo,
)
from confluence_groups_sdk.membership.planning.reading.group_reader import read_live
from confluence_groups_sdk.sandbox import Group, Sandbox
from confluence_groups_sdk.sandbox.operations import Operations

ODD: list[Any] = [None, {"type": "unknown", "accountId": ""}, {"type": "known"}]


@pytest.fixture
def unidentified(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a set of account ids to which tests add: the sandbox lists these members without their account ids."""
    hidden: set[str] = set()
    answer = Operations._page

    def hide(self: Operations, request: Any, path: str, items: Any, render: Any, **options: Any) -> Any:
        def render_some(item: Any) -> Any:
            account_id = getattr(item, "account_id", None)
            return ODD[sorted(hidden).index(account_id) % len(ODD)] if account_id in hidden else render(item)

        return answer(self, request, path, items, render_some, **options)

    monkeypatch.setattr(Operations, "_page", hide)
    return hidden


def notes(plan: Plan) -> list[str]:
    return [note for note in plan.notes if "account ids" in note]


def test_a_plan_is_made_and_counts_whom_it_leaves_out(sandbox: Sandbox, unidentified: set[str], tmp_path: Path) -> None:
    ids = team(sandbox)
    unidentified.update(ids[10:13])
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        assert len(plan.changes) == 3
        assert plan.groups[0].members == 37
        (note,) = notes(plan)
        assert note == "unknown: the account ids of 3 members (3 of Team), which the server did not send; they stay"
        plan.save(tmp_path / "plan.json")
        assert Plan.load(tmp_path / "plan.json").notes == plan.notes
        assert len(rehearse(groups, plan).unfinished) == 3
        assert apply(groups, plan, journal=tmp_path / "journal").counts == {Outcome.REMOVED: 3}
        back = undo(groups, tmp_path / "journal")
        assert len(back.changes) == 3
        assert len(notes(back)) == 1
    assert members(sandbox) == ids[3:]


def test_all_groups_that_were_read_are_counted(sandbox: Sandbox, unidentified: set[str]) -> None:
    ids = team(sandbox)
    sandbox.directory.add_group(Group("other", "Other"), ids)
    sandbox.directory.add_group(Group("small", "Small"), ids[:2])
    unidentified.update(ids[10:12])
    with client(sandbox) as groups:
        plan = plan_removals(groups, [(TEAM, ids[0]), ("other", ids[1]), ("small", ids[1])])
        assert "4 members (2 of Team, 2 of Other)" in notes(plan)[0]
        nothing = plan_sync(groups, group_id="other", account_ids=[*ids[:10], *ids[12:]])
        assert nothing.changes == ()
        assert "2 members (2 of Other)" in notes(nothing)[0]


def test_groups_without_unidentified_members_have_no_note(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert notes(removals(groups, ids[:3])) == []


def test_an_unidentified_member_is_found_by_their_own_list_of_groups(
    sandbox: Sandbox, unidentified: set[str], tmp_path: Path
) -> None:
    ids = team(sandbox)
    sandbox.directory.add_group(Group("other", "Other"), ids[:9])
    unidentified.update(ids[:2])
    with client(sandbox) as groups:
        plan = removals(groups, ids[:1])
        assert [change.account_id for change in plan.changes] == ids[:1]
        leaving = plan_offboarding(groups, account_ids=[ids[1]])
        assert {change.group_id for change in leaving.changes} == {TEAM, "other"}
        assert apply(groups, plan, journal=tmp_path / "1").counts == {Outcome.REMOVED: 1}
        assert apply(groups, leaving, journal=tmp_path / "2", on_drift="continue").counts == {Outcome.REMOVED: 2}
    assert members(sandbox) == ids[2:]


def test_a_member_who_is_no_longer_identified_is_still_removed(
    sandbox: Sandbox, unidentified: set[str], tmp_path: Path
) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        unidentified.update(ids[:2])
        assert apply(groups, plan, journal=tmp_path / "journal").counts == {Outcome.REMOVED: 3}
    assert members(sandbox) == ids[3:]


def test_drift_ignores_unidentified_members(sandbox: Sandbox, unidentified: set[str], tmp_path: Path) -> None:
    ids = team(sandbox)
    unidentified.add(ids[39])
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        sandbox.directory.remove_member(TEAM, ids[39])
        assert apply(groups, plan, journal=tmp_path / "journal").counts == {Outcome.REMOVED: 3}


# --- guards


def test_an_unidentified_member_is_no_remaining_admin(sandbox: Sandbox, unidentified: set[str]) -> None:
    ids = team(sandbox, 3)
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"admin"})), ids)
    unidentified.add(ids[2])
    with client(sandbox) as groups:
        plan = plan_removals(groups, [(TEAM, each) for each in ids[:2]])
        assert [refused.guard for refused in plan.refused] == ["last_admin"] * 2
        group, user = groups.get_group(group_id=TEAM), groups.get_user(account_id=ids[0])
        assert check_change(groups, Action.REMOVE, group, user, Guards()).refusal is None, "another one is left"
        unidentified.add(ids[1])
        refusal = check_change(groups, Action.REMOVE, group, user, Guards()).refusal
        assert refusal is not None
        assert refusal.guard == "last_admin"


def test_unidentified_members_do_not_raise_the_number_of_allowed_removals(
    sandbox: Sandbox, unidentified: set[str]
) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert len(plan_removals(groups, [(TEAM, each) for each in ids[:20]]).changes) == 20, "half of 40"
        unidentified.update(ids[38:])
        plan = plan_removals(groups, [(TEAM, each) for each in ids[:20]])
        assert [refused.guard for refused in plan.refused] == ["max_fraction"] * 20
        assert "20 of 38 members" in plan.refused[0].why


# --- for callers that read groups


def test_snapshots_have_the_number(sandbox: Sandbox, unidentified: set[str]) -> None:
    ids = team(sandbox)
    sandbox.directory.add_group(Group("other", "Other"), ids[:5])
    unidentified.update(ids[3:7])
    with client(sandbox) as groups:
        live = read_live(groups, {each: groups.get_group(group_id=each) for each in (TEAM, "other")})
        found = {group_id: snapshot for group_id, snapshot in live if snapshot}
    assert {group_id: snapshot.unidentified for group_id, snapshot in found.items()} == {TEAM: 4, "other": 2}
