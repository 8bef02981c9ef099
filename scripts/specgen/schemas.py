"""Placeholders and examples to JSON schema."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

from .nodes import Node
from .problems import Loss

Schema = dict[str, Any]

PLACEHOLDERS: dict[str, Schema] = {
    "<string>": {"type": "string"},
    "<integer>": {"type": "integer"},
    "<long>": {"type": "integer", "format": "int64"},
    "<boolean>": {"type": "boolean"},
}
ANYTHING: Schema = {}
NULL: Schema = {"nullable": True}
LOOKS_LIKE_ONE = re.compile(r"<[A-Za-z-]+>")
BARE = re.compile(r"true|false|-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")


def value_schema(text: str) -> Schema | None:
    """Return a new schema for a parameter's value as an exporter writes it; None for one that is not understood.

    A placeholder is a type, placeholders joined by commas are an array, a bare number or true or false is a default;
    but a number that would not be written again as it stands is not understood.
    """
    if text in PLACEHOLDERS:
        return deepcopy(PLACEHOLDERS[text])
    first, *others = text.split(",")
    if others and first in PLACEHOLDERS and set(others) == {first}:
        return {"type": "array", "items": deepcopy(PLACEHOLDERS[first])}
    if BARE.fullmatch(text) and json.dumps(value := json.loads(text)) == text:
        return {"type": _type(value), "default": value}
    return None


def example_schema(example: Node, losses: list[Loss]) -> Schema:
    """Return the schema of an example body; what the example contradicts itself in is added to the losses.

    Raises:
        SpecError: it has a placeholder that is not known.
    """
    value = example.value
    if isinstance(value, dict):
        properties = {name: example_schema(example.child(name), losses) for name in value}
        return {"type": "object", **({"properties": properties} if properties else {})}
    if isinstance(value, list):
        items: Schema | None = None
        for entry in example.items():
            schema = example_schema(entry, losses)
            items = schema if items is None else _merged(items, schema, entry, losses)
        return {"type": "array", "items": items or {}}
    if value is None:
        return dict(NULL)
    if isinstance(value, str) and value in PLACEHOLDERS:
        return deepcopy(PLACEHOLDERS[value])
    if isinstance(value, str) and LOOKS_LIKE_ONE.fullmatch(value):
        example.fail(f"the placeholder {value!r} is not known")
    return {"type": _type(value), "example": value}


def _type(value: object) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return names[type(value)]


def _merged(one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> Schema:
    """Return the schema of all that fits one of the two: the entries of a list are examples of one thing."""
    if ANYTHING in (one, other):
        return dict(ANYTHING)
    if NULL in (one, other):
        return {**one, **other}
    if one["type"] != other["type"]:
        what = f"the type {other['type']}"
        losses.append(Loss(entry.where, entry.pointer, what, f"an entry before it has {one['type']} in its place"))
        return dict(ANYTHING)
    both = {**other, **one}
    if one["type"] == "array":
        both["items"] = _merged(one["items"], other["items"], entry, losses)
    elif "properties" in both:
        ours, theirs = one.get("properties", {}), other.get("properties", {})
        shared = {
            name: _merged(ours[name], theirs[name], _inside(entry, name), losses) for name in ours if name in theirs
        }
        both["properties"] = {**ours, **theirs, **shared}
    return both


def _inside(entry: Node, name: str) -> Node:
    """Return a member of an entry; of the entries of a list inside it, the list is as near as can be told."""
    return entry.child(name) if isinstance(entry.value, dict) else entry
