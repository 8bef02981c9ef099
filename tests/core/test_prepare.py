"""`prepare` builds the request that a method would send first, sends nothing, and shows no secret."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, Answers, call, token

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, BearerToken, ConfluenceGroups
from confluence_groups_sdk._core.api.first_call import FIRST_CALLS

Client = ConfluenceGroups | AsyncConfluenceGroups

API = f"{SITE}/wiki/rest/api"
CALLS_NOTHING = {
    "prepare",
    "rate_limiter",
    "with_options",
    "close",
    "aclose",
    "for_cloud",
    "from_env",
    "site",
    "notices",
    "observer",
    "raw",
}
BOTH_IDS = {"group_id": "g/1", "account_id": "557058:a b"}
CASES: list[tuple[str, Mapping[str, Any], str, str]] = [
    (
        "remove_member",
        BOTH_IDS,
        "DELETE",
        f"{API}/group/userByGroupId?groupId=g%2F1&accountId=557058%3Aa%20b",
    ),
    ("add_member", BOTH_IDS, "POST", f"{API}/group/userByGroupId?groupId=g%2F1"),
    (
        "iter_members",
        {"group_id": "g/1", "page_size": 7},
        "GET",
        f"{API}/group/g%2F1/membersByGroupId?start=0&limit=7&shouldReturnTotalSize=false",
    ),
    (
        "count_members",
        {"group_id": "g"},
        "GET",
        f"{API}/group/g/membersByGroupId?start=0&limit=1&shouldReturnTotalSize=true",
    ),
    ("is_member", BOTH_IDS, "GET", f"{API}/user/memberof?accountId=557058%3Aa%20b&start=0&limit=200"),
    ("get_group", {"group_id": "g"}, "GET", f"{API}/group/by-id?id=g"),
    ("iter_groups", {"access_type": "admin"}, "GET", f"{API}/group?start=0&limit=200&accessType=admin"),
    (
        "search_groups",
        {"query": "docs"},
        "GET",
        f"{API}/group/picker?query=docs&start=0&limit=200&shouldReturnTotalSize=false",
    ),
    ("create_group", {"name": "docs"}, "POST", f"{API}/group"),
    ("delete_group", {"group_id": "g"}, "DELETE", f"{API}/group/by-id?id=g"),
    ("iter_memberships", {"account_id": "a"}, "GET", f"{API}/user/memberof?accountId=a&start=0&limit=200"),
    ("get_user", {"account_id": "a"}, "GET", f"{API}/user?accountId=a"),
    ("get_users", {"account_ids": ["a", "b/c"]}, "GET", f"{API}/user/bulk?accountId=a&accountId=b%2Fc"),
    ("current_user", {}, "GET", f"{API}/user/current"),
]
ANSWERS = {"remove_member": 204, "add_member": 201, "delete_group": 204}


def client(kind: str, handler: Answers, auth: httpx.Auth | None = None) -> Client:
    """Build a client whose requests go to a handler."""
    transport = httpx.MockTransport(handler)
    if kind == "sync":
        return ConfluenceGroups(SITE, auth=auth or token(), http_client=httpx.Client(transport=transport))
    return AsyncConfluenceGroups(SITE, auth=auth or token(), http_client=httpx.AsyncClient(transport=transport))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "arguments", "verb", "url"), CASES, ids=lambda value: str(value)[:40])
def test_prepared_request_has_method_and_address_and_is_not_sent(
    kind: str, method: str, arguments: Mapping[str, Any], verb: str, url: str
) -> None:
    answers = Answers()
    request = client(kind, answers).prepare(method, **arguments)
    assert (request.method, str(request.url)) == (verb, url)
    assert answers.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "arguments"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_prepared_request_is_the_first_that_the_method_sends(
    kind: str, method: str, arguments: Mapping[str, Any]
) -> None:
    prepared = client(kind, Answers()).prepare(method, **arguments)
    answers = Answers(httpx.Response(ANSWERS.get(method, 418)))
    if method in ANSWERS:
        call(kind, method, answers, arguments)
    else:
        with pytest.raises(Exception, match="418"):
            call(kind, method, answers, arguments)
    (sent,) = answers.requests
    assert (prepared.method, str(prepared.url), prepared.content) == (sent.method, str(sent.url), sent.content)
    del sent.headers["Authorization"], prepared.headers["Authorization"]
    assert prepared.headers == sent.headers


@pytest.mark.parametrize("kind", KINDS)
def test_prepared_request_of_a_change_has_its_body_and_the_xsrf_header(kind: str) -> None:
    request = client(kind, Answers()).prepare("add_member", group_id="g", account_id="a")
    assert json.loads(request.content) == {"accountId": "a"}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Atlassian-Token"] == "no-check"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        (ApiToken("me@example.com", "very-secret"), "Basic REDACTED"),
        (BearerToken("very-secret"), "Bearer REDACTED"),
        (httpx.BasicAuth("me@example.com", "very-secret"), None),
    ],
    ids=["api-token", "bearer-token", "foreign-auth"],
)
def test_prepared_request_shows_the_scheme_but_no_secret(kind: str, auth: httpx.Auth, shown: str | None) -> None:
    groups = client(kind, Answers(), auth)
    request = groups.prepare("remove_member", group_id="g", account_id="a")
    assert request.headers.get("Authorization") == shown
    everything = f"{request!r} {request.headers.raw!r} {request.content!r} {request.extensions!r} {vars(request)!r}"
    assert "very-secret" not in everything
    assert "me@example.com" not in everything
    assert "bWVAZXhhbXBsZS5jb206dmVyeS1zZWNyZXQ" not in everything  # email and token in Base64


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_does_not_change_later_requests(kind: str) -> None:
    answers = Answers()
    groups = client(kind, answers)
    first = groups.prepare("current_user")
    assert first.headers["Authorization"] == "Basic REDACTED"
    assert "Authorization" not in groups._session.config.read_headers
    assert str(groups.prepare("current_user").url) == str(first.url)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "method", ["no_such_method", "prepare", "with_options", "aclose", "raw", "_session", "", None, []]
)
def test_prepare_of_an_unknown_method_names_the_known_ones(kind: str, method: Any) -> None:
    with pytest.raises(ValueError, match=r"give one of remove_member, .*current_user$") as caught:
        client(kind, Answers()).prepare(method)
    assert repr(method) in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("remove_member", {"group_id": "g"}, r"^remove_member\(\): missing a required argument: 'account_id'$"),
        ("remove_member", {**BOTH_IDS, "name": "n"}, r"^remove_member\(\): got an unexpected keyword argument 'name'$"),
        ("iter_memberships", {"account_id": "a", "page_size": 5}, r"^iter_memberships\(\): .* 'page_size'$"),
        ("current_user", {"account_id": "a"}, r"^current_user\(\): .* 'account_id'$"),
    ],
)
def test_prepare_with_wrong_arguments_is_a_type_error_like_the_method(
    kind: str, method: str, arguments: Mapping[str, Any], message: str
) -> None:
    groups = client(kind, Answers())
    with pytest.raises(TypeError, match=message) as caught:
        groups.prepare(method, **arguments)
    assert caught.value.__cause__ is None
    with pytest.raises(TypeError):
        getattr(groups, method)(**arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "arguments", "name"),
    [
        ("remove_member", {"group_id": "", "account_id": "a"}, "group_id"),
        ("iter_members", {"group_id": ".."}, "group_id"),
        ("is_member", {"group_id": ".", "account_id": "a"}, "group_id"),
        ("iter_groups", {"page_size": 201}, "page_size"),
        ("iter_groups", {"access_type": "root"}, "access_type"),
        ("search_groups", {"query": " "}, "query"),
        ("get_user", {"account_id": "a" * 70_000}, "too long"),
    ],
)
def test_prepare_with_an_argument_that_the_method_does_not_accept(
    kind: str, method: str, arguments: Mapping[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        client(kind, Answers()).prepare(method, **arguments)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_prepare_knows_every_method_with_the_same_parameters_and_defaults(kind: type[Client]) -> None:
    methods = {name for name in vars(kind) if not name.startswith("_")} - CALLS_NOTHING
    assert methods == set(FIRST_CALLS) == {case[0] for case in CASES}
    for name, build in FIRST_CALLS.items():
        _, *parameters = inspect.signature(getattr(kind, name)).parameters.values()
        prepared = inspect.signature(build).parameters.values()
        assert [(each.name, each.kind, each.default) for each in prepared] == [
            (each.name, each.kind, each.default) for each in parameters
        ]
