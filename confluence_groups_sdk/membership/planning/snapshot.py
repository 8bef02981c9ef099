"""Snapshots of groups: the members of a group and the access that it gives, from which everything is decided."""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from typing import NamedTuple, Self

from attrs import field, frozen

from ...models import Group, User
from ..model.changes import Change
from ..model.plan import PlannedGroup

ADMIN_ACCESS = frozenset({"admin", "site-admin"})
PERSON = "atlassian"  # the account type of people
DIGEST_MODULUS = 1 << 256


class Member(NamedTuple):
    """The facts about a member that plans need."""

    display_name: str | None
    email: str | None
    account_type: str | None
    public_name: str | None = None

    @property
    def is_app(self) -> bool | None:
        """Whether the member is an app; None if the server did not send the account type."""
        return None if self.account_type is None else self.account_type == "app"


@frozen(eq=False)  # compared as a mapping
class Members(Mapping[str, Member]):
    """Members by account id. A group may have a million, so only their texts are kept, and no object for each.

    Attributes:
        names: the display names of all members.
        emails: the e-mails of the members who show theirs, if e-mails were requested.
        account_types: the account types other than ``atlassian``, which nearly all members have.
        public_names: the public names that differ from the display names, if e-mails were requested.
        unidentified: the number of members whom the server listed without an account id.
    """

    names: Mapping[str, str | None]
    emails: Mapping[str, str]
    account_types: Mapping[str, str | None]
    public_names: Mapping[str, str] = field(factory=dict)
    unidentified: int = 0

    @classmethod
    def of(cls, users: Iterable[User], *, emails: bool = False) -> Self:
        """Keep what plans need of users; keep e-mails and public names only on request."""
        names: dict[str, str | None] = {}
        shown: dict[str, str] = {}
        account_types: dict[str, str | None] = {}
        public_names: dict[str, str] = {}
        for user in users:
            account_id = user.account_id
            names[account_id] = user.display_name or user.public_name
            if user.account_type != PERSON:
                account_types[account_id] = _account_type(user)
            if emails and user.email:
                shown[account_id] = user.email
            if emails and user.public_name and user.public_name != names[account_id]:
                public_names[account_id] = user.public_name
        return cls(names, shown, account_types, public_names)

    def __getitem__(self, account_id: str) -> Member:
        return Member(
            self.names[account_id],
            self.emails.get(account_id),
            self.account_types.get(account_id, PERSON),
            self.public_names.get(account_id),
        )

    def __contains__(self, account_id: object) -> bool:
        return account_id in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def keys(self) -> KeysView[str]:
        """Return the account ids as a dict's keys, whose set operations are fast."""
        return self.names.keys()


@frozen
class GroupSnapshot:
    """A group and its members.

    Attributes:
        group: the group.
        members: the listed members, by account id. Deactivated members are not listed
            (docs/confluence-behaviour.md#users).
        access: the access that the group gives; None if the server does not say.
        unlisted: account ids of members who are not listed, but whose own list of groups has this group.
        unidentified: the number of members whom the server listed without an account id. They are not in ``members``,
            and guards and digests leave them out, because it is unknown who they are and whether they are apps.
    """

    group: Group
    members: Mapping[str, Member]
    access: frozenset[str] | None = frozenset()
    unlisted: frozenset[str] = field(default=frozenset())
    unidentified: int = 0

    @property
    def gives_admin(self) -> bool:
        """Whether the group gives admin rights; also true if its access is unknown."""
        return self.access is None or bool(self.access & ADMIN_ACCESS)

    def has_member(self, account_id: str) -> bool:
        """Check whether a user is a member, listed or not."""
        return account_id in self.members or account_id in self.unlisted


def build_snapshot(group: Group, members: Members) -> GroupSnapshot:
    """Return the snapshot of a group with these members; its access is not known yet, and counts as none."""
    return GroupSnapshot(group, members, unidentified=members.unidentified)


def member_from_user(user: User) -> Member:
    """Keep what plans need of a user, without the e-mail."""
    return Member(user.display_name or user.public_name, None, _account_type(user))


def _account_type(user: User) -> str | None:
    """Return the account type as one shared string; the server also sends an empty one, which means unknown."""
    return sys.intern(user.account_type) if user.account_type else None


def member_hashes(account_ids: Iterable[str]) -> Iterator[int]:
    """Yield the number that each account id adds to a digest of members: its SHA-256."""
    number, sha256 = int.from_bytes, hashlib.sha256
    return (number(sha256(each.encode("utf-8", "surrogatepass")).digest()) for each in account_ids)


def members_digest(account_ids: Iterable[str]) -> str:
    """Return the digest of a set of members: the sum of their hashes, which does not depend on the order."""
    return f"{sum(member_hashes(account_ids)) % DIGEST_MODULUS:064x}"


def planned_groups(groups: Mapping[str, GroupSnapshot], changes: Sequence[Change]) -> tuple[PlannedGroup, ...]:
    """Describe the groups that changes affect, for a plan."""
    changed: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        changed[change.group_id].add(change.account_id)
    return tuple(_planned_group(groups[group_id], account_ids) for group_id, account_ids in changed.items())


def _planned_group(snapshot: GroupSnapshot, changed: set[str]) -> PlannedGroup:
    members = snapshot.members
    return PlannedGroup(
        id=snapshot.group.id,
        name=snapshot.group.name,
        access=None if snapshot.access is None else tuple(sorted(snapshot.access)),
        managed_by=snapshot.group.managed_by,
        members=len(members),
        others=len(members) - len(changed & members.keys()),
        digest=members_digest(account_id for account_id in members if account_id not in changed),
    )
