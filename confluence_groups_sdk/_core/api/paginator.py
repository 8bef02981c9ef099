"""Read one list: which page to ask for next, which of its entries are new, and where the list ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from ..._support.log import logger
from ..._support.text import format_count
from ...errors import IncompleteReadError
from .deserialization import Page
from .operations import Call, log_label

MAX_PAGES_WITHOUT_IDS = 100  # in a row; after more of them, the server counts as one that repeats items
DEFAULT_MAX_ITEMS = 1_000_000
MAX_EXTRA_PAGES = 100  # pages of a list beyond one for each entry that it may have
SHORT_PAGE = "the last page was shorter than its limit"
EMPTY_PAGE = "an empty page ended the list"
EMPTY_PAGES = "two empty pages in a row ended the list, although both had a link to a next page"
REPEATED_PAGE = "the page after the last entry only repeated the list"
TOTAL_NOT_REACHED = "%s: the server states a total of %d, but its pages have only %d"  # a log line

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
        in_parallel: how many pages may be requested at the same time; see `ParallelPaginator`.
        counted_page_at: like ``page_at``, but the call also asks for the total.

    Attributes:
        unidentified: the number of unidentified entries so far.
        seen: the ids of the items received, in their order.
        total: the number of entries that the server states; 0 if it states none.
        end: how the end of the list was recognised, in words; None before it.
    """

    def __init__(
        self,
        page_at: Callable[[int, int], Call[Page[T]]],
        id_of: Callable[[T], str],
        page_size: int,
        check: Call[Any] | None = None,
        *,
        max_items: int = DEFAULT_MAX_ITEMS,
        in_parallel: int = 1,
        counted_page_at: Callable[[int, int], Call[Page[T]]] | None = None,
    ) -> None:
        self.unidentified = 0
        self.in_parallel = in_parallel
        self.counted_page_at = counted_page_at or page_at
        self.page_at = page_at
        self.id_of = id_of
        self.page_size = page_size
        self._check = check
        self.max_items = max_items
        self._pages_left = max_items + MAX_EXTRA_PAGES
        self.seen: dict[str, None] = {}
        self._start = 0
        self.total = 0  # the number of entries that the server states
        self._repeats_reached = 0  # how far into the list the pages of repeats have come
        self._pages_without_ids = 0  # in a row
        self._unidentified_after: dict[str, int] = defaultdict(int)  # by the item before them
        self._previous: Page[T] | None = None
        self.end: str | None = None
        self._checking = False

    def next_call(self) -> Call[Any] | None:
        """Return the call to send next; None at the end of the list."""
        if not self.is_finished:
            return self.page_at(self._start, self.page_size)
        self._checking = self._check is not None and not self.received
        if self._checking:
            return self._check
        self._log_missing()
        return None

    def receive(self, result: Any) -> Sequence[T]:
        """Return the new items in the result of the last call.

        Raises:
            IncompleteReadError: the server repeats items without progress, or sends more than the list may have.
        """
        if self._checking:
            self._check = None
            return ()
        page: Page[T] = result
        self.page_size = page.requested_limit
        self.total = page.total or self.total
        if self._completes_list(page):
            self.end = REPEATED_PAGE
            return ()
        unidentified = self._count_new_unidentified(page)
        new = self._new_items(page.items)
        self._check_progress(page, has_new=bool(new))
        self.unidentified += unidentified
        self._pages_left -= 1
        if self.received > self.max_items or self._pages_left < 0:
            raise self._too_long()
        places_if_empty = min(page.limit or page.requested_limit, page.requested_limit)
        self._start += len(new) + unidentified or page.size or places_if_empty
        self.end = self._end_after(page)
        self._previous = page
        return new

    def continue_at(self, start: int) -> None:
        """Let the next page start at this offset, because everything before it was received."""
        self._start = start

    @property
    def is_finished(self) -> bool:
        """Whether the end of the list was received."""
        return self.end is not None

    @property
    def received(self) -> int:
        """The number of entries received, each counted once."""
        return len(self.seen) + self.unidentified

    # --- the end

    def _end_after(self, page: Page[T]) -> str | None:
        """Return how it is known that this page is the last one; None if it is not."""
        if page.more:
            return EMPTY_PAGES if not page.size and self._previous is not None and not self._previous.size else None
        if not page.size:
            return EMPTY_PAGE
        return SHORT_PAGE if page.is_short and page.limit is not None and self.received >= self.total else None

    def _completes_list(self, page: Page[T]) -> bool:
        """Decide whether a page without new items shows that the page before it was the last one.

        The page before was short and had no next link. This one was read only because no limit was stated, or because
        of a stated total. It repeats all items, as if the server ignored its start, or it comes after the end.
        """
        before = self._previous
        if before is None or not page.size or not before.size or before.more or not before.is_short:
            return False
        ids = set(map(self.id_of, page.items))
        if not ids <= self.seen.keys():
            return False
        if before.limit is not None and page.items:
            return True
        return len(ids) == len(self.seen) and len(page.unidentified) <= self.unidentified

    def _log_missing(self) -> None:
        """Log how many entries are missing from a finished list."""
        if not self.unidentified and self.received >= self.total:
            return
        label = log_label(self.page_at(0, self.page_size))
        if self.unidentified:
            logger.warning("%s: %s without an account id skipped", label, format_count(self.unidentified, "member"))
        if self.received < self.total:
            logger.warning(TOTAL_NOT_REACHED, label, self.total, self.received)

    # --- new items and progress

    def _new_items(self, items: list[T]) -> list[T]:
        """Return the items that were not received before, and remember them."""
        ids = list(map(self.id_of, items))
        if len(set(ids)) == len(ids) and self.seen.keys().isdisjoint(ids):  # usual and fast
            self.seen.update(dict.fromkeys(ids))
            return items
        new = []
        for item_id, item in zip(ids, items, strict=True):
            if item_id not in self.seen:
                self.seen[item_id] = None
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
        indexes, ids = set(page.unidentified), [self.id_of(item) for item in page.items]
        at_start = self.seen.keys().isdisjoint(ids)
        last = next(reversed(self.seen), "")
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
        received = tuple(self.seen)
        reached = received.index(self.id_of(page.items[-1])) + 1 if page.items else 0
        if not page.items or self.id_of(page.items[0]) == received[0] or reached <= self._repeats_reached:
            raise IncompleteReadError(
                f"{self.page_at(self._start, self.page_size).operation}: from item {self._start} on, the server "
                f"repeats items that it sent before. {len(received)} were read, and there may be more. Read again; if "
                "it persists, this list cannot be read to its end on this site.",
                received=received,
            )
        self._repeats_reached = reached

    def _too_long(self) -> IncompleteReadError:
        pages = self.max_items + MAX_EXTRA_PAGES
        entries = "entry" if self.max_items == 1 else "entries"
        more = f"does not end within {pages:,} pages" if self._pages_left < 0 else "goes on"
        error = IncompleteReadError(
            f"{self.page_at(0, self.page_size).operation}: the list {more}, and the limit is "
            f"{self.max_items:,} {entries}. If it can be right, build the client with a larger max_list_items.",
            received=tuple(islice(self.seen, self.max_items)),
        )
        error.option = "max_list_items"
        return error
