"""The groups of users, as their own lists have them: these also show members whom a group's list leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve

from ...._support.concurrency.threads import map_in_threads
from ....client import ConfluenceGroups
from ....errors import IncompleteReadError
from ...model.changes import Action, Change, Key
from ..snapshot import GroupSnapshot

NOBODY: Mapping[str, Collection[str]] = {}


def add_unlisted_members(
    client: ConfluenceGroups,
    groups: Mapping[str, GroupSnapshot],
    unlisted: Sequence[Key],
    known: Mapping[str, Collection[str]] = NOBODY,
) -> dict[str, GroupSnapshot]:
    """Add members who are not listed, such as deactivated ones; their own list of groups shows the membership.

    Args:
        client: reads the users' lists of groups, each once.
        groups: the groups with their listed members.
        unlisted: the group ids and account ids to check.
        known: the ids of all groups of users whose lists were read before, by account id.

    Raises:
        APIError, IncompleteReadError: a list could not be read.
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for group_id, account_id in unlisted:
        asked[account_id].add(group_id)
    found: dict[str, set[str]] = defaultdict(set)
    to_read = [account_id for account_id in asked if account_id not in known]
    read = map_in_threads(lambda account_id: find_memberships(client, account_id, asked[account_id]), to_read)
    for account_id, group_ids in [
        *((each, asked[each].intersection(known[each])) for each in asked if each in known),
        *zip(to_read, read, strict=True),
    ]:
        for group_id in group_ids:
            found[group_id].add(account_id)
    return {
        group_id: evolve(group, unlisted=group.unlisted | found[group_id]) if group_id in found else group
        for group_id, group in groups.items()
    }


def find_memberships(client: ConfluenceGroups, account_id: str, group_ids: Collection[str]) -> set[str]:
    """Return those of these groups that a user is in, from one list, which is read until all of them are found.

    If the list cannot be read to its end, each group is looked for alone, because `is_member` then reads the group.

    Raises:
        APIError, IncompleteReadError: as for `is_member`.
    """
    missing = set(group_ids)
    try:
        for group in client.iter_memberships(account_id=account_id):
            missing.discard(group.id)
            if not missing:
                break
    except IncompleteReadError:
        missing = {each for each in missing if not client.is_member(group_id=each, account_id=account_id)}
    return set(group_ids) - missing


def unlisted_changes(changes: Iterable[Change], groups: Mapping[str, GroupSnapshot]) -> list[Key]:
    """Return the keys of removals whose user is not a listed member: the user may be deactivated."""
    return [
        change.key
        for change in changes
        if change.action is Action.REMOVE
        and change.group_id in groups
        and not groups[change.group_id].has_member(change.account_id)
    ]
