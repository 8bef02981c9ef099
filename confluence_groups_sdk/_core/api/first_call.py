"""The first call of each client method, for `prepare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from . import operations, pagination, user_lookup
from .operations import Call
from .pagination import MAX_PAGE_SIZE

FIRST_CALLS: Mapping[str, Callable[..., Call[Any] | None]] = {
    "remove_member": lambda *, group_id, account_id: operations.remove_member(group_id, account_id),
    "add_member": lambda *, group_id, account_id: operations.add_member(group_id, account_id),
    "iter_members": lambda *, group_id, page_size=MAX_PAGE_SIZE: pagination.members(group_id, page_size).next_call(),
    "count_members": lambda *, group_id: next(pagination.count_members(group_id)),
    "is_member": lambda *, group_id, account_id: next(pagination.is_member(group_id, account_id)),
    "get_group": lambda *, group_id: operations.get_group(group_id),
    "iter_groups": lambda *, access_type=None, page_size=MAX_PAGE_SIZE: pagination.groups(
        access_type, page_size
    ).next_call(),
    "search_groups": lambda *, query, page_size=MAX_PAGE_SIZE: pagination.search(query, page_size).next_call(),
    "create_group": lambda *, name: operations.create_group(name),
    "delete_group": lambda *, group_id: operations.delete_group(group_id),
    "iter_memberships": lambda *, account_id: pagination.memberships(account_id).next_call(),
    "get_user": lambda *, account_id: operations.get_user(account_id),
    "get_users": lambda *, account_ids: user_lookup.first_call(account_ids),
    "current_user": operations.current_user,
}


def first_call(method: str, arguments: Mapping[str, Any]) -> Call[Any]:
    """Build the call that a method sends first.

    Args:
        method: the method's name.
        arguments: the method's arguments.

    Raises:
        ValueError: there is no such method, or an argument is not acceptable.
        TypeError: an argument is missing or unknown.
    """
    build = FIRST_CALLS.get(method) if isinstance(method, str) else None
    if build is None:
        raise ValueError(f"{method!r} is not a method that calls Confluence: give one of {', '.join(FIRST_CALLS)}")
    try:
        signature(build).bind(**arguments)
    except TypeError as error:
        raise TypeError(f"{method}(): {error}") from None
    call = build(**arguments)
    assert call is not None, "every list begins with a call"
    return call
