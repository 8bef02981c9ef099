"""Lists that take several calls, and questions that lists answer.

A `Paginator` reads one list. A `Workflow` is a generator that yields calls, receives their results or errors, and
returns a result of its own. Sessions drive both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from ..._support.validation import is_integer
from ...errors import IncompleteReadError
from ...models import Group, User
from . import operations
from .deserialization import Page
from .operations import Call
from .paginator import DEFAULT_MAX_ITEMS, Paginator

MAX_PAGE_SIZE = 200  # some operations lower a larger number, others reject it
MAX_IN_PARALLEL = 64

_id_of_group = attrgetter("id")
_id_of_user = attrgetter("account_id")

T = TypeVar("T")

Workflow: TypeAlias = Generator[Call[Any], Any, T]


def groups(access_type: str | None, page_size: int, max_items: int = DEFAULT_MAX_ITEMS) -> Paginator[Group]:
    """Return the paginator of all groups."""
    size = _checked_size(page_size)
    operations.groups_page(access_type, 0, size)  # here and below: raises now, not at the first page
    return Paginator(partial(operations.groups_page, access_type), _id_of_group, size, max_items=max_items)


def search(query: str, page_size: int, max_items: int = DEFAULT_MAX_ITEMS) -> Paginator[Group]:
    """Return the paginator of the groups whose names contain a text."""
    size = _checked_size(page_size)
    operations.search_page(query, 0, size)
    return Paginator(partial(operations.search_page, query), _id_of_group, size, max_items=max_items)


def members(group_id: str, page_size: int, max_items: int = DEFAULT_MAX_ITEMS, in_parallel: int = 1) -> Paginator[User]:
    """Return the paginator of a group's members; an empty list is followed by a check that the group exists."""
    size = _checked_size(page_size)
    if not is_integer(in_parallel) or not 1 <= in_parallel <= MAX_IN_PARALLEL:
        raise ValueError(f"in_parallel must be a whole number from 1 to {MAX_IN_PARALLEL}")
    operations.members_page(group_id, 0, size)
    return Paginator(
        partial(operations.members_page, group_id),
        _id_of_user,
        size,
        operations.check_group(group_id),
        max_items=max_items,
        in_parallel=int(in_parallel),
        counted_page_at=partial(operations.members_page, group_id, counted=True),
    )


def memberships(account_id: str, max_items: int = DEFAULT_MAX_ITEMS) -> Paginator[Group]:
    """Return the paginator of the groups that a user is in."""
    operations.memberships_page(account_id, 0, MAX_PAGE_SIZE)
    return Paginator(partial(operations.memberships_page, account_id), _id_of_group, MAX_PAGE_SIZE, max_items=max_items)


def count_members(group_id: str, max_items: int = DEFAULT_MAX_ITEMS) -> Workflow[int]:
    """Ask for the number of a group's members; if it is missing or contradicts the page, read and count them all."""
    page: Page[User] = yield operations.members_page(group_id, 0, 1, counted=True)
    if page.total and page.size and page.size + page.more <= page.total:
        return page.total
    if page.total == 0 and not page.size:
        yield operations.check_group(group_id)
        return 0
    count = 0
    paginator = members(group_id, MAX_PAGE_SIZE, max_items)
    while (call := paginator.next_call()) is not None:
        count += len(paginator.receive((yield call)))
    return count + paginator.unidentified


def is_member(group_id: str, account_id: str, max_items: int = DEFAULT_MAX_ITEMS) -> Workflow[bool]:
    """Look for the group among the user's groups; if these cannot be read to their end, read the group's members.

    Raises:
        IncompleteReadError: neither list gives the answer; a member without an account id may be the user.
    """
    operations.members_page(group_id, 0, MAX_PAGE_SIZE)
    try:
        return (yield from _contains(memberships(account_id, max_items), lambda group: group.id == group_id))
    except IncompleteReadError as error:  # CONFCLOUD-62418: the list ignores its start
        unreadable = error
    paginator = Paginator(partial(operations.members_page, group_id), _id_of_user, MAX_PAGE_SIZE, max_items=max_items)
    found = yield from _contains(paginator, lambda user: user.account_id == account_id)
    if paginator.unidentified and not found:
        raise unreadable
    return found


def _contains(paginator: Paginator[T], matches: Callable[[T], bool]) -> Workflow[bool]:
    while (call := paginator.next_call()) is not None:
        if any(map(matches, paginator.receive((yield call)))):
            return True
    return False


def _checked_size(page_size: int) -> int:
    if not is_integer(page_size) or not 1 <= page_size <= MAX_PAGE_SIZE:
        raise ValueError(f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return int(page_size)  # an int Enum would format itself as its name
