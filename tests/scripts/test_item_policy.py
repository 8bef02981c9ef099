"""The item policy: every part of an item is understood, or refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from codegen.item_policy import require_single_request
from hypothesis import given
from hypothesis import strategies as st
from postman_items import (
    CREATE,
    MEMBERS,
    SEED,
    collection,
    convert_item,
    delete_from_item,
    edit_item,
    load_item,
    read,
    with_bodies,
    with_parameter,
    with_segment,
    with_variables,
)
from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import SpecError
from postman_openapi.reader.collection_reader import read_postman
from postman_openapi.schema_inference import has_placeholders
from postman_openapi.secrets import redact

FIRST = "/response/0/originalRequest"


@pytest.mark.parametrize(
    ("item", "pointer", "part"),
    [
        (edit_item("/name", ""), "/name", "no letter"),
        (edit_item("/name", "x" * 201), "/name", "longer than 200"),
        (edit_item("/name", 7), "/name", "text is expected, not a number"),
        (edit_item("/event", [{}]), "/event", ""),
        (edit_item("/extra", []), "/extra", "not understood"),
        (edit_item("/request/headers", []), "/request/headers", "not understood"),
        (edit_item("/request", []), "/request", "an object is expected, not a list"),
        (delete_from_item("/request/method"), "/request", "'method' is missing"),
        (edit_item("/request/method", "delete"), "", None),
        (edit_item("/request/method", "CONNECT"), "/request/method", "not an HTTP method"),
        (edit_item("/request/auth/type", "hawk"), "/request/auth/type", "no scheme for 'hawk'"),
        (edit_item("/request/auth/oauth2", 5), "/request/auth/oauth2", "a list is expected"),
        (edit_item("/request/header/-", {"value": "1"}), "/request/header/0", "'key' is missing"),
        (
            edit_item("/request/header/-", {"key": "Authorization", "value": "Basic x"}),
            "",
            None,
        ),
        (edit_item("/request/body", {"raw": ""}), "/request/body", "'mode' is missing"),
        (
            edit_item("/request/body/mode", "soap", of=CREATE),
            "/request/body/mode",
            "unknown mode; the known ones",
        ),
        (edit_item("/request/body/raw", {}, of=CREATE), "/request/body/raw", "text is expected, not an object"),
        (edit_item("/request/body/raw", "plain", of=CREATE), "/request/body/raw", "not valid JSON"),
        (edit_item("/request/body/raw", "", of=CREATE), FIRST + "/body", None),
        (edit_item("/response/0/body", {}), "/response/0/body", "text is expected, not an object"),
        (edit_item("/response/0/code", 99), "/response/0/code", "status code"),
        (edit_item("/response/0/code", True), "/response/0/code", "status code"),
        (edit_item("/response/0/code", 204.0), "/response/0/code", "status code"),
        (edit_item("/response/0/code", "2xx"), "/response/0/code", "status code"),
        (edit_item("/response/0/_postman_previewlanguage", 1), "/response/0/_postman_previewlanguage", "text is"),
        (edit_item(f"{FIRST}/auth", {"type": "basic"}), FIRST, "the request has another"),
        (edit_item(f"{FIRST}/method", "GET"), FIRST, "the request has another"),
        (edit_item(f"{FIRST}/url/path/2", "users"), f"{FIRST}/url/raw", "differs from its parts"),
        (edit_item(f"{FIRST}/url/query/0/key", "x"), f"{FIRST}/url/raw", "differs from its parts"),
        (edit_item(f"{FIRST}/header/-", {"key": "X-Trace", "value": "1"}), f"{FIRST}/header/1", "does not have it"),
        (edit_item("/request/url/raw", "{{baseUrl}}/api"), "/request/url/raw", "differs from its parts"),
        (edit_item("/request/url/path", 5), "/request/url/raw", "differs"),
        (edit_item("/request/url/path/2", ".."), "/request/url", "would leave"),
        (edit_item("/request/url/query/0/id", 1), "/request/url/query/0", None),
        (edit_item("/request/url/query/0/nonsense", 1), "/request/url/query/0/nonsense", "not understood"),
        (with_segment(":groupId"), "/request/url", "nothing describes it"),
        (with_segment(":2nd"), "/request/url", "a template cannot contain it"),
        (with_segment('a"b'), "/request/url/path", "segments must be plain"),
        (with_segment("a:b"), "/request/url/path", "segments must be plain"),
        (with_segment(""), "/request/url/path", "segments must be plain"),
        (with_variables("id", "id"), "/request/url", "a variable twice"),
        (with_variables("group-id"), "/request/url/variable/0", "only letters"),
        (delete_from_item("/request/url/variable", of=MEMBERS), "/request/url", "nothing describes it"),
        (edit_item("/request/url/path/2", "x", of=MEMBERS), "/request/url/raw", "differs"),
        (with_parameter("a b"), "/request/url/query/2", "only letters"),
        (with_parameter('a"b'), "/request/url/query/2", "only letters"),
        (with_parameter(""), "/request/url/query/2/key", "not a name"),
        (with_parameter("x", value="<API Key>"), "/request/url/query/2", "unknown"),
        ({"name": "A folder", "item": [load_item()]}, "", None),
        ({"name": "A folder", "item": [load_item(), load_item(CREATE)]}, "", "--import splits"),
        ({"name": "A", "item": [{"name": "Nested", "item": [load_item()]}]}, "", "--import splits"),
        ({"info": {"name": "All"}, "item": [load_item(), load_item(CREATE)]}, "", "--import splits"),
    ],
)
def test_unsupported_content_is_named(item: Any, pointer: str, part: str | None) -> None:
    if part in (None, ""):
        read(item)  # a loss or Postman's metadata, which are accepted
        return
    with pytest.raises(SpecError) as caught:
        read(item)
    assert caught.value.pointer == pointer
    assert part is not None
    assert part in caught.value.problem
    assert "item.json" in caught.value.where


@pytest.mark.parametrize("of", [SEED, CREATE, MEMBERS])
def test_committed_items_are_accepted(of: str) -> None:
    assert read(load_item(of)).name == load_item(of)["name"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (json.dumps(edit_item("/name", "a\ud800")), "/name: half of a surrogate pair"),
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"name": "a", "name": "b"}', "'name' occurs twice"),
        ('{"name": NaN}', "NaN is not a JSON number"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_invalid_json_raises_spec_error(text: str, part: str) -> None:
    with pytest.raises(SpecError, match=part):
        read_postman(parse_json(text, "item.json"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("plain text", "not valid JSON"),
        ("{} {}", "not valid JSON"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ("[NaN]", "NaN is not a JSON number"),
        ("[1e999]", "1e999 is not a JSON number"),
        (f"[{'9' * 5000}]", "not valid JSON"),
        ('["\\ud800"]', "/0: the content of a body: half of a surrogate pair"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("pointer", ["/request/body/raw", "/response/0/body"])
def test_body_of_invalid_json_is_named_and_the_rest_is_kept(pointer: str, text: str, part: str) -> None:
    item = edit_item(pointer, text, of=CREATE)
    with pytest.raises(SpecError) as caught:
        read(item)
    assert str(caught.value).startswith(f"item.json ('Create group'): {pointer}")
    assert part in str(caught.value)
    (request,) = collection(item).requests
    assert (request.method, [answer.status for answer in request.responses]) == ("POST", ["201", "400", "401", "403"])
    body = request.bodies[0] if "request" in pointer else request.responses[0].bodies[0]
    kinds = {"{": "object", "[": "array"}
    unread = part.startswith(("nested", "/0")) or text == "plain text"
    assert body.media_type == "application/json"
    assert body.schema.get("type") == (None if unread else kinds[text[0]])


def test_file_with_several_requests_is_refused() -> None:
    with pytest.raises(SpecError, match="items\\.json"):
        require_single_request(
            collection({"info": {"name": "All"}, "item": [load_item(), load_item(CREATE)]}), "items.json"
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
POINTERS = (
    *("/name", "/request", "/request/auth", "/request/method", "/request/header", "/request/url", "/request/url/raw"),
    *("/request/header/0/value", "/request/url/host", "/request/url/path", "/request/url/path/2"),
    *("/request/url/query", "/request/url/query/0", "/request/url/query/0/key", "/request/url/query/0/value"),
    *("/request/url/query/3/description", "/request/url/variable", "/request/url/variable/0"),
    *("/request/url/variable/0/key", "/request/url/variable/0/value", "/request/description", "/request/body"),
    *("/response", "/response/0", "/response/0/code", "/response/0/originalRequest", "/response/0/header"),
    *("/response/0/body", "/extra", "/request/url/protocol", "/request/url/port", "/item"),
)


@given(pointer=st.sampled_from(POINTERS), value=json_values | json_values.map(json.dumps))
def test_any_value_at_any_place_is_read_or_refused(pointer: str, value: Any) -> None:
    item = edit_item(pointer, value, of=MEMBERS)
    with suppress(SpecError):
        convert_item(item)
    with suppress(SpecError):
        assert collection(item).requests


@given(value=json_values)
def test_json_body_is_kept_except_for_secrets(value: Any) -> None:
    request = read(with_bodies(json.dumps(value, indent=1)))
    for body in (*request.bodies, *request.responses[0].bodies):
        assert body.media_type == "application/json"
        assert [example.value for example in body.examples] == ([] if has_placeholders(value) else [redact(value)])
