"""Groups by id or exact name, and accounts by id or e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from membership_fakes import TEAM, client, people, team

from confluence_groups_sdk import BadRequestError, ConfluenceGroups, InputError, NotFoundError
from confluence_groups_sdk.membership import plan_sync
from confluence_groups_sdk.membership.planning.reading.group_lookup import find_group, find_groups
from confluence_groups_sdk.membership.planning.resolver import accounts_by_email, resolve_group, resolve_user
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

USERS, ADMINS = "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c", "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    team(sandbox, 3)
    with client(sandbox) as groups:
        yield groups


def test_a_group_is_found_by_id_or_exact_name(groups: ConfluenceGroups) -> None:
    assert resolve_group(groups, TEAM).name == "Team"
    assert resolve_group(groups, "Team").id == TEAM
    assert [group.id for group in find_groups(groups, "Team")] == [TEAM]
    for other in ("Tea", "team", "nothing"):
        assert find_groups(groups, other) == []
        with pytest.raises((NotFoundError, BadRequestError)):
            resolve_group(groups, other)


@pytest.mark.parametrize("text", ["", " ", None, 7])
def test_what_cannot_be_an_id_or_name_is_rejected_before_anything_is_sent(
    groups: ConfluenceGroups, sandbox: Sandbox, text: Any
) -> None:
    with pytest.raises(ValueError, match="group_id"):
        resolve_group(groups, text)
    with pytest.raises(ValueError, match="group_id"):
        plan_sync(groups, group_id=text, account_ids=["id-000"])
    assert sandbox.requests == []


def test_an_id_wins_over_a_name(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    sandbox.directory.add_group(Group("other", USERS))
    assert resolve_group(groups, USERS).name == "confluence-users-sandbox"
    assert [group.name for group in find_groups(groups, USERS)] == ["confluence-users-sandbox"]


def test_a_name_of_several_groups_is_ambiguous(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    sandbox.directory.add_group(Group("team-2", "Team"))
    with pytest.raises(InputError, match=r"^2 groups are called Team: give the id \(team-2, team-id\)$"):
        resolve_group(groups, "Team")
    assert len(find_groups(groups, "Team")) == 2


@pytest.mark.parametrize("error", [NotFoundError("404"), BadRequestError("400")])
def test_an_unknown_id_may_get_404_or_400(
    groups: ConfluenceGroups, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_self: ConfluenceGroups, *, group_id: str) -> None:  # noqa: ARG001 - called with its name
        raise error

    monkeypatch.setattr(ConfluenceGroups, "get_group", fail)
    assert find_group(groups, "nothing") is None
    assert resolve_group(groups, "Team").id == TEAM
    with pytest.raises(type(error)):
        resolve_group(groups, "nothing")


def test_a_user_is_found_by_id_or_by_the_e_mail_that_a_member_shows(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    group = groups.get_group(group_id=TEAM)
    assert resolve_user(groups, "id-001").display_name == "P id-001"
    assert resolve_user(groups, "ID-001@Example.com", group=group).account_id == "id-001"
    with pytest.raises(NotFoundError):
        resolve_user(groups, "nobody", group=group)
    with pytest.raises(InputError, match=r"no member of Team shows the e-mail x@example\.com: give the account id"):
        resolve_user(groups, "x@example.com", group=group)
    sandbox.directory.add_person(Person("id-002", "P", "id-001@example.com"))
    with pytest.raises(
        InputError, match=r"2 accounts have the e-mail id-001@example\.com: give the account id \(id-001, id-002\)"
    ):
        resolve_user(groups, "id-001@example.com", group=group)


def test_an_e_mail_is_searched_for_in_all_groups_that_give_access(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    people(sandbox, 2, first=50)
    sandbox.directory.add_group(Group("no-access", "No access", access=frozenset()), ["id-050"])
    for email in ("id-001@example.com", " ID-001@EXAMPLE.com "):
        assert resolve_user(groups, email).account_id == "id-001"
    assert resolve_user(groups, "ada@example.com").display_name == "Ada Okafor"  # a member of two of these groups
    sandbox.directory.add_person(Person("hidden", "H", ""))
    sandbox.directory.add_member(TEAM, "hidden")
    with pytest.raises(InputError) as caught:
        resolve_user(groups, "id-050@example.com")
    assert str(caught.value) == (
        "no member of the 3 groups that give access to Confluence (Team, confluence-admins-sandbox, "
        "confluence-users-sandbox) shows the e-mail id-050@example.com; 1 of the 9 people there hides their e-mail: "
        "give the account id"
    )
    sandbox.directory.add_person(Person("twin", "T", "Id-001@example.com"))
    sandbox.directory.add_member(USERS, "twin")
    with pytest.raises(InputError, match=r"2 accounts have the e-mail id-001@example\.com: .*\(id-001, twin\)"):
        resolve_user(groups, "id-001@example.com")


def test_a_search_skips_a_group_that_is_deleted_meanwhile(
    groups: ConfluenceGroups, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [*groups.iter_groups(access_type="user")]
    sandbox.directory.delete_group(ADMINS)
    monkeypatch.setattr(ConfluenceGroups, "iter_groups", lambda *_, **__: iter(listed))
    assert resolve_user(groups, "id-001@example.com").account_id == "id-001"


def test_accounts_by_e_mail_ignore_case_and_hidden_e_mails() -> None:
    found = accounts_by_email([("a", "X@example.com"), ("b", "x@Example.com"), ("c", None), ("d", "")])
    assert found == {"x@example.com": {"a", "b"}}
