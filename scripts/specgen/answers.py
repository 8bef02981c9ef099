"""Example answers of an item to documented ones, one a status."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from attrs import evolve

from .bodies import TEXT, joined, text_body
from .collection import Body, Header, Parameter, Response
from .fields import Field, read_fields
from .nodes import Node
from .problems import Loss, losing
from .schemas import placeholder_schema, value_schema
from .secrecy import KEPT_BACK, is_secret
from .sent import Sent, media_types, read_sent
from .variables import Variables

KNOWN = ("name", "code", "status", "originalRequest", "header", "cookie", "body", "_postman_previewlanguage")
NO_MEANING = (
    "id",
    "_postman_id",
    "uid",
    "_postman_previewtype",
    "responseTime",
    "timings",
    "type",
)  # bookkeeping, and measurements


def read_answers(node: Node, sent: Sent, variables: Variables, losses: list[Loss]) -> tuple[Response, ...]:
    """Return the documented answers, in the order of their first examples.

    Several examples of one status are joined; one that cannot be read is lost, and nothing else with it.
    """
    found: dict[str, list[Response]] = {}
    with losing("the answers", losses):
        for entry in node.items():
            with losing("an answer", losses):
                response = _answer(entry, sent, variables, losses)
                found.setdefault(response.status, []).append(response)
    return tuple(one_answer([(each, node.where) for each in examples], losses) for examples in found.values())


def one_answer(answers: list[tuple[Response, str]], losses: list[Loss]) -> Response:
    """Return the answer of one status: the first's words, and what any of them holds.

    Args:
        answers: each with the item it comes from, for messages.
        losses: where to report.
    """
    first = answers[0][0]
    headers = {header.name.lower(): header for answer, _ in reversed(answers) for header in answer.headers}
    bodies = [(body, item) for answer, item in answers for body in answer.bodies]
    for answer, item in answers[1:]:
        named = any(example.name == answer.description for body in answer.bodies for example in body.examples)
        if answer.description not in ("", first.description) and not named:
            why = f"an answer {first.status} before it has another"
            losses.append(Loss(item, answer.pointer, "the description of an answer", why))
    return evolve(first, bodies=joined(bodies, losses), headers=tuple(headers.values()))


def _answer(node: Node, sent: Sent, variables: Variables, losses: list[Loss]) -> Response:
    entry = node.fields((*KNOWN, *NO_MEANING), losses)
    status = _status(entry.get("code"))
    if status == "500":
        losses.append(node.loss("whether this was `default`", "some exporters write 500 for it; it stays 500"))
    name = entry["name"].text() if "name" in entry else ""
    with losing("the text of a status", losses):
        if "status" in entry and entry["status"].text() not in ("", _phrase(status)):
            losses.append(entry["status"].loss("the text of a status", "OpenAPI has the code alone"))
    headers = read_fields(entry.get("header"), "a header of an answer", losses)
    body = _body(entry, headers, name, losses)
    if "cookie" in entry:
        with losing("the cookies of an answer", losses):
            losses += [each.loss("a cookie of an answer", "cookies are not used") for each in entry["cookie"].items()]
    if "originalRequest" in entry:
        with losing("the request of an example", losses):
            losses += _differences(entry["originalRequest"], sent, variables)
    return Response(status, name, (body,) if body else (), tuple(_headers(headers, losses)), node.pointer)


def _status(node: Node | None) -> str:
    """Return a status as OpenAPI writes it; some exporters leave the code out where it was ``default``."""
    if node is None:
        return "default"
    code = node.value
    if isinstance(code, str) and code.isascii() and code.isdecimal():
        code = int(code)
    if type(code) is not int or not 100 <= code <= 599:
        node.fail("a status code from 100 to 599 is expected")
    return str(code)


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return ""


def _body(entry: dict[str, Node], headers: list[Field], name: str, losses: list[Loss]) -> Body | None:
    kind = media_types(headers).get("content-type", "")
    body = None
    with losing("the body of an answer", losses):
        language = entry["_postman_previewlanguage"].text().lower() if "_postman_previewlanguage" in entry else ""
        body = text_body(entry["body"], kind, name, losses, language=language) if "body" in entry else None
    if kind not in ("", TEXT) and not body:
        place = next(row.node for row in headers if row.key.lower() == "content-type")
        losses.append(place.loss("the media type of an empty body", "what the body would hold is not known"))
    return body


def _headers(rows: list[Field], losses: list[Loss]) -> Iterator[Header]:
    """Yield the headers that are documented, by a placeholder or a description; others were recorded."""
    seen = {"content-type"}
    for row in rows:
        if row.key.lower() in seen:
            continue
        seen.add(row.key.lower())
        schema, style = value_schema(row.value)
        if placeholder_schema(row.value) or style or row.description:
            schema.pop("default", None)
            if is_secret(row.key) and schema.pop("example", None) is not None:
                losses.append(row.node.loss(f"the value of {row.key!r}", KEPT_BACK))
            yield Header(row.key, row.description, schema)
        else:
            losses.append(row.node.loss("a header of an answer", "it was recorded, not documented"))


def _differences(node: Node, sent: Sent, variables: Variables) -> Iterator[Loss]:
    """Yield what the request of an example says and the item's own does not; what exporters add is passed over."""
    within: list[Loss] = []
    other = read_sent(node, variables, sent.auth, within, name="")
    yield from (loss for loss in within if not loss.understood and (loss.what, loss.why) not in sent.odd)
    if (other.method, other.address.segments) != (sent.method, sent.address.segments):
        yield node.loss("the address of an example's request", "the request has another", understood=False)
    if other.auth != sent.auth:
        yield node.loss("the authentication of an example", "the request has another", understood=False)
    if sent.auth is None and other.marks_security and not sent.marks_security:
        yield node.loss("a security scheme", "only an example names it, and the request has no auth")
    yield from _other_parameters(node, other.parameters, sent)
    if not _alike(other.body, sent.body):
        place = node.child("body") if isinstance(node.value, dict) and "body" in node.value else node
        yield place.loss("the body of an example's request", "the request has another")


def _other_parameters(node: Node, found: tuple[Parameter, ...], sent: Sent) -> Iterator[Loss]:
    own = {(each.place, each.name): each for each in sent.parameters}
    for parameter in found:
        mine = own.get((parameter.place, parameter.name))
        if mine is None:
            what = f"the parameter {parameter.name!r} of an example"
            yield Loss(node.where, parameter.pointer, what, "the request has it not", understood=False)
        elif parameter.description not in ("", mine.description):
            yield Loss(node.where, parameter.pointer, "a description in an example", "the request has another")
        elif _shown(parameter) != _shown(mine):
            yield Loss(node.where, parameter.pointer, "a value in an example", "the request has another")


def _shown(parameter: Parameter) -> str:
    """Return a parameter's type and value as text: to Python, true is 1 and 1.0."""
    schema = parameter.schema
    return repr([schema.get("type"), schema.get("format"), schema.get("default"), parameter.example])


def _alike(one: Body | None, other: Body | None) -> bool:
    """Return whether two bodies say the same, whatever their examples are called."""

    def said(body: Body | None) -> str:
        return repr(body and [body.media_type, body.schema, [example.value for example in body.examples]])

    return said(one) == said(other)
