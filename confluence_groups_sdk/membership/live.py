"""Memberships as they are now: read whole before anything is decided."""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Self, TypeVar

from attrs import evolve, field, frozen

from ..client import ConfluenceGroups
from ..errors import BadRequestError, NotFoundError
from ..models import AccessType, Group, User
from .changes import Action, Change

WORKERS = 8  # calls at once
ADMIN_ACCESS = frozenset({"admin", "site-admin"})
ACCESS_TYPES: tuple[AccessType, ...] = ("user", "admin", "site-admin")
PAGE = 200  # members
ORDINARY = "atlassian"  # the account type of people
MODULUS = 1 << 256  # of digests

T = TypeVar("T")
R = TypeVar("R")


class Person(NamedTuple):
    """What is kept of a member."""

    display_name: str | None
    email: str | None
    account_type: str | None

    @property
    def is_app(self) -> bool | None:
        """Whether this is an app; None where the server does not say."""
        return None if self.account_type is None else self.account_type == "app"


@frozen(eq=False)  # a mapping is compared as one
class People(Mapping[str, Person]):
    """Members by account id: of each the texts, and a `Person` only when asked for, since a group may have a million.

    Attributes:
        names: to display, of all.
        emails: of those who show theirs, where these were asked for.
        account_types: of those who are not, as nearly all are, ``atlassian``.
    """

    names: Mapping[str, str | None]
    emails: Mapping[str, str]
    account_types: Mapping[str, str | None]

    @classmethod
    def of(cls, users: Iterable[User], *, emails: bool = False) -> Self:
        """Keep what is kept of users; the e-mails only where they are asked for."""
        names: dict[str, str | None] = {}
        shown: dict[str, str] = {}
        account_types: dict[str, str | None] = {}
        for user in users:
            account_id = user.account_id
            names[account_id] = user.display_name or user.public_name
            if user.account_type != ORDINARY:
                account_types[account_id] = _account_type(user)
            if emails and user.email:
                shown[account_id] = user.email
        return cls(names, shown, account_types)

    def __getitem__(self, account_id: str) -> Person:
        return Person(self.names[account_id], self.emails.get(account_id), self.account_types.get(account_id, ORDINARY))

    def __contains__(self, account_id: object) -> bool:
        return account_id in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def keys(self) -> KeysView[str]:
        """Return the account ids, as a set of which differences are taken at a dict's speed."""
        return self.names.keys()


@frozen
class Membership:
    """A group and its members.

    Attributes:
        group: the group.
        people: those listed as its members, by account id; deactivated accounts are not listed.
        access: what the group gives access as; None where the server does not say.
        unlisted: members all the same, by the list of their own groups.
    """

    group: Group
    people: Mapping[str, Person]
    access: frozenset[str] | None = frozenset()
    unlisted: frozenset[str] = field(default=frozenset())

    @property
    def gives_admin(self) -> bool:
        """Whether its members are admins, or may be for all that is known."""
        return self.access is None or bool(self.access & ADMIN_ACCESS)

    def has(self, account_id: str) -> bool:
        """Say whether somebody is a member."""
        return account_id in self.people or account_id in self.unlisted


def person_of(user: User) -> Person:
    """Return what is kept of a user, without the e-mail."""
    return Person(user.display_name or user.public_name, None, _account_type(user))


def _account_type(user: User) -> str | None:
    """Return one and the same text for all of a type."""
    return sys.intern(user.account_type) if user.account_type else None


def weights(account_ids: Iterable[str]) -> Iterator[int]:
    """Yield what each of these people adds to the digest of a membership."""
    number, sha256 = int.from_bytes, hashlib.sha256
    return (number(sha256(each.encode("utf-8", "surrogatepass")).digest()) for each in account_ids)


def digest_of(account_ids: Iterable[str]) -> str:
    """Return the digest of a set of people, the same in whatever order they come: the sum of their SHA-256."""
    return f"{sum(weights(account_ids)) % MODULUS:064x}"


