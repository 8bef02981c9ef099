"""The rows of a review sheet, from a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from ..._support.public import public
from ...errors import InputError, ReviewError
from ..model.decisions import DecidedMembership, Decision, Decisions, Key
from ..model.sheet_row import UNKNOWN_ACCESS, SheetRow
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import SnapshotGroup, SnapshotUser
from .reviewer_map import ReviewerMap
from .row_filter import RowFilter

ORDERS = ("group", "user")
GUEST = "guest"


@public
def sheet_rows(
    snapshot: Snapshot,
    *,
    by: str = "group",
    only: str | Iterable[str] = (),
    reviewers: ReviewerMap | None = None,
    previous: Decisions | None = None,
) -> list[SheetRow]:
    """Build the rows of a review sheet: one for each membership of the snapshot.

    Exceptions of the previous review that have not ended on the day of the snapshot are filled in, with their end,
    reviewer and comment. Where an exception has ended, the decision is empty, and the comment says when it ended.

    Args:
        snapshot: the memberships.
        by: ``group`` to sort by group and then by member, ``user`` to sort by member and then by group.
        only: conditions such as ``access=admin``, ``group=editors`` and ``account_type=guest``. Conditions on the same
            property widen the choice, and conditions on different ones narrow it.
        reviewers: who reviews each membership, for the column ``reviewer``.
        previous: the decisions of the previous review.

    Raises:
        InputError: ``by`` or a condition is not understood.
        ReviewError: the previous decisions are about another site.
    """
    if by not in ORDERS:
        raise InputError(f"rows cannot be sorted by {by}: give {' or '.join(ORDERS)}", option="by")
    chosen = RowFilter.parse([only] if isinstance(only, str) else only, snapshot)
    exceptions = _find_exceptions(snapshot, previous)
    today = snapshot_day(snapshot)
    rows = [
        _build_row(
            snapshot,
            group,
            user,
            reviewers=reviewers,
            exception=exceptions.get((group.id, account_id)),
            today=today,
        )
        for group in snapshot.groups
        if chosen.takes_group(group)
        for account_id in group.members
        if chosen.takes_user(user := snapshot.users[account_id])
    ]
    rows.sort(key=_by_group if by == "group" else _by_user)
    return rows


def snapshot_day(snapshot: Snapshot) -> date:
    """Return the day on which the snapshot was taken (UTC).

    Raises:
        ReviewError: the snapshot has no valid time.
    """
    try:
        return date.fromisoformat(snapshot.ended_at[:10])
    except ValueError:
        raise ReviewError(f"the snapshot has no valid time: {snapshot.ended_at}") from None


def format_access(group: SnapshotGroup) -> str:
    """Format the types of access that a group gives, for a cell."""
    return UNKNOWN_ACCESS if group.access is None else ", ".join(sorted(group.access))


def format_account_type(user: SnapshotUser) -> str:
    """Format a user's account type for a cell, with ``guest`` added for guests."""
    return ", ".join([*filter(None, [user.account_type]), *([GUEST] if user.is_guest else [])])


def _find_exceptions(snapshot: Snapshot, previous: Decisions | None) -> Mapping[Key, DecidedMembership]:
    if previous is None:
        return {}
    if previous.site != snapshot.site:
        raise ReviewError(f"the previous decisions are about {previous.site}, and the snapshot is of {snapshot.site}")
    return {each.key: each for each in previous.of(Decision.EXCEPTION)}


def _build_row(
    snapshot: Snapshot,
    group: SnapshotGroup,
    user: SnapshotUser,
    *,
    reviewers: ReviewerMap | None,
    exception: DecidedMembership | None,
    today: date,
) -> SheetRow:
    decided = {"reviewer": reviewers.reviewer_of(group.id, user.account_id) if reviewers else ""}
    if exception is not None and exception.until is not None:
        end = exception.until.isoformat()
        if exception.until >= today:
            decided = {
                "decision": exception.decision.value,
                "until": end,
                "reviewer": exception.reviewer,
                "comment": exception.comment or "",
            }
        else:
            decided["comment"] = f"exception ended on {end}"
    return SheetRow(
        group_id=group.id,
        group=group.name,
        account_id=user.account_id,
        name=user.name or "",
        email=user.email or "",
        account_type=format_account_type(user),
        status=user.status or "",
        access=format_access(group),
        snapshot=snapshot.digest,
        **decided,
    )


def _by_group(row: SheetRow) -> tuple[str, ...]:
    return row.group.casefold(), row.group, row.group_id, row.name.casefold(), row.name, row.account_id


def _by_user(row: SheetRow) -> tuple[str, ...]:
    return row.name.casefold(), row.name, row.account_id, row.group.casefold(), row.group, row.group_id
