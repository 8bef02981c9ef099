"""Sample values for schemas, and whether a value fits a schema."""

from __future__ import annotations

from typing import Any

from openapi_diff.documents import Document
from openapi_diff.schema_view import view_schema

MAX_DEPTH = 12
SCALARS = {"string": "sample", "integer": 1, "number": 1, "boolean": True}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def make_sample(schema: Any, document: Document, place: str, depth: int = MAX_DEPTH) -> Any:
    """Return a value with every field that a schema documents."""
    view = view_schema(schema, document, place)
    if view.values:
        return view.values[0]
    if view.type in SCALARS or depth == 0:
        return SCALARS.get(view.type)
    if view.type == "array":
        return [make_sample(view.items, document, place, depth - 1)]
    return {name: make_sample(each, document, place, depth - 1) for name, each in view.properties.items()}


def misfit(value: Any, schema: Any, document: Document, place: str) -> str | None:
    """Return why a value that is sent does not fit its schema, or None if it fits."""
    view = view_schema(schema, document, place)
    expected = TYPES.get(view.type)
    if expected and (not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected)):
        return f"is sent as {type(value).__name__}, and must be {view.type}"
    if view.values is not None and value not in view.values:
        return f"is sent as {value!r}, and must be one of {', '.join(view.values)}"
    if isinstance(value, list):
        return next((problem for each in value if (problem := misfit(each, view.items, document, place))), None)
    return None
