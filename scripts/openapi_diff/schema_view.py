"""Normalise a schema: follow references, merge allOf, read all versions of OpenAPI 3 in the same way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from postman_openapi.losses import SpecError

from openapi_diff.documents import Document

PROSE = frozenset({"title", "description", "summary", "example", "examples", "externalDocs", "xml", "$comment"})
LOWER_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
UPPER_BOUNDS = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
LIMITS = LOWER_BOUNDS | UPPER_BOUNDS | {"pattern", "multipleOf", "uniqueItems"}
STRUCTURE = frozenset({
    "type", "format", "nullable", "enum", "const", "default", "deprecated", "required", "properties", "items",
    "additionalProperties", "oneOf", "anyOf", "allOf", "$ref",
})  # fmt: skip
MAX_ALL_OF_DEPTH = 50  # allOf in allOf; more is a circle
NONE = "none"


@frozen
class SchemaView:
    """The normalised content of a schema."""

    name: str | None  # of its component
    type: str
    format: str
    nullable: bool
    values: tuple[str, ...] | None  # of an enum
    default: str
    deprecated: bool
    required: frozenset[str]
    properties: Mapping[str, Any]
    items: Any
    additional: Any  # the schema of other fields; False if they are forbidden
    alternatives: tuple[Any, ...]
    limits: Mapping[str, Any]
    prose: Mapping[str, Any]
    rest: Mapping[str, Any]  # unknown keys


def view_schema(schema: Any, document: Document, place: str) -> SchemaView:
    """Return the normalised content of a schema; an absent one is empty.

    Raises:
        SpecError: it is malformed, or a reference in it leads nowhere or in a circle.
    """
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    merged = _merge_parts(list(_all_of_parts(schema, document, place, MAX_ALL_OF_DEPTH)), document, place)
    alternatives = tuple(_alternatives(merged, document, place))
    type_, nullable = _type_and_nullable(merged)
    return SchemaView(
        name=document.resolved(schema, place)[1],
        type=" or ".join(_type_name(each, document, place) for each in alternatives) or type_,
        format=str(merged.get("format", NONE)),
        nullable=nullable,
        values=_enum_values(merged, document, place),
        default=to_json(merged["default"]) if "default" in merged else NONE,
        deprecated=merged.get("deprecated") is True,
        required=frozenset(str(each) for each in document.entries(merged.get("required"), place)),
        properties=document.members(merged.get("properties"), place),
        items=merged.get("items", {}),
        additional={} if merged.get("additionalProperties", True) is True else merged["additionalProperties"],
        alternatives=alternatives,
        limits={key: merged[key] for key in sorted(LIMITS & merged.keys())},
        prose=select_prose(merged),
        rest={key: value for key, value in merged.items() if not is_prose(key) and key not in STRUCTURE | LIMITS},
    )


def unwrap_reference(schema: Any, document: Document, place: str) -> tuple[Any, Any]:
    """Return the keys around a reference, and the reference; version 3.0 needs allOf for such keys."""
    around = schema if isinstance(schema, dict) and "$ref" not in schema else {}
    inner = document.entries(around.get("allOf"), place)
    if len(inner) == 1 and not around.keys() & {"properties", "items"} and document.resolved(inner[0], place)[1]:
        return {key: value for key, value in around.items() if key != "allOf"}, inner[0]
    return {}, schema


def select_prose(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documentation of an object."""
    return {key: value for key, value in content.items() if is_prose(key)}


def is_prose(key: str) -> bool:
    """Check whether a key is only documentation; extensions are."""
    return key in PROSE or key.startswith("x-")


def to_json(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _all_of_parts(schema: Any, document: Document, place: str, left: int) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas that it merges with allOf."""
    if not left:
        raise SpecError(document.where, place, "allOf forms a circle")
    content = document.members(schema, place)
    yield content
    for part in document.entries(content.get("allOf"), place):
        yield from _all_of_parts(part, document, place, left - 1)


def _merge_parts(parts: list[dict[str, Any]], document: Document, place: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in reversed(parts):  # the outer schema wins
        fields = {
            **document.members(merged.get("properties"), place),
            **document.members(part.get("properties"), place),
        }
        required = [*document.entries(merged.get("required"), place), *document.entries(part.get("required"), place)]
        nullable = part.get("nullable") is True or merged.get("nullable") is True
        merged = {**merged, **part, "properties": fields, "required": required, "nullable": nullable}
    return merged


def _type_and_nullable(schema: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the type as text, and whether null is allowed."""
    said = schema.get("type")
    listed = [str(each) for each in (said if isinstance(said, list) else [said]) if each]
    nullable = schema.get("nullable") is True or "null" in listed
    implied = "object" if schema.get("properties") else "array" if "items" in schema else "anything"
    return " or ".join(sorted({*listed} - {"null"})) or implied, nullable


def _type_name(schema: Any, document: Document, place: str) -> str:
    resolved = document.resolved(schema, place)[0]
    return _type_and_nullable(resolved)[0] if isinstance(resolved, dict) else "anything"


def _alternatives(schema: Mapping[str, Any], document: Document, place: str) -> list[Any]:
    found = [*document.entries(schema.get("oneOf"), place), *document.entries(schema.get("anyOf"), place)]
    found = [each for each in found if each != {"type": "null"}]
    return sorted(found, key=lambda each: _type_name(each, document, place))


def _enum_values(schema: Mapping[str, Any], document: Document, place: str) -> tuple[str, ...] | None:
    if "enum" not in schema and "const" not in schema:
        return None
    listed = document.entries(schema.get("enum"), place) if "enum" in schema else [schema["const"]]
    return tuple(each if isinstance(each, str) and each else to_json(each) for each in listed if each is not None)
