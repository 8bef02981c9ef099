"""Lists that take several calls, and questions that lists answer.

A `Paginator` reads one list. A `Workflow` is a generator that yields calls, receives their results or errors, and
returns a result of its own. Sessions drive both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from ..._support.log import logger
from ..._support.text import format_count
from ..._support.validation import is_integer
from ...errors import IncompleteReadError
from ...models import Group, User
from . import operations
from .deserialization import Page
from .operations import Call, log_label

MAX_PAGE_SIZE = 200  # some operations lower a larger number, others reject it
MAX_PAGES_WITHOUT_IDS = 100  # in a row; after more of them, the server counts as one that repeats items
DEFAULT_MAX_ITEMS = 1_000_000
MAX_EXTRA_PAGES = 100  # pages of a list beyond one for each entry that it may have
TOTAL_NOT_REACHED = "%s: the server states a total of %d, but its pages have only %d"  # a log line

_id_of_group = attrgetter("id")
_id_of_user = attrgetter("account_id")

T = TypeVar("T")


class Paginator(Generic[T]):
    """Reads a list to its end and returns each item once: call `next_call`, send it, and pass its result to
    `receive`.

    - Start: a page starts after the new entries received so far, because the server may return fewer than asked for.
    - Repeats: if items were added to the front meanwhile, or the server starts a page too early, some items come again.
      They are neither returned nor counted, because counting them could skip an item.
    - Progress: a page that only repeats items is skipped if it reaches further than the one before. Otherwise
      IncompleteReadError is raised. GET /user/memberof had such a bug (CONFCLOUD-62418).
    - End: without a link to a next page, an empty page ends the list. So does a page that is shorter than the limit in
      the request and the limit in the response. If a stated total is not reached then, or the response states no limit,
      the next page is also read; the list is complete if that page only repeats the list so far. If an empty page has
      the link, the next page is also read: some servers send the link by mistake, others may have filtered out all
      items of a page.
    - Limit: IncompleteReadError is raised if more entries or pages come than `max_items` allows, because a server may
      go on for ever.
    - Size: if a page was too large for the server and came with a smaller limit, the next pages have this limit.
    - Unidentified entries have no id. They are counted and logged, but not returned.

    Sources: docs/confluence-behaviour.md#pagination.

    Args:
        page_at: builds the call for a page from its offset and its maximum number of items.
        id_of: returns the id of an item.
        page_size: the maximum number of items to ask for.
        check: a call to make if the list is empty; it raises if there is no such list.
        max_items: the maximum number of entries of the list.

    Attributes:
        unidentified: the number of unidentified entries so far.
    """

    def __init__(
        self,
        page_at: Callable[[int, int], Call[Page[T]]],
        id_of: Callable[[T], str],
        page_size: int,
        check: Call[Any] | None = None,
        *,
        max_items: int = DEFAULT_MAX_ITEMS,
    ) -> None:
        self.unidentified = 0
        self._page_at = page_at
        self._id_of = id_of
        self._page_size = page_size
        self._check = check
        self._max_items = max_items
        self._pages_left = max_items + MAX_EXTRA_PAGES
        self._seen: dict[str, None] = {}
        self._start = 0
        self._total = 0  # the number of entries that the server states
        self._repeats_reached = 0  # how far into the list the pages of repeats have come
        self._pages_without_ids = 0  # in a row
        self._unidentified_after: dict[str, int] = defaultdict(int)  # by the item before them
        self._previous: Page[T] | None = None
        self._finished = False
        self._checking = False

    def next_call(self) -> Call[Any] | None:
        """Return the call to send next; None at the end of the list."""
        if not self._finished:
            return self._page_at(self._start, self._page_size)
        self._checking = self._check is not None and not self._received
        return self._check if self._checking else None

    def receive(self, result: Any) -> Sequence[T]:
        """Return the new items in the result of the last call.

        Raises:
            IncompleteReadError: the server repeats items without progress, or sends more than the list may have.
        """
        if self._checking:
            self._check = None
            return ()
        page: Page[T] = result
        self._page_size = page.requested_limit
        self._total = page.total or self._total
        if self._completes_list(page):
            self._finish()
            return ()
        unidentified = self._count_new_unidentified(page)
        new = self._new_items(page.items)
        self._check_progress(page, has_new=bool(new))
        self.unidentified += unidentified
        self._pages_left -= 1
        if self._received > self._max_items or self._pages_left < 0:
            raise self._too_long()
        self._start += len(new) + unidentified or page.size or page.requested_limit
        if self._ends_list(page):
            self._finish()
        self._previous = page
        return new

    @property
    def _received(self) -> int:
        """The number of entries received, each counted once."""
        return len(self._seen) + self.unidentified

    # --- the end

    def _ends_list(self, page: Page[T]) -> bool:
        """Decide whether this page is the last one."""
        if page.more:
            return not page.size and self._previous is not None and not self._previous.size
        return not page.size or (page.is_short and page.limit is not None and self._received >= self._total)

    def _completes_list(self, page: Page[T]) -> bool:
        """Decide whether a page without new items shows that the page before it was the last one.

        The page before was short and had no next link. This one was read only because no limit was stated, or because
        of a stated total. It repeats all items, as if the server ignored its start, or it comes after the end.
        """
        before = self._previous
        if before is None or not page.size or not before.size or before.more or not before.is_short:
            return False
        ids = set(map(self._id_of, page.items))
        if not ids <= self._seen.keys():
            return False
        if before.limit is not None and page.items:
            return True
        return len(ids) == len(self._seen) and len(page.unidentified) <= self.unidentified

    def _finish(self) -> None:
        """End the list, and log what is missing."""
        self._finished = True
        if self.unidentified or self._received < self._total:
            label = log_label(self._page_at(0, self._page_size))
            if self.unidentified:
                logger.warning("%s: %s without an account id skipped", label, format_count(self.unidentified, "member"))
            if self._received < self._total:
                logger.warning(TOTAL_NOT_REACHED, label, self._total, self._received)

    # --- new items and progress

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

    def _count_new_unidentified(self, page: Page[T]) -> int:
        """Count the unidentified entries of a page that were not received before.

        They have no id to compare, so they are counted by the item before them: if more follow an item than on earlier
        pages, the difference is new. Those at the start of a page follow the last item received, unless the page has
        repeats.
        """
        if not page.unidentified:
            return 0
        indexes, ids = set(page.unidentified), [self._id_of(item) for item in page.items]
        at_start = self._seen.keys().isdisjoint(ids)
        last = next(reversed(self._seen), "")
        following: dict[str | None, int] = defaultdict(int)
        before, identified = None, iter(ids)
        for index in range(page.size):
            if index in indexes:
                following[before] += 1
            else:
                before = next(identified)
        new = 0
        for item_id, number in following.items():
            if item_id is None:
                self._unidentified_after[last] += number * at_start
                new += number * at_start
            else:
                new += max(0, number - self._unidentified_after[item_id])
                self._unidentified_after[item_id] = max(number, self._unidentified_after[item_id])
        return new

    def _check_progress(self, page: Page[T], *, has_new: bool) -> None:
        """Raise if a page of repeats begins at the first item, or reaches no further than an earlier one.

        Entries without an id cannot be told apart, so the number of pages that have only such entries is limited.
        """
        self._pages_without_ids = 0 if page.items else self._pages_without_ids + bool(page.size)
        if has_new or not (page.items or self._pages_without_ids > MAX_PAGES_WITHOUT_IDS):
            return
        received = tuple(self._seen)
        reached = received.index(self._id_of(page.items[-1])) + 1 if page.items else 0
        if not page.items or self._id_of(page.items[0]) == received[0] or reached <= self._repeats_reached:
            raise IncompleteReadError(
                f"{self._page_at(self._start, self._page_size).operation}: from item {self._start} on, the server "
                f"repeats items that it sent before. {len(received)} were read, and there may be more. Read again; if "
                "it persists, this list cannot be read to its end on this site.",
                received=received,
            )
        self._repeats_reached = reached

    def _too_long(self) -> IncompleteReadError:
        pages = self._max_items + MAX_EXTRA_PAGES
        entries = "entry" if self._max_items == 1 else "entries"
        more = f"does not end within {pages:,} pages" if self._pages_left < 0 else "goes on"
        error = IncompleteReadError(
            f"{self._page_at(0, self._page_size).operation}: the list {more}, and the limit is "
            f"{self._max_items:,} {entries}. If it can be right, build the client with a larger max_list_items.",
            received=tuple(islice(self._seen, self._max_items)),
        )
        error.option = "max_list_items"
        return error


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


def members(group_id: str, page_size: int, max_items: int = DEFAULT_MAX_ITEMS) -> Paginator[User]:
    """Return the paginator of a group's members; an empty list is followed by a check that the group exists."""
    size = _checked_size(page_size)
    operations.members_page(group_id, 0, size)
    check = operations.check_group(group_id)
    return Paginator(partial(operations.members_page, group_id), _id_of_user, size, check, max_items=max_items)


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
