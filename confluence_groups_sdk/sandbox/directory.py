"""The sandbox's state: people, groups, and who is a member of what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from attrs import define, field, frozen


class Credentials(NamedTuple):
    """What one account signs in with: ``ApiToken(*credentials)``."""

    email: str
    token: str


@frozen
class Person:
    """An account."""

    account_id: str
    display_name: str
    email: str
    account_type: str = "atlassian"
    is_site_admin: bool = False
    has_confluence: bool = True


@frozen
class Group:
    """A group."""

    id: str
    name: str


@define
class Directory:
    """People, groups and memberships; members are kept in the order in which they joined."""

    people: dict[str, Person] = field(factory=dict)
    groups: dict[str, Group] = field(factory=dict)
    _members: dict[str, dict[str, None]] = field(factory=dict)

    def add_person(self, person: Person) -> None:
        """Add an account, or replace the one of the same id."""
        self.people[person.account_id] = person

    def add_group(self, group: Group, members: Iterable[str] = ()) -> None:
        """Add a group with the members of these account ids."""
        self.groups[group.id] = group
        self._members[group.id] = dict.fromkeys(members)

    def group_named(self, name: str) -> Group:
        """Return the group of this name.

        Raises:
            KeyError: there is none.
        """
        for group in self.groups.values():
            if group.name == name:
                return group
        raise KeyError(name)

    def members(self, group_id: str) -> list[Person]:
        """Return a group's members, in the order in which they joined.

        Raises:
            KeyError: there is no such group.
        """
        return [self.people[account_id] for account_id in self._members[group_id]]

    def is_member(self, group_id: str, account_id: str) -> bool:
        """Say whether the account is in the group.

        Raises:
            KeyError: there is no such group.
        """
        return account_id in self._members[group_id]

    def remove_member(self, group_id: str, account_id: str) -> None:
        """Take the account out of the group; nothing changes if it is no member.

        Raises:
            KeyError: there is no such group.
        """
        self._members[group_id].pop(account_id, None)
