"""Infer JSON schemas from placeholders, values and example bodies."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

from .json_nodes import Node
from .losses import Loss

Schema = dict[str, Any]


class Unknown(str):
    """A value in an example body that has no known type: ``{{a variable}}`` or a ``<placeholder>`` without quotes.

    It is empty if the value is missing.
    """


class NoEntries(dict[str, Any]):
    """The schema of the entries of an empty list in an example: unlike anything, it adds nothing to another schema."""


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
# The formats of JSON Schema and of the OpenAPI Format Registry (https://spec.openapis.org/registry/format/) that a
# string can have; an exporter writes them as placeholders: <date>, <uuid>. Any other word is no format.
FORMATS = frozenset(
    {
        *(
            "base64url",
            "binary",
            "byte",
            "char",
            "commonmark",
            "date",
            "date-time",
            "decimal",
            "decimal128",
            "duration",
        ),
        *("email", "hostname", "html", "http-date", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri"),
        *("iri-reference", "json-pointer", "media-range", "password", "regex", "relative-json-pointer"),
        *("sf-binary", "sf-string", "sf-token", "time", "uri", "uri-reference", "uri-template", "uuid"),
    }
)
EXPORTER_GAVE_UP = re.compile(
    r"<(?:Circular reference to .* detected|Error: Too many levels of nesting to fake this schema)>"
    r"|<?reference \S+ not found in the OpenAPI spec>?"
)
PLACEHOLDER = re.compile(r"<[^<>\s/][^<>\n]*>")  # a word in angle brackets that people replace with a value
VARIABLE = re.compile(r"\{\{[^{}]*\}\}")
BARE_VALUE = re.compile(r"true|false|-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
SEPARATORS = {",": "form", "%20": "spaceDelimited", "|": "pipeDelimited"}  # of list values, with OpenAPI's style
SCALAR_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}
ANYTHING: Schema = {}
NULL: Schema = {"nullable": True}


def placeholder_schema(text: str) -> Schema | None:
    """Return a new schema for a placeholder, or None for any other text."""
    if text in PLACEHOLDERS:
        return deepcopy(PLACEHOLDERS[text])
    if text[:1] == "<" and text[1:-1] in FORMATS and text[-1] == ">":
        return {"type": "string", "format": text[1:-1]}
    return None


def stands_for_a_value(text: str) -> bool:
    """Check whether a text is a placeholder of any kind, or a variable: it has no value to show."""
    return bool(PLACEHOLDER.fullmatch(text) or VARIABLE.fullmatch(text))


def proves_defaults(text: str) -> bool:
    """Check whether a value is a placeholder that only exporters write, which write a value only if it is a default."""
    return any(part in PLACEHOLDERS for separator in SEPARATORS for part in text.split(separator))


def without_defaults(schema: Schema) -> Schema:
    """Return a schema in which each default is an example."""
    changed = type(schema)()
    for name, value in schema.items():
        if name == "properties":
            changed[name] = {key: without_defaults(inner) for key, inner in value.items()}
        else:
            changed["example" if name == "default" else name] = without_defaults(value) if name == "items" else value
    return changed


def value_schema(text: str) -> tuple[Schema, str | None]:
    """Return a new schema for a value as exporters write it, and the style if it is a list or object.

    A placeholder is a type. Placeholders joined by a separator are a list, and so are bare values; alternating names
    and placeholders are an object. A bare number, true or false has its own type and becomes ``default``; any other
    text is a string and becomes ``example``.
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
        if separator == "," and (members := _object_members(parts, schemas)):
            return {"type": "object", "properties": members}, style
        if not any(part != part.strip() or not part for part in parts):
            listed = _list_schema(parts)
            if separator == "," or "default" in listed:  # the other separators occur in prose, too
                return listed, style
    if BARE_VALUE.fullmatch(text) and json.dumps(value := json.loads(text)) == text:
        return {"type": SCALAR_TYPES[type(value)], "default": value}, None
    return {"type": "string", **({"example": text} if text else {})}, None


def example_schema(example: Node, losses: list[Loss]) -> Schema:
    """Return the schema of an example body; record missing or contradictory types as losses."""
    value = example.value
    if isinstance(value, dict):
        if value.keys() == {"value"} and _exporter_gave_up(value["value"]):  # the form that the exporter uses
            return example_schema(example.child("value"), losses)
        properties = {name: example_schema(example.child(name), losses) for name in value}
        return {"type": "object", **({"properties": properties} if properties else {})}
    if isinstance(value, list):
        items: Schema | None = None
        for entry in example.items():
            schema = example_schema(entry, losses)
            items = schema if items is None else merge_schemas(items, schema, entry, losses)
        return {"type": "array", "items": NoEntries() if items is None else items}
    if value is None:
        return dict(NULL)
    if isinstance(value, Unknown):
        if value:
            losses.append(example.loss("a type", f"nothing says which type {str(value)!r} has"))
        return dict(ANYTHING)
    if isinstance(value, str):
        if _exporter_gave_up(value):
            losses.append(example.loss("a type", "the exporter gave up here"))
            return dict(ANYTHING)
        shown = {} if stands_for_a_value(value) else {"example": value}
        return placeholder_schema(value) or {"type": "string", **shown}
    return {"type": SCALAR_TYPES[type(value)], "example": value}


