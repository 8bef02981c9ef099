"""Requests of the clients compared with fragment and public reference; responses of the sandbox with the fragment.

The fragment and the client are generated from the same items, so their agreement only proves that the generator loses
nothing. The requests written by hand in this file are an independent check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
import schemathesis
from fakes import KINDS, call
from hypothesis import HealthCheck, settings
from openapi_schema_validator import OAS30Validator
from ruamel.yaml import YAML
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from confluence_groups_sdk import APIStatusError, AsyncConfluenceGroups, BearerToken, ConfluenceGroups
from confluence_groups_sdk.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = ROOT / "openapi" / "confluence-groups.openapi.yaml"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"


class Expected(NamedTuple):
    """A method call, and the exact request in the public reference."""

    operation: str
    method: str
    arguments: Mapping[str, Any]
    request: str  # method and address
    body: Any = None


G, A = "g:1", "a/b c+d"
EXPECTED = [
    Expected("getGroups", "iter_groups", {}, "GET /wiki/rest/api/group?start=0&limit=200"),
    Expected(
        "getGroups",
        "iter_groups",
        {"access_type": "site-admin", "page_size": 7},
        "GET /wiki/rest/api/group?start=0&limit=7&accessType=site-admin",
    ),
    Expected("createGroup", "create_group", {"name": "Ünïon"}, "POST /wiki/rest/api/group", {"name": "Ünïon"}),
    Expected("getGroupByGroupId", "get_group", {"group_id": G}, "GET /wiki/rest/api/group/by-id?id=g%3A1"),
    Expected("removeGroupById", "delete_group", {"group_id": G}, "DELETE /wiki/rest/api/group/by-id?id=g%3A1"),
    Expected(
        "searchGroups",
        "search_groups",
        {"query": "a&b", "page_size": 1},
        "GET /wiki/rest/api/group/picker?query=a%26b&start=0&limit=1&shouldReturnTotalSize=false",
    ),
    Expected(
        "getGroupMembersByGroupId",
        "iter_members",
        {"group_id": "g/1:?#%41"},
        "GET /wiki/rest/api/group/g%2F1%3A%3F%23%2541/membersByGroupId?start=0&limit=200&shouldReturnTotalSize=false",
    ),
    Expected(
        "getGroupMembersByGroupId",
        "count_members",
        {"group_id": G},
        "GET /wiki/rest/api/group/g%3A1/membersByGroupId?start=0&limit=1&shouldReturnTotalSize=true",
    ),
    Expected(
        "addUserToGroupByGroupId",
        "add_member",
        {"group_id": G, "account_id": A},
        "POST /wiki/rest/api/group/userByGroupId?groupId=g%3A1",
        {"accountId": A},
    ),
    Expected(
        "removeMemberFromGroupByGroupId",
        "remove_member",
        {"group_id": G, "account_id": A},
        "DELETE /wiki/rest/api/group/userByGroupId?groupId=g%3A1&accountId=a%2Fb%20c%2Bd",
    ),
    Expected(
        "getGroupMembershipsForUser",
        "iter_memberships",
        {"account_id": A},
        "GET /wiki/rest/api/user/memberof?accountId=a%2Fb%20c%2Bd&start=0&limit=200",
    ),
    Expected(
        "getGroupMembershipsForUser",
        "is_member",
        {"group_id": G, "account_id": A},
        "GET /wiki/rest/api/user/memberof?accountId=a%2Fb%20c%2Bd&start=0&limit=200",
    ),
    Expected("getCurrentUser", "current_user", {}, "GET /wiki/rest/api/user/current"),
    Expected("getUser", "get_user", {"account_id": A}, "GET /wiki/rest/api/user?accountId=a%2Fb%20c%2Bd"),
    Expected(
        "getBulkUserLookup",
        "get_users",
        {"account_ids": [A, "557058:a"]},
        "GET /wiki/rest/api/user/bulk?accountId=a%2Fb%20c%2Bd&accountId=557058%3Aa",
    ),
]
IDS = [f"{each.method}-{len(each.arguments)}" for each in EXPECTED]


@cache
def fragment() -> Any:
    return YAML(typ="safe", pure=True).load(FRAGMENT)


def operations() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and definition of every operation."""
    for path, item in fragment()["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def first_request(kind: str, expected: Expected) -> httpx.Request:
    """Return the first request that a call sends; an error response ends the call."""
    requests: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(418)

    with pytest.raises(APIStatusError):
        call(kind, expected.method, refuse, expected.arguments)
    assert len(requests) == 1
    return requests[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_the_request_is_the_one_in_the_reference(kind: str, expected: Expected) -> None:
    request = first_request(kind, expected)
    assert f"{request.method} {request.url.raw_path.decode()}" == expected.request
    assert request.headers["Accept"] == "application/json"
    assert ("X-Atlassian-Token" in request.headers) == (request.method != "GET")
    if expected.body is None:
        assert request.content == b""
        assert not {"Content-Type", "Content-Length", "Transfer-Encoding"} & set(request.headers)
    else:
        assert json.loads(request.content) == expected.body
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Content-Length"] == str(len(request.content))


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_the_request_conforms_to_the_fragment(expected: Expected) -> None:
    (found,) = [found for found in operations() if found[2]["operationId"] == expected.operation]
    assert problems(first_request("sync", expected), *found) == []


def problems(request: httpx.Request, method: str, path: str, operation: Any) -> list[str]:
    """Return how a request violates its operation in the fragment."""
    found = [] if request.method.lower() == method else [f"{request.method}, not {method}"]
    sent: dict[str, Any] = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
    lists = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter.get("explode")}
    sent |= {name: parse_qs(request.url.query.decode())[name] for name in lists & sent.keys()}
    pattern = "/wiki/rest" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    in_path = re.fullmatch(pattern, request.url.raw_path.partition(b"?")[0].decode())
    sent |= in_path.groupdict() if in_path else {"": f"the path is not {path}"}
    for parameter in operation.get("parameters", ()):
        text = sent.pop(parameter["name"], None)
        if text is None:
            found += [f"{parameter['name']} is missing"] if parameter.get("required") else []
        else:
            kind = parameter["schema"]["type"]
            value = json.loads(text) if kind in ("integer", "boolean") else text
            found += [error.message for error in OAS30Validator(parameter["schema"]).iter_errors(value)]
    found += [f"{name} is not known" for name in sent]
    if "requestBody" in operation:
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = fragment()["components"]["schemas"][name]
        found += [error.message for error in OAS30Validator(schema).iter_errors(json.loads(request.content or b"0"))]
    return found


def test_the_fragment_check_finds_mistakes() -> None:
    (members,) = [found for found in operations() if found[1].endswith("/membersByGroupId")]
    address = "https://your-domain.atlassian.net/wiki/rest/api/group/{}/membersByGroupId?{}"
    for group_id, query in [("g", "Start=0"), ("g", "limit=201"), ("g", "limit=x1"), ("g/h", "start=0")]:
        request = httpx.Request("GET", address.format(group_id, query))
        try:
            assert problems(request, *members)
        except ValueError:
            assert query == "limit=x1"
    (adding,) = [found for found in operations() if found[2]["operationId"] == "addUserToGroupByGroupId"]
    bare = "https://your-domain.atlassian.net/wiki/rest/api/group/userByGroupId"
    assert len(problems(httpx.Request("POST", bare, json={"accountid": "a"}), *adding)) == 2


def test_every_operation_is_compared_with_the_reference() -> None:
    assert {operation["operationId"] for *_, operation in operations()} == {each.operation for each in EXPECTED}


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_every_method_that_calls_is_compared_with_the_reference(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups],
) -> None:
    others = {
        "site",
        "rate_limiter",
        "observer",
        "notices",
        "raw",
        "with_options",
        "close",
        "aclose",
        "for_cloud",
        "from_env",
        "prepare",
    }
    assert {name for name in dir(kind) if not name.startswith("_")} - others == {each.method for each in EXPECTED}


