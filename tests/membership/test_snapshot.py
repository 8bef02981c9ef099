"""Snapshots of groups: the facts that they keep of members, and their digest."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import Group, User
from confluence_groups_sdk.membership import Action, Change
from confluence_groups_sdk.membership.planning.snapshot import (
    GroupSnapshot,
    Member,
    Members,
    members_digest,
    planned_groups,
)

names = st.none() | st.sampled_from(["Ada", "Bo"])
users = st.lists(
    st.builds(
        User,
        account_id=st.text("ab@", min_size=1, max_size=3),
        account_type=st.sampled_from([None, "", "app", "atlassian", "customer"]),
        display_name=names,
        public_name=names,
        email=st.sampled_from([None, "", "ada@example.com"]),
    ),
    unique_by=lambda user: user.account_id,
)


@given(users, st.booleans())
def test_members_have_the_facts_that_the_server_sent(members: list[User], emails: bool) -> None:
    expected = {
        user.account_id: Member(
            user.display_name or user.public_name,
            user.email or None if emails else None,
            user.account_type or None,
            user.public_name or None if emails and user.display_name not in ("", None, user.public_name) else None,
        )
        for user in members
    }
    people = Members.of(iter(members), emails=emails)
    assert people == expected
    assert list(people) == list(expected), "in the order of the list"
    assert len(people) == len(expected)
    assert people.keys() == expected.keys()
    assert people.keys() - expected.keys() == set()


def test_other_accounts_are_not_members() -> None:
    people = Members.of([User(account_id="a", account_type="app")])
    assert ("a" in people, "b" in people, people.get("b")) == (True, False, None)
    with pytest.raises(KeyError):
        people["b"]


@given(st.lists(st.text() | st.just("\ud800"), unique=True))
def test_the_digest_is_the_sum_of_the_hashes_in_any_order(ids: list[str]) -> None:
    hashes = [hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest() for each in ids]
    expected = f"{sum(int(each, 16) for each in hashes) % 2**256:064x}"
    assert members_digest(ids) == members_digest(reversed(ids)) == expected
    assert len(expected) == 64


def test_digests_in_existing_plans_stay_valid() -> None:
    assert members_digest([]) == "0" * 64
    assert members_digest(["a", "b"]) == "08bb6928ca5517152e4b8118ff058d82334469f89d507abd84f46634858a4958"


def test_members_take_less_than_80_bytes_each() -> None:
    members = [User(account_id=f"id-{each}", account_type="atlassian", display_name="Ada") for each in range(20_000)]
    tracemalloc.start()
    try:
        people = Members.of(members, emails=True)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(people) == 20_000
    assert kept / 20_000 < 80, "bytes for each member, besides the strings"


def test_a_plan_keeps_of_a_group_how_many_members_it_has_and_how_many_it_leaves() -> None:
    members = Members.of(User(account_id=each, account_type="atlassian") for each in "abcd")
    group = GroupSnapshot(Group(id="g", name="Team"), members)
    actions = {"a": Action.REMOVE, "b": Action.REMOVE, "new": Action.ADD}
    changes = [
        Change(action=action, group_id="g", group_name="Team", account_id=each) for each, action in actions.items()
    ]
    (planned,) = planned_groups({"g": group}, changes)
    assert (planned.members, planned.others, planned.digest) == (4, 2, members_digest("cd"))


def test_without_a_word_of_the_server_no_member_is_unidentified() -> None:
    members = Members.of([])
    assert (members.unidentified, GroupSnapshot(Group(id="g", name="Team"), members).unidentified) == (0, 0)
