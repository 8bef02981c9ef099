"""Request bodies in each of Postman's modes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postman_items import collection, find_losses, item_with_url, make_item
from postman_openapi.model import Body, Example
from postman_openapi.reader.bodies import is_json, media_type, merge_bodies
from postman_openapi.secrets import redact

URL = "{{baseUrl}}/things"
JSON = {"raw": {"language": "json", "headerFamily": "json"}}


def item_with_body(body: Any, kind: str | None = None, **more: Any) -> Any:
    header = [{"key": "Content-Type", "value": kind}] if kind else []
    return make_item({"method": "POST", "url": URL, "body": body, "header": header, **more})


def read_body(body: Any, kind: str | None = None) -> Body:
    (found,) = collection(item_with_body(body, kind)).requests[0].bodies
    return found


def raw(text: str, language: str | None = None) -> Any:
    options = {"options": {"raw": {"language": language}}} if language else {}
    return {"mode": "raw", "raw": text, **options}


# --- raw


@pytest.mark.parametrize(
    ("body", "kind", "media"),
    [
        (raw("{}"), None, "application/json"),
        (raw('[{"a": 1}]'), None, "application/json"),
        (raw("5", "json"), None, "application/json"),
        (raw("{}", "json"), "application/vnd.things+json; charset=utf-8", "application/vnd.things+json"),
        (raw("{}"), "text/plain", "text/plain"),
        (raw("5"), None, "text/plain"),
        (raw("{no json"), None, "text/plain"),
        (raw("Hello"), None, "text/plain"),
        (raw("<a/>", "xml"), None, "application/xml"),
        (raw("<p>", "html"), None, "text/html"),
        (raw("x()", "javascript"), None, "application/javascript"),
        (raw("Hello", "text"), None, "text/plain"),
        (raw("a,b"), "text/csv", "text/csv"),
        (raw("a,b"), "*/*", "text/plain"),
        (raw("a,b"), "nonsense", "text/plain"),
    ],
)
def test_media_type_of_a_raw_body_comes_from_header_language_or_text(body: Any, kind: str | None, media: str) -> None:
    assert read_body(body, kind).media_type == media


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1} // the end', {"a": 1}),
        ('// first\n{"a": /* one */ 1,\n"b": 2 // two\n}', {"a": 1, "b": 2}),
        ('{"a": "http://x//y /* no comment */", "b": "\\"//"}', {"a": "http://x//y /* no comment */", "b": '"//'}),
        ('{"a": {{five}}, "b": "text", "c": [{{list}}]}', {"a": 5, "b": "text", "c": [[1]]}),
    ],
)
def test_json_may_have_comments_and_variables(text: str, value: Any) -> None:
    rows = [{"key": "five", "value": "5"}, {"key": "list", "value": "[1]"}]
    item = {**item_with_body(raw(text, "json")), "variable": rows}
    (body,) = collection(item).requests[0].bodies
    assert [example.value for example in body.examples] == [value]
    assert find_losses(item) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_comment_markers_inside_json_strings_are_kept(value: Any) -> None:
    text = json.dumps({"a": value}, indent=1, ensure_ascii=False)
    body = read_body(raw(text, "json"))
    assert body.schema["type"] == "object"
    for example in body.examples:
        assert example.value == redact({"a": value})


def test_body_of_placeholders_gives_a_schema_without_example() -> None:
    body = read_body(raw('{"id": "<long>", "tags": ["<string>", "<string>"]}', "json"))
    assert body.schema["properties"]["id"] == {"type": "integer", "format": "int64"}
    assert body.examples == ()


def test_single_placeholder_can_be_the_whole_body() -> None:
    assert read_body(raw("<string>", "json")) == Body("application/json", {"type": "string"}, "/request/body/raw")
    assert read_body(raw("<binary>"), "image/png").schema == {"type": "string", "format": "binary"}


def test_malformed_json_is_a_loss_and_its_media_type_is_kept() -> None:
    item = item_with_body(raw('{"a": }', "json"))
    body = collection(item).requests[0].bodies[0]
    schema = {"type": "object", "properties": {"a": {}}}
    assert (body.media_type, body.schema, body.examples) == ("application/json", schema, ())
    (loss,) = find_losses(item)
    assert (loss.pointer, loss.what, loss.understood) == ("/request/body/raw", "the content of a body", False)


def test_xml_structure_is_a_loss() -> None:
    body = raw('<?xml version="1.0"?>\n<x><b>(integer)</b></x>', "xml")
    assert read_body(body).schema == {"type": "string", "example": body["raw"]}
    (loss,) = find_losses(item_with_body(body))
    assert loss.what == "the structure of a body"


@pytest.mark.parametrize(
    "body", [{}, None, raw(""), raw(" \n"), {"mode": "raw"}, {"mode": "urlencoded", "urlencoded": []}]
)
def test_empty_body_is_ignored(body: Any) -> None:
    item = item_with_body(body)
    assert collection(item).requests[0].bodies == ()
    assert find_losses(item) == []


def test_disabled_body_is_a_loss() -> None:
    item = item_with_body({**raw("{}"), "disabled": True})
    assert collection(item).requests[0].bodies == ()
    assert [loss.pointer for loss in find_losses(item)] == ["/request/body"]
    assert read_body({**raw("{}"), "disabled": False}).media_type == "application/json"


# --- forms


@pytest.mark.parametrize(
    ("mode", "media"), [("urlencoded", "application/x-www-form-urlencoded"), ("formdata", "multipart/form-data")]
)
def test_form_becomes_an_object_schema(mode: str, media: str) -> None:
    rows = [
        {"key": "name", "value": "<string>", "description": "(Required) A name", "type": "text"},
        {"key": "days", "value": "5", "description": {"content": "How long"}},
        {"key": "kind", "value": "a", "description": "Kind (This can only be one of a,b)"},
        {"key": "tag", "value": "<string>"},
        {"key": "tag", "value": "<string>"},
        {"key": "at[from]", "value": "<date>"},
    ]
    body = read_body({"mode": mode, mode: rows})
    assert body.media_type == media
    assert body.schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "A name"},
            "days": {"type": "integer", "default": 5, "description": "How long"},
            "kind": {"type": "string", "enum": ["a", "b"], "description": "Kind", "example": "a"},
            "tag": {"type": "array", "items": {"type": "string"}},
            "at": {"type": "object", "properties": {"from": {"type": "string", "format": "date"}}},
        },
        "required": ["name"],
    }
    assert find_losses(item_with_body({"mode": mode, mode: rows}, media)) == []


@pytest.mark.parametrize(
    "source", [{}, {"src": "/somebody/photo.png"}, {"src": ["a", "b"]}, {"src": None}, {"value": 5}]
)
def test_file_field_of_a_form_is_binary(source: Any) -> None:
    row = {"key": "photo", "type": "file", "description": "(Required) The photo", **source}
    body = read_body({"mode": "formdata", "formdata": [row]})
    assert body.schema["properties"]["photo"] == {"type": "string", "format": "binary", "description": "The photo"}
    assert body.schema["required"] == ["photo"]
    assert "/somebody" not in repr(body)


def test_form_field_may_be_a_json_list() -> None:
    row = {"key": "tags", "type": "text", "value": '["<string>","<string>"]'}
    body = read_body({"mode": "formdata", "formdata": [row]})
    assert body.schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}


def test_content_type_of_a_form_field_is_a_loss() -> None:
    row = {"key": "a", "value": "{}", "contentType": "application/json"}
    (loss,) = find_losses(item_with_body({"mode": "formdata", "formdata": [row]}))
    assert loss.what == "the content type of a form field"


@pytest.mark.parametrize(("kind", "media"), [(None, "application/octet-stream"), ("image/png", "image/png")])
def test_file_body_is_binary(kind: str | None, media: str) -> None:
    for body in ({"mode": "file"}, {"mode": "file", "file": {"src": "photo.png"}}):
        found = read_body(body, kind)
        assert (found.media_type, found.schema) == (media, {"type": "string", "format": "binary"})


def test_graphql_body_is_a_json_object() -> None:
    body = {"mode": "graphql", "graphql": {"query": "{ things { id } }", "variables": ""}}
    assert list(read_body(body).schema["properties"]) == ["query", "variables"]
    (loss,) = find_losses(item_with_body(body))
    assert loss.what == "a GraphQL query"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (5, "/request/body"),
        ({"mode": "soap"}, "/request/body/mode"),
        ({"mode": 5}, "/request/body/mode"),
        ({"raw": "x"}, "/request/body"),
        ({"mode": "raw", "raw": 5}, "/request/body/raw"),
        ({"mode": "urlencoded", "urlencoded": 5}, "/request/body/urlencoded"),
    ],
)
def test_unreadable_body_is_the_only_loss(body: Any, pointer: str) -> None:
    item = item_with_body(body)
    assert collection(item).requests[0].bodies == ()
    assert [(loss.pointer, loss.understood) for loss in find_losses(item)] == [(pointer, False)]


def test_malformed_options_are_the_only_loss() -> None:
    item = item_with_body({"mode": "raw", "raw": "{}", "options": {"raw": 5}})
    assert collection(item).requests[0].bodies[0].media_type == "application/json"
    assert [loss.pointer for loss in find_losses(item)] == ["/request/body/options/raw"]


@pytest.mark.parametrize(
    ("text", "media"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ", "text/plain"),
        *((text, "") for text in ("*/*", "image/*", "", "json", "a/b/c", "a b/c", "{{kind}}")),
    ],
)
def test_media_type_is_parsed_from_a_header(text: str, media: str) -> None:
    assert media_type(text) == media


def test_json_media_types_are_recognized() -> None:
    assert [is_json(kind) for kind in ("application/json", "text/json", "application/hal+json", "text/plain", "")] == [
        *(True, True, True, False, False),
    ]


def test_request_without_a_body_has_no_bodies() -> None:
    assert collection(item_with_url(URL)).requests[0].bodies == ()


@pytest.mark.parametrize("text", ["/*" * 100_000, '"\\' * 100_000, '{"a": 1} /*/', "{" + '"' * 100_001])
def test_unterminated_json_is_a_loss_and_quickly_found(text: str) -> None:
    body = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    found = collection(make_item({"method": "POST", "url": "https://example.com/a", "body": body}))
    assert [loss.what for loss in found.losses if not loss.understood] == ["the content of a body"]


def test_each_of_many_examples_is_serialized_at_most_twice() -> None:
    times: list[int] = []

    class Counted(int):
        def __repr__(self) -> str:
            times.append(1)
            return str(int(self))

    bodies = [Body("text/plain", {"type": "string"}, "", (Example("ok", Counted(index)),)) for index in range(200)]
    (whole,) = merge_bodies([(body, "item.json") for body in bodies], [])
    assert [example.name for example in whole.examples][:3] == ["ok", "ok (2)", "ok (3)"]
    assert len({example.name for example in whole.examples}) == 200
    assert len(times) <= 400
