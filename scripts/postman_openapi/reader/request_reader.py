"""Read the request of an item, and those of its examples, in the same way."""

from __future__ import annotations

from http import HTTPMethod

from attrs import frozen

from ..json_nodes import Node
from ..losses import Loss, recording_loss
from ..model import Auth, Body, Parameter
from .auth import read_auth
from .bodies import media_type, read_body
from .parameter_rows import Field, build_parameters, description_text, read_fields
from .urls import RequestUrl, read_url
from .variables import Variables

KNOWN = ("name", "method", "url", "auth", "header", "body", "description")
NEGOTIATION = ("accept", "content-type")  # headers that OpenAPI expresses as media types
AUTHORIZATION = "authorization"  # a header that OpenAPI expresses as a security scheme


@frozen
class SentRequest:
    """A request without its responses."""

    method: str
    address: RequestUrl
    parameters: tuple[Parameter, ...]  # from the URL and the headers
    body: Body | None
    description: Node | None
    auth: tuple[Auth, ...] | None
    accepts: str  # a media type; may be empty
    marks_security: bool  # a header or query parameter is marked as part of a security scheme
    odd: frozenset[tuple[str, str]]  # the losses that were not understood, as pairs of what and why


def read_request(
    node: Node,
    variables: Variables,
    inherited: tuple[Auth, ...] | None,
    losses: list[Loss],
    *,
    name: str,
    server: str | None = None,
) -> SentRequest:
    """Return the request that a node describes.

    Args:
        node: the request, or only its URL.
        variables: the values of ``{{name}}``.
        inherited: the authentication if the request names none.
        losses: receives the losses.
        name: the name of the request, for its examples.
        server: the base URL, instead of a variable at the start of the URL.

    Raises:
        SpecError: the method or URL cannot be read.
    """
    before = len(losses)
    asked = {"url": node} if isinstance(node.value, str) else node.fields(KNOWN, losses)
    if "url" not in asked:
        node.fail("'url' is missing")
    auth = effective_auth(asked.get("auth"), variables, inherited, losses)
    keys = {each.scheme["in"]: each.scheme["name"] for each in auth or () if each.scheme["type"] == "apiKey"}
    address = read_url(asked["url"], variables, losses, added=keys.get("query"), server=server)
    headers = read_fields(asked.get("header"), "a header", losses)
    kinds = media_types(headers)
    body = None
    with recording_loss("the body", losses):
        if "body" in asked:
            body = read_body(asked["body"], kinds.get("content-type", ""), name, losses)
    passed_over = {*NEGOTIATION, str(keys.get("header")).lower()}
    rows = [row for row in headers if not row.is_security and row.key.lower() not in passed_over]
    method = _read_method(asked.get("method"), node, losses)
    return SentRequest(
        method=method,
        address=address,
        parameters=(*address.parameters, *_header_parameters(rows, losses, known=bool(auth))),
        body=body,
        description=asked.get("description"),
        auth=auth,
        accepts=kinds.get("accept", ""),
        marks_security=address.marks_security or any(row.is_security for row in headers),
        odd=frozenset((loss.what, loss.why) for loss in losses[before:] if not loss.understood),
    )


def effective_auth(
    node: Node | None, variables: Variables, inherited: tuple[Auth, ...] | None, losses: list[Loss]
) -> tuple[Auth, ...] | None:
    """Return the request's own authentication, or the inherited one; record unsupported kinds as losses."""
    if node is None:
        return inherited
    with recording_loss("the authentication", losses):
        return read_auth(node, variables, losses)
    return None


def media_types(headers: list[Field]) -> dict[str, str]:
    """Return the media types of the headers, by lower-case header name."""
    return {row.key.lower(): media_type(row.value) for row in headers if row.key.lower() in NEGOTIATION}


def request_description(sent: SentRequest, item: Node | None, losses: list[Loss]) -> str:
    """Return the description of a request, or that of its item."""
    own = around = ""
    with recording_loss("a description", losses):
        own = description_text(sent.description)
    with recording_loss("a description", losses):
        around = description_text(item)
    if item and own and around not in ("", own):
        losses.append(item.loss("the description of the item", "its request has another"))
    return own or around


def _read_method(node: Node | None, request: Node, losses: list[Loss]) -> str:
    if node is None:
        if isinstance(request.value, dict):
            why = "'method' is missing; GET is used, as Postman does"
            losses.append(request.loss("the method", why, understood=False))
        return "GET"
    written = node.text()
    method = written.upper()
    if method not in HTTPMethod.__members__ or method == "CONNECT":
        node.fail("not an HTTP method that OpenAPI supports")
    if method != written:
        losses.append(node.loss(f"the method {written}", f"{method} is used", understood=False))
    return method


def _header_parameters(headers: list[Field], losses: list[Loss], *, known: bool) -> list[Parameter]:
    """Return the header parameters; cookies and security headers are losses.

    Args:
        headers: all headers except those for media types.
        losses: receives the losses.
        known: whether the request has a security scheme.
    """
    rows = []
    for row in headers:
        place, what = row.node, f"the header {row.key}"
        if row.key.lower() == AUTHORIZATION:
            why = "OpenAPI uses a security scheme for it" + ("" if known else ", and the request has none")
            losses.append(place.loss(what, why, understood=False))
        elif row.key.lower() == "cookie":
            losses.append(place.loss(what, "cookies are not supported"))
        else:
            rows.append(row)
    return build_parameters("header", rows, losses)
