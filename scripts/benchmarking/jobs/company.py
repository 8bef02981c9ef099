"""Invented people and groups, for the sandbox and for the server on loopback."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from benchmarking.reading import account_id
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

STAYING = 38  # members of each group who do not leave


@frozen
class Company:
    """People by number, and who is in which group.

    Attributes:
        people: the number of people.
        groups: the numbers of each group's members; no group gives access to Confluence.
        leavers: the numbers of the people who leave.
    """

    people: int
    groups: Sequence[Sequence[int]]
    leavers: Sequence[int] = ()

    @property
    def leaver_ids(self) -> list[str]:
        """The account ids of the people who leave."""
        return [account_id(number) for number in self.leavers]

    @property
    def leaving(self) -> int:
        """The number of memberships that end if the leavers are removed from all groups."""
        leavers = frozenset(self.leavers)
        return sum(len(leavers.intersection(members)) for members in self.groups)


def group_id(index: int) -> str:
    """Return a group's id, in the form that live sites use."""
    return f"{index:08x}-9d0e-4b8f-8f5c-2d6e1a9b7c40"


def group_name(index: int) -> str:
    """Return a group's name."""
    return f"team-{index:04d}"


def one_group(members: int, *, people: int = 0) -> Company:
    """Return one group of this many people; the company may have more people than the group."""
    return Company(max(members, people), [range(members)])


def equal_groups(groups: int, members: int) -> Company:
    """Return groups of this many people, each person in one group."""
    return Company(groups * members, [range(index * members, (index + 1) * members) for index in range(groups)])


def large_company(groups: int, members: int, everybody: int) -> Company:
    """Return groups of so many people, each person in one of them, and one group of so many others."""
    teams = [range(index * members, (index + 1) * members) for index in range(groups)]
    people = groups * members + everybody
    return Company(people, [*teams, range(groups * members, people)])


def leaving_company(leavers: int, groups: int) -> Company:
    """Return groups of about 40 people, of whom up to two leave: leavers in a row share half of their groups.

    Args:
        leavers: the number of people who leave.
        groups: the number of groups, a multiple of the number of leavers.
    """
    step = groups // leavers
    return Company(
        leavers + groups * STAYING,
        [
            [
                *range(leavers + index * STAYING, leavers + (index + 1) * STAYING),
                *range(max(0, index // step - 1), index // step + 1),
            ]
            for index in range(groups)
        ],
        range(leavers),
    )


def fill(sandbox: Sandbox, company: Company) -> None:
    """Add the company to a sandbox."""
    for number in range(company.people):
        person = Person(account_id(number), f"Person {number}", email_of(number))
        sandbox.directory.add_person(person)
    for index, members in enumerate(company.groups):
        group = Group(group_id(index), group_name(index), access=frozenset())
        sandbox.directory.add_group(group, map(account_id, members))


def email_of(number: int) -> str:
    """Return a person's e-mail."""
    return f"person.{number}@example.com"
