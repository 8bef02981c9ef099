"""The planner of `undo`: a plan from changes to reverse."""

from __future__ import annotations

from collections.abc import Sequence

from ..._support.clock import Clock
from ...client import ConfluenceGroups
from ..model.changes import Action, Change, OnProgress, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan
from .plan_builder import NO_GROUP, PlanBuilder
from .snapshot import add_unlisted_members, unlisted_changes


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
    builder = PlanBuilder(client, guards, clock, on_progress)
    builder.read({change.group_id: change.group_name for change in changes})
    builder.groups = add_unlisted_members(client, builder.groups, unlisted_changes(changes, builder.groups))
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
