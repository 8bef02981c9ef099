"""The planner of `undo`: a plan from changes to reverse."""

from __future__ import annotations

from collections.abc import Sequence

from ..._support.clock import Clock
from ...client import ConfluenceGroups
from ...models import Group
from ..model.changes import Action, Change, OnProgress, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan
from .plan_builder import NO_GROUP, PlanBuilder
from .reading.group_lookup import MANY, find_listed_ids
from .reading.memberships import unlisted_changes


def plan_reversal(
    client: ConfluenceGroups,
    changes: Sequence[Change],
    in_doubt: Sequence[Change],
    *,
    asked: str,
    guards: Guards,
    on_progress: OnProgress | None,
    clock: Clock,
) -> Plan:
    """Plan changes that reverse others, except where somebody has changed the membership since; see `undo`.

    Args:
        client: reads the groups.
        changes: the reversing changes.
        in_doubt: changes that may have been made; the plan skips them.
        asked: the request, in words.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        InputError: the members of a group cannot be read.
        APIError, IncompleteReadError: something else could not be read.
    """
    builder = PlanBuilder(client=client, guards=guards, clock=clock, on_progress=on_progress)
    groups = {change.group_id: Group(id=change.group_id, name=change.group_name) for change in changes}
    found = _find_groups(builder, changes)
    builder.read((groups | found).values(), unchecked=groups.keys() - found.keys())
    builder.add_unlisted(unlisted_changes(changes, builder.groups))
    for change in changes:
        group = builder.groups.get(change.group_id)
        if group is None:
            builder.skipped.append(SkippedChange(change=change, why=NO_GROUP))
        elif group.has_member(change.account_id) is (change.action is Action.REMOVE):
            builder.requested.append(change)
        else:
            state = "is a member again" if change.action is Action.ADD else "is no longer a member"
            builder.skipped.append(SkippedChange(change=change, why=f"somebody has changed this since: {state}"))
    doubt = "unknown whether this change was made: resume the journal first"
    builder.skipped += [SkippedChange(change=change, why=doubt) for change in in_doubt]
    return builder.build(asked)


def _find_groups(builder: PlanBuilder, changes: Sequence[Change]) -> dict[str, Group]:
    """Return groups of these changes from lists of groups, as far as this takes fewer calls than to ask for each."""
    ids = {change.group_id for change in changes}
    found: dict[str, Group] = {}
    if any(change.action is Action.REMOVE for change in changes):  # such a plan needs these lists anyway
        known = builder.access.read_known_groups()
        found = {group_id: known[group_id] for group_id in ids if group_id in known}
    left = ids - found.keys()
    return found | find_listed_ids(builder.client, left, len(left) // MANY)
