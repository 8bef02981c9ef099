"""Bodies of requests and answers, in all of Postman's forms, to media types and schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import evolve

from .collection import Body, Example
from .fields import parameters, read_fields
from .nodes import Node, parse_json
from .problems import Loss, SpecError, losing
from .schemas import ANYTHING, Schema, example_schema, has_placeholders, merged, placeholder_schema
from .secrecy import KEPT_BACK, hidden

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BYTES = "application/octet-stream"
TEXT = "text/plain"
LANGUAGES = {"json": JSON, "xml": "application/xml", "html": "text/html", "javascript": "application/javascript"}
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+")
KNOWN = ("mode", "raw", "urlencoded", "formdata", "file", "graphql", "options", "disabled")
# The tokens of JSON that can hold others, and what people write into it: comments, and variables outside of texts.
# A text or comment without an end is one token, too: else its end is looked for again from each place inside it.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*(?:"|\\?\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)|\{\{[^{}"\s]+\}\}', re.DOTALL)
COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)


def media_type(text: str) -> str:
    """Return the media type in a header's value, without parameters; nothing where it has none."""
    found = MEDIA_TYPE.fullmatch(text.partition(";")[0].strip())
    return found[0].lower() if found and "*" not in found[0] else ""


def is_json(kind: str) -> bool:
    """Return whether bodies of a media type are JSON."""
    return kind in (JSON, "text/json") or kind.endswith("+json")


def request_body(node: Node, kind: str, name: str, losses: list[Loss]) -> Body | None:
    """Return the body of a request; None where it has none.

    Args:
        node: the body, as Postman writes it.
        kind: the media type that a header names, or nothing.
        name: of the request, for its examples.
        losses: where to report.

    Raises:
        SpecError: its form is not known.
    """
    body = node.fields(KNOWN, losses)
    if "disabled" in body and body["disabled"].value is True:
        losses.append(node.loss("a body that is switched off", "it is not sent"))
        return None
    if "mode" not in body:
        return None if not body else node.fail("'mode' is missing")
    mode = body["mode"].text()
    if mode not in MODES:
        body["mode"].fail(f"only the modes {', '.join(MODES)} are known")
    return MODES[mode](body, kind, name, losses)


def text_body(node: Node, kind: str, name: str, losses: list[Loss], *, language: str = "") -> Body | None:
    """Return a body that is written as a text; None where it is empty.

    JSON may have comments, and variables in place of values. What is malformed is lost, and its media type kept.
    """
    text = node.text()
    if not text.strip():
        return None
    kind = kind or LANGUAGES.get(language, "")
    if not kind:
        kind = JSON if text.lstrip()[0] in "{[" and _is_valid(node) else TEXT
    if schema := placeholder_schema(text.strip()):
        return Body(kind, schema, node.pointer)
    if not is_json(kind):
        if "xml" in kind:
            losses.append(node.loss("the structure of a body", "XML is carried over as a text"))
        return Body(kind, {"type": "string", "example": text}, node.pointer, (Example(name, text),))
    with losing("the content of a body", losses):
        written = _json(node)
        parsed = evolve(written, value=hidden(written.value))
        if parsed.value != written.value:
            losses.append(node.loss("the value of a secret in a body", KEPT_BACK))
        examples = () if has_placeholders(parsed.value) else (Example(name, parsed.value),)
        return Body(kind, example_schema(parsed, losses), node.pointer, examples)
    return Body(kind, dict(ANYTHING), node.pointer, is_malformed=True)


def joined(bodies: Iterable[tuple[Body, str]], losses: list[Loss]) -> tuple[Body, ...]:
    """Return one body a media type: what fits any of those given, with all their examples.

    Args:
        bodies: each with the item it comes from, for messages.
        losses: where to report.
    """
    whole: dict[str, Body] = {}
    examples: dict[str, list[Example]] = {}
    for body, where in bodies:
        known = whole.setdefault(body.media_type, body)
        examples.setdefault(body.media_type, []).extend(body.examples)
        if known.is_malformed:  # it must not take with it what the others show
            whole[body.media_type] = body
        elif known is not body and not body.is_malformed:
            schema = merged(known.schema, body.schema, Node(None, where, body.pointer), losses)
            whole[body.media_type] = evolve(known, schema=schema)
    return tuple(evolve(body, examples=_all_examples(examples[kind])) for kind, body in whole.items())


