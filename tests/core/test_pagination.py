"""Lists are complete or raise an error, also with misbehaving servers."""

from __future__ import annotations

import asyncio
import enum
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, FakeClock, call, token
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from list_servers import UNIDENTIFIED, Server, ids_of, make_ids

from confluence_groups_sdk import (
    AsyncConfluenceGroups,
    ConfluenceGroups,
    IncompleteReadError,
    NotFoundError,
    PermissionDeniedError,
    ResponseValidationError,
    User,
)
from confluence_groups_sdk._core.api.paginator import MAX_PAGES_WITHOUT_IDS
from confluence_groups_sdk.sandbox import Answer, Group, Person, Sandbox

GROUP = {"group_id": "g"}
LISTS: dict[str, dict[str, Any]] = {
    "iter_members": GROUP,
    "iter_groups": {},
    "search_groups": {"query": "q"},
    "iter_memberships": {"account_id": "a"},
}
PAGED = [name for name in LISTS if name != "iter_memberships"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("count", [1, 199, 200, 201, 450])
def test_everything_is_read_once_and_in_order(kind: str, method: str, count: int) -> None:
    server = Server(make_ids(count))
    assert ids_of(call(kind, method, server, LISTS[method])) == make_ids(count)
    assert server.starts == [*range(0, count, 200), *([count] if count == 200 else [])], "an empty page only if needed"


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize(
    "trouble",
    [
        {"cap": 7},
        {"cap": 1},
        {"cap": 10, "overlap": 3},
        {"next_link": True},
        {"next_link": False},
        {"total": 0},
        {"total": 5},
        {"total": 10_000},
        {"cap": 50, "total": 50, "next_link": False},
    ],
)
def test_misleading_pages_neither_lose_nor_repeat_items(method: str, trouble: dict[str, Any]) -> None:
    server = Server(make_ids(45), **trouble)
    assert ids_of(call("sync", method, server, LISTS[method])) == make_ids(45)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", LISTS)
def test_repeating_pages_raise_an_error_with_the_received_ids(kind: str, method: str) -> None:
    server = Server(make_ids(45), cap=20, ignores_start=True)
    with pytest.raises(IncompleteReadError, match="repeats") as caught:
        call(kind, method, server, LISTS[method])
    assert caught.value.received == tuple(make_ids(20))
    assert server.starts == [0, 20]


@pytest.mark.parametrize("count", [3, 10, 11, 40])
@pytest.mark.parametrize("overlap", [1, 2, 4, 9, 10, 25])
def test_overlapping_pages_lose_no_items(count: int, overlap: int) -> None:
    server = Server(make_ids(count), cap=10, overlap=overlap)
    try:
        assert ids_of(call("sync", "iter_members", server, GROUP)) == make_ids(count)
    except IncompleteReadError:
        assert overlap >= min(count, 10), "only if a page can begin with the first item again"


@pytest.mark.parametrize("page", range(1, 5))
def test_one_overlapping_page_loses_no_items(page: int) -> None:
    server = Server(make_ids(12), cap=4)

    def overlap_sometimes(request: httpx.Request) -> httpx.Response:
        server.overlap = 2 if len(server.requested_urls) == page else 0
        return server(request)

    assert ids_of(call("sync", "iter_members", overlap_sometimes, GROUP)) == make_ids(12)


@pytest.mark.parametrize("page", range(1, 5))
def test_a_page_from_a_newer_replica_loses_no_items(page: int) -> None:
    server = Server(make_ids(12), cap=4)

    def replica(request: httpx.Request) -> httpx.Response:
        server.ids = [*(["new"] if len(server.requested_urls) == page else []), *make_ids(12)]
        return server(request)

    found = ids_of(call("sync", "iter_members", replica, GROUP))
    assert [each for each in found if each != "new"] == make_ids(12)


@pytest.mark.parametrize("method", LISTS)
def test_an_item_twice_on_a_page_is_returned_and_counted_once(method: str) -> None:
    server = Server(["a", "b", "a", "c"], cap=3)
    assert ids_of(call("sync", method, server, LISTS[method])) == ["a", "b", "c"]
    assert server.starts == [0, 2]


@pytest.mark.parametrize("method", LISTS)
def test_an_empty_page_with_a_next_link_is_not_the_end(method: str) -> None:
    server = Server(make_ids(30), cap=10, hidden=frozenset(make_ids(20)[10:]))
    expected = [each for each in make_ids(30) if each not in server.hidden]
    arguments = {**LISTS[method], **({"page_size": 10} if method in PAGED else {})}
    server.cap = 10 if method in PAGED else 200
    assert ids_of(call("sync", method, server, arguments)) == expected


def test_an_empty_page_takes_as_many_places_as_its_response_states() -> None:
    """If the server lowers the limit, the page after an empty one would otherwise begin too late."""
    server = Server(make_ids(60), cap=10, hidden=frozenset(make_ids(20)[10:]), stated_limit="used")
    expected = [each for each in make_ids(60) if each not in server.hidden]
    assert ids_of(call("sync", "iter_members", server, GROUP)) == expected
    assert ids_of(call("sync", "iter_members", server, {**GROUP, "in_parallel": 4})) == expected


def test_an_empty_page_with_a_next_link_is_followed_once() -> None:
    server = Server(make_ids(5), next_link=True)
    assert ids_of(call("sync", "iter_members", server, GROUP)) == make_ids(5)
    assert server.starts == [0, 5, 205]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_starts_over_is_noticed_despite_new_items(kind: str) -> None:
    server = Server(["a", "b", "c"], cap=3, ignores_start=True, stated_limit="used")

    def grow_first(request: httpx.Request) -> httpx.Response:
        assert len(server.requested_urls) < 10, "the loop does not end"
        if len(server.requested_urls) == 1:
            server.ids.insert(0, "new")
        return server(request)

    with pytest.raises(IncompleteReadError, match="4 were read") as caught:
        call(kind, "iter_members", grow_first, GROUP)
    assert caught.value.received == ("a", "b", "c", "new")


def test_pages_of_repeats_are_skipped_while_they_progress() -> None:
    server = Server(make_ids(20), cap=4)

    def add_many(request: httpx.Request) -> httpx.Response:
        if len(server.requested_urls) == 3:
            server.ids[:0] = [f"new-{number}" for number in range(9)]
        return server(request)

    assert ids_of(call("sync", "iter_members", add_many, GROUP)) == make_ids(20)
    assert len(server.starts) < 15


def test_a_member_added_before_the_last_page_is_harmless() -> None:
    server = Server(make_ids(40), cap=10)

    def grow_first(request: httpx.Request) -> httpx.Response:
        if len(server.requested_urls) == 4:
            server.ids.insert(0, "new")
        return server(request)

    assert ids_of(call("sync", "iter_members", grow_first, GROUP)) == make_ids(40)


def test_members_added_to_the_front_of_every_page_lose_no_items() -> None:
    server = Server(make_ids(40), cap=5)

    def grow_first(request: httpx.Request) -> httpx.Response:
        if len(server.requested_urls) < 9:
            server.ids.insert(0, f"new-{len(server.requested_urls)}")
        return server(request)

    found = ids_of(call("sync", "iter_members", grow_first, GROUP))
    assert [each for each in found if each.startswith("id-")] == make_ids(40)
    assert len(found) == len(set(found))


# --- a server that behaves differently on each page


class MisleadingServer(RuleBasedStateMachine):
    """Items that stay in the list are never lost or repeated, unless an error is raised."""

    @initialize(
        count=st.integers(1, 60), size=st.integers(1, 20), overlap=st.integers(0, 15), ignores_start=st.booleans()
    )
    def begin(self, count: int, size: int, overlap: int, ignores_start: bool) -> None:
        self.steady = bool(overlap)  # constant overlap with new items, or varying overlap without
        self.there = make_ids(count)
        self.server = Server(list(self.there), overlap=overlap, ignores_start=ignores_start)
        self.nulls = 0
        self.http = httpx.Client(transport=httpx.MockTransport(self.server))
        self.groups = ConfluenceGroups(SITE, auth=token(), http_client=self.http, clock=FakeClock())
        self.members: Iterator[User] = self.groups.iter_members(group_id="g", page_size=size)
        self.found: list[str] = []
        self.received: list[str] | None = None
        self.joined = 0
        self.size = size
        self.fickle = False

    @rule(count=st.integers(1, 30))
    def read_on(self, count: int) -> None:
        try:
            for _ in range(count):
                if (member := next(self.members, None)) is not None:
                    self.found.append(member.account_id)
        except IncompleteReadError as error:
            self.received = list(error.received)

    @rule(cap=st.integers(1, 200))
    def cap(self, cap: int) -> None:
        self.server.cap = cap
        if self.fickle:
            self.server.overlap = min(self.server.overlap, cap - 1)

    @precondition(lambda self: not self.steady and not self.joined)
    @rule(overlap=st.integers(0, 15))
    def overlap_otherwise(self, overlap: int) -> None:
        self.fickle = True
        self.server.overlap = min(overlap, self.size - 1, self.server.cap - 1)

    @precondition(lambda self: not self.fickle)
    @rule(place=st.integers(0, 60))
    def gain(self, place: int) -> None:
        self.joined += 1
        self.server.ids.insert(place, f"new-{self.joined}")

    @rule(total=st.none() | st.integers(0, 100))
    def lie_about_the_total(self, total: int | None) -> None:
        self.server.total = total

    @rule(next_link=st.sampled_from([None, True, False]))
    def lie_about_the_next_page(self, next_link: bool | None) -> None:
        self.server.next_link = next_link

    @rule(stated_limit=st.sampled_from(["asked", "used", "none"]))
    def state_another_limit(self, stated_limit: str) -> None:
        self.server.stated_limit = stated_limit

    @precondition(lambda self: not self.fickle and not self.server.requested_urls)
    @rule(place=st.integers(0, 60))
    def have_an_unidentified_entry(self, place: int) -> None:
        self.nulls += 1
        self.server.ids.insert(place, f"{UNIDENTIFIED}{self.nulls}")

    def teardown(self) -> None:
        if not hasattr(self, "members"):
            return
        self.read_on(1000)
        assert len(self.found) == len(set(self.found))
        if self.received is not None:
            assert self.received == self.found
        elif self.server.cut_list:
            assert set(self.found) <= set(self.server.ids), "some may be missing, as no client can notice"
        else:
            assert [each for each in self.found if not each.startswith("new-")] == self.there
        most = 2 * (len(self.server.ids) + 1) + 1 + (MAX_PAGES_WITHOUT_IDS if self.nulls else 0)
        assert len(self.server.requested_urls) <= most, "no loop is endless"
        self.http.close()


MisleadingServer.TestCase.settings = settings(max_examples=200, stateful_step_count=30)
test_nothing_is_wrong_in_silence = MisleadingServer.TestCase


# --- empty lists and missing groups


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_group_differs_from_a_missing_group(kind: str) -> None:
    assert call(kind, "iter_members", Server([]), GROUP) == []
    assert call(kind, "count_members", Server([], total=0), GROUP) == 0
    for status in (404, 400):
        for method in ("iter_members", "count_members"):
            with pytest.raises(NotFoundError) as caught:
                call(kind, method, Server([], known=status), GROUP)
            assert caught.value.status_code == status
            assert (caught.value.path or "").endswith("/by-id")


def test_a_groups_existence_is_checked_only_for_an_empty_list() -> None:
    server = Server(make_ids(3))
    call("sync", "iter_members", server, GROUP)
    assert not [url for url in server.requested_urls if url.path.endswith("/by-id")]


@pytest.mark.parametrize("method", ["iter_groups", "search_groups", "iter_memberships"])
def test_other_lists_may_be_empty(method: str) -> None:
    server = Server([])
    assert call("sync", method, server, LISTS[method]) == []
    assert len(server.requested_urls) == 1


# --- which pages are requested, and when


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", PAGED)
@pytest.mark.parametrize("size", [0, -1, 201, 1.5, True, "20", None])
def test_a_page_size_out_of_range_sends_nothing(kind: str, method: str, size: object) -> None:
    server = Server(make_ids(3))
    with pytest.raises(ValueError, match="page_size must be a whole number from 1 to 200"):
        call(kind, method, server, {**LISTS[method], "page_size": size})
    assert not server.requested_urls


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_bad_arguments_raise_before_the_first_item_is_requested(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups],
) -> None:
    groups = kind(SITE, auth=token())
    with pytest.raises(ValueError, match="page_size"):
        groups.iter_members(group_id="g", page_size=0)
    with pytest.raises(ValueError, match="group_id"):
        groups.iter_members(group_id="..")
    with pytest.raises(ValueError, match="query"):
        groups.search_groups(query=" ")
    with pytest.raises(ValueError, match="account_id"):
        groups.iter_memberships(account_id="")
    with pytest.raises(ValueError, match="access_type must be one of"):
        groups.iter_groups(access_type="owner")  # type: ignore[arg-type] # on purpose


