from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from items import (
    CREATE,
    MEMBERS,
    changed,
    read,
    seed,
    with_bodies,
    with_parameter,
    with_segment,
    with_variables,
    without,
)
from specgen.nodes import Node, parse_json
from specgen.openapi import build_document
from specgen.postman import Parameter, read_item
from specgen.problems import SpecError


def test_the_exported_item() -> None:
    request = read(seed())
    assert request.name == "Remove member from group using group id"
    assert request.method == "DELETE"
    assert request.path == ("api", "group", "userByGroupId")
    assert request.parameters == (
        Parameter(
            place="query",
            name="groupId",
            value="<string>",
            description="Id of the group whose membership is updated.",
            required=True,
            only=(),
            pointer="/request/url/query/0",
        ),
        Parameter(
            place="query",
            name="accountId",
            value="<string>",
            description="AccountId of the user whose membership is removed.",
            required=True,
            only=(),
            pointer="/request/url/query/1",
        ),
    )
    assert request.body is None
    assert request.auth == "oauth2"
    assert request.description.startswith("Remove user as a member from a group.\n\n**[Permissions]")
    assert [response.code for response in request.responses] == [204, 400, 401, 403, 404]
    assert request.responses[3].description == (
        "Returned if the user is not a site admin.\nNote: A 204 is returned if the user is not part of the\ngroup."
    )
    assert [response.example for response in request.responses] == [None] * 5
    assert request.losses == ()


def test_an_item_with_a_path_variable_defaults_and_a_list_of_values() -> None:
    request = read(seed(MEMBERS))
    assert request.path == ("api", "group", "{groupId}", "membersByGroupId")
    assert [(each.place, each.name, each.value, each.required) for each in request.parameters] == [
        ("path", "groupId", "<string>", True),
        ("query", "start", "0", False),
        ("query", "limit", "200", False),
        ("query", "shouldReturnTotalSize", "false", False),
        ("query", "expand", "<string>,<string>", False),
    ]
    assert request.parameters[0].pointer == "/request/url/variable/0"
    expand = request.parameters[-1]
    assert expand.only == ("operations", "isExternalCollaborator")
    assert expand.description == "Properties of the user to expand. `operations`: what the user may do."
    assert request.losses == ()


def test_an_item_with_bodies() -> None:
    request = read(seed(CREATE))
    assert request.body == Node({"name": "<string>"}, f"item.json ({request.name!r})", "/request/body/raw")
    made, *errors = [response.example for response in request.responses]
    assert made is not None
    assert (made.value["usageType"], made.pointer) == ("USERBASE_GROUP", "/response/0/body")
    assert errors == [None] * 3
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
    parameter = read(with_parameter("more", description=description)).parameters[-1]
    assert (parameter.required, parameter.description) == (required, kept)


def test_a_path_variable_is_required_with_or_without_the_mark() -> None:
    for description, kept in [("(Required) The id.", "The id."), ("The id.", "The id."), ("", "")]:
        parameter = read(with_variables("id", description=description)).parameters[0]
        assert (parameter.place, parameter.required, parameter.description) == ("path", True, kept)


@pytest.mark.parametrize(
    ("description", "required", "kept", "only"),
    [
        ("A kind. (This can only be one of a,b)", False, "A kind.", ("a", "b")),
        ("A kind.  (This can only be one of a)", False, "A kind. ", ("a",)),
        ("A kind.\n(This can only be one of a,b)", False, "A kind.\n", ("a", "b")),
        ("(Required) A kind. (This can only be one of a,b)", True, "A kind.", ("a", "b")),
        ("(Required)  (This can only be one of a,b)", True, "", ("a", "b")),
        ("(Required) (This can only be one of a,b)", True, "", ("a", "b")),
        (" (This can only be one of a, b)", False, "", ("a", " b")),
        ("(This can only be one of a) (This can only be one of b)", False, "(This can only be one of a)", ("b",)),
        ("(This can only be one of a,b) A kind.", False, "(This can only be one of a,b) A kind.", ()),
        ("A kind. (this can only be one of a,b)", False, "A kind. (this can only be one of a,b)", ()),
        ("A kind. (This can only be one of )", False, "A kind. (This can only be one of )", ()),
        ("A kind. (This can only be one of a(b))", False, "A kind. (This can only be one of a(b))", ()),
    ],
)
def test_the_values_that_a_parameter_takes_are_exactly_the_end_of_its_description(
    description: str, required: bool, kept: str, only: tuple[str, ...]
) -> None:
    request = read(with_parameter("more", description=description))
    parameter = request.parameters[-1]
    assert (parameter.required, parameter.description, parameter.only) == (required, kept, only)
    assert request.losses == (), "the examples say the same"


