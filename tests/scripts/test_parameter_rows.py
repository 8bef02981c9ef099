"""Reading of parameter tables: the values and descriptions of their rows."""

from __future__ import annotations

from typing import Any

import pytest
from postman_items import collection, find_losses, item_with_url, make_item, read, with_parameter, with_variables
from postman_openapi.model import Parameter

URL = {"host": ["{{baseUrl}}"], "path": ["things"]}


def item_with_query(*rows: Any) -> Any:
    """Return an item with these query rows, each a pair of key and value or a whole row."""
    written = [{"key": row[0], "value": row[1]} if isinstance(row, tuple) else row for row in rows]
    return item_with_url({**URL, "query": written})


PROOF = ("proof", "<string>")  # only an exporter that writes defaults writes such a placeholder


def query(*rows: Any) -> tuple[Parameter, ...]:
    return collection(item_with_query(*rows)).requests[0].parameters


def headers(*rows: Any) -> tuple[Parameter, ...]:
    return collection(item_with_url(URL, header=list(rows))).requests[0].parameters


# --- descriptions


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
        ("(Required)", True, ""),
        ("", False, ""),
    ],
)
def test_required_needs_the_exact_mark(description: str, required: bool, kept: str) -> None:
    parameter = read(with_parameter("more", description=description)).parameters[-1]
    assert (parameter.required, parameter.description) == (required, kept)
    (header,) = headers({"key": "X-A", "value": "<string>", "description": {"content": description}})
    assert (header.required, header.description) == (required, kept)


def test_a_path_variable_is_required_with_or_without_the_mark() -> None:
    for description, kept in [("(Required) The id.", "The id."), ("The id.", "The id."), ("", "")]:
        parameter = read(with_variables("id", description=description)).parameters[0]
        assert (parameter.place, parameter.required, parameter.description) == ("path", True, kept)


@pytest.mark.parametrize(
    ("description", "required", "kept", "only"),
    [
        ("A kind. (This can only be one of a,b)", False, "A kind.", ["a", "b"]),
        ("A kind.  (This can only be one of a)", False, "A kind. ", ["a"]),
        ("A kind.\n(This can only be one of a,b)", False, "A kind.\n", ["a", "b"]),
        ("(Required) A kind. (This can only be one of a,b)", True, "A kind.", ["a", "b"]),
        ("(Required)  (This can only be one of a,b)", True, "", ["a", "b"]),
        ("(Required) (This can only be one of a,b)", True, "", ["a", "b"]),
        (" (This can only be one of a, b)", False, "", ["a", " b"]),
        (" (This can only be one of a,b,a)", False, "", ["a", "b"]),
        ("(This can only be one of a) (This can only be one of b)", False, "(This can only be one of a)", ["b"]),
        ("(This can only be one of a,b) A kind.", False, "(This can only be one of a,b) A kind.", None),
        ("A kind. (this can only be one of a,b)", False, "A kind. (this can only be one of a,b)", None),
        ("A kind. (This can only be one of )", False, "A kind. (This can only be one of )", None),
        ("A kind. (This can only be one of a(b))", False, "A kind. (This can only be one of a(b))", None),
    ],
)
def test_enum_needs_the_exact_mark_at_the_end_of_the_description(
    description: str, required: bool, kept: str, only: list[str] | None
) -> None:
    item = with_parameter("more", description=description)
    parameter = read(item).parameters[-1]
    assert (parameter.required, parameter.description, parameter.schema.get("enum")) == (required, kept, only)
    assert find_losses(item) == [], "the examples agree"


@pytest.mark.parametrize(
    ("value", "listed", "schema"),
    [
        ("<string>", "1,2", {"type": "string", "enum": ["1", "2"]}),
        ("<integer>", "1,2", {"type": "integer", "enum": [1, 2]}),
        ("2", "1,2", {"type": "integer", "enum": [1, 2]}),
        ("<number>", "0.5,1.5", {"type": "number", "enum": [0.5, 1.5]}),
        ("<boolean>", "true", {"type": "boolean", "enum": [True]}),
        ("red", "red,blue", {"type": "string", "enum": ["red", "blue"]}),
        ("<string>,<string>", "a,b", {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}),
        ("<integer>,<integer>", "1,2", {"type": "array", "items": {"type": "integer", "enum": [1, 2]}}),
        ("red,blue", "red,blue", {"type": "array", "items": {"type": "string", "enum": ["red", "blue"]}}),
    ],
)
def test_enum_values_have_the_type_of_the_parameter(value: str, listed: str, schema: Any) -> None:
    row = {"key": "k", "value": value, "description": f"Kind (This can only be one of {listed})"}
    assert repr(query(row)[0].schema) == repr(schema), "repr tells 1 from True and 1.0"
    assert find_losses(item_with_query(row)) == []


