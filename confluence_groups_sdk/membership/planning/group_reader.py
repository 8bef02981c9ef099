"""Reading a group with its members, and the errors that this may raise: about one group, or about the whole site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._support.text import escape_controls
from ...client import ConfluenceGroups
from ...errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    GoneError,
    IncompleteReadError,
    KnownProblem,
    NotFoundError,
    RateLimitError,
)
from .parallel import map_in_threads
from .resolver import find_group
from .snapshot import GroupSnapshot, build_snapshot, read_members

READ_ERRORS = (APIError, IncompleteReadError)
SITE_ERRORS = (APIConnectionError, AuthenticationError, GoneError, RateLimitError)
"""Errors that the other groups would also meet."""
SITE_PROBLEMS = (KnownProblem.NO_ACCESS, KnownProblem.REDIRECTED, KnownProblem.XSRF_CHECK_FAILED)
"""Problems that the other groups would also meet."""


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


def concerns_site(error: Exception) -> bool:
    """Check whether an error would also meet the other groups."""
    return isinstance(error, SITE_ERRORS) or (isinstance(error, APIError) and error.problem in SITE_PROBLEMS)


def name_group(error: APIError | IncompleteReadError, name: str, group_id: str) -> None:
    """Add to the text of an error which group was being read."""
    where = escape_controls(f"while reading the group {name} ({group_id})")
    if isinstance(error, APIError):
        error.summary = f"{error.summary}, {where}"
    else:
        error.args = (f"{where}: {' '.join(map(str, error.args))}",)


def describe_unreadable_group(error: APIError | IncompleteReadError, name: str, group_id: str) -> str:
    """Say that the members of a group cannot be read, and why."""
    why = error.description if isinstance(error, APIError) else str(error)
    return f"the members of the group {name} ({group_id}) cannot be read: {why}"


def describe_unreadable_user(error: APIError | IncompleteReadError, name: str | None, account_id: str) -> str:
    """Say that the groups of a user cannot be read, and why."""
    why = error.description if isinstance(error, APIError) else str(error)
    return f"the groups of the user {f'{name} ({account_id})' if name else account_id} cannot be read: {why}"
