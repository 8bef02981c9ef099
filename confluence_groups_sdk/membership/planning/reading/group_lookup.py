"""Look up groups by id or exact name, with as few calls as possible.

A group's name may be another group's id. Confluence's ids are UUIDs (docs/confluence-behaviour.md#identifiers), so a
text that looks like an id is looked up by id first, and the id wins; any other text is searched for by name first.

The list of all groups has up to 200 groups a page, so it answers many look-ups at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import islice

from attrs import evolve

from ...._support.concurrency.threads import map_in_threads
from ....client import ConfluenceGroups
from ....errors import APIError, BadRequestError, NotFoundError
from ....models import Group
from .read_errors import READ_ERRORS, name_group

MANY = 20  # look-ups, from which on a page of the list of all groups is read first: it costs 1/20 of them
PAGE_SIZE = 200  # groups
MIN_ID_LENGTH = 20


def is_id_like(text: str) -> bool:
    """Check whether a text looks like a group's id: long, without spaces, and with a digit."""
    return len(text) >= MIN_ID_LENGTH and not any(map(str.isspace, text)) and any(map(str.isdigit, text))


def is_looked_up_by_id_first(text: object) -> bool:
    """Check whether the look-up by id comes first; it also rejects an empty text and what is no text."""
    return not isinstance(text, str) or not text.strip() or is_id_like(text)


def find_group(client: ConfluenceGroups, group_id: str) -> Group | None:
    """Return the group with this id, or None.

    An unknown id gets 404 from some sites and 400 from others (docs/confluence-behaviour.md#pagination).

    Raises:
        APIError: as for `get_group`.
    """
    try:
        return client.get_group(group_id=group_id)
    except (NotFoundError, BadRequestError):
        return None


def find_groups_by_name(client: ConfluenceGroups, name: str) -> list[Group]:
    """Return the groups with exactly this name; the search itself also finds parts of names.

    Raises:
        APIError, IncompleteReadError: as for `search_groups`.
    """
    return [group for group in client.search_groups(query=name) if group.name == name]


def find_groups(client: ConfluenceGroups, id_or_name: str) -> list[Group]:
    """Return the group with this id or the groups with exactly this name; see above for what comes first.

    Raises:
        ValueError: the text is empty.
        APIError, IncompleteReadError: as for `get_group` and `search_groups`.
    """
    by_id_first = is_looked_up_by_id_first(id_or_name)
    if not by_id_first and (named := find_groups_by_name(client, id_or_name)):
        return named
    if group := find_group(client, id_or_name):
        return [group]
    return find_groups_by_name(client, id_or_name) if by_id_first else []


def find_many_groups(
    client: ConfluenceGroups, texts: Iterable[str], *, by_name: bool = False
) -> dict[str, list[Group]]:
    """Return the groups with each of these ids or exact names: first those in the list of all groups, if it pays.

    Args:
        client: reads the groups, several at the same time.
        texts: ids or exact names.
        by_name: whether the texts are names, and no ids.

    Raises:
        APIError, IncompleteReadError: as for `get_group` and `search_groups`.
    """
    given = list(dict.fromkeys(texts))
    found = find_listed_groups(client, given, len(given) // MANY, by_name=by_name) if len(given) >= MANY else {}
    find = find_groups_by_name if by_name else find_groups
    left = [text for text in given if text not in found]
    found |= zip(left, map_in_threads(lambda text: find(client, text), left), strict=True)
    return {text: found[text] for text in given}


def find_listed_groups(
    client: ConfluenceGroups, texts: Collection[str], max_pages: int, *, by_name: bool = False
) -> dict[str, list[Group]]:
    """Return the groups that the first pages of the list of all groups have, by id or exact name.

    A text that is not in the list may still exist. Names count only if the whole list was read, because several groups
    may have the same name; so do texts that do not look like ids. If the list cannot be read, nothing is found.

    Args:
        client: reads the list.
        texts: ids or exact names.
        max_pages: how many pages of 200 groups may be read. If the server sends smaller ones, as many groups are read.
        by_name: whether the texts are names, and no ids.
    """
    wanted_ids = {text for text in texts if not by_name and is_id_like(text)}
    if len(wanted_ids) == len(texts):
        return {group_id: [group] for group_id, group in find_listed_ids(client, wanted_ids, max_pages).items()}
    wanted = set(texts)
    listed, is_complete = _read_groups(client, max_pages)
    ids = {group.id: [group] for group in listed if group.id in wanted and not by_name}
    names: dict[str, list[Group]] = defaultdict(list)
    for group in listed if is_complete else ():
        if group.name in wanted:
            names[group.name].append(group)
    sure = {text: groups for text, groups in ids.items() if text in wanted_ids}
    return {**ids, **names, **sure} if is_complete else sure


def find_listed_ids(client: ConfluenceGroups, group_ids: Collection[str], max_pages: int) -> dict[str, Group]:
    """Return the groups with these ids that the first pages of the list of all groups have.

    No page is read after the last of these groups. If the list cannot be read, nothing is found.
    """
    wanted, found = set(group_ids), dict[str, Group]()
    try:
        for group in islice(client.iter_groups(), max_pages * PAGE_SIZE) if max_pages else ():
            if group.id in wanted:
                found[group.id] = group
                if len(found) == len(wanted):
                    break
    except READ_ERRORS:
        return {}
    return found


def _read_groups(client: ConfluenceGroups, max_pages: int) -> tuple[list[Group], bool]:
    """Return the groups of the first pages, and whether these are all; none if the list cannot be read."""
    if not max_pages:
        return [], False
    try:
        groups = list(islice(client.iter_groups(), max_pages * PAGE_SIZE))
    except READ_ERRORS:
        return [], False
    return groups, len(groups) < max_pages * PAGE_SIZE


def refresh_groups(client: ConfluenceGroups, groups: Iterable[Group], max_calls: int) -> dict[str, Group]:
    """Return groups as they are now, as far as this takes no more than so many calls; the others are left out.

    Raises:
        APIError: a group could not be read; the error names it.
    """

    def find(group: Group) -> Group | None:
        try:
            return find_group(client, group.id)
        except APIError as error:
            name_group(error, group.name, group.id)
            raise

    known = {group.id: group for group in groups}
    if len(known) > max_calls:
        found = find_listed_ids(client, known, max_calls)
    else:
        found = {group.id: group for group in map_in_threads(find, list(known.values())) if group}
    return {group_id: update_group(known[group_id], group) for group_id, group in found.items()}


def update_group(known: Group, fresh: Group) -> Group:
    """Return a group as it is now; what the server did not say this time stays as it was known."""
    return fresh if fresh.managed_by or not known.managed_by else evolve(fresh, managed_by=known.managed_by)