class Size(int, enum.Enum):
    SMALL = 7


@pytest.mark.parametrize("method", PAGED)
@pytest.mark.parametrize("size", [1, 7, 200, Size.SMALL])
def test_the_page_size_is_sent(method: str, size: int) -> None:
    server = Server(make_ids(10))
    call("sync", method, server, {**LISTS[method], "page_size": size})
    assert {url.params["limit"] for url in server.requested_urls} == {str(int(size))}


def test_pages_are_requested_when_needed() -> None:
    server = Server(make_ids(45), cap=20)
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        members = ConfluenceGroups(SITE, auth=token(), http_client=http).iter_members(group_id="g")
        assert not server.requested_urls
        for _ in range(20):
            next(members)
        assert len(server.requested_urls) == 1
        next(members)
        assert len(server.requested_urls) == 2
        del members
        assert len(server.requested_urls) == 2, "closing early sends nothing more"


def test_pages_are_requested_when_needed_by_a_task() -> None:
    server = Server(make_ids(45), cap=20)

    async def read_some() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http)
            found = []
            async for member in groups.iter_members(group_id="g"):
                found.append(member.account_id)
                if len(found) == 21:
                    break
            return found

    assert asyncio.run(read_some()) == make_ids(21)
    assert server.starts == [0, 20]


