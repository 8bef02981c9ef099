"""Real exports have oddities that the converter can read: each is imported with a note, and the file is well-formed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from codegen.importing.addresses import read_servers
from codegen.item_import import SAME, ImportedItem, SplitExport, split_export
from postman_items import CREATE, ITEMS, MEMBERS, ROOT, SEED, collection, edit_item, load_item, make_item
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import read_yaml

CASES = Path(__file__).parent / "cases"
SERVERS = read_servers(read_yaml((ROOT / "openapi/overlay.yaml").read_text(encoding="utf-8"), "overlay"))
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in ITEMS.glob("*.json")}


def split(document: Any) -> SplitExport:
    return split_export(Node(document, "export.json"), None, TEXTS, SERVERS)


def split_one(document: Any) -> tuple[ImportedItem, list[str]]:
    """Return the only item of an export, and the notes without the item that they belong to."""
    found = split(document)
    (item,) = found.items
    return item, [note.partition(": export.json (")[0] for note in found.notes]


def parse(found: ImportedItem) -> Any:
    """Return the item of a file, without the folder around it."""
    item = json.loads(found.content)
    return item["item"][0] if "item" in item else item


def with_url(url: Any, **more: Any) -> Any:
    return make_item({"method": "GET", "url": url}, **more)


@pytest.mark.parametrize("name", ["malformed-json-body-drops-the-endpoint.json", "placeholder-in-the-path.json"])
def test_a_collection_that_the_converter_reads_is_imported(name: str) -> None:
    found = split(json.loads((CASES / name).read_text(encoding="utf-8")))
    assert found.items
    assert found.notes


@pytest.mark.parametrize(
    ("text", "written", "note"),
    [
        ('{"a": <id>, "b": 1,}', {"a": "<id>", "b": 1}, "'<id>' has no quotes"),
        ('{"a": "x" "b": True}', {"a": "x", "b": True}, "a comma is missing before '\"b\"'"),
        ("{'a': 1}", {"a": 1}, "a text in single quotes"),
    ],
)
def test_a_body_with_mistakes_is_written_as_it_was_read(text: str, written: Any, note: str) -> None:
    request: Any = {"method": "POST", "url": "{{baseUrl}}/api/new", "body": {"mode": "raw", "raw": text}}
    request["header"] = [{"key": "Content-Type", "value": "application/json"}]
    answer = {"name": "Ok", "code": 200, "header": request["header"], "body": text, "originalRequest": {**request}}
    found, notes = split_one(make_item(request, response=[answer]))
    item = parse(found)
    assert json.loads(item["request"]["body"]["raw"]) == written
    assert json.loads(item["response"][0]["body"]) == written
    assert json.loads(item["response"][0]["originalRequest"]["body"]["raw"]) == written
    assert notes == [f"the content of a body: not valid JSON ({note}); read as far as possible"]


def test_a_variable_without_quotes_keeps_its_form() -> None:
    body = {"mode": "raw", "raw": '{"a": {{count}}, "b": "{{name}}",}', "options": {"raw": {"language": "json"}}}
    found, _ = split_one(make_item({"method": "POST", "url": "{{baseUrl}}/api/new", "body": body}))
    assert parse(found)["request"]["body"]["raw"] == '{\n  "a": {{count}},\n  "b": "{{name}}"\n}'


def test_a_body_that_is_no_json_at_all_is_refused() -> None:
    answer = {"name": "Ok", "code": 200, "header": [{"key": "Content-Type", "value": "application/json"}], "body": "no"}
    with pytest.raises(SpecError, match="/response/0/body: the content of a body"):
        split(with_url("{{baseUrl}}/api/new", response=[answer]))


@pytest.mark.parametrize(
    "url",
    [
        "{{baseUrl}}/api/accounts/<accountId>/groups",
        "{{baseUrl}}/api/accounts/{{accountId}}/groups?a=1",
        {"raw": "{{baseUrl}}/api/accounts/:accountId/groups"},
        {"host": ["{{baseUrl}}"], "path": ["api", "accounts", "<accountId>", "groups"], "variable": []},
        {"host": ["{{baseUrl}}"], "path": ["api", "accounts", ":accountId", "groups"], "variables": None},
    ],
)
def test_a_path_variable_without_a_description_is_a_text(url: Any) -> None:
    answers = [{"name": "Ok", "code": 200, "originalRequest": {"method": "GET", "url": url}}]
    found, notes = split_one(with_url(url, response=answers))
    (request,) = collection(parse(found)).requests
    assert request.path == "/api/accounts/{accountId}/groups"
    (parameter,) = (each for each in request.parameters if each.place == "path")
    assert (parameter.name, parameter.schema) == ("accountId", {"type": "string"})
    assert notes == ["the type of the path variable 'accountId': nothing describes it"]
    assert "originalRequest" in parse(found)["response"][0]


def test_a_typed_placeholder_beside_one_without_a_type_keeps_its_type() -> None:
    found, _ = split_one(with_url("{{baseUrl}}/api/a/<integer>/<accountId>"))
    (request,) = collection(parse(found)).requests
    assert [each.schema["type"] for each in request.parameters] == ["integer", "string"]


def test_a_path_variable_keeps_the_description_of_the_collection() -> None:
    rows = [{"key": "accountId", "value": "<uuid>"}, {"key": "other", "value": "x"}]
    found, notes = split_one(
        {"info": {"name": "A"}, "item": [with_url("{{baseUrl}}/api/a/:accountId")], "variable": rows}
    )
    assert parse(found)["variable"] == rows[:1]
    assert notes == []
    described = {"raw": "{{baseUrl}}/api/a/:accountId", "variable": [{"key": "accountId", "value": "<string>"}]}
    found, _ = split_one({"info": {"name": "A"}, "item": [with_url(described)], "variable": rows})
    assert "variable" not in parse(found), "the URL's own row is enough"


@pytest.mark.parametrize("name", [SEED, CREATE, MEMBERS])
@pytest.mark.parametrize("host", ["{{baseUrl}}", "https://your-domain.atlassian.net/wiki/rest"])
def test_a_slash_at_the_end_of_an_address_is_left_out(name: str, host: str) -> None:
    item = load_item(name)
    sent = [item["request"], *(answer["originalRequest"] for answer in item["response"])]
    for url in (request["url"] for request in sent):
        address, mark, query = url["raw"].partition("?")
        path = [*address.split("/")[1:], ""]
        url["raw"] = f"{host}/{'/'.join(path)}{mark}{query}"
        if host == "{{baseUrl}}":
            url["path"] = path
        else:
            del url["path"], url["host"]
    found, notes = split_one(item)
    assert (found.name, found.state) == (name, SAME)
    assert notes[0] == f"the slash at the end of {sent[0]['url']['raw'].partition('?')[0]} is left out"


def test_the_root_of_a_server_is_refused_as_it_is_written() -> None:
    for url in ("{{baseUrl}}/", {"raw": "{{baseUrl}}/", "host": ["{{baseUrl}}"], "path": [""]}):
        with pytest.raises(SpecError, match="segments must be plain"):
            split(with_url(url))


@pytest.mark.parametrize(
    ("item", "note"),
    [
        (edit_item("/request/url/raw", "{{baseUrl}}/api"), "the URL as a string: it differs from its parts"),
        (edit_item("/request/url/variable", [{"key": "old"}]), "the path variable 'old': the path does not contain it"),
        (edit_item("/response/0/originalRequest/url/path", ["api", "old"]), "the URL as a string: it differs"),
        (
            edit_item("/response/0/originalRequest/header/-", {"key": "X-Trace", "value": "1"}),
            "the parameter 'X-Trace' of an example: the request does not have it",
        ),
    ],
)
def test_what_the_converter_leaves_out_is_left_out_with_a_note(item: Any, note: str) -> None:
    found, notes = split_one(item)
    assert (found.name, found.state) == (SEED, SAME)
    assert any(each.startswith(note) for each in notes)


def test_an_unknown_placeholder_is_a_text_and_a_missing_method_is_get() -> None:
    url = {"host": ["{{baseUrl}}"], "path": ["api", "new"], "query": [{"key": "account", "value": "<accountId>"}]}
    found, notes = split_one(make_item({"url": url}))
    request = parse(found)["request"]
    assert (request["method"], request["url"]["query"][0]["value"]) == ("GET", "<string>")
    assert sorted(notes) == [
        "the method: 'method' is missing; GET is used, as Postman does",
        "the placeholder '<accountId>': unknown; read as a string",
    ]


def test_what_needs_a_person_is_refused() -> None:
    for item in (
        edit_item("/request/headers", []),
        edit_item("/response/0/originalRequest/auth", {"type": "noauth"}),
        with_url("{{baseUrl}}/api/:a/:a"),
    ):
        with pytest.raises(SpecError):
            split(item)
