"""Each kind of change between two documents, with its exact text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_diff.documents import Document
from openapi_diff.operation_changes import find_changes
from openapi_documents import BASE, GONE, describe_changes, document
from postman_openapi.losses import SpecError

GET, PUT = "GET /shelves/{shelfId}", "PUT /shelves/{shelfId}"
LIMIT, ORDER = f"{GET}: query parameter limit", f"{GET}: query parameter order"
PARAMETERS = "p.get.parameters"
BOOK = "components.schemas.Book"
ITEM = BASE["paths"]["/shelves/{shelfId}"]
JSON = "application/json"


def move_operations(path: str, *, name: str = "shelfId") -> dict[str, Any]:
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    parameters = [parameter, *ITEM["get"]["parameters"][1:]]
    return {path: {"get": {**ITEM["get"], "parameters": parameters}, "put": {**ITEM["put"], "parameters": [parameter]}}}


def body(**more: Any) -> dict[str, Any]:
    return {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Shelf"}}}, **more}


# Each entry has a label, an edit, the text of its changes, and the text of undoing it, or None.
OPERATIONS = [
    (
        "operation",
        ("p.put", GONE),
        [f"{PUT}: operation removed: putShelf (breaking)"],
        [f"{PUT}: operation added: putShelf (feature)"],
    ),
    (
        "operation's name",
        ("p.get.operationId", "readShelf"),
        [f"{GET}: operation renamed from getShelf to readShelf (breaking)"],
        [f"{GET}: operation renamed from readShelf to getShelf (breaking)"],
    ),
    (
        "operation's path",
        ("paths", move_operations("/racks/{shelfId}")),
        [
            "GET /racks/{shelfId}: operation moved from GET /shelves/{shelfId} to GET /racks/{shelfId} (breaking)",
            "PUT /racks/{shelfId}: operation moved from PUT /shelves/{shelfId} to PUT /racks/{shelfId} (breaking)",
        ],
        None,
    ),
    (
        "path parameter's name",
        ("paths", move_operations("/shelves/{id}", name="id")),
        [
            "GET /shelves/{id}: path parameter id: parameter renamed from shelfId to id (breaking)",
            "PUT /shelves/{id}: path parameter id: parameter renamed from shelfId to id (breaking)",
        ],
        None,
    ),
    (
        "operation deprecated",
        ("p.get.deprecated", True),
        [f"{GET}: now deprecated (feature)"],
        [f"{GET}: no longer deprecated (fix)"],
    ),
    (
        "operation's words",
        ("p.get.summary", "Get a shelf"),
        [f"{GET}: documentation changed (fix)"],
        [f"{GET}: documentation changed (fix)"],
    ),
    (
        "operation's first tag",
        ("p.get.tags", ["Rack"]),
        [f"{GET}: first tag changed from Shelf to Rack (breaking)"],
        [f"{GET}: first tag changed from Rack to Shelf (breaking)"],
    ),
    (
        "operation's other tags",
        ("p.get.tags", ["Shelf", "Rack"]),
        [f"{GET}: documentation changed (fix)"],
        [f"{GET}: documentation changed (fix)"],
    ),
    (
        "operation's own servers",
        ("p.get.servers", [{"url": "https://three.example"}]),
        [f"{GET}: its own servers changed (breaking)"],
        [f"{GET}: its own servers changed (breaking)"],
    ),
    (
        "unknown change",
        ("p.get.callbacks", {}),
        [f"{GET}: changed in an unknown way: look at it: callbacks (breaking)"],
        [f"{GET}: changed in an unknown way: look at it: callbacks (breaking)"],
    ),
]
OF_PARAMETERS = [
    (
        "optional parameter",
        (f"{PARAMETERS}.4", {"name": "q", "in": "query", "schema": {"type": "string"}}),
        [f"{GET}: query parameter q: parameter added: optional (feature)"],
        [f"{GET}: query parameter q: parameter removed: optional (breaking)"],
    ),
    (
        "required parameter",
        (f"{PARAMETERS}.4", {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}),
        [f"{GET}: query parameter q: parameter added: required (breaking)"],
        [f"{GET}: query parameter q: parameter removed: required (breaking)"],
    ),
    (
        "parameter required",
        (f"{PARAMETERS}.1.required", True),
        [f"{LIMIT}: now required (breaking)"],
        [f"{LIMIT}: no longer required (feature)"],
    ),
    (
        "parameter's name in case",
        (f"{PARAMETERS}.1.name", "Limit"),
        [f"{GET}: query parameter Limit: parameter renamed in case only from limit to Limit (breaking)"],
        [f"{LIMIT}: parameter renamed in case only from Limit to limit (breaking)"],
    ),
    ("header's name in case, which has none", (f"{PARAMETERS}.3.name", "x-trace"), [], []),
    (
        "parameter's type",
        (f"{PARAMETERS}.3.schema.type", "integer"),
        [f"{GET}: header parameter X-Trace: type changed from string to integer (breaking)"],
        [f"{GET}: header parameter X-Trace: type changed from integer to string (breaking)"],
    ),
    (
        "parameter's default",
        (f"{PARAMETERS}.1.schema.default", 30),
        [f"{LIMIT}: default changed from 20 to 30 (breaking)"],
        [f"{LIMIT}: default changed from 30 to 20 (breaking)"],
    ),
    (
        "default removed",
        (f"{PARAMETERS}.1.schema.default", GONE),
        [f"{LIMIT}: default changed from 20 to none (breaking)"],
        [f"{LIMIT}: default changed from none to 20 (breaking)"],
    ),
    (
        "enum's values",
        (f"{PARAMETERS}.2.schema.enum", ["up", "down", "any"]),
        [f"{ORDER}: value added: any (feature)"],
        [f"{ORDER}: value removed: any (breaking)"],
    ),
    (
        "enum",
        (f"{PARAMETERS}.2.schema.enum", GONE),
        [f"{ORDER}: no longer limited to values: up, down (feature)"],
        [f"{ORDER}: limited to values: up, down (breaking)"],
    ),
    (
        "upper limit",
        (f"{PARAMETERS}.1.schema.maximum", 200),
        [f"{LIMIT}: limit changed from maximum 100 to maximum 200 (feature)"],
        [f"{LIMIT}: limit changed from maximum 200 to maximum 100 (breaking)"],
    ),
    (
        "lower limit",
        (f"{PARAMETERS}.1.schema.minimum", 0),
        [f"{LIMIT}: limit changed from minimum 1 to minimum 0 (feature)"],
        [f"{LIMIT}: limit changed from minimum 0 to minimum 1 (breaking)"],
    ),
    (
        "limit removed",
        (f"{PARAMETERS}.1.schema.maximum", GONE),
        [f"{LIMIT}: limit changed from maximum 100 to no maximum (feature)"],
        [f"{LIMIT}: limit changed from no maximum to maximum 100 (breaking)"],
    ),
    (
        "parameter's style",
        (f"{PARAMETERS}.2.explode", False),
        [f"{ORDER}: serialization changed from form, exploded to form, not exploded (breaking)"],
        [f"{ORDER}: serialization changed from form, not exploded to form, exploded (breaking)"],
    ),
    ("what is implied, said", (f"{PARAMETERS}.2.style", "form"), [], []),
    (
        "parameter's words",
        (f"{PARAMETERS}.1.description", "How many."),
        [f"{LIMIT}: documentation changed (fix)"],
        [f"{LIMIT}: documentation changed (fix)"],
    ),
    (
        "parameter deprecated",
        (f"{PARAMETERS}.1.deprecated", True),
        [f"{LIMIT}: now deprecated (feature)"],
        [f"{LIMIT}: no longer deprecated (fix)"],
    ),
]
OF_BODIES_AND_ANSWERS = [
    (
        "request body",
        ("p.put.requestBody", GONE),
        [f"{PUT}: request body removed (breaking)"],
        [f"{PUT}: request body added: optional (feature)"],
    ),
    (
        "required request body",
        ("p.get.requestBody", body(required=True)),
        [f"{GET}: request body added: required (breaking)"],
        [f"{GET}: request body removed (breaking)"],
    ),
    (
        "request body required",
        ("p.put.requestBody", body(required=True)),
        [f"{PUT}: request body: now required (breaking)"],
        [f"{PUT}: request body: no longer required (feature)"],
    ),
    (
        "media type",
        ("p.put.requestBody.content.text/plain", {}),
        [f"{PUT}: request body: media type added: text/plain (feature)"],
        [f"{PUT}: request body: media type removed: text/plain (breaking)"],
    ),
    (
        "error status",
        ("p.get.responses.403", {"description": "No."}),
        [f"{GET}: status added: 403 (feature)"],
        [f"{GET}: status removed: 403 (fix)"],
    ),
    (
        "success status",
        ("p.put.responses.200", {"description": "Yes."}),
        [f"{PUT}: status added: 200 (feature)"],
        [f"{PUT}: status removed: 200 (breaking)"],
    ),
    (
        "status's words",
        ("p.get.responses.404.description", "None such."),
        [f"{GET}: status 404: documentation changed (fix)"],
        [f"{GET}: status 404: documentation changed (fix)"],
    ),
]
AROUND = [
    (
        "scope of an operation",
        ("p.get.security.2", {"login": ["write"]}),
        [f"{GET}: may be called with: oauth2 write (feature)"],
        [f"{GET}: may no longer be called with: oauth2 write (breaking)"],
    ),
    (
        "fewer scopes",
        ("p.get.security", [{"login": []}, {"basic": []}]),
        [f"{GET}: may no longer be called with: oauth2 read (feature)", f"{GET}: may be called with: oauth2 (feature)"],
        [
            f"{GET}: may no longer be called with: oauth2 (breaking)",
            f"{GET}: may be called with: oauth2 read (feature)",
        ],
    ),
    (
        "document's security",
        ("security", [{"basic": []}]),
        [
            f"{PUT}: may no longer be called with: no credentials (breaking)",
            f"{PUT}: may be called with: basic (feature)",
        ],
        [
            f"{PUT}: may no longer be called with: basic (feature)",
            f"{PUT}: may be called with: no credentials (feature)",
        ],
    ),
    (
        "server",
        ("servers.2", {"url": "https://three.example"}),
        ["server https://three.example: server added (feature)"],
        ["server https://three.example: server removed (breaking)"],
    ),
    (
        "first server",
        ("servers", [*reversed(BASE["servers"])]),
        ["document: first server changed from https://one.example/api to https://two.example/api (breaking)"],
        ["document: first server changed from https://two.example/api to https://one.example/api (breaking)"],
    ),
    (
        "server's variables",
        ("servers.0.variables", {"a": {"default": "b"}}),
        ["server https://one.example/api: server's variables changed (breaking)"],
        ["server https://one.example/api: server's variables changed (breaking)"],
    ),
    (
        "server's words",
        ("servers.0.description", "first"),
        ["server https://one.example/api: documentation changed (fix)"],
        ["server https://one.example/api: documentation changed (fix)"],
    ),
    (
        "security scheme",
        ("components.securitySchemes.key", {"type": "apiKey", "name": "k", "in": "header"}),
        ["security scheme key: security scheme added (feature)"],
        ["security scheme key: security scheme removed (breaking)"],
    ),
    (
        "security scheme's address",
        ("components.securitySchemes.login.flows.authorizationCode.tokenUrl", "https://two.example/token"),
        ["security scheme login: security scheme changed (breaking)"],
        ["security scheme login: security scheme changed (breaking)"],
    ),
    (
        "security scheme's scopes",
        ("components.securitySchemes.login.flows.authorizationCode.scopes.erase", "Erase"),
        ["security scheme login: scope added: erase (feature)"],
        ["security scheme login: scope removed: erase (breaking)"],
    ),
    (
        "security scheme's words",
        ("components.securitySchemes.basic.description", "By name and word."),
        ["security scheme basic: documentation changed (fix)"],
        ["security scheme basic: documentation changed (fix)"],
    ),
    (
        "document's words",
        ("info.version", "1.0.1"),
        ["document: documentation changed (fix)"],
        ["document: documentation changed (fix)"],
    ),
    (
        "unknown change",
        ("webhooks", {}),
        ["document: changed in an unknown way: look at it: webhooks (breaking)"],
        ["document: changed in an unknown way: look at it: webhooks (breaking)"],
    ),
]
ALL = [*OPERATIONS, *OF_PARAMETERS, *OF_BODIES_AND_ANSWERS, *AROUND]


@pytest.mark.parametrize(("edit", "changes", "undo_changes"), [each[1:] for each in ALL], ids=[each[0] for each in ALL])
def test_change_is_reported_once_with_exact_text(
    edit: tuple[str, Any], changes: list[str], undo_changes: list[str] | None
) -> None:
    assert sorted(describe_changes(edit)) == sorted(changes)
    if undo_changes is not None:
        assert sorted(describe_changes(before=(edit,))) == sorted(undo_changes)


def test_equivalent_documents_have_no_changes() -> None:
    assert describe_changes() == []
    inline = ("p.put.parameters", [BASE["components"]["parameters"]["ShelfId"]])
    shared = ("p.parameters", [BASE["components"]["parameters"]["ShelfId"]])
    of_the_path = ("p.put.parameters", GONE)
    assert describe_changes(inline) == describe_changes(shared) == describe_changes(shared, of_the_path) == []
    assert describe_changes(of_the_path) == [f"{PUT}: path parameter shelfId: parameter removed: required (breaking)"]
    assert describe_changes(("components.schemas.Unused", {"type": "string"})) == [], "no operation uses it"


def test_change_of_a_path_is_reported_for_its_operations() -> None:
    servers = ("p.servers", [{"url": "https://three.example"}])
    assert describe_changes(servers) == [f"{place}: its own servers changed (breaking)" for place in (GET, PUT)]


def test_renamed_security_scheme_does_not_change_operations() -> None:
    schemes = BASE["components"]["securitySchemes"]
    renamed = describe_changes(
        ("components.securitySchemes", {"simple": schemes["basic"], "login": schemes["login"]}),
        ("p.get.security", [{"login": ["read"]}, {"simple": []}]),
    )
    assert renamed == [
        "security scheme basic: security scheme removed (breaking)",
        "security scheme simple: security scheme added (feature)",
    ]


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (("openapi", "2.0"), "/openapi: must be an OpenAPI document of version 3"),
        (("openapi", GONE), "/openapi: must be an OpenAPI document of version 3"),
        (("paths", []), "/paths: an object is expected, not a list"),
        (("p.get.parameters", {}), "GET /shelves/{shelfId}: a list is expected, not an object"),
        ((f"{BOOK}.properties", 1), "responses: Shelf.books[]: an object is expected, not a number"),
        (("p.put.parameters.0.$ref", "#/components/parameters/None"), "leads nowhere"),
        (("p.put.parameters.0.$ref", "other.yaml#/x"), "leads out of the document"),
        (("components.parameters.ShelfId", {"$ref": "#/components/parameters/ShelfId"}), "references form a circle"),
        ((f"{BOOK}.allOf", [{"$ref": "#/components/schemas/Book"}]), "allOf forms a circle"),
    ],
)
def test_malformed_document_is_refused(edit: tuple[str, Any], part: str) -> None:
    for documents in ((document(edit), document()), (document(), document(edit))):
        with pytest.raises(SpecError) as error:
            find_changes(*documents)
        assert part in str(error.value)


PLACES = [
    "paths",
    "p.get",
    "p.get.parameters",
    "p.get.parameters.1.schema",
    "p.get.responses.200",
    "components",
    BOOK,
    f"{BOOK}.properties.pages",
    "servers",
    "p.get.security",
    "p.put.requestBody",
    "components.securitySchemes.login.flows",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "#/components/schemas/Book"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$ref",
                    "type",
                    "enum",
                    "allOf",
                    "items",
                    "properties",
                    "get",
                    "schema",
                    "content",
                    "additionalProperties",
                    "oneOf",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_document_is_compared_or_refused(place: str, value: Any) -> None:
    odd = document((place, value))
    for documents in ((odd, document()), (document(), odd), (odd, odd)):
        try:
            found = find_changes(*documents)
        except SpecError:
            continue
        assert documents[0] is not documents[1] or found == []
        assert all(str(change) for change in found)


def test_compared_documents_are_not_modified() -> None:
    before, after = document(), document((f"{BOOK}.required", ["title", "pages"]))
    copies = document(), document((f"{BOOK}.required", ["title", "pages"]))
    assert isinstance(before, Document)
    find_changes(before, after)
    assert (before, after) == copies
