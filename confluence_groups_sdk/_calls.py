"""One pure function an operation: the generated request, and how to read the answer.

The generated package is loaded with the first call, not with the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import httpx
from attrs import frozen

T = TypeVar("T")

WRITE_SCOPES = "write:confluence-groups (classic) or write:group:confluence (granular)"


@frozen
class Call(Generic[T]):
    """One API call, ready to send: the generated request and the way to read its answer."""

    operation: str  # the operationId, for logs
    request: Mapping[str, Any]
    read: Callable[[httpx.Response], T]
    success: int  # the one status that means done
    repeatable: bool  # safe to send again when nobody knows whether it arrived
    writes: bool
    scopes: str  # what the operation takes, for whoever lacks it


def remove_member(group_id: str, account_id: str) -> Call[None]:
    """Remove a user from a group: repeatable, since Confluence answers 204 for a user who is no member, too."""
    from ._generated.api.group import remove_member_from_group_by_group_id as operation

    request = operation._get_kwargs(
        group_id=required("group_id", group_id), account_id=required("account_id", account_id)
    )
    return Call(
        operation="removeMemberFromGroupByGroupId",
        request=request,
        read=nothing,
        success=204,
        repeatable=True,
        writes=True,
        scopes=WRITE_SCOPES,
    )


def required(name: str, value: str) -> str:
    """Return the id as it is, as plain text: opaque, but never empty.

    Raises:
        ValueError: it is empty, blank, no text, or no valid Unicode.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {type(value).__name__}")
    if not value or value.isspace():
        raise ValueError(f"{name} is empty: give the id as Confluence shows it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half of a surrogate pair, which no address can carry") from None
    return str.__str__(value)  # an Enum that is text, too, would format itself as its name


def nothing(_response: httpx.Response) -> None:
    """Read an answer that has no body."""
