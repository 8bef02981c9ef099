"""The planners: plans from rows, from a list of members, from a list of leavers, and from changes to reverse.

A planner reads everything before it decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, get_args

from ..._support.clock import Clock, SystemClock
from ..._support.public import public
from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...errors import InputError
from ..model.changes import Action, Change, OnProgress, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan
from .given_rows import Accounts, Rows, is_filled, read_given_accounts, read_given_rows
from .parallel import map_in_threads
from .plan_builder import PlanBuilder
from .resolved_rows import resolve_desired, resolve_leavers, resolve_rows
from .row_resolver import has_details
from .snapshot import add_unlisted_members, unlisted_changes

Mode: TypeAlias = Literal["exact", "add-only", "remove-only"]

MODES: tuple[str, ...] = get_args(Mode)
GUARDS = Guards()
CLOCK = SystemClock()


@public
def plan_removals(
    client: ConfluenceGroups,
    rows: Rows,
    *,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to remove users from groups, row by row.

    Args:
        client: reads groups and users, several calls at the same time.
        rows: pairs of group and account, optionally with a reason as the third item; or the path of a CSV file with
            these columns. A group is given by id or exact name; an account by id, or by e-mail if the group's members
            show theirs.
        guards: refuse changes that are probably mistakes.
        on_progress: is called with a `Progress` now and then.
        clock: gives the time of the plan.

    Raises:
        InputError: a row is malformed, its group or account is unknown or ambiguous, or its cells name different
            people; the error names all such rows, and there is no plan.
        APIError, IncompleteReadError: something could not be read.
    """
    given = read_given_rows(rows)
    builder = PlanBuilder(client, guards, clock, on_progress)
    requested = resolve_rows(builder, given)
    builder.remove([(group_id, account_id, row.reason) for (group_id, account_id), row in requested.items()])
    if repeated := given.size - len(requested):
        builder.notes.append(f"{repeated} of {given.size} rows repeat an earlier row")
    source = f" of {given.file}" if given.file else ""
    return builder.build(f"remove the members in {format_count(given.size, 'row')}{source}")


@public
def plan_sync(
    client: ConfluenceGroups,
    *,
    group_id: str,
    account_ids: Accounts,
    mode: Mode = "exact",
    reason: str | None = None,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to bring the members of a group into line with a list, as far as ``mode`` allows.

    Args:
        client: reads the group and users.
        group_id: the group's id or exact name.
        account_ids: the users who should be members; e-mails work only for members who show theirs. An item is an id,
            an e-mail, a pair of these and a reason, a `Row`, or the path (not a string) of a CSV file.
        mode: ``exact``; ``add-only`` removes nobody; ``remove-only`` adds nobody.
        reason: is recorded with each change whose row has no reason.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        ValueError: the mode is unknown.
        InputError: the group, an account or an e-mail is unknown or ambiguous; the error names all of them.
        APIError, IncompleteReadError: something could not be read.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    _check_reason(reason)
    given = read_given_accounts(account_ids)
    builder = PlanBuilder(client, guards, clock, on_progress)
    group = builder.resolver.resolve_groups({group_id: "group_id"})[group_id]
    builder.read([group.id], emails=any(has_details(each.row) for each in given.rows))
    desired = resolve_desired(builder, given, group)
    members = builder.groups[group.id].members
    missing, surplus = sorted(desired.keys() - members.keys()), sorted(members.keys() - desired.keys())
    if mode != "remove-only":
        for account_id in missing:
            builder.add(group, [account_id], desired[account_id] or reason)
    elif missing:
        builder.notes.append(f"{len(missing)} accounts of the list are not members; this mode adds nobody")
    if mode != "add-only":
        builder.remove([(group.id, account_id, reason) for account_id in surplus])
    elif surplus:
        builder.notes.append(f"{len(surplus)} members are not on the list; this mode removes nobody")
    return builder.build(f"sync the members of {group.name} with a list of {len(desired)} accounts ({mode})")


@public
def plan_offboarding(
    client: ConfluenceGroups,
    *,
    account_ids: Accounts,
    keep_groups: Iterable[str] = (),
    reason: str | None = None,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to remove users from all their groups; this works for deactivated accounts too.

    Args:
        client: reads groups and users, several calls at the same time.
        account_ids: the users who leave. An e-mail is searched for among the members of all groups that give access to
            Confluence, and found if the member shows it. Items are as for `plan_sync`.
        keep_groups: ids or exact names of groups that the users stay in.
        reason: is recorded with each change whose row has no reason.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        InputError: a group, an account or an e-mail is unknown or ambiguous; the error names all of them.
        APIError, IncompleteReadError: something could not be read.
    """
    _check_reason(reason)
    builder = PlanBuilder(client, guards, clock, on_progress)
    kept = builder.resolver.resolve_groups(dict.fromkeys(_check_ids(keep_groups), "keep_groups"))
    leavers = resolve_leavers(builder, read_given_accounts(account_ids))
    memberships = list(
        map_in_threads(lambda account_id: list(client.iter_memberships(account_id=account_id)), [*leavers])
    )
    kept_ids = {group.id for group in kept.values()}
    builder.read(group.id for groups in memberships for group in groups if group.id not in kept_ids)
    removals = []
    for (account_id, leaver), groups in zip(leavers.items(), memberships, strict=True):
        if not groups:
            builder.notes.append(f"{leaver.place}: {account_id} is in no group, so there is nothing to remove")
        for group in groups:
            builder.remember_row((group.id, account_id), leaver.given, leaver.person)
            if group.id in kept_ids:
                builder.skip_removal(group, account_id, leaver.reason or reason, "this group is kept")
            else:
                removals.append((group.id, account_id, leaver.reason or reason))
    builder.remove(removals)
    exception = f" except {', '.join(sorted(group.name for group in kept.values()))}" if kept else ""
    return builder.build(f"remove {format_count(len(leavers), 'user')} from all their groups{exception}")


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
        APIError, IncompleteReadError: something could not be read.
    """
    builder = PlanBuilder(client, guards, clock, on_progress)
    builder.read_existing(change.group_id for change in changes)
    builder.groups = add_unlisted_members(client, builder.groups, unlisted_changes(changes, builder.groups))
    for change in changes:
        group = builder.groups.get(change.group_id)
        if group is None:
            builder.skipped.append(SkippedChange(change=change, why="the group no longer exists"))
        elif group.has_member(change.account_id) is (change.action is Action.REMOVE):
            builder.requested.append(change)
        else:
            state = "is a member again" if change.action is Action.ADD else "is no longer a member"
            builder.skipped.append(SkippedChange(change=change, why=f"somebody has changed this since: {state}"))
    doubt = "unknown whether this change was made: resume the journal first"
    builder.skipped += [SkippedChange(change=change, why=doubt) for change in in_doubt]
    return builder.build(asked)


# --- checks of what the caller gives


def _check_reason(reason: object) -> None:
    if reason is not None and not isinstance(reason, str):
        raise TypeError("reason must be a string or None")


def _check_ids(given: Iterable[str]) -> dict[str, None]:
    """Return ids or names without surrounding spaces, each once and in order.

    Raises:
        TypeError: one string was given instead of a list.
        InputError: an item is not a string, or is empty; the error names all such items.
    """
    if isinstance(given, str):
        raise TypeError("give a list of ids, not one string")
    items = list(given)
    if all(map(is_filled, items)):
        return dict.fromkeys(item.strip() for item in items)
    problems = [
        f"item {number}: give a string that is not empty" for number, item in enumerate(items, 1) if not is_filled(item)
    ]
    raise InputError("no plan was made:", problems=tuple(problems))
