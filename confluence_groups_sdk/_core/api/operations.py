"""One pure function per operation: it builds the call from the generated request and the way to read the response.

Sources: docs/confluence-behaviour.md#operations, #permissions, #oauth (scopes) and #identifiers.

The generated module of an operation loads with its first call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from attrs import define, evolve

from ..._generated import models as generated
from ..._support.libraries.http import httpx
from ..._support.redaction import hash_id
from ...models import Group, User
from . import deserialization
from .deserialization import Page

T = TypeVar("T")

READ_GROUPS = "read:confluence-groups (classic) or read:group:confluence (granular)"
READ_MEMBERS = "read:confluence-groups (classic), or read:group:confluence and read:user:confluence (granular)"
READ_USERS = "read:confluence-user (classic)"
CREATE_GROUPS = "write:confluence-groups (classic), or read:group:confluence and write:group:confluence (granular)"
WRITE_GROUPS = "write:confluence-groups (classic) or write:group:confluence (granular)"

BULK_LOOKUP = "getBulkUserLookup"
MAX_LOGGED_IDS = 3
MIN_PAGE_SIZE = 25  # pages that are too large for the server are not made smaller than this


@define(eq=False)  # a frozen one would cost each call more; nothing changes it
class Call(Generic[T]):
    """One API call: the generated request and the way to read its response."""

    operation: str  # the operationId, for logs
    request: Mapping[str, Any]
    read: Callable[[httpx.Response], T]
    success: int  # the only status that means success
    repeatable: bool  # safe to send again if it may have arrived
    writes: bool
    scopes: str  # the scopes that the operation requires, for the remedy of MissingScopeError
    not_found: frozenset[int] = frozenset()  # statuses that mean the same as 404
    ids: tuple[str, ...] = ()  # the ids in it, for logs, which show their hashes
    limit: int | None = None  # the maximum number of entries, if it is a page of a list
    smaller: Callable[[], Call[T]] | None = None  # builds the call for a page of half the size, if it may be halved
    check: str = ""  # the method that shows whether a change was made


def log_label(call: Call[Any]) -> str:
    """Name a call in log lines; ids appear as hashes, by which lines can be matched."""
    label = " ".join([call.operation, *(hash_id(each) for each in call.ids[:MAX_LOGGED_IDS])])
    more = len(call.ids) - MAX_LOGGED_IDS
    return f"{label} and {more} more" if more > 0 else label


def groups_page(access_type: str | None, start: int, limit: int) -> Call[Page[Group]]:
    """List groups."""
    from ..._generated.api.group import get_groups as operation
    from ..._generated.types import UNSET

    access = UNSET if access_type is None else _parse_access_type(access_type)
    request = operation._get_kwargs(start=start, limit=limit, access_type=access)
    call = _read_call("getGroups", request, partial(deserialization.groups, requested_limit=limit), READ_GROUPS)
    return _as_page_call(call, limit, partial(groups_page, access_type, start))


def search_page(query: str, start: int, limit: int) -> Call[Page[Group]]:
    """List the groups whose names contain a text."""
    from ..._generated.api.group import search_groups as operation

    request = operation._get_kwargs(query=required("query", query), start=start, limit=limit)
    call = _read_call("searchGroups", request, partial(deserialization.groups, requested_limit=limit), READ_GROUPS)
    return _as_page_call(call, limit, partial(search_page, query, start))


def members_page(group_id: str, start: int, limit: int, *, counted: bool = False) -> Call[Page[User]]:
    """List a group's members, with their total if ``counted``. An unknown group has an empty page."""
    from ..._generated.api.group import get_group_members_by_group_id as operation

    request = operation._get_kwargs(
        _required_segment("group_id", group_id), start=start, limit=limit, should_return_total_size=counted
    )
    read = partial(deserialization.users, requested_limit=limit)
    call = _read_call("getGroupMembersByGroupId", request, read, READ_MEMBERS, ids=(group_id,))
    return _as_page_call(call, limit, partial(members_page, group_id, start, counted=counted))


def memberships_page(account_id: str, start: int, limit: int) -> Call[Page[Group]]:
    """List the groups that a user is in."""
    from ..._generated.api.users import get_group_memberships_for_user as operation

    request = operation._get_kwargs(account_id=required("account_id", account_id), start=start, limit=limit)
    read = partial(deserialization.groups, requested_limit=limit)
    call = _read_call("getGroupMembershipsForUser", request, read, READ_USERS, ids=(account_id,))
    return _as_page_call(call, limit, partial(memberships_page, account_id, start))


def get_group(group_id: str) -> Call[Group]:
    """Read a group."""
    from ..._generated.api.group import get_group_by_group_id as operation

    request = operation._get_kwargs(id=required("group_id", group_id))
    return _read_call("getGroupByGroupId", request, deserialization.group, READ_GROUPS, ids=(group_id,))


def check_group(group_id: str) -> Call[Group]:
    """Check that a group exists; some sites answer 400 instead of 404 (docs/confluence-behaviour.md#pagination)."""
    return evolve(get_group(group_id), not_found=frozenset({400}))