def _all_examples(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return the examples, each once, each with a name of its own."""
    once: dict[str, Example] = {}
    for example in examples:
        once.setdefault(repr(example.value), example)  # to Python, true is 1
    named: dict[str, Example] = {}
    times: dict[str, int] = {}
    for example in once.values():
        name = example.name
        while name in named:
            times[example.name] = times.get(example.name, 1) + 1
            name = f"{example.name} ({times[example.name]})"
        named[name] = evolve(example, name=name)
    return tuple(named.values())


def _raw(body: dict[str, Node], kind: str, name: str, losses: list[Loss]) -> Body | None:
    if "raw" not in body:
        return None
    language = ""
    with losing("the options of a body", losses):
        if "options" in body:
            raw = body["options"].fields(("raw",), losses).get("raw")
            options = raw.fields(("language", "headerFamily"), losses) if raw else {}
            language = options["language"].text() if "language" in options else ""
    return text_body(body["raw"], kind, name, losses, language=language)


def _rows(mode: str, default: str) -> Callable[[dict[str, Node], str, str, list[Loss]], Body | None]:
    """Return a reader of a form that is a table."""

    def read(body: dict[str, Node], kind: str, _name: str, losses: list[Loss]) -> Body | None:
        rows = [row for row in read_fields(body.get(mode), "a form field", losses) if not row.is_security]
        if not rows:
            return None
        schema: Schema = {"type": "object", "properties": {}}
        required = []
        for field in parameters("form", rows, losses):
            described = {"description": field.description} if field.description else {}
            shown = {"example": field.example} if field.example is not None else {}
            schema["properties"][field.name] = {**field.schema, **described, **shown}
            required += [field.name] if field.required else []
        if required:
            schema["required"] = required
        return Body(kind or default, schema, body[mode].pointer)

    return read


def _file(body: dict[str, Node], kind: str, _name: str, _losses: list[Loss]) -> Body:
    return Body(kind or BYTES, {"type": "string", "format": "binary"}, body["mode"].pointer)


def _graphql(body: dict[str, Node], _kind: str, _name: str, losses: list[Loss]) -> Body:
    node = body.get("graphql", body["mode"])
    losses.append(node.loss("a GraphQL query", "OpenAPI sees the JSON around it alone"))
    members = {"query": {"type": "string"}, "variables": {"type": "object"}}
    return Body(JSON, {"type": "object", "properties": members, "required": ["query"]}, node.pointer)


MODES: dict[str, Callable[[dict[str, Node], str, str, list[Loss]], Body | None]] = {
    "raw": _raw,
    "urlencoded": _rows("urlencoded", FORM),
    "formdata": _rows("formdata", MULTIPART),
    "file": _file,
    "graphql": _graphql,
}


def _json(node: Node) -> Node:
    """Return the JSON in a text; its places are counted on from the text's own.

    Raises:
        SpecError: it is no JSON, not even one with comments and variables.
    """

    try:
        return evolve(parse_json(node.text(), node.where), pointer=node.pointer)
    except SpecError:
        plain = TOKEN.sub(_plain, node.text())
    try:
        return evolve(parse_json(plain, node.where), pointer=node.pointer)
    except SpecError as error:
        raise SpecError(node.where, node.pointer + error.pointer, error.problem) from None


def _plain(token: re.Match[str]) -> str:
    """Return a token as JSON has it: no comment, and a variable as a text."""
    if token[0].startswith('"') or (token[0].startswith("/*") and not COMMENT.fullmatch(token[0])):
        return token[0]
    return f'"{token[0]}"' if token[0].startswith("{{") else " "


def _is_valid(node: Node) -> bool:
    problems: list[Loss] = []
    with losing("", problems):
        _json(node)
    return not problems
