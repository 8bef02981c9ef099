"""Which groups users are in, by their own lists."""

from __future__ import annotations

from typing import Any

import pytest
from membership_fakes import client, people

from confluence_groups_sdk import Group as FoundGroup
from confluence_groups_sdk import IncompleteReadError
from confluence_groups_sdk.membership import Action, Change
from confluence_groups_sdk.membership.planning.reading.group_reader import read_group, read_members
from confluence_groups_sdk.membership.planning.reading.memberships import find_memberships, unlisted_changes
from confluence_groups_sdk.sandbox import Group, Sandbox


@pytest.fixture
def account_id(sandbox: Sandbox) -> str:
    """Add somebody who is in nine groups, and a tenth group."""
    member, other = people(sandbox, 2)
    for number in range(10):
        sandbox.directory.add_group(Group(f"g-{number}", f"G {number}"), [member] if number < 9 else [other])
    return member


@pytest.mark.parametrize(
    ("asked", "found", "calls"),
    [(["g-0", "g-1"], {"g-0", "g-1"}, 1), (["g-3"], {"g-3"}, 2), (["g-3", "g-9"], {"g-3"}, 5)],
)
def test_a_list_is_read_until_all_groups_are_found(
    sandbox: Sandbox, account_id: str, asked: list[str], found: set[str], calls: int
) -> None:
    sandbox.page_limit = 2
    before = len(sandbox.requests)
    with client(sandbox) as groups:
        assert find_memberships(groups, account_id, asked) == found
    assert len(sandbox.requests) - before == calls


class Unreadable:
    """A client that cannot read the list of groups to its end, after the group ``g-0``."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def iter_memberships(self, *, account_id: str) -> Any:
        yield FoundGroup(id="g-0", name="G 0")
        raise IncompleteReadError(account_id)

    def is_member(self, *, group_id: str, account_id: str) -> bool:
        assert account_id == "a"
        self.asked.append(group_id)
        return group_id == "g-1"


def test_each_group_is_looked_for_alone_if_the_list_cannot_be_read() -> None:
    groups: Any = Unreadable()
    assert find_memberships(groups, "a", ["g-0", "g-1", "g-2"]) == {"g-0", "g-1"}
    assert sorted(groups.asked) == ["g-1", "g-2"]


def test_only_removals_of_people_who_are_not_listed_are_looked_for(sandbox: Sandbox, account_id: str) -> None:
    with client(sandbox) as groups:
        snapshot = read_group(groups, FoundGroup(id="g-0", name="G 0"))
    assert snapshot is not None

    def change(action: Action, group_id: str, of: str) -> Change:
        return Change(action=action, group_id=group_id, group_name="G", account_id=of)

    changes = [
        change(Action.REMOVE, "g-0", "somebody"),
        change(Action.REMOVE, "g-0", account_id),
        change(Action.ADD, "g-0", "somebody"),
        change(Action.REMOVE, "g-gone", "somebody"),
    ]
    assert unlisted_changes(changes, {"g-0": snapshot}) == [changes[0].key]


def test_emails_are_kept_only_if_they_are_asked_for(sandbox: Sandbox, account_id: str) -> None:
    group = FoundGroup(id="g-0", name="G 0")
    with client(sandbox) as groups:
        for options, email in (({}, None), ({"emails": True}, f"{account_id}@example.com")):
            snapshot = read_group(groups, group, **options)
            assert snapshot is not None
            assert snapshot.members[account_id].email == email
            assert read_members(groups, "g-0", **options)[account_id].email == email