def test_an_error_on_a_later_page_is_raised_after_the_items_before_it(sandbox: Sandbox) -> None:
    sandbox.page_limit = 2
    editors = sandbox.directory.group_named("docs-editors").id
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        members = groups.iter_members(group_id=editors)
        found = [next(members), next(members)]
        sandbox.answer_next(Answer(403))
        with pytest.raises(PermissionDeniedError):
            next(members)
    assert len(found) == 2


def test_a_failed_page_is_retried() -> None:
    server, clock = Server(make_ids(30), cap=20), FakeClock()

    def fail_sometimes(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        return httpx.Response(503) if len(server.requested_urls) in (1, 3) else answer

    assert ids_of(call("sync", "iter_members", fail_sometimes, GROUP, clock=clock)) == make_ids(30)
    assert clock.slept == [2, 2]


# --- counting


@pytest.mark.parametrize("kind", KINDS)
def test_counting_takes_one_call_if_the_server_states_the_total(kind: str) -> None:
    server = Server(make_ids(45), total=45)
    assert call(kind, "count_members", server, GROUP) == 45
    (url,) = server.requested_urls
    assert dict(url.params) == {"start": "0", "limit": "1", "shouldReturnTotalSize": "true"}


@pytest.mark.parametrize("total", [None, 0])
def test_counting_reads_all_if_the_server_states_no_total(total: int | None) -> None:
    server = Server(make_ids(450), total=total)
    assert call("sync", "count_members", server, GROUP) == 450
    assert server.starts == [0, 0, 200, 400]


def test_a_total_of_one_with_a_next_page_is_ignored() -> None:
    server = Server(make_ids(12), total=1)
    assert call("sync", "count_members", server, GROUP) == 12


@pytest.mark.parametrize("total", [None, 11])
def test_an_empty_first_page_does_not_mean_zero(total: int | None) -> None:
    server = Server(make_ids(12), total=total, hidden=frozenset({"id-0"}))
    assert call("sync", "count_members", server, GROUP) == 11


def test_a_forbidden_existence_check_raises_permission_denied() -> None:
    with pytest.raises(PermissionDeniedError):
        call("sync", "iter_members", Server([], known=403), GROUP)


def test_a_total_that_contradicts_its_page_is_ignored() -> None:
    generous = Server(make_ids(3), total=2)

    def with_limit_200(request: httpx.Request) -> httpx.Response:
        url = request.url.copy_set_param("limit", "200")
        return generous(httpx.Request("GET", url))

    assert call("sync", "count_members", with_limit_200, GROUP) == 3
    assert call("sync", "count_members", Server([], total=7), GROUP) == 0


# --- is_member


def membership(kind: str, server: Server, group_id: str) -> Any:
    return call(kind, "is_member", server, {"group_id": group_id, "account_id": "id-30"})


@pytest.mark.parametrize("kind", KINDS)
def test_is_member_stops_at_the_first_match(kind: str) -> None:
    server = Server(make_ids(45), cap=20)
    assert membership(kind, server, "id-25") is True
    assert server.starts == [0, 20]
    assert {url.path for url in server.requested_urls} == {"/wiki/rest/api/user/memberof"}


@pytest.mark.parametrize("kind", KINDS)
def test_is_member_is_false_if_the_group_is_not_listed(kind: str) -> None:
    server = Server(make_ids(45), cap=20)
    assert membership(kind, server, "id-99") is False
    assert server.starts == [0, 20, 40]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("joined", "answer"), [(make_ids(45), True), (make_ids(5), False), ([], False)])
