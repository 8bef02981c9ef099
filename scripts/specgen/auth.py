"""Postman's kinds of authentication to OpenAPI security schemes; no secret is read."""

from __future__ import annotations

from typing import Any

from .collection import Auth
from .nodes import Node
from .problems import Loss
from .secrecy import without_credentials
from .variables import REFERENCE, Variables, expanded

HTTP_SCHEMES = ("basic", "bearer", "digest")
IN = ("header", "query")
# By grant type: the flow that it is in OpenAPI, and the addresses that such a flow must name.
FLOWS = {
    "authorization_code": ("authorizationCode", ("authorizationUrl", "tokenUrl")),
    "authorization_code_with_pkce": ("authorizationCode", ("authorizationUrl", "tokenUrl")),
    "implicit": ("implicit", ("authorizationUrl",)),
    "password_credentials": ("password", ("tokenUrl",)),
    "client_credentials": ("clientCredentials", ("tokenUrl",)),
}
ADDRESSES = {"authorizationUrl": "authUrl", "tokenUrl": "accessTokenUrl"}  # with Postman's names for them


def read_auth(node: Node, variables: Variables, losses: list[Loss]) -> tuple[Auth, ...]:
    """Return the way to authenticate; nothing where none is needed.

    Raises:
        SpecError: it is no kind that OpenAPI knows.
    """
    if not isinstance(node.value, dict) or "type" not in node.value:
        node.fail("'type' is missing")
    kind = node.child("type").text()
    auth = node.fields(("type", kind), losses)
    if kind == "noauth":
        return ()
    details = _details(auth.get(kind))
    if kind in HTTP_SCHEMES:
        return (Auth(kind, {"type": "http", "scheme": kind}),)
    if kind == "apikey":
        return (_api_key(auth.get(kind, node), details),)
    if kind == "oauth2":
        return (_oauth2(node, {key: expanded(text, variables, node) for key, text in details.items()}, losses),)
    return node.child("type").fail(f"OpenAPI has no scheme for {kind!r}")


def _details(node: Node | None) -> dict[str, str]:
    """Return the details that are texts; version 2.0 has them as an object, 2.1 as a list."""
    if node is None:
        return {}
    if isinstance(node.value, dict):
        return {key: value for key, value in node.value.items() if isinstance(value, str)}
    pairs = [(row.value.get("key"), row.value.get("value")) for row in node.items() if isinstance(row.value, dict)]
    return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


def _api_key(node: Node, details: dict[str, str]) -> Auth:
    place, name = details.get("in", "header"), details.get("key", "")
    if place not in IN:
        node.fail(f"an API key stands in {' or '.join(IN)}, not in {place!r}")
    if not name.strip() or not name.isprintable():
        node.fail("the API key has no name")
    return Auth("apikey", {"type": "apiKey", "in": place, "name": name})


def _oauth2(node: Node, details: dict[str, str], losses: list[Loss]) -> Auth:
    """Return OAuth 2.0 with its flow, or without any where the item does not name one whole."""
    scopes = tuple(dict.fromkeys(details.get("scope", "").split()))
    grant = details.get("grant_type", "")
    scheme: dict[str, Any] = {"type": "oauth2", "flows": {}}
    if grant not in FLOWS:
        why = f"there is no flow for the grant type {grant!r}" if grant else "the item names no flow, address or scope"
        losses.append(node.loss("oauth2", why))
        return Auth("oauth2", scheme)
    flow, needed = FLOWS[grant]
    written: dict[str, Any] = {name: without_credentials(details.get(ADDRESSES[name], "")) for name in needed}
    for name, address in written.items():
        if not address or REFERENCE.search(address):
            losses.append(node.loss("oauth2", f"its {ADDRESSES[name]} is not known"))
            return Auth("oauth2", scheme)
    scheme["flows"] = {flow: {**written, "scopes": dict.fromkeys(scopes, "")}}
    return Auth("oauth2", scheme, scopes)
