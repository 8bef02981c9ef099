"""Split a Postman export into item files that need nothing else."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from attrs import frozen
from postman_openapi.json_nodes import Node, parse_json
from postman_openapi.losses import SpecError
from postman_openapi.merging import path_shape, refuse_duplicates
from postman_openapi.model import Request
from postman_openapi.reader.bookkeeping import is_bookkeeping
from postman_openapi.reader.collection_reader import read_postman, unwrap
from postman_openapi.reader.variables import REFERENCE
from postman_openapi.secrets import NO_VALUE, holds_secret

from codegen.item_policy import require_single_request

NEW, SAME, DIFFERENT = "new", "unchanged", "differs"
API_KEY = "the API key"  # Postman calls it "value"


@frozen
class ImportedItem:
    """An item of an export, and the file that it belongs to."""

    title: str  # with its folders
    name: str  # of the file
    content: bytes
    state: str  # NEW, SAME or DIFFERENT


def split_export(document: Node, folder: str | None, present: Mapping[str, str]) -> list[ImportedItem]:
    """Return the items of an export, each with its file.

    An item for an operation that already has a file belongs to that file. Each item receives the authentication and
    the path variables that it inherits from its folders and collection.

    Args:
        document: a Postman item, folder or collection.
        folder: the name of a folder, or several names joined by ``/``; None for the whole export.
        present: the existing item files, as names to texts.

    Raises:
        SpecError: the folder does not exist, or an item contains a secret or breaks the item policy.
    """
    owners = {_operation_key(_read_request(text, name)): name for name, text in present.items()}
    taken = {name.lower() for name in present}
    found, requests = [], []
    for title, item in _select_items(unwrap(document), folder):
        _refuse_secrets(item, title)
        text = json.dumps(item, indent=2, ensure_ascii=False) + "\n"
        request = _read_request(text, document.where)
        requests.append(request)
        name = owners.get(_operation_key(request)) or _new_file_name(request, taken)
        taken.add(name.lower())
        found.append(ImportedItem(title, name, text.encode(), _compare_state(text, present.get(name))))
    refuse_duplicates(requests)
    return found


def _select_items(document: Node, folder: str | None) -> Iterator[tuple[str, Any]]:
    """Yield the items of a folder, or all of them, each with its title and inherited context.

    Raises:
        SpecError: there is no such folder, or more than one.
    """
    chosen = list(_walk(document, (), {}, None))
    if folder is not None:
        wanted = tuple(part.strip() for part in folder.split("/"))
        ends = {path for path, _ in chosen for path in _prefixes(path[:-1]) if path[-len(wanted) :] == wanted}
        tops = {path for path in ends if not any(path[: len(other)] == other for other in ends - {path})}
        if len(tops) != 1:
            names = sorted({" / ".join(path) for each, _ in chosen for path in _prefixes(each[:-1])})
            problem = "several folders match" if tops else "there is no folder"
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
    """Yield all items below a node, each with the names of its folders and its inherited context."""
    value = node.value
    if not isinstance(value, dict):
        node.fail("an item or a folder is expected")
    if "item" not in value:
        yield (*folders, str(value.get("name", ""))), _make_standalone(value, variables, auth)
        return
    rows = value.get("variable") or value.get("variables")
    rows = rows if isinstance(rows, list) else []
    enabled = [row for row in rows if isinstance(row, dict) and row.get("disabled") is not True]
    named = {str(row.get("key", row.get("id"))): row for row in enabled}
    inside = folders if "info" in value else (*folders, str(value.get("name", "")))
    for entry in node.child("item").items():
        yield from _walk(entry, inside, {**variables, **named}, value.get("auth") or auth)


def _make_standalone(item: Any, variables: Mapping[str, Any], auth: Any) -> Any:
    """Return a copy of an item that includes its inherited context."""
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
        item["variable"] = [*rows, *(own if isinstance(own, list) else [])]  # the last row of a name wins
    return item


def _refuse_secrets(item: Any, title: str) -> None:
    """Check that no value of an item is named like a secret, because the item will be committed.

    Raises:
        SpecError: a value is; the message does not show it.
    """
    for key, value in _named_values(item):
        if not isinstance(value, str):
            continue
        if holds_secret(key, value) or (key == API_KEY and not NO_VALUE.fullmatch(value)):
            raise SpecError(title, "", f"{key!r} may be a secret: replace it with a {{{{variable}}}}")


def _named_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the named values of an item: table rows and authentication details."""
    if isinstance(value, list):
        for each in value:
            yield from _named_values(each)
    elif isinstance(value, dict):
        yield from _key_value_pairs([value])
        for name, each in value.items():
            if name == "auth" and isinstance(each, dict):
                for details in each.values():  # version 2.0 writes an object, version 2.1 a list of rows
                    for key, detail in details.items() if isinstance(details, dict) else _key_value_pairs(details):
                        yield (API_KEY if key == "value" else key), detail
            else:
                yield from _named_values(each)


def _key_value_pairs(rows: Any) -> Iterator[tuple[str, Any]]:
    found = rows if isinstance(rows, list) else []
    return ((str(row["key"]), row.get("value")) for row in found if isinstance(row, dict) and "key" in row)


def _read_request(text: str, where: str) -> Request:
    return require_single_request(read_postman(parse_json(text, where)), where)


def _operation_key(request: Request) -> tuple[str, str]:
    return request.method, path_shape(request.path)


def _new_file_name(request: Request, taken: set[str]) -> str:
    """Return a name for a new file, after the item; with a number if another operation has that name."""
    base = "-".join(re.findall("[a-z0-9]+", request.name.lower()))
    names = (f"{base}-{number}.json" if number > 1 else f"{base}.json" for number in itertools.count(1))
    return next(name for name in names if name not in taken)


def _compare_state(text: str, present: str | None) -> str:
    if present is None:
        return NEW
    return SAME if _strip_bookkeeping(json.loads(text)) == _strip_bookkeeping(json.loads(present)) else DIFFERENT


def _strip_bookkeeping(value: Any) -> Any:
    """Return a value as text without Postman's bookkeeping, which every export creates anew."""

    def plain(each: Any) -> Any:
        if isinstance(each, dict):
            return {key: plain(inner) for key, inner in each.items() if not is_bookkeeping(key)}
        return [plain(inner) for inner in each] if isinstance(each, list) else each

    return json.dumps(plain(value), sort_keys=True)
