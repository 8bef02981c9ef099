"""Read the bodies of requests and responses, in all of Postman's forms, as media types and schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from attrs import evolve, frozen

from ..json_nodes import Node, parse_json
from ..losses import Loss, SpecError, recording_loss
from ..model import Body, Example
from ..schema_inference import (
    ANYTHING,
    Schema,
    Unknown,
    example_schema,
    has_placeholders,
    merge_schemas,
    placeholder_schema,
    stands_for_a_value,
)
from ..secrets import MAY_BE_SECRET, is_secret, redact, redact_text
from .bookkeeping import known_fields
from .lenient_json import read_lenient_json
from .parameter_rows import build_parameters, read_fields
from .variables import REFERENCE, Variables, find_variable, resolve_name, resolve_rows, resolve_variables

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BYTES = "application/octet-stream"
TEXT = "text/plain"
BYTE_ORDER_MARK = "\ufeff"
FORMS = {"urlencoded": FORM, "formdata": MULTIPART}
LANGUAGES = {"json": JSON, "xml": "application/xml", "html": "text/html", "javascript": "application/javascript"}
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+")
KNOWN = ("mode", "raw", "urlencoded", "formdata", "file", "graphql", "options", "disabled")
# What Postman puts in by itself: https://learning.postman.com/docs/tests-and-scripts/write-scripts/variables-list/
DYNAMIC = {"$timestamp": "<integer>", "$randomInt": "<integer>", "$randomBoolean": "<boolean>"}
TYPES: dict[type, str] = {bool: "<boolean>", int: "<integer>", float: "<number>"}


def media_type(text: str) -> str:
    """Return the media type in a header value without parameters, or an empty string."""
    found = MEDIA_TYPE.fullmatch(text.partition(";")[0].strip())
    return found[0].lower() if found and "*" not in found[0] else ""


def is_json(kind: str) -> bool:
    """Check whether bodies of a media type are JSON."""
    return kind in (JSON, "text/json") or kind.endswith("+json")


def read_body(node: Node, kind: str, name: str, variables: Variables, losses: list[Loss]) -> Body | None:
    """Return the body of a request, or None if it has none.

    Args:
        node: the body as Postman writes it.
        kind: the media type from the header; may be empty.
        name: the name of the request, for its examples.
        variables: the values of ``{{name}}``.
        losses: receives the losses.

    Raises:
        SpecError: the form of the body is unknown.
    """
    body = known_fields(node, KNOWN, losses)
    if "disabled" in body and body["disabled"].value is True:
        losses.append(node.loss("a disabled body", "it is not sent"))
        return None
    if "mode" not in body:
        return None if not body else node.fail("'mode' is missing")
    mode = body["mode"].text()
    if mode not in MODES:
        body["mode"].fail(f"unknown mode; the known ones are {', '.join(MODES)}")
    return MODES[mode](body, _Context(kind, name, variables), losses)


@frozen
class _Context:
    """The surroundings of a body."""

    kind: str  # the media type from the header; may be empty
    name: str  # of the request or response, for the examples
    variables: Variables


def read_text_body(
    node: Node, kind: str, name: str, variables: Variables, losses: list[Loss], *, language: str = ""
) -> Body | None:
    """Return a body that is written as text, or None if it is empty.

    JSON may contain comments, variables instead of values, and mistakes. Malformed content is a loss; its media type
    stays.
    """
    text = node.text().removeprefix(BYTE_ORDER_MARK)
    if REFERENCE.fullmatch(text.strip()):
        text = _whole_body(text.strip(), variables)
    node = evolve(node, value=text)
    if not text.strip():
        return None
    kind = kind or LANGUAGES.get(language, "")
    if not kind:
        kind = JSON if text.lstrip()[0] in "{[" and _is_json_text(node) else TEXT
    if schema := placeholder_schema(text.strip()):
        return Body(kind, schema, node.pointer)
    if not is_json(kind):
        if "xml" in kind:
            losses.append(node.loss("the structure of a body", "XML becomes a string"))
        if stands_for_a_value(text.strip()):
            return Body(kind, {"type": "string"}, node.pointer)
        if text != (safe := redact_text(text)):
            losses.append(node.loss("the value of a secret in a body", MAY_BE_SECRET))
        return Body(kind, {"type": "string", "example": safe}, node.pointer, (Example(name, safe),))
    with recording_loss("the content of a body", losses):
        mistakes: list[Loss] = []
        parsed = _read_json(node, variables, mistakes, losses)
        losses += mistakes
        examples = () if has_placeholders(parsed.value) else (Example(name, parsed.value),)
        return Body(kind, example_schema(parsed, losses), node.pointer, examples, is_malformed=bool(mistakes))
    return Body(kind, dict(ANYTHING), node.pointer, is_malformed=True)


def merge_bodies(bodies: Iterable[tuple[Body, str]], losses: list[Loss]) -> tuple[Body, ...]:
    """Return one body per media type that accepts all given bodies, with all their examples.

    Args:
        bodies: each body with the item that it comes from.
        losses: receives the losses.
    """
    whole: dict[str, Body] = {}
    examples: dict[str, list[Example]] = {}
    for body, where in bodies:
        known = whole.setdefault(body.media_type, body)
        examples.setdefault(body.media_type, []).extend(body.examples)
        if known.is_malformed and (known.schema == ANYTHING or not body.is_malformed):  # the well-formed bodies win
            whole[body.media_type] = body
        elif known is not body and known.is_malformed == body.is_malformed:
            schema = merge_schemas(known.schema, body.schema, Node(None, where, body.pointer), losses)
            whole[body.media_type] = evolve(known, schema=schema)
    return tuple(evolve(body, examples=_unique_examples(examples[kind])) for kind, body in whole.items())


def _unique_examples(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return the examples without duplicates, each with a unique name."""
    once: dict[str, Example] = {}
    for example in examples:
        once.setdefault(repr(example.value), example)  # repr, because True == 1 in Python
    named: dict[str, Example] = {}
    times: dict[str, int] = {}
    for example in once.values():
        name = example.name
        while name in named:
            times[example.name] = times.get(example.name, 1) + 1
            name = f"{example.name} ({times[example.name]})"
        named[name] = evolve(example, name=name)
    return tuple(named.values())


