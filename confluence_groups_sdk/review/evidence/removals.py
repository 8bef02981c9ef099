"""What became of each decided removal: what the plan and the journal say, and what the later snapshot shows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from ...membership import JournalState, Outcome, Result
from ..model.decisions import DecidedMembership, Decision, Key
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import SnapshotGroup
from .parts import Parts


class RemovalState(StrEnum):
    """What became of a decided removal."""

    REMOVED = "removed"
    NOT_A_MEMBER = "no longer a member"
    SKIPPED = "skipped by the plan"
    REFUSED = "refused by a guard"
    FAILED = "failed"
    IN_DOUBT = "in doubt"
    NOT_BEGUN = "not begun"


DONE = (RemovalState.REMOVED, RemovalState.NOT_A_MEMBER, RemovalState.SKIPPED)
"""The states in which nothing is left to do."""
STATE_OF_OUTCOME = {
    Outcome.REMOVED: RemovalState.REMOVED,
    Outcome.NOT_A_MEMBER: RemovalState.NOT_A_MEMBER,
    Outcome.REFUSED: RemovalState.REFUSED,
    Outcome.FAILED: RemovalState.FAILED,
}


class Later(StrEnum):
    """What the later snapshot shows about a membership."""

    NOT_LISTED = "not listed"
    LISTED = "still listed"
    NO_GROUP = "the group no longer exists"
    NOT_SHOWN = "not shown"


@frozen(kw_only=True)
class Removal:
    """A decided removal.

    Attributes:
        decided: the decision.
        group_name: the group's name.
        user_name: the member's name; None if it is unknown.
        state: what became of it.
        why: why it was not made, in words; None if it was.
        request_id: identifies the last request for Atlassian's support; None if none was sent.
        was_lost: whether the response to the removal was lost, so that somebody else may have made it.
        later: what the later snapshot shows.
        later_why: why it shows nothing; None if it shows something.
    """

    decided: DecidedMembership
    group_name: str
    user_name: str | None
    state: RemovalState
    why: str | None = None
    request_id: str | None = None
    was_lost: bool = False
    later: Later
    later_why: str | None = None


def list_removals(parts: Parts) -> list[Removal]:
    """Return what became of each decided removal, in the order of the decisions."""
    groups = {group.id: group for group in parts.snapshot.groups}
    wanted = {each.group_id for each in parts.decisions.of(Decision.REMOVE)}
    after = parts.after.groups if parts.after else ()
    later_groups = {group.id: (group, frozenset(group.members)) for group in after if group.id in wanted}
    refused = {each.change.key: each.why for each in parts.plan.refused}
    skipped = {each.change.key: each.why for each in parts.plan.skipped}
    found = []
    for decided in parts.decisions.of(Decision.REMOVE):
        journal = parts.journal.state if parts.journal else None
        state, why, request_id = _state(decided.key, refused, skipped, journal)
        result = journal.results.get(decided.key) if journal else None
        later, later_why = _later(decided, parts.after, later_groups)
        user = parts.snapshot.users.get(decided.account_id)
        group = groups.get(decided.group_id)
        removal = Removal(
            decided=decided,
            group_name=group.name if group else decided.group_id,
            user_name=user.name if user else None,
            state=state,
            why=why,
            request_id=request_id,
            was_lost=state is RemovalState.REMOVED and result is not None and result.settled,
            later=later,
            later_why=later_why,
        )
        found.append(removal)
    return found


def _state(
    key: Key, refused: Mapping[Key, str], skipped: Mapping[Key, str], journal: JournalState | None
) -> tuple[RemovalState, str | None, str | None]:
    if key in refused:
        return RemovalState.REFUSED, refused[key], None
    if key in skipped:
        return RemovalState.SKIPPED, skipped[key], None
    result: Result | None = journal.results.get(key) if journal else None
    if journal and key in journal.in_doubt:
        error = result.error if result else None
        return RemovalState.IN_DOUBT, error or "the run ended before a response was recorded", None
    if result is None:
        return RemovalState.NOT_BEGUN, "no run has tried it", None
    state = STATE_OF_OUTCOME.get(result.outcome, RemovalState.IN_DOUBT)
    return state, result.error, result.request_id


def _later(
    decided: DecidedMembership, after: Snapshot | None, groups: Mapping[str, tuple[SnapshotGroup, frozenset[str]]]
) -> tuple[Later, str | None]:
    if after is None:
        return Later.NOT_SHOWN, "there is no later snapshot"
    if decided.group_id not in groups:
        if after.selection.all_groups:
            return Later.NO_GROUP, None
        return Later.NOT_SHOWN, "the later snapshot does not have the group"
    group, members = groups[decided.group_id]
    if decided.account_id in members:
        return Later.LISTED, None
    if not group.is_complete:
        return Later.NOT_SHOWN, f"the group's list is not complete ({group.known_by})"
    if group.unidentified:
        return Later.NOT_SHOWN, "the group has members without an account id"
    return Later.NOT_LISTED, None
