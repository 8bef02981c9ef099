"""The committed fragment agrees with the public reference and covers everything that the items show."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from codegen import pipeline
from codegen.fragment import gaps
from codegen.fragment.examples import find_differences
from postman_items import CREATE, ITEMS, MEMBERS, ROOT, convert_item, edit_item, load_item, read
from postman_openapi.model import Collection
from postman_openapi.openapi_writer import build_document
from postman_openapi.reader.bodies import JSON
from postman_openapi.yaml_io import read_yaml

RESPONSE, SEARCH = "/response/0/body", "search-groups.json"
NAMES = sorted(path.name for path in ITEMS.glob("*.json"))
OVERLAY = read_yaml((ROOT / gaps.OVERLAY).read_text(encoding="utf-8"), gaps.OVERLAY)
FRAGMENT = read_yaml((ROOT / pipeline.FRAGMENT).read_text(encoding="utf-8"), pipeline.FRAGMENT)
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in FRAGMENT["paths"].items()
    for method, operation in methods.items()
}
PARAMETERS = [each for _, _, operation in OPERATIONS.values() for each in operation.get("parameters", [])]


@pytest.mark.parametrize("name", NAMES)
def test_item_losses_are_only_its_server_and_oauth_flow(name: str) -> None:
    _, losses = convert_item(load_item(name))
    assert [(loss.pointer, loss.what) for loss in losses] == [
        ("/request/auth", "oauth2"),
        ("/request/url/host/0", "{{baseUrl}}"),
    ]


# --- Agreement with the public reference


@frozen
class Expected:
    """An operation of the public reference."""

    method: str
    path: str
    tag: str
    scopes: set[str]  # classic scopes
    granular: set[str]  # granular scopes that can replace them; empty if the fragment names none
    statuses: list[str]
    parameters: dict[str, Any] = field(factory=dict)
    answer: str | None = None
    body: str | None = None


def text_id(place: str = "query") -> Any:
    return {"in": place, "required": True, "schema": {"type": "string", "minLength": 1}}


START = {"in": "query", "schema": {"type": "integer", "default": 0, "minimum": 0}}
LIMIT = {"in": "query", "schema": {"type": "integer", "default": 200, "minimum": 1, "maximum": 200}}
TOTAL = {"in": "query", "schema": {"type": "boolean", "default": False}}
EXPAND = {
    "in": "query",
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "items": {"type": "string", "enum": ["operations", "isExternalCollaborator"]}},
}

READ_GROUPS, WRITE_GROUPS, READ_USERS = "read:confluence-groups", "write:confluence-groups", "read:confluence-user"
READ_GROUP, WRITE_GROUP, READ_USER = "read:group:confluence", "write:group:confluence", "read:user:confluence"

REFERENCE = {
    "getGroups": Expected(
        method="GET",
        path="/api/group",
        tag="Group",
        scopes={READ_GROUPS},
        granular={READ_GROUP},
        parameters={
            "start": START,
            "limit": LIMIT,
            "accessType": {"in": "query", "schema": {"type": "string", "enum": ["user", "admin", "site-admin"]}},
        },
        statuses=["200", "403"],
        answer="GroupPage",
    ),
    "createGroup": Expected(
        method="POST",
        path="/api/group",
        tag="Group",
        scopes={WRITE_GROUPS},
        granular={READ_GROUP, WRITE_GROUP},
        body="GroupName",
        statuses=["201", "400", "401", "403"],
        answer="Group",
    ),
    "getGroupByGroupId": Expected(
        method="GET",
        path="/api/group/by-id",
        tag="Group",
        scopes={READ_GROUPS},
        granular={READ_GROUP},
        parameters={"id": text_id()},
        statuses=["200", "403", "404"],
        answer="Group",
    ),
    "removeGroupById": Expected(
        method="DELETE",
        path="/api/group/by-id",
        tag="Group",
        scopes={WRITE_GROUPS},
        granular={WRITE_GROUP},
        parameters={"id": text_id()},
        statuses=["204", "400", "401", "403", "404"],
    ),
    "searchGroups": Expected(
        method="GET",
        path="/api/group/picker",
        tag="Group",
        scopes={READ_GROUPS},
        granular={READ_GROUP},
        parameters={
            "query": {"in": "query", "required": True, "schema": {"type": "string"}},
            "start": START,
            "limit": LIMIT,
            "shouldReturnTotalSize": TOTAL,
        },
        statuses=["200", "403"],
        answer="GroupPage",
    ),
    "getGroupMembersByGroupId": Expected(
        method="GET",
        path="/api/group/{groupId}/membersByGroupId",
        tag="Group",
        scopes={READ_GROUPS},
        granular={READ_GROUP, READ_USER},
        parameters={
            "groupId": text_id("path"),
            "start": START,
            "limit": LIMIT,
            "shouldReturnTotalSize": TOTAL,
            "expand": EXPAND,
        },
        statuses=["200", "400", "403"],
        answer="UserPage",
    ),
    "addUserToGroupByGroupId": Expected(
        method="POST",
        path="/api/group/userByGroupId",
        tag="Group",
        scopes={WRITE_GROUPS},
        granular={WRITE_GROUP},
        parameters={"groupId": text_id()},
        body="AccountId",
        statuses=["201", "400", "401", "403", "404"],
    ),
    "removeMemberFromGroupByGroupId": Expected(
        method="DELETE",
        path="/api/group/userByGroupId",
        tag="Group",
        scopes={WRITE_GROUPS},
        granular={WRITE_GROUP},
        parameters={"groupId": text_id(), "accountId": text_id()},
        statuses=["204", "400", "401", "403", "404"],
    ),
    "getGroupMembershipsForUser": Expected(
        method="GET",
        path="/api/user/memberof",
        tag="Users",
        scopes={READ_USERS},
        granular=set(),
        parameters={"accountId": text_id(), "start": START, "limit": LIMIT},
        statuses=["200", "403"],
        answer="GroupPage",
    ),
    "getCurrentUser": Expected(
        method="GET",
        path="/api/user/current",
        tag="Users",
        scopes={READ_USERS},
        granular=set(),
        parameters={"expand": EXPAND},
        statuses=["200", "403"],
        answer="User",
    ),
    "getUser": Expected(
        method="GET",
        path="/api/user",
        tag="Users",
        scopes={READ_USERS},
        granular=set(),
        parameters={"accountId": text_id(), "expand": EXPAND},
        statuses=["200", "401", "403", "404"],
        answer="User",
    ),
    "getBulkUserLookup": Expected(
        method="GET",
        path="/api/user/bulk",
        tag="Users",
        scopes={READ_USERS},
        granular=set(),
        parameters={
            "accountId": {
                "in": "query",
                "required": True,
                "style": "form",
                "explode": True,
                "schema": {"type": "array", "items": {"type": "string", "minLength": 1}},
            },
            "expand": EXPAND,
        },
        statuses=["200", "403"],
        answer="UserPage",
    ),
}


def test_the_operations_are_those_of_the_reference() -> None:
    assert OPERATIONS.keys() == REFERENCE.keys()
    assert len(OPERATIONS) == len(NAMES)


@pytest.mark.parametrize("name", REFERENCE)
def test_operation_agrees_with_the_reference(name: str) -> None:
    expected = REFERENCE[name]
    method, path, operation = OPERATIONS[name]
    assert (method, path, operation["tags"]) == (expected.method, expected.path, [expected.tag])
    offered = [(kind, set(scopes)) for way in operation["security"] for kind, scopes in way.items()]
    assert all(len(way) == 1 for way in operation["security"]), "each alternative must need one scheme only"
    granular = [("oauth2", expected.granular)] if expected.granular else []
    assert offered == [("oauth2", expected.scopes), *granular, ("basicAuth", set())]
    parameters = {each["name"]: remove_descriptions(each) for each in operation.get("parameters", [])}
    assert parameters == {name: {"name": name, **parameter} for name, parameter in expected.parameters.items()}
    assert len(parameters) == len(operation.get("parameters", []))
    assert list(operation["responses"]) == expected.statuses
    answers = {status: answer.get("content") for status, answer in operation["responses"].items()}
    success, *errors = answers.values()
    assert success == (expected.answer and content(expected.answer))
    assert errors == [None] * len(errors)
    body = {"content": content(expected.body), "required": True} if expected.body else None
    assert operation.get("requestBody") == body


def content(name: str) -> Any:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def remove_descriptions(parameter: Any) -> Any:
    """Return a parameter without its descriptions, which must exist but are worded differently in the reference."""
    schema = dict(parameter["schema"])
    assert parameter["description"] == schema.pop("description") != ""
    return {**{key: value for key, value in parameter.items() if key != "description"}, "schema": schema}


def test_declared_scopes_are_those_that_operations_name() -> None:
    flow = FRAGMENT["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
    assert set(flow["scopes"]) == set().union(*(each.scopes | each.granular for each in REFERENCE.values()))


def test_users_are_never_identified_by_key_or_username() -> None:
    names = {parameter["name"] for parameter in PARAMETERS}
    names |= {name for properties in find_values(FRAGMENT, "properties") for name in properties}
    assert {"accountId", "results"} <= names
    assert not {"key", "username", "userkey"} & {name.lower() for name in names}


def test_limits_and_ids_are_bounded_in_every_request() -> None:
    limits = [each["schema"] for each in PARAMETERS if each["name"] == "limit"]
    ids = [each["schema"].get("items", each["schema"]) for each in PARAMETERS if each["name"].lower().endswith("id")]
    assert {(each["minimum"], each["maximum"]) for each in limits} == {(1, 200)}
    assert {each["minLength"] for each in ids} == {1}
    assert FRAGMENT["components"]["schemas"]["AccountId"]["properties"]["accountId"]["minLength"] == 1


# --- Responses accept new values


@pytest.mark.parametrize("name", REFERENCE)
def test_response_schemas_have_no_enum(name: str) -> None:
    assert not list(find_values(find_referenced_parts(OPERATIONS[name][2]["responses"]), "enum"))


def test_referenced_parts_follow_references() -> None:
    parts = find_referenced_parts(OPERATIONS["getGroups"][2]["responses"])
    assert parts[1:] == [FRAGMENT["components"]["schemas"][name] for name in ("GroupPage", "Group", "Links")]


def test_only_parameters_have_enums() -> None:
    assert len(list(find_values(FRAGMENT, "enum"))) == len(list(find_values(PARAMETERS, "enum"))) > 0


def find_values(value: Any, key: str) -> Iterator[Any]:
    """Yield every value under this key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from find_values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from find_values(inner, key)


