"""Read one large list with several calls at the same time, and notice if its entries move meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from attrs import frozen

from ...errors import IncompleteReadError
from .deserialization import Page
from .operations import Call
from .paginator import REPEATED_PAGE, Paginator

MAX_RESTARTS = 5  # predictions that turned out wrong; after more of them, pages are requested one by one
PATIENCE = 20  # calls without new items, beyond one for each page that had some
SAME_PAGE = 5  # calls that count if a page is the same as the one before it
MIN_SIZE = 3  # of a page: pages of two entries that overlap by one would take twice the calls
SIZE_TOLERANCE = 0.25  # by which pages may be shorter or longer than predicted

T = TypeVar("T")


@frozen
class _Request:
    """A page that was asked for."""

    offset: int
    size: int  # the predicted number of entries
    counted: bool  # whether the total was asked for, too


@frozen
class _Repair(Generic[T]):
    """A page asked for because another one does not begin in the page before it.

    Attributes:
        request: the page asked for.
        target: the offset around which it reads.
        step: how far before the target it begins.
        page: the page that does not fit and waits.
        page_request: the request of that page.
    """

    request: _Request
    target: int
    step: int
    page: Page[T]
    page_request: _Request


class ParallelPaginator(Generic[T]):
    """Predicts the pages of a list, so that they can be requested at the same time: send the calls from `next_calls`
    and pass their results to `receive`, in order; after each, do the same with the calls from `next_repair`.

    The `Paginator` still decides which entries are new and where the list ends. A short list costs the same calls.

    - Prediction: the second page is requested with the total, and then all pages up to the total. If the server states
      no total, pages are requested one by one.
    - Overlap: a page begins with the last entry of the page before it. If an entry joins or leaves between two calls,
      those after it move, and the page begins with another entry. As long as each page begins with an entry of the page
      before it, no entry between them is missing, whichever page was read first.
    - Repair: if a page begins elsewhere, a page around its start is read, which must overlap with both. If it does not
      overlap with the page before, one further to the front is read. The start of the list always fits.
    - Restart: if the gap remains, or the server changes the size of its pages, the other results are dropped, and the
      pages are predicted anew. After some restarts, pages are requested one by one.
    - End: the last page is short, and it also begins in the page before it. If the total is not reached then, the total
      is asked for again. If it is still not reached, the list goes on sequentially.
    - Doubt: the list also goes on sequentially, as a `Paginator` reads it, if an entry has no id, if a page is empty
      although there are more, or if the server repeats itself.
    - Second reading: the list is read once more from its start, sequentially, if it cannot go on, if entries have moved
      and the total is not reached, or if empty pages with a next link end it without the total.

    Sources: docs/confluence-behaviour.md#pagination.

    Args:
        pages: the paginator of the list.
    """

    def __init__(self, pages: Paginator[T]) -> None:
        self._pages = pages
        self._again: Paginator[T] | None = None  # reads the list once more
        self._asked: deque[_Request] = deque()
        self._predicts = self._has_predicted = False
        self._is_first = True
        self._is_outdated = False
        self._asks_total = True
        self._checks_end = False
        self._has_moved = False  # whether entries have moved
        self._latest: set[str] = set()  # the ids on the latest page
        self._latest_size = 0
        self._offset = 0  # of the latest page's last entry
        self._restarts = 0
        self._patience = PATIENCE
        self._repair: _Repair[T] | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether the remaining results of the calls from `next_calls` are not needed."""
        return self._is_outdated

    # --- calls

    def next_calls(self) -> Iterator[Call[Any]] | None:
        """Return the calls to send together; None at the end of the list."""
        self._asked.clear()
        self._is_outdated = False
        if self._predicts:
            return self._predict()
        call = (self._again or self._pages).next_call()
        return None if call is None else iter([call])

    def next_repair(self) -> Call[Any] | None:
        """Return the call to send before the next result is received; None if there is none."""
        return self._page_call(self._repair.request) if self._repair else None

    def _predict(self) -> Iterator[Call[Any]]:
        """Yield the calls for the pages up to the total, each when it is sent."""
        total, offset = self._pages.total, self._offset
        size = max(self._latest_size, MIN_SIZE)
        left = total - offset - 1
        one_by_one = self._checks_end or self._restarts > MAX_RESTARTS or left <= 0
        counted = self._asks_total and (self._checks_end or left <= 0)
        self._checks_end = False
        for number in range(1 if one_by_one else left // (size - 1) + 1):
            request = _Request(offset + number * (size - 1), self._latest_size, counted)
            self._asked.append(request)
            yield self._page_call(request)

    def _page_call(self, request: _Request) -> Call[Page[T]]:
        page_at = self._pages.counted_page_at if request.counted else self._pages.page_at
        return page_at(request.offset, self._pages.page_size)

    # --- results

    def receive(self, result: Any) -> Sequence[T]:
        """Return the new items in the result of the next call.

        Raises:
            IncompleteReadError: as for `Paginator.receive`.
        """
        if self._again:
            return self._receive_again(self._again, result)
        try:
            return self._receive(result)
        except IncompleteReadError as error:
            if error.option or not self._has_predicted:  # it is too long, or was not predicted
                raise
            self._read_again()
            return ()

    def _receive(self, result: Any) -> Sequence[T]:
        if not self._predicts:
            return self._receive_singly(result)
        if result.unidentified:
            self._stop_predicting()
            return ()
        if self._repair:
            return self._receive_repair(result, self._repair)
        request = self._asked.popleft()
        self._asks_total = self._asks_total and not (request.counted and result.total is None)
        if request.offset == 0 or self._continues(result, self._latest):
            return self._accept(result, request)
        if self._latest_size < request.size * (1 - SIZE_TOLERANCE):
            self._restart()
        else:
            self._has_moved = True
            self._begin_repair(result, request, min(self._offset, request.offset), step=max(request.size // 2, 1))
        return ()

    def _receive_singly(self, result: Any) -> Sequence[T]:
        """Receive a page that was requested by itself, and predict the others if it is the first of a longer list."""
        pages = self._pages
        items = pages.receive(result)
        if pages.is_finished:
            if self._has_predicted and self._may_lack_entries(result):
                self._read_again()
        elif self._is_first and result.size >= MIN_SIZE and not result.unidentified:
            self._predicts = result.more or not result.is_short
            if self._predicts:
                self._has_predicted = True
                self._remember(result, 0)
        self._is_first = False
        return items

    def _may_lack_entries(self, last: Page[T]) -> bool:
        """Decide whether a finished list may lack entries that a sequential reading finds or raises an error for.

        Args:
            last: the last page. If it has a link to a next page, two empty pages with that link have ended the list.
        """
        pages = self._pages
        return (last.more and pages.received != pages.total) or (self._has_moved and pages.received < pages.total)

    def _receive_again(self, again: Paginator[T], result: Any) -> Sequence[T]:
        pages = self._pages
        items = [item for item in again.receive(result) if pages.id_of(item) not in pages.seen]
        pages.seen.update((pages.id_of(item), None) for item in items)
        pages.unidentified = max(pages.unidentified, again.unidentified)
        pages.end = again.end
        if again.is_finished:
            self._again = None
        return items

    def _continues(self, page: Page[T], known: set[str] | dict[str, None]) -> bool:
        """Check that a page begins with an entry that is known."""
        return bool(page.items) and self._pages.id_of(page.items[0]) in known

    def _accept(self, page: Page[T], request: _Request) -> Sequence[T]:
        """Receive a page that begins with a known entry, so that none is missing between."""
        pages, before = self._pages, self._latest
        items: Sequence[T] = ()
        self._remember(page, request.offset)
        has_new = not pages.seen.keys() >= self._latest
        if has_new:
            items = pages.receive(page)
            self._patience += 1
        else:
            pages.total = page.total or pages.total
            self._patience -= 1
        if pages.is_finished:
            self._predicts, self._is_outdated = False, True
        elif self._patience < 0:
            self._stop_predicting()
        elif not page.more and page.size < max(request.size, MIN_SIZE) and (has_new or page.is_short):
            self._judge_end(page, may_end=not has_new and (request.counted or pages.received >= pages.total))
        elif page.size < MIN_SIZE:
            self._stop_predicting()
        elif page.size > request.size * (1 + SIZE_TOLERANCE):
            self._restart()
        elif self._latest == before:
            self._patience -= SAME_PAGE
            self._restart()
        return items

    def _judge_end(self, page: Page[T], *, may_end: bool) -> None:
        """Decide what follows a page that looks like the last one, although the paginator has not ended the list.

        Args:
            page: the page.
            may_end: whether it has nothing new and the total is as fresh as it can be.
        """
        if page.limit is None:
            self._stop_predicting()  # only an empty page is the end then
        elif not may_end:
            self._checks_end = self._is_outdated = True
        elif self._pages.received < self._pages.total:
            self._stop_predicting()
        else:
            self._pages.end = REPEATED_PAGE
            self._predicts, self._is_outdated = False, True

    # --- pages that do not fit

    def _begin_repair(self, page: Page[T], request: _Request, target: int, *, step: int) -> None:
        """Ask for a page that begins this many entries before the target, because a page does not fit."""
        repair = _Request(max(target - step, 0), self._latest_size, request.counted)
        self._repair = _Repair(repair, target, step, page, request)

    def _receive_repair(self, page: Page[T], repair: _Repair[T]) -> Sequence[T]:
        self._repair = None
        if not (repair.request.offset == 0 or self._continues(page, self._pages.seen)):
            self._patience -= 1
            if self._patience < 0:
                self._stop_predicting()
            else:
                self._begin_repair(repair.page, repair.page_request, repair.target, step=2 * repair.step)
            return ()
        items = self._accept(page, repair.request)
        if self._is_outdated or not self._predicts:
            return items
        if self._continues(repair.page, self._latest):
            return [*items, *self._accept(repair.page, repair.page_request)]
        self._restart()
        return items

    def _remember(self, page: Page[T], offset: int) -> None:
        self._latest = set(map(self._pages.id_of, page.items))
        self._latest_size = page.size
        self._offset = max(offset + page.size - 1, 0)

    def _restart(self) -> None:
        """Predict the pages anew from the latest one."""
        self._restarts += 1
        self._is_outdated = True

    def _stop_predicting(self) -> None:
        """Go on after the latest page as the paginator reads a list."""
        self._pages.continue_at(min(self._pages.received, self._offset + 1))  # rather too early than too late
        self._predicts, self._is_outdated, self._repair = False, True, None

    def _read_again(self) -> None:
        pages = self._pages
        self._again = Paginator(pages.page_at, pages.id_of, pages.page_size, max_items=pages.max_items)
        self._predicts, self._is_outdated, self._repair = False, True, None