def in_threads(do: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Do something for each item, several at once, and yield the results in order; the first error ends it."""
    if len(items) < 2:
        yield from map(do, items)
        return
    pool = ThreadPoolExecutor(min(WORKERS, len(items)))
    try:
        yield from pool.map(do, items)
    finally:
        pool.shutdown(cancel_futures=True)


def access_of_groups(client: ConfluenceGroups) -> dict[str, frozenset[str]] | None:
    """Return what each group gives access as, by group id; None where the server does not tell.

    Raises:
        APIError: as for `iter_groups`.
    """

    def read(access_type: AccessType) -> list[str]:
        return [group.id for group in client.iter_groups(access_type=access_type)]

    found: dict[str, set[str]] = {}
    try:
        for access_type, group_ids in zip(ACCESS_TYPES, in_threads(read, ACCESS_TYPES), strict=True):
            for group_id in group_ids:
                found.setdefault(group_id, set()).add(access_type)
    except BadRequestError:
        return None  # a site that does not take this filter
    return {group_id: frozenset(kinds) for group_id, kinds in found.items()}


def members_of(client: ConfluenceGroups, group_id: str, *, emails: bool = False) -> People:
    """Return the members of a group.

    Args:
        client: to read with.
        group_id: of the group.
        emails: whether to keep their e-mails.

    Raises:
        APIError, IncompleteReadError: as for `iter_members`.
    """
    return People.of(client.iter_members(group_id=group_id), emails=emails)


def group_or_none(client: ConfluenceGroups, group_id: str) -> Group | None:
    """Return the group of this id, None where there is none.

    Raises:
        APIError: as for `get_group`.
    """
    try:
        return client.get_group(group_id=group_id)
    except (NotFoundError, BadRequestError):  # some sites answer 400 for an unknown id
        return None


def read_live(client: ConfluenceGroups, group_ids: Sequence[str]) -> Iterable[tuple[str, Membership | None]]:
    """Read these groups as they are now, several at once; None stands for a group that is gone.

    Raises:
        APIError, IncompleteReadError: one could not be read.
    """

    def read(group_id: str) -> Membership | None:
        group = group_or_none(client, group_id)
        return Membership(group, members_of(client, group_id)) if group else None

    return zip(group_ids, in_threads(read, group_ids), strict=True)


def with_unlisted(
    client: ConfluenceGroups, groups: Mapping[str, Membership], unlisted: Sequence[tuple[str, str]]
) -> dict[str, Membership]:
    """Return these groups with those people who are not listed and members all the same, by their own lists of groups.

    Args:
        client: to read with.
        groups: as they are listed.
        unlisted: group ids and account ids to ask for.

    Raises:
        APIError, IncompleteReadError: it could not be read.
    """
    found: dict[str, set[str]] = defaultdict(set)
    answers = in_threads(lambda pair: client.is_member(group_id=pair[0], account_id=pair[1]), unlisted)
    for (group_id, account_id), is_member in zip(unlisted, answers, strict=True):
        if is_member:
            found[group_id].add(account_id)
    return {
        group_id: evolve(each, unlisted=each.unlisted | found[group_id]) if group_id in found else each
        for group_id, each in groups.items()
    }


def unlisted_in(changes: Iterable[Change], groups: Mapping[str, Membership]) -> list[tuple[str, str]]:
    """Return those who are to be removed, or were, and are not listed: a deactivated account never is."""
    return [
        change.key
        for change in changes
        if change.action is Action.REMOVE
        and change.group_id in groups
        and not groups[change.group_id].has(change.account_id)
    ]


def with_access(client: ConfluenceGroups, groups: Mapping[str, Membership]) -> dict[str, Membership]:
    """Return these groups with what they give access as.

    Raises:
        APIError, IncompleteReadError: it could not be read.
    """
    access = access_of_groups(client)
    return {
        group_id: evolve(each, access=None if access is None else access.get(group_id, frozenset()))
        for group_id, each in groups.items()
    }