def find_referenced_parts(value: Any) -> list[Any]:
    """Return a value and all components that it references, directly or indirectly."""
    parts, seen = [value], set[str]()
    for part in parts:
        for pointer in find_values(part, "$ref"):
            if pointer not in seen:
                seen.add(pointer)
                parts.append(component(pointer))
    return parts


def component(pointer: str) -> Any:
    return FRAGMENT["components"]["schemas"][pointer.removeprefix("#/components/schemas/")]


# --- The overlay replaces inferred schemas with named ones, which must agree with the examples


def find_example_differences(changed: Any = None, name: str = "") -> list[str]:
    """Return the differences between the examples of all items, one of them changed, and the fragment."""
    items = [changed if each == name else load_item(each) for each in NAMES]
    derived, _ = build_document(Collection("", "", (), tuple(read(item) for item in items), ()))
    return find_differences(derived, FRAGMENT, OVERLAY, {})


def test_fragment_agrees_with_all_examples() -> None:
    assert find_example_differences() == []


def merge_into_body(pointer: str, change: Any, *, of: str) -> Any:
    """Return a copy of an item with a change merged into the JSON text at a pointer."""
    body = load_item(of)
    for step in pointer.removeprefix("/").split("/"):
        body = body[int(step) if isinstance(body, list) else step]
    return edit_item(pointer, json.dumps(json.loads(body) | change), of=of)


