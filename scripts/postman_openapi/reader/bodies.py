"""Read the bodies of requests and responses, in all of Postman's forms, as media types and schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import evolve

from ..json_nodes import Node, parse_json
from ..losses import Loss, SpecError, recording_loss
from ..model import Body, Example
from ..schema_inference import ANYTHING, Schema, example_schema, has_placeholders, merge_schemas, placeholder_schema
from ..secrets import MAY_BE_SECRET, redact
from .parameter_rows import build_parameters, read_fields

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BYTES = "application/octet-stream"
TEXT = "text/plain"
LANGUAGES = {"json": JSON, "xml": "application/xml", "html": "text/html", "javascript": "application/javascript"}
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+")
KNOWN = ("mode", "raw", "urlencoded", "formdata", "file", "graphql", "options", "disabled")
# JSON tokens that can contain others, and additions that people make: comments, and variables outside of strings.
# An unterminated string or comment is also one token: otherwise every position inside it starts another search.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*(?:"|\\?\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)|\{\{[^{}"\s]+\}\}', re.DOTALL)
COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)


def media_type(text: str) -> str:
    """Return the media type in a header value without parameters, or an empty string."""
    found = MEDIA_TYPE.fullmatch(text.partition(";")[0].strip())
    return found[0].lower() if found and "*" not in found[0] else ""


def is_json(kind: str) -> bool:
    """Check whether bodies of a media type are JSON."""
    return kind in (JSON, "text/json") or kind.endswith("+json")


def read_body(node: Node, kind: str, name: str, losses: list[Loss]) -> Body | None:
    """Return the body of a request, or None if it has none.

    Args:
        node: the body as Postman writes it.
        kind: the media type from the header; may be empty.
        name: the name of the request, for its examples.
        losses: receives the losses.

    Raises:
        SpecError: the form of the body is unknown.
    """
    body = node.fields(KNOWN, losses)
    if "disabled" in body and body["disabled"].value is True:
        losses.append(node.loss("a disabled body", "it is not sent"))
        return None
    if "mode" not in body:
        return None if not body else node.fail("'mode' is missing")
    mode = body["mode"].text()
    if mode not in MODES:
        body["mode"].fail(f"unknown mode; the known ones are {', '.join(MODES)}")
    return MODES[mode](body, kind, name, losses)


def read_text_body(node: Node, kind: str, name: str, losses: list[Loss], *, language: str = "") -> Body | None:
    """Return a body that is written as text, or None if it is empty.

    JSON may contain comments, and variables instead of values. Malformed content is a loss; its media type stays.
    """
    text = node.text()
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
        return Body(kind, {"type": "string", "example": text}, node.pointer, (Example(name, text),))
    with recording_loss("the content of a body", losses):
        written = _parse_lenient_json(node)
        parsed = evolve(written, value=redact(written.value))
        if parsed.value != written.value:
            losses.append(node.loss("the value of a secret in a body", MAY_BE_SECRET))
        examples = () if has_placeholders(parsed.value) else (Example(name, parsed.value),)
        return Body(kind, example_schema(parsed, losses), node.pointer, examples)
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
        if known.is_malformed:  # the well-formed bodies win
            whole[body.media_type] = body
        elif known is not body and not body.is_malformed:
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


def _read_raw(body: dict[str, Node], kind: str, name: str, losses: list[Loss]) -> Body | None:
    if "raw" not in body:
        return None
    language = ""
    with recording_loss("the options of a body", losses):
        if "options" in body:
            raw = body["options"].fields(("raw",), losses).get("raw")
            options = raw.fields(("language", "headerFamily"), losses) if raw else {}
            language = options["language"].text() if "language" in options else ""
    return read_text_body(body["raw"], kind, name, losses, language=language)


def _table_reader(mode: str, default: str) -> Callable[[dict[str, Node], str, str, list[Loss]], Body | None]:
    """Return a reader for a form that is written as a table."""

    def read(body: dict[str, Node], kind: str, _name: str, losses: list[Loss]) -> Body | None:
        rows = [row for row in read_fields(body.get(mode), "a form field", losses) if not row.is_security]
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
        return Body(kind or default, schema, body[mode].pointer)

    return read


def _read_file(body: dict[str, Node], kind: str, _name: str, _losses: list[Loss]) -> Body:
    return Body(kind or BYTES, {"type": "string", "format": "binary"}, body["mode"].pointer)


def _read_graphql(body: dict[str, Node], _kind: str, _name: str, losses: list[Loss]) -> Body:
    node = body.get("graphql", body["mode"])
    losses.append(node.loss("a GraphQL query", "OpenAPI describes only the JSON around it"))
    members = {"query": {"type": "string"}, "variables": {"type": "object"}}
    return Body(JSON, {"type": "object", "properties": members, "required": ["query"]}, node.pointer)


MODES: dict[str, Callable[[dict[str, Node], str, str, list[Loss]], Body | None]] = {
    "raw": _read_raw,
    "urlencoded": _table_reader("urlencoded", FORM),
    "formdata": _table_reader("formdata", MULTIPART),
    "file": _read_file,
    "graphql": _read_graphql,
}


def _parse_lenient_json(node: Node) -> Node:
    """Return the JSON in a string; positions inside continue that of the string.

    Raises:
        SpecError: it is not JSON, even with comments and variables allowed.
    """
    try:
        return evolve(parse_json(node.text(), node.where), pointer=node.pointer)
    except SpecError:
        plain = TOKEN.sub(_to_json_token, node.text())
    try:
        return evolve(parse_json(plain, node.where), pointer=node.pointer)
    except SpecError as error:
        raise SpecError(node.where, node.pointer + error.pointer, error.problem) from None


def _to_json_token(token: re.Match[str]) -> str:
    """Return a token as strict JSON: drop comments, quote variables."""
    if token[0].startswith('"') or (token[0].startswith("/*") and not COMMENT.fullmatch(token[0])):
        return token[0]
    return f'"{token[0]}"' if token[0].startswith("{{") else " "


def _is_json_text(node: Node) -> bool:
    problems: list[Loss] = []
    with recording_loss("", problems):
        _parse_lenient_json(node)
    return not problems
