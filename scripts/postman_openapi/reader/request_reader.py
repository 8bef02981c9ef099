"""Read the request of an item, and those of its examples, in the same way."""

from __future__ import annotations

import re
from http import HTTPMethod

from attrs import evolve, frozen

from ..json_nodes import Node
from ..losses import Kind, Loss, recording_loss
from ..model import Auth, Body, Parameter
from ..schema_inference import proves_defaults, without_defaults
from .auth import read_auth, read_authorization, uses_authorization
from .bodies import media_type, read_body
from .bookkeeping import known_fields
from .parameter_rows import Field, build_parameters, description_text, read_fields, show_defaults
from .urls import RequestUrl, read_url
from .variables import Variables, resolve_rows

KNOWN = ("name", "method", "url", "auth", "header", "body", "description")
NEGOTIATION = ("accept", "content-type")  # headers that OpenAPI expresses as media types
QUOTED_PLACEHOLDER = re.compile(r'"(<[A-Za-z]+>)"')
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
    asked = {"url": node} if isinstance(node.value, str) else known_fields(node, KNOWN, losses)
    if "url" not in asked:
        node.fail("'url' is missing")
    written = read_fields(asked.get("header"), "a header", losses)
    headers = resolve_rows("header", written, variables, losses)
    auth = effective_auth(asked.get("auth"), variables, inherited, losses)
    auth = _add_authorization(auth, written, variables, losses, own="auth" in asked)
    keys = {each.scheme["in"]: each.scheme["name"] for each in auth or () if each.scheme["type"] == "apiKey"}
    address = read_url(asked["url"], variables, losses, added=keys.get("query"), server=server)
    kinds = media_types(headers, losses)
    body = None
    with recording_loss("the body", losses):
        if "body" in asked:
            body = read_body(asked["body"], kinds.get("content-type", ""), name, variables, losses)
    passed_over = {*NEGOTIATION, str(keys.get("header")).lower()}
    rows = [row for row in headers if not row.is_security and row.key.lower() not in passed_over]
    parameters = (*address.parameters, *_header_parameters(rows, losses, known=auth))
    if not _writes_defaults(address, rows, asked.get("body")):
        parameters = tuple(map(show_defaults, parameters))
        body = body and evolve(body, schema=without_defaults(body.schema))
    return SentRequest(
        method=_read_method(asked.get("method"), node, losses),
        address=address,
        parameters=parameters,
        body=body,
        description=asked.get("description"),
        auth=auth,
        accepts=kinds.get("accept", ""),
        marks_security=address.marks_security or any(row.is_security and not row.disabled for row in headers),
        odd=frozenset((loss.what, loss.why) for loss in losses[before:] if not loss.understood),
    )


def effective_auth(
    node: Node | None, variables: Variables, inherited: tuple[Auth, ...] | None, losses: list[Loss]
) -> tuple[Auth, ...] | None:
    """Return the request's own authentication, or the inherited one; record unsupported kinds as losses."""
    if node is None:
        return inherited
    with recording_loss("the authentication", losses, kind=Kind.AUTHENTICATION):
        return read_auth(node, variables, losses)
    return None


def media_types(headers: list[Field], losses: list[Loss]) -> dict[str, str]:
    """Return the media types of the enabled headers, by lower-case header name; the first of two headers counts."""
    found: dict[str, str] = {}
    for row in headers:
        name = row.key.lower()
        if row.disabled or name not in NEGOTIATION:
            continue
        kind = media_type(row.value)
        if found.setdefault(name, kind) != kind:
            losses.append(row.node.loss(f"a second header {row.key}", "only the first is used"))
    return found


def _add_authorization(
    auth: tuple[Auth, ...] | None, headers: list[Field], variables: Variables, losses: list[Loss], *, own: bool
) -> tuple[Auth, ...] | None:
    """Return the authentication, from an ``Authorization`` header if the request's own auth is another one.

    Args:
        auth: the effective authentication.
        headers: all headers.
        variables: the values of ``{{name}}``.
        losses: receives the losses.
        own: whether the request itself names the authentication.
    """
    rows = [row for row in headers if row.key.lower() == AUTHORIZATION and not (row.disabled or row.is_security)]
    if not rows:
        return auth
    for row in rows[1:]:
        losses.append(
            row.node.loss("a second Authorization header", "only the first is used", kind=Kind.AUTHENTICATION)
        )
    written = None
    with recording_loss("the authentication", losses, kind=Kind.AUTHENTICATION):
        written = read_authorization(rows[0], variables, losses)
    if written is None or written in (auth or ()):
        return auth
    if auth and written.scheme["type"] == "apiKey" and all(map(uses_authorization, auth)):
        return auth  # a header without a scheme's name does not contradict what the folder says
    if auth and written.name == "bearer" and all(each.scheme["type"] == "oauth2" for each in auth):
        return auth
    if own and auth:
        if any(map(uses_authorization, auth)):  # else the header is reported with the others
            why = "the request names its own authentication, which is another"
            losses.append(rows[0].node.loss("the Authorization header", why, kind=Kind.AUTHENTICATION))
        return auth
    if auth:
        why = "the Authorization header has another"
        losses.append(rows[0].node.loss("the inherited authentication", why, kind=Kind.AUTHENTICATION))
    return (written,)


def _writes_defaults(address: RequestUrl, headers: list[Field], body: Node | None) -> bool:
    """Check whether the request comes from an exporter that writes a value only if it is the default.

    Such an exporter writes a placeholder for everything else: ``<string>``.
    """
    rows = [*address.rows, *(row for row in headers if not row.disabled)]
    return any(map(proves_defaults, [*(row.value for row in rows), *_body_values(body)]))


def _body_values(body: Node | None) -> list[str]:
    """Return the values in a body that can be placeholders; descriptions, prose and disabled rows are none."""
    if body is None or not isinstance(body.value, dict) or body.value.get("disabled") is True:
        return []
    mode = body.value.get("mode")
    content = body.value.get(mode) if isinstance(mode, str) else None
    if isinstance(content, str):
        return [content.strip(), *QUOTED_PLACEHOLDER.findall(content)]
    if isinstance(content, list):
        return [row.value for row in read_fields(body.child(str(mode)), "a form field", []) if not row.disabled]
    return []


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
    method = written.strip().upper()
    if method not in HTTPMethod.__members__ or method == "CONNECT":
        node.fail("not an HTTP method that OpenAPI supports")
    return method


def _header_parameters(headers: list[Field], losses: list[Loss], *, known: tuple[Auth, ...] | None) -> list[Parameter]:
    """Return the header parameters; cookies are losses, and so are security headers beside another scheme.

    Args:
        headers: all headers except those for media types.
        losses: receives the losses.
        known: the security schemes of the request.
    """
    rows = []
    for row in headers:
        place, what = row.node, f"the header {row.key}"
        if row.key.lower() == AUTHORIZATION:
            if row.disabled:
                losses.append(place.loss(what, "it is switched off"))
            elif not any(map(uses_authorization, known or ())):
                why = "OpenAPI uses a security scheme for it" + (", and the request has another" if known else "")
                losses.append(place.loss(what, why, understood=False, kind=Kind.AUTHENTICATION))
        elif row.key.lower() == "cookie":
            losses.append(place.loss(what, "cookies are not supported"))
        else:
            rows.append(row)
    return build_parameters("header", rows, losses)
