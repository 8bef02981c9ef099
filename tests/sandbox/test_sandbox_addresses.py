"""The addresses of the sandbox: removed operations, unknown addresses, other methods, and odd parameters."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fakes import WIRED, call_at

from confluence_groups_sdk import (
    ApiToken,
    AsyncConfluenceGroups,
    BadRequestError,
    ConfluenceGroups,
    GoneError,
    KnownProblem,
    NotFoundError,
)
from confluence_groups_sdk.sandbox import Answer, Faults, Sandbox

API = "/wiki/rest/api"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
GONE = (
    "com.atlassian.confluence.api.service.exceptions.pagesmodes.GoneException: "
    "This deprecated endpoint has been removed."
)
REMOVED = [
    ("GET", "/group/docs-editors"),
    ("GET", "/group/two%20words"),
    ("GET", "/group/by-name?name=docs-editors"),
    ("GET", "/group/member?name=docs-editors"),
    ("GET", "/group/docs-editors/member"),
    ("GET", f"/group/{EDITORS}/member"),
    ("DELETE", "/group?name=docs-editors"),
    ("POST", "/group/user?name=docs-editors"),
    ("DELETE", f"/group/user?name=docs-editors&accountId={CHIARA}"),
]
UNKNOWN = [
    ("GET", "/nowhere"),
    ("PUT", "/"),
    ("GET", "//"),
    ("GET", "/a%0Ab"),
    ("GET", "/rest/api/group"),
    ("DELETE", f"{API}/nowhere"),
    ("GET", f"{API}/group/"),
    ("GET", f"{API}/group/a/b"),
    ("GET", "/wiki/api/v2/groups"),
    ("GET", "/ex/confluence/other/nowhere"),
]


def ask(sandbox: Sandbox, method: str, address: str, **options: Any) -> httpx.Response:
    options.setdefault("auth", tuple(sandbox.admin))
    return httpx.request(method, sandbox.url + address, **options)


# --- removed operations


@pytest.mark.parametrize(("method", "path"), REMOVED)
def test_calls_by_name_are_gone(sandbox: Sandbox, method: str, path: str) -> None:
    """The live body: docs/confluence-behaviour.md#operations."""
    gone = ask(sandbox, method, API + path)
    data = {"authorized": True, "valid": True, "errors": [], "successful": True}
    assert (gone.status_code, gone.json()) == (410, {"statusCode": 410, "data": data, "message": GONE})
    assert gone.headers["atl-request-id"].endswith("-000000000001")
    assert [(seen.method, seen.target) for seen in sandbox.requests] == [(method, API + path)]
    assert sandbox.directory.is_member(EDITORS, CHIARA)
    bearer = {"Authorization": f"Bearer {sandbox.access_token}"}
    through_gateway = ask(sandbox, method, f"/ex/confluence/{sandbox.cloud_id}{API}{path}", auth=None, headers=bearer)
    assert through_gateway.json() == gone.json()
    elsewhere = ask(sandbox, method, f"/ex/confluence/other{API}{path}", auth=None, headers=bearer)
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"code": 404, "message": "Not Found"})


@pytest.mark.parametrize(("method", "path"), REMOVED)
def test_calls_by_name_ask_for_credentials_first(sandbox: Sandbox, method: str, path: str) -> None:
    assert ask(sandbox, method, API + path, auth=(sandbox.admin.email, "x")).status_code == 401
    assert ask(sandbox, method, API + path, auth=tuple(sandbox.outsider)).status_code == 403
    assert ask(sandbox, method, API + path, auth=tuple(sandbox.reader)).status_code == 410


