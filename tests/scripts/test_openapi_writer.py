from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator
from postman_items import (
    CREATE,
    MEMBERS,
    collection,
    convert_item,
    delete_from_item,
    edit_item,
    item_with_url,
    load_item,
    with_bodies,
    with_parameter,
    with_variables,
)
from postman_openapi.losses import Loss
from postman_openapi.openapi_writer import build_document
from postman_openapi.operation_ids import operation_id


def build(*items: Any, server: str | None = None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for a collection of these items, checked to be valid, and its losses."""
    document, losses = build_document(collection({"info": {"name": "All"}, "item": list(items)}, server))
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    return document, losses


def find_added_parameter(item: Any) -> Any:
    """Return the parameter that was added to the exported item, from a document checked to be valid."""
    document, _ = convert_item(item)
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    (path,) = document["paths"].values()
    (added,) = (each for each in path["delete"]["parameters"] if each["name"] not in ("groupId", "accountId"))
    return added


def test_exported_item_is_written_completely() -> None:
    document, losses = build(load_item())
    operation = document["paths"]["/api/group/userByGroupId"]["delete"]
    assert operation["summary"] == "Remove member from group using group id"
    assert operation["operationId"] == "removeMemberFromGroupUsingGroupId"
    assert operation["description"] == load_item()["request"]["description"]
    group, account = operation["parameters"]
    assert group == {
        "name": "groupId",
        "in": "query",
        "description": "Id of the group whose membership is updated.",
        "required": True,
        "schema": {"type": "string", "description": "Id of the group whose membership is updated."},
    }
    assert (account["name"], account["required"]) == ("accountId", True)
    assert operation["responses"] == {
        str(response["code"]): {"description": response["name"]} for response in load_item()["response"]
    }
    assert operation["security"] == [{"oauth2": []}]
    assert document["components"] == {"securitySchemes": {"oauth2": {"type": "oauth2", "flows": {}}}}
    assert "servers" not in document
    assert [loss.pointer for loss in losses] == ["/item/0/request/auth", "/item/0/request/url/host/0"]


def test_given_server_is_written_and_not_a_loss() -> None:
    document, losses = build(load_item(), server="https://example.com/api")
    assert document["servers"] == [{"url": "https://example.com/api"}]
    assert [loss.pointer for loss in losses] == ["/item/0/request/auth"]


def test_optional_parameter_without_description_has_only_a_schema() -> None:
    assert find_added_parameter(with_parameter("more")) == {"name": "more", "in": "query", "schema": {"type": "string"}}


def test_path_variable_defaults_and_enum_are_written() -> None:
    document, _ = build(load_item(MEMBERS))
    operation = document["paths"]["/api/group/{groupId}/membersByGroupId"]["get"]
    group, start, _, total, expand = operation["parameters"]
    assert group == {
        "name": "groupId",
        "in": "path",
        "description": "Id of the group.",
        "required": True,
        "schema": {"type": "string", "description": "Id of the group."},
    }
    text = "Index of the first result to return, counted from 0."
    assert start == {
        "name": "start",
        "in": "query",
        "description": text,
        "schema": {"type": "integer", "default": 0, "description": text},
    }
    assert (total["schema"]["type"], total["schema"]["default"]) == ("boolean", False)
    text = "Properties of the user to expand. `operations`: what the user may do."
    assert expand == {
        "name": "expand",
        "in": "query",
        "description": text,
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": ["operations", "isExternalCollaborator"]},
            "description": text,
        },
    }


def test_bodies_are_written() -> None:
    document, losses = build(load_item(CREATE))
    operation = document["paths"]["/api/group"]["post"]
    name = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert operation["requestBody"] == {"content": {"application/json": {"schema": name}}}
    assert "parameters" not in operation
    assert [("content" in response) for response in operation["responses"].values()] == [True, False, False, False]
    made = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert made == {
        "type": "object",
        "properties": {
            "type": {"type": "string", "example": "group"},
            "name": {"type": "string"},
            "id": {"type": "string"},
            "usageType": {"type": "string", "example": "USERBASE_GROUP"},
            "managedBy": {"type": "string", "example": "ADMINS"},
            "_links": {"type": "object", "properties": {"self": {"type": "string"}}},
        },
    }
    assert [loss.pointer for loss in losses] == ["/item/0/request/auth", "/item/0/request/url/host/0"]


def test_listed_values_become_an_enum() -> None:
    one_of = find_added_parameter(
        with_parameter("kind", description="(Required) A kind. (This can only be one of a,b-c)")
    )
    assert one_of == {
        "name": "kind",
        "in": "query",
        "description": "A kind.",
        "required": True,
        "schema": {"type": "string", "description": "A kind.", "enum": ["a", "b-c"]},
    }
    undescribed = find_added_parameter(with_parameter("kind", description=" (This can only be one of a)"))
    assert undescribed == {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["a"]}}


def test_required_parameter_has_no_default() -> None:
    for item in (
        with_parameter("more", value="5", description="(Required) "),
        with_variables("more", value="5", description=""),
    ):
        parameter = find_added_parameter(item)
        assert (parameter["required"], parameter["schema"]) == (True, {"type": "integer"})
    assert find_added_parameter(with_parameter("more", value="5"))["schema"] == {"type": "integer", "default": 5}


@pytest.mark.parametrize(
    ("item", "style"),
    [
        (with_parameter("more", value="<integer>,<integer>"), "form"),
        (with_variables("more", value="<integer>,<integer>"), "simple"),
    ],
)
def test_list_parameter_is_joined_by_commas(item: Any, style: str) -> None:
    parameter = find_added_parameter(item)
    assert (parameter["style"], parameter["explode"]) == (style, False)
    assert parameter["schema"] == {"type": "array", "items": {"type": "integer"}}


def test_several_items_share_a_path() -> None:
    post = edit_item("/name", "Another name")
    for request in [post["request"], *(response["originalRequest"] for response in post["response"])]:
        request["method"] = "POST"
    document, losses = build(load_item(), post)
    (path,) = document["paths"].values()
    assert [(method, operation["operationId"]) for method, operation in path.items()] == [
        ("delete", "removeMemberFromGroupUsingGroupId"),
        ("post", "anotherName"),
    ]
    assert [loss.what for loss in losses] == ["oauth2", "{{baseUrl}}", "oauth2"], "the variable is reported once"


def test_contradictions_in_examples_are_losses() -> None:
    _, losses = build(with_bodies('{"a": [1, "x"], "b": [{"c": 1}, {"c": true}]}'))
    lost = [loss.pointer for loss in losses if "body" in loss.pointer]
    assert lost == [
        f"/item/0{body}/{place}" for body in ("/request/body/raw", "/response/0/body") for place in ("a/1", "b/1/c")
    ]


def test_empty_schemas_are_separate_objects() -> None:
    twice, thrice = '[{"x": 1}, {"x": "y"}]', '[{"x": 1}, {"x": "y"}, {"x": 1}]'
    document, _ = build(with_bodies(f'{{"a": {twice}, "b": {twice}, "c": {thrice}, "d": {thrice}}}'))
    (path,) = document["paths"].values()
    schemas = path["delete"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    places = [schemas[name]["items"]["properties"] for name in "abcd"]
    assert [place["x"] for place in places] == [{}] * 4
    assert len({id(place["x"]) for place in places}) == 4


def test_an_item_without_auth_or_responses_is_valid() -> None:
    bare = delete_from_item("/response")
    del bare["request"]["auth"]
    document, losses = build(bare)
    assert "components" not in document
    assert [loss.pointer for loss in losses] == ["/item/0/request/url/host/0", "/item/0/response"]


# --- servers, tags, names


def test_most_common_server_is_global_and_others_belong_to_operations() -> None:
    items = [item_with_url(f"https://{host}.example.com/{number}") for number, host in enumerate(["a", "b", "b", "c"])]
    document, _ = build(*items)
    assert document["servers"] == [{"url": "https://b.example.com"}]
    assert [path["get"].get("servers") for path in document["paths"].values()] == [
        [{"url": "https://a.example.com"}],
        None,
        None,
        [{"url": "https://c.example.com"}],
    ]


def test_a_server_has_its_variables() -> None:
    document, _ = build(item_with_url("https://{{region}}.example.com/a"))
    variables = {"region": {"default": "region"}}
    assert document["servers"] == [{"url": "https://{region}.example.com", "variables": variables}]


def test_only_folders_with_requests_become_tags() -> None:
    used = {"name": "Used", "item": [item_with_url("{{baseUrl}}/a")], "description": "Described"}
    document, _ = build({"name": "Empty", "item": []}, {"name": "Outer", "item": [used]})
    assert document["tags"] == [{"name": "Outer"}, {"name": "Used", "description": "Described"}]
    assert document["paths"]["/a"]["get"]["tags"] == ["Outer", "Used"]


def operation_ids(*operations: tuple[str, str, str]) -> list[str]:
    items = [
        {"name": name, "request": {"method": method, "url": "{{baseUrl}}" + path}} for name, method, path in operations
    ]
    document, _ = build_document(collection({"info": {"name": "All"}, "item": items}))
    found = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return [found[method, path] for _, method, path in operations]


def test_shared_operation_names_get_method_and_path() -> None:
    operations = [("List", "GET", "/a"), ("list", "GET", "/b"), ("Other", "GET", "/c"), ("List", "POST", "/a")]
    assert operation_ids(*operations) == ["listGetA", "listGetB", "other", "listPostA"]
    assert operation_ids(*reversed(operations)) == ["listPostA", "other", "listGetB", "listGetA"], "in any order"


def test_name_without_letters_is_replaced_by_method_and_path() -> None:
    assert operation_ids(("一覧", "GET", "/things/{id}"), ("", "GET", "/"), ("2", "PUT", "/1")) == [
        "getThingsId",
        "get",
        "operation2Put1",
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["List", "list", "a b", "aB", "", "é", "1"]),
            st.sampled_from(["GET", "PUT"]),
            st.sampled_from(["/a", "/a/b", "/aB", "/a-b", "/{x}", "/"]),
        ),
        unique_by=lambda each: each[1:],
        min_size=1,
    )
)
def test_operation_ids_are_unique(operations: list[tuple[str, str, str]]) -> None:
    found = operation_ids(*operations)
    assert len({name.lower() for name in found}) == len(found)
    assert all(name.isidentifier() for name in found)


def test_single_example_is_in_the_schema_and_several_are_beside_it() -> None:
    item = item_with_url("{{baseUrl}}/a")
    item["response"] = [{"name": f"Thing {number}", "code": 200, "body": f'{{"a": {number}}}'} for number in (1, 2)]
    document, _ = build(item)
    media = document["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]
    assert media["examples"] == {"Thing 1": {"value": {"a": 1}}, "Thing 2": {"value": {"a": 2}}}
    del item["response"][1]
    document, _ = build(item)
    media = document["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]
    assert media == {"schema": {"type": "object", "properties": {"a": {"type": "integer", "example": 1}}}}


def test_documented_response_header_is_written() -> None:
    rows = [{"key": "X-Total", "value": "<integer>", "description": "Total"}]
    document, _ = build({**item_with_url("{{baseUrl}}/a"), "response": [{"name": "Fine", "code": 200, "header": rows}]})
    assert document["paths"]["/a"]["get"]["responses"]["200"]["headers"] == {
        "X-Total": {"description": "Total", "schema": {"type": "integer"}}
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Remove member from group using group id", "removeMemberFromGroupUsingGroupId"),
        ("GET groups", "getGroups"),
        ("list-all_groups (v2)!", "listAllGroupsV2"),
        ("2nd try", "operation2ndTry"),
        ("", ""),
        ("2", ""),
        ("é ü", "eU"),
        ("一 二", ""),
        ('x"; import os', "xImportOs"),
    ],
)
def test_an_operation_is_named_after_its_item(name: str, expected: str) -> None:
    assert operation_id(name) == expected


def test_single_text_example_is_kept() -> None:
    page = {"name": "Fine", "code": 200, "body": "a,b", "header": [{"key": "Content-Type", "value": "text/csv"}]}
    document, _ = build_document(collection({**item_with_url("https://h/x"), "response": [page]}))
    content = document["paths"]["/x"]["get"]["responses"]["200"]["content"]
    assert content == {"text/csv": {"schema": {"type": "string", "example": "a,b"}}}


def test_members_that_code_cannot_tell_apart_are_reported() -> None:
    body = {"mode": "raw", "raw": '{"@id": "1", "id": 2, "inner": [{"$n": 1, "n": 2, "a-b": 3}], "ID": 4}'}
    request = {"method": "POST", "url": "https://x.example.com/a", "body": body}
    document, losses = build({"name": "One", "request": request, "response": [{"code": 200, "body": body["raw"]}]})
    operation = document["paths"]["/a"]["post"]
    for part in (operation["requestBody"], operation["responses"]["200"]):
        members = part["content"]["application/json"]["schema"]["properties"]
        assert [*members] == ["id", "inner", "ID"]
        assert [*members["inner"]["items"]["properties"]] == ["n", "a-b"]
    where = ("/item/0/request/body/raw", "/item/0/response/0/body")
    assert [(loss.pointer, loss.what, loss.why) for loss in losses] == [
        (pointer, f"the member {name!r}", f"code cannot tell it from {other!r}")
        for pointer in where
        for name, other in (("@id", "id"), ("$n", "n"))
    ]


def test_a_member_that_is_left_out_is_not_required() -> None:
    rows = [{"key": key, "value": "x", "description": "(Required) y"} for key in ("a[@b]", "a[b]")]
    request = {"method": "POST", "url": "https://x.example.com/a", "body": {"mode": "urlencoded", "urlencoded": rows}}
    document, _ = build({"name": "One", "request": request})
    form = document["paths"]["/a"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert [*form["properties"]["a"]["properties"]] == form["properties"]["a"]["required"] == ["b"]
