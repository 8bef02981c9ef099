"""Inference of JSON schemas from placeholders and examples."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator
from postman_openapi.json_nodes import Node, parse_json
from postman_openapi.losses import Loss
from postman_openapi.schema_inference import PLACEHOLDERS, Schema, example_schema, has_placeholders, value_schema


def infer(example: Any) -> tuple[Schema, list[Loss]]:
    losses: list[Loss] = []
    return example_schema(Node(example, "item.json", "/body"), losses), losses


def infer_without_loss(example: Any) -> Schema:
    schema, losses = infer(example)
    assert losses == []
    return schema


# --- a parameter's value


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("<string>", {"type": "string"}),
        ("<integer>", {"type": "integer"}),
        ("<long>", {"type": "integer", "format": "int64"}),
        ("<number>", {"type": "number"}),
        ("<float>", {"type": "number", "format": "float"}),
        ("<double>", {"type": "number", "format": "double"}),
        ("<boolean>", {"type": "boolean"}),
        ("<dateTime>", {"type": "string", "format": "date-time"}),
        *(
            (f"<{name}>", {"type": "string", "format": name})
            for name in ("date", "byte", "binary", "password", "uuid", "email", "uri", "ipv4", "date-time")
        ),
        ("<array>", {"type": "array", "items": {}}),
        ("<object>", {"type": "object"}),
        ("true", {"type": "boolean", "default": True}),
        ("false", {"type": "boolean", "default": False}),
        ("0", {"type": "integer", "default": 0}),
        ("200", {"type": "integer", "default": 200}),
        ("-1", {"type": "integer", "default": -1}),
        ("1.5", {"type": "number", "default": 1.5}),
        ("-0.25", {"type": "number", "default": -0.25}),
        ("999999999999999999", {"type": "integer", "default": 999_999_999_999_999_999}),
        ("", {"type": "string"}),
    ],
)
def test_single_value_gives_a_schema(text: str, schema: Schema) -> None:
    assert repr(value_schema(text)) == repr((schema, None)), "repr tells 1 from True and 1.0"


@pytest.mark.parametrize(
    ("text", "schema", "style"),
    [
        ("<string>,<string>", {"type": "array", "items": {"type": "string"}}, "form"),
        ("<long>,<long>,<long>", {"type": "array", "items": {"type": "integer", "format": "int64"}}, "form"),
        ("<string>|<string>", {"type": "array", "items": {"type": "string"}}, "pipeDelimited"),
        ("<string>%20<string>", {"type": "array", "items": {"type": "string"}}, "spaceDelimited"),
        ("1,2", {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, "form"),
        ("1|2", {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, "pipeDelimited"),
        ("1%202", {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, "spaceDelimited"),
        ("1,2.5", {"type": "array", "items": {"type": "number"}, "default": [1, 2.5]}, "form"),
        ("true,false", {"type": "array", "items": {"type": "boolean"}, "default": [True, False]}, "form"),
        ("a,b", {"type": "array", "items": {"type": "string"}, "example": ["a", "b"]}, "form"),
        ("1,b", {"type": "array", "items": {"type": "string"}, "example": ["1", "b"]}, "form"),
        (
            "a,<string>,b,<integer>",
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}},
            "form",
        ),
    ],
)
def test_joined_values_give_an_array_or_object(text: str, schema: Schema, style: str) -> None:
    assert repr(value_schema(text)) == repr((schema, style))


@pytest.mark.parametrize(
    "text",
    [
        *(" ", "null", "None", "True", "text", "true\n", "a, b", "a,", ",a", ",", "Hello, world"),
        *("<String>", "<string", "string>", "<string>\n", " <string>", "<>", "<API Key>"),
        *("<string>, <string>", "<string>;<string>", "a|b", "a%20b"),
        *("00", "01", "-01", "+1", "--1", "-", "1.", ".5", "1e5", "1_000", "0x1F", "1 ", "NaN", "Infinity", "\u0661"),
        *("-0", "1.10", "1.0000000000000000001", "0.00000000000000001", "123456789012345678.5", "0.12345678901234567"),
        *("1000000000000000000", "9" * 5000),
    ],
)
def test_any_other_value_is_a_text(text: str) -> None:
    assert value_schema(text) == ({"type": "string", "example": text}, None)


@given(
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"-?[0-9]+(\.[0-9]+)?", fullmatch=True)
)
def test_number_keeps_its_spelling_or_is_a_text(number: float | str) -> None:
    text = str(number)
    schema, _ = value_schema(text)
    if schema["type"] == "string":
        assert not (isinstance(number, int) and abs(number) < 10**18)
        assert schema["example"] == text
    else:
        assert json.dumps(schema["default"]) == text
        assert OAS30Validator(schema).is_valid(schema["default"])


@given(st.text() | st.lists(st.sampled_from([*PLACEHOLDERS, "", "1", "true", "a"])).map(",".join))
def test_schema_of_any_value_is_valid_and_accepts_its_default_and_example(text: str) -> None:
    schema, style = value_schema(text)
    OAS30Validator.check_schema(schema)
    assert (style is not None) is (schema["type"] == "array" and text != "<array>") or schema["type"] == "object"
    for keyword in ("default", "example"):
        assert keyword not in schema or OAS30Validator(schema).is_valid(schema[keyword])


def test_schemas_are_separate_objects() -> None:
    text, texts = value_schema("<string>")[0], value_schema("<string>,<string>")[0]
    text["enum"] = texts["items"]["enum"] = ["a"]
    infer_without_loss(["<string>"])["items"]["enum"] = ["a"]
    assert value_schema("<string>")[0] == infer_without_loss("<string>") == {"type": "string"}
    assert value_schema("<string>,<string>")[0] == {"type": "array", "items": {"type": "string"}}


# --- an example


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        *((placeholder, schema) for placeholder, schema in PLACEHOLDERS.items()),
        ("text", {"type": "string", "example": "text"}),
        ("", {"type": "string", "example": ""}),
        ("a <string>", {"type": "string", "example": "a <string>"}),
        ("<string>,<string>", {"type": "string", "example": "<string>,<string>"}),
        (7, {"type": "integer", "example": 7}),
        (-0.5, {"type": "number", "example": -0.5}),
        (True, {"type": "boolean", "example": True}),
        (None, {"nullable": True}),
        ({}, {"type": "object"}),
        (
            {"a": {"b": "<long>"}},
            {
                "type": "object",
                "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer", "format": "int64"}}}},
            },
        ),
        ([], {"type": "array", "items": {}}),
        (["<integer>"], {"type": "array", "items": {"type": "integer"}}),
        ([["<boolean>"]], {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}),
    ],
)
def test_example_gives_a_schema(example: Any, schema: Schema) -> None:
    assert repr(infer_without_loss(example)) == repr(schema), "repr tells 1 from True and 1.0"


@pytest.mark.parametrize(
    ("entries", "items"),
    [
        (["<string>", "<string>"], {"type": "string"}),
        (["a", "b"], {"type": "string", "example": "a"}),
        (["<string>", "b"], {"type": "string", "example": "b"}),
        (["<integer>", "<long>"], {"type": "integer", "format": "int64"}),
        ([1, 1.5], {"type": "number", "example": 1}),
        (["<double>", "<long>"], {"type": "number"}),
        (["<date>", "2020-01-01"], {"type": "string", "format": "date", "example": "2020-01-01"}),
        ([None, None], {"nullable": True}),
        ([None, 1], {"nullable": True, "type": "integer", "example": 1}),
        ([1, None], {"type": "integer", "example": 1, "nullable": True}),
        ([1, None, 2], {"type": "integer", "example": 1, "nullable": True}),
        ([[None], ["<string>"]], {"type": "array", "items": {"nullable": True, "type": "string"}}),
        ([["<string>"], [None, "<string>"]], {"type": "array", "items": {"nullable": True, "type": "string"}}),
        ([{}, {"a": "<string>"}], {"type": "object", "properties": {"a": {"type": "string"}}}),
        ([{"a": "<string>"}, {}], {"type": "object", "properties": {"a": {"type": "string"}}}),
        (
            [{"a": "<string>", "b": None}, {"b": "<integer>", "c": [1]}],
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string"},
                    "b": {"nullable": True, "type": "integer"},
                    "c": {"type": "array", "items": {"type": "integer", "example": 1}},
                },
            },
        ),
    ],
)
def test_entries_of_a_list_share_one_schema(entries: list[Any], items: Schema) -> None:
    assert infer_without_loss(entries) == {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("example", "pointer", "what", "why"),
    [
        ([1, "a"], "/1", "string", "integer"),
        (["<boolean>", "<integer>"], "/1", "integer", "boolean"),
        ([{}, []], "/1", "array", "object"),
        ([None, 1, "a"], "/2", "string", "integer"),
        ({"a": [{"b": {"c": 1}}, {"b": {"c": True}}]}, "/a/1/b/c", "boolean", "integer"),
        ([{"a": [1]}, {"a": ["x"]}], "/1/a", "string", "integer"),
        ([{"a": [{"b": 1}]}, {"a": [{"b": "x"}]}], "/1/a", "string", "integer"),
        ([{"a/b": 1}, {"a/b": "x"}], "/1/a~1b", "string", "integer"),
    ],
)
def test_contradiction_in_an_example_is_a_loss(example: Any, pointer: str, what: str, why: str) -> None:
    schema, losses = infer(example)
    assert losses == [
        Loss("item.json", f"/body{pointer}", f"the type {what}", f"an earlier value here has the type {why}")
    ]
    assert OAS30Validator(schema).is_valid(example)


def test_contradiction_affects_only_its_place() -> None:
    schema, _ = infer([{"a": 1, "b": "<string>"}, {"a": "x", "b": "<string>"}, {"a": True, "b": "<string>"}])
    assert schema["items"]["properties"] == {"a": {}, "b": {"type": "string"}}


def test_two_formats_in_one_place_are_a_loss() -> None:
    schema, losses = infer(["<date>", "<uuid>"])
    assert schema["items"] == {"type": "string"}
    assert [(loss.pointer, loss.what) for loss in losses] == [("/body/1", "the formats date and uuid")]


@pytest.mark.parametrize(
    "text",
    [
        "<Circular reference to #/components/schemas/Thing detected>",
        "<Error: Too many levels of nesting to fake this schema>",
    ],
)
def test_place_where_the_exporter_stopped_accepts_anything(text: str) -> None:
    for example, pointer in [({"a": text, "b": 1}, "/body/a"), ({"a": {"value": text}, "b": 1}, "/body/a/value")]:
        schema, losses = infer(example)
        assert schema["properties"] == {"a": {}, "b": {"type": "integer", "example": 1}}
        assert [(loss.pointer, loss.what) for loss in losses] == [(pointer, "a type")]
        assert has_placeholders(example)


def test_placeholders_are_recognized_at_any_depth() -> None:
    for pattern in ("<string>", ["<date>"], {"a": [{"b": "<long>"}]}):
        assert has_placeholders(pattern)
    for example in ("text", "a <string>", [], {}, None, [{"a": None}], {"<string>": 1}):
        assert not has_placeholders(example)


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(["a", "b", "_links", ""]) | st.text()
texts = st.text().filter(lambda text: not re.fullmatch(r"<[A-Za-z0-9-]+>", text))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_value_matches_its_own_schema(value: Any) -> None:
    schema, _ = infer(value)
    OAS30Validator.check_schema(schema)
    assert OAS30Validator(schema).is_valid(value)


@given(st.lists(values, max_size=5))
def test_entries_match_the_schema_of_their_list(entries: list[Any]) -> None:
    schema, _ = infer(entries)
    for entry in entries:
        assert OAS30Validator(schema["items"]).is_valid(entry)


@given(st.lists(values, max_size=5))
def test_pointer_of_a_loss_exists_in_the_example(entries: list[Any]) -> None:
    _, losses = infer(entries)
    for loss in losses:
        place = Node(entries, "item.json", "/body")
        for step in loss.pointer.removeprefix("/body/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.child(int(key) if isinstance(place.value, list) else key)
        assert place.pointer == loss.pointer


@given(values)
def test_the_same_example_has_the_same_schema(value: Any) -> None:
    assert infer(value) == infer(parse_json(json.dumps(value), "x").value)


@pytest.mark.parametrize("entries", [[[], ["x"]], [["x"], []], [[], ["x"], []]])
def test_an_empty_list_leaves_the_type_of_the_entries_of_another(entries: Any) -> None:
    lists = infer_without_loss(entries)["items"]
    assert lists == {"type": "array", "items": {"type": "string", "example": "x"}}
    objects = infer_without_loss([{"a": each} for each in entries])["items"]
    assert objects["properties"]["a"] == lists


@pytest.mark.parametrize("entries", [[[], [1, "x"]], [[1, "x"], []], [[], [1, "x"], [2]]])
def test_entries_of_different_types_have_any_type_beside_an_empty_list(entries: Any) -> None:
    assert infer(entries)[0]["items"] == {"type": "array", "items": {}}
