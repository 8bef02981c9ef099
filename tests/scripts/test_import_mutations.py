"""The exported item, as later exports write it: each says the same, so it is imported to the same fragment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from codegen.importing.addresses import read_servers
from codegen.item_import import DIFFERENT, NEW, SAME, SplitExport, split_export
from postman_items import ITEMS, ROOT, SEED, collection, load_item
from postman_openapi.json_nodes import Node
from postman_openapi.openapi_writer import build_document
from postman_openapi.reader.bookkeeping import BOOKKEEPING
from postman_openapi.yaml_io import read_yaml

CASES = Path(__file__).parent / "cases"
SITE = "https://your-domain.atlassian.net"
REST = ("wiki", "rest")
SERVERS = read_servers(read_yaml((ROOT / "openapi/overlay.yaml").read_text(encoding="utf-8"), "overlay"))
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in ITEMS.glob("*.json")}
PLACES: dict[str, Callable[[Any], list[Any]]] = {
    "item": lambda item: [item],
    "request": lambda item: [item["request"]],
    "URL": lambda item: [item["request"]["url"]],
    "query rows": lambda item: item["request"]["url"]["query"],
    "responses": lambda item: item["response"],
    "requests of examples": lambda item: [answer["originalRequest"] for answer in item["response"]],
    "headers of examples": lambda item: [answer["originalRequest"]["header"][0] for answer in item["response"]],
    "response headers": lambda item: [answer["header"][0] for answer in item["response"]],
}
OBJECTS = ("protocolProfileBehavior", "fork", "owner")
EMPTY_EVENTS = [
    {"listen": "prerequest", "script": {"type": "text/javascript", "exec": [""], "packages": {}}},
    {"listen": "test", "script": {"id": "5", "exec": []}},
]


def split(document: Any, present: dict[str, str] | None = None) -> SplitExport:
    return split_export(Node(document, "export.json"), None, TEXTS if present is None else present, SERVERS)


def export(*items: Any, **more: Any) -> Any:
    return {"info": {"name": "All"}, "item": [*items], **more}


def urls(item: Any, which: str) -> Iterator[tuple[Any, str]]:
    """Yield the requests of an item whose URLs are meant: the item's own, those of its examples, or both."""
    if which != "examples":
        yield item["request"], "url"
    if which != "request":
        yield from ((answer["originalRequest"], "url") for answer in item["response"])


def move(item: Any, which: str, host: str, before: tuple[str, ...], *, as_text: bool = False) -> Any:
    """Return a copy of an item with another host and the start of another path in its URLs."""
    item = deepcopy(item)
    scheme, _, name = host.rpartition("://")
    for request, key in urls(item, which):
        url = request[key]
        path = [*before, *url["path"]]
        url |= {"host": [name] if "{{" in name else name.split("."), "path": path}
        url["raw"] = "/".join([host, *path]) + "?" + url["raw"].partition("?")[2]
        if scheme:
            url["protocol"] = scheme
        if as_text and request is not item["request"]:
            request[key] = url["raw"]
    return item


def fragment(text: str) -> Any:
    """Return the document that an item file makes, without the tag that its folder gives."""
    (request,) = (whole := collection(json.loads(text))).requests
    document = build_document(whole)[0]
    document["paths"][request.path][request.method.lower()].pop("tags", None)
    return {key: value for key, value in document.items() if key not in ("info", "tags")}


def assert_same(document: Any) -> SplitExport:
    """Check that an export is the item that is there, and makes the same fragment."""
    found = split(document)
    assert [(each.name, each.state, each.diff) for each in found.items] == [(SEED, SAME, "")]
    assert fragment(found.items[0].content.decode()) == fragment(TEXTS[SEED])
    return found


@pytest.mark.parametrize("name", [*sorted(BOOKKEEPING), "_postman_isSubFolder", "_postman_anything_new"])
def test_bookkeeping_is_ignored_everywhere(name: str) -> None:
    item = load_item()
    value: object = {"a": 1} if name in OBJECTS else "2026-06-05T15:06:11.000Z"
    for find in PLACES.values():
        for place in find(item):
            place[name] = value
    document = export({"name": "Group", "item": [item], name: value}, **{name: value})
    document["info"][name] = value
    found = assert_same(document)
    assert found.notes == []
    assert f'"{name}"' not in found.items[0].content.decode(), "it does not reach the file"


@pytest.mark.parametrize("where", ["item", "folder", "collection"])
@pytest.mark.parametrize("events", [[], EMPTY_EVENTS])
def test_empty_events_are_ignored(where: str, events: Any) -> None:
    item = {**load_item(), **({"event": events} if where == "item" else {})}
    inner = {"name": "Group", "item": [item], **({"event": events} if where == "folder" else {})}
    assert assert_same(export(inner, **({"event": events} if where == "collection" else {}))).notes == []


@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_field_is_left_out_and_reported_once(place: str) -> None:
    item = load_item()
    places = PLACES[place](item)
    for each in places:
        each["lastEditedVia"] = {"client": "web"}
    (note,) = assert_same(export(item)).notes
    assert note.startswith("the field 'lastEditedVia' is not understood, and left out: export.json ('Remove member")
    assert note.endswith("" if len(places) == 1 else f", and in {len(places) - 1} other places")
    assert ("other places" in note) == (len(places) > 1)


def test_a_field_that_is_unknown_everywhere_is_reported_once() -> None:
    item = load_item()
    for find in PLACES.values():
        for place in find(item):
            place["lastEditedVia"] = 1
    document = export({"name": "Group", "item": [item], "lastEditedVia": 1}, lastEditedVia=1)
    document["info"]["lastEditedVia"] = 1
    (note,) = assert_same(document).notes
    assert note.endswith("left out: export.json: /lastEditedVia, and in 27 other places")


