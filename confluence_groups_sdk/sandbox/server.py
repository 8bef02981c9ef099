"""The sandbox as a server: uvicorn in a thread of this process, on a free port on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import uvicorn

from . import _public, seed
from .app import Answer, ConfluenceApp, SeenRequest
from .authentication import Authenticator
from .directory import Credentials
from .faults import Clock, FaultInjector, Faults, MachineClock
from .http_protocol import OriginCheck, ResettableProtocol
from .oauth_server import ALL_SCOPES, LIFETIME_S, Grant, OAuthClient, OAuthServer
from .operations import MAX_PAGE_SIZE, Operations
from .real_time import RealTimeEventLoop

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 10  # how long stop() waits for calls in progress
LOOK_S = 0.001  # how often it checks whether they have ended
CONNECTION_BACKLOG = 512
ACCESS_TOKEN = "sandbox-access-token"
OAUTH_CLIENT = OAuthClient("sandbox-client-id", "sandbox-client-secret")
NO_FAULTS = Faults()
MACHINE_CLOCK = MachineClock()


@_public
class Sandbox:
    """A Confluence Cloud site on this machine, for demos and tests.

    Each sandbox has a state of its own, in `directory`.

        with Sandbox() as sandbox, ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
            ...

    Attributes:
        url: the site's address.
        gateway: the gateway's address, for ``for_cloud(sandbox.cloud_id, gateway=sandbox.gateway, ...)``.
        cloud_id: the site's cloud id.
        authority: the address of the OAuth 2.0 authority, for ``OAuth2(..., authority=sandbox.authority)``.
        oauth_client: the client id and client secret of the app that users consent to.
        directory: people, groups and memberships, as they are now; tests may change them.
        admin: the e-mail and token of a site admin.
        reader: the e-mail and token of a user who is not a site admin.
        outsider: the e-mail and token of a user without access to Confluence.

    Args:
        faults: the faults to start with.
        clock: the time for limits, latency and the expiry of tokens: ``now``, ``monotonic`` and ``async_sleep``.
        port: the port to listen on; 0 for any free port.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, *, faults: Faults = NO_FAULTS, clock: Clock = MACHINE_CLOCK, port: int = 0) -> None:
        self._clock = clock
        self.cloud_id = seed.CLOUD_ID
        self.directory = seed.build_directory()
        self.oauth_client = OAUTH_CLIENT
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only if proto is TCP
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except BaseException:
            self._socket.close()
            raise
        self._socket.listen(CONNECTION_BACKLOG)  # from here on connections are queued, so no caller has to poll
        port = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{port}"
        self.gateway = self.authority = self.url
        self._oauth_server = OAuthServer(OAUTH_CLIENT, seed.CLOUD_ID, self.url, ACCESS_TOKEN, seed.ADMIN, now=clock.now)
        self._authenticator = Authenticator(self.directory, self._oauth_server)
        self.admin = self._authenticator.sign_up(seed.ADMIN)
        self.reader = self._authenticator.sign_up(seed.READER)
        self.outsider = self._authenticator.sign_up(seed.OUTSIDER)
        self._operations = Operations(self.directory, self._authenticator, self.url)
        self._app = ConfluenceApp(self._operations, self._oauth_server, self._fault_injector(faults))
        config = uvicorn.Config(
            OriginCheck(self._app.asgi, self.url, port),
            http=ResettableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        self._server = PromptServer(config)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="sandbox")

    @property
    def access_token(self) -> str:
        """An OAuth 2.0 access token of the admin, for the gateway only; it never expires."""
        return ACCESS_TOKEN

    def sign_up(self, account_id: str) -> Credentials:
        """Return the e-mail and API token of an account in the directory; they never change.

        Raises:
            KeyError: there is no such account.
        """
        return self._authenticator.sign_up(account_id)

    @property
    def scopes(self) -> set[str]:
        """The scopes of `access_token`; remove some to test a missing scope."""
        return self._oauth_server.scopes

    def grant(
        self, account_id: str = seed.ADMIN, scopes: Iterable[str] = ALL_SCOPES, expires_in: float = LIFETIME_S
    ) -> Grant:
        """Issue tokens, as if a user had consented; a refresh token works once, and the refresh returns a new one.

        Args:
            account_id: the account id of the user.
            scopes: the scopes that the user consents to.
            expires_in: seconds until the access token expires; with 0 or less it has expired already.

        Raises:
            KeyError: there is no such account.
            ValueError: a scope holds half of a surrogate pair.
        """
        return self._oauth_server.grant(self.directory.people[account_id].account_id, scopes, expires_in)

    @property
    def consenting(self) -> bool:
        """Whether the admin agrees on the consent page (``GET /authorize``)."""
        return self._oauth_server.consenting

    @consenting.setter
    def consenting(self, consenting: bool) -> None:
        self._oauth_server.consenting = consenting

    def expire_tokens(self) -> None:
        """Expire all access tokens that were issued; `access_token` stays valid."""
        self._oauth_server.expire()

    @property
    def faults(self) -> Faults:
        """The deliberate faults. You can set them at any time; this resets all counts."""
        return self._app.fault_injector.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._app.fault_injector = self._fault_injector(faults)

    def _fault_injector(self, faults: Faults) -> FaultInjector:
        return FaultInjector(faults, self._clock, self.expire_tokens)

    @property
    def page_limit(self) -> int:
        """The maximum number of results on one page, even if ``limit`` is higher; 200, or less to test many pages."""
        return self._operations.page_limit

    @page_limit.setter
    def page_limit(self, limit: int) -> None:
        if not 1 <= limit <= MAX_PAGE_SIZE:
            raise ValueError(f"page_limit must be from 1 to {MAX_PAGE_SIZE}")
        self._operations.page_limit = limit

    @property
    def requests(self) -> list[SeenRequest]:
        """The last 10,000 requests, oldest first."""
        return list(self._app.requests)

    def answer_next(self, *answers: Answer) -> None:
        """Send these answers to the next requests, one each, instead of the sandbox's own."""
        self._app.prepared.extend(answers)

    def start(self) -> Self:
        """Start to serve.

        Raises:
            RuntimeError: it was started before; a sandbox runs once.
        """
        if self._thread.ident is not None:
            raise RuntimeError("a sandbox runs once: make a new one")
        self._thread.start()
        return self

    def _serve(self) -> None:
        """Serve until told to stop, in an event loop that a test cannot freeze."""
        with asyncio.Runner(loop_factory=RealTimeEventLoop) as runner:
            runner.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        """Stop serving, after the calls in progress."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


class PromptServer(uvicorn.Server):
    """uvicorn that stops at once. The original checks every 0.1 s whether to stop, and sleeps 0.1 s before it does."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._wake: Callable[[], object] = lambda: None

    def stop(self) -> None:
        """Tell the server to stop; any thread may do so."""
        self.should_exit = True
        with suppress(RuntimeError):  # the event loop is closed already
            self._wake()

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        loop, ticks = asyncio.get_running_loop(), asyncio.ensure_future(super().main_loop())
        self._wake = lambda: loop.call_soon_threadsafe(ticks.cancel)
        await asyncio.wait([ticks])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - the sandbox closes it
        """End each connection, after the call on it; cancel the calls that take too long."""
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                while state.connections or state.tasks:
                    await asyncio.sleep(LOOK_S)
        for task in state.tasks:
            task.cancel()
