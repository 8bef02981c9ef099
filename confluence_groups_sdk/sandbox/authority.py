"""The sandbox as an OAuth 2.0 authority: consent, tokens and their refresh, and the sites that they open."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from attrs import define, field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

READ_GROUPS = "read:confluence-groups"
READ_USERS = "read:confluence-user"
WRITE_GROUPS = "write:confluence-groups"
ALL_SCOPES = (READ_GROUPS, READ_USERS, WRITE_GROUPS)

CALLBACKS = ("http://localhost:", "http://127.0.0.1:")
LIFETIME = 3600  # seconds of an access token
OFFLINE = "offline_access"  # what a refresh token is asked for with
UNAUTHORIZED = {"code": 401, "message": "Unauthorized"}


class OAuthClient(NamedTuple):
    """The app that users consent to."""

    client_id: str
    client_secret: str


class Grant(NamedTuple):
    """What an app holds after a user has consented: ``Tokens(*grant)``."""

    access_token: str
    refresh_token: str
    expires_at: float
    scopes: tuple[str, ...]


class Consent(NamedTuple):
    """What a code stands for, once."""

    account_id: str
    scopes: tuple[str, ...]
    redirect_uri: str


class Holder(NamedTuple):
    """Whom an access token speaks for, and what it may do."""

    account_id: str
    scopes: frozenset[str]


@define
class Authority:
    """Issues tokens. Each refresh token works once: the refresh gives a new one and voids it."""

    client: OAuthClient
    cloud_id: str
    site: str
    lasting_token: str  # an access token that never ends, for whoever does not refresh
    lasting_holder: str
    scopes: set[str] = field(factory=lambda: set(ALL_SCOPES))  # of the lasting token
    now: Callable[[], float] = time.time
    _accesses: dict[str, Grant] = field(factory=dict)
    _refreshes: dict[str, Grant] = field(factory=dict)
    _accounts: dict[str, str] = field(factory=dict)  # by refresh token
    _spent: set[str] = field(factory=set)
    _issued: int = 0
    _consents: dict[str, Consent] = field(factory=dict)  # by code
    consenting: bool = True  # whether the user says yes

    def grant(self, account_id: str, scopes: Iterable[str], expires_in: float) -> Grant:
        """Issue tokens, as after a consent."""
        self._issued += 1
        grant = Grant(
            f"sandbox-issued-access-token-{self._issued}",
            f"sandbox-refresh-token-{self._issued}",
            self.now() + expires_in,
            tuple(scopes),
        )
        self._accesses[grant.access_token] = self._refreshes[grant.refresh_token] = grant
        self._accounts[grant.refresh_token] = account_id
        return grant

    def expire(self) -> None:
        """End all access tokens but the lasting one; refresh tokens stay."""
        self._accesses.clear()

    def holder(self, request: Request) -> Holder | None:
        """Return whom the request's access token speaks for; None where it has none that is good."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if token == self.lasting_token:
            return Holder(self.lasting_holder, frozenset(self.scopes))
        grant = self._accesses.get(token)
        if grant is None or grant.expires_at <= self.now():
            return None
        return Holder(self._accounts[grant.refresh_token], frozenset(grant.scopes))

    async def authorize(self, request: Request) -> Response:
        """Answer GET /authorize, the consent page: the site admin sees it, and agrees (or not) without a word."""
        asked = request.query_params
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client.client_id or not redirect_uri.startswith(CALLBACKS):
            return PlainTextResponse("unknown client_id, or redirect_uri is not on this machine", 400)
        answer = {"state": asked.get("state", "")}
        scopes = tuple(asked.get("scope", "").split())
        unknown = set(scopes) - {*ALL_SCOPES, OFFLINE}
        expected = {"audience": "api.atlassian.com", "response_type": "code", "prompt": "consent"}
        if any(asked.get(name) != value for name, value in expected.items()) or unknown or not scopes:
            answer |= {"error": "invalid_request", "error_description": "Not as the documentation asks for it"}
        elif not self.consenting:
            answer |= {"error": "access_denied", "error_description": "User did not authorize the request"}
        else:
            self._issued += 1
            answer["code"] = f"sandbox-code-{self._issued}"
            self._consents[answer["code"]] = Consent(self.lasting_holder, scopes, redirect_uri)
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        """Answer POST /oauth/token."""
        asked = _parsed(await request.body())
        if asked is None or asked.get("grant_type") not in ("refresh_token", "authorization_code"):
            return _refused(400, "invalid_request", "Only JSON with a known grant_type is understood here")
        if (asked.get("client_id"), asked.get("client_secret")) != self.client:
            return _refused(401, "access_denied", "Unauthorized")
        if asked["grant_type"] == "authorization_code":
            return self._first(asked)
        token = asked.get("refresh_token", "")
        if token in self._spent:
            return _refused(403, "unauthorized_client", "refresh_token is invalid")
        spent = self._refreshes.pop(token, None)
        if spent is None:
            return _refused(403, "invalid_grant", "Unknown or invalid refresh token.")
        self._spent.add(token)
        return _issued(self.grant(self._accounts[token], spent.scopes, LIFETIME))

    def _first(self, asked: dict[str, Any]) -> Response:
        """Exchange a code for tokens; it works once, with the address that it was sent to."""
        consent = self._consents.pop(asked.get("code", ""), None)
        if consent is None or consent.redirect_uri != asked.get("redirect_uri"):
            return _refused(403, "invalid_grant", "Invalid authorization code")
        scopes = [scope for scope in consent.scopes if scope != OFFLINE]
        return _issued(self.grant(consent.account_id, scopes, LIFETIME), refreshable=OFFLINE in consent.scopes)

    async def accessible_resources(self, request: Request) -> Response:
        """Answer GET /oauth/token/accessible-resources."""
        holder = self.holder(request)
        if holder is None:
            return JSONResponse(UNAUTHORIZED, 401)
        resource = {
            "id": self.cloud_id,
            "name": "sandbox",
            "url": self.site,
            "scopes": sorted(holder.scopes),
            "avatarUrl": f"{self.site}/avatar.png",
        }
        return JSONResponse([resource])


def _parsed(body: bytes) -> dict[str, Any] | None:
    """Return what is asked for; None where it is no JSON object of texts."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or not all(isinstance(value, str) for value in asked.values()):
        return None
    return asked


def _issued(grant: Grant, *, refreshable: bool = True) -> Response:
    said = {"access_token": grant.access_token, "expires_in": LIFETIME, "token_type": "Bearer"}
    said |= {"refresh_token": grant.refresh_token} if refreshable else {}
    return JSONResponse(said | {"scope": " ".join(grant.scopes)})


def _refused(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
