"""`get_users` sends as few calls as the site allows, and reports as missing only whom getUser does not know either."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fakes import KINDS, SITE, WIRED, Answers, FakeClock, call, call_at, token
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import (
    APIStatusError,
    AsyncConfluenceGroups,
    ConfluenceGroups,
    NotFoundError,
    PermissionDeniedError,
    RateLimiter,
    User,
    UserList,
)
from confluence_groups_sdk._core.api.user_lookup import MAX_QUERY_LENGTH, split_ids
from confluence_groups_sdk.sandbox import Answer, Person, Sandbox

BULK, ONE = "/wiki/rest/api/user/bulk", "/wiki/rest/api/user"


def ids(number: int) -> list[str]:
    return [f"id-{index}" for index in range(number)]


class Site:
    """A site with some users, which may misunderstand the look-up of several.

    Args:
        people: the ids of the users.
        bulk_status: the status of each look-up of several users.
        unknown_status: the status of the look-up of one user who does not exist.
        reads: which of the ids of a look-up the site reads.
        extra: entries that it adds to each look-up.
    """

    def __init__(
        self,
        people: Iterable[str],
        *,
        bulk_status: int = 200,
        unknown_status: int = 404,
        reads: Callable[[list[str]], list[str]] = lambda given: given,
        extra: tuple[Any, ...] = (),
    ) -> None:
        self.people = set(people)
        self.bulk_status = bulk_status
        self.unknown_status = unknown_status
        self.reads = reads
        self.extra = extra
        self.calls: list[tuple[str, list[str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        asked = parse_qs(parts.query)["accountId"]
        self.calls.append((parts.path, asked))
        if parts.path == BULK:
            if self.bulk_status != 200:
                return httpx.Response(self.bulk_status, json={"statusCode": self.bulk_status, "message": "no"})
            found = [each for each in reversed(self.reads(asked)) if each in self.people]
            return httpx.Response(200, json={"results": [*map(user_json, found), *self.extra]})
        (account_id,) = asked
        if account_id not in self.people:
            return httpx.Response(self.unknown_status, json={"statusCode": self.unknown_status, "message": "no"})
        return httpx.Response(200, json=user_json(account_id))

    @property
    def bulk_calls(self) -> int:
        return sum(path == BULK for path, _ in self.calls)


def user_json(account_id: str) -> dict[str, Any]:
    return {"type": "known", "accountId": account_id}


def look_up(kind: str, site: Callable[[httpx.Request], httpx.Response], account_ids: object, **options: Any) -> Any:
    return call(kind, "get_users", site, {"account_ids": account_ids}, **options)


def account_ids_of(users: Iterable[User]) -> list[str]:
    return [user.account_id for user in users]


# --- as few calls as possible


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("number", "bulk_calls"), [(0, 0), (1, 1), (2, 1), (100, 1), (101, 2), (450, 5)])
def test_a_call_reads_100_users(kind: str, number: int, bulk_calls: int) -> None:
    site = Site(ids(number))
    users = look_up(kind, site, ids(number))
    assert account_ids_of(users) == ids(number), "in the order given"
    assert users.missing == ()
    assert (site.bulk_calls, len(site.calls)) == (bulk_calls, bulk_calls)


@pytest.mark.parametrize("kind", KINDS)
def test_each_id_is_asked_for_once_and_may_come_from_any_iterable(kind: str) -> None:
    site = Site(ids(3))
    users = look_up(kind, site, (each for each in ["id-2", "id-0", "id-2", "id-1", "id-0"]))
    assert account_ids_of(users) == ["id-2", "id-0", "id-1"]
    assert site.calls == [(BULK, ["id-2", "id-0", "id-1"])]


def test_long_ids_are_split_so_that_no_address_is_too_long() -> None:
    long = [f"{index}:{'ä' * 200}" for index in range(9)]
    site = Site(long)
    assert account_ids_of(look_up("sync", site, long)) == long
    assert [len(asked) for _, asked in site.calls] == [4, 4, 1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=900), max_size=120))
def test_chunks_hold_all_ids_in_order_and_fit_into_an_address(given_ids: list[str]) -> None:
    chunks = list(split_ids(given_ids))
    assert [each for chunk in chunks for each in chunk] == given_ids
    for chunk in chunks:
        query = str(httpx.QueryParams({"accountId": chunk})).replace("+", "%20")
        assert len(chunk) <= 100
        assert len(query) < MAX_QUERY_LENGTH or len(chunk) == 1


def test_points_count_each_user() -> None:
    limiter = RateLimiter()
    look_up("sync", Site(ids(7)), ids(7), rate_limiter=limiter)
    assert limiter.snapshot().points == 1 + 2 * 7


# --- nobody is missing because of the look-up


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unknown_status", [404, 400])
def test_an_id_is_missing_only_if_get_user_does_not_know_it(kind: str, unknown_status: int) -> None:
    site = Site(ids(5), unknown_status=unknown_status, reads=lambda asked: [each for each in asked if each != "id-3"])
    users = look_up(kind, site, ["nobody", *ids(5), "no one"])
    assert account_ids_of(users) == ids(5)
    assert users.missing == ("nobody", "no one")
    assert site.calls[1:] == [(ONE, ["nobody"]), (ONE, ["id-3"]), (ONE, ["no one"])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_site_that_does_not_serve_the_look_up_is_asked_for_each_user(kind: str, status: int) -> None:
    site = Site(ids(150), bulk_status=status)
    users = look_up(kind, site, [*ids(150), "nobody"])
    assert account_ids_of(users) == ids(150)
    assert users.missing == ("nobody",)
    assert site.bulk_calls == 1, "the second hundred is not tried"
    assert len(site.calls) == 1 + 151


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [401, 409, 418, 500])
def test_other_statuses_are_errors(kind: str, status: int) -> None:
    site = Site(ids(5), bulk_status=status)
    with pytest.raises(APIStatusError) as caught:
        look_up(kind, site, ids(5))
    assert caught.value.status_code == status
    assert len(site.calls) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_get_user_is_raised(kind: str) -> None:
    site = Site([], bulk_status=403, unknown_status=403)
    with pytest.raises(PermissionDeniedError) as caught:
        look_up(kind, site, ids(5))
    assert caught.value.path == ONE
    assert caught.value.__context__ is None
    assert len(site.calls) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_where_confluence_does_not_answer_is_no_reason_to_call_users_missing(kind: str) -> None:
    page = [httpx.Response(404, text="<h1>No such site</h1>") for _ in range(2)]
    with pytest.raises(NotFoundError, match="check the name of the site"):
        look_up(kind, Answers(*page), ids(5))


@pytest.mark.parametrize("kind", KINDS)
def test_users_who_were_not_asked_for_and_entries_without_id_are_ignored(kind: str) -> None:
    site = Site(ids(3), extra=(user_json("stranger"), None, {"type": "known"}))
    users = look_up(kind, site, ["id-0", "nobody"])
    assert account_ids_of(users) == ["id-0"]
    assert users.missing == ("nobody",)


# --- what a client remembers

READS: dict[str, tuple[Callable[[list[str]], list[str]], int]] = {
    "all": (lambda asked: asked, 3),
    "all but one": (lambda asked: asked[1:], 3),
    "the first": (lambda asked: asked[:1], 1),
    "the last": (lambda asked: asked[-1:], 1),
    "none": (lambda _: [], 1),
}


def three_lookups(kind: str, site: Site) -> Iterator[UserList]:
    """Look up the same users three times: twice with one client, then with a copy of it that has another timeout."""
    transport = httpx.MockTransport(site)
    if kind == "sync":
        with ConfluenceGroups(SITE, auth=token(), http_client=httpx.Client(transport=transport)) as groups:
            for each in (groups, groups, groups.with_options(timeout=1)):
                yield each.get_users(account_ids=ids(9))
        return

    async def look_up_three_times() -> list[UserList]:
        http = httpx.AsyncClient(transport=transport)
        async with AsyncConfluenceGroups(SITE, auth=token(), http_client=http) as groups:
            clients = (groups, groups, groups.with_options(timeout=1))
            return [await each.get_users(account_ids=ids(9)) for each in clients]

    yield from asyncio.run(look_up_three_times())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reads", READS)
def test_a_site_that_reads_one_id_of_several_is_asked_for_each_user_from_then_on(kind: str, reads: str) -> None:
    read, bulk_calls = READS[reads]
    site = Site(ids(9), reads=read)
    for users in three_lookups(kind, site):
        assert account_ids_of(users) == ids(9)
        assert users.missing == ()
    assert site.bulk_calls == bulk_calls


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_that_refuses_the_look_up_is_remembered_and_logged_once(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(ids(9), bulk_status=403)
    with caplog.at_level(logging.WARNING):
        assert [len(users) for users in three_lookups(kind, site)] == [9, 9, 9]
    assert site.bulk_calls == 1
    (line,) = caplog.messages
    assert line == "getBulkUserLookup: not served by this site (403): asking for each user alone from now on"


def test_unknown_ids_are_no_sign_that_the_look_up_is_not_served() -> None:
    site = Site([])
    for users in three_lookups("sync", site):
        assert users.missing == tuple(ids(9))
    assert site.bulk_calls == 3


def test_log_lines_name_three_of_many_ids(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        look_up("sync", Site(ids(9)), ids(9))
        look_up("sync", Site(ids(3)), ids(3))
    first, second = (line.getMessage() for line in caplog.records if line.name == "confluence_groups_sdk")
    assert " and 6 more: 200, attempt 1" in first
    assert first.startswith(second.partition(":")[0])
    assert "id-0" not in first


# --- arguments


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["id-0", b"id-0", "", None, 7])
def test_a_single_text_is_a_type_error(kind: str, text: object) -> None:
    answers = Answers()
    with pytest.raises(TypeError):
        look_up(kind, answers, text)
    assert answers.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", ["", " ", None, 7, "\ud800"])
def test_an_unusable_id_sends_nothing_even_if_it_is_the_last_of_many(kind: str, bad: object) -> None:
    answers = Answers()
    with pytest.raises(ValueError, match="account_id"):
        look_up(kind, answers, [*ids(150), bad])
    assert answers.requests == []


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_builds_the_request_for_the_first_ids(kind: str) -> None:
    client = {"sync": ConfluenceGroups, "async": AsyncConfluenceGroups}[kind](SITE, auth=token())
    request = client.prepare("get_users", account_ids=ids(150))
    assert parse_qs(request.url.query.decode())["accountId"] == ids(100)
    assert client.prepare("get_users", account_ids=["a"]).url.path == BULK
    with pytest.raises(ValueError, match="account_ids is empty"):
        client.prepare("get_users", account_ids=[])


# --- against the sandbox


@pytest.mark.parametrize("kind", WIRED)
def test_every_transport_sends_the_ids_as_they_are(kind: str, sandbox: Sandbox) -> None:
    odd = ["557058:a b", "ä/?#&=%41+", "x;y", "~._-"]
    for account_id in odd:
        sandbox.directory.add_person(Person(account_id, account_id, ""))
    auth = httpx.BasicAuth(*sandbox.admin)
    users = call_at(kind, sandbox.url, "get_users", {"account_ids": [*odd, "nobody"]}, auth=auth, clock=FakeClock())
    assert account_ids_of(users) == odd
    assert users.missing == ("nobody",)
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("kind", WIRED)
def test_a_lost_look_up_is_sent_again(kind: str, sandbox: Sandbox) -> None:
    sandbox.answer_next(Answer(503), Answer(429))
    people = list(sandbox.directory.people)
    auth = httpx.BasicAuth(*sandbox.admin)
    users = call_at(kind, sandbox.url, "get_users", {"account_ids": people}, auth=auth, clock=FakeClock())
    assert account_ids_of(users) == people
    assert [seen.target.partition("?")[0] for seen in sandbox.requests] == [BULK] * 3


# --- the result

ADA, BEN = User(account_id="a", display_name="Ada"), User(account_id="b")


def test_the_result_is_a_list_of_users_with_the_missing_ids() -> None:
    users = UserList([ADA, BEN], ["x"])
    assert users == [ADA, BEN]
    assert users.missing == ("x",)
    assert repr(users) == f"UserList([{ADA!r}, {BEN!r}], missing=('x',))"
    assert UserList() == []
    assert UserList().missing == ()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda users: pickle.loads(pickle.dumps(users))])
def test_a_copy_of_the_result_has_the_missing_ids(copied: Callable[[UserList], UserList]) -> None:
    users = UserList([ADA, BEN], ["x"])
    again = copied(users)
    assert type(again) is UserList
    assert (again, again.missing) == (users, ("x",))
    again.append(ADA)
    assert len(users) == 2


@pytest.mark.parametrize("first", [[], ["x" * 5989]])
@pytest.mark.parametrize(("length", "chunks"), [(2978, 1), (2979, 2)])
def test_the_ids_of_a_call_take_at_most_6000_characters(first: list[str], length: int, chunks: int) -> None:
    given_ids = [*first, "y" * 3000, "z" * length]
    split = list(split_ids(given_ids))
    assert [each for chunk in split for each in chunk] == given_ids
    assert len(split) == len(first) + chunks
