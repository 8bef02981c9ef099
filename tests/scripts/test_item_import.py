"""Splitting of an export into item files."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from codegen.importing.addresses import read_servers
from codegen.item_import import DIFFERENT, NEW, SAME, ImportedItem, OperationKey, SplitExport, split_export
from hypothesis import given
from hypothesis import strategies as st
from postman_items import CREATE, ITEMS, MEMBERS, ROOT, SEED, collection, edit_item, load_item
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import read_yaml

SERVERS = read_servers(read_yaml((ROOT / "openapi/overlay.yaml").read_text(encoding="utf-8"), "overlay"))
MEMBERS_TEXT = (ITEMS / MEMBERS).read_text(encoding="utf-8")


def folder(name: str, *items: Any, **more: Any) -> Any:
    return {"name": name, "item": list(items), **more}


def export(*items: Any, **more: Any) -> Any:
    return {"info": {"name": "All"}, "item": list(items), **more}


def import_export(
    document: Any,
    chosen: str | None = None,
    present: dict[str, Any] | None = None,
    tags: dict[OperationKey, str] | None = None,
) -> SplitExport:
    contents = {name: json.dumps(item) for name, item in (present or {}).items()}
    return split_export(Node(document, "export.json"), chosen, contents, tags=tags)


def split(document: Any, chosen: str | None = None, present: dict[str, Any] | None = None) -> list[ImportedItem]:
    return import_export(document, chosen, present).items


def parse_item(found: ImportedItem) -> Any:
    """Return the item of a file, without the folder around it."""
    item = json.loads(found.content)
    return item["item"][0] if "item" in item else item


def test_each_item_is_a_file_named_after_it() -> None:
    found = split(export(folder("Group", load_item(), folder("Deep", load_item(CREATE))), load_item(MEMBERS)))
    assert [(each.name, each.state) for each in found] == [(SEED, NEW), (CREATE, NEW), (MEMBERS, NEW)]
    assert found[1].title == "export.json ('Group / Deep / Create group')"
    assert [parse_item(each) for each in found] == [load_item(), load_item(CREATE), load_item(MEMBERS)]
    (flat,) = split(export(load_item()))
    assert flat.content == (ITEMS / SEED).read_bytes(), "in the format of the committed items"


def test_a_new_item_keeps_its_folder_as_the_tag() -> None:
    document = export(folder("Group", load_item(), folder("Deep", load_item(CREATE))), load_item(MEMBERS))
    files = [json.loads(each.content) for each in split(document)]
    assert [file["name"] for file in files] == ["Group", "Deep", load_item(MEMBERS)["name"]]
    assert [collection(file).requests[0].tags for file in files] == [("Group",), ("Deep",), ()]
    present = {SEED: files[0], CREATE: load_item(CREATE), MEMBERS: load_item(MEMBERS)}
    assert [each.state for each in split(document, None, present)] == [SAME] * 3, "a tag of the overlay is as good"
    moved = export(folder("Groups", load_item(), load_item(CREATE)))
    first, second = split(moved, None, present)
    assert (first.state, second.state) == (DIFFERENT, SAME)
    assert "-      - Group\n+      - Groups\n" in first.diff
    assert json.loads(first.content)["name"] == "Groups"
    assert split(export(load_item()), None, present)[0].state == SAME, "an export without folders changes no tag"


def test_item_with_the_request_of_a_file_keeps_that_file() -> None:
    renamed = edit_item("/name", "Another name")
    ((found),) = split(export(renamed), present={"mine.json": load_item()})
    assert (found.name, found.state) == ("mine.json", DIFFERENT)
    ((found),) = split(export({**load_item(), "id": "1", "_postman_id": "2"}), present={"mine.json": load_item()})
    assert (found.name, found.state) == ("mine.json", SAME), "Postman's metadata is ignored"


def test_a_difference_is_shown_as_what_it_means() -> None:
    ((found),) = split(export(edit_item("/request/description", "Another text")), present={SEED: load_item()})
    assert found.state == DIFFERENT
    assert found.diff.startswith(f"--- {SEED} (the file)\n+++ {SEED} (the export)\n")
    assert "+      description: Another text\n" in found.diff


def test_two_operations_with_one_name_are_refused() -> None:
    other = {**load_item(CREATE), "name": load_item()["name"].upper()}
    part = "makes the same operation name as"
    with pytest.raises(SpecError, match=part) as caught:
        split(export(load_item(), other))
    assert "('Remove member from group using group id'): rename or delete one" in caught.value.problem
    with pytest.raises(SpecError, match=part) as caught:
        split(export(other), present={SEED: load_item()})
    assert f"{SEED} ('Remove member" in caught.value.problem
    renamed = edit_item("/name", "A free name")
    assert [each.name for each in split(export(renamed, other), present={SEED: load_item()})] == [
        SEED,
        SEED.replace(".json", "-2.json"),
    ], "the file keeps its name, so the new one gets a number"


def test_every_broken_item_is_reported() -> None:
    secret = edit_item("/request/header/-", {"key": "access_token", "value": "s3cret-value"}, of=CREATE)
    misspelt = edit_item("/request/headers", [])
    with pytest.raises(ExceptionGroup) as caught:
        split(export(misspelt, load_item(MEMBERS), secret, {"name": "x", "request": {"url": "about:blank"}}))
    problems = [str(each) for each in caught.value.exceptions]
    assert [text.partition(")")[0] for text in problems] == [
        "export.json ('Remove member from group using group id'",
        "export.json ('Create group'",
        "export.json ('x'",
    ]
    assert "/request/headers: the member 'headers': not understood" in problems[0]
    assert "s3cret-value" not in str(problems)


def key(item: Any) -> OperationKey:
    request = collection(item).requests[0]
    return request.method, re.sub(r"\{[^{}]*\}", "{}", request.path)


def test_operations_that_are_gone_are_listed() -> None:
    present = {SEED: load_item(), CREATE: load_item(CREATE), MEMBERS: load_item(MEMBERS)}
    tags = {key(load_item()): "Group", key(load_item(CREATE)): "Group", key(load_item(MEMBERS)): "Users"}
    two = folder("Group", load_item(), {"name": "New", "request": {"method": "GET", "url": "{{baseUrl}}/api/new"}})
    assert import_export(export(two), None, present, tags).gone == [CREATE], "not that of another folder"
    assert import_export(export(two), "Group", present, tags).gone == [CREATE]
    flat = export(*two["item"])
    assert import_export(flat, None, present, tags).gone == [CREATE], "found by the tag of the others"
    assert import_export(export(load_item(), load_item(MEMBERS)), None, present, tags).gone == [CREATE]
    assert import_export(export(load_item()), None, present, tags).gone == [], "one item says nothing about others"
    assert import_export(export(*present.values()), None, present, tags).gone == []


def test_nothing_is_gone_from_an_export_of_less_than_half_a_folder() -> None:
    names = [file.name for file in sorted(ITEMS.glob("*.json"))]
    present = {name: load_item(name) for name in names}
    tags = {key(item): "Group" for item in present.values()}
    new = {"name": "New", "request": {"method": "GET", "url": "{{baseUrl}}/api/new"}}
    half = len(names) // 2
    assert import_export(export(new, *[*present.values()][:half]), None, present, tags).gone == names[half:]
    for chosen, count in ((None, 1), ("Group", 0)):
        found = import_export(
            export(
                folder(
                    "Group",
                    new,
                    {**new, "name": "Newer", "request": "{{baseUrl}}/api/newer"},
                    *[*present.values()][:count],
                )
            ),
            chosen,
            present,
            tags,
        )
        assert found.gone == []
        has = f"the export has {count} of the {len(names)} operations of Group"
        assert found.notes == [f"{has}: it is taken as a part, so the others are not listed as gone"]


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
        split(export(edit_item("/responses", 1)))
    assert caught.value.where == "export.json ('Remove member from group using group id')"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (export(load_item(), edit_item("/name", "Again")), "the same path and method as"),
        (export(edit_item("/responses", 1)), "not understood"),
        (export(5), "an item or a folder is expected"),
        (export(), "there is no folder"),
        ({"id": "1", "order": [], "requests": []}, "version 1"),
    ],
)
def test_unsupported_content_is_refused(document: Any, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        split(document, "Group" if part == "there is no folder" else None)
    assert part in str(caught.value)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["{{baseUrl}}/a?b=c", "https://["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
PLACES = (
    *("/name", "/item", "/id", "/event", "/variable", "/extra", "/request", "/request/auth", "/request/method"),
    *("/request/header", "/request/body", "/request/url", "/response", "/response/0", "/response/0/code"),
    *(f"/request/url/{each}" for each in ("raw", "host", "port", "protocol", "path", "path/2", "query", "query/0")),
    *(f"/request/url/{each}" for each in ("extra", "query/0/1", "variable")),
    *(f"/response/0/originalRequest{each}" for each in ("", "/url", "/url/path", "/url/host", "/url/raw")),
)


@given(place=st.sampled_from(PLACES), value=ANYTHING, inside=st.booleans())
def test_any_value_at_any_place_is_imported_or_refused(place: str, value: Any, inside: bool) -> None:
    item = edit_item(place, value, of=MEMBERS)
    document = export(folder("Group", item), variable=value) if inside else export(item)
    with suppress(SpecError, ExceptionGroup):
        found = split_export(Node(document, "export.json"), None, {MEMBERS: MEMBERS_TEXT}, SERVERS)
        assert all(each.name.endswith(".json") for each in found.items)
