"""Each kind of change in a schema that PUT sends and GET returns: what it breaks depends on the direction."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_documents import GONE, describe_changes

GET = "GET /shelves/{shelfId}"
SHELF, BOOK = "components.schemas.Shelf", "components.schemas.Book"

# Each entry has a label, an edit, the text of its changes, and the text of undoing it.
OF_SCHEMAS = [
    (
        "optional field",
        (f"{BOOK}.properties.author", {"type": "string"}),
        [
            "responses: Book.author: field added: optional (feature)",
            "requests: Book.author: field added: optional (feature)",
        ],
        ["responses: Book.author: field removed (breaking)", "requests: Book.author: field removed (breaking)"],
    ),
    (
        "required field",
        (
            "components.schemas.Person",
            {
                "type": "object",
                "required": ["born"],
                "properties": {"name": {"type": "string"}, "born": {"type": "integer"}},
            },
        ),
        [
            "responses: Person.born: field added: required (feature)",
            "requests: Person.born: field added: required (breaking)",
        ],
        ["responses: Person.born: field removed (breaking)", "requests: Person.born: field removed (breaking)"],
    ),
    (
        "field's type",
        (f"{BOOK}.properties.pages", {"type": "string"}),
        [
            "responses: Book.pages: type changed from integer to string (breaking)",
            "requests: Book.pages: type changed from integer to string (breaking)",
        ],
        [
            "responses: Book.pages: type changed from string to integer (breaking)",
            "requests: Book.pages: type changed from string to integer (breaking)",
        ],
    ),
    (
        "format that is a type",
        (f"{BOOK}.properties.title.format", "date-time"),
        [
            "responses: Book.title: format changed from none to date-time (breaking)",
            "requests: Book.title: format changed from none to date-time (breaking)",
        ],
        [
            "responses: Book.title: format changed from date-time to none (breaking)",
            "requests: Book.title: format changed from date-time to none (breaking)",
        ],
    ),
    (
        "format that is none",
        (f"{BOOK}.properties.pages.format", "int64"),
        [
            "responses: Book.pages: format changed from int32 to int64 (fix)",
            "requests: Book.pages: format changed from int32 to int64 (fix)",
        ],
        [
            "responses: Book.pages: format changed from int64 to int32 (fix)",
            "requests: Book.pages: format changed from int64 to int32 (fix)",
        ],
    ),
    (
        "field required",
        (f"{BOOK}.required", ["title", "pages"]),
        ["responses: Book.pages: now required (feature)", "requests: Book.pages: now required (breaking)"],
        ["responses: Book.pages: no longer required (breaking)", "requests: Book.pages: no longer required (feature)"],
    ),
    (
        "field nullable",
        (f"{BOOK}.properties.title.nullable", True),
        ["responses: Book.title: may now be null (breaking)", "requests: Book.title: may now be null (feature)"],
        [
            "responses: Book.title: may no longer be null (feature)",
            "requests: Book.title: may no longer be null (breaking)",
        ],
    ),
    (
        "nullable where the schema has a name",
        (f"{SHELF}.properties.owner.nullable", False),
        [
            "responses: Shelf.owner: may no longer be null (feature)",
            "requests: Shelf.owner: may no longer be null (breaking)",
        ],
        ["responses: Shelf.owner: may now be null (breaking)", "requests: Shelf.owner: may now be null (feature)"],
    ),
    ("null as version 3.1 has it", (f"{SHELF}.properties.id.type", ["string"]), [], []),
    (
        "enum's values",
        (f"{BOOK}.properties.state.enum", ["in", "out", "lost"]),
        ["responses: Book.state: value added: lost (feature)", "requests: Book.state: value added: lost (feature)"],
        ["responses: Book.state: value removed: lost (fix)", "requests: Book.state: value removed: lost (breaking)"],
    ),
    (
        "enum",
        (f"{BOOK}.properties.state.enum", GONE),
        [
            "responses: Book.state: no longer limited to values: in, out (feature)",
            "requests: Book.state: no longer limited to values: in, out (feature)",
        ],
        [
            "responses: Book.state: limited to values: in, out (fix)",
            "requests: Book.state: limited to values: in, out (breaking)",
        ],
    ),
    (
        "field's default",
        (f"{BOOK}.properties.state.default", "in"),
        [
            'responses: Book.state: default changed from none to "in" (fix)',
            'requests: Book.state: default changed from none to "in" (breaking)',
        ],
        [
            'responses: Book.state: default changed from "in" to none (fix)',
            'requests: Book.state: default changed from "in" to none (breaking)',
        ],
    ),
    (
        "field's limit",
        (f"{BOOK}.properties.title.maxLength", 9),
        [
            "responses: Book.title: limit changed from no maxLength to maxLength 9 (fix)",
            "requests: Book.title: limit changed from no maxLength to maxLength 9 (breaking)",
        ],
        [
            "responses: Book.title: limit changed from maxLength 9 to no maxLength (fix)",
            "requests: Book.title: limit changed from maxLength 9 to no maxLength (feature)",
        ],
    ),
    (
        "other fields",
        (f"{BOOK}.additionalProperties", False),
        [
            "responses: Book: other fields are now refused (fix)",
            "requests: Book: other fields are now refused (breaking)",
        ],
        [
            "responses: Book: other fields are now allowed (feature)",
            "requests: Book: other fields are now allowed (feature)",
        ],
    ),
    (
        "type of the entries of a list",
        (f"{SHELF}.properties.books.items", {"type": "string"}),
        [
            "responses: Book: type changed from object to string (breaking)",
            "requests: Book: type changed from object to string (breaking)",
        ],
        [
            "responses: Book: type changed from string to object (breaking)",
            "requests: Book: type changed from string to object (breaking)",
        ],
    ),
    (
        "field's words",
        (f"{BOOK}.properties.title.description", "On the cover."),
        ["responses: Book.title: documentation changed (fix)", "requests: Book.title: documentation changed (fix)"],
        ["responses: Book.title: documentation changed (fix)", "requests: Book.title: documentation changed (fix)"],
    ),
    (
        "words around a schema with a name",
        (f"{SHELF}.properties.owner.description", "Who has it."),
        ["responses: Shelf.owner: documentation changed (fix)", "requests: Shelf.owner: documentation changed (fix)"],
        ["responses: Shelf.owner: documentation changed (fix)", "requests: Shelf.owner: documentation changed (fix)"],
    ),
    (
        "field deprecated",
        (f"{BOOK}.properties.pages.deprecated", True),
        ["responses: Book.pages: now deprecated (feature)", "requests: Book.pages: now deprecated (feature)"],
        ["responses: Book.pages: no longer deprecated (fix)", "requests: Book.pages: no longer deprecated (fix)"],
    ),
    (
        "what nobody thought of",
        (f"{BOOK}.properties.title.readOnly", True),
        [
            f"{side}: Book.title: changed in an unknown way: look at it: readOnly (breaking)"
            for side in ("responses", "requests")
        ],
        [
            f"{side}: Book.title: changed in an unknown way: look at it: readOnly (breaking)"
            for side in ("responses", "requests")
        ],
    ),
]


@pytest.mark.parametrize(
    ("edit", "changes", "undo_changes"), [each[1:] for each in OF_SCHEMAS], ids=[each[0] for each in OF_SCHEMAS]
)
def test_change_is_reported_for_requests_and_responses(
    edit: tuple[str, Any], changes: list[str], undo_changes: list[str]
) -> None:
    assert sorted(describe_changes(edit)) == sorted(changes)
    assert sorted(describe_changes(before=(edit,))) == sorted(undo_changes)


def test_renamed_or_inline_schema_is_compared() -> None:
    person = {"type": "object", "properties": {"name": {"type": "integer"}}}
    renamed = describe_changes(
        ("components.schemas.Human", person),
        (f"{SHELF}.properties.owner.allOf", [{"$ref": "#/components/schemas/Human"}]),
    )
    assert "responses: Person: schema renamed from Person to Human (fix)" in renamed
    assert "responses: Person.name: type changed from string to integer (breaking)" in renamed
    inline = describe_changes((f"{SHELF}.properties.owner", {**person, "nullable": True}))
    assert sorted(inline) == [
        "requests: Person.name: type changed from string to integer (breaking)",
        "responses: Person.name: type changed from string to integer (breaking)",
    ]


def test_alternatives_are_compared() -> None:
    one = (
        "p.get.responses.200.content.application/json.schema",
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "string"}}}]},
    )
    other = (
        "p.get.responses.200.content.application/json.schema",
        {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "string"}]},
    )
    assert describe_changes(other, before=(one,)) == [
        f"{GET}: status 200: alternative 1.a: type changed from string to integer (breaking)"
    ]
    fewer = (one[0], {"type": "string"})
    assert describe_changes(fewer, before=(one,)) == [
        f"{GET}: status 200: type changed from object or string to string (breaking)"
    ]


def test_circular_schema_in_one_document_is_compared() -> None:
    endless = {"additionalProperties": {"$ref": "#/components/schemas/Book"}}
    assert describe_changes((BOOK, {}), before=((BOOK, endless),)) == []
