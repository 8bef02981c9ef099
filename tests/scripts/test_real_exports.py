"""Exports as people and other tools write them; `cases/` has one small input for each class that once failed."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
from postman_items import item_with_url, make_item
from postman_openapi import cli
from postman_openapi.losses import Kind, Loss, SpecError

CASES = Path(__file__).parent / "cases"


def convert_case(name: str) -> tuple[dict[str, Any], list[Loss]]:
    return cli.convert(CASES / f"{name}.json", None)


@pytest.fixture
def convert(tmp_path: Path) -> Any:
    """Return a function that converts a collection of these items."""

    def convert_items(*items: Any, **more: Any) -> tuple[dict[str, Any], list[Loss]]:
        source = tmp_path / "export.json"
        source.write_text(json.dumps({"info": {"name": "All"}, "item": list(items), **more}), encoding="utf-8")
        return cli.convert(source, None)

    return convert_items


def variables(**values: Any) -> list[Any]:
    return [{"key": key, "value": value} for key, value in values.items()]


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def parameters(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (operation,) = operations(document)
    return {each["name"]: each for each in operation.get("parameters", [])}


def body_schema(document: dict[str, Any]) -> Any:
    (operation,) = operations(document)
    (media,) = operation["requestBody"]["content"].values()
    return media["schema"]


def unexpected(losses: list[Loss]) -> list[str]:
    return [f"{loss.what}: {loss.why}" for loss in losses if loss.what != "every response"]


def url_with_query(*rows: Any) -> Any:
    return {"protocol": "https", "host": ["x"], "path": ["a"], "query": list(rows)}


def post(url: Any = "https://x/a", **more: Any) -> Any:
    return make_item({"method": "POST", "url": url, **more})


def post_json(text: str) -> Any:
    return post(body={"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}})


# --- samples are examples


def test_sample_number_is_an_example() -> None:
    found = parameters(convert_case("sample-number-becomes-default")[0])
    assert {name: (each["schema"]["type"], each.get("example")) for name, each in found.items()} == {
        "pageNumber": ("integer", 56),
        "transactionId": ("integer", 476873),
    }
    assert "default" not in repr(found)


@pytest.mark.parametrize("value", ["1", "true", "0.5", "1,2", "1|2"])
def test_only_a_type_placeholder_proves_a_default(convert: Any, value: str) -> None:
    rows = {"key": "a", "value": value}, {"key": "b", "value": "<string>"}
    for other in ("<name>", "<email>", "text", "{{b}}", ""):
        document, _ = convert(item_with_url(url_with_query(rows[0], {"key": "b", "value": other})))
        assert "default" not in parameters(document)["a"]["schema"]
        assert "example" in parameters(document)["a"]
    document, _ = convert(item_with_url(url_with_query(*rows)))
    assert "default" in parameters(document)["a"]["schema"]
    document, _ = convert(item_with_url(url_with_query({**rows[0], "disabled": True}, rows[1])))
    assert "default" not in parameters(document)["a"]["schema"]


def test_sample_in_a_form_a_header_or_an_object_is_an_example(convert: Any) -> None:
    body = {"mode": "urlencoded", "urlencoded": [{"key": "n", "value": "5"}, {"key": "o[p]", "value": "6"}]}
    header = [{"key": "X-N", "value": "7"}]
    document, _ = convert(post("https://x/a?f[g]=8", header=header, body=body))
    assert "default" not in repr([parameters(document), body_schema(document)])
    assert body_schema(document)["properties"]["n"] == {"type": "integer", "example": 5}
    assert parameters(document)["f"]["schema"]["properties"]["g"] == {"type": "integer", "example": 8}


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "x", "description": "use <string>"}]},
        {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "<string>", "disabled": True}]},
        {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "<string>"}], "disabled": True},
        {"mode": "raw", "raw": '{"a": "write <string> here"}'},
        {"mode": "raw", "raw": "<list><string>a</string></list>"},
        {"mode": "raw", "raw": '{"a": <string>}'},
    ],
)
def test_a_placeholder_that_is_no_enabled_value_proves_no_default(convert: Any, body: Any) -> None:
    document, _ = convert(post(url_with_query({"key": "limit", "value": "10"}), body=body))
    assert parameters(document)["limit"] == {
        "name": "limit",
        "in": "query",
        "example": 10,
        "schema": {"type": "integer"},
    }


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "<string>"}]},
        {"mode": "raw", "raw": '{"a": ["<long>", "<long>"]}'},
        {"mode": "raw", "raw": "<string>"},
    ],
)
def test_a_placeholder_in_a_body_proves_a_default(convert: Any, body: Any) -> None:
    document, _ = convert(post(url_with_query({"key": "limit", "value": "10"}), body=body))
    assert parameters(document)["limit"]["schema"] == {"type": "integer", "default": 10}


# --- disabled parts decide nothing


def test_enabled_variable_wins() -> None:
    document, losses = convert_case("disabled-variable")
    assert document["servers"] == [{"url": "https://new.example.test"}]
    assert unexpected(losses) == ["the disabled variable 'baseUrl': it is switched off"]


def test_disabled_content_type_is_ignored() -> None:
    document, _ = convert_case("disabled-content-type")
    assert list(document["paths"]["/v1/things"]["post"]["requestBody"]["content"]) == ["application/json"]


def test_first_of_two_media_types_counts(convert: Any) -> None:
    rows = [{"key": "Content-Type", "value": f"application/{kind}"} for kind in ("json", "xml")]
    answer = {"code": 200, "header": rows, "body": "{}"}
    document, losses = convert({**post(header=rows, body={"mode": "raw", "raw": "{}"}), "response": [answer]})
    (operation,) = operations(document)
    assert list(operation["requestBody"]["content"]) == ["application/json"]
    assert list(operation["responses"]["200"]["content"]) == ["application/json"]
    assert [loss.what for loss in losses] == ["a second header Content-Type"] * 2


@pytest.mark.parametrize("off", [{"disabled": True}, {"enabled": False}])
def test_disabled_row_is_an_optional_parameter(convert: Any, off: Any) -> None:
    row = {"key": "q", "value": "5", "description": "(Required) Which"}
    document, _ = convert(item_with_url(url_with_query({**row, **off})))
    assert parameters(document)["q"] == {
        "name": "q",
        "in": "query",
        "description": "Which",
        "example": 5,
        "schema": {"type": "integer", "description": "Which"},
    }


@pytest.mark.parametrize("order", [1, -1])
def test_enabled_row_wins_over_a_disabled_one(convert: Any, order: int) -> None:
    rows: list[Any] = [{"key": "q", "value": "<integer>"}, {"key": "q", "value": "text", "disabled": True}][::order]
    document, losses = convert(item_with_url(url_with_query(*rows), header=rows))
    assert [each["schema"] for each in operations(document)[0]["parameters"]] == [{"type": "integer"}] * 2
    assert "a second 'q': it is switched off" in unexpected(losses)


def test_disabled_authorization_and_path_row_decide_nothing(convert: Any) -> None:
    url: dict[str, Any] = {"protocol": "https", "host": ["x"], "path": [":id"]}
    url["variable"] = [{"key": "id", "value": "<integer>", "disabled": True}, {"key": "id", "value": "<string>"}]
    header = [{"key": "Authorization", "value": "Bearer x", "disabled": True}]
    document, _ = convert(make_item({"method": "GET", "url": url, "header": header}))
    assert "security" not in operations(document)[0]
    assert parameters(document)["id"]["schema"] == {"type": "string"}


# --- URLs


def test_scheme_from_the_parts_is_kept() -> None:
    document, losses = convert_case("protocol-dropped")
    assert document["servers"][0]["url"] == "http://legacy.example.test:{port}".replace("legacy.example.test", "{host}")
    assert document["servers"][0]["variables"] == {
        "host": {"default": "legacy.example.test"},
        "port": {"default": "8080"},
    }
    assert unexpected(losses) == []


@pytest.mark.parametrize(
    ("url", "values", "server"),
    [
        ({"protocol": "http", "host": ["{{h}}"], "path": ["a"]}, {"h": "x.example"}, "http://{h}"),
        ({"protocol": "http", "host": ["{{h}}"], "path": ["a"]}, {"h": "https://x.example"}, "https://x.example"),
        ({"protocol": "http", "host": ["{{h}}"], "path": ["a"]}, {}, "http://{h}"),
        ({"protocol": "http:", "host": ["x", "example"], "path": ["a"]}, {}, "http://x.example"),
        ("http://{{h}}/a", {"h": "x.example/api"}, "http://x.example/api"),
        ({"raw": "http://x.example/a", "host": ["x", "example"], "path": ["a"]}, {}, "http://x.example"),
        ("{{my host}}/a", {"my host": "https://x.example"}, "https://x.example"),
        ("{{ h }}/a", {"h": "https://x.example"}, "https://x.example"),
        ("https://{{my host}}/a", {}, "https://{my_host}"),
        ("{{h}}{{v}}/a", {"h": "https://x.example", "v": "/api/v2"}, "https://x.example/api/v2"),
        ({"host": ["{{tenant}}", "example", "com"], "path": ["a"]}, {}, "https://{tenant}.example.com"),
        ({"path": ["{{h}}", "a"]}, {"h": "https://x.example"}, "https://x.example"),
    ],
)
def test_server_is_read_from_every_form(convert: Any, url: Any, values: Any, server: str) -> None:
    document, _ = convert(item_with_url(url), variable=variables(**values))
    assert (document["servers"][0]["url"], list(document["paths"])) == (server, ["/a"])


@pytest.mark.parametrize(
    "url",
    [
        "about:blank",
        {"raw": "about:blank", "host": ["about"], "port": "blank"},
        {"raw": "about:blank", "protocol": "about", "host": ["blank"]},
        "data:,x",
    ],
)
def test_address_of_no_api_is_reported(convert: Any, url: Any) -> None:
    document, losses = convert(item_with_url(url), item_with_url("https://x/a"))
    assert list(document["paths"]) == ["/a"]
    assert "an operation" in [loss.what for loss in losses if "not the address of an API" in loss.why]


def test_host_that_the_parts_lack_is_read_from_the_string(convert: Any) -> None:
    document, losses = convert(item_with_url({"raw": "https://x.example/v1/a", "host": None, "path": ["v1", "a"]}))
    assert document["servers"] == [{"url": "https://x.example"}]
    assert list(document["paths"]) == ["/v1/a"]
    assert unexpected(losses) == []


@pytest.mark.parametrize("host", ["https://x.example ", "{{base}}"])
def test_blanks_around_a_host_are_left_out(convert: Any, host: str) -> None:
    document, losses = convert(
        item_with_url({"host": [host], "path": ["a"]}), variable=variables(base=" https://x.example ")
    )
    assert document["servers"] == [{"url": "https://x.example"}]
    assert unexpected(losses) == []


def test_host_named_like_a_scheme_is_a_host(convert: Any) -> None:
    document, _ = convert(item_with_url({"host": ["data"], "port": "80", "path": ["a"]}), item_with_url("file:81/b"))
    assert [*document["paths"]] == ["/a", "/b"]


def test_slash_in_a_path_part_separates_segments() -> None:
    document, losses = convert_case("slash-inside-a-path-part")
    assert list(document["paths"]) == ["/2.0/addon/linkers/{linker_key}/values/"]
    assert list(parameters(document)) == ["linker_key"]
    assert unexpected(losses) == []


def test_placeholder_in_the_path_is_a_parameter() -> None:
    document, _ = convert_case("placeholder-in-the-path")
    assert list(document["paths"]) == ["/v1/accounts/{accountId}/statement.json"]
    assert parameters(document)["accountId"]["required"] is True


def test_variable_with_slashes_is_put_in() -> None:
    document, losses = convert_case("variable-with-slashes-in-the-path")
    assert (document["servers"], list(document["paths"])) == (
        [{"url": "https://jira.example.com"}],
        ["/rest/api/2/user/search"],
    )
    assert unexpected(losses) == []


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (["v1/things", ":id/x"], "/v1/things/{id}/x"),
        (["/v1", "things/"], "/v1/things/"),
        ("v1/{{a/b}}/x", "/v1/{a_b}/x"),
        ([":id.json"], "/{id}.json"),
        ([":id:cancel"], "/{id}:cancel"),
        (["{{id}}:cancel"], "/{id}:cancel"),
        (["things:search"], "/things:search"),
        ([":from-:to"], "/{from}-{to}"),
        ([":lat,:lng"], "/{lat},{lng}"),
        (["Customers(':id')"], "/Customers('{id}')"),
        (["<id>.json"], "/{id}.json"),
        (["<account id>"], "/{account_id}"),
        (["%3Cid%3E", "%7B%7Bx%7D%7D", "%7By%7D"], "/{id}/{x}/{y}"),
        (["${id}"], "/{id}"),
        (["{{$guid}}"], "/{guid}"),
        (["{{account id}}", ":id", "{{id}}"], "/{account_id}/{id}/{id_2}"),
        (["{{base}}", "x"], "/rest/api/x"),
        (["{{slashed}}", "x"], "/rest/x"),
        (["{{plain}}", "x"], "/{plain}/x"),
        (["x?y=1"], "/x"),
    ],
)
def test_path_is_a_template(convert: Any, path: Any, template: str) -> None:
    values = variables(base="rest/{{v}}", v="api", slashed="/rest/", plain="v1")
    document, losses = convert(item_with_url({"protocol": "https", "host": ["x"], "path": path}), variable=values)
    assert list(document["paths"]) == [template]
    for name in parameters(document):
        assert f"{{{name}}}" in template or name == "y"
    if "_2" in template:
        assert any("twice" in loss.why for loss in losses)


@pytest.mark.parametrize(
    ("url", "values", "server", "path"),
    [
        ("{{baseUrl}}v1/a", {}, None, "/v1/a"),
        ("{{baseUrl}}v1/a", {"baseUrl": ""}, None, "/v1/a"),
        ("{{baseUrl}}v1/a", {"baseUrl": "{{env}}"}, None, "/v1/a"),
        ("{{baseUrl}}v1/a", {"baseUrl": "https://x.example/"}, "https://x.example/v1", "/a"),
        ("{{baseUrl}}{{path}}/a", {}, None, "/{path}/a"),
        ("{{baseUrl}}{{path}}/a", {"path": "/b/c"}, None, "/b/c/a"),
        ("{{baseUrl}}{{path}}/a", {"baseUrl": "https://x.example"}, "https://x.example", "/{path}/a"),
        ("{{baseUrl}}<id>/a", {}, None, "/{id}/a"),
        ("https://{{host}}{{path}}/a", {}, "https://{host}", "/{path}/a"),
        ("{{scheme}}{{host}}/a", {"scheme": "https://"}, "https://{host}", "/a"),
        ("{{region}}-api.example.com/a", {}, "https://{region}-api.example.com", "/a"),
        ("{{region}}.example.com/a", {}, "https://{region}.example.com", "/a"),
        ("{{baseUrl}}:{{port}}/a", {}, None, "/a"),
    ],
)
def test_path_after_a_variable_without_a_slash_is_kept(
    convert: Any, url: str, values: dict[str, str], server: str | None, path: str
) -> None:
    document, losses = convert(item_with_url(url), variable=variables(**values))
    assert [*document["paths"]] == [path]
    assert [each["url"] for each in document.get("servers", [])] == ([server] if server else [])
    moved = [loss for loss in losses if loss.kind is Kind.PATH and loss.what.startswith("the place of")]
    assert bool(moved) is (path != "/a")


def test_row_names_a_path_variable_inside_a_segment(convert: Any) -> None:
    for segment, key, template in (("a:id", "id", "/a{id}"), (":id.json", "id.json", "/{id_json}")):
        url = {"protocol": "https", "host": ["x"], "path": [segment], "variable": [{"key": key, "value": "<string>"}]}
        assert list(convert(item_with_url(url))[0]["paths"]) == [template]


def test_placeholder_of_a_type_is_a_parameter_of_that_type(convert: Any) -> None:
    document, losses = convert(item_with_url("https://x/a/<integer>"))
    assert parameters(document)["integer"]["schema"] == {"type": "integer"}
    assert unexpected(losses) == []


def test_variable_as_key_is_resolved() -> None:
    document, losses = convert_case("variable-as-key")
    assert parameters(document).keys() == {"api-version", "x"}
    assert parameters(document)["api-version"]["example"] == "v1"
    assert unexpected(losses) == []


def test_unknown_variable_as_key_is_reported(convert: Any) -> None:
    header = [{"key": "{{h}}", "value": "1"}, {"key": "X-{{known}}", "value": "1"}]
    body = {"mode": "urlencoded", "urlencoded": [{"key": "{{f}}", "value": "1"}]}
    document, losses = convert(post("https://x/a?{{q}}=1", header=header, body=body), variable=variables(known="Y"))
    assert list(parameters(document)) == ["X-Y"]
    assert [loss.what for loss in losses if "nothing defines" in loss.why] == [
        "the parameter '{{h}}'",
        "the parameter '{{q}}'",
        "the parameter '{{f}}'",
    ]


@pytest.mark.parametrize(
    ("url", "values"),
    [
        ("{{base}}/a", {"base": "https://x/v1?api-version=2&z=1"}),
        ("https://x/v1/a?{{more}}", {"more": "api-version=2&z=1"}),
        ("https://x/v1/a?{{more}}", {"more": "?api-version=2&z=1"}),
        ("https://x/v1/a?api-version={{more}}", {"more": "2&z=1"}),
        ("https://x/v1/{{path}}", {"path": "a?api-version=2&z=1"}),
        ("{{url}}", {"url": "https://x/v1/a?api-version=2&z=1"}),
    ],
)
def test_query_in_a_variable_is_read(convert: Any, url: str, values: dict[str, str]) -> None:
    document, _ = convert(item_with_url(url), variable=variables(**values))
    assert {name: each["example"] for name, each in parameters(document).items()} == {"api-version": 2, "z": 1}
    assert document["servers"][0]["url"] + next(iter(document["paths"])) == "https://x/v1/a"


def test_query_before_the_path_is_moved_and_reported(convert: Any) -> None:
    document, losses = convert(item_with_url("{{base}}/b"), variable=variables(base="https://x/a?q=1"))
    assert (list(document["paths"]), list(parameters(document))) == (["/b"], ["q"])
    assert [loss.what for loss in losses if loss.kind is Kind.PATH] == ["the place of the query"]


def test_variable_in_a_name_is_resolved(convert: Any) -> None:
    item = {**item_with_url("https://x/a"), "name": "Get {{thing}} {{other}}"}
    document, losses = convert({"name": "All {{thing}}s", "item": [item]}, variable=variables(thing="book"))
    assert document["tags"] == [{"name": "All books"}]
    assert operations(document)[0]["summary"] == "Get book {{other}}"
    assert unexpected(losses) == ["the variable 'other' in the name of a request: nothing defines it"]


# --- bodies


def test_body_with_mistakes_is_read_as_far_as_possible() -> None:
    document, losses = convert_case("malformed-json-body-drops-the-endpoint")
    assert body_schema(document)["properties"]["quote"] == {}
    assert body_schema(document)["properties"]["details"]["properties"]["reference"]["type"] == "string"
    assert any("read as far as possible" in loss.why for loss in losses)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ('{"a": <id>, "b": 1}', {"a": {}, "b": "integer"}),
        ('{"a": <integer>, "b": [1, 2,],}', {"a": "integer", "b": "array"}),
        ("{'a': 'x', b: true}", {"a": "string", "b": "boolean"}),
        ('{"a": 1 "b": "c"}', {"a": "integer", "b": "string"}),
        ('{"a": {"c": 1}, "b": "x"', {"a": "object", "b": "string"}),
        ('{"a": string, "b": number, "c": None, "d": True}', {"a": "string", "b": "number", "c": {}, "d": "boolean"}),
        ('{"a": [1, 2, ...], ... }', {"a": "array"}),
        ('{"a": , "b": 1}', {"a": {}, "b": "integer"}),
        ('{"a": 1}}', {"a": "integer"}),
        ('{"a": "x\ny"}', {"a": "string"}),
        ('{"a": some words, "b": 1}', {"a": "string", "b": "integer"}),
        ('{"a": NaN, "b": 1}', {"a": "number", "b": "integer"}),
        ('{"a": 1, "a": "x"}', {"a": "string"}),
        ('{{"a": 1}}', None),
        ("{", {}),
        ("plain", None),
    ],
)
def test_almost_json_keeps_what_is_there(convert: Any, text: str, shape: Any) -> None:
    document, losses = convert(post_json(text))
    schema = body_schema(document)
    if shape is None:
        assert isinstance(schema, dict)
        return
    found = {name: each.get("type", {}) for name, each in schema.get("properties", {}).items()}
    assert found == shape
    assert ("\n" in text) or unexpected(losses)


def test_media_type_without_schema_has_an_empty_one(convert: Any) -> None:
    document, _ = convert(post_json("plain"))
    assert operations(document)[0]["requestBody"]["content"] == {"application/json": {"schema": {}}}


def test_unquoted_variable_has_the_type_of_its_value() -> None:
    document, losses = convert_case("unquoted-variable-type")
    assert {name: each["type"] for name, each in body_schema(document)["properties"].items()} == {
        "count": "integer",
        "on": "boolean",
        "name": "string",
    }
    assert unexpected(losses) == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *(("42", "integer"), ("0.5", "number"), ("true", "boolean"), ("x", "string")),
        *(('{"a": 1}', "object"), ("[1]", "array")),
    ],
)
@pytest.mark.parametrize("place", ["request", "answer"])
def test_unquoted_variable_has_the_type_of_any_value(convert: Any, value: str, kind: str, place: str) -> None:
    item = post_json('{"v": {{v}}}') if place == "request" else post()
    if place == "answer":
        item["response"] = [{"code": 200, "_postman_previewlanguage": "json", "body": '{"v": {{v}}}'}]
    document, losses = convert(item, variable=variables(v="{{w}}", w=value))
    content = operations(document)[0].get("requestBody") or operations(document)[0]["responses"]["200"]
    assert content["content"]["application/json"]["schema"]["properties"]["v"]["type"] == kind
    assert not [loss for loss in losses if "type" in loss.what]


URL = "https://x/b"
TEXT = f'{{"a": {{{{n}}}}, "b": "{{{{t}}}}", "c": "{URL}"}}'


@pytest.mark.parametrize("kind", ["json", "text"])
def test_variable_that_is_the_whole_body_is_read_as_its_value(convert: Any, kind: str) -> None:
    body = {"mode": "raw", "raw": " {{body}}\n", "options": {"raw": {"language": kind}}}
    document, losses = convert(post(body=body), variable=variables(body="{{inner}}", inner=TEXT, n="5", t="5ecret"))
    members = {"a": {"type": "integer", "example": 5}, "b": {"type": "string"}, "c": {"type": "string", "example": URL}}
    assert body_schema(document) == {"type": "object", "properties": members}
    assert unexpected(losses) == []


def test_byte_order_mark_in_a_body_is_left_out(convert: Any) -> None:
    document, losses = convert(post_json('\ufeff{"a": 1}'))
    assert body_schema(document) == {"type": "object", "properties": {"a": {"type": "integer", "example": 1}}}
    assert unexpected(losses) == []


def test_unknown_unquoted_variable_has_any_type_and_a_line(convert: Any) -> None:
    document, losses = convert(post_json('{"v": {{v}}, "w": "{{w}}", "t": {{$timestamp}}}'))
    assert body_schema(document)["properties"] == {"v": {}, "w": {"type": "string"}, "t": {"type": "integer"}}
    assert unexpected(losses) == ["a type: nothing says which type '{{v}}' has"]


def test_secret_variable_in_json_shows_only_its_type(convert: Any) -> None:
    document, _ = convert(post_json('{"v": {{token}}}'), variable=variables(token="12345"))
    assert body_schema(document)["properties"]["v"] == {"type": "integer"}


def test_text_of_an_unknown_reference_is_no_value() -> None:
    document, losses = convert_case("reference-not-found-text")
    answer = document["paths"]["/user"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["_links"] == {}
    assert sum(loss.why == "the exporter gave up here" for loss in losses) == 3


# --- authentication and secrets


def test_authorization_header_is_a_security_scheme() -> None:
    document, losses = convert_case("authorization-header-lost")
    assert operations(document)[0]["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert unexpected(losses) == []


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("Bearer abc", {"type": "http", "scheme": "bearer"}),
        ("bearer {{token}}", {"type": "http", "scheme": "bearer"}),
        ("Basic {{credentials}}", {"type": "http", "scheme": "basic"}),
        ("Basic", {"type": "http", "scheme": "basic"}),
        ("Digest username=x", {"type": "http", "scheme": "digest"}),
        ("{{header}}", {"type": "http", "scheme": "bearer"}),
        ("{{basic_auth}}", {"type": "http", "scheme": "basic"}),
        ("{{apiKey}}", {"type": "apiKey", "in": "header", "name": "Authorization"}),
        ("s3cret", {"type": "apiKey", "in": "header", "name": "Authorization"}),
    ],
)
@pytest.mark.parametrize("auth", [None, {"type": "noauth"}])
def test_authorization_header_names_its_scheme(convert: Any, value: str, scheme: Any, auth: Any) -> None:
    header = [{"key": "authorization", "value": value}]
    document, losses = convert(post(header=header, auth=auth), variable=variables(header="Bearer abc"))
    (name,) = operations(document)[0]["security"][0]
    assert document["components"]["securitySchemes"][name] == scheme
    assert unexpected(losses) == []
    assert "abc" not in repr(document)
    assert "s3cret" not in repr(document)


def test_word_before_a_token_is_described(convert: Any) -> None:
    document, losses = convert(post(header="Authorization: Token token=abc"))
    assert document["components"]["securitySchemes"]["apikey"]["description"] == "The value starts with `Token `."
    assert "abc" not in repr([document, losses])


def test_own_auth_wins_over_an_authorization_header(convert: Any) -> None:
    header = [{"key": "Authorization", "value": "Bearer x"}]
    for auth in ({"type": "oauth2"}, {"type": "bearer"}):
        document, losses = convert(post(header=header, auth=auth))
        assert operations(document)[0]["security"] == [{auth["type"]: []}]
        assert [loss.what for loss in losses if "uthor" in loss.what] == []
    document, _ = convert(post(header=header), auth={"type": "basic"})
    assert operations(document)[0]["security"] == [{"bearer": []}]


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_authorization_header_that_differs_from_the_own_auth_is_reported(convert: Any, kind: str) -> None:
    header = [{"key": "Authorization", "value": "Bearer x"}]
    document, losses = convert(post(header=header, auth={"type": kind}))
    assert operations(document)[0]["security"] == [{kind: []}]
    assert [(loss.what, loss.kind) for loss in losses if "uthor" in loss.what] == [
        ("the Authorization header", Kind.AUTHENTICATION)
    ]


def test_second_authorization_header_is_reported(convert: Any) -> None:
    rows = [{"key": "Authorization", "value": value} for value in ("Bearer x", "Basic eA==")]
    document, losses = convert(item_with_url("https://x/a", header=rows))
    assert operations(document)[0]["security"] == [{"bearer": []}]
    assert [(loss.what, loss.kind) for loss in losses if "Authorization" in loss.what] == [
        ("a second Authorization header", Kind.AUTHENTICATION)
    ]


def test_blanks_around_the_name_of_an_api_key_are_left_out(convert: Any) -> None:
    details = [{"key": "key", "value": "X-Key "}, {"key": "in", "value": "header"}]
    header = [{"key": "X-Key", "value": "{{key}}"}]
    document, _ = convert(item_with_url("https://x/a", auth={"type": "apikey", "apikey": details}, header=header))
    assert document["components"]["securitySchemes"]["apikey"]["name"] == "X-Key"
    assert "parameters" not in operations(document)[0]


def test_known_harmless_value_is_kept() -> None:
    document, losses = convert_case("header-x-atlassian-token")
    assert parameters(document)["X-Atlassian-Token"]["example"] == "no-check"
    assert unexpected(losses) == []


@pytest.mark.parametrize("value", ["{{token}}", "<token>", "Bearer {{token}}", "{{a}}:{{b}}", "Token token={{t}}", ""])
def test_variable_is_neither_a_secret_nor_an_example(convert: Any, value: str) -> None:
    document, losses = convert(post(header=[{"key": "X-Auth-Token", "value": value}]))
    assert "{{" not in repr(parameters(document)) or "Bearer" in value or "oken=" in value or ":" in value
    assert not [loss for loss in losses if "secret" in loss.why]


def test_variable_in_a_text_is_no_example(convert: Any) -> None:
    document, _ = convert(
        post("https://x/a?k={{apiKey}}&l=a-{{m}}", body={"mode": "raw", "raw": '{"a": ["{{b}}"], "c": "<name>"}'})
    )
    assert "{{" not in repr(document)
    assert "<name>" not in repr(document)


SIGNED = (
    "https://s3.example.com/f?X-Amz-Credential=AKIA%2Fx&X-Amz-Date=1&X-Amz-Signature=5ecret",
    "https://blob.example.net/f?sv=2020&sig=5ecret%3D&se=1",
    "https://x/cb?to=https%3A%2F%2Fs3%2Ff%3FX-Amz-Signature%3D5ecret%26x%3D1",
    "https://me:5ecret@x/a",
    "<a href='https://x/f?a=1&amp;sig=5ecret'>",
    "https://storage.example.com/f?X-Goog-Signature=5ecret",
    "https://x/a#access_token=5ecret",
)


@pytest.mark.parametrize("text", SIGNED)
@pytest.mark.parametrize("place", ["json", "text", "header", "query", "request"])
def test_signed_url_is_redacted(convert: Any, text: str, place: str) -> None:
    item = post(f"https://x/a?u={text}" if place == "query" and "&" not in text and "#" not in text else "https://x/a")
    if place == "json":
        bodies = [json.dumps({"url": [text], "n": 1}), json.dumps({"url": ["x"], "n": 2})]
        item["response"] = [{"code": 200, "_postman_previewlanguage": "json", "body": body} for body in bodies]
    if place == "text":
        item["response"] = [{"code": 200, "header": "Content-Type: text/html", "body": f"see {text} there"}]
    if place == "header":
        item["response"] = [{"code": 200, "header": [{"key": "Location", "value": text, "description": "Where"}]}]
    if place == "request":
        item = post_json(json.dumps({"u": text}))
    document, losses = convert(item)
    assert "5ecret" not in repr([document, losses])


# --- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GET transfers", "getTransfers"),
        ("LIST ALL USERS", "listAllUsers"),
        ("Get API key", "getApiKey"),
        ("IDs of users", "idsOfUsers"),
        ("Obtener información", "obtenerInformacion"),
        ("Überprüfung starten", "uberprufungStarten"),
        ("APIKey check", "apiKeyCheck"),
        ("getUserByID", "getUserByID"),
        ("Get user's books", "getUsersBooks"),
        ("word " * 30, "word" + "Word" * 19),
        ("x" * 100, "x" * 80),
    ],
)
def test_operation_id_is_a_readable_name(convert: Any, name: str, expected: str) -> None:
    document, _ = convert({**item_with_url("https://x/a"), "name": name})
    assert operations(document)[0]["operationId"] == expected


def test_long_names_stay_unique(convert: Any) -> None:
    items = [{**item_with_url(f"https://x/{number}"), "name": "word " * 40} for number in range(12)]
    ids = [each["operationId"] for each in operations(convert(*items)[0])]
    assert len({*ids}) == 12
    assert max(map(len, ids)) <= 80


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Create order - by card", "Create order - by bank"), "Create order"),
        (("Create order: ok", "Create order (failed)"), "Create order"),
        (("Create order with card", "Create order"), "Create order"),
        (("Create order", "Make order"), "Create order"),
    ],
)
def test_request_with_several_examples_is_named_after_the_request(
    convert: Any, names: tuple[str, ...], expected: str
) -> None:
    document, _ = convert(*({**post_json(f'{{"a": {number}}}'), "name": name} for number, name in enumerate(names)))
    assert operations(document)[0]["summary"] == expected
    examples = operations(document)[0]["requestBody"]["content"]["application/json"]["examples"]
    assert list(examples) == list(names)


@pytest.mark.parametrize(("word", "is_format"), [("date", True), ("uuid", True), ("email", True), ("iban", False)])
def test_only_real_formats_are_formats(convert: Any, word: str, is_format: bool) -> None:
    document, _ = convert(item_with_url(f"https://x/a?q=<{word}>"))
    expected = {"type": "string", **({"format": word} if is_format else {})}
    assert parameters(document)["q"]["schema"] == expected


def test_description_that_repeats_the_name_is_left_out(convert: Any) -> None:
    document, _ = convert({**item_with_url("https://x/a"), "name": "List", "description": "List"})
    assert "description" not in operations(document)[0]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "text/json"])
def test_body_that_the_generator_leaves_out_is_reported(convert: Any, kind: str) -> None:
    _, losses = convert(post(header=f"Content-Type: {kind}", body={"mode": "raw", "raw": '{"a": 1}'}))
    assert f"the media type {kind} of a body" in [loss.what for loss in losses]


@pytest.mark.parametrize(
    "kinds", [("json", "xml"), ("xml", "json"), ("json", "problem+json"), ("json", "octet-stream")]
)
def test_second_media_type_of_a_status_is_kept_and_reported(convert: Any, kinds: tuple[str, str]) -> None:
    bodies = {"xml": "<a>1</a>", "octet-stream": "x"}
    answers = [
        {"code": 200, "header": f"Content-Type: application/{kind}", "body": bodies.get(kind, '{"a": 1}')}
        for kind in kinds
    ]
    document, losses = convert({**item_with_url("https://x/a"), "response": answers})
    (operation,) = operations(document)
    assert [*operation["responses"]["200"]["content"]] == [f"application/{kind}" for kind in kinds]
    left_out = next(kind for kind in kinds if kind != "json")
    found = [(loss.what, loss.kind) for loss in losses if loss.what.startswith("the media type")]
    assert found == [(f"the media type application/{left_out} of a response", None)]


# --- two servers


def test_two_hosts_of_one_path_are_both_kept(convert: Any) -> None:
    document, losses = convert(post("https://a.example/x"), post("https://b.example/x"), post("https://a.example/y"))
    assert document["servers"] == [{"url": "https://a.example"}]
    assert document["paths"]["/x"]["post"]["servers"] == [{"url": "https://a.example"}, {"url": "https://b.example"}]
    assert losses[0].what == "the server of a second request"


def test_servers_with_other_paths_are_other_operations(convert: Any) -> None:
    values = variables(one="https://a.example/v1", two="https://a.example/v2")
    document, _ = convert(post("{{one}}/x"), post("{{two}}/x"), variable=values)
    assert list(document["paths"]) == ["/x", "/v2/x"]
    assert document["paths"]["/v2/x"]["post"]["servers"] == [{"url": "https://a.example"}]


@pytest.mark.parametrize("second", ["{{two}}/x", "https://b.example/x"])
def test_unknown_second_server_is_reported_first(convert: Any, second: str) -> None:
    _, losses = convert(post("{{one}}/x"), post(second))
    assert losses[0].what.startswith("the server ")
    assert "of a second request" in losses[0].what


# --- what Postman writes for itself


@pytest.mark.parametrize(
    "encoding", [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
def test_byte_order_mark_is_accepted(tmp_path: Path, encoding: tuple[bytes, str]) -> None:
    assert list(convert_case("bom")[0]["paths"]) == ["/ping"]
    text = (CASES / "bom.json").read_text(encoding="utf-8-sig")
    source = tmp_path / "bom.json"
    source.write_bytes(encoding[0] + text.encode(encoding[1]))
    assert list(cli.convert(source, None)[0]["paths"]) == ["/ping"]


@pytest.mark.parametrize("method", ["get", "Get", " GET "])
def test_method_of_any_case_is_accepted(convert: Any, method: str) -> None:
    document, losses = convert(make_item({"method": method, "url": "https://x/a"}))
    assert list(document["paths"]["/a"]) == ["get"]
    assert unexpected(losses) == []


def test_blanks_around_a_key_are_left_out(convert: Any) -> None:
    rows = [{"key": "limit ", "value": "<integer>"}, {"key": "\tq\n", "value": "<string>"}]
    document, losses = convert(make_item({"method": "GET", "url": url_with_query(*rows), "header": [
        {"key": "X-A ", "value": "<string>"}]}), variable=[{"key": "v ", "value": "x"}])  # fmt: skip
    assert list(parameters(document)) == ["limit", "q", "X-A"]
    assert unexpected(losses) == []


def test_empty_collection_has_no_request() -> None:
    with pytest.raises(SpecError, match="no request"):
        convert_case("empty-collection-newer-info")


@pytest.mark.parametrize("name", ["query-row-equals", "import-item_createdAt_lastUpdatedBy"])
def test_bookkeeping_in_a_case_is_ignored(name: str) -> None:
    assert not [loss for loss in convert_case(name)[1] if "the member" in loss.what]


MARKS = {
    "id": "1",
    "uid": "1-2",
    "_postman_id": "1",
    "_postman_new": 1,
    "createdAt": "x",
    "updatedAt": "x",
    "strict": 1,
    "lastUpdatedBy": "1",
    "equals": True,
    "uuid": "1",
    "warning": "x",
    "protocolProfileBehavior": {},
    "owner": "1",
}


def test_bookkeeping_is_ignored_everywhere(convert: Any) -> None:
    row = {"key": "a", "value": "<string>", **MARKS}
    url = {"protocol": "https", "host": ["x"], "path": ["a"], "query": [row], "variable": [], **MARKS}
    body = {"mode": "urlencoded", "urlencoded": [row], "options": {**MARKS}, **MARKS}
    events = [{"listen": "test", "script": {"type": "text/javascript", "exec": ["", " "]}}]
    request = {"method": "POST", "url": url, "header": [row], "body": body, "auth": {"type": "basic", **MARKS}, **MARKS}
    answer = {"code": 200, "header": [row], "originalRequest": request, **MARKS}
    item = {**make_item(request), "response": [answer], "event": events, **MARKS}
    folder = {"name": "F", "item": [item], "event": [], **MARKS}
    _, losses = convert(folder, event=events, variable=[{"key": "v", "value": "1", **MARKS}], **MARKS)
    assert unexpected(losses) == []


def test_unknown_field_is_reported_once(convert: Any) -> None:
    rows = [{"key": name, "value": "<string>", "novel": 1} for name in "abc"]
    _, losses = convert(item_with_url(url_with_query(*rows)), item_with_url("https://x/b", novel=1))
    assert [loss.what for loss in losses if "novel" in loss.what] == ["the member 'novel'"]


def test_earlier_address_in_an_example_is_accepted() -> None:
    _, losses = convert_case("import-address_in_request_only")
    found = [loss for loss in losses if "address" in loss.what]
    assert found
    assert all(loss.understood for loss in losses)
