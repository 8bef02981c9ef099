"""Lists that take several calls, and questions that lists answer.

A `Paginator` reads one list. A `Workflow` is a generator that yields calls, receives their results, and returns one of
its own. Sessions drive both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from ..._support.validation import is_integer
from ...errors import IncompleteReadError
from ...models import Group, User
from . import operations
from .deserialization import Page
from .operations import Call

MAX_PAGE_SIZE = 200  # some operations lower a larger number, others reject it

_id_of_group = attrgetter("id")
_id_of_user = attrgetter("account_id")

T = TypeVar("T")


class Paginator(Generic[T]):
    """Reads a list to its end and returns each item once: call `next_call`, send it, and pass its result to
    `receive`.

    - Start: a page starts after the new items received so far, because the server may return fewer than asked for.
    - Repeats: if items were added to the front meanwhile, or the server starts a page too early, some items come again.
      They are neither returned nor counted, because counting them could skip an item.
    - Progress: a page that only repeats items is skipped if it reaches further than the one before. Otherwise
      IncompleteReadError is raised. GET /user/memberof had such a bug (CONFCLOUD-62418).
    - End: only an empty page ends the list; a short page, a missing link to the next page or a total prove nothing. If
      an empty page has that link, the next page is also read: some servers send the link by mistake, others may have
      filtered out all items of a page.

    Sources: docs/confluence-behaviour.md#pagination.

    Args:
        page_at: builds the call for a page from its offset and its maximum number of items.
        id_of: returns the id of an item.
        page_size: the maximum number of items to ask for.
        check: a call to make if the list is empty; it raises if there is no such list.
    """

    def __init__(
        self,
        page_at: Callable[[int, int], Call[Page[T]]],
        id_of: Callable[[T], str],
        page_size: int,
        check: Call[Any] | None = None,
    ) -> None:
        self._page_at = page_at
        self._id_of = id_of
        self._page_size = page_size
        self._check = check
        self._seen: dict[str, None] = {}
        self._start = 0
        self._repeats_reached = 0  # how far into the list the pages of repeats have come
        self._after_empty_page = False
        self._finished = False
        self._checking = False

    def next_call(self) -> Call[Any] | None:
        """Return the call to send next; None at the end of the list."""
        if not self._finished:
            return self._page_at(self._start, self._page_size)
        self._checking = self._check is not None and not self._seen
        return self._check if self._checking else None

    def receive(self, result: Any) -> Sequence[T]:
        """Return the new items in the result of the last call.

        Raises:
            IncompleteReadError: the server repeats items without progress.
        """
        if self._checking:
            self._check = None
            return ()
        page: Page[T] = result
        new = self._new_items(page.items)
        if page.items and not new:
            self._check_progress(page.items)
        self._finished = not page.items and (self._after_empty_page or not page.more)
        self._after_empty_page = not page.items
        self._start += len(new) or len(page.items) or self._page_size
        return new

    def _new_items(self, items: list[T]) -> list[T]:
        """Return the items that were not received before, and remember them."""
        ids = list(map(self._id_of, items))
        if len(set(ids)) == len(ids) and self._seen.keys().isdisjoint(ids):  # usual and fast
            self._seen.update(dict.fromkeys(ids))
            return items
        new = []
        for item_id, item in zip(ids, items, strict=True):
            if item_id not in self._seen:
                self._seen[item_id] = None
                new.append(item)
        return new

    def _check_progress(self, repeats: list[T]) -> None:
        """Raise if a page of repeats begins at the first item, or reaches no further than an earlier one."""
        received = tuple(self._seen)
        reached = received.index(self._id_of(repeats[-1])) + 1
        if self._id_of(repeats[0]) == received[0] or reached <= self._repeats_reached:
            raise IncompleteReadError(
                f"{self._page_at(self._start, self._page_size).operation}: from item {self._start} on, the server "
                f"repeats items that it sent before. {len(received)} were read, and there may be more. Read again; if "
                "it persists, this list cannot be read to its end on this site.",
                received=received,
            )
        self._repeats_reached = reached


Workflow: TypeAlias = Generator[Call[Any], Any, T]


def groups(access_type: str | None, page_size: int) -> Paginator[Group]:
    """Return the paginator of all groups."""
    size = _checked_size(page_size)
    operations.groups_page(access_type, 0, size)  # here and below: raises now, not at the first page
    return Paginator(lambda start, limit: operations.groups_page(access_type, start, limit), _id_of_group, size)


def search(query: str, page_size: int) -> Paginator[Group]:
    """Return the paginator of the groups whose names contain a text."""
    size = _checked_size(page_size)
    operations.search_page(query, 0, size)
    return Paginator(lambda start, limit: operations.search_page(query, start, limit), _id_of_group, size)


def members(group_id: str, page_size: int) -> Paginator[User]:
    """Return the paginator of a group's members; an empty list is followed by a check that the group exists."""
    size = _checked_size(page_size)
    operations.members_page(group_id, 0, size)
    check = operations.check_group(group_id)
    return Paginator(lambda start, limit: operations.members_page(group_id, start, limit), _id_of_user, size, check)


def memberships(account_id: str) -> Paginator[Group]:
    """Return the paginator of the groups that a user is in."""
    operations.memberships_page(account_id, 0, MAX_PAGE_SIZE)
    return Paginator(
        lambda start, limit: operations.memberships_page(account_id, start, limit), _id_of_group, MAX_PAGE_SIZE
    )


def count_members(group_id: str) -> Workflow[int]:
    """Ask for the number of a group's members; if it is missing or contradicts the page, read and count them all."""
    page: Page[User] = yield operations.members_page(group_id, 0, 1, counted=True)
    if page.total and page.items and len(page.items) + page.more <= page.total:
        return page.total
    if page.total == 0 and not page.items:
        yield operations.check_group(group_id)
        return 0
    count = 0
    paginator = members(group_id, MAX_PAGE_SIZE)
    while (call := paginator.next_call()) is not None:
        count += len(paginator.receive((yield call)))
    return count


def is_member(group_id: str, account_id: str) -> Workflow[bool]:
    """Look for the group among the user's groups; if these cannot be read to their end, read the group's members."""
    operations.members_page(group_id, 0, MAX_PAGE_SIZE)
    try:
        return (yield from _contains(memberships(account_id), lambda group: group.id == group_id))
    except IncompleteReadError:  # CONFCLOUD-62418: the list ignores its start
        paginator = Paginator(
            lambda start, limit: operations.members_page(group_id, start, limit), _id_of_user, MAX_PAGE_SIZE
        )
    return (yield from _contains(paginator, lambda user: user.account_id == account_id))


def _contains(paginator: Paginator[T], matches: Callable[[T], bool]) -> Workflow[bool]:
    while (call := paginator.next_call()) is not None:
        if any(map(matches, paginator.receive((yield call)))):
            return True
    return False


def _checked_size(page_size: int) -> int:
    if not is_integer(page_size) or not 1 <= page_size <= MAX_PAGE_SIZE:
        raise ValueError(f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return int(page_size)  # an int Enum would format itself as its name
