"""Finds out which account sends a request, and what it may do: at the site's own address and through the gateway.

Sources: docs/confluence-behaviour.md#permissions, #authentication and #errors.
"""

from __future__ import annotations

import base64

from attrs import define, field
from starlette.requests import Request
from starlette.responses import JSONResponse

from . import payloads
from .directory import Credentials, Directory, Person
from .oauth_server import UNAUTHORIZED, OAuthServer
from .payloads import RejectedError

NO_CONFLUENCE = {"message": "Current user not permitted to use Confluence", "statusCode": 403}


@define
class Authenticator:
    """Knows the API tokens of accounts, and through the OAuth server their access tokens."""

    directory: Directory
    oauth_server: OAuthServer
    _account_of_token: dict[str, str] = field(factory=dict)

    def sign_up(self, account_id: str) -> Credentials:
        """Return the credentials of an account; each account always gets the same token.

        Raises:
            KeyError: there is no such account.
        """
        person = self.directory.people[account_id]
        token = f"sandbox-token-of-{account_id}"
        self._account_of_token[token] = account_id
        return Credentials(person.email, token)

    def reader(self, request: Request, scope: str, *, anonymous: int) -> Person:
        """Return the caller of a read.

        Args:
            request: the request.
            scope: the scope that the operation needs.
            anonymous: the status for a request without credentials.

        Raises:
            RejectedError: the credentials are not valid, or the account has no access to Confluence.
        """
        caller = self._caller(request, scope, anonymous=anonymous)
        if not caller.has_confluence:
            raise RejectedError(JSONResponse(NO_CONFLUENCE, 403))
        return caller

    def site_admin(self, request: Request, scope: str) -> Person:
        """Return the caller of a write.

        Args:
            request: the request.
            scope: the scope that the operation needs.

        Raises:
            RejectedError: the credentials are not valid, or the account is not a site admin.
        """
        caller = self.reader(request, scope, anonymous=401)
        if not caller.is_site_admin:
            raise RejectedError(payloads.error(403, "The calling user is not a site admin", authorized=False))
        return caller

    def _caller(self, request: Request, scope: str, *, anonymous: int) -> Person:
        if "cloud_id" in request.path_params:
            return self._through_gateway(request, scope)
        caller = self._basic(request)
        if caller is None and "authorization" in request.headers:
            reason = {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}
            raise RejectedError(
                payloads.error(401, "The calling user is not logged in", authorized=False, headers=reason)
            )
        if caller is None and anonymous == 403:
            raise RejectedError(JSONResponse(NO_CONFLUENCE, 403))
        if caller is None:
            raise RejectedError(payloads.error(401, "The calling user is not logged in", authorized=False))
        return caller

    def _through_gateway(self, request: Request, scope: str) -> Person:
        if request.path_params["cloud_id"] != self.oauth_server.cloud_id:
            raise RejectedError(payloads.gateway_error(404, "Not Found"))
        owner = self.oauth_server.token_owner(request)
        if owner is not None and scope not in owner.scopes:
            category = {"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}
            raise RejectedError(payloads.gateway_error(401, "Unauthorized; scope does not match", category))
        caller = self._basic(request) if owner is None else self.directory.people.get(owner.account_id)
        if caller is None:
            raise RejectedError(JSONResponse(UNAUTHORIZED, 401))
        return caller

    def _basic(self, request: Request) -> Person | None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            email, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:  # not base64, or not UTF-8
            return None
        account_id = self._account_of_token.get(token)
        person = self.directory.people.get(account_id) if account_id else None
        return person if person is not None and person.email == email else None