def _read_raw(body: dict[str, Node], context: _Context, losses: list[Loss]) -> Body | None:
    if "raw" not in body:
        return None
    language = ""
    with recording_loss("the options of a body", losses):
        if "options" in body:
            raw = known_fields(body["options"], ("raw",), losses).get("raw")
            options = known_fields(raw, ("language", "headerFamily"), losses) if raw else {}
            language = options["language"].text() if "language" in options else ""
    if context.kind == FORM:
        pairs = [pair.partition("=") for pair in body["raw"].text().strip().split("&") if pair.strip()]
        rows = [{"key": unquote_plus(key), "value": unquote_plus(value)} for key, _, value in pairs]
        return _build_form("urlencoded", evolve(body["raw"], value=rows), context, losses)
    return read_text_body(body["raw"], context.kind, context.name, context.variables, losses, language=language)


def _table_reader(mode: str) -> Callable[[dict[str, Node], _Context, list[Loss]], Body | None]:
    """Return a reader for a form that is written as a table."""
    return lambda body, context, losses: _build_form(mode, body[mode], context, losses) if mode in body else None


def _build_form(mode: str, table: Node, context: _Context, losses: list[Loss]) -> Body | None:
    """Return the body that the rows of a form describe, or None if there are none."""
    rows = [row for row in read_fields(table, "a form field", losses) if not row.is_security]
    rows = resolve_rows("form", rows, context.variables, losses)
    if not rows:
        return None
    schema: Schema = {"type": "object", "properties": {}}
    required = []
    for field in build_parameters("form", rows, losses):
        described = {"description": field.description} if field.description else {}
        shown = {"example": field.example} if field.example is not None else {}
        schema["properties"][field.name] = {**field.schema, **described, **shown}
        required += [field.name] if field.required else []
    if required:
        schema["required"] = required
    return Body(context.kind or FORMS[mode], schema, table.pointer)


