"""Finding people in a snapshot."""

from __future__ import annotations

import pytest
from snapshots import group, snapshot, user

from confluence_groups_sdk import InputError, User
from confluence_groups_sdk.review import find_user, find_users, groups_of

PEOPLE = [user("a1", "José Müller", email="jose@example.com"), user("b2", "Bob"), user("c3", "Bot", email=None)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("jose", ["a1"]),
        ("MULLER josé", ["a1"]),
        ("bo", ["b2", "c3"]),
        ("EXAMPLE.com", ["a1", "b2"]),
        ("c3", ["c3"]),
        ("nobody", []),
    ],
)
def test_a_part_of_name_email_or_id_finds_people(text: str, found: list[str]) -> None:
    assert [each.account_id for each in find_users(PEOPLE, text)] == found


def test_members_that_the_client_lists_are_found_by_both_names() -> None:
    members = [User(account_id="a", display_name="Ann", public_name="queen"), User(account_id="b")]
    assert [each.account_id for each in find_users(members, "queen")] == ["a"]


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InputError, match="give a part of a name"):
        list(find_users(PEOPLE, "  "))


def test_a_user_is_found_by_id_and_by_email() -> None:
    taken = snapshot(group("g", "a1"), users=PEOPLE)
    assert find_user(taken, "a1").name == "José Müller"
    assert find_user(taken, " JOSE@example.com ").account_id == "a1"


def test_an_unknown_and_an_ambiguous_email_are_refused() -> None:
    taken = snapshot(users=[*PEOPLE, user("d4", email="jose@example.com")])
    with pytest.raises(
        InputError, match=r"2 accounts have the e-mail jose@example\.com: give the account id \(a1, d4\)"
    ):
        find_user(taken, "jose@example.com")
    with pytest.raises(InputError, match="e-mail x@y; 1 of the 4 members hide their e-mail"):
        find_user(taken, "x@y")


def test_the_groups_of_a_user_are_in_the_order_of_their_names() -> None:
    taken = snapshot(group("1", "a", name="Zoo"), group("2", "a", name="ant"), group("3", "b"))
    assert [each.name for each in groups_of(taken, "a")] == ["ant", "Zoo"]