def test_enum_values_of_another_type_are_a_loss() -> None:
    row = {"key": "k", "value": "<integer>", "description": "(This can only be one of 1,two)"}
    assert query(row)[0].schema == {"type": "integer"}
    (loss,) = find_losses(item_with_query(row))
    assert loss.what == "the allowed values"


# --- values


def test_array_placeholder_takes_listed_values_as_texts() -> None:
    (kinds,) = query({"key": "kinds", "value": "<array>", "description": "Kinds. (This can only be one of a,b)"})
    assert kinds.schema == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}


def test_literal_value_of_an_optional_parameter_is_its_default() -> None:
    limit, all_results, required, _ = query(
        ("limit", "20"), ("all", "false"), {"key": "must", "value": "5", "description": "(Required) "}, PROOF
    )
    assert (limit.schema, limit.example) == ({"type": "integer", "default": 20}, None)
    assert (all_results.schema, all_results.example) == ({"type": "boolean", "default": False}, None)
    assert (required.schema, required.example) == ({"type": "integer"}, 5), "a required parameter has no default"
    (path,) = read(with_variables("id", value="5")).parameters[:1]
    assert (path.schema, path.example) == ({"type": "integer"}, 5)


def test_example_may_be_any_listed_value() -> None:
    row = {"key": "k", "value": "red", "description": "(This can only be one of red,blue)"}
    assert query(row)[0].example == "red"
    row = {"key": "k", "value": "2", "description": "(This can only be one of 1,2)"}
    assert (query(row)[0].schema, query(row)[0].example) == ({"type": "integer", "enum": [1, 2]}, 2)


def test_a_text_is_an_example() -> None:
    (parameter,) = query(("q", "Hello, world"))
    assert (parameter.schema, parameter.example) == ({"type": "string"}, "Hello, world")


@pytest.mark.parametrize("value", [None, "", {}])
def test_missing_value_is_a_text(value: Any) -> None:
    row = {"key": "q", "value": value} if value != {} else {"key": "q"}
    assert [(each.schema, each.example) for each in query(row)] == [({"type": "string"}, None)]


@pytest.mark.parametrize(("value", "kind"), [(5, "integer"), (0.5, "number"), (True, "boolean")])
def test_unquoted_value_is_a_default_of_its_type(value: Any, kind: str) -> None:
    assert query(("q", value), PROOF)[0].schema == {"type": kind, "default": value}


def test_unknown_placeholder_is_a_text_and_a_loss() -> None:
    for value in ("<API Key>", "<String>", "<token>", "<iban>"):
        (parameter,) = query(("q", value))
        assert (parameter.schema, parameter.example) == ({"type": "string"}, None)
        (loss,) = find_losses(item_with_query(("q", value)))
        assert (loss.what, loss.understood) == (f"the placeholder {value!r}", False)


# --- lists and objects


def test_a_repeated_key_is_a_list() -> None:
    q, tags, ids = query(("q", "x"), ("tag", "<string>"), ("tag", "<string>"), ("id", "1"), ("id", "2"))
    assert q.schema == {"type": "string"}
    assert (tags.schema, tags.style, tags.explode) == ({"type": "array", "items": {"type": "string"}}, "form", True)
    assert ids.schema == {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}
    assert find_losses(item_with_query(("tag", "<string>"), ("tag", "<string>"))) == []


def test_values_of_a_repeated_key_become_one_example_or_default() -> None:
    colours, mixed, ids = query(("c", "red"), ("c", "blue"), ("m", "red"), ("m", "<string>"), ("i[]", "5"))
    assert (colours.schema, colours.example) == ({"type": "array", "items": {"type": "string"}}, ["red", "blue"])
    assert (mixed.example, ids.schema["default"]) == (None, [5])
    needed = [{"key": "i", "value": value, "description": "(Required) "} for value in ("1", "2")]
    (parameter,) = query(*needed)
    assert ("default" in parameter.schema, parameter.example) == (False, [1, 2])


def test_contradictions_of_a_repeated_key_are_losses() -> None:
    rows = [{"key": "t", "value": "<string>", "description": "One"}, {"key": "t", "value": "5", "description": "Two"}]
    (parameter,) = query(*rows)
    assert (parameter.schema, parameter.description) == ({"type": "array", "items": {}}, "One")
    assert [loss.pointer for loss in find_losses(item_with_query(*rows))] == ["/request/url/query/1"] * 2


def test_disabled_repetition_does_not_make_a_list() -> None:
    rows: list[dict[str, Any]] = [{"key": "q", "value": "one"}, {"key": "q", "value": "two", "disabled": True}]
    (parameter,) = query(*rows)
    assert (parameter.schema, parameter.example) == ({"type": "string"}, "one")
    (loss,) = find_losses(item_with_query(*rows))
    assert (loss.pointer, loss.what) == ("/request/url/query/1", "a second 'q'")
    for row in rows:
        row["disabled"] = True
    assert query(*rows)[0].schema["type"] == "array", "some exports disable all optional parameters"


