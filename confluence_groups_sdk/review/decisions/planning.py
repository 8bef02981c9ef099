"""The plan for decided removals: an ordinary plan, with the guards, approval, journal and undo of every plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from attrs import evolve

from ..._support.clock import Clock, SystemClock
from ..._support.public import public
from ..._support.text import escape_controls, format_count
from ...client import ConfluenceGroups
from ...errors import ReviewError
from ...membership import Action, Change, Guards, Plan, Progress, SkippedChange, plan_removals, resolve_groups
from ..model.decisions import DecidedMembership, Decision, Decisions
from ..model.snapshot import Snapshot
from .memberships import Memberships, describe_undecidable

OnProgress: TypeAlias = Callable[[Progress], object]

GUARDS = Guards()
CLOCK = SystemClock()
SHORT_DIGEST = 16  # hexadecimal digits by which the plan names the snapshot and the decisions
NO_GROUP = "the group no longer exists"
NO_ACCOUNT = "there is no account with this id any more"


@public
def plan_decisions(
    client: ConfluenceGroups,
    snapshot: Snapshot,
    decisions: Decisions,
    *,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan the removals that reviewers decided. Nothing is removed until `apply` applies the plan.

    The plan compares the decisions with the groups as they are now. It skips a removal if the group or the account no
    longer exists, or the user is no longer a member.

    Args:
        client: reads groups and users.
        snapshot: the snapshot that was reviewed.
        decisions: the decisions about it.
        guards: refuse changes that are probably mistakes.
        on_progress: is called with a `Progress` now and then.
        clock: gives the time of the plan.

    Raises:
        ReviewError: snapshot or decisions were edited, do not belong together, or are of another site.
        InputError: the members of a group cannot be read.
        APIError, IncompleteReadError: something else could not be read.
    """
    memberships = Memberships(snapshot)
    _check(client, memberships, decisions)
    removals = decisions.of(Decision.REMOVE)
    wanted = dict.fromkeys(each.group_id for each in removals)
    found = resolve_groups(client, wanted, allow_missing=True) if wanted else {}
    groups = {given for given, group in found.items() if group.id == given}
    left = [each for each in removals if each.group_id in groups]
    unknown = _find_unknown_accounts(client, left)
    possible = [each for each in left if each.account_id not in unknown]
    plan = plan_removals(
        client,
        [(each.group_id, each.account_id, reason_of(each)) for each in possible],
        guards=guards,
        on_progress=on_progress,
        clock=clock,
    )
    gone = [_skip(snapshot, each, NO_GROUP) for each in removals if each.group_id not in groups]
    gone += [_skip(snapshot, each, NO_ACCOUNT) for each in left if each.account_id in unknown]
    return evolve(
        plan,
        changes=tuple(_add_email(snapshot, each) for each in plan.changes),
        refused=tuple(evolve(each, change=_add_email(snapshot, each.change)) for each in plan.refused),
        asked=escape_controls(describe_request(decisions)),
        skipped=tuple(evolve(each, change=_add_email(snapshot, each.change)) for each in (*plan.skipped, *gone)),
        notes=(*plan.notes, *map(escape_controls, _notes(snapshot, decisions))),
        digest="",
    )


def _check(client: ConfluenceGroups, memberships: Memberships, decisions: Decisions) -> None:
    """Check that decisions, snapshot and site belong together.

    Raises:
        ReviewError: they do not, or were edited.
    """
    snapshot = memberships.snapshot
    snapshot.check_digest()
    if decisions.digest != decisions.true_digest():
        raise ReviewError("the decisions were edited: their content does not match their digest. Read the sheets again")
    if decisions.snapshot != snapshot.digest:
        raise ReviewError(
            f"the decisions are about another snapshot: they are about {decisions.snapshot}, and this one is "
            f"{snapshot.digest}"
        )
    if snapshot.site != client.site:
        raise ReviewError(
            f"the snapshot is of another site: it is of {snapshot.site}, and this client is for {client.site}"
        )
    if unknown := next((each for each in decisions.decided if each.key not in memberships), None):
        raise ReviewError(f"the snapshot has no member {unknown.account_id} in the group {unknown.group_id}")


def reason_of(decided: DecidedMembership) -> str:
    """Return the reason of a removal, for the record."""
    comment = f": {decided.comment}" if decided.comment else ""
    return f"access review: removed by {decided.reviewer}{comment}"


def describe_request(decisions: Decisions) -> str:
    """Describe what the plan was asked for, with the start of the digests of snapshot and decisions."""
    removals = format_count(len(decisions.of(Decision.REMOVE)), "membership")
    return (
        f"access review: remove {removals} (snapshot {decisions.snapshot[:SHORT_DIGEST]}, decisions "
        f"{decisions.digest[:SHORT_DIGEST]})"
    )


def _find_unknown_accounts(client: ConfluenceGroups, removals: Sequence[DecidedMembership]) -> set[str]:
    account_ids = list(dict.fromkeys(each.account_id for each in removals))
    return set(client.get_users(account_ids=account_ids).missing) if account_ids else set()


def _skip(snapshot: Snapshot, decided: DecidedMembership, why: str) -> SkippedChange:
    group, user = snapshot.group(decided.group_id), snapshot.users[decided.account_id]
    change = Change(
        action=Action.REMOVE,
        group_id=decided.group_id,
        group_name=group.name if group else decided.group_id,
        account_id=decided.account_id,
        display_name=user.name,
        account_type=user.account_type,
        reason=reason_of(decided),
    )
    return SkippedChange(change=change, why=why)


def _add_email(snapshot: Snapshot, change: Change) -> Change:
    """Add the e-mail in the snapshot, by which the plan's approver tells people apart."""
    return change if change.email else evolve(change, email=snapshot.users[change.account_id].email)


def _notes(snapshot: Snapshot, decisions: Decisions) -> Iterator[str]:
    counts = {each: len(decisions.of(each)) for each in Decision}
    yield (
        f"decisions: {counts[Decision.REMOVE]} remove, {counts[Decision.KEEP]} keep, {counts[Decision.EXCEPTION]} "
        f"exception, {len(decisions.undecided)} undecided"
    )
    if own := sum(each.is_own for each in decisions.decided):
        yield f"{format_count(own, 'decision')} about the reviewer's own access, which was allowed"
    yield from describe_undecidable(snapshot)
