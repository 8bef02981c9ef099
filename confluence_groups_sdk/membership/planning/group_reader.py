"""Reading groups with their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._support.concurrency.threads import map_in_threads
from ...client import ConfluenceGroups
from ...errors import BadRequestError, NotFoundError
from .read_errors import READ_ERRORS, name_group
from .resolver import find_group
from .snapshot import GroupSnapshot, build_snapshot, read_members


def read_group(client: ConfluenceGroups, group_id: str, *, emails: bool = False) -> GroupSnapshot | None:
    """Read a group with its listed members; None stands for a group that does not exist.

    An unknown group has an empty list of members, so the group is read too, and after the list, because it may be
    deleted meanwhile (docs/confluence-behaviour.md#pagination).

    Raises:
        APIError, IncompleteReadError: the group could not be read.
    """
    try:
        members = read_members(client, group_id, emails=emails)
    except (NotFoundError, BadRequestError):
        if find_group(client, group_id) is None:
            return None
        raise
    group = find_group(client, group_id)
    return build_snapshot(group, members) if group else None


def read_live(client: ConfluenceGroups, names: Mapping[str, str]) -> Iterable[tuple[str, GroupSnapshot | None]]:
    """Read groups as they are now, several at the same time; None stands for a group that does not exist.

    Args:
        client: reads the groups.
        names: the groups' names by group id, for the errors.

    Raises:
        APIError, IncompleteReadError: a group could not be read; the error names it.
    """

    def read(group_id: str) -> GroupSnapshot | None:
        try:
            return read_group(client, group_id)
        except READ_ERRORS as error:
            name_group(error, names[group_id], group_id)
            raise

    return zip(names, map_in_threads(read, list(names)), strict=True)
