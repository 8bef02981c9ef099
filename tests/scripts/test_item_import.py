"""An export, split into item files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from codegen.item_import import DIFFERENT, NEW, SAME, ImportedItem, split_export
from postman_items import CREATE, ITEMS, MEMBERS, SEED, changed, collection, seed
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError


def folder(name: str, *items: Any, **more: Any) -> Any:
    return {"name": name, "item": list(items), **more}


def export(*items: Any, **more: Any) -> Any:
    return {"info": {"name": "All"}, "item": list(items), **more}


def imported(document: Any, chosen: str | None = None, present: dict[str, Any] | None = None) -> list[ImportedItem]:
    here = {name: json.dumps(item) for name, item in (present or {}).items()}
    return split_export(Node(document, "export.json"), chosen, here)


def item_in(found: ImportedItem) -> Any:
    return json.loads(found.content)


def test_each_item_is_a_file_named_after_it() -> None:
    found = imported(export(folder("Group", seed(), folder("Deep", seed(CREATE))), seed(MEMBERS)))
    assert [(each.name, each.state) for each in found] == [(SEED, NEW), (CREATE, NEW), (MEMBERS, NEW)]
    assert found[1].title == "export.json ('Group / Deep / Create group')"
    assert [item_in(each) for each in found] == [seed(), seed(CREATE), seed(MEMBERS)]
    assert found[0].content == (ITEMS / SEED).read_bytes(), "written as the items here are"


def test_an_item_that_asks_what_a_file_asks_belongs_in_it() -> None:
    renamed = changed("/name", "Another name")
    ((found),) = imported(export(renamed), present={"mine.json": seed()})
    assert (found.name, found.state) == ("mine.json", DIFFERENT)
    ((found),) = imported(export({**seed(), "id": "1", "_postman_id": "2"}), present={"mine.json": seed()})
    assert (found.name, found.state) == ("mine.json", SAME), "Postman's bookkeeping is no difference"


def test_a_name_that_another_operation_has_gets_a_number() -> None:
    other = {**seed(CREATE), "name": seed()["name"]}
    base = SEED.removesuffix(".json")
    assert [each.name for each in imported(export(seed(), other))] == [SEED, f"{base}-2.json"]
    assert [each.name for each in imported(export(other), present={SEED: seed()})] == [f"{base}-2.json"]


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
def test_a_folder_alone(chosen: str | None, names: list[str]) -> None:
    document = export(folder("Group", seed(), folder("Deep", seed(CREATE))), folder("Users", seed(MEMBERS)))
    assert [each.name for each in imported(document, chosen)] == names


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        ("group", "no folder 'group'; there are: A, A / Same, B, B / Same"),
        ("Same", "several folders match 'Same'; there are: A, A / Same, B, B / Same"),
        ("All", "no folder 'All'"),
    ],
)
def test_a_folder_that_is_not_there_or_twice(chosen: str, part: str) -> None:
    document = export(folder("A", folder("Same", seed())), folder("B", folder("Same", seed(CREATE))))
    with pytest.raises(SpecError) as caught:
        imported(document, chosen)
    assert part in caught.value.problem
    assert [each.name for each in imported(document, "B/Same")] == [CREATE]


def test_an_item_takes_along_what_it_inherits() -> None:
    bare = seed()
    del bare["request"]["auth"]
    for response in bare["response"]:
        del response["originalRequest"]
    auth = {"type": "apikey", "apikey": [{"key": "key", "value": "k"}, {"key": "value", "value": "{{apiKey}}"}]}
    url = {"host": ["{{baseUrl}}"], "path": ["photo.{{ext}}"]}
    photo = {"name": "Get a photo", "request": {"method": "GET", "url": url}}
    ext, base = {"key": "ext", "value": "<string>"}, {"key": "baseUrl", "value": "https://api.example.com"}
    own = {"name": "Own", "request": {"method": "GET", "url": "{{baseUrl}}/own", "auth": {"type": "noauth"}}}
    bare_url = {"name": "Bare", "request": "{{baseUrl}}/bare"}
    found = imported(export(folder("Group", bare, photo, own, bare_url, auth=auth), variable=[ext, base]))
    assert [item_in(each)["request"]["auth"]["type"] for each in found] == ["apikey", "apikey", "noauth", "apikey"]
    assert item_in(found[1])["variable"] == [ext], "where the API starts is the overlay's business"
    in_a_text = {"name": "Get a text", "request": {"method": "GET", "url": "{{baseUrl}}/text.{{ext}}"}}
    assert item_in(imported(export(in_a_text, variable=[ext, base]))[0])["variable"] == [ext]
    assert "variable" not in item_in(found[0])


@pytest.mark.parametrize("own", [None, 5, [], [{"key": "ext", "value": "<uuid>"}]])
def test_a_variable_of_the_item_itself_counts_before_one_that_it_inherits(own: Any) -> None:
    photo = {"name": "Get a photo", "request": {"url": {"host": ["h"], "path": ["{{ext}}"]}, "method": "GET"}}
    inherited = {"key": "ext", "value": "<string>"}
    (found,) = imported(export(folder("G", {**photo, "variable": own}, variable=5), variable=[inherited]))
    (parameter,) = collection(item_in(found)).requests[0].parameters
    assert parameter.schema == {"type": "string", **({"format": "uuid"} if isinstance(own, list) and own else {})}


def test_an_item_alone() -> None:
    assert [each.name for each in imported(seed())] == [SEED]


@pytest.mark.parametrize(
    ("kind", "key"), [("basic", "password"), ("bearer", "token"), ("apikey", "value"), ("oauth2", "clientSecret")]
)
def test_a_secret_is_refused_and_not_shown(kind: str, key: str) -> None:
    for details in ([{"key": key, "value": "s3cret-value"}], {"key": "k", key: "s3cret-value"}):
        item = changed("/request/auth", {"type": kind, kind: details})
        with pytest.raises(SpecError, match="may be a secret") as caught:
            imported(export(item))
        assert "s3cret-value" not in str(caught.value)
    for harmless in ("{{secret}}", "<token>", ""):
        details = [{"key": key, "value": harmless}, {"key": "key", "value": "k"}]
        item = {
            "name": "x",
            "request": {"url": "{{baseUrl}}/x", "method": "GET", "auth": {"type": kind, kind: details}},
        }
        assert imported(export(item))[0].state == NEW


def test_a_secret_in_a_table_is_refused() -> None:
    row = {"key": "access_token", "value": "s3cret-value"}
    for part in ({"header": [row]}, {"body": {"mode": "urlencoded", "urlencoded": [row]}}):
        item = {"name": "x", "request": {"url": "{{baseUrl}}/x", "method": "POST", **part}}
        with pytest.raises(SpecError, match="'access_token' may be a secret") as caught:
            imported(export(item))
        assert "s3cret-value" not in str(caught.value)
        row["value"] = "{{token}}"
        assert imported(export(item))[0].state == NEW
        row["value"] = "s3cret-value"


def test_what_cannot_be_imported_is_named_once() -> None:
    with pytest.raises(SpecError) as caught:
        imported(export(changed("/extra", 1)))
    assert caught.value.where == "export.json ('Remove member from group using group id')"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (export(seed(), changed("/name", "Again")), "the same path and method as"),
        (export(changed("/extra", 1)), "not understood"),
        (export(5), "an item or a folder is expected"),
        (export(), "there is no folder"),
        ({"id": "1", "order": [], "requests": []}, "version 1"),
    ],
)
def test_what_an_item_of_ours_must_not_hold_is_refused(document: Any, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        imported(document, "Group" if part == "there is no folder" else None)
    assert part in str(caught.value)
