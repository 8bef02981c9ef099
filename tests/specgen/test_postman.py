from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from items import changed, seed, with_parameter, with_segment, without
from specgen.nodes import Node, parse_json
from specgen.postman import Parameter, read_item
from specgen.problems import SpecError


def read(item: Any) -> Any:
    return read_item(parse_json(json.dumps(item), "item.json"))


def test_the_exported_item() -> None:
    request = read(seed())
    assert request.name == "Remove member from group using group id"
    assert request.method == "DELETE"
    assert request.path == ("api", "group", "userByGroupId")
    assert request.query == (
        Parameter("groupId", "<string>", "Id of the group whose membership is updated.", True, "/request/url/query/0"),
        Parameter(
            "accountId", "<string>", "AccountId of the user whose membership is removed.", True, "/request/url/query/1"
        ),
    )
    assert request.auth == "oauth2"
    assert request.description.startswith("Remove user as a member from a group.\n\n**[Permissions]")
    assert [response.code for response in request.responses] == [204, 400, 401, 403, 404]
    assert request.responses[3].description == (
        "Returned if the user is not a site admin.\nNote: A 204 is returned if the user is not part of the\ngroup."
    )
    assert request.losses == ()


@pytest.mark.parametrize(
    ("description", "required", "kept"),
    [
        ("(Required) The id.", True, "The id."),
        ("(required) The id.", False, "(required) The id."),
        ("(Required)The id.", False, "(Required)The id."),
        (" (Required) The id.", False, " (Required) The id."),
        ("The id. (Required) ", False, "The id. (Required) "),
        ("(Required) (Required) The id.", True, "(Required) The id."),
        ("(Required) ", True, ""),
        ("", False, ""),
    ],
)
def test_required_is_exactly_its_mark(description: str, required: bool, kept: str) -> None:
    parameter = read(with_parameter("more", description=description)).query[-1]
    assert (parameter.required, parameter.description) == (required, kept)


def test_a_description_may_be_an_object_or_absent() -> None:
    described = {"content": "(Required) The id.", "type": "text/plain"}
    assert read(changed("/request/url/query/0/description", described)).query[0].required
    assert read(without("/request/url/query/0/description")).query[0].description == ""
    assert read(without("/request/description")).description == ""


def test_what_may_be_absent() -> None:
    for pointer in ("/response", "/request/auth", "/request/header", "/request/url/raw", "/response/0/originalRequest"):
        read(without(pointer))
    assert read(without("/response")).responses == ()
    assert read(without("/request/auth")).auth is None


def test_postmans_own_bookkeeping_is_passed_over() -> None:
    assert read(changed("/_postman_id", "1")).name == seed()["name"]


def test_what_is_lost_is_reported() -> None:
    header = changed("/response/0/header/-", {"key": "X-Limit", "value": "5"})
    (loss,) = read(header).losses
    assert (loss.pointer, "item.json" in loss.item) == ("/response/0/header/1", True)
    (loss,) = read(changed("/response/0/status", "Gone")).losses
    assert loss.pointer == "/response/0/status"
    described = changed("/response/0/originalRequest/url/query/0/description", "Another text")
    (loss,) = read(described).losses
    assert loss.pointer == "/response/0/originalRequest/url/query/0"
    assert [loss.what for loss in read(without("/request/auth")).losses] == ["a security scheme"] * 5
    (loss,) = read(changed("/response/1/cookie/-", {"name": "session"})).losses
    assert loss.pointer == "/response/1/cookie/0"


SECURITY = {"key": "Authorization", "value": "<token>", "description": "Added as a part of security scheme: oauth2"}


def test_a_header_of_the_security_scheme_is_no_parameter() -> None:
    read(changed("/request/header/-", SECURITY))