def test_calls_by_name_meet_faults_and_prepared_answers(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(error_rate=1)
    sandbox.answer_next(Answer(299))
    answers = [ask(sandbox, "GET", f"{API}/group/docs-editors").status_code for _ in range(2)]
    assert answers == [299, 503]


@pytest.mark.parametrize("kind", WIRED)
def test_clients_raise_gone_error_with_the_words_of_the_site(sandbox: Sandbox, kind: str) -> None:
    with pytest.raises(GoneError) as caught:
        call_at(kind, sandbox.url, "remove_member", {"group_id": EDITORS, "account_id": CHIARA}, **gone(sandbox))
    assert caught.value.message == GONE
    assert len(sandbox.requests) == 2, "it is not sent again"


def gone(sandbox: Sandbox) -> dict[str, Any]:
    """Let the sandbox answer the next call like one by name, and return the credentials."""
    answered = ask(sandbox, "DELETE", f"{API}/group?name=x")
    sandbox.answer_next(Answer(answered.status_code, body=answered.text))
    return {"auth": ApiToken(*sandbox.admin)}


# --- unknown addresses


@pytest.mark.parametrize(("method", "address"), UNKNOWN)
def test_unknown_addresses_are_recorded_and_answered_as_json(sandbox: Sandbox, method: str, address: str) -> None:
    with httpx.Client(base_url=sandbox.url) as http:
        request = http.build_request(method, "/")
        request.url = request.url.copy_with(raw_path=address.encode())
        answer = http.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    body = answer.json()
    if address.startswith(API):
        assert (body["statusCode"], body["data"]["successful"]) == (404, False)
    else:
        assert body == {"code": 404, "message": "Not Found"}
    assert answer.headers["atl-request-id"] == "00000000-0000-4000-8000-000000000001"
    assert [(seen.method, seen.target) for seen in sandbox.requests] == [(method, address)]


def test_unknown_addresses_consume_prepared_answers(sandbox: Sandbox) -> None:
    sandbox.answer_next(Answer(200, {"X": "1"}, "first"), Answer(520))
    first, second, third = (ask(sandbox, "GET", f"/nowhere?{number}") for number in range(3))
    assert (first.status_code, first.headers["x"], first.text) == (200, "1", "first")
    assert (second.status_code, third.status_code) == (520, 404)
    assert [seen.target for seen in sandbox.requests] == ["/nowhere?0", "/nowhere?1", "/nowhere?2"]


def test_a_known_gateway_address_has_the_shape_of_the_api(sandbox: Sandbox) -> None:
    for cloud_id, shape in ((sandbox.cloud_id, "statusCode"), ("other", "code")):
        assert ask(sandbox, "GET", f"/ex/confluence/{cloud_id}{API}/nowhere").json()[shape] == 404


def test_a_wrong_cloud_id_is_a_wrong_address(sandbox: Sandbox) -> None:
    def check(caught: pytest.ExceptionInfo[NotFoundError]) -> None:
        assert caught.value.problem is KnownProblem.WRONG_ADDRESS
        assert caught.value.request_id
        assert caught.value.message == "Not Found"

    async def call_async() -> None:
        async with AsyncConfluenceGroups.for_cloud("other", gateway=sandbox.gateway, auth=auth) as groups:
            await groups.current_user()

    auth = ApiToken(*sandbox.admin)
    with (
        ConfluenceGroups.for_cloud("other", gateway=sandbox.gateway, auth=auth) as groups,
        pytest.raises(NotFoundError) as caught,
    ):
        groups.current_user()
    check(caught)
    with pytest.raises(NotFoundError) as caught:
        asyncio.run(call_async())
    check(caught)


# --- other methods


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/group", "GET, HEAD, POST"),
        ("/group/by-id", "DELETE, GET, HEAD"),
        ("/group/picker", "GET, HEAD"),
        (f"/group/{EDITORS}/membersByGroupId", "GET, HEAD"),
        ("/group/userByGroupId", "DELETE, POST"),
        ("/user/memberof", "GET, HEAD"),
        ("/user/current", "GET, HEAD"),
        ("/user", "GET, HEAD"),
        ("/user/bulk", "GET, HEAD"),
    ],
)
def test_other_methods_are_405_with_all_methods_that_are_allowed(sandbox: Sandbox, path: str, allowed: str) -> None:
    for prefix in (API, f"/ex/confluence/{sandbox.cloud_id}{API}"):
        for method in ("PUT", "OPTIONS", "PATCH", "FOO", *(["GET", "HEAD"] if "GET" not in allowed else [])):
            answer = ask(sandbox, method, prefix + path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            assert method == "HEAD" or answer.json()["statusCode"] == 405
            assert answer.headers["atl-request-id"]
            assert sandbox.requests[-1].method == method
    sandbox.answer_next(Answer(299))
    assert ask(sandbox, "PUT", API + path).status_code == 299


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/authorize", "GET, HEAD"), ("/oauth/token", "POST"), ("/oauth/token/accessible-resources", "GET, HEAD")],
)
def test_other_methods_at_the_authority_are_405_too(sandbox: Sandbox, path: str, allowed: str) -> None:
    answer = ask(sandbox, "DELETE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"code": 405, "message": "Method Not Allowed"}


def test_head_is_answered_like_get(sandbox: Sandbox) -> None:
    answer = ask(sandbox, "HEAD", f"{API}/group")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(ask(sandbox, "GET", f"{API}/group").content)


# --- odd parameters


@pytest.mark.parametrize("path", ["/group/picker?query=sandbox", f"/group/{EDITORS}/membersByGroupId?"])
@pytest.mark.parametrize(
    ("value", "has_total"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("", False), ("1", False)],
)
def test_booleans_are_read_in_any_case(sandbox: Sandbox, path: str, value: str, *, has_total: bool) -> None:
    page = ask(sandbox, "GET", f"{API}{path}&shouldReturnTotalSize={value}").json()
    assert ("totalSize" in page) is has_total


LISTS = ["/group?", "/group/picker?query=", f"/group/{EDITORS}/membersByGroupId?", f"/user/memberof?accountId={CHIARA}"]


@pytest.mark.parametrize("path", LISTS)
def test_limit_0_has_no_next_link(sandbox: Sandbox, path: str) -> None:
    """A client that followed it would read the same page for ever."""
    for start in (0, 1, 99):
        page = ask(sandbox, "GET", f"{API}{path}&limit=0&start={start}").json()
        assert (page["results"], page["limit"], page["size"]) == ([], 0, 0)
        assert "next" not in page["_links"]
    page = ask(sandbox, "GET", f"{API}{path}&limit=1").json()
    assert page["_links"]["next"].endswith("limit=1&start=1")


@pytest.mark.parametrize("path", LISTS)
def test_no_next_link_leads_to_its_own_page(sandbox: Sandbox, path: str) -> None:
    for limit in range(3):
        seen, target = set(), f"{path}&limit={limit}&start=0"
        while target not in seen:
            seen.add(target)
            following = ask(sandbox, "GET", API + target).json()["_links"].get("next")
            if following is None:
                break
            target = following.removeprefix("/rest/api")
        else:
            pytest.fail(f"{target} comes again")


@pytest.mark.parametrize("kind", WIRED)
def test_clients_tell_a_refused_argument_from_an_unknown_address(sandbox: Sandbox, kind: str) -> None:
    with pytest.raises(BadRequestError):
        call_at(kind, sandbox.url, "get_group", {"group_id": "a\x07b"}, auth=ApiToken(*sandbox.admin))
