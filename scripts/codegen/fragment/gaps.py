"""Find what the overlay does not say about an operation: its tag, its scopes and the names of its schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openapi_diff.documents import Document, Operation, operations
from postman_openapi.losses import SpecError, raise_together

OVERLAY = "openapi/overlay.yaml"
JSON = "application/json"
DECIDE = "decide:"  # marks what a person must choose in a stanza that is ready to paste
REFERENCE = "'#/components/schemas/NAME'"


def refuse_gaps(document: Mapping[str, Any], fragment: str) -> None:
    """Check that every operation has a tag, scopes, a success status and named schemas.

    Raises:
        SpecError: one lacks something; the error has the overlay action to add.
        ExceptionGroup: several things are missing.
    """
    whole = Document(document, fragment)
    tags = {str(each.get("name")) for each in document.get("tags", [])}
    raise_together(
        [
            SpecError(OVERLAY, "", f"{each.place} ({each.name}) {gap}")
            for each in operations(whole)
            for gap in find_gaps(each, tags)
        ]
    )


def find_gaps(operation: Operation, tags: set[str]) -> Iterator[str]:
    """Yield what an operation lacks, with the action to add."""
    target = f"$.paths['{operation.path}'].{operation.method.lower()}"
    named = operation.content.get("tags") or []
    if len(named) != 1:
        found = f"has the tags {', '.join(named)} instead of one" if named else "has no tag"
        yield f"{found}: {_action(target, f'tags: [{DECIDE} one of {_list(tags)}]')}"
    for tag in named:
        if tag not in tags:
            listed = f"tags: [{{name: {tag}, description: {DECIDE} a text}}]"
            yield f"has the tag {tag}, which is not listed: {_action('$', listed)}"
    if not any(scopes for way in operation.content.get("security") or [] for scopes in way.values()):
        yield f"names no scope: {_action(f'{target}.security[0].oauth2', f'{DECIDE} the classic scope')}"
    responses = operation.content.get("responses", {})
    if not any(str(status).startswith("2") for status in responses):
        yield f"documents no success: {_action(f'{target}.responses', f'{DECIDE} a status with its description')}"
    bodies = {f".responses['{status}']": answer for status, answer in responses.items()}
    bodies[".requestBody"] = operation.content.get("requestBody", {})
    for place, body in bodies.items():
        content = body.get("content", {})
        if JSON in content:
            yield from _schema_gaps(f"{target}{place}.content['{JSON}']", place[1:], content[JSON].get("schema"))


def _schema_gaps(target: str, place: str, schema: Any) -> Iterator[str]:
    """Yield that a schema is missing, or still the one that the examples have given."""
    if isinstance(schema, dict) and "$ref" in schema:
        return
    named = _action(target, f"schema: {{$ref: {REFERENCE}}}")
    if schema is None:
        yield f"has no schema in {place}: {named}"
    else:
        removed = f"{{target: {target}.schema, remove: true}}"
        yield f"has a schema without a name, which only shows its examples, in {place}: add {removed} and {named}"


def _action(target: str, update: str) -> str:
    return f"add {{target: {target}, update: {{{update}}}}}"


def _list(names: set[str]) -> str:
    return " or ".join(sorted(names)) or "none is listed yet"
