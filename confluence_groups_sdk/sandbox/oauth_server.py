"""The sandbox's OAuth 2.0 authority: consent page, token endpoint, and the sites that a token can reach.

Source: docs/confluence-behaviour.md#oauth.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from attrs import define, field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from . import _public
from .directory import check_text

READ_GROUPS = "read:confluence-groups"
READ_USERS = "read:confluence-user"
WRITE_GROUPS = "write:confluence-groups"
ALL_SCOPES = (READ_GROUPS, READ_USERS, WRITE_GROUPS)

CALLBACK = re.compile(  # an address on loopback (RFC 8252 section 7.3), with path and query (RFC 3986) but no user
    r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?:[\w.~!$&'(),;=:@/*+-]|%[0-9a-f]{2})*(?P<query>\?(?:[\w.~!$&'(),;=:@/?*+-]|%[0-9a-f]{2})*)?)?",
    re.ASCII | re.IGNORECASE,
)
MAX_PORT = 65535
LIFETIME_S = 3600  # of an access token
OFFLINE_SCOPE = "offline_access"  # asks for a refresh token
UNAUTHORIZED = {"code": 401, "message": "Unauthorized"}


@_public
class OAuthClient(NamedTuple):
    """The app that users consent to: ``OAuth2(*sandbox.oauth_client, store)``.

    Attributes:
        client_id: names the app.
        client_secret: proves that a request for tokens is the app's.
    """

    client_id: str
    client_secret: str


@_public
class Grant(NamedTuple):
    """The tokens that an app gets when a user consents: ``Tokens(*grant)``.

    Attributes:
        access_token: goes with each call.
        refresh_token: is exchanged for new tokens, once.
        expires_at: when the access token expires, in seconds since 1970.
        scopes: what the user has consented to.
    """

    access_token: str
    refresh_token: str
    expires_at: float
    scopes: tuple[str, ...]


class Consent(NamedTuple):
    """A user's consent; its code can be exchanged for tokens once."""

    account_id: str
    scopes: tuple[str, ...]
    redirect_uri: str


class TokenOwner(NamedTuple):
    """The account of an access token, and its scopes."""

    account_id: str
    scopes: frozenset[str]


