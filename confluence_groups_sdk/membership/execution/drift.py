"""Drift: the differences between the groups as a plan describes them and the groups now; one function for each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

from ..model.changes import Action, Change, Key
from ..model.plan import Plan, PlannedGroup
from ..planning.snapshot import DIGEST_MODULUS, GroupSnapshot, member_hashes, members_digest


def differences(
    plan: Plan, live: Mapping[str, GroupSnapshot], pending: Iterable[Change], in_doubt: Container[Key] = ()
) -> tuple[str, ...]:
    """Return what has changed since the plan was made, one line each. Groups without pending changes do not matter.

    Args:
        plan: the plan, with the digests of its groups.
        live: the groups as they are now; groups that no longer exist are missing.
        pending: the changes that are not finished.
        in_doubt: the keys of changes that an earlier run may have made; both states are expected.
    """
    planned: dict[str, set[str]] = defaultdict(set)
    for change in plan.changes:
        planned[change.group_id].add(change.account_id)
    pending_by_group: dict[str, list[Change]] = defaultdict(list)
    for change in pending:
        pending_by_group[change.group_id].append(change)
    lines: list[str] = []
    for group in plan.groups:
        if group.id in pending_by_group:
            expected = [change for change in pending_by_group[group.id] if change.key not in in_doubt]
            lines += _group_differences(group, live.get(group.id), expected, planned[group.id])
    return tuple(lines)


def _group_differences(
    group: PlannedGroup, live: GroupSnapshot | None, expected: Iterable[Change], planned: set[str]
) -> Iterator[str]:
    if live is None:
        yield _missing_group(group)
        return
    for change in expected:
        if difference := _changed_membership(group, live, change):
            yield difference
    others = [account_id for account_id in live.members if account_id not in planned]
    digest = members_digest(others)
    if digest != group.digest:
        yield _new_member(group, live, others, digest) or _other_members(group, others)


def _missing_group(group: PlannedGroup) -> str:
    return f"{group.name} ({group.id}): the group no longer exists"


def _changed_membership(group: PlannedGroup, live: GroupSnapshot, change: Change) -> str | None:
    """Describe the removal of a user who is not a member, or the addition of a member."""
    if live.has_member(change.account_id) is (change.action is Action.REMOVE):
        return None
    state = "is no longer a member" if change.action is Action.REMOVE else "is already a member"
    return f"{group.name}: {change.display_name or change.account_id} ({change.account_id}) {state}"


def _new_member(group: PlannedGroup, live: GroupSnapshot, others: list[str], digest: str) -> str | None:
    """Describe a new member if that is the only difference: the digests then differ by this member's hash."""
    added = (int(digest, 16) - int(group.digest, 16)) % DIGEST_MODULUS
    hashes = zip(others, member_hashes(others), strict=True)
    account_id = next((account_id for account_id, member_hash in hashes if member_hash == added), None)
    if account_id is None:
        return None
    return f"{group.name}: {live.members[account_id].display_name or account_id} ({account_id}) has become a member"


def _other_members(group: PlannedGroup, others: list[str]) -> str:
    return (
        f"{group.name}: apart from the accounts in the plan, it had {group.others} members and now has {len(others)}, "
        "and they are not the same"
    )
