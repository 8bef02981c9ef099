"""The planners: plans from rows, from a list of members, and from a list of leavers.

A planner reads everything before it decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from ..._support.clock import Clock, SystemClock
from ..._support.public import public
from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...errors import InputError
from ...models import Group
from ..model.changes import OnProgress
from ..model.guards import Guards
from ..model.plan import Plan
from .plan_builder import NO_GROUP, PlanBuilder
from .resolver import NO_PLAN, Resolver
from .rows.given_rows import Accounts, Rows, is_filled, read_given_accounts, read_given_rows
from .rows.resolved_rows import (
    find_synced_group,
    read_memberships,
    read_synced_group,
    resolve_desired,
    resolve_leavers,
    resolve_rows,
)

Mode: TypeAlias = Literal["exact", "add-only", "remove-only"]

MODES: tuple[str, ...] = get_args(Mode)
EMPTY_LIST = (
    "no plan was made: {source} has no accounts, probably because its source failed. If it is meant to be empty, "
    "give allow_empty=True"
)
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
        InputError: a row is malformed, its group or account is unknown or ambiguous, its cells name different people,
            or the members of a group cannot be read; the error names all such rows and groups, and there is no plan.
        APIError, IncompleteReadError: something else could not be read.
    """
    given = read_given_rows(rows)
    builder = PlanBuilder(client=client, guards=guards, clock=clock, on_progress=on_progress)
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
    allow_empty: bool = False,
    reason: str | None = None,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to bring the members of a group into line with a list, as far as ``mode`` allows.

    Args:
        client: reads the group and users.
        group_id: the group's id or exact name.
        account_ids: the users who should be members. An item is an id, an e-mail, a pair of these and a reason, a
            `Row`, or the path (not a string) of a CSV file. An e-mail is searched for in the group, then in all groups
            that give access to Confluence, and found if the user shows it.
        mode: ``exact``; ``add-only`` removes nobody; ``remove-only`` adds nobody.
        allow_empty: whether the list may be empty; usually it is empty because its source failed.
        reason: is recorded with each change whose row has no reason.
        guards: as for `plan_removals`.
        on_progress: as for `plan_removals`.
        clock: as for `plan_removals`.

    Raises:
        ValueError: the mode is unknown.
        InputError: the group, an account or an e-mail is unknown or ambiguous, or the group's members cannot be read;
            the error names all of them. Or the list is empty.
        APIError, IncompleteReadError: something else could not be read.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    _check_reason(reason)
    given = read_given_accounts(account_ids, allow_empty=True)
    builder = PlanBuilder(client=client, guards=guards, clock=clock, on_progress=on_progress)
    builder.notes += given.notes
    group = find_synced_group(builder, given, group_id)
    if not allow_empty and (given.empty_files or not (given.size or given.problems)):
        raise InputError(EMPTY_LIST.format(source=", ".join(given.empty_files) or "the list"), option="allow_empty")
    read_synced_group(builder, given, group)
    desired = resolve_desired(builder, given, group)
    members = builder.groups[group.id].members
    missing = builder.leave_out_unlisted(group, sorted(desired.keys() - members.keys()))
    surplus = sorted(members.keys() - desired.keys())
    if mode != "remove-only":
        for account_id in missing:
            builder.add(group, [account_id], desired[account_id] or reason)
    elif missing:
        builder.notes.append(f"{len(missing)} accounts of the list are not members; this mode adds nobody")
    if mode != "add-only":
        builder.remove([(group.id, account_id, reason) for account_id in surplus])
    elif surplus:
        builder.notes.append(f"{len(surplus)} members are not on the list; this mode removes nobody")
    return builder.build(
        f"sync the members of {group.name} with a list of {format_count(len(desired), 'account')} ({mode})"
    )


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

    The plan skips groups that are in a user's list of groups but no longer exist.

    Args:
        client: reads groups and users, several calls at the same time.
        account_ids: the users who leave. An e-mail is searched for among the members of all groups that give access to
            Confluence, and found if the member shows it. Items are as for `plan_sync`.
        keep_groups: ids or exact names of groups that the users stay in, including names in their own lists of groups.
        reason: is recorded with each change whose row has no reason.
        guards: as for `plan_removals`.
        on_progress: as for `plan_removals`.
        clock: as for `plan_removals`.

    Raises:
        InputError: a group, an account or an e-mail is unknown or ambiguous, or the groups of a user or the members of
            a group cannot be read; the error names all of them.
        APIError, IncompleteReadError: something else could not be read.
    """
    _check_reason(reason)
    builder = PlanBuilder(client=client, guards=guards, clock=clock, on_progress=on_progress)
    to_keep = builder.resolver.find_groups(_check_ids(keep_groups))
    given = read_given_accounts(account_ids)
    builder.notes += given.notes
    leavers = resolve_leavers(builder, given)
    fails = bool(given.problems or builder.unreadable)
    to_read = {} if fails and all(to_keep.values()) else leavers  # a group to keep may be only in their lists
    memberships = read_memberships(builder, given, to_read)
    if given.unreadable:
        to_keep = {each: groups for each, groups in to_keep.items() if groups}  # the others may be in unread lists
    listed = {group.id: group for groups in memberships for group in groups}
    kept = _keep_groups(builder.resolver, to_keep, listed.values())
    builder.raise_problems(given)
    unread = listed.keys() - kept.keys() - builder.groups.keys()  # a search for e-mails has read some
    builder.read(group for group_id, group in listed.items() if group_id in unread)
    removals, gone = [], dict[str, Group]()
    for (account_id, leaver), groups in zip(leavers.items(), memberships, strict=True):
        why = leaver.reason or reason
        if not groups:
            builder.notes.append(f"{leaver.place}: {account_id} is in no group, so there is nothing to remove")
            builder.remember_rows(("", account_id), leaver.rows)
        for group in groups:
            builder.remember_rows((group.id, account_id), leaver.rows)
            if group.id in kept:
                builder.skip_removal(group, account_id, why, "this group is kept")
            elif group.id not in builder.groups:
                gone[group.id] = group
                builder.skip_removal(group, account_id, why, NO_GROUP)
            else:
                removals.append((group.id, account_id, why))
    if gone:
        names = ", ".join(f"{group.name} ({group.id})" for group in gone.values())
        builder.notes.append(f"{format_count(len(gone), 'group')} no longer exist{'s' * (len(gone) == 1)}: {names}")
    builder.remove(removals)
    exception = f" except {', '.join(sorted(group.name for group in kept.values()))}" if kept else ""
    return builder.build(f"remove {format_count(len(leavers), 'user')} from all their groups{exception}")


def _keep_groups(resolver: Resolver, found: Mapping[str, Sequence[Group]], listed: Iterable[Group]) -> dict[str, Group]:
    """Return the groups to keep, by group id; one that the site does not know may be in the users' lists of groups."""
    kept: dict[str, Group] = {}
    for given, groups in found.items():
        candidates = groups or [group for group in listed if given in (group.id, group.name)]
        if group := resolver.choose_group(given, candidates, "keep_groups"):
            kept[group.id] = group
    return kept


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
    raise InputError(NO_PLAN, problems=tuple(problems))