# --- through the gateway


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_gateway_changes_only_the_start_of_the_address(expected: Expected, sandbox: Sandbox) -> None:
    with ConfluenceGroups.for_cloud(
        sandbox.cloud_id, auth=BearerToken(sandbox.access_token), gateway=sandbox.gateway
    ) as groups:
        try:
            result = getattr(groups, expected.method)(**expected.arguments)
            list(result if isinstance(result, Iterator) else ())
        except APIStatusError as error:
            assert error.status_code in (400, 404)  # noqa: PT017 - the sandbox has no such group or user
    method, _, target = expected.request.partition(" ")
    assert sandbox.requests[0].method == method
    assert sandbox.requests[0].target == f"/ex/confluence/{sandbox.cloud_id}{target}"
    assert all(seen.target.startswith(f"/ex/confluence/{sandbox.cloud_id}/wiki/") for seen in sandbox.requests)


def test_later_pages_also_go_through_the_gateway(sandbox: Sandbox) -> None:
    sandbox.page_limit = 1
    auth = BearerToken(sandbox.access_token)
    with ConfluenceGroups.for_cloud(sandbox.cloud_id, auth=auth, gateway=sandbox.gateway) as groups:
        assert len(list(groups.iter_groups())) == 3
    page = httpx.get(
        f"{sandbox.gateway}/ex/confluence/{sandbox.cloud_id}/wiki/rest/api/group",
        headers={"Authorization": f"Bearer {sandbox.access_token}"},
    )
    assert page.json()["_links"]["base"] == f"{sandbox.url}/wiki"


# --- the sandbox, with generated requests

schema = schemathesis.openapi.from_path(FRAGMENT)
schema.config.generation.update(modes=[GenerationMode.POSITIVE])


@schema.parametrize()
@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sandbox_conforms_to_the_fragment(case: Any, sandbox: Sandbox) -> None:
    documented = {int(status) for status in case.operation.definition.raw["responses"]} | {400, 401}
    for known in ({}, {"groupId": EDITORS, "id": EDITORS, "accountId": CHIARA}):
        for values in (case.path_parameters, case.query):
            values.update({name: value for name, value in known.items() if name in values})
        response = case.call(base_url=f"{sandbox.url}/wiki/rest", auth=tuple(sandbox.admin))
        assert response.status_code in documented
        case.validate_response(
            response, checks=[not_a_server_error, response_schema_conformance, content_type_conformance]
        )


def test_the_generated_requests_cover_every_operation() -> None:
    assert schema.statistic.operations.selected == len({each.operation for each in EXPECTED})
