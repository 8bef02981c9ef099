"""Addresses in all of Postman's forms."""

from __future__ import annotations

from typing import Any

import pytest
from postman_items import collection, find_losses, item_with_url
from postman_openapi.losses import Loss, SpecError
from postman_openapi.model import Request, Server


def request_for(url: Any, **variables: str) -> Request:
    rows = [{"key": name, "value": value} for name, value in variables.items()]
    document = {"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows}
    return collection(document).requests[0]


def losses_for(url: Any, **variables: str) -> list[Loss]:
    rows = [{"key": name, "value": value} for name, value in variables.items()]
    return find_losses({"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows})


def parts(host: Any, path: Any = (), **more: Any) -> Any:
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
        (parts(["api", "example", "com"], ("v1", "things"), protocol="https"), "https://api.example.com", "/v1/things"),
        (parts("api.example.com", "/v1/things", protocol="https"), "https://api.example.com", "/v1/things"),
        (parts(["localhost"], ("a",), protocol="http", port="8080"), "http://localhost:8080", "/a"),
        (parts(["localhost"], ("a",), protocol="http", port=8080), "http://localhost:8080", "/a"),
        (parts(["api", "example", "com"], protocol="https"), "https://api.example.com", "/"),
        (parts(["x"], [{"type": "string", "value": "a"}], protocol="https"), "https://x", "/a"),
        ({"raw": "https://api.example.com/things"}, "https://api.example.com", "/things"),
    ],
)
def test_an_address_that_is_whole(url: Any, server: str, path: str) -> None:
    request = request_for(url)
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
def test_a_variable_that_is_known(base: str, server: str) -> None:
    for url in ("{{baseUrl}}/things", parts(["{{baseUrl}}"], ("things",)), parts("{{baseUrl}}", "things")):
        request = request_for(url, baseUrl=base)
        assert (request.server, request.path) == (Server(server, {}), "/things")
        assert "secret" not in repr(losses_for(url, baseUrl=base))


def test_what_is_left_out_of_a_server_is_lost() -> None:
    url = "{{baseUrl}}/things"
    assert losses_for(url, baseUrl="https://api.example.com") == []
    (loss,) = losses_for(url, baseUrl="api.example.com")
    assert "https is used" in loss.why
    (loss,) = losses_for(url, baseUrl="https://me:secret@api.example.com")
    assert loss.what == "credentials in the URL"
    (loss,) = losses_for("https://api.example.com/x#here")
    assert loss.what == "the fragment of the URL"


@pytest.mark.parametrize("base", ["", "https://a b", "https://a\u2028b"])
def test_a_server_that_is_none(base: str) -> None:
    assert request_for("{{baseUrl}}/things", baseUrl=base).server is None


def test_a_variable_that_is_not_known() -> None:
    assert request_for("{{baseUrl}}/things").server is None
    (loss,) = collection(item_with_url(parts(["{{baseUrl}}"], ("things",)))).losses
    assert (loss.pointer, loss.what) == ("/request/url/host/0", "{{baseUrl}}")


def test_variables_inside_a_server_are_its_own() -> None:
    url = "{{baseUrl}}/things"
    request = request_for(
        url, baseUrl="https://{{region}}.example.com/{{version}}", region="eu", version="v{{n}}", n="2"
    )
    assert request.server == Server(
        "https://{region}.example.com/{version}", {"region": {"default": "eu"}, "version": {"default": "v2"}}
    )
    assert request_for("https://{{region}}.example.com/a", region="eu").server == Server(
        "https://{region}.example.com", {"region": {"default": "eu"}}
    )
    assert request_for("{{scheme}}://{{host}}/a", scheme="https", host="x.example.com").server == Server(
        "https://{host}", {"host": {"default": "x.example.com"}}
    )


def test_a_server_variable_that_nobody_knows_has_its_name_for_a_value() -> None:
    url = "https://{{tenant}}.example.com/a"
    assert request_for(url).server == Server("https://{tenant}.example.com", {"tenant": {"default": "tenant"}})
    (loss,) = losses_for(url)
    assert loss.what == "the value of the variable 'tenant'"


def test_a_server_variable_has_its_values_and_its_description() -> None:
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
def test_variables_in_a_circle_are_an_error(variables: dict[str, str], circle: str) -> None:
    with pytest.raises(SpecError, match=f"the variables {circle} refer to each other"):
        request_for("{{baseUrl}}/things", **variables)


def test_a_server_that_is_given_stands_in_place_of_a_variable_alone() -> None:
    items = [
        item_with_url("{{baseUrl}}/a"),
        item_with_url(parts(["{{host}}"], ("b",))),
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
        ((":thing-id", ":2"), "/{thing-id}/{2}", ["thing-id", "2"]),
        (("things:search",), "/things:search", []),
        ((":",), "/:", []),
        (("a b", "é", "100%25", 'x"y'), "/a%20b/%C3%A9/100%25/x%22y", []),
        (("a", "", "b"), "/a//b", []),
        ((), "/", []),
    ],
)
def test_a_path(segments: tuple[str, ...], path: str, names: list[str]) -> None:
    rows = [{"key": name, "value": "<string>"} for name in names]
    for url in (parts(["x"], segments, protocol="https", variable=rows), "https://x/" + "/".join(segments)):
        request = request_for(url)
        assert request.path == path
        assert [(each.place, each.name, each.required) for each in request.parameters] == [
            ("path", name, True) for name in names
        ]


