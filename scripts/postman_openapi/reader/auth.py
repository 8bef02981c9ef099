"""Read Postman's authentication as OpenAPI security schemes, without reading any secret."""

from __future__ import annotations

import re
from typing import Any

from ..json_nodes import Node
from ..losses import Kind, Loss
from ..model import Auth
from ..secrets import strip_credentials
from .bookkeeping import known_fields
from .parameter_rows import Field
from .variables import REFERENCE, Variables, resolve_name, resolve_variables

HTTP_SCHEMES = ("basic", "bearer", "digest")
# https://www.iana.org/assignments/http-authschemes/, without those above
MORE_HTTP_SCHEMES = ("concealed", "dpop", "gnap", "hoba", "mutual", "negotiate", "oauth", "privatetoken")
SCHEME_WORD = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?:\s|\Z)")
PREFIX = re.compile(r"(?=.*(?:auth|bot|hmac|jwt|key|signature|ssws|token))[a-z0-9-]{3,24}", re.IGNORECASE)  # no secret
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
    auth = known_fields(node, ("type", kind), losses)
    if kind == "noauth":
        return ()
    details = _string_details(auth.get(kind))
    if kind in HTTP_SCHEMES:
        return (Auth(kind, {"type": "http", "scheme": kind}),)
    if kind == "apikey":
        name = resolve_name(details.get("key", ""), variables, node, "the name of an API key", losses)
        return (_api_key(auth.get(kind, node), {**details, "key": name}),)
    if kind == "oauth2":
        return (
            _oauth2(node, {key: resolve_variables(text, variables, node) for key, text in details.items()}, losses),
        )
    return node.child("type").fail(f"OpenAPI has no scheme for {kind!r}")


def read_authorization(row: Field, variables: Variables, losses: list[Loss]) -> Auth:
    """Return the security scheme for an ``Authorization`` header: its first word is the scheme (RFC 9110, 11.6.2).

    Any other value is an API key in that header.

    Raises:
        SpecError: variables refer to each other in a circle.
    """
    value = resolve_variables(row.value, variables, row.node).strip()
    word = found[1] if (found := SCHEME_WORD.match(value)) else ""
    if word.lower() in (*HTTP_SCHEMES, *MORE_HTTP_SCHEMES):
        return Auth(word.lower(), {"type": "http", "scheme": word.lower()})
    names = " ".join(REFERENCE.findall(value)).lower()
    for scheme in ("basic", "bearer"):  # {{basicAuth}}
        if scheme in names and not word:
            return Auth(scheme, {"type": "http", "scheme": scheme})
    key = {"type": "apiKey", "in": "header", "name": "Authorization"}
    if value != word and PREFIX.fullmatch(word):
        losses.append(row.node.loss(f"the word {word!r} of an Authorization header", "it is in a description alone"))
        return Auth("apikey", {**key, "description": f"The value starts with `{word} `."})
    return Auth("apikey", key)


def uses_authorization(auth: Auth) -> bool:
    """Check whether a scheme sends an ``Authorization`` header, so that one in the request is no other."""
    return auth.scheme["type"] in ("http", "oauth2", "openIdConnect") or auth.scheme.get("name") == "Authorization"


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
    return Auth("apikey", {"type": "apiKey", "in": place, "name": name.strip()})


def _oauth2(node: Node, details: dict[str, str], losses: list[Loss]) -> Auth:
    """Return OAuth 2.0 with its flow, or without one if the item does not describe it completely."""
    scopes = tuple(dict.fromkeys(details.get("scope", "").split()))
    grant = details.get("grant_type", "")
    scheme: dict[str, Any] = {"type": "oauth2", "flows": {}}
    if grant not in FLOWS:
        why = f"OpenAPI has no flow for the grant type {grant!r}" if grant else "the item names no flow, URL or scope"
        losses.append(node.loss("oauth2", why, kind=Kind.AUTHENTICATION))
        return Auth("oauth2", scheme)
    flow, needed = FLOWS[grant]
    written: dict[str, Any] = {name: strip_credentials(details.get(ADDRESSES[name], "")) for name in needed}
    for name, address in written.items():
        if not address or REFERENCE.search(address):
            losses.append(node.loss("oauth2", f"its {ADDRESSES[name]} is unknown", kind=Kind.AUTHENTICATION))
            return Auth("oauth2", scheme)
    scheme["flows"] = {flow: {**written, "scopes": dict.fromkeys(scopes, "")}}
    return Auth("oauth2", scheme, scopes)
