"""The access that groups give: three lists of groups, which are read once for each plan or run, and only if needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import get_args

from attrs import define, evolve, field, frozen

from ...._support.concurrency.threads import map_in_threads
from ...._support.public import public
from ....client import ConfluenceGroups
from ....errors import BadRequestError
from ....models import AccessType, Group
from ..snapshot import GroupSnapshot
from .group_lookup import update_group
from .read_errors import READ_ERRORS

ACCESS_TYPES: tuple[AccessType, ...] = get_args(AccessType)


@frozen
class AccessLists:
    """The groups that give access.

    Attributes:
        groups: these groups, by id.
        access: the access that each of them gives, by group id; other groups give none.
    """

    groups: Mapping[str, Group]
    access: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, lists: Mapping[AccessType, Sequence[Group]]) -> AccessLists:
        """Return the groups of one list for each type of access."""
        access: dict[str, set[str]] = defaultdict(set)
        for access_type, groups in lists.items():
            for group in groups:
                access[group.id].add(access_type)
        found = {group.id: group for groups in lists.values() for group in groups}
        return cls(found, {group_id: frozenset(types) for group_id, types in access.items()})


@define
class AccessReader:
    """Reads the groups that give access, each list at most once; errors are not kept.

    Attributes:
        client: reads the lists.
    """

    client: ConfluenceGroups
    _lists: dict[AccessType, list[Group]] = field(factory=dict)
    _is_supported: bool = True

    def read_user_groups(self) -> list[Group]:
        """Return the groups that give access to Confluence.

        Raises:
            APIError, IncompleteReadError: as for `iter_groups`.
        """
        if "user" not in self._lists:
            self._lists["user"] = self._read_list("user")
        return self._lists["user"]

    def read(self) -> AccessLists | None:
        """Return all groups that give access; None if the site does not support the filter ``accessType``.

        Raises:
            APIError, IncompleteReadError: as for `iter_groups`.
        """
        missing = [each for each in ACCESS_TYPES if each not in self._lists] if self._is_supported else []
        try:
            self._lists |= zip(missing, map_in_threads(self._read_list, missing), strict=True)
        except BadRequestError:
            self._is_supported = False
        return AccessLists.of(self._lists) if self._is_supported else None

    @property
    def known_groups(self) -> Mapping[str, Group]:
        """The groups in the lists read so far, by id."""
        return {group.id: group for groups in self._lists.values() for group in groups}

    def read_known_groups(self) -> Mapping[str, Group]:
        """Return the groups that give access, by id; none if the lists cannot be read."""
        try:
            lists = self.read()
        except READ_ERRORS:  # raised again if the lists are needed
            return {}
        return lists.groups if lists else {}

    def complete(self, groups: Mapping[str, GroupSnapshot]) -> dict[str, GroupSnapshot]:
        """Add to each group the access that it gives, and replace what is known about it by what the lists say.

        Raises:
            APIError, IncompleteReadError: as for `read`.
        """
        lists = self.read()
        return {group_id: _with_access(snapshot, lists) for group_id, snapshot in groups.items()}

    def _read_list(self, access_type: AccessType) -> list[Group]:
        return list(self.client.iter_groups(access_type=access_type))


@public
def read_access(client: ConfluenceGroups) -> dict[str, frozenset[str]] | None:
    """Read the access that groups give, by group id; None if the site does not support the filter ``accessType``.

    Raises:
        APIError, IncompleteReadError: as for `iter_groups`.
    """
    lists = AccessReader(client).read()
    return dict(lists.access) if lists else None


def _with_access(snapshot: GroupSnapshot, lists: AccessLists | None) -> GroupSnapshot:
    group_id = snapshot.group.id
    if lists is None:
        return evolve(snapshot, access=None)
    fresh = lists.groups.get(group_id)
    group = update_group(snapshot.group, fresh) if fresh else snapshot.group
    return evolve(snapshot, group=group, access=lists.access.get(group_id, frozenset()))
