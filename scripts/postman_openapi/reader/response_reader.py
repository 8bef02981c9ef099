"""Read the example responses of an item as documented responses, one per status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus

from attrs import evolve

from ..json_nodes import Node
from ..losses import Kind, Loss, recording_loss
from ..model import Body, Header, Parameter, Response
from ..schema_inference import placeholder_schema, stands_for_a_value, value_schema
from ..secrets import MAY_BE_SECRET, holds_secret, redact
from .bodies import TEXT, merge_bodies, read_text_body
from .bookkeeping import known_fields
from .parameter_rows import Field, read_fields
from .request_reader import SentRequest, media_types, read_request
from .variables import Variables

KNOWN = ("name", "code", "status", "originalRequest", "header", "cookie", "body", "_postman_previewlanguage")
MEASUREMENTS = ("responseTime", "responseSize", "timings", "type")
PHRASES = {str(status.value): status.phrase for status in HTTPStatus}


def read_responses(node: Node, sent: SentRequest, variables: Variables, losses: list[Loss]) -> tuple[Response, ...]:
    """Return the documented responses, in the order of their first examples.

    Examples that share a status are merged; an unreadable example is a loss and affects no other.
    """
    found: list[tuple[Response, str]] = []
    with recording_loss("the responses", losses):
        for entry in node.items():
            with recording_loss("a response", losses):
                found.append((_read_response(entry, sent, variables, losses), node.where))
    return merge_responses(found, losses)


def merge_responses(answers: Iterable[tuple[Response, str]], losses: list[Loss]) -> tuple[Response, ...]:
    """Return one response per status: the description of its first example, and the content of all.

    Args:
        answers: each response with the item that it comes from.
        losses: receives the losses.
    """
    found: dict[str, list[tuple[Response, str]]] = {}
    for answer, item in answers:
        found.setdefault(answer.status, []).append((answer, item))
    return tuple(_merge_status(group, losses) for group in found.values())


def _merge_status(answers: list[tuple[Response, str]], losses: list[Loss]) -> Response:
    first = answers[0][0]
    headers = {header.name.lower(): header for answer, _ in reversed(answers) for header in answer.headers}
    bodies = [(body, item) for answer, item in answers for body in answer.bodies]
    for answer, item in answers[1:]:
        named = any(example.name == answer.description for body in answer.bodies for example in body.examples)
        if answer.description not in ("", first.description) and not named:
            why = f"an earlier response {first.status} has another"
            losses.append(Loss(item, answer.pointer, "the description of a response", why))
    return evolve(first, bodies=merge_bodies(bodies, losses), headers=tuple(headers.values()))


def _read_response(node: Node, sent: SentRequest, variables: Variables, losses: list[Loss]) -> Response:
    entry = known_fields(node, (*KNOWN, *MEASUREMENTS), losses)
    status = _read_status(entry.get("code"))
    if status == "500":
        losses.append(node.loss("whether this was `default`", "some exporters write 500 for it; 500 is kept"))
    name = entry["name"].text() if "name" in entry else ""
    with recording_loss("the text of a status", losses):
        if "status" in entry and entry["status"].text() not in ("", PHRASES.get(status, "")):
            losses.append(entry["status"].loss("the text of a status", "OpenAPI has only the code"))
    headers = read_fields(entry.get("header"), "a response header", losses)
    body = _read_body(entry, headers, name, variables, losses)
    if "cookie" in entry:
        with recording_loss("the cookies of a response", losses):
            losses += [
                each.loss("a cookie of a response", "cookies are not supported") for each in entry["cookie"].items()
            ]
    if "originalRequest" in entry:
        with recording_loss("the request of an example", losses):
            losses += _example_differences(entry["originalRequest"], sent, variables)
    return Response(status, name, (body,) if body else (), tuple(_documented_headers(headers, losses)), node.pointer)


def _read_status(node: Node | None) -> str:
    """Return a status as OpenAPI writes it; some exporters omit the code of a ``default`` response."""
    if node is None:
        return "default"
    code = node.value
    if isinstance(code, str) and code.isascii() and code.isdecimal():
        code = int(code)
    if type(code) is not int or not 100 <= code <= 599:
        node.fail("a status code from 100 to 599 is expected")
    return str(code)


def _read_body(
    entry: dict[str, Node], headers: list[Field], name: str, variables: Variables, losses: list[Loss]
) -> Body | None:
    kind = media_types(headers, losses).get("content-type", "")
    body = None
    with recording_loss("the body of a response", losses):
        language = entry["_postman_previewlanguage"].text().lower() if "_postman_previewlanguage" in entry else ""
        body = (
            read_text_body(entry["body"], kind, name, variables, losses, language=language) if "body" in entry else None
        )
    if kind not in ("", TEXT) and not body:
        place = next(row.node for row in headers if row.key.lower() == "content-type")
        losses.append(place.loss("the media type of an empty body", "the content of the body is unknown"))
    return body


def _documented_headers(rows: list[Field], losses: list[Loss]) -> Iterator[Header]:
    """Yield the documented headers, which have a placeholder or a description; the others were recorded."""
    seen = {"content-type"}
    for row in rows:
        if row.key.lower() in seen or row.disabled:
            continue
        seen.add(row.key.lower())
        schema, style = value_schema(row.value)
        if placeholder_schema(row.value) or style or row.description:
            schema.pop("default", None)
            if stands_for_a_value(row.value):
                schema.pop("example", None)
            if holds_secret(row.key, row.value) and schema.pop("example", None) is not None:
                losses.append(row.node.loss(f"the value of {row.key!r}", MAY_BE_SECRET))
            yield Header(row.key, row.description, redact(schema))
        else:
            losses.append(row.node.loss("a response header", "it was recorded, not documented"))


def _example_differences(node: Node, sent: SentRequest, variables: Variables) -> Iterator[Loss]:
    """Yield the details that an example's request adds to the item's own; additions by exporters are ignored."""
    within: list[Loss] = []
    other = read_request(node, variables, sent.auth, within, name="")
    yield from (loss for loss in within if not loss.understood and (loss.what, loss.why) not in sent.odd)
    if _is_earlier_address(other, sent):
        yield node.loss(
            "the address of an example's request", "it is the one that the request had before it was edited"
        )
    elif (other.method, other.address.segments) != (sent.method, sent.address.segments):
        yield node.loss("the URL of an example's request", "the request has another", understood=False)
    if other.auth != sent.auth:
        what = "the authentication of an example"
        yield node.loss(what, "the request has another", understood=False, kind=Kind.AUTHENTICATION)
    if sent.auth is None and other.marks_security and not sent.marks_security:
        why = "only an example has one, and the request has no auth"
        yield node.loss("a security scheme", why, kind=Kind.AUTHENTICATION)
    yield from _parameter_differences(node, other.parameters, sent)
    if not _same_body(other.body, sent.body):
        place = node.child("body") if isinstance(node.value, dict) and "body" in node.value else node
        yield place.loss("the body of an example's request", "the request has another")


def _is_earlier_address(other: SentRequest, sent: SentRequest) -> bool:
    """Check whether two requests differ only in their hosts, one of which may include the start of the path."""
    one, two = other.address.segments, sent.address.segments
    short, long = sorted((one, two), key=len)
    same_end = bool(short) and long[len(long) - len(short) :] == short
    return other.method == sent.method and one != two and same_end and other.address.host != sent.address.host


def _parameter_differences(node: Node, found: tuple[Parameter, ...], sent: SentRequest) -> Iterator[Loss]:
    own = {(each.place, each.name): each for each in sent.parameters}
    for parameter in found:
        mine = own.get((parameter.place, parameter.name))
        if mine is None:
            what = f"the parameter {parameter.name!r} of an example"
            yield Loss(node.where, parameter.pointer, what, "the request does not have it", understood=False)
        elif parameter.description not in ("", mine.description):
            yield Loss(node.where, parameter.pointer, "a description in an example", "the request has another")
        elif _comparable(parameter) != _comparable(mine):
            yield Loss(node.where, parameter.pointer, "a value in an example", "the request has another")


def _comparable(parameter: Parameter) -> str:
    """Return the type and value of a parameter as text, because True == 1 == 1.0 in Python."""
    schema = parameter.schema
    return repr([schema.get("type"), schema.get("format"), schema.get("default"), parameter.example])


def _same_body(one: Body | None, other: Body | None) -> bool:
    """Check whether two bodies are the same except for the names of their examples."""

    def said(body: Body | None) -> str:
        return repr(body and [body.media_type, body.schema, [example.value for example in body.examples]])

    return said(one) == said(other)
