"""The notes of a plan about what the server did not send."""

from __future__ import annotations

from typing import Any

import pytest

from confluence_groups_sdk import Group
from confluence_groups_sdk.membership import Action, Change
from confluence_groups_sdk.membership.planning.plan_notes import describe_unidentified, describe_unknown_facts
from confluence_groups_sdk.membership.planning.snapshot import GroupSnapshot

KNOWN: dict[str, Any] = {"managed_by": "EXTERNAL", "access": frozenset({"user"}), "account_type": "atlassian"}


@pytest.mark.parametrize(
    ("unknown", "notes"),
    [
        ((), []),
        (("managed_by",), ["unknown: whether an identity provider manages One, Two"]),
        (("access",), ["unknown: the access that One, Two give; they count as giving admin rights"]),
        (("account_type",), ["unknown: whether 2 of the changed accounts are apps"]),
    ],
)
def test_a_fact_that_the_server_did_not_send_is_noted(unknown: tuple[str, ...], notes: list[str]) -> None:
    facts = KNOWN | dict.fromkeys(unknown)
    names = {"1": "One", "2": "Two"}
    groups = {
        each: GroupSnapshot(Group(id=each, name=name, managed_by=facts["managed_by"]), {}, access=facts["access"])
        for each, name in names.items()
    }
    changes = [
        Change(action=Action.REMOVE, group_id=each, group_name=name, account_id="a", account_type=facts["account_type"])
        for each, name in names.items()
    ]
    assert describe_unknown_facts(groups, changes) == notes


def test_unidentified_members_are_counted_by_group() -> None:
    groups = [GroupSnapshot(Group(id=name, name=name), {}, unidentified=count) for name, count in (("A", 1), ("B", 0))]
    assert describe_unidentified(groups) == [
        "unknown: the account ids of 1 member (1 of A), which the server did not send; they stay"
    ]
    assert describe_unidentified(groups[1:]) == []
