"""Placeholders, values and example bodies to JSON schema."""

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
    "<number>": {"type": "number"},
    "<float>": {"type": "number", "format": "float"},
    "<double>": {"type": "number", "format": "double"},
    "<boolean>": {"type": "boolean"},
    "<dateTime>": {"type": "string", "format": "date-time"},
    "<array>": {"type": "array", "items": {}},
    "<object>": {"type": "object"},
}
FORMAT = re.compile(r"<([a-z][A-Za-z0-9-]*)>")  # any other word is the format of a text: date, uuid, email, ipv4 ...
GIVEN_UP = re.compile(r"<(Circular reference to .* detected|Error: Too many levels of nesting to fake this schema)>")
BARE = re.compile(r"true|false|-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
SEPARATORS = {",": "form", "%20": "spaceDelimited", "|": "pipeDelimited"}  # of lists, and the style that each is
ANYTHING: Schema = {}
NULL: Schema = {"nullable": True}


def placeholder_schema(text: str) -> Schema | None:
    """Return a new schema for a placeholder; None for what is no placeholder."""
    if text in PLACEHOLDERS:
        return deepcopy(PLACEHOLDERS[text])
    if word := FORMAT.fullmatch(text):
        return {"type": "string", "format": word[1]}
    return None


def value_schema(text: str) -> tuple[Schema, str | None]:
    """Return a new schema for a value as an exporter writes it, and the style of the list or object that it is.

    A placeholder is a type, and several of them joined by a separator are a list; so are bare values.
    Names and placeholders in turn are an object. A bare number, true or false is of its type and stands in the schema
    as ``default``; all else is text, and stands there as ``example``.
    """
    if schema := placeholder_schema(text):
        return schema, None
    for separator, style in SEPARATORS.items():
        parts = text.split(separator)
        if len(parts) == 1:
            continue
        schemas = [placeholder_schema(part) for part in parts]
        if schemas[0] and all(schema == schemas[0] for schema in schemas):
            return {"type": "array", "items": schemas[0]}, style
        if separator == "," and (members := _members(parts, schemas)):
            return {"type": "object", "properties": members}, style
        if not any(part != part.strip() or not part for part in parts):
            listed = _list_of(parts)
            if separator == "," or "default" in listed:  # other separators join texts in prose, too
                return listed, style
    if BARE.fullmatch(text) and json.dumps(value := json.loads(text)) == text:
        return {"type": _type(value), "default": value}, None
    return {"type": "string", **({"example": text} if text else {})}, None


def example_schema(example: Node, losses: list[Loss]) -> Schema:
    """Return the schema of an example body; what it does not say, or says in two ways, is added to the losses."""
    value = example.value
    if isinstance(value, dict):
        if value.keys() == {"value"} and _is_given_up(value["value"]):  # the exporter's form of it
            return example_schema(example.child("value"), losses)
        properties = {name: example_schema(example.child(name), losses) for name in value}
        return {"type": "object", **({"properties": properties} if properties else {})}
    if isinstance(value, list):
        items: Schema | None = None
        for entry in example.items():
            schema = example_schema(entry, losses)
            items = schema if items is None else merged(items, schema, entry, losses)
        return {"type": "array", "items": items or {}}
    if value is None:
        return dict(NULL)
    if isinstance(value, str):
        if _is_given_up(value):
            losses.append(example.loss("a type", "the exporter gave up here"))
            return dict(ANYTHING)
        return placeholder_schema(value) or {"type": "string", "example": value}
    return {"type": _type(value), "example": value}


def has_placeholders(value: Any) -> bool:
    """Return whether a body is a pattern, not an example of real values."""
    if isinstance(value, dict):
        return any(map(has_placeholders, value.values()))
    if isinstance(value, list):
        return any(map(has_placeholders, value))
    return isinstance(value, str) and bool(placeholder_schema(value) or _is_given_up(value))


def merged(one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> Schema:
    """Return the schema of all that fits one of the two: both are shown in the same place."""
    if NULL in (one, other) and ANYTHING not in (one, other):
        return {**one, **other}
    if "type" not in one or "type" not in other:  # at most described: anything fits
        return dict(ANYTHING)
    types = {one["type"], other["type"]}
    if types == {"integer", "number"}:
        one, other = {**one, "type": "number"}, {**other, "type": "number"}
        one.pop("format", None)
        other.pop("format", None)
    elif len(types) == 2:
        what = f"the type {other['type']}"
        losses.append(entry.loss(what, f"what stood here before has {one['type']} in its place"))
        return dict(ANYTHING)
    both = {**other, **one}
    if len(formats := {schema["format"] for schema in (one, other) if "format" in schema}) == 2:
        del both["format"]
        what = f"the formats {' and '.join(sorted(formats))}"
        losses.append(entry.loss(what, "both are shown in one place"))
    if "description" in one and other.get("description", one["description"]) != one["description"]:
        losses.append(entry.loss("a description", "what stood here before has another"))
    _join_values(both, one, other, entry, losses)
    if one["type"] == "array":
        both["items"] = merged(one["items"], other["items"], entry, losses)
    elif "properties" in both:
        ours, theirs = one.get("properties", {}), other.get("properties", {})
        shared = {
            name: merged(ours[name], theirs[name], _inside(entry, name), losses) for name in ours if name in theirs
        }
        both["properties"] = {**ours, **theirs, **shared}
        _join_required(both, one, other, entry, losses)
    return both


def _join_values(both: Schema, one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> None:
    """List the values that either of two lists; none where one takes any."""
    if one.get("enum") == other.get("enum"):
        return
    losses.append(entry.loss("the values that it takes", "what stood here before has others"))
    both["enum"] = [*dict.fromkeys([*one.get("enum", []), *other.get("enum", [])])]
    if "enum" not in one or "enum" not in other:
        del both["enum"]


def _join_required(both: Schema, one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> None:
    """Require the members that each of two requires, or that one requires and the other does not know."""
    required = [*dict.fromkeys([*one.get("required", []), *other.get("required", [])])]
    for name in list(required):
        if any(name in each.get("properties", {}) and name not in each.get("required", []) for each in (one, other)):
            why = "not all that stands here requires it, so none has to give it"
            losses.append(entry.loss(f"{name!r}: whether it is required", why))
            required.remove(name)
    if required:
        both["required"] = required
    else:
        both.pop("required", None)


def _is_given_up(value: object) -> bool:
    return isinstance(value, str) and bool(GIVEN_UP.fullmatch(value))


def _members(parts: list[str], schemas: list[Schema | None]) -> dict[str, Schema] | None:
    """Return the members of an object that is written as names and placeholders in turn."""
    names, values = parts[::2], schemas[1::2]
    if len(parts) % 2 or any(schemas[::2]) or "" in names or len({*names}) < len(names):
        return None
    members = {name: value for name, value in zip(names, values, strict=True) if value}
    return members if len(members) == len(names) else None


def _list_of(parts: list[str]) -> Schema:
    """Return the schema of a list of bare values: of one type if they all are, of texts otherwise."""
    schemas = [value_schema(part)[0] for part in parts]
    types = {schema["type"] for schema in schemas}
    if types == {"integer", "number"}:
        types = {"number"}
    if len(types) == 1 and types != {"string"} and all("default" in schema for schema in schemas):
        return {"type": "array", "items": {"type": types.pop()}, "default": [schema["default"] for schema in schemas]}
    return {"type": "array", "items": {"type": "string"}, "example": parts}


def _type(value: object) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return names[type(value)]


def _inside(entry: Node, name: str) -> Node:
    """Return a member of an entry; of the entries of a list inside it, the list is as near as can be told."""
    return entry.child(name) if isinstance(entry.value, dict) and name in entry.value else entry