def test_is_member_reads_the_members_if_the_users_groups_are_unreadable(
    kind: str, joined: list[str], answer: bool
) -> None:
    groups_of_user, members = Server(make_ids(45), cap=20, ignores_start=True), Server(joined)

    def both(request: httpx.Request) -> httpx.Response:
        return (groups_of_user if request.url.path.endswith("/memberof") else members)(request)

    assert call(kind, "is_member", both, {"group_id": "id-99", "account_id": "id-30"}) is answer
    assert len(groups_of_user.requested_urls) == 2


# --- against the sandbox


def token_of(sandbox: Sandbox) -> httpx.Auth:
    return httpx.BasicAuth(*sandbox.admin)


def fill(sandbox: Sandbox, count: int) -> list[str]:
    people = [Person(f"557058:{number:08d}", f"Person {number}", f"{number}@example.com") for number in range(count)]
    for person in people:
        sandbox.directory.add_person(person)
    sandbox.directory.add_group(Group("big", "big"), [person.account_id for person in people])
    return [person.account_id for person in people]


def test_450_members_in_pages_of_at_most_200(sandbox: Sandbox) -> None:
    accounts = fill(sandbox, 450)
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        assert ids_of(list(groups.iter_members(group_id="big"))) == accounts
        assert groups.count_members(group_id="big") == 450
        sandbox.page_limit = 30
        assert ids_of(list(groups.iter_members(group_id="big"))) == accounts


