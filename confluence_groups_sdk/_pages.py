"""Lists that cannot come back short, and what is answered from them: generators of calls, in the manner of `_exchange`.

Two kinds. A `Reading` gives the next call to make, is told its page, and gives back what that page brings: iterate over
it for the calls, `send` it each answer. A `Job` gives calls, is told their answers, and returns a result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeAlias, TypeVar

from . import _calls
from ._bodies import Page
from ._calls import Call
from .errors import IncompleteReadError
from .models import Group, User

MOST_RESULTS = 200  # on a page, whatever the operation: above, some lower it and some refuse it

_id_of_group = attrgetter("id")
_id_of_user = attrgetter("account_id")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """A list that is being read."""

    def __iter__(self) -> Iterator[Call[Any]]: ...

    def send(self, answer: Any, /) -> Sequence[T_co]: ...


Job: TypeAlias = Generator[Call[Any], Any, T]


def groups(access_type: str | None, page_size: int) -> Reading[Group]:
    """Read all groups."""
    size = _size(page_size)
    _calls.groups_page(access_type, 0, size)  # here and below: what is wrong with the arguments is said at once
    return _read(lambda start, limit: _calls.groups_page(access_type, start, limit), _id_of_group, size)


def search(query: str, page_size: int) -> Reading[Group]:
    """Read all groups whose names contain a text."""
    size = _size(page_size)
    _calls.search_page(query, 0, size)
    return _read(lambda start, limit: _calls.search_page(query, start, limit), _id_of_group, size)


def members(group_id: str, page_size: int) -> Reading[User]:
    """Read all members of a group; where there is none, see whether there is such a group."""
    size = _size(page_size)
    _calls.members_page(group_id, 0, size)
    check = _calls.check_group(group_id)
    return _read(lambda start, limit: _calls.members_page(group_id, start, limit), _id_of_user, size, check)


def memberships(account_id: str) -> Reading[Group]:
    """Read all groups that a user is in."""
    _calls.memberships_page(account_id, 0, MOST_RESULTS)
    return _read(lambda start, limit: _calls.memberships_page(account_id, start, limit), _id_of_group, MOST_RESULTS)


def count_members(group_id: str) -> Job[int]:
    """Ask how many members a group has; where the server does not say, or contradicts itself, read them all."""
    page: Page[User] = yield _calls.members_page(group_id, 0, 1, counted=True)
    if page.total and page.items and len(page.items) + page.more <= page.total:
        return page.total
    if page.total == 0 and not page.items:
        yield _calls.check_group(group_id)
        return 0
    count = 0
    reading = members(group_id, MOST_RESULTS)
    for call in reading:
        count += len(reading.send((yield call)))
    return count


def is_member(group_id: str, account_id: str) -> Job[bool]:
    """See whether the group is among the user's; where these cannot all be read, whether the user is in the group."""
    _calls.members_page(group_id, 0, MOST_RESULTS)
    try:
        return (yield from _contains(memberships(account_id), lambda group: group.id == group_id))
    except IncompleteReadError:  # a known bug: the list ignores where to start
        reading: Reading[User] = _read(
            lambda start, limit: _calls.members_page(group_id, start, limit), _id_of_user, MOST_RESULTS
        )
    return (yield from _contains(reading, lambda user: user.account_id == account_id))


def _contains(reading: Reading[T], matches: Callable[[T], bool]) -> Job[bool]:
    for call in reading:
        if any(map(matches, reading.send((yield call)))):
            return True
    return False


def _read(
    page_at: Callable[[int, int], Call[Page[T]]],
    id_of: Callable[[T], str],
    size: int,
    check: Call[Any] | None = None,
) -> Generator[Any, Any, None]:
    """Read a list to its end, each result once.

    The next page starts after what came new, not after what was asked for: the server may return fewer than that at its
    will. What comes twice, since others joined in front or the server started its page too early, is not passed on and
    not counted: to count it could skip somebody where the next page starts where it should. A page of nothing but
    repeats is passed by, if it gets on.

    Only an empty page is the end: a page that is not full, a missing link to the next, a total are no proof. Where an
    empty page has such a link, the one after it is looked at, too: some servers lie about the link, and others may have
    left out all that was on the page.

    Args:
        page_at: the call for the page that starts there and has so many results at the most.
        id_of: what tells two results apart.
        size: of the pages to ask for.
        check: made where the list is empty; it raises where that means that there is no such list.

    Raises:
        IncompleteReadError: a page of nothing but repeats does not get on: it begins where the list began, or ends no
            farther in it than such a page did before.
    """
    seen: dict[str, None] = {}
    start = repeated = 0
    passed_by = False
    while True:
        call = page_at(start, size)
        page: Page[T] = yield call
        fresh = _first(page.items, id_of, seen)
        if page.items and not fresh:
            order = list(seen)
            reached = order.index(id_of(page.items[-1])) + 1
            if id_of(page.items[0]) == order[0] or reached <= repeated:
                raise _stuck(call.operation, start, tuple(order))
            repeated = reached
        if not page.items and (passed_by or not page.more):
            break
        passed_by = not page.items
        start += len(fresh) or len(page.items) or size
        yield fresh
    if check and not seen:
        yield ()  # of the page; what is yielded next is a call again
        yield check
    yield ()


def _first(items: list[T], id_of: Callable[[T], str], seen: dict[str, None]) -> list[T]:
    """Return what comes for the first time, and note it as seen."""
    ids = list(map(id_of, items))
    if len(set(ids)) == len(ids) and seen.keys().isdisjoint(ids):  # nearly always, and sooner known than one by one
        seen.update(dict.fromkeys(ids))
        return items
    first = []
    for item_id, item in zip(ids, items, strict=True):
        if item_id not in seen:
            seen[item_id] = None
            first.append(item)
    return first


def _stuck(operation: str, start: int, received: tuple[str, ...]) -> IncompleteReadError:
    return IncompleteReadError(
        f"{operation}: from result {start} on, the server repeats what it has sent before: {len(received)} were read, "
        "and there may be more. Read again; if it persists, this list cannot be read to its end on this site.",
        received=received,
    )


def _size(page_size: int) -> int:
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= MOST_RESULTS:
        raise ValueError(f"page_size must be a whole number from 1 to {MOST_RESULTS}")
    return int(page_size)  # an Enum that is a number, too, would format itself as its name
