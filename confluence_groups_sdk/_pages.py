"""Lists that cannot come back short, and what is answered from them: generators of calls, in the manner of `_exchange`.

Two kinds. A `Reading` gives the next call to make, is told its page, and gives back what that page brings: iterate over
it for the calls, `send` it each answer. A `Job` gives calls, is told their answers, and returns a result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from . import _calls
from ._bodies import Page
from ._calls import Call
from .errors import IncompleteReadError
from .models import Group, User

MOST_RESULTS = 200  # on a page, whatever the operation: above, some lower it and some refuse it

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
    _calls.groups_page(access_type, 0, size)  # what is wrong with the arguments is said before anything is read
    return _read(lambda start: _calls.groups_page(access_type, start, size), _id_of_group)


def search(query: str, page_size: int) -> Reading[Group]:
    """Read all groups whose names contain a text."""
    size = _size(page_size)
    _calls.search_page(query, 0, size)
    return _read(lambda start: _calls.search_page(query, start, size), _id_of_group)


def members(group_id: str, page_size: int) -> Reading[User]:
    """Read all members of a group; where there is none, see whether there is such a group."""
    size = _size(page_size)
    _calls.members_page(group_id, 0, size)
    check = _calls.check_group(group_id)
    return _read(lambda start: _calls.members_page(group_id, start, size), _id_of_user, check)


def memberships(account_id: str) -> Reading[Group]:
    """Read all groups that a user is in."""
    _calls.memberships_page(account_id, 0, MOST_RESULTS)
    return _read(lambda start: _calls.memberships_page(account_id, start, MOST_RESULTS), _id_of_group)


def count_members(group_id: str) -> Job[int]:
    """Ask how many members a group has; where the server does not say, or contradicts itself, read them all."""
    page: Page[User] = yield _calls.members_page(group_id, 0, 1, counted=True)
    if page.total and 0 < len(page.items) <= page.total:
        return page.total
    if not page.total and not page.items:
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
        reading: Reading[User] = _read(lambda start: _calls.members_page(group_id, start, MOST_RESULTS), _id_of_user)
    return (yield from _contains(reading, lambda user: user.account_id == account_id))


def _contains(reading: Reading[T], matches: Callable[[T], bool]) -> Job[bool]:
    for call in reading:
        if any(map(matches, reading.send((yield call)))):
            return True
    return False


def _read(
    page_at: Callable[[int], Call[Page[T]]], id_of: Callable[[T], str], check: Call[Any] | None = None
) -> Generator[Any, Any, None]:
    """Read a list to its end, each result once.

    The next page starts after all that was received, not after what was asked for: the server may return fewer than
    that at its will. What comes twice, since others joined in front or the server starts its pages too early, is
    received but not passed on again. Only an empty page is the end: a page that is not full, a missing link to the
    next, a total are no proof.

    Args:
        page_at: the call for the page that starts there.
        id_of: what tells two results apart.
        check: made where the first page is empty; it raises where that means that there is no such list.

    Raises:
        IncompleteReadError: a page of nothing but repeats does not get on: it begins where the list began, or ends no
            farther in it than such a page did before.
    """
    seen: dict[str, None] = {}
    start = repeated = 0
    while items := (yield page_at(start)).items:
        fresh = []
        for item in items:
            item_id = id_of(item)
            if item_id not in seen:
                seen[item_id] = None
                fresh.append(item)
        if not fresh:
            order = list(seen)
            reached = order.index(id_of(items[-1])) + 1
            if id_of(items[0]) == order[0] or reached <= repeated:
                raise _stuck(page_at(start).operation, start, tuple(order))
            repeated = reached
        start += len(items)
        yield fresh
    if check and not start:
        yield ()
        yield check
    yield ()


def _stuck(operation: str, start: int, received: tuple[str, ...]) -> IncompleteReadError:
    return IncompleteReadError(
        f"{operation}: from result {start} on, the server repeats what it has sent before: {len(received)} were read, "
        "and there may be more. Read again; if it persists, this list cannot be read to its end on this site.",
        received=received,
    )


def _size(page_size: int) -> int:
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= MOST_RESULTS:
        raise ValueError(f"page_size must be a whole number from 1 to {MOST_RESULTS}")
    return page_size


def _id_of_group(group: Group) -> str:
    return group.id


def _id_of_user(user: User) -> str:
    return user.account_id