def test_a_path_variable_is_described_by_its_row_or_by_the_collections_variable() -> None:
    row = {"key": "id", "value": "<uuid>", "description": "(Required) The id", "type": "any", "disabled": False}
    url = parts(["{{baseUrl}}"], ("things", ":id", "photo.{{ext}}"), variable=[row])
    rows = [{"key": "ext", "value": "<string>", "description": "(Required) Kind (This can only be one of png,jpg)"}]
    document = {"info": {"name": "All"}, "item": [item_with_url(url)], "variable": rows}
    thing, kind = collection(document).requests[0].parameters
    assert (thing.schema, thing.description) == ({"type": "string", "format": "uuid"}, "The id")
    assert (kind.schema, kind.description) == ({"type": "string", "enum": ["png", "jpg"]}, "Kind")
    assert find_losses(document) == []


def test_what_the_rows_and_the_path_disagree_in_is_lost() -> None:
    rows = [{"key": "id", "value": "<string>"}, {"key": "id", "value": "<long>"}, {"key": "other", "value": "x"}]
    url = parts(["{{baseUrl}}"], (":id", ":more"), variable=rows)
    assert [each.schema for each in request_for(url).parameters] == [{"type": "string"}] * 2
    assert [(loss.pointer, loss.what) for loss in losses_for(url)] == [
        ("/item/0/request/url/variable/1", "a second path variable 'id'"),
        ("/item/0/request/url", "the type of the path variable 'more'"),
        ("/item/0/request/url/variable/2", "the path variable 'other'"),
    ]


def test_a_servers_variable_among_the_paths_is_passed_over() -> None:
    rows = [{"key": "region", "value": "{{region}}", "type": "any"}]
    assert losses_for(parts(["{{baseUrl}}"], ("a",), variable=rows), baseUrl="https://x") == []


@pytest.mark.parametrize("segments", [("..", "a"), ("a", "."), ("{{id}}", ":id")])
def test_a_path_that_cannot_be_said_loses_its_operation(segments: tuple[str, ...]) -> None:
    document = {
        "info": {"name": "All"},
        "item": [item_with_url("{{baseUrl}}/x"), item_with_url(parts(["x"], segments))],
    }
    assert [request.path for request in collection(document).requests] == ["/x"]
    assert "an operation" in [loss.what for loss in find_losses(document)]


# --- query, in the address


def test_a_query_in_a_text_is_read_as_one_in_rows() -> None:
    text = request_for("https://x/a?q=<string>&limit=20&tag=<string>&tag=<string>&filter[name]=<string>&flag&a%20b=1")
    rows = [
        *({"key": "q", "value": "<string>"}, {"key": "limit", "value": "20"}),
        *({"key": "tag", "value": "<string>"}, {"key": "tag", "value": "<string>"}),
        *({"key": "filter[name]", "value": "<string>"}, {"key": "flag", "value": None}, {"key": "a b", "value": "1"}),
    ]
    read = request_for(parts(["x"], ("a",), protocol="https", query=rows))
    plain = [[(each.name, each.schema, each.style, each.explode) for each in one.parameters] for one in (text, read)]
    assert plain[0] == plain[1]
    assert [name for name, *_ in plain[0]] == ["q", "limit", "tag", "filter", "flag", "a b"]


def test_an_address_as_text_that_differs_from_its_parts_is_lost() -> None:
    rows = [{"key": "q", "value": "a b"}, {"key": "off", "value": "1", "disabled": True}]
    url = parts(["{{baseUrl}}"], ("things", ":id"), query=rows, variable=[{"key": "id", "value": "<string>"}])
    for same in ("{{baseUrl}}/things/:id?q=a b", "{{baseUrl}}/things/:id?q=a%20b"):
        assert losses_for({**url, "raw": same}) == []
    for other in ("{{baseUrl}}/things/:id", "{{other}}/things/:id?q=a b", "{{baseUrl}}/:id?q=a b", "?", "/x"):
        (loss,) = losses_for({**url, "raw": other})
        assert (loss.pointer, loss.what, loss.understood) == (
            "/item/0/request/url/raw",
            "the URL as a string",
            False,
        )


@pytest.mark.parametrize(("url", "pointer"), [("", ""), ("?a=1", ""), ({}, ""), ({"query": []}, ""), (5, "")])
def test_what_is_no_address_is_an_error(url: Any, pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        collection(item_with_url(url))
    assert caught.value.pointer == f"/request/url{pointer}"


@pytest.mark.parametrize("segment", [":id:cancel", "{{id:cancel}}", "{id!cancel}", "{id[cancel}"])
def test_a_name_that_no_template_can_hold_is_changed_and_reported(segment: str) -> None:
    document = item_with_url(f"https://example.com/{segment}")
    (request,) = collection(document).requests
    assert request.path == "/{id_cancel}"
    assert [parameter.name for parameter in request.parameters] == ["id_cancel"]
    assert any("it becomes 'id_cancel'" in loss.why for loss in collection(document).losses)


def test_names_that_a_change_makes_alike_are_refused() -> None:
    with pytest.raises(SpecError, match="a variable twice"):
        collection(item_with_url("https://example.com/:a:b/:a_b"))
