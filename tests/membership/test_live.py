"""Memberships as they are now: what is kept of people, and their digest."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import User
from confluence_groups_sdk.membership.live import People, Person, digest_of

said = st.none() | st.sampled_from(["Ada", "Bo"])
users = st.lists(
    st.builds(
        User,
        account_id=st.text("ab@", min_size=1, max_size=3),
        account_type=st.sampled_from([None, "", "app", "atlassian", "customer"]),
        display_name=said,
        public_name=said,
        email=st.sampled_from([None, "", "ada@example.com"]),
    ),
    unique_by=lambda user: user.account_id,
)


@given(users, st.booleans())
def test_what_is_kept_of_each_member_is_what_the_server_said(members: list[User], emails: bool) -> None:
    expected = {
        user.account_id: Person(
            user.display_name or user.public_name, user.email or None if emails else None, user.account_type or None
        )
        for user in members
    }
    people = People.of(iter(members), emails=emails)
    assert people == expected
    assert list(people) == list(expected), "in the order in which they are listed"
    assert len(people) == len(expected)
    assert people.keys() == expected.keys()
    assert people.keys() - expected.keys() == set()


def test_who_is_no_member_is_not_among_them() -> None:
    people = People.of([User(account_id="a", account_type="app")])
    assert ("a" in people, "b" in people, people.get("b")) == (True, False, None)
    with pytest.raises(KeyError):
        people["b"]


@given(st.lists(st.text() | st.just("\ud800"), unique=True))
def test_a_digest_is_the_sum_of_the_hashes_in_any_order(ids: list[str]) -> None:
    hashes = [hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest() for each in ids]
    expected = f"{sum(int(each, 16) for each in hashes) % 2**256:064x}"
    assert digest_of(ids) == digest_of(reversed(ids)) == expected
    assert len(expected) == 64


def test_the_digest_of_plans_that_are_on_disks_stays_what_it_was() -> None:
    assert digest_of([]) == "0" * 64
    assert digest_of(["a", "b"]) == "08bb6928ca5517152e4b8118ff058d82334469f89d507abd84f46634858a4958"


def test_no_object_is_kept_of_each_member() -> None:
    members = [User(account_id=f"id-{each}", account_type="atlassian", display_name="Ada") for each in range(20_000)]
    tracemalloc.start()
    try:
        people = People.of(members, emails=True)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(people) == 20_000
    assert kept / 20_000 < 80, "bytes a member, beside the texts"
