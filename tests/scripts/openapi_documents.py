"""A small OpenAPI document for tests, and changed copies of it."""

from __future__ import annotations

import copy
from typing import Any

from openapi_diff.documents import Document
from openapi_diff.operation_changes import find_changes

GONE = object()

BASE: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Shelves", "version": "1.0.0"},
    "servers": [{"url": "https://one.example/api", "description": "one"}, {"url": "https://two.example/api"}],
    "tags": [{"name": "Shelf"}],
    "paths": {
        "/shelves/{shelfId}": {
            "get": {
                "operationId": "getShelf",
                "summary": "Get shelf",
                "tags": ["Shelf"],
                "security": [{"login": ["read"]}, {"basic": []}],
                "parameters": [
                    {"name": "shelfId", "in": "path", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "default": 20, "minimum": 1, "maximum": 100},
                    },
                    {"name": "order", "in": "query", "schema": {"type": "string", "enum": ["up", "down"]}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "description": "The shelf.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shelf"}}},
                    },
                    "404": {"description": "No such shelf."},
                },
            },
            "put": {
                "operationId": "putShelf",
                "tags": ["Shelf"],
                "parameters": [{"$ref": "#/components/parameters/ShelfId"}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shelf"}}},
                },
                "responses": {"204": {"description": "Done."}},
            },
        }
    },
    "components": {
        "parameters": {"ShelfId": {"name": "shelfId", "in": "path", "required": True, "schema": {"type": "string"}}},
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic", "description": "By name."},
            "login": {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://one.example/authorize",
                        "tokenUrl": "https://one.example/token",
                        "scopes": {"read": "See", "write": "Change"},
                    }
                },
            },
        },
        "schemas": {
            "Shelf": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "books": {"type": "array", "items": {"$ref": "#/components/schemas/Book"}},
                    "within": {"$ref": "#/components/schemas/Shelf"},
                    "owner": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Person"}]},
                },
            },
            "Book": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": {"type": "string"},
                    "pages": {"type": "integer", "format": "int32"},
                    "state": {"type": "string", "enum": ["in", "out"]},
                    "shelf": {"$ref": "#/components/schemas/Shelf"},
                },
            },
            "Person": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    },
}


def document(*edits: tuple[str, Any], of: dict[str, Any] = BASE) -> Document:
    """Return a copy of a document with values set, or deleted where the value is GONE.

    An edit is a place and a value. A place is keys and indexes with dots between them, where ``p`` stands for the
    document's only path: ``p.get`` and ``p.put`` are its operations.
    """
    content = copy.deepcopy(of)
    for place, value in edits:
        *steps, last = place.split(".")
        target: Any = content
        for step in steps:
            target = next(iter(target["paths"].values())) if step == "p" else _at(target, step)
        key: Any = int(last) if isinstance(target, list) else last
        if value is GONE:
            del target[key]
        elif isinstance(target, list) and key == len(target):
            target.append(value)
        else:
            target[key] = value
    return Document(content, "shelves.yaml")


def describe_changes(*edits: tuple[str, Any], before: tuple[tuple[str, Any], ...] = ()) -> list[str]:
    """Return the text of each change from one edited copy to another."""
    return [str(change) for change in find_changes(document(*before), document(*edits))]


def _at(target: Any, step: str) -> Any:
    return target[int(step)] if isinstance(target, list) else target[step]
