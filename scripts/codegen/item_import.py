"""Split a Postman export into item files that need nothing else."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from attrs import frozen
from postman_openapi.json_nodes import Node, parse_json
from postman_openapi.losses import SpecError, raise_together
from postman_openapi.merging import path_shape, refuse_duplicates
from postman_openapi.model import Collection, Request
from postman_openapi.openapi_writer import build_document
from postman_openapi.reader.collection_reader import read_postman, unwrap
from postman_openapi.reader.parameter_rows import read_fields
from postman_openapi.reader.variables import REFERENCE, Variables, add_variables
from postman_openapi.secrets import NO_VALUE, holds_secret
from postman_openapi.yaml_io import write_yaml

from codegen.importing.addresses import AddressBook, rewrite_addresses
from codegen.importing.gone import find_gone
from codegen.importing.repairs import drop_final_slashes, repair_item
from codegen.importing.unknown_fields import (
    UnknownField,
    drop_unknown_fields,
    find_unknown_folder_fields,
    strip_bookkeeping,
)
from codegen.item_policy import refuse_equal_names, require_single_request

NEW, SAME, DIFFERENT = "new", "unchanged", "differs"
API_KEY = "the API key"  # Postman calls it "value"
PATH_NAME = re.compile(rf"{REFERENCE.pattern}|:(\w+(?:-\w+)*)")

OperationKey = tuple[str, str]  # method and path shape


@frozen
class ImportedItem:
    """An item of an export, and the file that it belongs to."""

    title: str  # with its folders
    name: str  # of the file
    content: bytes
    state: str  # NEW, SAME or DIFFERENT
    diff: str = ""  # of what the file and the item say about the operation


@frozen
class SplitExport:
    """An export as item files."""

    items: list[ImportedItem]
    notes: list[str]  # what was read in another way than it was written
    gone: list[str]  # the files whose operations the export no longer has


@frozen
class _Entry:
    """An item of an export with its context."""

    path: tuple[str, ...]  # the names of its folders, and its own
    item: Any
    rows: dict[str, Any]  # the variables around it
    auth: Any


@frozen
class _ReadItem:
    """An item that needs nothing else, and its request."""

    title: str
    folders: tuple[str, ...]
    item: Any
    request: Request
    notes: list[str]


def split_export(
    document: Node,
    folder: str | None,
    present: Mapping[str, str],
    servers: Sequence[str] = (),
    tags: Mapping[OperationKey, str] | None = None,
) -> SplitExport:
    """Return the items of an export, each with its file.

    An item for an operation that already has a file belongs to that file, which differs only if it says something else
    about the operation. Each item receives the authentication and the path variables that it inherits from its folders
    and collection; a new one keeps its folder.

    Args:
        document: a Postman item, folder or collection.
        folder: the name of a folder, or several names joined by ``/``; None for the whole export.
        present: the existing item files, as names to texts.
        servers: the URLs of the API's servers, for addresses that are not below ``{{baseUrl}}``.
        tags: the tags of the existing operations.

    Raises:
        SpecError: the folder does not exist, or an item contains a secret or breaks the item policy.
        ExceptionGroup: several items cannot be used.
    """
    known = {name: _read_request(text, name) for name, text in present.items()}
    owners = {_operation_key(request): name for name, request in known.items()}
    book = AddressBook(servers, owners.keys())
    unknown: dict[str, UnknownField] = {}
    whole = unwrap(document)
    find_unknown_folder_fields(whole, document.where, unknown)
    read, errors = list[_ReadItem](), list[SpecError]()
    for entry in _select_entries(whole, folder):
        try:
            read.append(_read_entry(entry, document.where, book, unknown))
        except SpecError as error:
            errors.append(error)
    raise_together(errors)
    requests = [each.request for each in read]
    refuse_duplicates(requests)
    names = list(_file_names(requests, owners))
    refuse_equal_names((known | dict(zip(names, requests, strict=True))).values())
    items = [_import_item(each, name, present.get(name)) for each, name in zip(read, names, strict=True)]
    own_tags = {name: (tags or {}).get(_operation_key(request), "") for name, request in known.items()}
    gone, partial = find_gone(own_tags, names, {name for each in read for name in each.folders})
    return SplitExport(items, [*_summarize_notes(read), *map(str, unknown.values()), *partial], gone)


def _select_entries(document: Node, folder: str | None) -> list[_Entry]:
    """Return the items of a folder, or all of them, with their context.

    Raises:
        SpecError: there is no such folder, or more than one.
    """
    entries = list(_walk(document, (), {}, None))
    if folder is None:
        return entries
    wanted = tuple(part.strip() for part in folder.split("/"))
    folders = {path for entry in entries for path in _prefixes(entry.path[:-1])}
    ends = {path for path in folders if path[-len(wanted) :] == wanted}
    tops = {path for path in ends if not any(path[: len(other)] == other for other in ends - {path})}
    if len(tops) != 1:
        problem = "several folders match" if tops else "there is no folder"
        names = ", ".join(sorted(" / ".join(path) for path in folders)) or "none"
        raise SpecError(document.where, "", f"{problem} {folder!r}; there are: {names}")
    (top,) = tops
    return [entry for entry in entries if entry.path[: len(top)] == top]


def _prefixes(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [path[: length + 1] for length in range(len(path))]


def _walk(node: Node, folders: tuple[str, ...], rows: dict[str, Any], auth: Any) -> Iterator[_Entry]:
    """Yield all items below a node, each with the names of its folders and its inherited context."""
    value = node.value
    if not isinstance(value, dict):
        node.fail("an item or a folder is expected")
    if "item" not in value:
        yield _Entry((*folders, str(value.get("name", ""))), value, rows, auth)
        return
    inside = folders if "info" in value else (*folders, str(value.get("name", "")))
    for entry in node.child("item").items():
        yield from _walk(entry, inside, {**rows, **_named_rows(value)}, value.get("auth") or auth)


def _named_rows(value: Any) -> dict[str, Any]:
    """Return the enabled variables of an item, URL, folder or collection by name."""
    rows = (value.get("variable") or value.get("variables")) if isinstance(value, dict) else None
    rows = rows if isinstance(rows, list) else []
    enabled = [row for row in rows if isinstance(row, dict) and row.get("disabled") is not True]
    return {str(row.get("key", row.get("id"))): row for row in enabled}


def _read_entry(entry: _Entry, where: str, book: AddressBook, unknown: dict[str, UnknownField]) -> _ReadItem:
    """Return an item that needs nothing else, and its request.

    Raises:
        SpecError: it contains a secret or breaks the item policy.
    """
    title = f"{where} ({' / '.join(entry.path)!r})"
    item, notes = _make_standalone(entry, where, book)
    _refuse_secrets(item, title)
    item, repaired = repair_item(drop_unknown_fields(strip_bookkeeping(item), where, unknown), where)
    return _ReadItem(title, entry.path[:-1], item, _read_request(json.dumps(item), where), [*notes, *repaired])


def _make_standalone(entry: _Entry, where: str, book: AddressBook) -> tuple[Any, list[str]]:
    """Return a copy of an item that includes its inherited context, with notes about its addresses."""
    item = deepcopy(entry.item)
    request = item.get("request")
    if isinstance(request, str):
        request = item["request"] = {"method": "GET", "url": request}
    if not isinstance(request, dict):
        return item, []
    if entry.auth and not request.get("auth"):
        request["auth"] = entry.auth
    notes = drop_final_slashes(item)
    item, moved = rewrite_addresses(item, where, book, _read_variables({**entry.rows, **_named_rows(item)}, where))
    url = item["request"].get("url")
    path = url.get("path") if isinstance(url, dict) else str(url).partition("/")[2]
    used = dict.fromkeys(map("".join, PATH_NAME.findall(json.dumps(path)))).keys() - _named_rows(url).keys()
    if rows := [entry.rows[name] for name in entry.rows if name in used]:
        own = item.get("variable")
        item["variable"] = [*rows, *(own if isinstance(own, list) else [])]  # the last row of a name wins
    return item, [*notes, *moved]


def _read_variables(rows: Mapping[str, Any], where: str) -> Variables:
    return add_variables({}, read_fields(Node([*rows.values()], where), "a variable", []), [])


def _import_item(read: _ReadItem, name: str, present: str | None) -> ImportedItem:
    """Return an item with its file, in the form of the present file: with a folder around it, or without."""
    folder = read.folders[-1] if read.folders else None
    if present is not None:
        own = json.loads(present)
        folder = (folder or own.get("name")) if "item" in own else None
    whole = {"name": folder, "item": [read.item]} if folder and folder.strip() else read.item
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    if present is None:
        return ImportedItem(read.title, name, text.encode(), NEW)
    old, new = (_operation_text(each, name).splitlines(keepends=True) for each in (present, text))
    diff = "".join(difflib.unified_diff(old, new, f"{name} (the file)", f"{name} (the export)"))
    return ImportedItem(read.title, name, text.encode(), DIFFERENT if diff else SAME, diff)


def _operation_text(item: str, where: str) -> str:
    """Return everything that an item says about its operation, as YAML."""
    request = _read_request(item, where)
    return write_yaml(build_document(Collection("", "", (), (request,), ()))[0])


def _summarize_notes(read: Sequence[_ReadItem]) -> Iterator[str]:
    """Yield every note once, with its first item and the number of times."""
    places: dict[str, list[str]] = {}
    for each in read:
        for note in each.notes:
            places.setdefault(note, []).append(each.title)
    for note, titles in places.items():
        yield f"{note}: {titles[0]}" + ("" if len(titles) == 1 else f", and {len(titles) - 1} more")


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


def _file_names(requests: Sequence[Request], owners: Mapping[OperationKey, str]) -> Iterator[str]:
    """Yield the file of each request: the present one, or a new one named after the item.

    The name gets a number if another operation has it.
    """
    taken = {name.lower() for name in owners.values()}
    for request in requests:
        name = owners.get(_operation_key(request))
        if name is None:
            base = "-".join(re.findall("[a-z0-9]+", request.name.lower()))
            names = (f"{base}-{number}.json" if number > 1 else f"{base}.json" for number in itertools.count(1))
            name = next(name for name in names if name not in taken)
        taken.add(name)
        yield name
