"""The user's consent to OAuth 2.0: the browser visits the authority, and returns to a port on this machine with a code.

See RFC 6749 section 4.1 (authorization code), RFC 8252 section 7.3 (loopback) and docs/confluence-behaviour.md#oauth.
"""

from __future__ import annotations

import secrets
import selectors
import threading
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ..._support.clock import machine_monotonic
from ...auth.code_exchange import AuthorizationCode
from ...errors import ConfigurationError
from ..terminal import RefusedError, print_err

SCOPES = ("read:confluence-groups", "read:confluence-user", "write:confluence-groups", "offline_access")
CALLBACK_PATH = "/callback"
CONSENT_TIMEOUT_S = 300.0  # seconds for the user to consent
REQUEST_TIMEOUT_S = 10  # seconds for a request to arrive; without a limit, a silent connection would block all others
LOGGED_IN = "You are logged in. Close this page and go back to the terminal."
NOT_LOGGED_IN = "You are not logged in. The terminal shows the reason."
WRONG_STATE = "This request does not belong to the login on this machine. Nothing was done."


class CallbackServer(HTTPServer):
    """Waits on loopback for the request with the right state, and rejects all others (RFC 6749 section 10.12).

    Args:
        port: the port to listen on; one of the app's callback URLs must contain it.
        clock: returns monotonic seconds.

    Raises:
        ConfigurationError: the port is in use.
    """

    def __init__(self, port: int, clock: Callable[[], float] = machine_monotonic) -> None:
        self.state = secrets.token_urlsafe(32)
        self.response: dict[str, str] | None = None
        self._clock = clock
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port}: {error.strerror or error}: give another --port, and add it to the app's callback URLs"
            ) from None

    @property
    def redirect_uri(self) -> str:
        """The address to which the authority sends the browser back."""
        return f"http://localhost:{self.server_port}{CALLBACK_PATH}"

    def wait_for_code(self) -> AuthorizationCode:
        """Wait until the user has consented, and return the authorization code.

        Raises:
            RefusedError: the user did not consent, or not in time.
        """
        deadline = self._clock() + CONSENT_TIMEOUT_S
        # handle_request alone never ends its wait while a test freezes time.
        with selectors.DefaultSelector() as arrivals:
            arrivals.register(self, selectors.EVENT_READ)
            while self.response is None:
                seconds = deadline - self._clock()
                if seconds <= 0:
                    raise RefusedError(f"nobody consented within {CONSENT_TIMEOUT_S:.0f} s: log in again")
                if arrivals.select(seconds):
                    self.handle_request()
        if "code" not in self.response:
            reason = self.response.get("error_description") or self.response.get("error") or "without a reason"
            raise RefusedError(f"the authority gave no access: {reason}")
        return AuthorizationCode(self.response["code"], self.redirect_uri)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that broke: the browser connects again."""


class _Handler(BaseHTTPRequestHandler):
    server: CallbackServer
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != CALLBACK_PATH:
            self._respond(404, "There is nothing here.")
            return
        response = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not secrets.compare_digest(response.get("state", "").encode(), self.server.state.encode()):
            self._respond(400, WRONG_STATE)
            return
        self.server.response = response
        self._respond(200, LOGGED_IN if "code" in response else NOT_LOGGED_IN)

    def _respond(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: the address contains the code."""


def consent_url(authority: str, client_id: str, callback: CallbackServer) -> str:
    """Build the address of the page on which the user consents."""
    query = {
        "audience": "api.atlassian.com",
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "redirect_uri": callback.redirect_uri,
        "state": callback.state,
        "response_type": "code",
        "prompt": "consent",
    }
    return f"{authority}/authorize?{urlencode(query)}"


def open_page(url: str, *, browser: bool) -> None:
    """Print the address of a page, and open it in the user's browser.

    A thread opens it, because a browser that runs in the terminal blocks until it ends, and it waits for the callback.

    Args:
        url: the address.
        browser: whether to open a browser, or only to print the address.
    """
    in_browser = "agree in the browser; if none opens, open this page on this machine:"
    print_err(in_browser if browser else "open this page and agree:", f"  {url}")
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browser").start()
