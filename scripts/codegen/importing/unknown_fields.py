"""Leave out what an item file does not need: Postman's bookkeeping, and fields that nobody here understands."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from attrs import define
from postman_openapi.json_nodes import Node
from postman_openapi.losses import Kind, Loss
from postman_openapi.reader.bookkeeping import is_bookkeeping
from postman_openapi.reader.collection_reader import FOLDER, INFO, read_postman

MEANINGFUL = (
    *("name", "description", "request", "response", "event", "item", "auth", "variable", "method", "url", "header"),
    *("body", "raw", "protocol", "host", "port", "path", "query", "key", "value", "disabled", "mode", "options"),
    *("formdata", "urlencoded", "graphql", "code", "status", "originalRequest", "cookie"),
)
SIMILAR = 0.85  # of difflib: "headers" is meant to be "header", "lastEditedBy" is nothing of ours


@define
class UnknownField:
    """A field of an export that is left out."""

    name: str
    first: str  # its first place
    places: int = 0

    def __str__(self) -> str:
        times = "" if self.places == 1 else f", and in {self.places - 1} other places"
        return f"the field {self.name!r} is not understood, and left out: {self.first}{times}"


def strip_bookkeeping(value: Any) -> Any:
    """Return a part of an item without Postman's bookkeeping, which every export creates anew."""
    if isinstance(value, list):
        return [strip_bookkeeping(each) for each in value]
    if not isinstance(value, dict):
        return value
    is_row = "value" in value and not {"key", "name"} & value.keys()  # of version 2.0: its id is its name
    return {
        name: each if name == "auth" else strip_bookkeeping(each)
        for name, each in value.items()
        if not is_bookkeeping(name) or (name == "id" and is_row)
    }


def drop_unknown_fields(item: Any, where: str, found: dict[str, UnknownField]) -> Any:
    """Return an item without the fields that the reader does not understand.

    A field whose name is almost one of Postman's stays, so that the item policy refuses it: it may be misspelt.

    Args:
        item: the item.
        where: the name of the export in messages.
        found: receives the fields that were left out, by name.

    Raises:
        SpecError: the item cannot be read at all.
    """
    item = deepcopy(item)
    deleted = True
    while deleted:  # a reader reports a field once, and that of an example only if the request does not have it
        deleted = False
        for loss in _unknown_fields(item, where):
            *steps, name = (step.replace("~1", "/").replace("~0", "~") for step in loss.pointer.split("/")[1:])
            for place in list(_delete(item, [None if step.isdecimal() else step for step in steps], name)):
                found.setdefault(name, UnknownField(name, f"{loss.item}: {place}")).places += 1
                deleted = True
    return item


def find_unknown_folder_fields(node: Node, title: str, found: dict[str, UnknownField]) -> None:
    """Add the fields of a collection and its folders that the reader does not understand; no item file has them."""
    value = node.value
    if not isinstance(value, dict) or not isinstance(value.get("item"), list):
        return
    info = node.child("info") if isinstance(value.get("info"), dict) else None
    for place, known in ((node, (*FOLDER, "info")), (info, INFO)):
        for name in sorted(place.value.keys() - {*known}) if place else ():
            if place and not is_bookkeeping(name):
                found.setdefault(name, UnknownField(name, f"{title}: {place.child(name).pointer}")).places += 1
    for entry in node.child("item").items():
        find_unknown_folder_fields(entry, title, found)


def _unknown_fields(item: Any, where: str) -> list[Loss]:
    """Return the losses of an item that are fields of unknown names."""
    lost = [loss for loss in read_postman(Node(item, where)).losses if loss.kind is Kind.UNKNOWN_FIELD]
    return [loss for loss in lost if not get_close_matches(loss.pointer.rpartition("/")[2], MEANINGFUL, cutoff=SIMILAR)]


def _delete(value: Any, steps: list[str | None], name: str, place: str = "") -> Iterator[str]:
    """Delete a field at every place like this one, and yield their pointers; None stands for any index of a list."""
    if not steps:
        if isinstance(value, dict) and name in value:
            del value[name]
            yield f"{place}/{name}"
    elif steps[0] is None and isinstance(value, list):
        for index, each in enumerate(value):
            yield from _delete(each, steps[1:], name, f"{place}/{index}")
    elif isinstance(value, dict) and steps[0] in value:
        yield from _delete(value[steps[0]], steps[1:], name, f"{place}/{steps[0]}")
