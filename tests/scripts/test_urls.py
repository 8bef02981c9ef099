"""URLs in each of Postman's notations."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from postman_items import collection, find_losses, item_with_url
from postman_openapi.losses import Loss, SpecError
from postman_openapi.model import Request, Server


def read_url(url: Any, **variables: str) -> Request:
    rows = [{"key": name, "value": value} for name, value in variables.items()]
    document = {"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows}
    return collection(document).requests[0]


def find_url_losses(url: Any, **variables: str) -> list[Loss]:
    rows = [{"key": name, "value": value} for name, value in variables.items()]
    return find_losses({"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows})


def url_parts(host: Any, path: Any = (), **more: Any) -> Any:
    return {"host": host, "path": list(path) if isinstance(path, tuple) else path, **more}


# --- servers


@pytest.mark.parametrize(
    ("url", "server", "path"),
    [
        ("https://api.example.com/v1/things", "https://api.example.com", "/v1/things"),
        ("http://localhost:8080/things", "http://localhost:8080", "/things"),
        ("https://api.example.com", "https://api.example.com", "/"),
        ("https://api.example.com/", "https://api.example.com", "/"),
        ("https://api.example.com/things/", "https://api.example.com", "/things/"),
        ("https://api.example.com:8443/a?b=<string>#c", "https://api.example.com:8443", "/a"),
        ("https://[::1]:8080/a", "https://[::1]:8080", "/a"),
        (
            url_parts(["api", "example", "com"], ("v1", "things"), protocol="https"),
            "https://api.example.com",
            "/v1/things",
        ),
        (url_parts("api.example.com", "/v1/things", protocol="https"), "https://api.example.com", "/v1/things"),
        (url_parts(["localhost"], ("a",), protocol="http", port="8080"), "http://localhost:8080", "/a"),
        (url_parts(["localhost"], ("a",), protocol="http", port=8080), "http://localhost:8080", "/a"),
        (url_parts(["api", "example", "com"], protocol="https"), "https://api.example.com", "/"),
        (url_parts(["x"], [{"type": "string", "value": "a"}], protocol="https"), "https://x", "/a"),
        ({"raw": "https://api.example.com/things"}, "https://api.example.com", "/things"),
    ],
)
def test_complete_url_is_split_into_server_and_path(url: Any, server: str, path: str) -> None:
    request = read_url(url)
    assert (request.server, request.path) == (Server(server, {}), path)


@pytest.mark.parametrize(
    ("base", "server"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("//api.example.com", "//api.example.com"),
        ("/v1", "/v1"),
        ("/", "/"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("localhost:8080", "https://localhost:8080"),
        ("https://me:secret@api.example.com/v1", "https://api.example.com/v1"),
        ("me:secret@api.example.com/v1", "https://api.example.com/v1"),
        ("//me:secret@api.example.com", "//api.example.com"),
        ("https://api.example.com/@me", "https://api.example.com/@me"),
        ("https://api.example.com/v1?key=secret#x", "https://api.example.com/v1"),
    ],
)
def test_defined_variable_becomes_the_server(base: str, server: str) -> None:
    for url in ("{{baseUrl}}/things", url_parts(["{{baseUrl}}"], ("things",)), url_parts("{{baseUrl}}", "things")):
        request = read_url(url, baseUrl=base)
        assert (request.server, request.path) == (Server(server, {}), "/things")
        assert "secret" not in repr(find_url_losses(url, baseUrl=base))


def test_omitted_parts_of_a_server_are_losses() -> None:
    url = "{{baseUrl}}/things"
    assert find_url_losses(url, baseUrl="https://api.example.com") == []
    (loss,) = find_url_losses(url, baseUrl="api.example.com")
    assert "https is used" in loss.why
    (loss,) = find_url_losses(url, baseUrl="https://me:secret@api.example.com")
    assert loss.what == "credentials in the URL"
    (loss,) = find_url_losses("https://api.example.com/x#here")
    assert loss.what == "the fragment of the URL"


@pytest.mark.parametrize("base", ["", "https://a b", "https://a\u2028b"])
def test_invalid_server_is_ignored(base: str) -> None:
    assert read_url("{{baseUrl}}/things", baseUrl=base).server is None


def test_undefined_variable_is_a_loss() -> None:
    assert read_url("{{baseUrl}}/things").server is None
    (loss,) = collection(item_with_url(url_parts(["{{baseUrl}}"], ("things",)))).losses
    assert (loss.pointer, loss.what) == ("/request/url/host/0", "{{baseUrl}}")


def test_variables_inside_a_server_become_server_variables() -> None:
    url = "{{baseUrl}}/things"
    request = read_url(url, baseUrl="https://{{region}}.example.com/{{version}}", region="eu", version="v{{n}}", n="2")
    assert request.server == Server(
        "https://{region}.example.com/{version}", {"region": {"default": "eu"}, "version": {"default": "v2"}}
    )
    assert read_url("https://{{region}}.example.com/a", region="eu").server == Server(
        "https://{region}.example.com", {"region": {"default": "eu"}}
    )
    assert read_url("{{scheme}}://{{host}}/a", scheme="https", host="x.example.com").server == Server(
        "https://{host}", {"host": {"default": "x.example.com"}}
    )


def test_undefined_server_variable_defaults_to_its_name() -> None:
    url = "https://{{tenant}}.example.com/a"
    assert read_url(url).server == Server("https://{tenant}.example.com", {"tenant": {"default": "tenant"}})
    (loss,) = find_url_losses(url)
    assert loss.what == "the value of the variable 'tenant'"


def test_server_variable_has_enum_and_description() -> None:
    rows = [
        {"key": "baseUrl", "value": "https://{{region}}.example.com"},
        {"key": "region", "value": "eu", "description": "Where (This can only be one of eu,us)"},
    ]
    document = {"info": {"name": "All"}, "item": [item_with_url("{{baseUrl}}/a")], "variable": rows}
    server = collection(document).requests[0].server
    assert server
    assert server.variables == {"region": {"default": "eu", "enum": ["eu", "us"], "description": "Where"}}


@pytest.mark.parametrize(
    ("variables", "circle"),
    [
        ({"baseUrl": "{{baseUrl}}"}, "baseUrl -> baseUrl"),
        ({"baseUrl": "{{a}}/x", "a": "{{b}}", "b": "{{a}}"}, "baseUrl -> a -> b -> a"),
        ({"baseUrl": "https://{{a}}", "a": "x{{b}}", "b": "y{{a}}"}, "a -> b -> a"),
    ],
)
def test_circular_variables_raise_spec_error(variables: dict[str, str], circle: str) -> None:
    with pytest.raises(SpecError, match=f"the variables {circle} refer to each other"):
        read_url("{{baseUrl}}/things", **variables)


def test_given_server_replaces_only_a_variable() -> None:
    items = [
        item_with_url("{{baseUrl}}/a"),
        item_with_url(url_parts(["{{host}}"], ("b",))),
        item_with_url("https://other.example.com/c"),
    ]
    document = {"info": {"name": "All"}, "item": items, "variable": [{"key": "host", "value": "https://x"}]}
    found = collection(document, server="https://given.example.com").requests
    given, other = Server("https://given.example.com", {}), Server("https://other.example.com", {})
    assert [request.server for request in found] == [given, given, other]


# --- paths


@pytest.mark.parametrize(
    ("segments", "path", "names"),
    [
        ((":id",), "/{id}", ["id"]),
        (("{{id}}",), "/{id}", ["id"]),
        (("{id}",), "/{id}", ["id"]),
        (("photo.{{ext}}",), "/photo.{ext}", ["ext"]),
        (("{{from}}-{{to}}", "x"), "/{from}-{to}/x", ["from", "to"]),
        ((":thing-id", ":2"), "/{thing-id}/{_2}", ["thing-id", "_2"]),
        (("things:search",), "/things:search", []),
        ((":",), "/:", []),
        (("a b", "é", "100%25", 'x"y'), "/a%20b/%C3%A9/100%25/x%22y", []),
        (("a", "", "b"), "/a//b", []),
        ((), "/", []),
    ],
)
def test_path_variables_are_converted(segments: tuple[str, ...], path: str, names: list[str]) -> None:
    rows = [{"key": name.removeprefix("_"), "value": "<string>"} for name in names]
    for url in (url_parts(["x"], segments, protocol="https", variable=rows), "https://x/" + "/".join(segments)):
        request = read_url(url)
        assert request.path == path
        assert [(each.place, each.name, each.required) for each in request.parameters] == [
            ("path", name, True) for name in names
        ]


def test_path_variable_is_described_by_its_row_or_collection_variable() -> None:
    row = {"key": "id", "value": "<uuid>", "description": "(Required) The id", "type": "any", "disabled": False}
    url = url_parts(["{{baseUrl}}"], ("things", ":id", "photo.{{ext}}"), variable=[row])
    rows = [{"key": "ext", "value": "<string>", "description": "(Required) Kind (This can only be one of png,jpg)"}]
    document = {"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows}
    thing, kind = collection(document).requests[0].parameters
    assert (thing.schema, thing.description) == ({"type": "string", "format": "uuid"}, "The id")
    assert (kind.schema, kind.description) == ({"type": "string", "enum": ["png", "jpg"]}, "Kind")
    assert find_losses(document) == []


def test_disagreement_of_rows_and_path_is_a_loss() -> None:
    rows = [{"key": "id", "value": "<string>"}, {"key": "id", "value": "<long>"}, {"key": "other", "value": "x"}]
    url = url_parts(["{{baseUrl}}"], (":id", ":more"), variable=rows)
    assert [each.schema for each in read_url(url).parameters] == [{"type": "string"}] * 2
    assert [(loss.pointer, loss.what) for loss in find_url_losses(url)] == [
        ("/item/0/request/url/variable/1", "a second path variable 'id'"),
        ("/item/0/request/url", "the type of the path variable 'more'"),
        ("/item/0/request/url/variable/2", "the path variable 'other'"),
    ]


def test_server_variable_among_path_variables_is_ignored() -> None:
    rows = [{"key": "region", "value": "{{region}}", "type": "any"}]
    assert find_url_losses(url_parts(["{{baseUrl}}"], ("a",), variable=rows), baseUrl="https://x") == []


@pytest.mark.parametrize("segments", [("..", "a"), ("a", ".")])
def test_unsupported_path_loses_its_operation(segments: tuple[str, ...]) -> None:
    document = {
        "info": {"name": "All"},
        "item": [item_with_url("{{baseUrl}}/x"), item_with_url(url_parts(["x"], segments))],
    }
    assert [request.path for request in collection(document).requests] == ["/x"]
    assert "an operation" in [loss.what for loss in find_losses(document)]


# --- query in the URL


def test_query_in_a_text_is_read_like_rows() -> None:
    text = read_url("https://x/a?q=<string>&limit=20&tag=<string>&tag=<string>&filter[name]=<string>&flag&a%20b=1")
    rows = [
        *({"key": "q", "value": "<string>"}, {"key": "limit", "value": "20"}),
        *({"key": "tag", "value": "<string>"}, {"key": "tag", "value": "<string>"}),
        *({"key": "filter[name]", "value": "<string>"}, {"key": "flag", "value": None}, {"key": "a b", "value": "1"}),
    ]
    read = read_url(url_parts(["x"], ("a",), protocol="https", query=rows))
    plain = [[(each.name, each.schema, each.style, each.explode) for each in one.parameters] for one in (text, read)]
    assert plain[0] == plain[1]
    assert [name for name, *_ in plain[0]] == ["q", "limit", "tag", "filter", "flag", "a b"]


def test_url_text_that_differs_from_its_parts_is_a_loss() -> None:
    rows = [{"key": "q", "value": "a b"}, {"key": "off", "value": "1", "disabled": True}]
    url = url_parts(["{{baseUrl}}"], ("things", ":id"), query=rows, variable=[{"key": "id", "value": "<string>"}])
    for same in ("{{baseUrl}}/things/:id?q=a b", "{{baseUrl}}/things/:id?q=a%20b"):
        assert find_url_losses({**url, "raw": same}) == []
    for other in ("{{baseUrl}}/things/:id", "{{other}}/things/:id?q=a b", "{{baseUrl}}/:id?q=a b", "?", "/x"):
        (loss,) = find_url_losses({**url, "raw": other})
        assert (loss.pointer, loss.what, loss.understood) == (
            "/item/0/request/url/raw",
            "the URL as a string",
            False,
        )


@pytest.mark.parametrize(("url", "pointer"), [("", ""), ("?a=1", ""), ({}, ""), ({"query": []}, ""), (5, "")])
def test_value_that_is_not_a_url_raises_spec_error(url: Any, pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        collection(item_with_url(url))
    assert caught.value.pointer == f"/request/url{pointer}"


@pytest.mark.parametrize("segment", ["{{id:cancel}}", "{id!cancel}", "{id[cancel}"])
def test_name_invalid_in_a_template_is_changed_and_reported(segment: str) -> None:
    document = item_with_url(f"https://example.com/{segment}")
    (request,) = collection(document).requests
    assert request.path == "/{id_cancel}"
    assert [parameter.name for parameter in request.parameters] == ["id_cancel"]
    assert any("it becomes 'id_cancel'" in loss.why for loss in collection(document).losses)


def test_names_that_become_equal_are_numbered() -> None:
    document = collection(item_with_url("https://example.com/{{a:b}}/:a_b"))
    assert document.requests[0].path == "/{a_b}/{a_b_2}"
    assert [loss.what for loss in document.losses if "twice" in loss.why] == ["the name 'a_b' of a path variable"]


@pytest.mark.parametrize("host", ["[", "[]", "a]b", "[v1.x"])
def test_a_host_with_brackets_that_is_no_address_is_read_or_refused(host: str) -> None:
    with suppress(SpecError):
        assert read_url(url_parts([f"http://{host}/v1/users"])).path.endswith("/users")