def test_a_description_may_be_an_object_or_absent() -> None:
    described = {"content": "(Required) The id.", "type": "text/plain"}
    assert read(changed("/request/url/query/0/description", described)).parameters[0].required
    assert read(without("/request/url/query/0/description")).parameters[0].description == ""
    assert read(without("/request/description")).description == ""


def test_what_may_be_absent() -> None:
    for pointer in ("/response", "/request/auth", "/request/header", "/request/url/raw", "/response/0/originalRequest"):
        read(without(pointer))
    assert read(without("/response")).responses == ()
    assert read(without("/request/auth")).auth is None
    assert read(without("/response/0/header", of=CREATE)).responses[0].example is not None
    assert read(without("/request/body/options", of=CREATE)).body is not None
    assert read(without("/request/url/raw", of=MEMBERS)).path[2] == "{groupId}"
    for pointer in ("/response/0/body", "/response/0/header"):
        assert read(without(pointer)).responses[0].example is None


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
    (loss,) = read(changed("/response/0/header/0/value", "application/json")).losses
    assert (loss.pointer, loss.what) == ("/response/0/header/0", "the media type of an empty body")
    one_of = "Properties of the user to expand. (This can only be one of operations)"
    (loss,) = read(changed("/response/0/originalRequest/url/query/3/description", one_of, of=MEMBERS)).losses
    assert (loss.pointer, loss.what) == (
        "/response/0/originalRequest/url/query/3",
        "a description in an example",
    )


@pytest.mark.parametrize("other", ['{"name": "Ann"}', "{}", "null", '{"name": "<string>", "more": 1}'])
def test_an_example_of_another_body_is_a_loss(other: str) -> None:
    (loss,) = read(changed("/response/1/originalRequest/body/raw", other, of=CREATE)).losses
    assert (loss.pointer, loss.what) == ("/response/1/originalRequest/body", "the body of an example's request")


def test_an_example_without_the_body_or_with_one_of_its_own_is_a_loss() -> None:
    (loss,) = read(without("/response/1/originalRequest/body", of=CREATE)).losses
    assert (loss.pointer, loss.what) == ("/response/1/originalRequest", "the body of an example's request")
    assert len(read(without("/request/body", of=CREATE)).losses) == 4


def test_a_body_is_another_one_where_python_takes_it_for_the_same() -> None:
    for mine, other in [("[1]", "[true]"), ("[1]", "[1.0]"), ("0", "false")]:
        item = with_bodies(mine)
        item["response"][0]["originalRequest"]["body"]["raw"] = other
        assert len(read(item).losses) == 1
    item = with_bodies("null")
    del item["response"][0]["originalRequest"]["body"]
    assert len(read(item).losses) == 1


def test_how_a_body_is_spaced_and_ordered_does_not_matter() -> None:
    item = with_bodies('{"a": 1, "b": 2}')
    item["response"][0]["originalRequest"]["body"]["raw"] = '{"b":2,\n"a":1}'
    assert read(item).losses == ()


SECURITY = {"key": "Authorization", "value": "<token>", "description": "Added as a part of security scheme: oauth2"}


