"""What an item of ours may hold: all of it is understood, or named."""

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
    changed,
    collection,
    documented,
    read,
    seed,
    with_bodies,
    with_parameter,
    with_segment,
    with_variables,
    without,
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
        (changed("/name", ""), "/name", "no letter"),
        (changed("/name", "x" * 201), "/name", "longer than 200"),
        (changed("/name", 7), "/name", "text is expected, not a number"),
        (changed("/event", [{}]), "/event", ""),
        (changed("/extra", []), "/extra", "not understood"),
        (changed("/request/headers", []), "/request/headers", "not understood"),
        (changed("/request", []), "/request", "an object is expected, not a list"),
        (without("/request/method"), "/request", "'method' is missing"),
        (changed("/request/method", "delete"), "/request/method", "DELETE is used"),
        (changed("/request/method", "CONNECT"), "/request/method", "not an HTTP method"),
        (changed("/request/auth/type", "hawk"), "/request/auth/type", "no scheme for 'hawk'"),
        (changed("/request/auth/oauth2", 5), "/request/auth/oauth2", "a list is expected"),
        (changed("/request/header/-", {"value": "1"}), "/request/header/0", "'key' is missing"),
        (
            changed("/request/header/-", {"key": "Authorization", "value": "Basic x"}),
            "/request/header/0",
            "a security scheme",
        ),
        (changed("/request/body", {"raw": ""}), "/request/body", "'mode' is missing"),
        (
            changed("/request/body/mode", "soap", of=CREATE),
            "/request/body/mode",
            "unknown mode; the known ones",
        ),
        (changed("/request/body/raw", {}, of=CREATE), "/request/body/raw", "text is expected, not an object"),
        (changed("/request/body/raw", "plain", of=CREATE), "/request/body/raw", "not valid JSON"),
        (changed("/request/body/raw", "", of=CREATE), FIRST + "/body", None),
        (changed("/response/0/body", {}), "/response/0/body", "text is expected, not an object"),
        (changed("/response/0/code", 99), "/response/0/code", "status code"),
        (changed("/response/0/code", True), "/response/0/code", "status code"),
        (changed("/response/0/code", 204.0), "/response/0/code", "status code"),
        (changed("/response/0/code", "2xx"), "/response/0/code", "status code"),
        (changed("/response/0/_postman_previewlanguage", 1), "/response/0/_postman_previewlanguage", "text is"),
        (changed(f"{FIRST}/auth", {"type": "basic"}), FIRST, "the request has another"),
        (changed(f"{FIRST}/method", "GET"), FIRST, "the request has another"),
        (changed(f"{FIRST}/url/path/2", "users"), f"{FIRST}/url/raw", "differs from its parts"),
        (changed(f"{FIRST}/url/query/0/key", "x"), f"{FIRST}/url/raw", "differs from its parts"),
        (changed(f"{FIRST}/header/-", {"key": "X-Trace", "value": "1"}), f"{FIRST}/header/1", "does not have it"),
        (changed("/request/url/raw", "{{baseUrl}}/api"), "/request/url/raw", "differs from its parts"),
        (changed("/request/url/path", 5), "/request/url/raw", "differs"),
        (changed("/request/url/path/2", ".."), "/request/url", "would leave"),
        (changed("/request/url/query/0/id", 1), "/request/url/query/0", None),
        (changed("/request/url/query/0/nonsense", 1), "/request/url/query/0/nonsense", "not understood"),
        (with_segment(":groupId"), "/request/url", "nothing describes it"),
        (with_segment(":2nd"), "/request/url", "nothing describes it"),
        (with_segment('a"b'), "/request/url/path", "segments must be plain"),
        (with_segment("a:b"), "/request/url/path", "segments must be plain"),
        (with_segment(""), "/request/url/path", "segments must be plain"),
        (with_variables("id", "id"), "/request/url", "a variable twice"),
        (with_variables("group-id"), "/request/url/variable/0", "only letters"),
        (without("/request/url/variable", of=MEMBERS), "/request/url", "nothing describes it"),
        (changed("/request/url/path/2", "x", of=MEMBERS), "/request/url/raw", "differs"),
        (with_parameter("a b"), "/request/url/query/2", "only letters"),
        (with_parameter('a"b'), "/request/url/query/2", "only letters"),
        (with_parameter(""), "/request/url/query/2/key", "not a name"),
        (with_parameter("x", value="<API Key>"), "/request/url/query/2", "unknown"),
        ({"name": "A folder", "item": [seed()]}, "", "--import splits"),
        ({"info": {"name": "All"}, "item": [seed(), seed(CREATE)]}, "", "--import splits"),
    ],
)
def test_what_is_not_understood_is_named(item: Any, pointer: str, part: str | None) -> None:
    if part in (None, ""):
        read(item)  # a loss, or Postman's own bookkeeping, and no slip of the pen
        return
    with pytest.raises(SpecError) as caught:
        read(item)
    assert caught.value.pointer == pointer
    assert part is not None
    assert part in caught.value.problem
    assert "item.json" in caught.value.where


@pytest.mark.parametrize("of", [SEED, CREATE, MEMBERS])
def test_our_items_hold_nothing_else(of: str) -> None:
    assert read(seed(of)).name == seed(of)["name"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (json.dumps(changed("/name", "a\ud800")), "/name: half of a surrogate pair"),
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"name": "a", "name": "b"}', "'name' occurs twice"),
        ('{"name": NaN}', "NaN is not a JSON number"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_an_error(text: str, part: str) -> None:
    with pytest.raises(SpecError, match=part):
        read_postman(parse_json(text, "item.json"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("plain text", "not valid JSON"),
        ("{} {}", "not valid JSON"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ("[NaN]", "NaN is not a JSON number"),
        ("[1e999]", "/0: the content of a body: inf is not a JSON number"),
        (f"[{'9' * 5000}]", "not valid JSON"),
        ('["\\ud800"]', "/0: the content of a body: half of a surrogate pair"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("pointer", ["/request/body/raw", "/response/0/body"])
def test_a_body_that_is_no_json_is_named_and_nothing_else_is_lost(pointer: str, text: str, part: str) -> None:
    item = changed(pointer, text, of=CREATE)
    with pytest.raises(SpecError) as caught:
        read(item)
    assert str(caught.value).startswith(f"item.json ('Create group'): {pointer}")
    assert part in str(caught.value)
    (request,) = collection(item).requests
    assert (request.method, [answer.status for answer in request.responses]) == ("POST", ["201", "400", "401", "403"])
    body = request.bodies[0] if "request" in pointer else request.responses[0].bodies[0]
    assert (body.media_type, body.schema) == ("application/json", {})


def test_a_request_is_what_its_file_is_called_for() -> None:
    with pytest.raises(SpecError, match="items\\.json"):
        require_single_request(collection({"info": {"name": "All"}, "item": [seed(), seed(CREATE)]}), "items.json")


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
def test_whatever_stands_somewhere_it_is_read_or_named(pointer: str, value: Any) -> None:
    item = changed(pointer, value, of=MEMBERS)
    with suppress(SpecError):
        documented(item)
    with suppress(SpecError):
        assert collection(item).requests


@given(value=json_values)
def test_a_body_that_is_json_arrives_as_it_is_but_for_secrets(value: Any) -> None:
    request = read(with_bodies(json.dumps(value, indent=1)))
    for body in (*request.bodies, *request.responses[0].bodies):
        assert body.media_type == "application/json"
        assert [example.value for example in body.examples] == ([] if has_placeholders(value) else [redact(value)])
