"""The errors that reading a group with its members may raise: about one group, or about the whole site."""

from __future__ import annotations

from ...._support.text import escape_controls
from ....errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    GoneError,
    IncompleteReadError,
    KnownProblem,
    RateLimitError,
)

READ_ERRORS = (APIError, IncompleteReadError)
SITE_ERRORS = (APIConnectionError, AuthenticationError, GoneError, RateLimitError)
"""Errors that the other groups would also meet."""
SITE_PROBLEMS = (KnownProblem.NO_ACCESS, KnownProblem.REDIRECTED, KnownProblem.XSRF_CHECK_FAILED)
"""Problems that the other groups would also meet."""


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