def test_disabled_row_is_a_parameter() -> None:
    (parameter,) = query({"key": "q", "value": "<integer>", "disabled": True, "description": "Text"})
    assert (parameter.schema, parameter.required, parameter.description) == ({"type": "integer"}, False, "Text")
    assert query({"key": "q", "value": "<integer>", "disabled": False})[0].schema == {"type": "integer"}


@pytest.mark.parametrize(
    ("value", "style", "items"),
    [
        ("<integer>,<integer>", "form", {"type": "integer"}),
        ("<integer>%20<integer>", "spaceDelimited", {"type": "integer"}),
        ("<uuid>|<uuid>", "pipeDelimited", {"type": "string", "format": "uuid"}),
    ],
)
def test_joined_placeholders_are_a_list(value: str, style: str, items: Any) -> None:
    (parameter,) = query(("k", value))
    assert (parameter.schema, parameter.style, parameter.explode) == ({"type": "array", "items": items}, style, False)
    (header,) = headers({"key": "X-Ids", "value": "<integer>,<integer>"})
    assert (header.style, header.explode) == ("simple", False)


def test_joined_literals_are_a_list() -> None:
    numbers, texts, _ = query(("n", "1,2"), ("t", "red,blue"), PROOF)
    assert numbers.schema == {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}
    assert (texts.schema, texts.example) == ({"type": "array", "items": {"type": "string"}}, ["red", "blue"])


def test_a_key_with_empty_brackets_is_a_list_under_that_name() -> None:
    (parameter,) = query(("ids[]", "<integer>"))
    assert (parameter.name, parameter.schema, parameter.style, parameter.explode) == (
        "ids[]",
        {"type": "array", "items": {"type": "integer"}},
        "form",
        True,
    )


def test_keys_with_subkeys_are_an_object() -> None:
    rows = [
        {"key": "filter[name]", "value": "<string>", "description": "(Required) A name"},
        {"key": "filter[age]", "value": "5"},
        {"key": "filter[born][from]", "value": "<date>"},
        {"key": "filter[born][to]", "value": "<date>"},
        {"key": "filter[tags][]", "value": "<string>"},
    ]
    (parameter,) = query(*rows)
    assert (parameter.name, parameter.style, parameter.explode, parameter.required) == (
        "filter",
        "deepObject",
        True,
        True,
    )
    date = {"type": "string", "format": "date"}
    assert parameter.schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "A name"},
            "age": {"type": "integer", "default": 5},
            "born": {"type": "object", "properties": {"from": date, "to": date}},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name"],
    }
    assert find_losses(item_with_query(*rows)) == []


def test_member_with_a_circular_reference_accepts_anything() -> None:
    given_up = '{"value": "<Circular reference to #/Node detected>"}'
    rows = [{"key": "tree[node]", "value": given_up, "description": "A node."}, {"key": "tree[node]", "value": "1"}]
    (form,) = collection(item_with_url(URL, body={"mode": "urlencoded", "urlencoded": rows})).requests[0].bodies
    assert form.schema["properties"]["tree"]["properties"] == {"node": {}}


def test_subkeys_stay_separate_if_the_object_name_is_taken() -> None:
    names = [each.name for each in query(("a[b]", "<string>"), ("a", "<string>"), ("a[c]", "<string>"))]
    assert names == ["a[b]", "a", "a[c]"]


def test_alternating_names_and_placeholders_are_an_object() -> None:
    (parameter,) = query(("range", "from,<date>,to,<date>"))
    assert (parameter.style, parameter.explode) == ("form", False)
    assert list(parameter.schema["properties"]) == ["from", "to"]


# --- headers


def test_a_header_is_a_parameter() -> None:
    rows = [
        {"key": "X-Trace", "value": "<uuid>", "description": {"content": "(Required) Trace", "type": "text/plain"}},
        {"key": "X-Level", "value": "2", "disabled": False},
        {"key": "X-Proof", "value": "<string>"},
    ]
    trace, level, _ = headers(*rows)
    assert (trace.place, trace.name, trace.required) == ("header", "X-Trace", True)
    assert level.schema == {"type": "integer", "default": 2}
    assert find_losses(item_with_url(URL, header=rows)) == []


def test_repeated_header_is_one_parameter_in_any_case() -> None:
    rows = [{"key": "X-A", "value": "<integer>"}, {"key": "x-a", "value": "<string>"}]
    (parameter,) = headers(*rows)
    assert (parameter.name, parameter.schema) == ("X-A", {"type": "integer"})
    (loss,) = find_losses(item_with_url(URL, header=rows))
    assert (loss.pointer, loss.what) == ("/request/header/1", "a second 'x-a'")