@define
class OAuthServer:
    """Issues tokens. Each refresh token works once; the refresh returns a new one."""

    client: OAuthClient
    cloud_id: str
    site: str
    permanent_token: str  # an access token that never expires
    permanent_token_owner: str  # an account id
    scopes: set[str] = field(factory=lambda: set(ALL_SCOPES))  # of the permanent token
    now: Callable[[], float] = time.time
    _by_access_token: dict[str, Grant] = field(factory=dict)
    _by_refresh_token: dict[str, Grant] = field(factory=dict)
    _accounts: dict[str, str] = field(factory=dict)  # account ids by refresh token
    _spent: set[str] = field(factory=set)
    _issued: int = 0
    _consents: dict[str, Consent] = field(factory=dict)  # by code
    consenting: bool = True  # whether the user agrees

    def grant(self, account_id: str, scopes: Iterable[str], expires_in: float) -> Grant:
        """Issue tokens, as if the user had consented.

        Raises:
            ValueError: a scope holds half of a surrogate pair.
        """
        scopes = tuple(scopes)
        for scope in scopes:
            check_text("a scope", scope)
        self._issued += 1
        grant = Grant(
            f"sandbox-issued-access-token-{self._issued}",
            f"sandbox-refresh-token-{self._issued}",
            self.now() + expires_in,
            scopes,
        )
        self._by_access_token[grant.access_token] = self._by_refresh_token[grant.refresh_token] = grant
        self._accounts[grant.refresh_token] = account_id
        return grant

    def expire(self) -> None:
        """Expire all access tokens except the permanent one; refresh tokens stay valid."""
        self._by_access_token.clear()

    def token_owner(self, request: Request) -> TokenOwner | None:
        """Return the owner of the request's access token, None if it has no valid one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if token == self.permanent_token:
            return TokenOwner(self.permanent_token_owner, frozenset(self.scopes))
        grant = self._by_access_token.get(token)
        if grant is None or grant.expires_at <= self.now():
            return None
        return TokenOwner(self._accounts[grant.refresh_token], frozenset(grant.scopes))

    async def authorize(self, request: Request) -> Response:
        """Answer GET /authorize, the consent page: redirect as if the site admin had agreed or declined at once."""
        query = request.query_params
        redirect_uri = query.get("redirect_uri", "")
        callback = CALLBACK.fullmatch(redirect_uri)
        if query.get("client_id") != self.client.client_id or not callback or not _is_port(callback["port"]):
            return PlainTextResponse("unknown client_id, or redirect_uri is not on this machine", 400)
        parameters = {"state": query.get("state", "")}
        scopes = tuple(query.get("scope", "").split())
        unknown = set(scopes) - {*ALL_SCOPES, OFFLINE_SCOPE}
        expected = {"audience": "api.atlassian.com", "response_type": "code", "prompt": "consent"}
        if any(query.get(name) != value for name, value in expected.items()) or unknown or not scopes:
            parameters |= {"error": "invalid_request", "error_description": "The request is not as documented"}
        elif not self.consenting:
            parameters |= {"error": "access_denied", "error_description": "User did not authorize the request"}
        else:
            self._issued += 1
            parameters["code"] = f"sandbox-code-{self._issued}"
            self._consents[parameters["code"]] = Consent(self.permanent_token_owner, scopes, redirect_uri)
        return RedirectResponse(f"{redirect_uri}{'&' if callback['query'] else '?'}{urlencode(parameters)}", 302)

    async def token(self, request: Request) -> Response:
        """Answer POST /oauth/token."""
        fields = _parse(await request.body())
        if fields is None or fields.get("grant_type") not in ("refresh_token", "authorization_code"):
            return _error_response(400, "invalid_request", "Only JSON with a known grant_type is understood here")
        if (fields.get("client_id"), fields.get("client_secret")) != self.client:
            return _error_response(401, "access_denied", "Unauthorized")
        if fields["grant_type"] == "authorization_code":
            return self._exchange_code(fields)
        token = fields.get("refresh_token", "")
        if token in self._spent:
            return _error_response(403, "unauthorized_client", "refresh_token is invalid")
        spent = self._by_refresh_token.pop(token, None)
        if spent is None:
            return _error_response(403, "invalid_grant", "Unknown or invalid refresh token.")
        self._spent.add(token)
        return _token_response(self.grant(self._accounts[token], spent.scopes, LIFETIME_S))

    def _exchange_code(self, fields: dict[str, Any]) -> Response:
        """Exchange a code for tokens; a code works once, and only with the address that it was sent to."""
        consent = self._consents.pop(fields.get("code", ""), None)
        if consent is None or consent.redirect_uri != fields.get("redirect_uri"):
            return _error_response(403, "invalid_grant", "Invalid authorization code")
        scopes = [scope for scope in consent.scopes if scope != OFFLINE_SCOPE]
        return _token_response(
            self.grant(consent.account_id, scopes, LIFETIME_S), refreshable=OFFLINE_SCOPE in consent.scopes
        )

    async def accessible_resources(self, request: Request) -> Response:
        """Answer GET /oauth/token/accessible-resources."""
        owner = self.token_owner(request)
        if owner is None:
            return JSONResponse(UNAUTHORIZED, 401)
        resource = {
            "id": self.cloud_id,
            "name": "sandbox",
            "url": self.site,
            "scopes": sorted(owner.scopes),
            "avatarUrl": f"{self.site}/avatar.png",
        }
        return JSONResponse([resource])


def _is_port(digits: str | None) -> bool:
    return digits is None or 1 <= int(digits) <= MAX_PORT


def _parse(body: bytes) -> dict[str, Any] | None:
    """Parse a request; return None if it is not a JSON object with texts."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        return None
    return fields


def _token_response(grant: Grant, *, refreshable: bool = True) -> Response:
    body: dict[str, object] = {"access_token": grant.access_token, "expires_in": LIFETIME_S, "token_type": "Bearer"}
    body |= {"refresh_token": grant.refresh_token} if refreshable else {}
    return JSONResponse(body | {"scope": " ".join(grant.scopes)})


def _error_response(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
