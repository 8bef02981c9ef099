"""An invented company in the sandbox: who works there, which groups it has, and who is in which."""

from __future__ import annotations

import time
from collections import Counter
from uuid import UUID

import pytest

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.sandbox import Directory, Group, Person, Sandbox, add_company

PEOPLE, GROUPS = 2_000, 300


def build(people: int = PEOPLE, groups: int = GROUPS, seed: int = 0) -> Directory:
    """Return the directory of a sandbox with a company; the sandbox need not run."""
    sandbox = Sandbox()
    add_company(sandbox.directory, people=people, groups=groups, seed=seed)
    sandbox.stop()
    return sandbox.directory


COMPANY = build()
OWN = build(0, 0)


def new_people(directory: Directory = COMPANY) -> list[Person]:
    return [person for person in directory.people.values() if person.account_id not in OWN.people]


def new_groups(directory: Directory = COMPANY) -> list[Group]:
    return [group for group in directory.groups.values() if group.id not in OWN.groups]


def sizes(directory: Directory = COMPANY) -> Counter[int]:
    return Counter(len(list(directory.listed_members(group.id))) for group in new_groups(directory))


def state(directory: Directory) -> object:
    members = {group_id: [each.account_id for each in directory.members(group_id)] for group_id in directory.groups}
    return directory.people, directory.groups, members


# --- as asked for


@pytest.mark.parametrize(
    ("people", "groups"), [(0, 0), (1, 1), (3, 2), (10, 5), (10, 300), (200, 0), (200, 12), (5_000, 1_000)]
)
def test_there_are_as_many_people_and_groups_as_asked_for(people: int, groups: int) -> None:
    directory = build(people, groups)
    assert (len(new_people(directory)), len(new_groups(directory))) == (people, groups)
    emails = [person.email for person in directory.people.values() if person.email]
    assert len(set(emails)) == len(emails)
    names = [group.name for group in directory.groups.values()]
    assert len({name.casefold() for name in names}) == len(names)


def test_the_same_seed_gives_the_same_company_and_another_seed_another_one() -> None:
    assert state(build()) == state(COMPANY)
    assert state(build(seed=1)) != state(COMPANY)
    assert new_people(build(50, 10, seed=1)) != new_people(build(50, 10, seed=2))


def test_the_first_people_and_groups_stay(sandbox: Sandbox) -> None:
    before = state(sandbox.directory)
    add_company(sandbox.directory, people=0, groups=0)
    assert state(sandbox.directory) == before
    assert state(OWN) == before
    for group_id in ("c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90", "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"):
        assert COMPANY.members(group_id) == OWN.members(group_id), "the documents show them"


