"""Reading groups with their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve

from ...._core.call_metadata import record_call_metadata
from ...._support.concurrency.threads import map_in_threads
from ....client import ConfluenceGroups
from ....errors import BadRequestError, NotFoundError
from ....models import Group
from ..snapshot import GroupSnapshot, Members, build_snapshot
from .group_lookup import find_group
from .group_members import list_members
from .read_errors import READ_ERRORS, name_group


def read_group(client: ConfluenceGroups, group: Group, *, emails: bool = False) -> GroupSnapshot | None:
    """Read the listed members of a group; None stands for a group that does not exist.

    A list with members shows that the group exists; after an empty one, `iter_members` checks it
    (docs/confluence-behaviour.md#pagination).

    Args:
        client: reads the members.
        group: the group, as an earlier answer or a plan has it.
        emails: whether to keep the members' e-mails.

    Raises:
        APIError, IncompleteReadError: the members could not be read.
    """
    try:
        return build_snapshot(group, read_members(client, group.id, emails=emails))
    except (NotFoundError, BadRequestError):
        if find_group(client, group.id) is None:
            return None
        raise


def read_live(client: ConfluenceGroups, groups: Mapping[str, Group]) -> Iterable[tuple[str, GroupSnapshot | None]]:
    """Read groups as they are now, several at the same time; None stands for a group that does not exist.

    Args:
        client: reads the groups.
        groups: the groups as a plan has them, by group id.

    Raises:
        APIError, IncompleteReadError: a group could not be read; the error names it.
    """

    def read(group: Group) -> GroupSnapshot | None:
        try:
            return read_group(client, group)
        except READ_ERRORS as error:
            name_group(error, group.name, group.id)
            raise

    return zip(groups, map_in_threads(read, list(groups.values())), strict=True)


def read_members(client: ConfluenceGroups, group_id: str, *, emails: bool = False) -> Members:
    """Read the listed members of a group.

    Args:
        client: reads the members.
        group_id: the group's id.
        emails: whether to keep the members' e-mails.

    Raises:
        APIError, IncompleteReadError: as for `iter_members`.
    """
    with record_call_metadata() as metadata:
        members = Members.of(list_members(client, group_id), emails=emails)
    return evolve(members, unidentified=metadata.unidentified)