@pytest.mark.parametrize(
    ("name", "pointer", "change", "what"),
    [
        (CREATE, RESPONSE, {"colour": "<string>"}, "createGroup 201: colour is shown as string, and Group does not"),
        (CREATE, RESPONSE, {"name": "<integer>"}, "201: name is shown as integer, and documented as string (breaking)"),
        (
            CREATE,
            RESPONSE,
            {"usageType": "TEAM"},
            "usageType is shown as 'TEAM', which the description of Group does not",
        ),
        (
            CREATE,
            RESPONSE,
            {"_links": {"self": "<integer>"}},
            "_links.self is shown as integer, and documented as object",
        ),
        (SEARCH, RESPONSE, {"start": "<long>"}, "start is shown as integer int64, and documented as integer int32"),
        (CREATE, "/request/body/raw", {"colour": "<string>"}, "createGroup body: colour is shown as string"),
        (CREATE, "/request/body/raw", {"name": ["<string>"]}, "body: name is shown as array, and documented as string"),
        (
            MEMBERS,
            RESPONSE,
            {"results": [{"profilePicture": {"alt": "<string>"}}]},
            "results[].profilePicture.alt is shown",
        ),
        (
            MEMBERS,
            RESPONSE,
            {"results": [{"operations": [{"until": "<long>"}]}]},
            "results[].operations[].until is shown",
        ),
        (
            MEMBERS,
            RESPONSE,
            {"results": [{"type": "known"}]},
            "results[].accountId is not shown, and User documents it",
        ),
        ("get-user.json", RESPONSE, {"_expandable": {"details": {}}}, "_expandable.details is shown as object, and"),
    ],
)
def test_a_difference_between_example_and_fragment_is_named(name: str, pointer: str, change: Any, what: str) -> None:
    item = merge_into_body(pointer, change, of=name)
    assert any(what in line for line in find_example_differences(item, name))


@pytest.mark.parametrize(("folder", "tags"), [("Group", ["Group"]), ("Another", ["Another"]), (None, ["Group"])])
def test_a_new_operation_of_a_known_path_has_one_tag(tmp_path: Path, folder: str | None, tags: list[str]) -> None:
    shutil.copytree(ROOT / "openapi", tmp_path / "openapi")
    item: Any = load_item(CREATE) | {"name": "Replace group"}
    for request in [item["request"], *(answer["originalRequest"] for answer in item["response"])]:
        request["method"] = "PUT"
    whole = {"name": folder, "item": [item]} if folder else item
    (tmp_path / pipeline.ITEMS / "replace-group.json").write_text(json.dumps(whole), encoding="utf-8")
    document, _ = pipeline.merge(tmp_path)
    assert document["paths"]["/api/group"]["put"]["tags"] == tags
