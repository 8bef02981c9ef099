"""Who is calling the sandbox, and may they: on the site's own address, and through the gateway."""

from __future__ import annotations

import base64
import binascii

from attrs import define, field
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

from . import bodies
from .authority import UNAUTHORIZED, Authority
from .bodies import RefusedError
from .directory import Credentials, Directory, Person

NO_CONFLUENCE = {"message": "Current user not permitted to use Confluence", "statusCode": 403}


@define
class Access:
    """The accounts' API tokens, and beside them the access tokens that the authority has issued."""

    directory: Directory
    authority: Authority
    _account_of_token: dict[str, str] = field(factory=dict)

    def sign_up(self, account_id: str) -> Credentials:
        """Give an account an API token, always the same one."""
        person = self.directory.people[account_id]
        token = f"sandbox-token-of-{account_id}"
        self._account_of_token[token] = account_id
        return Credentials(person.email, token)

    def reader(self, request: Request, scope: str, *, anonymous: int) -> Person:
        """Return the caller, who has access to Confluence.

        Raises:
            RefusedError: nobody such is calling; whoever shows no credentials at all gets the status ``anonymous``.
        """
        caller = self._caller(request, scope, anonymous=anonymous)
        if not caller.has_confluence:
            raise RefusedError(JSONResponse(NO_CONFLUENCE, 403))
        return caller

    def site_admin(self, request: Request, scope: str) -> Person:
        """Return the caller, who is a site admin, and no browser that somebody else could have sent here.

        Raises:
            RefusedError: nobody such is calling.
        """
        caller = self.reader(request, scope, anonymous=401)
        if request.headers.get("user-agent", "").startswith("Mozilla"):
            raise RefusedError(HTMLResponse("<html><body>XSRF check failed</body></html>", 403))
        if not caller.is_site_admin:
            raise RefusedError(bodies.error(403, "The calling user is not a site admin", authorized=False))
        return caller

    def _caller(self, request: Request, scope: str, *, anonymous: int) -> Person:
        if "cloud_id" in request.path_params:
            return self._through_gateway(request, scope)
        caller = self._basic(request)
        if caller is None and "authorization" in request.headers:
            reason = {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}
            raise RefusedError(bodies.error(401, "The calling user is not logged in", authorized=False, headers=reason))
        if caller is None and anonymous == 403:
            raise RefusedError(JSONResponse(NO_CONFLUENCE, 403))
        if caller is None:
            raise RefusedError(bodies.error(401, "The calling user is not logged in", authorized=False))
        return caller

    def _through_gateway(self, request: Request, scope: str) -> Person:
        if request.path_params["cloud_id"] != self.authority.cloud_id:
            raise RefusedError(JSONResponse({"code": 404, "message": "Not Found"}, 404))
        holder = self.authority.holder(request)
        if holder is not None and scope not in holder.scopes:
            category = {"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}
            message = {"code": 401, "message": "Unauthorized; scope does not match"}
            raise RefusedError(JSONResponse(message, 401, headers=category))
        caller = self._basic(request) if holder is None else self.directory.people.get(holder.account_id)
        if caller is None:
            raise RefusedError(JSONResponse(UNAUTHORIZED, 401))
        return caller

    def _basic(self, request: Request) -> Person | None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            email, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account_id = self._account_of_token.get(token)
        person = self.directory.people.get(account_id) if account_id else None
        return person if person is not None and person.email == email else None