def test_a_header_of_the_security_scheme_is_no_parameter() -> None:
    read(changed("/request/header/-", SECURITY))


@pytest.mark.parametrize("name", ["Accept", "accept", "Content-Type", "content-type"])
def test_a_header_that_names_a_media_type_is_no_parameter(name: str) -> None:
    header = {"key": name, "value": "application/json"}
    assert read(changed("/request/header/-", header)) == read(seed())
    in_example = read(changed("/response/0/originalRequest/header/-", header))
    assert (in_example.parameters, in_example.losses) == (read(seed()).parameters, ())


def test_media_types_in_an_example_name_no_security_scheme() -> None:
    item = without("/request/auth", of=CREATE)
    for response in item["response"]:
        del response["originalRequest"]["header"][-1]
    assert read(item).losses == ()


def test_what_is_no_variable_of_a_path_is_a_part_of_it() -> None:
    assert read(with_segment("user~by.Id@(2)")).path == ("api", "group", "user~by.Id@(2)")
    assert read(with_variables("_a", "b2")).path == ("api", "group", "userByGroupId", "{_a}", "{b2}")


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
        (changed("/request/body", {}), "/request/body", "'mode' is missing"),
        (changed("/request/body", {"mode": "raw"}), "/request/body", "'raw' is missing"),
        (changed("/request/body", {"mode": "urlencoded", "urlencoded": []}), "/request/body", "'raw' is missing"),
        (changed("/request/body/mode", "urlencoded", of=CREATE), "/request/body/mode", "only raw bodies"),
        (changed("/request/body/formdata", [], of=CREATE), "/request/body/formdata", "not understood"),
        (changed("/request/body/raw", {}, of=CREATE), "/request/body/raw", "text is expected, not an object"),
        (
            changed("/request/body/options/raw/language", "xml", of=CREATE),
            "/request/body/options",
            "only JSON bodies",
        ),
        (changed("/response/0/body", {}), "/response/0/body", "text is expected, not an object"),
        (changed("/request/auth/type", "hawk"), "/request/auth/type", "only oauth2"),
        (changed("/request/auth/oauth2", []), "/request/auth/oauth2", "not understood"),
        (changed("/request/header/-", {"key": "X-Trace", "value": "1"}), "/request/header/0", "header parameters"),
        (changed("/request/header/0/value", "*/*", of=MEMBERS), "/request/header/0/value", "only application/json"),
        (changed("/request/header/0/value", "text/xml", of=CREATE), "/request/header/0/value", "only application/json"),
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
        (changed("/response/0/body", "{}"), "/response/0/header/0/value", "only application/json"),
        (
            changed("/response/0/header/0/value", "application/json; charset=utf-8", of=CREATE),
            "/response/0/header/0/value",
            "only application/json",
        ),
        (changed("/response/0/originalRequest/method", "GET"), "/response/0/originalRequest", "differs"),
        (changed("/response/0/originalRequest/url/query/0/key", "x"), "/response/0/originalRequest/url/raw", "differs"),
        (
            changed("/response/0/originalRequest/header/0/description", "mine"),
            "/response/0/originalRequest/header/0",
            "header parameters",
        ),
        (with_segment(":groupId"), "/request/url/path", "its variables ['groupId'] are not those"),
        (with_segment("a:b"), "/request/url/path/2", "path segments"),
        (with_segment(":"), "/request/url/path/2", "path segments"),
        (with_segment(":2nd"), "/request/url/path/2", "path segments"),
        (with_variables("group-id"), "/request/url/path", "its variables [] are not those"),
        (with_variables("a b"), "/request/url/variable/0/key", "parameter's name"),
        (with_variables("id", "id"), "/request/url/variable/1", "stands twice"),
        (
            changed("/request/url/path/3", ":groupId", of=MEMBERS),
            "/request/url/path",
            "its variables ['groupId', 'groupId'] are not those",
        ),
        (without("/request/url/variable", of=MEMBERS), "/request/url/path", "are not those"),
        (without("/request/url/variable/0", of=MEMBERS), "/request/url/path", "are not those"),
        (changed("/request/url/path/2", "groupId", of=MEMBERS), "/request/url/path", "its variables [] are not those"),
        (changed("/request/url/path/2", ":groupid", of=MEMBERS), "/request/url/path", "its variables ['groupid']"),
        (changed("/request/url/variable/0/type", "any", of=MEMBERS), "/request/url/variable/0/type", "not understood"),
        (
            changed("/request/url/raw", "{{baseUrl}}/api/group/groupId/membersByGroupId", of=MEMBERS),
            "/request/url/raw",
            "differs from its parts, which read '{{baseUrl}}/api/group/:groupId/membersByGroupId?start=0&",
        ),
        (
            changed("/response/1/originalRequest/url/variable/0/value", "<integer>", of=MEMBERS),
            "/response/1/originalRequest",
            "differs",
        ),
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


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("plain text", "no valid JSON"),
        (" ", "no valid JSON"),
        ("{} {}", "no valid JSON"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("[NaN]", "NaN is no JSON number"),
        ("[1e999]", "/0: inf is not a JSON number"),
        (f"[{'9' * 5000}]", "no valid JSON"),
        ('["\\ud800"]', "/0: half of a surrogate pair"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("pointer", ["/request/body/raw", "/response/0/originalRequest/body/raw", "/response/0/body"])
def test_a_body_that_is_no_json_is_an_error_that_names_its_place(pointer: str, text: str, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(changed(pointer, text, of=CREATE))
    assert str(caught.value).startswith(f"item.json ('Create group'): {pointer}: ")
    assert part in str(caught.value)


def test_an_empty_body_of_a_request_is_no_json() -> None:
    with pytest.raises(SpecError, match="no valid JSON"):
        read(changed("/request/body/raw", "", of=CREATE))


def test_places_in_a_body_are_counted_on_from_its_own() -> None:
    with pytest.raises(SpecError, match="the placeholder '<money>' is not known") as caught:
        build_document([read(with_bodies('{"a/b": [1, "<money>"]}'))], title="a title")
    assert caught.value.pointer == "/request/body/raw/a~1b/1"


def test_pointers_are_escaped() -> None:
    assert Node({"a/b~c": 1}, "x").child("a/b~c").pointer == "/a~1b~0c"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
POINTERS = (
    *("/name", "/request", "/request/auth", "/request/method", "/request/header", "/request/url", "/request/url/raw"),
    *("/request/header/0/value", "/request/url/host", "/request/url/path", "/request/url/path/2"),
    *("/request/url/query", "/request/url/query/0", "/request/url/query/0/key", "/request/url/query/0/value"),
    *("/request/url/query/3/description", "/request/url/variable", "/request/url/variable/0"),
    *("/request/url/variable/0/key", "/request/url/variable/0/value", "/request/description", "/request/body"),
    *("/response", "/response/0", "/response/0/code", "/response/0/originalRequest", "/response/0/header"),
    *("/response/0/body", "/extra"),
)


@given(pointer=st.sampled_from(POINTERS), value=json_values | json_values.map(json.dumps))
def test_whatever_stands_somewhere_it_is_read_or_named(pointer: str, value: Any) -> None:
    with suppress(SpecError):
        build_document([read(changed(pointer, value, of=MEMBERS))], title="a title")


@given(value=json_values | json_values.map(json.dumps))
def test_whatever_a_body_is_it_is_read_or_named(value: Any) -> None:
    with suppress(SpecError):
        build_document([read(changed("/request/body/raw", value, of=CREATE))], title="a title")


@given(json_values)
def test_a_body_that_is_json_arrives_as_it_is(value: Any) -> None:
    request = read(with_bodies(json.dumps(value)))
    assert request.body is not None
    assert request.responses[0].example is not None
    assert request.body.value == request.responses[0].example.value == value
    assert request.losses == ()