def _read_file(body: dict[str, Node], context: _Context, _losses: list[Loss]) -> Body:
    return Body(context.kind or BYTES, {"type": "string", "format": "binary"}, body["mode"].pointer)


def _read_graphql(body: dict[str, Node], _context: _Context, losses: list[Loss]) -> Body:
    node = body.get("graphql", body["mode"])
    losses.append(node.loss("a GraphQL query", "OpenAPI describes only the JSON around it"))
    members = {"query": {"type": "string"}, "variables": {"type": "object"}}
    return Body(JSON, {"type": "object", "properties": members, "required": ["query"]}, node.pointer)


MODES: dict[str, Callable[[dict[str, Node], _Context, list[Loss]], Body | None]] = {
    "raw": _read_raw,
    "urlencoded": _table_reader("urlencoded"),
    "formdata": _table_reader("formdata"),
    "file": _read_file,
    "graphql": _read_graphql,
}


def _read_json(node: Node, variables: Variables, mistakes: list[Loss], losses: list[Loss]) -> Node:
    """Return the JSON in a string, with variables instead of values and keys resolved, and without secrets.

    Args:
        node: the string.
        variables: the values of ``{{name}}``.
        mistakes: receives a loss if the text is not JSON.
        losses: receives the other losses.

    Raises:
        SpecError: it is not JSON, or its variables refer to each other in a circle.
    """
    read = read_lenient_json(node, partial(_unquoted_value, variables, node), mistakes)
    named = evolve(read, value=_resolve_keys(read.value, variables, node, losses))
    redacted = evolve(named, value=redact(named.value))
    if redacted.value != named.value:
        losses.append(node.loss("the value of a secret in a body", MAY_BE_SECRET))
    return redacted


def _whole_body(reference: str, variables: Variables) -> str:
    """Return the value of a variable that is a whole body if the value is an object or a list, else the reference."""
    text, seen = reference, set[str]()
    while found := REFERENCE.fullmatch(text.strip()):
        row = find_variable(found[1], variables)
        if row is None or found[1] in seen or is_secret(found[1]):
            return reference
        seen.add(found[1])
        text = row.value
    return text if text.lstrip()[:1] in ("{", "[") else reference


def _unquoted_value(variables: Variables, node: Node, name: str) -> Any:
    """Return the value of an unquoted variable: JSON or a text. A value that may be secret becomes its type."""
    reference = f"{{{{{name}}}}}"
    text = resolve_variables(reference, variables, node)
    if REFERENCE.search(text) or not text.strip():
        return DYNAMIC.get(name, Unknown(reference))
    value: Any = text
    with recording_loss("", []):
        value = parse_json(text, node.where).value
    if is_secret(name) and not isinstance(value, dict | list):
        return TYPES.get(type(value), "<string>")
    return value


def _resolve_keys(value: Any, variables: Variables, node: Node, losses: list[Loss]) -> Any:
    if isinstance(value, list):
        return [_resolve_keys(each, variables, node, losses) for each in value]
    if not isinstance(value, dict):
        return value
    what = "the name of a member"
    return {
        resolve_name(name, variables, node, what, losses): _resolve_keys(inner, variables, node, losses)
        for name, inner in value.items()
    }


def _is_json_text(node: Node) -> bool:
    """Check whether a text without a media type is JSON; an object may have mistakes."""
    mistakes: list[Loss] = []
    with suppress(SpecError):
        value = read_lenient_json(node, Unknown, mistakes).value
        return not mistakes or (isinstance(value, dict) and bool(value) and node.text().rstrip().endswith("}"))
    return False
