from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from items import changed, seed, with_parameter, without
from openapi_spec_validator import OpenAPIV30SpecValidator
from specgen.nodes import parse_json
from specgen.openapi import build_document, operation_id
from specgen.postman import read_item
from specgen.problems import Loss, SpecError
from specgen.yaml_io import read_yaml, write_yaml


def built(*items: Any, server: str | None = None) -> tuple[dict[str, Any], list[Loss]]:
    requests = [read_item(parse_json(json.dumps(item), "item.json")) for item in items]
    return build_document(requests, title="a title", server=server)


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
    assert [loss.pointer for loss in losses] == ["/request/url/host/0", "/request/auth"]
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())


def test_a_server_that_is_given_is_named_and_not_lost() -> None:
    document, losses = built(seed(), server="https://example.com/api")
    assert document["servers"] == [{"url": "https://example.com/api"}]
    assert [loss.pointer for loss in losses] == ["/request/auth"]


def test_an_optional_parameter_without_description() -> None:
    parameter = built(with_parameter("more"))[0]["paths"]["/api/group/userByGroupId"]["delete"]["parameters"][2]
    assert parameter == {"name": "more", "in": "query", "schema": {"type": "string"}}


def test_an_item_without_auth_or_responses_is_valid() -> None:
    bare = without("/response")
    del bare["request"]["auth"]
    document, losses = built(bare)
    assert "components" not in document
    assert [loss.pointer for loss in losses] == ["/request/url/host/0", "/response"]
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())


def test_two_items_on_one_path_and_method_are_refused() -> None:
    with pytest.raises(SpecError, match="same path and method"):
        built(seed(), changed("/name", "Another name"))


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(SpecError, match="'<money>' is not known") as caught:
        built(with_parameter("more", value="<money>"))
    assert caught.value.pointer == "/request/url/query/2/value"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Remove member from group using group id", "removeMemberFromGroupUsingGroupId"),
        ("GET groups", "gETGroups"),
        ("list-all_groups (v2)!", "listAllGroupsV2"),
        ("2nd try", "operation2ndTry"),
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


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    with pytest.raises(SpecError, match="values, those behind aliases counted"):
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
    with pytest.raises(SpecError, match="no valid YAML"):
        read_yaml(text, "x.yaml")