@pytest.mark.parametrize(("people", "groups"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(sandbox: Sandbox, people: int, groups: int) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        add_company(sandbox.directory, people=people, groups=groups)


def test_a_company_cannot_be_added_twice(sandbox: Sandbox) -> None:
    add_company(sandbox.directory, people=10, groups=5)
    with pytest.raises(ValueError, match="other seed"):
        add_company(sandbox.directory, people=10, groups=5)


def test_a_large_company_is_added_within_a_second() -> None:
    begun = time.process_time()
    build()
    assert time.process_time() - begun < 1


# --- who


def test_people_are_of_all_kinds() -> None:
    people = new_people()
    kinds = Counter(
        person.account_type if person.account_type == "app" else "guest" if person.is_guest else person.account_status
        for person in people
    )
    assert set(kinds) == {"active", "inactive", "guest", "app"}
    assert all(kinds[kind] >= PEOPLE // 100 for kind in kinds), kinds
    assert kinds["active"] > PEOPLE * 0.8
    assert all(person.email == "" for person in people if person.account_type == "app")
    hidden = sum(person.email == "" and person.account_type != "app" for person in people)
    assert 0 < hidden < PEOPLE / 10


@pytest.mark.parametrize("people", [10, 11, 40])
def test_a_small_company_has_one_of_each_kind(people: int) -> None:
    found = new_people(build(people, 10))
    assert any(person.is_guest for person in found)
    assert any(person.account_type == "app" for person in found)
    assert any(person.account_status == "inactive" for person in found)


def test_ids_look_like_those_of_live_sites() -> None:
    for person in new_people():
        number, _, uuid = person.account_id.partition(":")
        assert number in ("712020", "557058")
        assert str(UUID(uuid)) == uuid
    for group in new_groups():
        assert str(UUID(group.id)) == group.id
    assert all(person.display_name.isprintable() and person.email.isascii() for person in new_people())


def test_employees_and_apps_use_confluence_and_guests_are_in_their_own_group() -> None:
    users = {person.account_id for person in COMPANY.members(COMPANY.group_named("confluence-users-sandbox").id)}
    guests = {person.account_id for person in COMPANY.members(COMPANY.group_named("confluence-guests-sandbox").id)}
    for person in new_people():
        assert (person.account_id in guests) is person.is_guest
        assert (person.account_id in users) is not person.is_guest


# --- which groups


def test_some_groups_are_managed_elsewhere_and_of_some_the_manager_is_unknown() -> None:
    managers = Counter(group.managed_by for group in new_groups())
    assert set(managers) == {None, "ADMINS", "EXTERNAL", "TEAM_MEMBERS", "OPEN"}
    assert all(count >= 10 for count in managers.values()), managers
    assert {group.usage_type for group in new_groups()} == {None, "USERBASE_GROUP", "TEAM_COLLABORATION"}


def test_groups_give_access_of_all_kinds() -> None:
    given = {access: [group for group in new_groups() if access in group.access] for access in ("user", "admin")}
    given["site-admin"] = [group for group in new_groups() if "site-admin" in group.access]
    assert {access: 2 <= len(groups) <= 10 for access, groups in given.items()} == dict.fromkeys(given, True)
    admins = {member.account_id for group in given["admin"] for member in COMPANY.members(group.id)}
    found = [COMPANY.people[account_id] for account_id in admins]
    assert 5 <= len(found) <= 60
    assert any(person.is_guest for person in found), "a review finds a guest who is an admin"
    assert any(person.account_type == "app" for person in found)
    assert any(person.account_status == "inactive" for person in found)


def test_site_admins_are_who_can_change_groups_and_one_of_them_is_in_no_group_of_admins() -> None:
    groups = [group for group in new_groups() if "site-admin" in group.access]
    members = {member.account_id for group in groups for member in COMPANY.members(group.id)}
    admins = {person.account_id for person in new_people() if person.is_site_admin}
    assert members < admins, "group membership does not show every admin"
    assert len(admins - members) == 1


def test_a_few_groups_have_one_member_or_none() -> None:
    found = sizes()
    assert 1 <= found[0] <= 3
    assert 1 <= found[1] <= 3
    unlisted = [
        group for group in new_groups() if COMPANY.members(group.id) and not [*COMPANY.listed_members(group.id)]
    ]
    assert len(unlisted) == 1, "all its members are deactivated, so that it looks empty"


def test_groups_differ_in_size_and_some_people_are_in_many() -> None:
    found = sizes()
    assert max(found) > 100
    assert len(found) > 20
    per_person = Counter(len(COMPANY.groups_of(person.account_id)) for person in new_people() if not person.is_guest)
    assert max(per_person) >= 25
    assert sum(count for number, count in per_person.items() if number <= 6) > PEOPLE / 3
    assert all(number >= 1 for number in per_person)


@pytest.mark.parametrize(("people", "groups"), [(1, 300), (7, 40), (30, 300)])
def test_small_companies_with_many_groups_work(people: int, groups: int) -> None:
    directory = build(people, groups)
    assert all(len(directory.members(group.id)) <= people for group in new_groups(directory))


def test_it_can_be_read_through_the_api(sandbox: Sandbox) -> None:
    add_company(sandbox.directory, people=300, groups=40)
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
        found = {group.id: group.name for group in groups.iter_groups()}
        assert found == {group.id: group.name for group in sandbox.directory.groups.values()}
        members = [*groups.iter_members(group_id=sandbox.directory.group_named("confluence-users-sandbox").id)]
    assert {member.account_status for member in members} == {"active"}
    assert any(member.is_app for member in members)
