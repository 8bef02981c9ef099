"""The groups of a snapshot, and the access that they give: read from lists, each of them once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from attrs import evolve, frozen

from ..._support.concurrency.threads import map_in_threads
from ...client import ConfluenceGroups
from ...errors import BadRequestError, ReviewError
from ...membership import resolve_groups
from ...models import AccessType, Group
from ..model.snapshot_parts import Selection

ACCESS_TYPES: tuple[AccessType, ...] = get_args(AccessType)
NO_ACCESS_LISTS = "this site does not say which groups give access: ask for all groups, or name the groups"

AccessLists = Mapping[AccessType, Sequence[Group]]


@frozen
class Request:
    """What the caller asks for: all groups, or the union of two lists.

    Attributes:
        groups: ids or exact names of groups; None for none.
        access: types of access; None for none.
    """

    groups: tuple[str, ...] | None
    access: tuple[AccessType, ...] | None


@frozen
class SelectedGroups:
    """The groups to read.

    Attributes:
        selection: what was asked for, with the ids of named groups.
        groups: the groups by id, in the order of their ids.
        access: the access that groups give, by group id; None if the site does not say.
    """

    selection: Selection
    groups: Mapping[str, Group]
    access: Mapping[str, tuple[str, ...]] | None


def check_request(groups: Iterable[str] | None, access: Iterable[str] | None) -> Request:
    """Check what the caller asks for, before anything is sent.

    Raises:
        TypeError: one string was given instead of several.
        ValueError: a list is empty, or a type of access is unknown.
    """
    for name, value in (("groups", groups), ("access", access)):
        if isinstance(value, str):
            raise TypeError(f"{name}: give a list, not one string")
    named = None if groups is None else tuple(groups)
    wanted = None if access is None else tuple(access)
    if named == () or wanted == ():
        raise ValueError("groups and access: give at least one, or None for no restriction")
    if unknown := [each for each in wanted or () if each not in ACCESS_TYPES]:
        raise ValueError(f"access: {unknown[0]!r} is none of {', '.join(ACCESS_TYPES)}")
    return Request(named, tuple(each for each in ACCESS_TYPES if each in wanted) if wanted else None)


def select_groups(client: ConfluenceGroups, request: Request) -> SelectedGroups:
    """Read the lists of groups that give access, and the groups that were asked for.

    Raises:
        ReviewError: groups were asked for by access, and the site does not support this filter.
        InputError: a group was not found, or several have its name.
        APIError, IncompleteReadError: a list cannot be read.
    """
    lists = _read_access_lists(client)
    named: list[Group] = []
    if request.groups is None and request.access is None:
        found = [*client.iter_groups(), *_all_in(lists)]
    else:
        if request.access and lists is None:
            raise ReviewError(NO_ACCESS_LISTS)
        named = list(resolve_groups(client, request.groups).values()) if request.groups else []
        found = [*named, *(group for each in request.access or () for group in (lists or {})[each])]
    groups = _merge(found, _all_in(lists))
    selection = Selection(
        all_groups=request.groups is None and request.access is None,
        access=request.access or (),
        group_ids=tuple(sorted({group.id for group in named})),
    )
    return SelectedGroups(selection, groups, None if lists is None else _access_by_group(lists))


def _read_access_lists(client: ConfluenceGroups) -> AccessLists | None:
    """Return the groups that give each type of access; None if the site does not support this filter.

    `read_access` reads the same lists, but it does not return the groups, which would then be read twice.
    """

    def read(access_type: AccessType) -> list[Group]:
        return list(client.iter_groups(access_type=access_type))

    try:
        return dict(zip(ACCESS_TYPES, map_in_threads(read, ACCESS_TYPES), strict=True))
    except BadRequestError:
        return None


def _all_in(lists: AccessLists | None) -> list[Group]:
    return [group for groups in (lists or {}).values() for group in groups]


def _merge(groups: Iterable[Group], known: Iterable[Group]) -> dict[str, Group]:
    """Return each group once, by id; who manages it may be known from another list only."""
    managed_by = {group.id: group.managed_by for group in known if group.managed_by}
    first: dict[str, Group] = {}
    for group in groups:
        first.setdefault(group.id, group)
    return {
        group_id: evolve(group, managed_by=group.managed_by or managed_by.get(group_id))
        for group_id, group in sorted(first.items())
    }


def _access_by_group(lists: AccessLists) -> dict[str, tuple[str, ...]]:
    access: dict[str, list[str]] = defaultdict(list)
    for access_type, groups in lists.items():
        for group_id in dict.fromkeys(group.id for group in groups):
            access[group_id].append(access_type)
    return {group_id: tuple(sorted(types)) for group_id, types in access.items()}
