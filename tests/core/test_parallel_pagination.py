"""A list that is read with several calls at once has what a sequential reading has, also while it changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from attrs import define, field
from fakes import SITE
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from list_servers import UNIDENTIFIED, Server, ids_of, make_ids

from confluence_groups_sdk import IncompleteReadError
from confluence_groups_sdk._core.api import pagination
from confluence_groups_sdk._core.api.operations import Call
from confluence_groups_sdk._core.api.parallel_pagination import ParallelPaginator

STATED_LIMITS = st.sampled_from(["asked", "used", "none"])


@define
class Asked:
    """A call that was sent; its answer shows the list as it is when the server answers."""

    call: Call[Any]
    answer: Any = None


def ask(server: Server, call: Call[Any]) -> Any:
    arguments = call.request
    request = httpx.Request("GET", f"{SITE}/wiki/rest{arguments['url']}", params=arguments.get("params"))
    return call.read(server(request))


@define
class Reading:
    """A list being read with several calls at once, which are answered in any order."""

    server: Server
    page_size: int
    workers: int = 4
    found: list[str] = field(factory=list)
    error: IncompleteReadError | None = None
    is_over: bool = False
    _calls: Iterator[Call[Any]] = field(factory=lambda: iter(()))
    _asked: deque[Asked] = field(factory=deque)
    parallel: ParallelPaginator[Any] = field(init=False)

    @parallel.default
    def _begin(self) -> ParallelPaginator[Any]:
        return ParallelPaginator(pagination.members("g", self.page_size))

    def answer(self, number: int) -> None:
        """Let the server answer one of the calls under way, and receive the answers whose turn it is."""
        self._ask_more()
        waiting = [each for each in list(self._asked) if each.answer is None][: self.workers]
        if waiting:
            asked = waiting[number % len(waiting)]
            asked.answer = ask(self.server, asked.call)
        try:
            self._receive()
        except IncompleteReadError as error:
            self.error, self.is_over = error, True
            self._asked.clear()

    def finish(self) -> list[str]:
        for _ in range(10_000):
            self.answer(0)
            if self.is_over:
                return self.found
        raise AssertionError("the reading does not end")

    def _ask_more(self) -> None:
        if not self._asked and not self.is_over:
            calls = self.parallel.next_calls()
            self.is_over = calls is None
            self._calls = calls or iter(())
        while len(self._asked) < 2 * self.workers and (call := next(self._calls, None)):
            self._asked.append(Asked(call))

    def _receive(self) -> None:
        while self._asked and self._asked[0].answer is not None:
            self.found += ids_of(list(self.parallel.receive(self._asked.popleft().answer)))
            while (call := self.parallel.next_repair()) is not None:
                self.found += ids_of(list(self.parallel.receive(ask(self.server, call))))
            if self.parallel.is_outdated:
                self._asked.clear()
                self._calls = iter(())


def read(server: Server, page_size: int) -> list[str] | None:
    """Read a list sequentially; None if it is incomplete."""
    paginator, found = pagination.members("g", page_size), list[str]()
    try:
        while (call := paginator.next_call()) is not None:
            found += ids_of(list(paginator.receive(ask(server, call))))
    except IncompleteReadError:
        return None
    return found


# --- a server that does not change meanwhile


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 2), (1, 1), (199, 1), (200, 2), (201, 2), (398, 2), (450, 3), (5000, 26), (100_000, 503)]
)
def test_few_calls_are_more_than_a_sequential_reading_makes(count: int, calls: int) -> None:
    server = Server(make_ids(count), counts=True)
    assert Reading(server, 200, workers=16).finish() == make_ids(count)
    assert len(server.requested_urls) == calls
    counted = [url for url in server.requested_urls if url.params.get("shouldReturnTotalSize") == "true"]
    assert len(counted) == (count >= 200), "asking for the total is expensive for the server"


@given(
    count=st.integers(0, 120),
    size=st.integers(1, 30),
    cap=st.integers(1, 40),
    overlap=st.integers(0, 15),
    total=st.none() | st.integers(0, 200),
    counts=st.booleans(),
    next_link=st.sampled_from([None, True, False]),
    stated_limit=STATED_LIMITS,
    hidden=st.frozensets(st.sampled_from(make_ids(120)), max_size=20)
    | st.builds(
        lambda first, number: frozenset(make_ids(120)[first:][:number]), st.integers(0, 60), st.integers(0, 40)
    ),
    ignores_start=st.booleans(),
    nulls=st.lists(st.integers(0, 120), max_size=3),
    order=st.lists(st.integers(0, 3), min_size=1, max_size=20),
)
@settings(max_examples=300)
def test_a_list_that_does_not_change_is_read_as_it_is_sequentially(
    count: int, size: int, nulls: list[int], order: list[int], **trouble: Any
) -> None:
    ids = make_ids(count)
    if trouble["overlap"]:
        nulls = []  # it depends on where a page begins whether such a list can be read
    for number, place in enumerate(nulls):
        ids.insert(place, f"{UNIDENTIFIED}{number}")
    sequential = Server(list(ids), **trouble)
    expected = read(sequential, size)
    server = Server(list(ids), **trouble)
    reading = Reading(server, size)
    for number in order:
        reading.answer(number)
    reading.finish()
    visible = [each for each in ids if not each.startswith(UNIDENTIFIED) and each not in server.hidden]
    assert len(reading.found) == len(set(reading.found))
    assert set(reading.found) <= set(visible)
    if server.cut_list or sequential.cut_list:
        return
    if expected is not None:
        assert reading.error is None
        assert set(expected) <= set(reading.found), "a sequential reading may lose some after empty pages"
    lost_after_empty_page = server.hidden and size > server.cap
    if expected == visible or (expected is None and not reading.error and not lost_after_empty_page):
        assert reading.found == visible


@pytest.mark.parametrize("total", [None, 15, 79, 115])
@pytest.mark.parametrize("size", [5, 8])
def test_empty_pages_with_a_next_link_do_not_hide_that_a_list_cannot_be_read(size: int, total: int | None) -> None:
    """Two such pages end a list, but here they are part of it, and a sequential reading never gets that far."""
    server = Server(make_ids(115), overlap=size + 3, hidden=frozenset(make_ids(55)[32:]), total=total)
    assert read(server, size) is None
    reading = Reading(server, size)
    reading.finish()
    assert reading.error is not None


def test_an_empty_page_with_a_next_link_after_a_reached_total_costs_no_second_reading() -> None:
    server = Server(make_ids(1000), counts=True, next_link=True)
    assert Reading(server, 200).finish() == make_ids(1000)
    assert len(server.requested_urls) == 9


def test_a_total_that_is_not_reached_leaves_the_end_to_the_rules_of_a_sequential_reading() -> None:
    hidden = frozenset(make_ids(33)[21:])
    server = Server(make_ids(35), cap=38, hidden=hidden, total=98, next_link=False)
    assert Reading(server, 13).finish() == read(server, 13) == [*make_ids(21), "id-33", "id-34"]


def test_a_list_that_is_read_once_more_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    ids = [*make_ids(90), f"{UNIDENTIFIED}1", f"{UNIDENTIFIED}2"]
    server = Server(ids, total=99, next_link=True)
    assert Reading(server, 20).finish() == make_ids(90)
    assert server.starts.count(0) == 2, "it was read once more"
    assert [line.partition(": ")[2] for line in caplog.messages] == [
        "2 members without an account id skipped",
        "the server states a total of 99, but its pages have only 92",
    ]


# --- the calls that are sent

# The number of entries, the size of a page, the call that is answered next, what the server does, what happens after
# how many answers, the starts of the pages that are requested ("+": with the total), the number of entries found, and
# whether no error is raised. The calls were recorded: one that reads the same with fewer calls may change them.
RECORDED: list[tuple[int, int, int, dict[str, Any], str, str, int, bool]] = [
    (3, 8, 0, {"cap": 2}, "", "0 2", 3, True),
    (5, 3, 3, {"counts": False}, "", "0 2+ 4", 5, True),
    (3, 3, 3, {"total": 9}, "", "0 8 2 2+ 3", 3, True),
    (13, 5, 0, {}, "2 leave 0 3", "0 4+ 8 6 4", 13, True),
    (11, 3, 0, {}, "4 leave 8 1", "0 2+ 4 6 8 7", 11, True),
    (
        341,
        5,
        0,
        {"overlap": 5},
        ("4 leave 0 40, 7 leave 0 80, 10 leave 0 80, 11 leave 0 80, 12 leave 0 60, 15 leave 0 40, 17 leave 0 60"),
        "0 4+ 8 12 16 14 12 8 0 4 8 12 10 8 4 0 4 8 12 10 8 4 13 18 0",
        34,
        True,
    ),
    (32, 3, 0, {"ignores_start": True, "overlap": 3}, "3 join 0 2", "0 2+ 4 6 5 4 2 0 8 5 8 0 3", 5, False),
    (
        157,
        4,
        0,
        {"next_link": False},
        "4 leave 0 80, 6 leave 0 80, 8 leave 0 80, 11 leave 0 80, 13 leave 0 40, 14 leave 0 30",
        "0 3+ 6 9 12 10 8 4 0 3 6 4 2 0 0+ 1 0",
        20,
        True,
    ),
    (
        85,
        12,
        3,
        {"cap": 8, "next_link": True},
        "4 cap 12, 6 cap 6, 7 cap 6, 9 cap 6, 12 cap 3",
        (
            "0 7+ 35 42 49 56 63 14 21 15 35 40 45 50 55 20 25 28 30 32 34 36 22 24 26 44 46 48 50 52 38 40 "
            "42 60 62 64 66 68 54 56 58 76 78 80 82 84 70 74 72 85 97"
        ),
        85,
        True,
    ),
    (
        31,
        4,
        3,
        {"ignores_start": True},
        "6 leave 0 2, 6 join 0 3, 7 join 0 1",
        "0 3+ 15 18 21 24 27 6 4 2 0 18 21 24 27 30 9 21 24 27 30 12 24 27 30 15 8 12 0 4",
        8,
        False,
    ),
    (1, 3, 0, {"overlap": 3, "ignores_start": True, "next_link": True, "total": 8}, "", "0 1", 1, False),
    (
        77,
        10,
        0,
        {"cap": 5},
        "3 cap 10, 5 cap 6, 7 cap 8, 10 cap 10, 11 cap 12",
        "0 4+ 8 12 21 30 39 35 42 49 56 63 70",
        77,
        True,
    ),
    (
        83,
        12,
        0,
        {"cap": 4, "overlap": 6},
        "3 cap 4, 4 cap 6, 7 cap 4, 9 cap 12, 10 cap 3, 11 cap 8, 12 cap 4",
        "0 3+ 6 9 12 17 22 27 32 30 41 52 43 46 49 52 55 58 61 64 67 70 73 76 79 82+ 85+",
        83,
        True,
    ),
    (12, 3, 3, {"overlap": 3}, "3 leave 1 12, 4 join 0 3", "0 2+ 10 4 3 3+ 2+ 1+ 0+ 2 4+ 6+", 6, True),
    (
        100,
        12,
        0,
        {"cap": 6},
        (
            "3 cap 8, 5 cap 6, 6 cap 8, 7 cap 12, 8 cap 6, 9 cap 8, 11 cap 12, 12 cap 6, 13 cap 12, 15 cap "
            "3, 16 cap 4, 18 cap 3, 19 cap 3, 20 cap 4"
        ),
        "0 5+ 10 15 22 29 36 30 37 48 59 53 60 71 76 87 98",
        100,
        True,
    ),
]


def change(server: Server, what: str, *numbers: int) -> None:
    if what == "cap":
        (server.cap,) = numbers
    else:
        place, number = numbers
        server.ids[place : place + number * (what == "leave")] = [
            f"new-{place}-{each}-{len(server.requested_urls)}" for each in range(number) if what == "join"
        ]


@pytest.mark.parametrize(("count", "size", "order", "trouble", "changes", "calls", "found", "complete"), RECORDED)
def test_these_calls_are_sent(
    count: int, size: int, order: int, trouble: dict[str, Any], changes: str, calls: str, found: int, complete: bool
) -> None:
    server = Server(make_ids(count), **{"counts": True, **trouble})
    reading = Reading(server, size)
    coming = deque(each.split() for each in changes.split(", ") if each)
    for answers in range(1000):
        while coming and int(coming[0][0]) == answers:
            _, what, *numbers = coming.popleft()
            change(server, what, *map(int, numbers))
        if reading.is_over:
            break
        reading.answer(order)
    sent = [
        url.params["start"] + "+" * (url.params["shouldReturnTotalSize"] == "true") for url in server.requested_urls
    ]
    assert " ".join(sent) == calls
    assert (len(reading.found), reading.error is None) == (found, complete)


# --- a server that changes meanwhile


@pytest.mark.parametrize("number", [1, 2, 9, 10, 25])
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("answers", range(2, 12))
def test_who_moves_to_an_earlier_page_is_found_although_others_leave(answers: int, order: int, number: int) -> None:
    server = Server(make_ids(100), counts=True)
    reading = Reading(server, page_size=10)
    for _ in range(answers):
        reading.answer(order)
    del server.ids[:number]
    found = reading.finish()
    assert len(found) == len(set(found))
    assert set(server.ids) <= set(found)


class ChangingServer(RuleBasedStateMachine):
    """Who is in the list all the time is found, once."""

    @initialize(count=st.integers(1, 80), size=st.integers(3, 20), overlap=st.integers(0, 3), workers=st.integers(2, 6))
    def begin(self, count: int, size: int, overlap: int, workers: int) -> None:
        self.there = make_ids(count)
        self.server = Server(list(self.there), overlap=min(overlap, size - 3), counts=True)
        self.reading = Reading(self.server, size, workers)
        self.joined = self.left = self.nulls = 0

    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def answer(self, numbers: list[int]) -> None:
        for number in numbers:
            self.reading.answer(number)

    @rule(place=st.integers(0, 80), number=st.integers(1, 5))
    def join(self, place: int, number: int) -> None:
        for _ in range(number):
            self.joined += 1
            self.server.ids.insert(place, f"new-{self.joined}")

    @precondition(lambda self: not self.nulls)
    @rule(place=st.integers(0, 80), number=st.integers(1, 30))
    def leave(self, place: int, number: int) -> None:
        self.left += 1
        for each in self.server.ids[place : place + number]:
            if each in self.there:
                self.there.remove(each)
        del self.server.ids[place : place + number]

    @rule(cap=st.integers(6, 200))
    def cap(self, cap: int) -> None:
        self.server.cap = cap

    @rule(total=st.none() | st.integers(0, 150))
    def lie_about_the_total(self, total: int | None) -> None:
        self.server.total = total

    @rule(counts=st.booleans())
    def state_no_total(self, counts: bool) -> None:
        self.server.counts = counts

    @rule(next_link=st.sampled_from([None, True, False]))
    def lie_about_the_next_page(self, next_link: bool | None) -> None:
        self.server.next_link = next_link

    @rule(stated_limit=STATED_LIMITS)
    def state_another_limit(self, stated_limit: str) -> None:
        self.server.stated_limit = stated_limit

    @precondition(lambda self: not self.left)
    @rule(place=st.integers(0, 80))
    def have_an_unidentified_entry(self, place: int) -> None:
        self.nulls += 1
        self.server.ids.insert(place, f"{UNIDENTIFIED}{self.nulls}")

    def teardown(self) -> None:
        if not hasattr(self, "reading"):
            return
        found = self.reading.finish()
        assert len(found) == len(set(found))
        if self.reading.error is None and not self.server.cut_list:
            assert set(self.there) <= set(found)


ChangingServer.TestCase.settings = settings(max_examples=200, stateful_step_count=30)
test_who_stays_in_the_list_is_found = ChangingServer.TestCase
