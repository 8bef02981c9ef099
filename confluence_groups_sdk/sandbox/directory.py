"""The sandbox's state: people, groups, and the members of each group."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from attrs import define, field, fields, frozen

from . import _public


@_public
class Credentials(NamedTuple):
    """The credentials of an account: ``ApiToken(*credentials)``.

    Attributes:
        email: the account's e-mail address.
        token: its API token.
    """

    email: str
    token: str


@_public
@frozen
class Person:
    """An account. If it is not ``active``, lists of members leave it out (docs/confluence-behaviour.md#users).

    Attributes:
        account_id: identifies it.
        display_name: its name.
        email: empty if it is hidden.
        account_type: ``atlassian`` or ``app``.
        is_site_admin: whether it may change groups.
        has_confluence: whether it may read.
        account_status: ``active``, or another value.
        is_guest: whether it is a guest of the site.
        time_zone: for example ``Europe/Berlin``; None if responses leave it out.
    """

    account_id: str
    display_name: str
    email: str
    account_type: str = "atlassian"
    is_site_admin: bool = False
    has_confluence: bool = True
    account_status: str = "active"
    is_guest: bool = False
    time_zone: str | None = None


@_public
@frozen
class Group:
    """A group; responses leave out `managed_by` and `usage_type` if they are None.

    Attributes:
        id: identifies it.
        name: its name.
        access: what it gives to its members: of ``user``, ``admin`` and ``site-admin``.
        managed_by: ``ADMINS``, ``EXTERNAL``, ``TEAM_MEMBERS``, ``OPEN`` or None.
        usage_type: ``USERBASE_GROUP``, ``TEAM_COLLABORATION`` or None.
    """

    id: str
    name: str
    access: frozenset[str] = frozenset({"user"})
    managed_by: str | None = None
    usage_type: str | None = None


@_public
@define
class Directory:
    """People, groups and memberships; each group's members are in the order in which they joined.

    Attributes:
        people: the accounts by id.
        groups: the groups by id.
    """

    people: dict[str, Person] = field(factory=dict)
    groups: dict[str, Group] = field(factory=dict)
    _members: dict[str, dict[str, None]] = field(factory=dict)
    _created: int = 0

    def add_person(self, person: Person) -> None:
        """Add an account, or replace the one with the same id.

        Raises:
            ValueError: a field holds half of a surrogate pair, which cannot be sent.
        """
        _check_fields(person)
        self.people[person.account_id] = person

    def remove_person(self, account_id: str) -> None:
        """Remove an account, also from all groups.

        Raises:
            KeyError: there is no such account.
        """
        for members in self._members.values():
            members.pop(account_id, None)
        del self.people[account_id]

    def add_group(self, group: Group, members: Iterable[str] = ()) -> None:
        """Add a group, or replace the one with the same id.

        Args:
            group: the group.
            members: the account ids of its members.

        Raises:
            KeyError: there is no account with one of these ids.
            ValueError: a field holds half of a surrogate pair, which cannot be sent.
        """
        _check_fields(group)
        joined = dict.fromkeys(members)
        for account_id in joined:
            self.people[account_id]
        self.groups[group.id] = group
        self._members[group.id] = joined

    def create_group(self, name: str) -> Group:
        """Create a group with this name and a new id.

        Raises:
            ValueError: the name holds half of a surrogate pair, which cannot be sent.
        """
        self._created += 1
        group = Group(f"00000000-0000-4000-9000-{self._created:012d}", name)
        self.add_group(group)
        return group

    def delete_group(self, group_id: str) -> None:
        """Delete a group and its memberships.

        Raises:
            KeyError: there is no such group.
        """
        del self.groups[group_id]
        del self._members[group_id]

    def group_named(self, name: str) -> Group:
        """Return the group with this name.

        Raises:
            KeyError: there is no such group.
        """
        for group in self.groups.values():
            if group.name == name:
                return group
        raise KeyError(name)

    def groups_by_name(self) -> list[Group]:
        """Return all groups, in ascending order of their names."""
        return sorted(self.groups.values(), key=lambda group: (group.name, group.id))

    def groups_of(self, account_id: str) -> list[Group]:
        """Return the groups of an account, in ascending order of their names."""
        return [group for group in self.groups_by_name() if account_id in self._members[group.id]]

    def members(self, group_id: str) -> list[Person]:
        """Return a group's members, in the order in which they joined.

        Raises:
            KeyError: there is no such group.
        """
        return [self.people[account_id] for account_id in self._members[group_id]]

    def listed_members(self, group_id: str) -> Iterator[Person]:
        """Yield the members that the API lists: those with an active account. An unknown group has none."""
        for account_id in list(self._members.get(group_id, ())):  # a copy, because a test may change it meanwhile
            person = self.people[account_id]
            if person.account_status == "active":
                yield person

    def is_member(self, group_id: str, account_id: str) -> bool:
        """Check whether an account is a member of a group.

        Raises:
            KeyError: there is no such group.
        """
        return account_id in self._members[group_id]

    def add_member(self, group_id: str, account_id: str) -> None:
        """Add an account to a group; do nothing if it is a member.

        Raises:
            KeyError: there is no such group or account.
        """
        self._members[group_id].setdefault(self.people[account_id].account_id, None)

    def remove_member(self, group_id: str, account_id: str) -> None:
        """Remove an account from a group; do nothing if it is not a member.

        Raises:
            KeyError: there is no such group.
        """
        self._members[group_id].pop(account_id, None)


def check_text(name: str, text: str) -> None:
    """Check that a text can be sent.

    Args:
        name: names the text in the error.
        text: the text.

    Raises:
        ValueError: it holds half of a surrogate pair, for which UTF-8 has no bytes.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: {text!a} holds half of a surrogate pair, which cannot be sent") from None


def _check_fields(item: Person | Group) -> None:
    for each in fields(type(item)):
        value = getattr(item, each.name)
        for text in value if isinstance(value, frozenset) else [value]:
            if isinstance(text, str):
                check_text(f"{type(item).__name__}({each.name}=...)", text)
