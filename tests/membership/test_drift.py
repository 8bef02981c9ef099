"""What has changed since a plan was made, in words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from confluence_groups_sdk import Group
from confluence_groups_sdk.membership import Action, Change, Plan, PlannedGroup
from confluence_groups_sdk.membership.execution.drift import differences
from confluence_groups_sdk.membership.planning.snapshot import GroupSnapshot, Member, members_digest

OTHERS = ("cy", "di", "ed")
NAMES = {"ann": "Ann", "bob": None, **dict.fromkeys(OTHERS), "fay": "Fay", "gus": None}
LEAVES = Change(action=Action.REMOVE, group_id="g", group_name="Team", account_id="ann", display_name="Ann")
JOINS = Change(action=Action.ADD, group_id="g", group_name="Team", account_id="bob")
PLAN = Plan(
    site="your-domain.atlassian.net",
    made_at="2026-11-24T08:00:00Z",
    made_by="me",
    asked="nothing",
    groups=(
        PlannedGroup(
            id="g", name="Team", access=(), managed_by=None, members=4, others=3, digest=members_digest(OTHERS)
        ),
    ),
    changes=(JOINS, LEAVES),
)


def live(*account_ids: str) -> Mapping[str, GroupSnapshot]:
    members = {each: Member(NAMES[each], None, "atlassian") for each in account_ids}
    return {"g": GroupSnapshot(Group(id="g", name="Team"), members)}


@pytest.mark.parametrize(
    ("members", "lines"),
    [
        (["ann", *OTHERS], []),
        (["ann", "bob", *OTHERS], ["Team: bob (bob) is already a member"]),
        ([*OTHERS], ["Team: Ann (ann) is no longer a member"]),
        (["ann", *OTHERS, "fay"], ["Team: Fay (fay) has become a member"]),
        (["ann", "gus", *OTHERS], ["Team: gus (gus) has become a member"]),
        (
            ["ann", *OTHERS, "fay", "gus"],
            ["Team: apart from the accounts in the plan, it had 3 members and now has 5, and they are not the same"],
        ),
        (
            ["ann", "cy", "di", "fay"],
            ["Team: apart from the accounts in the plan, it had 3 members and now has 3, and they are not the same"],
        ),
    ],
)
def test_each_difference_is_described(members: list[str], lines: list[str]) -> None:
    assert list(differences(PLAN, live(*members), PLAN.changes)) == lines


def test_only_what_is_pending_and_certain_is_compared() -> None:
    assert differences(PLAN, {}, PLAN.changes) == ("Team (g): the group no longer exists",)
    assert differences(PLAN, {}, []) == ()
    assert differences(PLAN, live("bob", *OTHERS), PLAN.changes, {LEAVES.key, JOINS.key}) == ()
    assert differences(PLAN, live("bob", *OTHERS), [LEAVES]) == ("Team: Ann (ann) is no longer a member",)
