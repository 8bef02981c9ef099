"""Plans: from rows, from a desired state, from a list of leavers. Everything is read before anything is decided."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, get_args

from .._clock import Clock, SystemClock
from ..client import ConfluenceGroups
from ..errors import InputError
from .changes import Action, Change, Omission
from .csv_input import Row, read_rows
from .draft import Draft, OnProgress
from .guards import Guards
from .live import (
    in_threads,
    unlisted_in,
    with_unlisted,
)
from .plan import Plan

Mode: TypeAlias = Literal["exact", "add-only", "remove-only"]
Rows: TypeAlias = "str | os.PathLike[str] | Iterable[Row | tuple[str, str] | tuple[str, str, str]]"

MODES: tuple[str, ...] = get_args(Mode)
GUARDS = Guards()
CLOCK = SystemClock()


def plan_removals(
    client: ConfluenceGroups,
    rows: Rows,
    *,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to take people out of groups, row by row.

    Args:
        client: to read with, several calls at once.
        rows: pairs of group and account, with a reason as third where there is one; or the path of a CSV file with
            these columns. A group is given by id or exact name, an account by id, or by e-mail where the group's
            members show theirs.
        guards: what must not happen.
        on_progress: called with a `Progress` now and then.
        clock: the time.

    Raises:
        InputError: a row is malformed, or names a group or an e-mail that is unknown or not unique; all such rows are
            named, and there is no plan.
        APIError, IncompleteReadError: something could not be read.
    """
    is_file = isinstance(rows, str | os.PathLike)
    given = read_rows(rows) if isinstance(rows, str | os.PathLike) else _rows(rows)
    draft = Draft(client, guards, clock, on_progress)
    places = [(row, _place(row, number)) for number, row in enumerate(given, 1)]
    by_id = draft.resolve_groups({row.group: place for row, place in places if not row.by_name})
    by_name = draft.resolve_groups({row.group: place for row, place in places if row.by_name}, by_name=True)
    draft.read(
        [group.id for group in (*by_id.values(), *by_name.values())], emails=any("@" in row.account for row in given)
    )
    asked: dict[tuple[str, str], Row] = {}
    for row, place in places:
        group = (by_name if row.by_name else by_id)[row.group]
        if account_id := draft.account_in([group.id], row.account, place):
            asked.setdefault((group.id, account_id), row)
    draft.raise_problems()
    draft.remove([(group_id, account_id, row.reason) for (group_id, account_id), row in asked.items()])
    if repeated := len(given) - len(asked):
        draft.notes.append(f"{repeated} of {len(given)} rows ask for what another row asks for, too")
    source = f" of {os.path.basename(os.fspath(rows))}" if is_file else ""  # type: ignore[arg-type] # a path, as is_file says
    return draft.plan(f"remove by {len(given)} rows{source}")


