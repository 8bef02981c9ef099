"""What is sent: the request of an item and those of its examples, read in one way."""

from __future__ import annotations

from http import HTTPMethod

from attrs import frozen

from .auth import read_auth
from .bodies import media_type, request_body
from .collection import Auth, Body, Parameter
from .fields import Field, as_text, parameters, read_fields
from .nodes import Node
from .problems import Loss, losing
from .urls import Address, read_address
from .variables import Variables

KNOWN = ("name", "method", "url", "auth", "header", "body", "description")
NEGOTIATION = ("accept", "content-type")  # headers that OpenAPI says by media types, never by parameters
BY_SCHEME = "authorization"  # what OpenAPI says by security schemes


@frozen
class Sent:
    """A request, with nothing of what is answered."""

    method: str
    address: Address
    parameters: tuple[Parameter, ...]  # those in the address, and headers
    body: Body | None
    description: Node | None
    auth: tuple[Auth, ...] | None
    accepts: str  # a media type, or nothing
    marks_security: bool  # some header or query parameter was added for a security scheme
    odd: frozenset[tuple[str, str]]  # what could not be understood, and why


def read_sent(
    node: Node,
    variables: Variables,
    inherited: tuple[Auth, ...] | None,
    losses: list[Loss],
    *,
    name: str,
    server: str | None = None,
) -> Sent:
    """Return what a request sends.

    Args:
        node: the request, or its address alone.
        variables: what is known of ``{{name}}``.
        inherited: the authentication where the request names none.
        losses: where to report.
        name: of the request, for its examples.
        server: where the API starts, in place of a variable at the start of the address.

    Raises:
        SpecError: it cannot be told what is sent where.
    """
    before = len(losses)
    asked = {"url": node} if isinstance(node.value, str) else node.fields(KNOWN, losses)
    if "url" not in asked:
        node.fail("'url' is missing")
    auth = own_auth(asked.get("auth"), variables, inherited, losses)
    keys = {each.scheme["in"]: each.scheme["name"] for each in auth or () if each.scheme["type"] == "apiKey"}
    address = read_address(asked["url"], variables, losses, added=keys.get("query"), server=server)
    headers = read_fields(asked.get("header"), "a header", losses)
    kinds = media_types(headers)
    body = None
    with losing("the body", losses):
        if "body" in asked:
            body = request_body(asked["body"], kinds.get("content-type", ""), name, losses)
    passed_over = {*NEGOTIATION, str(keys.get("header")).lower()}
    rows = [row for row in headers if not row.is_security and row.key.lower() not in passed_over]
    method = _method(asked.get("method"), node, losses)
    return Sent(
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


def own_auth(
    node: Node | None, variables: Variables, inherited: tuple[Auth, ...] | None, losses: list[Loss]
) -> tuple[Auth, ...] | None:
    """Return the authentication that is said here, else the inherited one; what OpenAPI has no scheme for is lost."""
    if node is None:
        return inherited
    with losing("the authentication", losses):
        return read_auth(node, variables, losses)
    return None


def media_types(headers: list[Field]) -> dict[str, str]:
    """Return the media types that headers name, by the header's name in small letters."""
    return {row.key.lower(): media_type(row.value) for row in headers if row.key.lower() in NEGOTIATION}


def description(sent: Sent, item: Node | None, losses: list[Loss]) -> str:
    """Return the description of a request, or of the item around it."""
    own = around = ""
    with losing("a description", losses):
        own = as_text(sent.description)
    with losing("a description", losses):
        around = as_text(item)
    if item and own and around not in ("", own):
        losses.append(item.loss("the description of the item", "its request has another"))
    return own or around


def _method(node: Node | None, request: Node, losses: list[Loss]) -> str:
    if node is None:
        if isinstance(request.value, dict):
            why = "'method' is missing; GET is taken, as Postman does"
            losses.append(request.loss("the method", why, understood=False))
        return "GET"
    written = node.text()
    method = written.upper()
    if method not in HTTPMethod.__members__ or method == "CONNECT":
        node.fail("no HTTP method that OpenAPI knows")
    if method != written:
        losses.append(node.loss(f"the method {written}", f"{method} is taken", understood=False))
    return method


def _header_parameters(headers: list[Field], losses: list[Loss], *, known: bool) -> list[Parameter]:
    """Return the parameters among the headers; what is a security scheme's or a cookie's business is lost.

    Args:
        headers: those that are no media types.
        losses: where to report.
        known: whether a security scheme is.
    """
    rows = []
    for row in headers:
        place, what = row.node, f"the header {row.key}"
        if row.key.lower() == BY_SCHEME:
            why = "OpenAPI says it by a security scheme" + ("" if known else ", and none is there")
            losses.append(place.loss(what, why, understood=False))
        elif row.key.lower() == "cookie":
            losses.append(place.loss(what, "cookies are not used"))
        else:
            rows.append(row)
    return parameters("header", rows, losses)
