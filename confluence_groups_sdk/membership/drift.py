"""What has changed since a plan was made, and what of it can still be done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from .changes import Action, Change
from .live import MODULUS, Membership, digest_of, weights
from .plan import Plan, PlannedGroup


def differences(
    plan: Plan,
    live: Mapping[str, Membership],
    pending: Iterable[Change],
    doubtful: Container[tuple[str, str]] = (),
) -> tuple[str, ...]:
    """Return what is no longer as it was when the plan was made, a line each.

    Args:
        plan: with the digests of then.
        live: the groups as they are now; those that are gone are missing.
        pending: the changes that are not finished.
        doubtful: those of them that an earlier run may have made: either state is as expected.
    """
    changed: dict[str, set[str]] = defaultdict(set)
    for change in plan.changes:
        changed[change.group_id].add(change.account_id)
    waiting: dict[str, list[Change]] = defaultdict(list)
    for change in pending:
        waiting[change.group_id].append(change)
    lines: list[str] = []
    for group in plan.groups:
        if not waiting[group.id]:
            continue
        if group.id not in live:
            lines.append(f"{group.name} ({group.id}): the group is gone")
            continue
        now = live[group.id]
        for change in waiting[group.id]:
            if change.key in doubtful:
                continue
            if now.has(change.account_id) is not (change.action is Action.REMOVE):
                state = "is no longer a member" if change.action is Action.REMOVE else "is a member already"
                lines.append(f"{group.name}: {change.display_name or change.account_id} ({change.account_id}) {state}")
        lines += _others(group, now, changed[group.id])
    return tuple(lines)


def _others(group: PlannedGroup, now: Membership, changed: set[str]) -> list[str]:
    """Return what is to be said of those whom the plan does not change; a single newcomer is named."""
    others = [account_id for account_id in now.people if account_id not in changed]
    digest = digest_of(others)
    if digest == group.digest:
        return []
    more = (int(digest, 16) - int(group.digest, 16)) % MODULUS
    if newcomer := next((each for each, weight in zip(others, weights(others), strict=True) if weight == more), None):
        name = now.people[newcomer].display_name or newcomer
        return [f"{group.name}: {name} ({newcomer}) has become a member"]
    return [
        f"{group.name}: beside those who are in the plan, it had {group.others} members and has {len(others)}, "
        "and they are not the same people"
    ]
