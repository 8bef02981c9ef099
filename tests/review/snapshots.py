"""Snapshots for tests, without a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluence_groups_sdk.review import Selection, Snapshot, SnapshotGroup, SnapshotUser

NOW = "2026-11-29T12:00:00Z"
LATER = "2026-12-29T12:00:00Z"


def user(account_id: str, name: str | None = None, **facts: object) -> SnapshotUser:
    """Return a person; the name is that of the account unless it is given."""
    described = {"email": f"{account_id}@example.com", "account_type": "atlassian", "is_guest": False} | facts
    return SnapshotUser(account_id=account_id, name=name or account_id.title(), **described)  # type: ignore[arg-type] # facts


def group(
    group_id: str,
    *members: str,
    name: str | None = None,
    access: Sequence[str] | None = (),
    managed_by: str | None = None,
    failure: str | None = None,
) -> SnapshotGroup:
    """Return a group; with a failure, its list of members is not complete."""
    return SnapshotGroup(
        id=group_id,
        name=name or f"group {group_id}",
        managed_by=managed_by,
        access=None if access is None else tuple(access),
        members=tuple(sorted(members)),
        is_complete=failure is None,
        known_by=failure or "the list ended",
        read_at=NOW,
    )


def snapshot(
    *groups: SnapshotGroup,
    users: Iterable[SnapshotUser] = (),
    selection: Selection | None = None,
    site: str = "example.atlassian.net",
    at: str = NOW,
) -> Snapshot:
    """Return a snapshot; members that are not given are described by their account ids."""
    members = {each for one in groups for each in one.members}
    described = {each: user(each) for each in sorted(members)} | {each.account_id: each for each in users}
    return Snapshot(
        site=site,
        taken_by="auditor",
        started_at=at,
        ended_at=at,
        selection=selection or Selection(),
        groups=tuple(sorted(groups, key=lambda each: each.id)),
        users=described,
    )