def plan_sync(
    client: ConfluenceGroups,
    *,
    group_id: str,
    account_ids: Iterable[str],
    mode: Mode = "exact",
    reason: str | None = None,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to make a group's members those of a list.

    Args:
        client: to read with.
        group_id: of the group, or its exact name.
        account_ids: who is to be in it; e-mails only of those who are in it and show theirs.
        mode: ``exact``; ``add-only`` removes nobody; ``remove-only`` adds nobody.
        reason: noted with each change.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        ValueError: there is no such mode.
        InputError: the group, an account or an e-mail is unknown or not unique; all that is wrong is named.
        APIError, IncompleteReadError: something could not be read.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    _check_reason(reason)
    desired = _accounts(account_ids)
    addresses = [account for account in desired if "@" in account]
    draft = Draft(client, guards, clock, on_progress)
    group = draft.resolve_groups({group_id: "group_id"})[group_id]
    draft.read([group.id], emails=bool(addresses))
    for address in addresses:
        del desired[address]
        if account_id := draft.account_in([group.id], address, "account_ids"):
            desired[account_id] = None
    draft.raise_problems()
    people = draft.groups[group.id].people
    missing, surplus = sorted(desired.keys() - people.keys()), sorted(people.keys() - desired.keys())
    if mode != "remove-only":
        draft.add(group, missing, reason)
    elif missing:
        draft.notes.append(f"{len(missing)} of the list are not in the group, and nobody is added")
    if mode != "add-only":
        draft.remove([(group.id, account_id, reason) for account_id in surplus])
    elif surplus:
        draft.notes.append(f"{len(surplus)} members are not on the list, and nobody is removed")
    return draft.plan(f"make the members of {group.name} those of a list of {len(desired)} ({mode})")


def plan_offboarding(
    client: ConfluenceGroups,
    *,
    account_ids: Iterable[str],
    keep_groups: Iterable[str] = (),
    reason: str | None = None,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan to take people out of every group they are in, deactivated accounts too.

    Args:
        client: to read with, several calls at once.
        account_ids: of those who leave; an e-mail is looked for among the members of all groups that give access to
            Confluence, where they show theirs.
        keep_groups: ids or exact names of groups that are left alone.
        reason: noted with each change.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        InputError: a group, an account or an e-mail is unknown or not unique; all that is wrong is named.
        APIError, IncompleteReadError: something could not be read.
    """
    _check_reason(reason)
    draft = Draft(client, guards, clock, on_progress)
    kept = draft.resolve_groups(dict.fromkeys(_accounts(keep_groups), "keep_groups"))
    leavers = draft.known_accounts(list(_accounts(account_ids)))
    memberships = list(in_threads(lambda each: list(client.iter_memberships(account_id=each)), leavers))
    keep = {group.id for group in kept.values()}
    groups = {group.id: group for groups in memberships for group in groups}
    draft.read([group_id for group_id in groups if group_id not in keep])
    removals = []
    for account_id, of_one in zip(leavers, memberships, strict=True):
        for group in of_one:
            if group.id in keep:
                draft.leave_out(group, account_id, reason, "this group is kept")
            else:
                removals.append((group.id, account_id, reason))
    draft.remove(removals)
    but = f", but for {', '.join(sorted(group.name for group in kept.values()))}" if kept else ""
    return draft.plan(f"take {len(leavers)} people out of all their groups{but}")


def reversal(
    client: ConfluenceGroups,
    changes: Sequence[Change],
    in_doubt: Sequence[Change],
    *,
    asked: str,
    guards: Guards,
    on_progress: OnProgress | None,
    clock: Clock,
) -> Plan:
    """Plan changes that reverse others, as far as nobody else has changed the same since; see `undo`."""
    draft = Draft(client, guards, clock, on_progress)
    draft.read_if_there(change.group_id for change in changes)
    draft.groups = with_unlisted(client, draft.groups, unlisted_in(changes, draft.groups))
    for change in changes:
        group = draft.groups.get(change.group_id)
        if group is None:
            draft.left_out.append(Omission(change=change, why="the group is gone"))
        elif group.has(change.account_id) is (change.action is Action.REMOVE):
            draft.wanted.append(change)
        else:
            now = "is a member again" if change.action is Action.ADD else "is no longer a member"
            draft.left_out.append(Omission(change=change, why=f"others have changed this since: {now}"))
    doubt = "it is not known whether this was done: resume the journal first"
    draft.left_out += [Omission(change=change, why=doubt) for change in in_doubt]
    return draft.plan(asked)


def _place(row: Row, number: int) -> str:
    return f"row {number}" if row.line is None else f"line {row.line}"


def _rows(rows: Iterable[Row | tuple[str, ...]]) -> list[Row]:
    found, problems = [], []
    for number, given in enumerate(rows, 1):
        texts = given[:3] if isinstance(given, tuple | list) else ()
        if not 2 <= len(texts) <= 3 or not all(isinstance(each, str) and each.strip() for each in texts[:2]):
            problems.append(f"row {number}: give a pair of group and account, each a text that is not empty")
            continue
        reason = texts[2] if len(texts) == 3 else None
        if reason is not None and not isinstance(reason, str):
            problems.append(f"row {number}: the reason must be a text")
            continue
        row = given if isinstance(given, Row) else Row(texts[0], texts[1])
        found.append(row._replace(group=row.group.strip(), account=row.account.strip(), reason=reason or None))
    if problems:
        raise InputError("no plan was made:", problems=tuple(problems))
    return found


def _check_reason(reason: object) -> None:
    if reason is not None and not isinstance(reason, str):
        raise TypeError("reason must be a text, or None")


def _accounts(given: Iterable[str]) -> dict[str, None]:
    """Return what was given, each once and in order."""
    if isinstance(given, str):
        raise TypeError("give a list of ids, not one text")
    items = list(given)
    texts = [each.strip() for each in items if isinstance(each, str)]
    if len(texts) == len(items) and all(texts):
        return dict.fromkeys(texts)
    problems = [
        f"item {number}: give a text that is not empty"
        for number, each in enumerate(items, 1)
        if not isinstance(each, str) or not each.strip()
    ]
    raise InputError("no plan was made:", problems=tuple(problems))
