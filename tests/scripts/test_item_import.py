"""Splitting of an export into item files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from codegen.item_import import DIFFERENT, NEW, SAME, ImportedItem, split_export
from postman_items import CREATE, ITEMS, MEMBERS, SEED, collection, edit_item, load_item
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError


def folder(name: str, *items: Any, **more: Any) -> Any:
    return {"name": name, "item": list(items), **more}


def export(*items: Any, **more: Any) -> Any:
    return {"info": {"name": "All"}, "item": list(items), **more}


def split(document: Any, chosen: str | None = None, present: dict[str, Any] | None = None) -> list[ImportedItem]:
    contents = {name: json.dumps(item) for name, item in (present or {}).items()}
    return split_export(Node(document, "export.json"), chosen, contents)


def parse_item(found: ImportedItem) -> Any:
    return json.loads(found.content)


def test_each_item_is_a_file_named_after_it() -> None:
    found = split(export(folder("Group", load_item(), folder("Deep", load_item(CREATE))), load_item(MEMBERS)))
    assert [(each.name, each.state) for each in found] == [(SEED, NEW), (CREATE, NEW), (MEMBERS, NEW)]
    assert found[1].title == "export.json ('Group / Deep / Create group')"
    assert [parse_item(each) for each in found] == [load_item(), load_item(CREATE), load_item(MEMBERS)]
    assert found[0].content == (ITEMS / SEED).read_bytes(), "in the format of the committed items"


def test_item_with_the_request_of_a_file_keeps_that_file() -> None:
    renamed = edit_item("/name", "Another name")
    ((found),) = split(export(renamed), present={"mine.json": load_item()})
    assert (found.name, found.state) == ("mine.json", DIFFERENT)
    ((found),) = split(export({**load_item(), "id": "1", "_postman_id": "2"}), present={"mine.json": load_item()})
    assert (found.name, found.state) == ("mine.json", SAME), "Postman's metadata is ignored"


def test_name_taken_by_another_operation_gets_a_number() -> None:
    other = {**load_item(CREATE), "name": load_item()["name"]}
    base = SEED.removesuffix(".json")
    assert [each.name for each in split(export(load_item(), other))] == [SEED, f"{base}-2.json"]
    assert [each.name for each in split(export(other), present={SEED: load_item()})] == [f"{base}-2.json"]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("Group", [SEED, CREATE]),
        ("Deep", [CREATE]),
        ("Group/Deep", [CREATE]),
        ("Group / Deep", [CREATE]),
        (None, [SEED, CREATE, MEMBERS]),
    ],
)
def test_folder_can_be_chosen(chosen: str | None, names: list[str]) -> None:
    document = export(
        folder("Group", load_item(), folder("Deep", load_item(CREATE))), folder("Users", load_item(MEMBERS))
    )
    assert [each.name for each in split(document, chosen)] == names


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        ("group", "no folder 'group'; there are: A, A / Same, B, B / Same"),
        ("Same", "several folders match 'Same'; there are: A, A / Same, B, B / Same"),
        ("All", "no folder 'All'"),
    ],
)
def test_missing_or_ambiguous_folder_raises_spec_error(chosen: str, part: str) -> None:
    document = export(folder("A", folder("Same", load_item())), folder("B", folder("Same", load_item(CREATE))))
    with pytest.raises(SpecError) as caught:
        split(document, chosen)
    assert part in caught.value.problem
    assert [each.name for each in split(document, "B/Same")] == [CREATE]


def test_item_keeps_inherited_authentication_and_variables() -> None:
    bare = load_item()
    del bare["request"]["auth"]
    for response in bare["response"]:
        del response["originalRequest"]
    auth = {"type": "apikey", "apikey": [{"key": "key", "value": "k"}, {"key": "value", "value": "{{apiKey}}"}]}
    url = {"host": ["{{baseUrl}}"], "path": ["photo.{{ext}}"]}
    photo = {"name": "Get a photo", "request": {"method": "GET", "url": url}}
    ext, base = {"key": "ext", "value": "<string>"}, {"key": "baseUrl", "value": "https://api.example.com"}
    own = {"name": "Own", "request": {"method": "GET", "url": "{{baseUrl}}/own", "auth": {"type": "noauth"}}}
    bare_url = {"name": "Bare", "request": "{{baseUrl}}/bare"}
    found = split(export(folder("Group", bare, photo, own, bare_url, auth=auth), variable=[ext, base]))
    assert [parse_item(each)["request"]["auth"]["type"] for each in found] == ["apikey", "apikey", "noauth", "apikey"]
    assert parse_item(found[1])["variable"] == [ext], "the overlay sets the base URL"
    in_a_text = {"name": "Get a text", "request": {"method": "GET", "url": "{{baseUrl}}/text.{{ext}}"}}
    assert parse_item(split(export(in_a_text, variable=[ext, base]))[0])["variable"] == [ext]
    assert "variable" not in parse_item(found[0])


@pytest.mark.parametrize("own", [None, 5, [], [{"key": "ext", "value": "<uuid>"}]])
def test_own_variable_overrides_an_inherited_one(own: Any) -> None:
    photo = {"name": "Get a photo", "request": {"url": {"host": ["h"], "path": ["{{ext}}"]}, "method": "GET"}}
    inherited = {"key": "ext", "value": "<string>"}
    (found,) = split(export(folder("G", {**photo, "variable": own}, variable=5), variable=[inherited]))
    (parameter,) = collection(parse_item(found)).requests[0].parameters
    assert parameter.schema == {"type": "string", **({"format": "uuid"} if isinstance(own, list) and own else {})}


def test_single_item_is_imported() -> None:
    assert [each.name for each in split(load_item())] == [SEED]


@pytest.mark.parametrize(
    ("kind", "key"), [("basic", "password"), ("bearer", "token"), ("apikey", "value"), ("oauth2", "clientSecret")]
)
def test_a_secret_is_refused_and_not_shown(kind: str, key: str) -> None:
    for details in ([{"key": key, "value": "s3cret-value"}], {"key": "k", key: "s3cret-value"}):
        item = edit_item("/request/auth", {"type": kind, kind: details})
        with pytest.raises(SpecError, match="may be a secret") as caught:
            split(export(item))
        assert "s3cret-value" not in str(caught.value)
    for harmless in ("{{secret}}", "<token>", ""):
        details = [{"key": key, "value": harmless}, {"key": "key", "value": "k"}]
        item = {
            "name": "x",
            "request": {"url": "{{baseUrl}}/x", "method": "GET", "auth": {"type": kind, kind: details}},
        }
        assert split(export(item))[0].state == NEW


def test_a_secret_in_a_table_is_refused() -> None:
    row = {"key": "access_token", "value": "s3cret-value"}
    for part in ({"header": [row]}, {"body": {"mode": "urlencoded", "urlencoded": [row]}}):
        item = {"name": "x", "request": {"url": "{{baseUrl}}/x", "method": "POST", **part}}
        with pytest.raises(SpecError, match="'access_token' may be a secret") as caught:
            split(export(item))
        assert "s3cret-value" not in str(caught.value)
        row["value"] = "{{token}}"
        assert split(export(item))[0].state == NEW
        row["value"] = "s3cret-value"


def test_refused_item_is_named_once() -> None:
    with pytest.raises(SpecError) as caught:
        split(export(edit_item("/extra", 1)))
    assert caught.value.where == "export.json ('Remove member from group using group id')"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (export(load_item(), edit_item("/name", "Again")), "the same path and method as"),
        (export(edit_item("/extra", 1)), "not understood"),
        (export(5), "an item or a folder is expected"),
        (export(), "there is no folder"),
        ({"id": "1", "order": [], "requests": []}, "version 1"),
    ],
)
def test_unsupported_content_is_refused(document: Any, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        split(document, "Group" if part == "there is no folder" else None)
    assert part in str(caught.value)