@pytest.mark.parametrize(
    ("item", "pointer", "part"),
    [
        ([], "", "an object is expected"),
        ({}, "", "'name' is missing"),
        (changed("/name", ""), "/name", "no letter"),
        (changed("/name", 7), "/name", "text is expected, not a number"),
        (changed("/item", []), "/item", "not understood"),
        (changed("/name", "x" * 201), "/name", "over 200"),
        (
            changed("/response/0/originalRequest/header/0/key", "X-Other"),
            "/response/0/originalRequest/header/0",
            "header parameters",
        ),
        (
            changed("/response/0/originalRequest/auth", {"type": "basic"}),
            "/response/0/originalRequest/auth/type",
            "only",
        ),
        (
            changed("/response/0/originalRequest/url/query/0/value", "<integer>"),
            "/response/0/originalRequest/url/raw",
            "differs",
        ),
        (changed("/response/0/_postman_previewlanguage", 1), "/response/0/_postman_previewlanguage", "text is"),
        (
            changed("/response/0/originalRequest/header/0/description/type", 1),
            "/response/0/originalRequest/header/0/description/type",
            "text is",
        ),
        (changed("/event", []), "/event", "not understood"),
        (changed("/request", "https://example.com"), "/request", "an object is expected, not text"),
        (without("/request/method"), "/request", "'method' is missing"),
        (changed("/request/method", "delete"), "/request/method", "HTTP method"),
        (changed("/request/method", "CONNECT"), "/request/method", "HTTP method"),
        (changed("/request/body", {"mode": "raw"}), "/request/body", "not understood"),
        (changed("/request/auth/type", "hawk"), "/request/auth/type", "only oauth2"),
        (changed("/request/auth/oauth2", []), "/request/auth/oauth2", "not understood"),
        (changed("/request/header/-", {"key": "Accept", "value": "*/*"}), "/request/header/0", "header parameters"),
        (changed("/request/description", None), "/request/description", "text is expected, not null"),
        (changed("/request/url", "{{baseUrl}}/api"), "/request/url", "an object is expected, not text"),
        (changed("/request/url/raw", "{{baseUrl}}/api"), "/request/url/raw", "differs from its parts"),
        (changed("/request/url/port", "80"), "/request/url/port", "not understood"),
        (changed("/request/url/host", ["example", "com"]), "/request/url/host", "{{baseUrl}}"),
        (changed("/request/url/host", None), "/request/url/host", "a list is expected, not null"),
        (changed("/request/url/query/0/disabled", True), "/request/url/query/0/disabled", "not understood"),
        (changed("/request/url/query/1/key", "groupId"), "/request/url/query/1", "stands twice"),
        (without("/request/url/query/0/value"), "/request/url/query/0", "'value' is missing"),
        (changed("/response/0/code", "204"), "/response/0/code", "status code"),
        (changed("/response/0/code", 99), "/response/0/code", "status code"),
        (changed("/response/0/code", 600), "/response/0/code", "status code"),
        (changed("/response/0/code", True), "/response/0/code", "status code"),
        (changed("/response/0/code", 204.0), "/response/0/code", "status code"),
        (changed("/response/1/code", 204), "/response/1", "a second example for status 204"),
        (changed("/response/0/body", "{}"), "/response/0/body", "example bodies"),
        (changed("/response/0/originalRequest/method", "GET"), "/response/0/originalRequest", "differs"),
        (changed("/response/0/originalRequest/url/query/0/key", "x"), "/response/0/originalRequest/url/raw", "differs"),
        (
            changed("/response/0/originalRequest/header/0/description", "mine"),
            "/response/0/originalRequest/header/0",
            "header parameters",
        ),
        (with_segment(":groupId"), "/request/url/path/2", "path segments"),
        (with_segment("{groupId}"), "/request/url/path/2", "path segments"),
        (with_segment('a"b'), "/request/url/path/2", "path segments"),
        (with_segment(".."), "/request/url/path/2", "path segments"),
        (with_parameter("a b"), "/request/url/query/2/key", "parameter's name"),
        (with_parameter('a"b'), "/request/url/query/2/key", "parameter's name"),
        (with_parameter(""), "/request/url/query/2/key", "parameter's name"),
    ],
)
def test_what_is_not_understood_is_named(item: Any, pointer: str, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(item)
    assert caught.value.pointer == pointer
    assert part in caught.value.problem
    assert "item.json" in caught.value.where
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        assert repr(item["name"]) in caught.value.where


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (json.dumps(changed("/name", "a\ud800")), "/name: half of a surrogate pair"),
        ("", "no valid JSON"),
        ("{", "no valid JSON"),
        ('{"name": "a", "name": "b"}', "'name' stands twice"),
        ('{"name": NaN}', "NaN is no JSON number"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_an_error(text: str, part: str) -> None:
    with pytest.raises(SpecError, match=part):
        read_item(parse_json(text, "item.json"))


def test_pointers_are_escaped() -> None:
    assert Node({"a/b~c": 1}, "x").child("a/b~c").pointer == "/a~1b~0c"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
POINTERS = (
    *("/name", "/request", "/request/auth", "/request/method", "/request/header", "/request/url", "/request/url/raw"),
    *(
        "/request/url/host",
        "/request/url/path",
        "/request/url/query",
        "/request/url/query/0",
        "/request/url/query/0/key",
    ),
    *("/request/description", "/response", "/response/0", "/response/0/code", "/response/0/originalRequest", "/extra"),
)


@given(pointer=st.sampled_from(POINTERS), value=json_values)
def test_whatever_stands_somewhere_it_is_read_or_named(pointer: str, value: Any) -> None:
    with suppress(SpecError):
        read(changed(pointer, value))
