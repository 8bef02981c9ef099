"""The sandbox's web application: routes, the record of requests, and prepared answers."""

from collections import deque
from collections.abc import Collection, Mapping

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from . import _public, payloads
from .directory import check_text
from .faults import FaultInjector, Handler
from .oauth_server import OAuthServer
from .operations import Operations
from .payloads import RejectedError

API = "/wiki/rest/api"
GATEWAY_API = "/ex/confluence/{cloud_id}" + API
PREFIXES = (API, GATEWAY_API)
REMOVED_PATHS = ("/group/by-name", "/group/member", "/group/user", "/group/{name}/member", "/group/{name}")
"""The addresses of the removed operations by group name: docs/confluence-behaviour.md#operations."""
MAX_RECORDED_REQUESTS = 10_000
OPAQUE = f"opaque_{__name__.encode().hex()}"  # Starlette has one registry, so another copy of this needs another name


class OpaqueConvertor(Convertor[str]):
    """An id in a path: any text, also with slashes and line breaks."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(OPAQUE, OpaqueConvertor())


@_public
@frozen
class Answer:
    """A response that you prepare, and that the sandbox sends instead of its own.

    Attributes:
        status: from 200 to 599.
        headers: by name.
        body: the text, sent as UTF-8.

    Raises:
        ValueError: the status is not from 200 to 599, or a header or the body cannot be sent. The sandbox itself sets
            Content-Length.
    """

    status: int = field()
    headers: Mapping[str, str] = field(factory=dict)
    body: str = field(default="")

    @status.validator
    def _is_final(self, _attribute: object, status: int) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"status {status}: give one from 200 to 599")

    @headers.validator
    def _can_be_sent(self, _attribute: object, headers: Mapping[str, str]) -> None:
        payloads.check_headers(headers)

    @body.validator
    def _can_be_encoded(self, _attribute: object, body: str) -> None:
        check_text("Answer(body=...)", body)
        if body and self.status in (204, 304):
            raise ValueError(f"Answer(body=...): an answer with status {self.status} has no body")


@_public
@frozen
class SeenRequest:
    """A request as it arrived.

    Attributes:
        method: such as ``GET``.
        target: path and query, still encoded.
        headers: by name.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)


@frozen
class Resource:
    """An address, as an ASGI app: the handlers of its methods, and the handler of all other methods."""

    handlers: Mapping[str, Handler]
    otherwise: Handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        method = "GET" if request.method == "HEAD" else request.method
        response = await self.handlers.get(method, self.otherwise)(request)
        await response(scope, receive, send)


class ConfluenceApp:
    """Routes requests: the API at the site's own address and at the gateway's, and the OAuth 2.0 authority.

    Requests to other addresses are also recorded, and may have a prepared answer.

    Args:
        operations: the handlers of the API.
        oauth_server: the handlers of the authority.
        fault_injector: makes calls of the API fail.

    Attributes:
        requests: the last requests, oldest first.
        prepared: answers for the next requests.
    """

    def __init__(self, operations: Operations, oauth_server: OAuthServer, fault_injector: FaultInjector) -> None:
        self.fault_injector = fault_injector
        self.requests: deque[SeenRequest] = deque(maxlen=MAX_RECORDED_REQUESTS)
        self.prepared: deque[Answer] = deque()
        self._served = 0
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/group", operations.get_groups),
            ("POST", "/group", operations.create_group),
            ("DELETE", "/group", operations.is_gone),
            ("GET", "/group/by-id", operations.get_group),
            ("DELETE", "/group/by-id", operations.delete_group),
            ("GET", "/group/picker", operations.search_groups),
            ("GET", f"/group/{{group_id:{OPAQUE}}}/membersByGroupId", operations.get_members),
            ("POST", "/group/userByGroupId", operations.add_member),
            ("DELETE", "/group/userByGroupId", operations.remove_member),
            ("GET", "/user/memberof", operations.get_memberships),
            ("GET", "/user/current", operations.get_current_user),
            ("GET", "/user", operations.get_user),
            ("GET", "/user/bulk", operations.look_up_users),
        ]
        resources: dict[str, dict[str, Handler]] = {}
        for method, path, handler in table:
            resources.setdefault(path, {})[method] = handler
        resources |= {path: {} for path in REMOVED_PATHS}
        authority: dict[str, dict[str, Handler]] = {
            "/authorize": {"GET": oauth_server.authorize},
            "/oauth/token": {"POST": oauth_server.token},
            "/oauth/token/accessible-resources": {"GET": oauth_server.accessible_resources},
        }
        routes = []
        for path, handlers in resources.items():
            allowed = [method for method, handler in handlers.items() if handler != operations.is_gone]
            otherwise = _refuse_method(allowed) if handlers else operations.is_gone
            routes += [Route(prefix + path, self._resource(handlers, otherwise, faulty=True)) for prefix in PREFIXES]
        routes += [
            Route(path, self._resource(handlers, _refuse_method(handlers))) for path, handlers in authority.items()
        ]
        self.asgi = Starlette(routes=routes)
        self.asgi.router.redirect_slashes = False
        self.asgi.router.default = self._resource({}, operations.is_unknown)

    def _resource(self, handlers: Mapping[str, Handler], otherwise: Handler, *, faulty: bool = False) -> Resource:
        """Build the resource of an address.

        Args:
            handlers: the handlers, by method.
            otherwise: the handler of all other methods.
            faulty: whether faults apply.
        """

        def wrap(handler: Handler) -> Handler:
            return self._with_record(self._with_faults(handler) if faulty else handler)

        return Resource({method: wrap(handler) for method, handler in handlers.items()}, wrap(otherwise))

    def _with_faults(self, handler: Handler) -> Handler:
        """Return a handler that applies the faults that are set when it is called."""

        async def handle(request: Request) -> Response:
            return await self.fault_injector.handle(request, handler)

        return handle

    def _with_record(self, handler: Handler) -> Handler:
        """Return a handler that records the request, prefers a prepared answer, and adds a request id."""

        async def handle(request: Request) -> Response:
            self._served += 1
            self.requests.append(_record(request))
            try:
                response = _build_response(self.prepared.popleft()) if self.prepared else await handler(request)
            except RejectedError as rejected:
                response = rejected.response
            except ClientDisconnect:  # before its request was complete
                return Response()  # is not sent
            response.headers["atl-request-id"] = f"00000000-0000-4000-8000-{self._served:012d}"
            return response

        return handle


def _refuse_method(allowed: Collection[str]) -> Handler:
    """Return a handler that answers 405 and names the allowed methods: RFC 9110 section 15.5.6."""
    names = {*allowed, *(["HEAD"] if "GET" in allowed else [])}
    headers = {"Allow": ", ".join(sorted(names))}

    async def refuse(request: Request) -> Response:
        if request.url.path.startswith(API) or "cloud_id" in request.path_params:
            return payloads.error(405, "Method Not Allowed", headers=headers)
        return payloads.gateway_error(405, "Method Not Allowed", headers=headers)

    return refuse


def _build_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))


def _record(request: Request) -> SeenRequest:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    return SeenRequest(request.method, f"{path}?{query}" if query else path, dict(request.headers))
