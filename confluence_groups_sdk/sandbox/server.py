"""The sandbox as a server: uvicorn in a thread of this process, on a free port of loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import uvicorn

from . import seed
from .access import Access
from .app import Answer, ConfluenceApp, SeenRequest
from .authority import ALL_SCOPES, LIFETIME, Authority, Grant, OAuthClient
from .connection import Connection
from .directory import Credentials
from .faults import Clock, Faults, MachineClock, Trouble
from .operations import MOST_RESULTS, Operations
from .real_time import RealTimeEventLoop

HOST = "127.0.0.1"
STOP_PATIENCE = 10  # seconds for answers under way when the sandbox stops
CONNECTIONS_WAITING = 512
ACCESS_TOKEN = "sandbox-access-token"
OAUTH_CLIENT = OAuthClient("sandbox-client-id", "sandbox-client-secret")
NO_FAULTS = Faults()
THIS_MACHINE = MachineClock()


class Sandbox:
    """A Confluence Cloud site on this machine, for demos and tests.

    Its state is its own and starts afresh with each sandbox; see `directory`.

        with Sandbox() as sandbox, ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
            ...

    Attributes:
        url: the site's address.
        gateway: the gateway's address, for ``for_cloud(sandbox.cloud_id, gateway=sandbox.gateway, ...)``.
        cloud_id: the site's cloud id.
        authority: the address of the OAuth 2.0 authority, for ``OAuth2(..., authority=sandbox.authority)``.
        oauth_client: client id and client secret of the app that users consent to.
        directory: people, groups and memberships, as they are now; change them as a test needs it.
        admin: e-mail and token of a site admin.
        reader: e-mail and token of somebody who is no site admin.
        outsider: e-mail and token of somebody who has no access to Confluence.

    Args:
        faults: what goes wrong, on purpose.
        clock: that limits, latency and the expiry of tokens go by: ``now``, ``monotonic`` and ``async_sleep``.
        port: to listen on; 0 for any that is free.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, *, faults: Faults = NO_FAULTS, clock: Clock = THIS_MACHINE, port: int = 0) -> None:
        self._clock = clock
        self.cloud_id = seed.CLOUD_ID
        self.directory = seed.seeded()
        self.oauth_client = OAUTH_CLIENT
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY where it sees TCP named
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except BaseException:
            self._socket.close()
            raise
        self._socket.listen(CONNECTIONS_WAITING)  # from here on callers wait in line, so nobody has to poll
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.gateway = self.authority = self.url
        self._authority = Authority(OAUTH_CLIENT, seed.CLOUD_ID, self.url, ACCESS_TOKEN, seed.ADMIN, now=clock.now)
        self._access = Access(self.directory, self._authority)
        self.admin = self._access.sign_up(seed.ADMIN)
        self.reader = self._access.sign_up(seed.READER)
        self.outsider = self._access.sign_up(seed.OUTSIDER)
        self._operations = Operations(self.directory, self._access, self.url)
        self._app = ConfluenceApp(self._operations, self._authority, self._trouble(faults))
        config = uvicorn.Config(
            self._app.asgi,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STOP_PATIENCE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="sandbox")

    @property
    def access_token(self) -> str:
        """An OAuth 2.0 access token of the admin, for the gateway alone; it never ends."""
        return ACCESS_TOKEN

    def sign_up(self, account_id: str) -> Credentials:
        """Return e-mail and API token of an account of the directory, always the same.

        Raises:
            KeyError: there is no such account.
        """
        return self._access.sign_up(account_id)

    @property
    def scopes(self) -> set[str]:
        """What `access_token` may do; take some away to see what a client makes of it."""
        return self._authority.scopes

    def grant(
        self, account_id: str = seed.ADMIN, scopes: Iterable[str] = ALL_SCOPES, expires_in: float = LIFETIME
    ) -> Grant:
        """Return new tokens, as after a user's consent; each refresh voids the refresh token and gives another.

        Args:
            account_id: of the user who consents.
            scopes: that are consented to.
            expires_in: seconds that the access token is good for; 0 and less: it is not.

        Raises:
            KeyError: there is no such account.
        """
        return self._authority.grant(self.directory.people[account_id].account_id, scopes, expires_in)

    @property
    def consenting(self) -> bool:
        """Whether the admin, shown the consent page (``GET /authorize``), says yes."""
        return self._authority.consenting

    @consenting.setter
    def consenting(self, consenting: bool) -> None:
        self._authority.consenting = consenting

    def expire_tokens(self) -> None:
        """End all access tokens that were issued, whatever they were promised; `access_token` stays."""
        self._authority.expire()

    @property
    def faults(self) -> Faults:
        """What goes wrong, on purpose; set it at any time, and all counts begin anew."""
        return self._app.trouble.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._app.trouble = self._trouble(faults)

    def _trouble(self, faults: Faults) -> Trouble:
        return Trouble(faults, self._clock, self.expire_tokens)

    @property
    def page_limit(self) -> int:
        """The most results on one page, however many are asked for; 200, and less where a test needs many pages."""
        return self._operations.page_limit

    @page_limit.setter
    def page_limit(self, limit: int) -> None:
        if not 1 <= limit <= MOST_RESULTS:
            raise ValueError(f"page_limit must be from 1 to {MOST_RESULTS}")
        self._operations.page_limit = limit

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests that came in, oldest first (the last 10,000)."""
        return list(self._app.seen)

    def answer_next(self, *answers: Answer) -> None:
        """Give these answers to the next requests, one each, instead of what the sandbox would do."""
        self._app.rehearsed.extend(answers)

    def start(self) -> Self:
        """Begin to serve.

        Raises:
            RuntimeError: it has been started before; a sandbox runs once.
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
        """Stop serving; answers under way are finished first."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
