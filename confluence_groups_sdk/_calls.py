"""One pure function an operation: the generated request, and how to read the answer.

Each operation's module is loaded with its first call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import httpx
from attrs import evolve, frozen

from . import _bodies
from ._bodies import Page
from ._generated import models as generated  # all of them here: two threads that load parts of a package may both fail
from .models import Group, User

T = TypeVar("T")

READ_GROUPS = "read:confluence-groups (classic) or read:group:confluence (granular)"
READ_MEMBERS = "read:confluence-groups (classic), or read:group:confluence and read:user:confluence (granular)"
READ_USERS = "read:confluence-user (classic)"
CREATE_GROUPS = "write:confluence-groups (classic), or read:group:confluence and write:group:confluence (granular)"
WRITE_GROUPS = "write:confluence-groups (classic) or write:group:confluence (granular)"


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
    absent: frozenset[int] = frozenset()  # statuses that mean the same as 404
    about: tuple[str, ...] = ()  # the ids in it, for logs, where only their hashes are shown


def groups_page(access_type: str | None, start: int, limit: int) -> Call[Page[Group]]:
    """List groups."""
    from ._generated.api.group import get_groups as operation
    from ._generated.types import UNSET

    access = UNSET if access_type is None else _access_type(access_type)
    request = operation._get_kwargs(start=start, limit=limit, access_type=access)
    return _reading("getGroups", request, _bodies.groups, READ_GROUPS)


def search_page(query: str, start: int, limit: int) -> Call[Page[Group]]:
    """List the groups whose names contain a text."""
    from ._generated.api.group import search_groups as operation

    request = operation._get_kwargs(query=required("query", query), start=start, limit=limit)
    return _reading("searchGroups", request, _bodies.groups, READ_GROUPS)


def members_page(group_id: str, start: int, limit: int, *, counted: bool = False) -> Call[Page[User]]:
    """List a group's members, and count them where asked to. An unknown group has an empty page."""
    from ._generated.api.group import get_group_members_by_group_id as operation

    request = operation._get_kwargs(
        _segment("group_id", group_id), start=start, limit=limit, should_return_total_size=counted
    )
    return _reading("getGroupMembersByGroupId", request, _bodies.users, READ_MEMBERS, about=(group_id,))


def memberships_page(account_id: str, start: int, limit: int) -> Call[Page[Group]]:
    """List the groups that a user is in."""
    from ._generated.api.users import get_group_memberships_for_user as operation

    request = operation._get_kwargs(account_id=required("account_id", account_id), start=start, limit=limit)
    return _reading("getGroupMembershipsForUser", request, _bodies.groups, READ_USERS, about=(account_id,))


def get_group(group_id: str) -> Call[Group]:
    """Read a group."""
    from ._generated.api.group import get_group_by_group_id as operation

    request = operation._get_kwargs(id=required("group_id", group_id))
    return _reading("getGroupByGroupId", request, _bodies.group, READ_GROUPS, about=(group_id,))


def check_group(group_id: str) -> Call[Group]:
    """Read a group only to see that it is there; some sites answer 400 and not 404 for one that is not."""
    return evolve(get_group(group_id), absent=frozenset({400}))


def get_user(account_id: str) -> Call[User]:
    """Read a user."""
    from ._generated.api.users import get_user as operation

    request = operation._get_kwargs(account_id=required("account_id", account_id))
    return _reading("getUser", request, _bodies.user, READ_USERS, about=(account_id,))


def current_user() -> Call[User]:
    """Read who is calling."""
    from ._generated.api.users import get_current_user as operation

    return _reading("getCurrentUser", operation._get_kwargs(), _bodies.user, READ_USERS)


def create_group(name: str) -> Call[Group]:
    """Make a group: not repeatable, since a second one of the name would be refused or made."""
    from ._generated.api.group import create_group as operation

    request = operation._get_kwargs(body=generated.GroupName(name=required("name", name)))
    return _writing("createGroup", request, _bodies.group, 201, scopes=CREATE_GROUPS)


def delete_group(group_id: str) -> Call[None]:
    """Delete a group: not repeatable, since the second answer would be that there is no such group."""
    from ._generated.api.group import remove_group_by_id as operation

    request = operation._get_kwargs(id=required("group_id", group_id))
    return _writing("removeGroupById", request, _bodies.nothing, 204, about=(group_id,))


def add_member(group_id: str, account_id: str) -> Call[None]:
    """Add a user to a group: not repeatable, since nothing says how Confluence answers for a member."""
    from ._generated.api.group import add_user_to_group_by_group_id as operation

    request = operation._get_kwargs(
        group_id=required("group_id", group_id), body=generated.AccountId(account_id=required("account_id", account_id))
    )
    return _writing("addUserToGroupByGroupId", request, _bodies.nothing, 201, about=(group_id, account_id))


def remove_member(group_id: str, account_id: str) -> Call[None]:
    """Remove a user from a group: repeatable, since Confluence answers 204 for a user who is no member, too."""
    from ._generated.api.group import remove_member_from_group_by_group_id as operation

    request = operation._get_kwargs(
        group_id=required("group_id", group_id), account_id=required("account_id", account_id)
    )
    return _writing(
        "removeMemberFromGroupByGroupId",
        request,
        _bodies.nothing,
        204,
        repeatable=True,
        about=(group_id, account_id),
    )


def required(name: str, value: str) -> str:
    """Return the argument as it is, as plain text: opaque, but never empty.

    Raises:
        ValueError: it is empty, blank, no text, or no valid Unicode.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {type(value).__name__}")
    if not value or value.isspace():
        given = " as Confluence shows it" if name.endswith("_id") else ""
        raise ValueError(f"{name} is empty: give it{given}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half of a surrogate pair, which cannot be sent") from None
    return str.__str__(value)  # an Enum that is text, too, would format itself as its name


def _segment(name: str, value: str) -> str:
    """Return an id for a path, where dots alone would lead elsewhere."""
    text = required(name, value)
    if text in (".", ".."):
        raise ValueError(f"{name} is {text!r}, which stands for another address: give it as Confluence shows it")
    return text


def _access_type(value: str) -> Any:
    try:
        return generated.AccessType(value)
    except ValueError:
        raise ValueError(f"access_type must be one of {', '.join(generated.AccessType)}") from None


def _reading(
    operation: str,
    request: Mapping[str, Any],
    read: Callable[[httpx.Response], T],
    scopes: str,
    *,
    about: tuple[str, ...] = (),
) -> Call[T]:
    return Call(operation, request, read, success=200, repeatable=True, writes=False, scopes=scopes, about=about)


def _writing(
    operation: str,
    request: Mapping[str, Any],
    read: Callable[[httpx.Response], T],
    success: int,
    *,
    repeatable: bool = False,
    scopes: str = WRITE_GROUPS,
    about: tuple[str, ...] = (),
) -> Call[T]:
    return Call(operation, request, read, success, repeatable, writes=True, scopes=scopes, about=about)