@pytest.mark.parametrize(
    "row",
    [
        {"key": "Accept", "value": "*/*"},
        {"key": "content-type", "value": "application/json; charset=utf-8"},
        {"key": "Authorization", "value": "<token>", "description": "Added as a part of security scheme: oauth2"},
        {"key": "X-Api-Key", "value": "x", "description": {"content": "Added as a part of security scheme: apikey"}},
    ],
)
def test_header_of_a_media_type_or_security_scheme_is_not_a_parameter(row: Any) -> None:
    assert headers(row) == ()
    assert find_losses(item_with_url(URL, header=[row], auth={"type": "basic"})) == []


@pytest.mark.parametrize("place", ["header", "query"])
def test_mark_of_a_missing_security_scheme_is_a_loss(place: str) -> None:
    row = {"key": "k", "value": "x", "description": "Added as a part of security scheme: apikey"}
    item = item_with_query(row) if place == "query" else item_with_url(URL, header=[row])
    item["response"] = [{"name": "Fine", "code": 204, "originalRequest": item["request"]}]
    assert [(loss.pointer, loss.what) for loss in find_losses(item)] == [("/request", "a security scheme")]


def test_query_row_of_a_security_scheme_is_not_a_parameter() -> None:
    row = {"key": "k", "value": "x", "description": "Added as a part of security scheme: apikey"}
    assert [each.name for each in query(row, ("q", "x"))] == ["q"]


def test_api_key_is_not_a_parameter_with_or_without_its_mark() -> None:
    for place in ("header", "query"):
        auth = {"type": "apikey", "apikey": [{"key": "key", "value": "X-Key"}, {"key": "in", "value": place}]}
        row = {"key": "X-Key", "value": "<API Key>"}
        url = {**URL, "query": [row]} if place == "query" else URL
        item = item_with_url(url, auth=auth, header=[{**row, "key": "x-key"}] if place == "header" else [])
        item["response"] = [{"name": "Fine", "code": 200, "originalRequest": item["request"]}]
        assert collection(item).requests[0].parameters == ()
        assert find_losses(item) == []


@pytest.mark.parametrize(
    ("key", "auth"), [("Authorization", "apikey"), ("authorization", "apikey"), ("Cookie", "basic")]
)
def test_header_reserved_by_openapi_is_a_loss(key: str, auth: str) -> None:
    row = {"key": key, "value": "Bearer secret"}
    assert headers(row) == ()
    own = {"type": auth, auth: [{"key": "key", "value": "X-Key"}]}
    (loss,) = find_losses(make_item({"method": "GET", "url": URL, "header": [row], "auth": own}))
    assert loss.pointer == "/request/header/0"
    assert "secret" not in str(loss)


# --- rows that cannot be read


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (5, ""),
        ({}, ""),
        ({"value": "x"}, ""),
        ({"key": None, "value": "x"}, ""),
        ({"key": 5}, "/key"),
        ({"key": ""}, "/key"),
        ({"key": " "}, "/key"),
        ({"key": "a\nb"}, "/key"),
        ({"key": "a", "value": []}, "/value"),
        ({"key": "a", "description": 5}, "/description"),
        ({"key": "a", "description": {"content": 5}}, "/description/content"),
    ],
)
def test_unreadable_row_is_the_only_loss(row: Any, pointer: str) -> None:
    assert [each.name for each in query(("q", "x"), row, ("z", "x"))] == ["q", "z"]
    (loss,) = find_losses(item_with_query(("q", "x"), row, ("z", "x")))
    assert (loss.pointer, loss.understood) == (f"/request/url/query/1{pointer}", False)


@pytest.mark.parametrize("rows", [5, {"a": "b"}, True])
def test_rows_of_the_wrong_type_are_a_loss(rows: Any) -> None:
    item = item_with_url({**URL, "query": rows})
    assert collection(item).requests[0].parameters == ()
    assert [loss.pointer for loss in find_losses(item)] == ["/request/url/query"]


def test_numbered_subkeys_are_a_list_of_objects() -> None:
    query = "a[0][x]=1&a[0][y]=b&a[1][x]=2"
    (parameter,) = collection(item_with_url(f"https://example.com/a?{query}")).requests[0].parameters
    assert (parameter.name, parameter.style, parameter.explode) == ("a", "deepObject", True)
    assert parameter.schema["type"] == "array"
    assert {name: each["type"] for name, each in parameter.schema["items"]["properties"].items()} == {
        "x": "integer",
        "y": "string",
    }
    assert not find_losses(item_with_url(f"https://example.com/a?{query}"))