@pytest.mark.parametrize("which", ["request", "examples", "both"])
@pytest.mark.parametrize(
    ("host", "before"),
    [
        (SITE, REST),
        (SITE, ()),
        ("https://acme.atlassian.net", REST),
        ("https://acme.atlassian.net", ()),
        ("http://localhost:8090", REST),
        ("https://api.atlassian.com", ("ex", "confluence", "11223344-a1b2-3b33-c444-def123456789", *REST)),
        ("https://api.atlassian.com", ("ex", "confluence", "{{cloudId}}", *REST)),
        ("{{baseUrl}}", REST),
        ("{{host}}", REST),
        ("{{host}}", ("rest",)),
        ("{{host}}", ()),
        ("{{protocol}}://{{host}}", REST),
        ("https://{{domain}}", REST),
        ("https://{{domain}}.atlassian.net", REST),
    ],
)
def test_any_address_of_a_server_is_recognised(which: str, host: str, before: tuple[str, ...]) -> None:
    found = assert_same(export(move(load_item(), which, host, before)))
    assert any("older address" in note for note in found.notes) == (which != "both")
    assert any("is read as {{baseUrl}}: " in note for note in found.notes) == (which != "examples")
    if which != "request":
        assert_same(export(move(load_item(), which, host, before, as_text=True)))


@pytest.mark.parametrize("case", sorted(CASES.glob("import-*address*.json")) + sorted(CASES.glob("import-item*.json")))
def test_real_exports_are_the_item_that_is_there(case: Path) -> None:
    assert_same(json.loads(case.read_text(encoding="utf-8")))


@pytest.mark.parametrize("value", [SITE, f"{SITE}/wiki", f"{SITE}/wiki/rest", f"{SITE}/wiki/rest/", "{{site}}/wiki"])
@pytest.mark.parametrize("name", ["baseUrl", "url"])
def test_a_variable_with_the_address_is_recognised(name: str, value: str) -> None:
    before = ("wiki", "rest")[value.count("/wiki") + value.count("/rest") :]
    rows = [{"key": name, "value": value}, {"key": "site", "value": SITE}]
    assert_same(export(move(load_item(), "both", f"{{{{{name}}}}}", before), variable=rows))


@pytest.mark.parametrize(
    ("host", "before"), [("https://old.example.com", ()), (SITE, ("wiki", "rest", "old")), ("{{baseUrl}}", ("old",))]
)
def test_examples_keep_an_older_address_with_a_note(host: str, before: tuple[str, ...]) -> None:
    (note,) = assert_same(export(move(load_item(), "examples", host, before))).notes
    address = "/".join([host, *before])
    assert note == f"an example keeps the older address {address}: {title()}, and 4 more"


def title() -> str:
    return f"export.json ({load_item()['name']!r})"


def nest(item: Any) -> Any:
    return export({"name": "Confluence", "item": [{"name": "Group", "description": "Groups", "item": [item]}]})


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item,
        export,
        nest,
        lambda item: {"collection": export(item)},
        lambda item: {"item": item},
        lambda item: export(dict(reversed(item.items()))),
        lambda item: export({**item, "response": [{**each, "cookie": None} for each in item["response"]]}),
        lambda item: export({**item, "response": [{**each, "responseTime": 12} for each in item["response"]]}),
    ],
)
def test_the_form_of_an_export_does_not_matter(change: Callable[[Any], Any]) -> None:
    assert assert_same(change(load_item())).notes == []


def test_another_publishers_export_belongs_to_our_operations() -> None:
    """Other names and texts, other ids, paths under /wiki/rest: no new file, and nothing is written unasked."""
    items = []
    for number, text in enumerate(TEXTS.values()):
        item = move(json.loads(text), "both", SITE, REST)
        items.append({**item, "name": f"Operation {number}", "id": str(number), "response": []})
    found = split({"info": {"name": "Atlassian"}, "item": [{"name": "Confluence Group", "item": items}]})
    assert [each.name for each in found.items] == list(TEXTS)
    assert {each.state for each in found.items} == {DIFFERENT}
    assert found.gone == []
    (note,) = found.notes
    assert note.startswith(f"{SITE}/wiki/rest is read as {{{{baseUrl}}}}: export.json")
    assert note.endswith(f"and {len(TEXTS) - 1} more")
    assert all("{{baseUrl}}" in each.content.decode() and SITE not in each.content.decode() for each in found.items)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("https://api.example.com", "api/group/userByGroupId"),
        ("https://your-domain.atlassian.net", "rest/api/3/group/user"),
        ("https://your-domain.atlassian.net", "wiki/api/v2/spaces"),
        ("{{jira}}", "rest/api/3/group/user"),
    ],
)
def test_another_apis_address_is_kept(host: str, path: str) -> None:
    item = {"name": "Another", "request": {"method": "DELETE", "url": f"{host}/{path}?a=<string>"}}
    (found,) = split(export(item)).items
    assert json.loads(found.content)["request"]["url"] == f"{host}/{path}?a=<string>"
    assert found.state == (DIFFERENT if path.startswith("api/group") else NEW)
    assert ("api.example.com" in found.diff) == (found.state == DIFFERENT)


def test_a_new_operation_of_a_server_is_below_the_base_url() -> None:
    url = {"raw": f"{SITE}/wiki/rest/api/another/:id?a=1", "variable": [{"key": "id", "value": "<string>"}]}
    item = {"name": "Another", "request": {"method": "GET", "url": url}}
    (found,) = split(export(item)).items
    assert json.loads(found.content)["request"]["url"]["raw"] == "{{baseUrl}}/api/another/:id?a=1"