def has_placeholders(value: Any) -> bool:
    """Check whether a body is a pattern of placeholders instead of an example."""
    if isinstance(value, dict):
        return any(map(has_placeholders, value.values()))
    if isinstance(value, list):
        return any(map(has_placeholders, value))
    return isinstance(value, str) and (
        isinstance(value, Unknown) or stands_for_a_value(value) or _exporter_gave_up(value)
    )


def merge_schemas(one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> Schema:
    """Return a schema that accepts every value that one of the two accepts."""
    if isinstance(one, NoEntries) or isinstance(other, NoEntries):
        return other if isinstance(one, NoEntries) else one
    if NULL in (one, other) and ANYTHING not in (one, other):
        return {**one, **other}
    if "type" not in one or "type" not in other:  # at most a description: anything fits
        return dict(ANYTHING)
    types = {one["type"], other["type"]}
    if types == {"integer", "number"}:
        one, other = {**one, "type": "number"}, {**other, "type": "number"}
        one.pop("format", None)
        other.pop("format", None)
    elif len(types) == 2:
        what = f"the type {other['type']}"
        losses.append(entry.loss(what, f"an earlier value here has the type {one['type']}"))
        return dict(ANYTHING)
    both = {**other, **one}
    if len(formats := {schema["format"] for schema in (one, other) if "format" in schema}) == 2:
        del both["format"]
        what = f"the formats {' and '.join(sorted(formats))}"
        losses.append(entry.loss(what, "both occur in one position"))
    if "description" in one and other.get("description", one["description"]) != one["description"]:
        losses.append(entry.loss("a description", "an earlier value here has another"))
    _merge_enums(both, one, other, entry, losses)
    if one["type"] == "array":
        both["items"] = merge_schemas(one["items"], other["items"], entry, losses)
    elif "properties" in both:
        ours, theirs = one.get("properties", {}), other.get("properties", {})
        shared = {
            name: merge_schemas(ours[name], theirs[name], _nearest_node(entry, name), losses)
            for name in ours
            if name in theirs
        }
        both["properties"] = {**ours, **theirs, **shared}
        _merge_required(both, one, other, entry, losses)
    return both


def _merge_enums(both: Schema, one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> None:
    """Allow the values of both enums, or any value if one schema has no enum."""
    if one.get("enum") == other.get("enum"):
        return
    losses.append(entry.loss("the allowed values", "an earlier value here allows others"))
    both["enum"] = [*dict.fromkeys([*one.get("enum", []), *other.get("enum", [])])]
    if "enum" not in one or "enum" not in other:
        del both["enum"]


def _merge_required(both: Schema, one: Schema, other: Schema, entry: Node, losses: list[Loss]) -> None:
    """Require the members that both schemas require, and those that one requires and the other lacks."""
    required = [*dict.fromkeys([*one.get("required", []), *other.get("required", [])])]
    for name in list(required):
        if any(name in each.get("properties", {}) and name not in each.get("required", []) for each in (one, other)):
            why = "not every value here has it as required, so it is optional"
            losses.append(entry.loss(f"{name!r}: whether it is required", why))
            required.remove(name)
    if required:
        both["required"] = required
    else:
        both.pop("required", None)


def _exporter_gave_up(value: object) -> bool:
    return isinstance(value, str) and bool(EXPORTER_GAVE_UP.fullmatch(value))


def _object_members(parts: list[str], schemas: list[Schema | None]) -> dict[str, Schema] | None:
    """Return the members of an object written as alternating names and placeholders, or None."""
    names, values = parts[::2], schemas[1::2]
    if len(parts) % 2 or any(schemas[::2]) or "" in names or len({*names}) < len(names):
        return None
    members = {name: value for name, value in zip(names, values, strict=True) if value}
    return members if len(members) == len(names) else None


def _list_schema(parts: list[str]) -> Schema:
    """Return the schema of a list of bare values: typed if they share a type, else strings."""
    schemas = [value_schema(part)[0] for part in parts]
    types = {schema["type"] for schema in schemas}
    if types == {"integer", "number"}:
        types = {"number"}
    if len(types) == 1 and types != {"string"} and all("default" in schema for schema in schemas):
        return {"type": "array", "items": {"type": types.pop()}, "default": [schema["default"] for schema in schemas]}
    return {"type": "array", "items": {"type": "string"}, "example": parts}


def _nearest_node(entry: Node, name: str) -> Node:
    """Return a member of an entry; for entries of a nested list, return the entry itself as the nearest position."""
    return entry.child(name) if isinstance(entry.value, dict) and name in entry.value else entry
