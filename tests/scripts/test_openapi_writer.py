from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator
from postman_items import (
    CREATE,
    MEMBERS,
    asking,
    changed,
    collection,
    documented,
    seed,
    with_bodies,
    with_parameter,
    with_variables,
    without,
)
from postman_openapi import json_nodes
from postman_openapi.losses import Loss, SpecError
from postman_openapi.openapi_writer import build_document, operation_id
from postman_openapi.yaml_io import read_yaml, write_yaml


def built(*items: Any, server: str | None = None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for a collection of these items, which is valid."""
    document, losses = build_document(collection({"info": {"name": "All"}, "item": list(items)}, server))
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    return document, losses


def parameter_of(item: Any) -> Any:
    """Return the parameter that the exported item does not have, from a document that is valid."""
    document, _ = documented(item)
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    (path,) = document["paths"].values()
    (added,) = (each for each in path["delete"]["parameters"] if each["name"] not in ("groupId", "accountId"))
    return added


def test_the_exported_item() -> None:
    document, losses = built(seed())
    operation = document["paths"]["/api/group/userByGroupId"]["delete"]
    assert operation["summary"] == "Remove member from group using group id"
    assert operation["operationId"] == "removeMemberFromGroupUsingGroupId"
    assert operation["description"] == seed()["request"]["description"]
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
        str(response["code"]): {"description": response["name"]} for response in seed()["response"]
    }
    assert operation["security"] == [{"oauth2": []}]
    assert document["components"] == {"securitySchemes": {"oauth2": {"type": "oauth2", "flows": {}}}}
    assert "servers" not in document
    assert [loss.pointer for loss in losses] == ["/item/0/request/auth", "/item/0/request/url/host/0"]


def test_a_server_that_is_given_is_named_and_not_lost() -> None:
    document, losses = built(seed(), server="https://example.com/api")
    assert document["servers"] == [{"url": "https://example.com/api"}]
    assert [loss.pointer for loss in losses] == ["/item/0/request/auth"]


def test_an_optional_parameter_without_description() -> None:
    assert parameter_of(with_parameter("more")) == {"name": "more", "in": "query", "schema": {"type": "string"}}


def test_an_item_with_a_path_variable_defaults_and_a_list_of_values() -> None:
    document, _ = built(seed(MEMBERS))
    operation = document["paths"]["/api/group/{groupId}/membersByGroupId"]["get"]
    group, start, _, total, expand = operation["parameters"]
    assert group == {
        "name": "groupId",
        "in": "path",
        "description": "Id of the group.",
        "required": True,
        "schema": {"type": "string", "description": "Id of the group."},
    }
    counted = "Index of the first result to return, counted from 0."
    assert start == {
        "name": "start",
        "in": "query",
        "description": counted,
        "schema": {"type": "integer", "default": 0, "description": counted},
    }
    assert (total["schema"]["type"], total["schema"]["default"]) == ("boolean", False)
    said = "Properties of the user to expand. `operations`: what the user may do."
    assert expand == {
        "name": "expand",
        "in": "query",
        "description": said,
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": ["operations", "isExternalCollaborator"]},
            "description": said,
        },
    }


def test_an_item_with_bodies() -> None:
    document, losses = built(seed(CREATE))
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


def test_a_parameter_that_takes_one_of_several_values() -> None:
    one_of = parameter_of(with_parameter("kind", description="(Required) A kind. (This can only be one of a,b-c)"))
    assert one_of == {
        "name": "kind",
        "in": "query",
        "description": "A kind.",
        "required": True,
        "schema": {"type": "string", "description": "A kind.", "enum": ["a", "b-c"]},
    }
    undescribed = parameter_of(with_parameter("kind", description=" (This can only be one of a)"))
    assert undescribed == {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["a"]}}


def test_what_must_be_given_has_no_default() -> None:
    for item in (
        with_parameter("more", value="5", description="(Required) "),
        with_variables("more", value="5", description=""),
    ):
        parameter = parameter_of(item)
        assert (parameter["required"], parameter["schema"]) == (True, {"type": "integer"})
    assert parameter_of(with_parameter("more", value="5"))["schema"] == {"type": "integer", "default": 5}


@pytest.mark.parametrize(
    ("item", "style"),
    [
        (with_parameter("more", value="<integer>,<integer>"), "form"),
        (with_variables("more", value="<integer>,<integer>"), "simple"),
    ],
)
def test_a_list_stands_in_one_parameter_joined_by_commas(item: Any, style: str) -> None:
    parameter = parameter_of(item)
    assert (parameter["style"], parameter["explode"]) == (style, False)
    assert parameter["schema"] == {"type": "array", "items": {"type": "integer"}}


def test_several_items_share_a_path() -> None:
    post = changed("/name", "Another name")
    for request in [post["request"], *(response["originalRequest"] for response in post["response"])]:
        request["method"] = "POST"
    document, losses = built(seed(), post)
    (path,) = document["paths"].values()
    assert [(method, operation["operationId"]) for method, operation in path.items()] == [
        ("delete", "removeMemberFromGroupUsingGroupId"),
        ("post", "anotherName"),
    ]
    assert [loss.what for loss in losses] == ["oauth2", "{{baseUrl}}", "oauth2"], "the variable once"


def test_what_the_examples_contradict_themselves_in_is_lost() -> None:
    _, losses = built(with_bodies('{"a": [1, "x"], "b": [{"c": 1}, {"c": true}]}'))
    lost = [loss.pointer for loss in losses if "body" in loss.pointer]
    assert lost == [
        f"/item/0{body}/{place}" for body in ("/request/body/raw", "/response/0/body") for place in ("a/1", "b/1/c")
    ]


def test_what_nothing_is_known_of_is_never_shared() -> None:
    twice, thrice = '[{"x": 1}, {"x": "y"}]', '[{"x": 1}, {"x": "y"}, {"x": 1}]'
    document, _ = built(with_bodies(f'{{"a": {twice}, "b": {twice}, "c": {thrice}, "d": {thrice}}}'))
    (path,) = document["paths"].values()
    schemas = path["delete"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    places = [schemas[name]["items"]["properties"] for name in "abcd"]
    assert [place["x"] for place in places] == [{}] * 4
    assert len({id(place["x"]) for place in places}) == 4


def test_an_item_without_auth_or_responses_is_valid() -> None:
    bare = without("/response")
    del bare["request"]["auth"]
    document, losses = built(bare)
    assert "components" not in document
    assert [loss.pointer for loss in losses] == ["/item/0/request/url/host/0", "/item/0/response"]


# --- servers, tags, names


def test_the_server_of_most_stands_on_top_and_others_at_their_operations() -> None:
    items = [asking(f"https://{host}.example.com/{number}") for number, host in enumerate(["a", "b", "b", "c"])]
    document, _ = built(*items)
    assert document["servers"] == [{"url": "https://b.example.com"}]
    assert [path["get"].get("servers") for path in document["paths"].values()] == [
        [{"url": "https://a.example.com"}],
        None,
        None,
        [{"url": "https://c.example.com"}],
    ]


def test_a_server_has_its_variables() -> None:
    document, _ = built(asking("https://{{region}}.example.com/a"))
    variables = {"region": {"default": "region"}}
    assert document["servers"] == [{"url": "https://{region}.example.com", "variables": variables}]


def test_folders_are_tags_and_only_those_that_are_used() -> None:
    used = {"name": "Used", "item": [asking("{{baseUrl}}/a")], "description": "Described"}
    document, _ = built({"name": "Empty", "item": []}, {"name": "Outer", "item": [used]})
    assert document["tags"] == [{"name": "Outer"}, {"name": "Used", "description": "Described"}]
    assert document["paths"]["/a"]["get"]["tags"] == ["Outer", "Used"]


def names(*named: tuple[str, str, str]) -> list[str]:
    items = [{"name": name, "request": {"method": method, "url": "{{baseUrl}}" + path}} for name, method, path in named]
    document, _ = build_document(collection({"info": {"name": "All"}, "item": items}))
    found = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return [found[method, path] for _, method, path in named]


def test_operations_that_share_a_name_have_method_and_path_in_it() -> None:
    named = [("List", "GET", "/a"), ("list", "GET", "/b"), ("Other", "GET", "/c"), ("List", "POST", "/a")]
    assert names(*named) == ["listGetA", "listGetB", "other", "listPostA"]
    assert names(*reversed(named)) == ["listPostA", "other", "listGetB", "listGetA"], "whatever their order"


def test_a_name_without_letters_gives_way_to_method_and_path() -> None:
    assert names(("一覧", "GET", "/things/{id}"), ("", "GET", "/"), ("2", "PUT", "/1")) == [
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
def test_no_two_operations_have_one_name(named: list[tuple[str, str, str]]) -> None:
    found = names(*named)
    assert len({name.lower() for name in found}) == len(found)
    assert all(name.isidentifier() for name in found)


def test_several_examples_stand_beside_the_schema_and_one_is_in_it() -> None:
    item = asking("{{baseUrl}}/a")
    item["response"] = [{"name": f"Thing {number}", "code": 200, "body": f'{{"a": {number}}}'} for number in (1, 2)]
    document, _ = built(item)
    media = document["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]
    assert media["examples"] == {"Thing 1": {"value": {"a": 1}}, "Thing 2": {"value": {"a": 2}}}
    del item["response"][1]
    document, _ = built(item)
    media = document["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]
    assert media == {"schema": {"type": "object", "properties": {"a": {"type": "integer", "example": 1}}}}


def test_a_documented_header_of_an_answer() -> None:
    rows = [{"key": "X-Total", "value": "<integer>", "description": "Total"}]
    document, _ = built({**asking("{{baseUrl}}/a"), "response": [{"name": "Fine", "code": 200, "header": rows}]})
    assert document["paths"]["/a"]["get"]["responses"]["200"]["headers"] == {
        "X-Total": {"description": "Total", "schema": {"type": "integer"}}
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Remove member from group using group id", "removeMemberFromGroupUsingGroupId"),
        ("GET groups", "gETGroups"),
        ("list-all_groups (v2)!", "listAllGroupsV2"),
        ("2nd try", "operation2ndTry"),
        ("", ""),
        ("2", ""),
        ("é ü", ""),
        ('x"; import os', "xImportOs"),
    ],
)
def test_an_operation_is_named_after_its_item(name: str, expected: str) -> None:
    assert operation_id(name) == expected


# --- YAML


AMBIGUOUS = [
    "204",
    "1e3",
    "0o17",
    "017",
    "0x1F",
    "1_000",
    "12:30",
    ".5",
    "+1",
    "-",
    "~",
    "null",
    "Null",
    "yes",
    "NO",
    "on",
]
AMBIGUOUS += [
    "off",
    "y",
    "N",
    "true",
    "False",
    "",
    " ",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "{a}",
    "[a]",
    "*a",
    "&a",
]
AMBIGUOUS += [
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "'",
    '"',
    "---",
    "...",
    "=",
    "<<",
    "2026-11-23",
    "é",
    "\x85",
    "\u2028",
    "a\tb",
]
AMBIGUOUS += [
    "a\r\nb",
    "a\n",
    "\na",
    "a\n\n  b",
    "a \nb",
    "a\nb",
    "trailing:",
    "\ufeff",
    "😀",
    "1:2:3",
    ".inf",
    ".nan",
    ".",
]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_text_is_text_for_every_version_of_yaml(text: str) -> None:
    document = {text: text, "list": [text]}
    written = write_yaml(document)
    assert yaml.safe_load(written) == document
    assert read_yaml(written, "x") == document


texts = st.text(st.characters(exclude_categories=["Cs"]))
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)
)


@given(st.dictionaries(texts, documents))
def test_what_is_written_is_read_alike_by_both_versions_of_yaml(document: dict[str, Any]) -> None:
    written = write_yaml(document)
    assert yaml.safe_load(written) == document
    assert read_yaml(written, "x") == document


def test_texts_of_several_lines_are_blocks() -> None:
    assert write_yaml({"a": "one\ntwo\n\nthree"}) == "a: |-\n  one\n  two\n\n  three\n"


def test_equal_values_are_written_out() -> None:
    shared = {"b": [1]}
    assert "&" not in write_yaml({"a": shared, "c": shared})


def test_a_bomb_of_aliases_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_nodes, "MAX_VALUES", 50_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    with pytest.raises(SpecError, match="values, counting aliases"):
        read_yaml("\n".join(lines), "x.yaml")


@pytest.mark.parametrize("number", [0.5, 1e20, 1e-7, 1.5e300, -2.0, 10**30])
def test_numbers_are_numbers_for_every_version_of_yaml(number: float) -> None:
    written = write_yaml({"x": number})
    assert yaml.safe_load(written) == read_yaml(written, "x") == {"x": number}


@pytest.mark.parametrize(
    "text",
    ["a: !!int abc", "a: 2020-99-99", "[" * 3000, "a: 1\na: 2", "a: [", "\tb", "a: !!python/object:os.system {}"],
)
def test_what_is_no_clean_yaml_is_an_error(text: str) -> None:
    with pytest.raises(SpecError, match="not valid YAML"):
        read_yaml(text, "x.yaml")


def test_the_one_example_of_a_text_is_kept() -> None:
    page = {"name": "Fine", "code": 200, "body": "a,b", "header": [{"key": "Content-Type", "value": "text/csv"}]}
    document, _ = build_document(collection({**asking("https://h/x"), "response": [page]}))
    content = document["paths"]["/x"]["get"]["responses"]["200"]["content"]
    assert content == {"text/csv": {"schema": {"type": "string", "example": "a,b"}}}