def test_deactivated_people_are_not_listed(sandbox: Sandbox) -> None:
    accounts = fill(sandbox, 3)
    sandbox.directory.add_person(Person(accounts[1], "Gone", "gone@example.com", account_status="inactive"))
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        assert ids_of(list(groups.iter_members(group_id="big"))) == [accounts[0], accounts[2]]


def test_reading_100_000_members_keeps_only_their_ids() -> None:
    count = 100_000

    def page(request: httpx.Request) -> httpx.Response:
        start, limit = int(request.url.params["start"]), int(request.url.params["limit"])
        results = [
            {"type": "known", "accountId": f"557058:00000000-0000-4000-8000-{number:012d}", "displayName": "x" * 50}
            for number in range(start, min(start + limit, count))
        ]
        return httpx.Response(200, json={"results": results})

    with httpx.Client(transport=httpx.MockTransport(page)) as http:
        members = ConfluenceGroups(SITE, auth=token(), http_client=http).iter_members(group_id="g")
        next(members)
        tracemalloc.start()
        try:
            assert sum(1 for _ in members) == count - 1
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 20 * 1024 * 1024, "bytes"


# --- malformed responses


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>Log in</html>", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[" * 100_000, "the body has more than 100 levels"),
        (b"[]", "not a page"),
        (b"{}", "not a page"),
        (b'{"results": {}}', "not a page"),
        (b'{"results": null}', "not a page"),
    ],
)
def test_a_malformed_page_is_an_error(kind: str, body: bytes, problem: str) -> None:
    with pytest.raises(ResponseValidationError, match=problem):
        call(kind, "iter_members", lambda _: httpx.Response(200, content=body), GROUP)
