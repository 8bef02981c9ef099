"""The sandbox's HTTP face: one operation, answered as Confluence Cloud documents it."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .directory import Credentials, Directory, Person

API = "/wiki/rest/api"
GATEWAY_API = "/ex/confluence/{cloud_id}" + API
NO_CONFLUENCE = "Current user not permitted to use Confluence"
REMEMBERED_REQUESTS = 10_000
SCOPES = frozenset({"read:confluence-groups", "read:confluence-user", "write:confluence-groups"})

Handler = Callable[[Request], Awaitable[Response]]


@frozen
class Answer:
    """An answer that the sandbox gives instead of its own, for rehearsing trouble.

    Raises:
        ValueError: the status is not from 200 to 599, or a header cannot be sent.
    """

    status: int = field()
    headers: Mapping[str, str] = field(factory=dict)
    body: str = ""

    @status.validator
    def _is_final(self, _attribute: object, status: int) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"status {status}: give one from 200 to 599")

    @headers.validator
    def _can_be_sent(self, _attribute: object, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            text = f"{name}{value}"
            if not text.isprintable() or any(ord(char) > 255 for char in text):
                raise ValueError(f"header {name!r}: only printable Latin-1 can be sent")


@frozen
class SeenRequest:
    """A request as it came in: method and target with query, to the letter."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)


class RefusedError(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class ConfluenceApp:
    """The application: who is calling, may they, and what happens then."""

    def __init__(self, directory: Directory, *, cloud_id: str, access_token: str) -> None:
        self.directory = directory
        self.scopes = set(SCOPES)
        self.seen: deque[SeenRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self.rehearsed: deque[Answer] = deque()
        self._cloud_id = cloud_id
        self._access_token = access_token
        self._account_of_token: dict[str, str] = {}
        self._served = 0
        self.asgi = Starlette(routes=[*self._routes(API), *self._routes(GATEWAY_API)])

    def sign_up(self, account_id: str) -> Credentials:
        """Give an account an API token, always the same one."""
        email = self.directory.people[account_id].email
        token = f"sandbox-token-of-{email.partition('@')[0]}"
        self._account_of_token[token] = account_id
        return Credentials(email, token)

    def _routes(self, prefix: str) -> list[Route]:
        return [Route(f"{prefix}/group/userByGroupId", self._wrapped(self._remove_member), methods=["DELETE"])]

    def _wrapped(self, handler: Handler) -> Handler:
        """Return the handler behind what every request passes: the record, the rehearsed answers, a request id."""

        async def handle(request: Request) -> Response:
            self._served += 1
            self.seen.append(_seen(request))
            try:
                response = _rehearsed(self.rehearsed.popleft()) if self.rehearsed else await handler(request)
            except RefusedError as refusal:
                response = refusal.response
            response.headers["atl-request-id"] = f"00000000-0000-4000-8000-{self._served:012d}"
            return response

        return handle

    async def _remove_member(self, request: Request) -> Response:
        self._admit(request, scope="write:confluence-groups")
        group_id = _argument(request, "groupId")
        account_id = _argument(request, "accountId")
        if group_id not in self.directory.groups:
            raise RefusedError(_error(404, f"No group found for id {group_id}"))
        if account_id not in self.directory.people:
            raise RefusedError(_error(404, f"No user found for account id {account_id}"))
        self.directory.remove_member(group_id, account_id)
        return Response(status_code=204)

    def _admit(self, request: Request, *, scope: str) -> None:
        """Let a site admin through, and refuse everybody else as Confluence or its gateway would."""
        gateway = "cloud_id" in request.path_params
        caller = self._through_gateway(request, scope) if gateway else self._on_site(request)
        if not caller.has_confluence:
            raise RefusedError(JSONResponse({"message": NO_CONFLUENCE, "statusCode": 403}, 403))
        if request.headers.get("user-agent", "").startswith("Mozilla"):
            raise RefusedError(HTMLResponse("<html><body>XSRF check failed</body></html>", 403))
        if not caller.is_site_admin:
            raise RefusedError(_error(403, "The calling user is not a site admin", authorized=False))

    def _on_site(self, request: Request) -> Person:
        caller = self._basic(request)
        if caller is None:
            reason = {"x-seraph-loginreason": "AUTHENTICATED_FAILED"} if "authorization" in request.headers else None
            raise RefusedError(_error(401, "The calling user is not logged in", authorized=False, headers=reason))
        return caller

    def _through_gateway(self, request: Request, scope: str) -> Person:
        if request.path_params["cloud_id"] != self._cloud_id:
            raise RefusedError(JSONResponse({"code": 404, "message": "Not Found"}, 404))
        if request.headers.get("authorization") == f"Bearer {self._access_token}":
            if scope not in self.scopes:
                category = {"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}
                message = {"code": 401, "message": "Unauthorized; scope does not match"}
                raise RefusedError(JSONResponse(message, 401, headers=category))
            return next(person for person in self.directory.people.values() if person.is_site_admin)
        caller = self._basic(request)
        if caller is None:
            raise RefusedError(JSONResponse({"code": 401, "message": "Unauthorized"}, 401))
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


def _argument(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value.strip() or not value.isprintable():
        raise RefusedError(_error(400, f"{name} is missing or invalid", valid=False))
    return value


def _error(
    status: int,
    message: str,
    *,
    authorized: bool = True,
    valid: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the error body that is documented for all of the v1 API."""
    reasons = [{"message": {"translation": message, "args": []}}]
    data = {"authorized": authorized, "valid": valid, "errors": reasons, "successful": False}
    return JSONResponse({"statusCode": status, "data": data, "message": message}, status, headers=headers)


def _rehearsed(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))


def _seen(request: Request) -> SeenRequest:
    query = request.scope["query_string"].decode("ascii")
    path = request.scope["raw_path"].decode("ascii")
    return SeenRequest(request.method, f"{path}?{query}" if query else path, dict(request.headers))
