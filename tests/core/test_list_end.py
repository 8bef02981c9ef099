"""Lists end without an extra call where that is safe, and also on servers that answer every page alike."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fakes import KINDS, WIRED, Answers, call, call_at
from raw_socket_servers import reply_with, serve

from confluence_groups_sdk import ApiToken, ConfluenceGroups, IncompleteReadError, User
from confluence_groups_sdk.membership import Outcome, apply, plan_offboarding
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

LISTS: dict[str, dict[str, Any]] = {
    "iter_members": {"group_id": "g"},
    "iter_groups": {},
    "search_groups": {"query": "n"},
    "iter_memberships": {"account_id": "a"},
}
IDS = ["a", "b", "c"]


def page(ids: list[str], **fields: Any) -> dict[str, Any]:
    """Return a page whose entries are users and groups at the same time."""
    results = [{"type": "known", "accountId": each, "id": each, "name": f"name of {each}"} for each in ids]
    return {"results": results, **fields}


def static(body: dict[str, Any]) -> tuple[Callable[[httpx.Request], httpx.Response], list[httpx.URL]]:
    """Return a handler that ignores the query, like a stub, and the list of addresses it was asked for."""
    requested: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requested.append(request.url)
        return httpx.Response(200, json=body)

    return answer, requested


def ids_of(items: list[Any]) -> list[str]:
    return [item.account_id if isinstance(item, User) else item.id for item in items]


# --- one page


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", LISTS)
def test_a_short_page_that_states_its_limit_ends_the_list(kind: str, method: str) -> None:
    handler = Answers(httpx.Response(200, json=page(IDS, start=0, limit=200, size=3, _links={})))
    assert ids_of(call(kind, method, handler, LISTS[method])) == IDS
    assert len(handler.requests) == 1


STUBS = {
    "only results": page(IDS),
    "no limit": page(IDS, start=0, size=3, _links={"self": "https://example.com"}),
    "null links": page(IDS, start=None, limit=None, size=None, _links=None),
    "limit 0, as Prism invents": page(IDS, start=0, limit=0, size=0, totalSize=0, _links={"property1": {}}),
    "negative limit": page(IDS, limit=-3),
    "limit below the size": page(IDS, limit=1),
    "limit as text": page(IDS, limit="200"),
    "limit true": page(IDS, limit=True),
    "limit as a fraction": page(IDS, limit=200.5),
    "with limit": page(IDS, start=0, limit=25, size=3, _links={}),
    "with a larger total": page(IDS, start=0, limit=25, size=3, totalSize=99, _links={}),
    "with a larger total, without limit": page(IDS, totalSize=99),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("stub", STUBS)
def test_static_stubs_are_complete_lists(kind: str, method: str, stub: str) -> None:
    handler, requested = static(STUBS[stub])
    assert ids_of(call(kind, method, handler, LISTS[method])) == IDS
    assert len(requested) <= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stub", STUBS)
def test_questions_are_answered_by_static_stubs(kind: str, stub: str) -> None:
    handler, requested = static(STUBS[stub])
    for group_id, is_listed in (("b", True), ("z", False)):
        requested.clear()
        assert call(kind, "is_member", handler, {"group_id": group_id, "account_id": "a"}) is is_listed
        assert {url.path for url in requested} == {"/wiki/rest/api/user/memberof"}
        assert len(requested) == 1 or not is_listed, "it stops at the first match"
    count = call(kind, "count_members", handler, {"group_id": "g"})
    assert count == (99 if "larger total" in stub else 3)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("stub", ["only results", "with limit"])
def test_static_stubs_are_complete_lists_over_sockets(kind: str, stub: str) -> None:
    body = json.dumps(STUBS[stub]).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with serve(reply_with(*[answer] * (2 - ("limit" in STUBS[stub])))) as wires:
        assert ids_of(call_at(kind, wires.address, "iter_members", {"group_id": "g"})) == IDS


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize(
    "body",
    [
        page(IDS, limit=3),
        page(IDS, limit=3, totalSize=3),
        page(IDS, limit=25, _links={"next": "/rest/api/group?start=3"}),
        page(IDS, _links={"next": "/rest/api/group?start=3"}),
        page([f"id-{number}" for number in range(200)]),
        page([f"id-{number}" for number in range(200)], limit=200),
        page([f"id-{number}" for number in range(200)], limit=1000),
    ],
)
def test_other_pages_that_repeat_are_no_complete_list(method: str, body: dict[str, Any]) -> None:
    handler, requested = static(body)
    with pytest.raises(IncompleteReadError, match="repeats") as caught:
        call("sync", method, handler, LISTS[method])
    assert len(caught.value.received) == len(body["results"])
    assert len(requested) == 2


def test_a_page_as_long_as_the_limit_asked_for_does_not_end_the_list() -> None:
    handler = Answers(httpx.Response(200, json=page(IDS, limit=200)), httpx.Response(200, json=page(["d"], limit=200)))
    assert ids_of(call("sync", "iter_groups", handler, {"page_size": 3})) == [*IDS, "d"]
    assert [request.url.params["start"] for request in handler.requests] == ["0", "3"]


def test_a_static_list_that_grows_meanwhile_is_complete() -> None:
    bodies = [page(IDS), page(["new", *IDS]), page(["new", *IDS])]
    handler = Answers(*(httpx.Response(200, json=body) for body in bodies))
    assert ids_of(call("sync", "iter_groups", handler)) == [*IDS, "new"]


def test_a_page_that_repeats_only_the_end_of_a_list_without_limits_does_not_end_it() -> None:
    handler = Answers(*(httpx.Response(200, json=page(ids)) for ids in (["a", "b"], ["b"], ["c"], [])))
    assert ids_of(call("sync", "iter_groups", handler)) == IDS


def test_a_short_page_after_which_the_list_starts_over_is_an_error() -> None:
    pages = [page(IDS, limit=3), page(["d", "e", "f"], limit=3), page(IDS, limit=200)]
    with pytest.raises(IncompleteReadError):
        call("sync", "iter_groups", Answers(*(httpx.Response(200, json=body) for body in pages)))


@pytest.mark.parametrize("limit", [{}, {"limit": 200}])
def test_a_page_shortened_by_permissions_with_a_next_link_does_not_end_the_list(limit: dict[str, int]) -> None:
    pages = [page(IDS, **limit, _links={"next": "x"}), page(["d"], limit=200)]
    handler = Answers(*(httpx.Response(200, json=body) for body in pages))
    assert ids_of(call("sync", "iter_groups", handler)) == [*IDS, "d"]


# --- a total that is not reached


def test_a_total_that_is_not_reached_is_asked_for_once_more_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    pages = [page(IDS, limit=200, totalSize=5), page([], limit=200, totalSize=5)]
    handler = Answers(*(httpx.Response(200, json=body) for body in pages))
    assert ids_of(call("sync", "iter_members", handler, LISTS["iter_members"])) == IDS
    assert [request.url.params["start"] for request in handler.requests] == ["0", "3"]
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "getGroupMembersByGroupId #" in line.getMessage()
    assert line.getMessage().endswith("the server states a total of 5, but its pages have only 3")


@pytest.mark.parametrize("total", [0, 3, 4, None])
def test_a_total_that_is_reached_is_not_logged(caplog: pytest.LogCaptureFixture, total: int | None) -> None:
    pages = [page(IDS, limit=200, totalSize=total), page(["d"], limit=200, totalSize=total)]
    handler = Answers(*(httpx.Response(200, json=body) for body in pages))
    assert ids_of(call("sync", "iter_members", handler, LISTS["iter_members"])) == [*IDS, *["d"] * (total == 4)]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_short_pages_are_read_on_while_the_total_is_not_reached() -> None:
    pages = [page([each], limit=200, totalSize=3) for each in IDS]
    handler = Answers(*(httpx.Response(200, json=body) for body in pages))
    assert ids_of(call("sync", "iter_groups", handler)) == IDS


def test_a_server_that_answers_its_last_page_again_ends_the_list() -> None:
    pages = [page(IDS, limit=3), page(["d"], limit=3, totalSize=9), page(["d"], limit=3, totalSize=9)]
    handler = Answers(*(httpx.Response(200, json=body) for body in pages))
    assert ids_of(call("sync", "iter_groups", handler)) == [*IDS, "d"]


# --- a site whose lists of groups by user ignore their start (CONFCLOUD-62418)


def test_leavers_are_removed_on_a_site_that_ignores_start(tmp_path: Any) -> None:
    with Sandbox() as sandbox:
        leaver = Person("557058:leaver", "Leaver", "leaver@example.com")
        sandbox.directory.add_person(leaver)
        others = [person.account_id for person in sandbox.directory.people.values()]
        for name in IDS:
            sandbox.directory.add_group(Group(name, name), [*others, leaver.account_id])

        def ignore_start(request: httpx.Request) -> httpx.Response:
            url = request.url
            if url.path.endswith("/memberof"):
                url = url.copy_remove_param("start")
            with httpx.Client() as http:
                headers = {"Authorization": request.headers["Authorization"], "X-Atlassian-Token": "no-check"}
                response = http.request(request.method, url, headers=headers, content=request.content)
            return httpx.Response(response.status_code, content=response.content)

        with (
            httpx.Client(transport=httpx.MockTransport(ignore_start)) as http,
            ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), http_client=http) as groups,
        ):
            plan = plan_offboarding(groups, account_ids=[leaver.account_id])
            report = apply(groups, plan, journal=tmp_path / "journal")
        assert report.counts == {Outcome.REMOVED: 3}
        assert sum("memberof" in request.target for request in sandbox.requests) == 1
