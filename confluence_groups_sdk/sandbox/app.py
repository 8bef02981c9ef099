"""The sandbox's HTTP face: which address is which operation, the record of requests, and rehearsed answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .authority import Authority
from .bodies import RefusedError
from .faults import Handler, Trouble
from .operations import Operations

API = "/wiki/rest/api"
GATEWAY_API = "/ex/confluence/{cloud_id}" + API
REMEMBERED_REQUESTS = 10_000
OPAQUE = (
    f"opaque_{__name__.encode().hex()}"  # Starlette has one register for all: another copy of this has its own name
)


class OpaqueConvertor(Convertor[str]):
    """An id in a path: any text, slashes and line breaks included."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(OPAQUE, OpaqueConvertor())


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


class ConfluenceApp:
    """The application: the API on the site's own address and behind the gateway's, and the authority."""

    def __init__(self, operations: Operations, authority: Authority, trouble: Trouble) -> None:
        self.trouble = trouble
        self.seen: deque[SeenRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self.rehearsed: deque[Answer] = deque()
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
        ]
        routes = [
            Route(prefix + path, self._wrapped(self._troubled(handler)), methods=[method])
            for prefix in (API, GATEWAY_API)
            for method, path, handler in table
        ]
        routes += [
            Route("/authorize", self._wrapped(authority.authorize), methods=["GET"]),
            Route("/oauth/token", self._wrapped(authority.token), methods=["POST"]),
            Route("/oauth/token/accessible-resources", self._wrapped(authority.accessible_resources), methods=["GET"]),
        ]
        self.asgi = Starlette(routes=routes)

    def _troubled(self, handler: Handler) -> Handler:
        """Return the handler behind the faults that are set when it is called."""

        async def handle(request: Request) -> Response:
            return await self.trouble.answer(request, handler)

        return handle

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


def _rehearsed(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))


def _seen(request: Request) -> SeenRequest:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    return SeenRequest(request.method, f"{path}?{query}" if query else path, dict(request.headers))
