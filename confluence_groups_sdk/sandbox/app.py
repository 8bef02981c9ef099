"""The sandbox's web application: routes, the record of requests, and prepared answers."""

from collections import deque
from collections.abc import Mapping

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import _public, payloads
from .directory import check_text
from .faults import FaultInjector, Handler
from .oauth_server import OAuthServer
from .operations import Operations
from .payloads import RejectedError

API = "/wiki/rest/api"
GATEWAY_API = "/ex/confluence/{cloud_id}" + API
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
    """A request as it arrived: method, target (path and query, still encoded) and headers."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)


class ConfluenceApp:
    """Routes requests: the API at the site's own address and at the gateway's, and the OAuth 2.0 authority.

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
        routes = [
            Route(prefix + path, self._with_record(self._with_faults(handler)), methods=[method])
            for prefix in (API, GATEWAY_API)
            for method, path, handler in table
        ]
        routes += [
            Route("/authorize", self._with_record(oauth_server.authorize), methods=["GET"]),
            Route("/oauth/token", self._with_record(oauth_server.token), methods=["POST"]),
            Route(
                "/oauth/token/accessible-resources",
                self._with_record(oauth_server.accessible_resources),
                methods=["GET"],
            ),
        ]
        self.asgi = Starlette(routes=routes)

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


def _build_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))


def _record(request: Request) -> SeenRequest:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    return SeenRequest(request.method, f"{path}?{query}" if query else path, dict(request.headers))
