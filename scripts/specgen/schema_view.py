"""A schema as a reader sees it: references followed, allOf merged, what every version of OpenAPI says in one form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from .documents import Document
from .problems import SpecError

PROSE = frozenset({"title", "description", "summary", "example", "examples", "externalDocs", "xml", "$comment"})
LOWER_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
UPPER_BOUNDS = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
LIMITS = LOWER_BOUNDS | UPPER_BOUNDS | {"pattern", "multipleOf", "uniqueItems"}
STRUCTURE = frozenset({
    "type", "format", "nullable", "enum", "const", "default", "deprecated", "required", "properties", "items",
    "additionalProperties", "oneOf", "anyOf", "allOf", "$ref",
})  # fmt: skip
DEEPEST = 50  # allOf in allOf; more is a circle
NOTHING = "none"


@frozen
class View:
    """What a schema says."""

    name: str | None  # of the component that it is
    type: str
    format: str
    nullable: bool
    values: tuple[str, ...] | None  # of an enum
    default: str
    deprecated: bool
    required: frozenset[str]
    properties: Mapping[str, Any]
    items: Any
    additional: Any  # the schema of other fields; False where there must be none
    alternatives: tuple[Any, ...]
    limits: Mapping[str, Any]
    prose: Mapping[str, Any]
    rest: Mapping[str, Any]  # what is not understood


def view(schema: Any, document: Document, place: str) -> View:
    """Return what a schema says; an absent one says nothing.

    Raises:
        SpecError: it is malformed, or a reference in it leads nowhere or in a circle.
    """
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    merged = _merged(list(_parts(schema, document, place, DEEPEST)), document, place)
    alternatives = tuple(_alternatives(merged, document, place))
    type_, nullable = _types(merged)
    return View(
        name=document.resolved(schema, place)[1],
        type=" or ".join(_type(each, document, place) for each in alternatives) or type_,
        format=str(merged.get("format", NOTHING)),
        nullable=nullable,
        values=_values(merged, document, place),
        default=shown(merged["default"]) if "default" in merged else NOTHING,
        deprecated=merged.get("deprecated") is True,
        required=frozenset(str(each) for each in document.entries(merged.get("required"), place)),
        properties=document.members(merged.get("properties"), place),
        items=merged.get("items", {}),
        additional={} if merged.get("additionalProperties", True) is True else merged["additionalProperties"],
        alternatives=alternatives,
        limits={key: merged[key] for key in sorted(LIMITS & merged.keys())},
        prose=prose(merged),
        rest={key: value for key, value in merged.items() if not is_prose(key) and key not in STRUCTURE | LIMITS},
    )


def unwrapped(schema: Any, document: Document, place: str) -> tuple[Any, Any]:
    """Return what is said around a reference, and the reference: version 3.0 puts it into allOf to say more."""
    around = schema if isinstance(schema, dict) and "$ref" not in schema else {}
    inner = document.entries(around.get("allOf"), place)
    if len(inner) == 1 and not around.keys() & {"properties", "items"} and document.resolved(inner[0], place)[1]:
        return {key: value for key, value in around.items() if key != "allOf"}, inner[0]
    return {}, schema


def prose(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there for readers alone."""
    return {key: value for key, value in content.items() if is_prose(key)}


def is_prose(key: str) -> bool:
    """Return whether what stands under a key is for readers alone; extensions are."""
    return key in PROSE or key.startswith("x-")


def shown(value: Any) -> str:
    """Return a value as JSON has it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _parts(schema: Any, document: Document, place: str, left: int) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that allOf joins to it."""
    if not left:
        raise SpecError(document.where, place, "allOf in a circle")
    content = document.members(schema, place)
    yield content
    for part in document.entries(content.get("allOf"), place):
        yield from _parts(part, document, place, left - 1)


def _merged(parts: list[dict[str, Any]], document: Document, place: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in reversed(parts):  # what stands outside wins
        fields = {
            **document.members(merged.get("properties"), place),
            **document.members(part.get("properties"), place),
        }
        required = [*document.entries(merged.get("required"), place), *document.entries(part.get("required"), place)]
        nullable = part.get("nullable") is True or merged.get("nullable") is True
        merged = {**merged, **part, "properties": fields, "required": required, "nullable": nullable}
    return merged


def _types(schema: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the type in a word, and whether null is one of its values."""
    said = schema.get("type")
    listed = [str(each) for each in (said if isinstance(said, list) else [said]) if each]
    nullable = schema.get("nullable") is True or "null" in listed
    implied = "object" if schema.get("properties") else "array" if "items" in schema else "anything"
    return " or ".join(sorted({*listed} - {"null"})) or implied, nullable


def _type(schema: Any, document: Document, place: str) -> str:
    resolved = document.resolved(schema, place)[0]
    return _types(resolved)[0] if isinstance(resolved, dict) else "anything"


def _alternatives(schema: Mapping[str, Any], document: Document, place: str) -> list[Any]:
    found = [*document.entries(schema.get("oneOf"), place), *document.entries(schema.get("anyOf"), place)]
    found = [each for each in found if each != {"type": "null"}]
    return sorted(found, key=lambda each: _type(each, document, place))


def _values(schema: Mapping[str, Any], document: Document, place: str) -> tuple[str, ...] | None:
    if "enum" not in schema and "const" not in schema:
        return None
    listed = document.entries(schema.get("enum"), place) if "enum" in schema else [schema["const"]]
    return tuple(each if isinstance(each, str) and each else shown(each) for each in listed if each is not None)
