"""The sandbox's state: people, groups, and who is a member of what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from attrs import define, field, frozen


class Credentials(NamedTuple):
    """What one account signs in with: ``ApiToken(*credentials)``."""

    email: str
    token: str


@frozen
class Person:
    """An account. One that is not ``active`` is left out of the lists of members, as on a real site."""

    account_id: str
    display_name: str
    email: str
    account_type: str = "atlassian"
    is_site_admin: bool = False
    has_confluence: bool = True
    account_status: str = "active"
    is_guest: bool = False
    time_zone: str | None = None


@frozen
class Group:
    """A group; what it does not say of itself (`managed_by`, `usage_type`) is not in the answers."""

    id: str
    name: str
    access: frozenset[str] = frozenset({"user"})  # of user, admin and site-admin
    managed_by: str | None = None
    usage_type: str | None = None


@define
class Directory:
    """People, groups and memberships; members are kept in the order in which they joined."""

    people: dict[str, Person] = field(factory=dict)
    groups: dict[str, Group] = field(factory=dict)
    _members: dict[str, dict[str, None]] = field(factory=dict)
    _created: int = 0

    def add_person(self, person: Person) -> None:
        """Add an account, or replace the one of the same id."""
        self.people[person.account_id] = person

    def remove_person(self, account_id: str) -> None:
        """Take an account away, and out of all groups.

        Raises:
            KeyError: there is no such account.
        """
        for members in self._members.values():
            members.pop(account_id, None)
        del self.people[account_id]

    def add_group(self, group: Group, members: Iterable[str] = ()) -> None:
        """Add a group with the members of these account ids, or replace the one of the same id.

        Raises:
            KeyError: one of them is nobody's.
        """
        joined = dict.fromkeys(members)
        for account_id in joined:
            self.people[account_id]
        self.groups[group.id] = group
        self._members[group.id] = joined

    def create_group(self, name: str) -> Group:
        """Add a new group of this name, with an id of its own."""
        self._created += 1
        group = Group(f"00000000-0000-4000-9000-{self._created:012d}", name)
        self.add_group(group)
        return group

    def delete_group(self, group_id: str) -> None:
        """Take a group away, and its memberships with it.

        Raises:
            KeyError: there is no such group.
        """
        del self.groups[group_id]
        del self._members[group_id]

    def group_named(self, name: str) -> Group:
        """Return the group of this name.

        Raises:
            KeyError: there is none.
        """
        for group in self.groups.values():
            if group.name == name:
                return group
        raise KeyError(name)

    def groups_by_name(self) -> list[Group]:
        """Return all groups, in ascending order of their names."""
        return sorted(self.groups.values(), key=lambda group: (group.name, group.id))

    def groups_of(self, account_id: str) -> list[Group]:
        """Return the groups that an account is in, in ascending order of their names."""
        return [group for group in self.groups_by_name() if account_id in self._members[group.id]]

    def members(self, group_id: str) -> list[Person]:
        """Return a group's members, in the order in which they joined.

        Raises:
            KeyError: there is no such group.
        """
        return [self.people[account_id] for account_id in self._members[group_id]]

    def listed_members(self, group_id: str) -> Iterator[Person]:
        """Yield the members that the API shows: those whose account is active. None for an unknown group."""
        for account_id in list(self._members.get(group_id, ())):  # a test may change it meanwhile
            person = self.people[account_id]
            if person.account_status == "active":
                yield person

    def is_member(self, group_id: str, account_id: str) -> bool:
        """Say whether the account is in the group.

        Raises:
            KeyError: there is no such group.
        """
        return account_id in self._members[group_id]

    def add_member(self, group_id: str, account_id: str) -> None:
        """Put the account into the group; nothing changes if it is a member.

        Raises:
            KeyError: there is no such group or account.
        """
        self._members[group_id].setdefault(self.people[account_id].account_id, None)

    def remove_member(self, group_id: str, account_id: str) -> None:
        """Take the account out of the group; nothing changes if it is no member.

        Raises:
            KeyError: there is no such group.
        """
        self._members[group_id].pop(account_id, None)