def get_user(account_id: str) -> Call[User]:
    """Read a user."""
    from ..._generated.api.users import get_user as operation

    request = operation._get_kwargs(account_id=required("account_id", account_id))
    return _read_call("getUser", request, deserialization.user, READ_USERS, ids=(account_id,))


def look_up_users(account_ids: Sequence[str]) -> Call[Page[User]]:
    """Read several users; the page lacks those that do not exist."""
    from ..._generated.api.users import get_bulk_user_lookup as operation

    request = operation._get_kwargs(account_id=[required("account_id", account_id) for account_id in account_ids])
    read = partial(deserialization.users, requested_limit=len(account_ids))
    return _read_call(BULK_LOOKUP, request, read, READ_USERS, ids=tuple(account_ids))


def current_user() -> Call[User]:
    """Read the user who is calling."""
    from ..._generated.api.users import get_current_user as operation

    return _read_call("getCurrentUser", operation._get_kwargs(), deserialization.user, READ_USERS)


def create_group(name: str) -> Call[Group]:
    """Create a group; not repeatable: a second call would fail or create a second group."""
    from ..._generated.api.group import create_group as operation

    request = operation._get_kwargs(body=generated.GroupName(name=required("name", name)))
    return _write_call("createGroup", request, deserialization.group, 201, check="search_groups", scopes=CREATE_GROUPS)


def delete_group(group_id: str) -> Call[None]:
    """Delete a group; not repeatable, because a repetition would answer 404."""
    from ..._generated.api.group import remove_group_by_id as operation

    request = operation._get_kwargs(id=required("group_id", group_id))
    return _write_call("removeGroupById", request, deserialization.nothing, 204, check="get_group", ids=(group_id,))


def add_member(group_id: str, account_id: str) -> Call[None]:
    """Add a user to a group; not repeatable: the response for a member is not documented."""
    from ..._generated.api.group import add_user_to_group_by_group_id as operation

    request = operation._get_kwargs(
        group_id=required("group_id", group_id), body=generated.AccountId(account_id=required("account_id", account_id))
    )
    return _write_call(
        "addUserToGroupByGroupId",
        request,
        deserialization.nothing,
        201,
        check="is_member",
        ids=(group_id, account_id),
    )


def remove_member(group_id: str, account_id: str) -> Call[None]:
    """Remove a user from a group; repeatable, because Confluence also answers 204 for non-members."""
    from ..._generated.api.group import remove_member_from_group_by_group_id as operation

    request = operation._get_kwargs(
        group_id=required("group_id", group_id), account_id=required("account_id", account_id)
    )
    return _write_call(
        "removeMemberFromGroupByGroupId",
        request,
        deserialization.nothing,
        204,
        repeatable=True,
        check="is_member",
        ids=(group_id, account_id),
    )


def required(name: str, value: str) -> str:
    """Return an argument as plain text; ids are opaque, but never empty.

    Raises:
        ValueError: the argument is empty, blank, not a text, or not valid Unicode.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {type(value).__name__}")
    if not value or value.isspace():
        hint = ": give it as Confluence returns it" if name.endswith("_id") else ""
        raise ValueError(f"{name} is empty{hint}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half of a surrogate pair, which cannot be sent") from None
    return str.__str__(value)  # a str Enum would format itself as its name


def _required_segment(name: str, value: str) -> str:
    """Return an id for a path, in which dots alone lead elsewhere (RFC 3986 section 5.2.4)."""
    text = required(name, value)
    if text in (".", ".."):
        raise ValueError(f"{name} is {text!r}, which leads to another address: give it as Confluence returns it")
    return text


def _parse_access_type(value: str) -> Any:
    try:
        return generated.AccessType(value)
    except ValueError:
        raise ValueError(f"access_type must be one of {', '.join(generated.AccessType)}") from None


def _read_call(
    operation: str,
    request: Mapping[str, Any],
    read: Callable[[httpx.Response], T],
    scopes: str,
    *,
    ids: tuple[str, ...] = (),
) -> Call[T]:
    return Call(operation, request, read, success=200, repeatable=True, writes=False, scopes=scopes, ids=ids)


def _as_page_call(call: Call[T], limit: int, with_limit: Callable[[int], Call[T]]) -> Call[T]:
    """Return the call for a page of a list; ``with_limit`` builds the same call with another limit."""
    smaller = partial(with_limit, max(limit // 2, MIN_PAGE_SIZE)) if limit > MIN_PAGE_SIZE else None
    return evolve(call, limit=limit, smaller=smaller)


def _write_call(
    operation: str,
    request: Mapping[str, Any],
    read: Callable[[httpx.Response], T],
    success: int,
    *,
    check: str,
    repeatable: bool = False,
    scopes: str = WRITE_GROUPS,
    ids: tuple[str, ...] = (),
) -> Call[T]:
    return Call(operation, request, read, success, repeatable, writes=True, scopes=scopes, ids=ids, check=check)
