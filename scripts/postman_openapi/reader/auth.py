"""Read Postman's authentication as OpenAPI security schemes, without reading any secret."""

from __future__ import annotations

from typing import Any

from ..json_nodes import Node
from ..losses import Loss
from ..model import Auth
from ..secrets import strip_credentials
from .variables import REFERENCE, Variables, resolve_variables

HTTP_SCHEMES = ("basic", "bearer", "digest")
API_KEY_LOCATIONS = ("header", "query")
# For each grant type: OpenAPI's flow, and the URLs that the flow must name.
FLOWS = {
    "authorization_code": ("authorizationCode", ("authorizationUrl", "tokenUrl")),
    "authorization_code_with_pkce": ("authorizationCode", ("authorizationUrl", "tokenUrl")),
    "implicit": ("implicit", ("authorizationUrl",)),
    "password_credentials": ("password", ("tokenUrl",)),
    "client_credentials": ("clientCredentials", ("tokenUrl",)),
}
ADDRESSES = {"authorizationUrl": "authUrl", "tokenUrl": "accessTokenUrl"}  # OpenAPI's names to Postman's


def read_auth(node: Node, variables: Variables, losses: list[Loss]) -> tuple[Auth, ...]:
    """Return the way to authenticate, or an empty tuple if none is needed.

    Raises:
        SpecError: OpenAPI has no scheme for it.
    """
    if not isinstance(node.value, dict) or "type" not in node.value:
        node.fail("'type' is missing")
    kind = node.child("type").text()
    auth = node.fields(("type", kind), losses)
    if kind == "noauth":
        return ()
    details = _string_details(auth.get(kind))
    if kind in HTTP_SCHEMES:
        return (Auth(kind, {"type": "http", "scheme": kind}),)
    if kind == "apikey":
        return (_api_key(auth.get(kind, node), details),)
    if kind == "oauth2":
        return (
            _oauth2(node, {key: resolve_variables(text, variables, node) for key, text in details.items()}, losses),
        )
    return node.child("type").fail(f"OpenAPI has no scheme for {kind!r}")


def _string_details(node: Node | None) -> dict[str, str]:
    """Return the details that are strings; version 2.0 writes an object, version 2.1 a list."""
    if node is None:
        return {}
    if isinstance(node.value, dict):
        return {key: value for key, value in node.value.items() if isinstance(value, str)}
    pairs = [(row.value.get("key"), row.value.get("value")) for row in node.items() if isinstance(row.value, dict)]
    return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


def _api_key(node: Node, details: dict[str, str]) -> Auth:
    place, name = details.get("in", "header"), details.get("key", "")
    if place not in API_KEY_LOCATIONS:
        node.fail(f"an API key goes into {' or '.join(API_KEY_LOCATIONS)}, not into {place!r}")
    if not name.strip() or not name.isprintable():
        node.fail("the API key has no name")
    return Auth("apikey", {"type": "apiKey", "in": place, "name": name})


def _oauth2(node: Node, details: dict[str, str], losses: list[Loss]) -> Auth:
    """Return OAuth 2.0 with its flow, or without one if the item does not describe it completely."""
    scopes = tuple(dict.fromkeys(details.get("scope", "").split()))
    grant = details.get("grant_type", "")
    scheme: dict[str, Any] = {"type": "oauth2", "flows": {}}
    if grant not in FLOWS:
        why = f"OpenAPI has no flow for the grant type {grant!r}" if grant else "the item names no flow, URL or scope"
        losses.append(node.loss("oauth2", why))
        return Auth("oauth2", scheme)
    flow, needed = FLOWS[grant]
    written: dict[str, Any] = {name: strip_credentials(details.get(ADDRESSES[name], "")) for name in needed}
    for name, address in written.items():
        if not address or REFERENCE.search(address):
            losses.append(node.loss("oauth2", f"its {ADDRESSES[name]} is unknown"))
            return Auth("oauth2", scheme)
    scheme["flows"] = {flow: {**written, "scopes": dict.fromkeys(scopes, "")}}
    return Auth("oauth2", scheme, scopes)
