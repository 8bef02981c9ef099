"""An export, split into item files that stand by themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from attrs import frozen

from .collection import Request
from .merging import refuse_repeated, shape
from .nodes import Node, parse_json
from .postman import NO_MEANING, read_postman, unwrapped
from .problems import SpecError
from .secrecy import SHOWN, is_secret
from .strict import only_request
from .variables import REFERENCE

NEW, SAME, DIFFERENT = "new", "unchanged", "differs"
API_KEY = "the API key"  # which Postman calls a value


@frozen
class Import:
    """An item of an export, and the file that it belongs in."""

    title: str  # with the folders around it
    name: str  # of the file
    content: bytes
    state: str  # NEW, SAME or DIFFERENT


def split(document: Node, folder: str | None, present: Mapping[str, str]) -> list[Import]:
    """Return the items of an export, each with its file.

    An item that asks what a file already asks belongs in that file. What it inherits from folders and the collection
    is put into it: authentication, and the variables of its path.

    Args:
        document: a Postman item, folder or collection.
        folder: the name of a folder, or names joined by ``/``; None for all of it.
        present: the item files that are there: names to texts.

    Raises:
        SpecError: no such folder; an item holds a secret, or what an item of ours must not hold.
    """
    owners = {_asks(_read(text, name)): name for name, text in present.items()}
    taken = {name.lower() for name in present}
    found, requests = [], []
    for title, item in _items(unwrapped(document), folder):
        _refuse_secrets(item, title)
        text = json.dumps(item, indent=2, ensure_ascii=False) + "\n"
        request = _read(text, document.where)
        requests.append(request)
        name = owners.get(_asks(request)) or _free_name(request, taken)
        taken.add(name.lower())
        found.append(Import(title, name, text.encode(), _state(text, present.get(name))))
    refuse_repeated(requests)
    return found


def _items(document: Node, folder: str | None) -> Iterator[tuple[str, Any]]:
    """Yield the items of a folder, or all, each with its title and what it inherits.

    Raises:
        SpecError: there is no such folder, or there are several.
    """
    chosen = list(_walk(document, (), {}, None))
    if folder is not None:
        wanted = tuple(part.strip() for part in folder.split("/"))
        ends = {path for path, _ in chosen for path in _prefixes(path[:-1]) if path[-len(wanted) :] == wanted}
        tops = {path for path in ends if not any(path[: len(other)] == other for other in ends - {path})}
        if len(tops) != 1:
            names = sorted({" / ".join(path) for each, _ in chosen for path in _prefixes(each[:-1])})
            problem = "several folders" if tops else "no folder"
            raise SpecError(document.where, "", f"{problem} {folder!r}; there are: {', '.join(names) or 'none'}")
        (top,) = tops
        chosen = [(path, item) for path, item in chosen if path[: len(top)] == top]
    for path, item in chosen:
        yield f"{document.where} ({' / '.join(path)!r})", item


def _prefixes(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [path[: length + 1] for length in range(len(path))]


def _walk(
    node: Node, folders: tuple[str, ...], variables: dict[str, Any], auth: Any
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield all items below a place, each with the names down to it and with what it inherits."""
    value = node.value
    if not isinstance(value, dict):
        node.fail("an item or a folder is expected")
    if "item" not in value:
        yield (*folders, str(value.get("name", ""))), _standing_alone(value, variables, auth)
        return
    rows = value.get("variable") or value.get("variables")
    rows = rows if isinstance(rows, list) else []
    named = {str(row.get("key", row.get("id"))): row for row in rows if isinstance(row, dict)}
    inside = folders if "info" in value else (*folders, str(value.get("name", "")))
    for entry in node.child("item").items():
        yield from _walk(entry, inside, {**variables, **named}, value.get("auth") or auth)


def _standing_alone(item: Any, variables: Mapping[str, Any], auth: Any) -> Any:
    """Return a copy of an item with what it inherits put into it."""
    item = deepcopy(item)
    request = item.get("request")
    if isinstance(request, str):
        request = item["request"] = {"method": "GET", "url": request}
    if not isinstance(request, dict):
        return item
    if auth and not request.get("auth"):
        request["auth"] = auth
    url = request.get("url")
    path = url.get("path") if isinstance(url, dict) else str(url).partition("/")[2]
    used = REFERENCE.findall(json.dumps(path))
    if rows := [variables[name] for name in used if name in variables]:
        own = item.get("variable")
        item["variable"] = [*rows, *(own if isinstance(own, list) else [])]  # the last of one name counts
    return item


def _refuse_secrets(item: Any, title: str) -> None:
    """See that an item holds no value that may be a secret by its name: it will be committed.

    Raises:
        SpecError: it does; the value is not shown.
    """
    for key, value in _named_values(item):
        if isinstance(value, str) and (is_secret(key) or key == API_KEY) and not SHOWN.fullmatch(value):
            raise SpecError(title, "", f"{key!r} may hold a secret: put a {{{{variable}}}} in its place")


def _named_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in an item with their names: rows of tables, and details of authentication."""
    if isinstance(value, list):
        for each in value:
            yield from _named_values(each)
    elif isinstance(value, dict):
        yield from _pairs([value])
        for name, each in value.items():
            if name == "auth" and isinstance(each, dict):
                for details in each.values():  # version 2.0 has an object of them, 2.1 a list of rows
                    for key, detail in details.items() if isinstance(details, dict) else _pairs(details):
                        yield (API_KEY if key == "value" else key), detail
            else:
                yield from _named_values(each)


def _pairs(rows: Any) -> Iterator[tuple[str, Any]]:
    found = rows if isinstance(rows, list) else []
    return ((str(row["key"]), row.get("value")) for row in found if isinstance(row, dict) and "key" in row)


def _read(text: str, where: str) -> Request:
    return only_request(read_postman(parse_json(text, where)), where)


def _asks(request: Request) -> tuple[str, str]:
    return request.method, shape(request.path)


def _free_name(request: Request, taken: set[str]) -> str:
    """Return a name for a new file, after the item; with a number where another operation has that name."""
    base = "-".join(re.findall("[a-z0-9]+", request.name.lower()))
    name, number = f"{base}.json", 1
    while name in taken:
        number += 1
        name = f"{base}-{number}.json"
    return name


def _state(text: str, present: str | None) -> str:
    if present is None:
        return NEW
    return SAME if _without_ids(json.loads(text)) == _without_ids(json.loads(present)) else DIFFERENT


def _without_ids(value: Any) -> Any:
    """Return a value as text without Postman's own bookkeeping, which each export makes anew."""

    def plain(each: Any) -> Any:
        if isinstance(each, dict):
            return {key: plain(inner) for key, inner in each.items() if key not in NO_MEANING}
        return [plain(inner) for inner in each] if isinstance(each, list) else each

    return json.dumps(plain(value), sort_keys=True)
