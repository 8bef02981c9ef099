"""What a snapshot says about a group and its members, from what was read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve

from ..._support.text import escape_controls
from ...errors import APIError
from ...membership import GroupMembers
from ...models import Group, User
from ..model.snapshot_parts import SnapshotGroup, SnapshotUser


def describe_group(group: Group, read: GroupMembers, read_at: str) -> SnapshotGroup:
    """Return a group as a snapshot has it, but without the access that it gives.

    Args:
        group: the group, from a list of groups.
        read: what reading its members has shown.
        read_at: when reading them began, in ISO 8601 (UTC).
    """
    doubts = list(_doubts(read))
    return SnapshotGroup(
        id=group.id,
        name=group.name,
        type=group.type,
        managed_by=group.managed_by,
        members=tuple(sorted(user.account_id for user in read.members)),
        is_complete=not doubts,
        known_by="; ".join(doubts) or _how_the_end_is_known(read),
        read_at=read_at,
        stated_total=read.stated_total,
        unidentified=read.unidentified,
    )


def complete_group(found: SnapshotGroup, group: Group, access: Mapping[str, tuple[str, ...]] | None) -> SnapshotGroup:
    """Return a group with what the lists of groups say about it now; an earlier run may have read its members.

    Args:
        found: the group with its members.
        group: the group as a list has it.
        access: the access that groups give, by group id; None if the site does not say.
    """
    return evolve(
        found,
        name=group.name,
        type=group.type,
        managed_by=group.managed_by,
        access=None if access is None else access.get(group.id, ()),
    )


def describe_users(users: Iterable[User], known: Mapping[str, SnapshotUser]) -> dict[str, SnapshotUser]:
    """Return the users who are not known yet, or whose description has changed since, by account id."""
    described = map(_describe_user, users)
    return {user.account_id: user for user in described if known.get(user.account_id) != user}


def _describe_user(user: User) -> SnapshotUser:
    return SnapshotUser(
        account_id=user.account_id,
        name=user.display_name or user.public_name,
        email=user.email or None,
        account_type=_shared(user.account_type),
        is_guest=user.is_guest,
        status=_shared(user.account_status),
    )


def _shared(text: str | None) -> str | None:
    """Return one string for all users."""
    return sys.intern(text) if text else None


def _doubts(read: GroupMembers) -> Iterator[str]:
    """Yield why a list of members is not known to be complete, in words."""
    if read.error is not None:
        why = read.error.description if isinstance(read.error, APIError) else str(read.error)
        yield escape_controls(f"the members cannot be read: {why}")
        return
    if read.unidentified:
        yield (
            "1 member has no account id"
            if read.unidentified == 1
            else f"{read.unidentified:,} members have no account id"
        )


def _how_the_end_is_known(read: GroupMembers) -> str:
    end = read.list_end or "the list was read to its end"
    if read.stated_total is None:
        return end
    if len(read.members) >= read.stated_total:
        return f"{end}, and the stated total of {read.stated_total:,} was reached"
    return f"{end}; the server states a total of {read.stated_total:,}, which may count members who are not listed"
