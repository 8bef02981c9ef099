"""A user's consent (OAuth 2.0, 3LO): the browser is sent to the authority, and comes back to a port of this machine."""

from __future__ import annotations

import secrets
import selectors
import threading
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from .._clock import machine_monotonic
from ..errors import ConfigurationError
from .terminal import RefusedError, say

SCOPES = ("read:confluence-groups", "read:confluence-user", "write:confluence-groups", "offline_access")
CALLBACK = "/callback"
PATIENCE = 300.0  # seconds for the user to agree
DONE = "You are logged in: close this page, and go back to the terminal."
NOT_DONE = "You are not logged in: the terminal says why."
WRONG_STATE = "This is not the answer to what was asked from this machine: nothing was done."


class Callback(HTTPServer):
    """Listens on loopback for the answer with the right state; all others are turned away.

    Args:
        port: to listen on; the app must have this address among its callback URLs.
        clock: seconds, never going back.

    Raises:
        ConfigurationError: the port is taken.
    """

    def __init__(self, port: int, clock: Callable[[], float] = machine_monotonic) -> None:
        self.state = secrets.token_urlsafe(32)
        self.answer: dict[str, str] | None = None
        self._clock = clock
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port}: {error.strerror or error}: give another --port; the app's callback URL must have it, too"
            ) from None

    @property
    def redirect_uri(self) -> str:
        """Where the authority is to send the browser."""
        return f"http://localhost:{self.server_port}{CALLBACK}"

    def code(self) -> str:
        """Wait for the user, and return the code that the authority gives.

        Raises:
            RefusedError: the user did not agree, or did not answer in time.
        """
        deadline = self._clock() + PATIENCE
        with selectors.DefaultSelector() as arrivals:  # handle_request's own timeout never expires while time is frozen
            arrivals.register(self, selectors.EVENT_READ)
            while self.answer is None:
                seconds = deadline - self._clock()
                if seconds <= 0:
                    raise RefusedError(f"nobody agreed within {PATIENCE:.0f} s: log in again")
                if arrivals.select(seconds):
                    self.handle_request()
        if "code" not in self.answer:
            why = self.answer.get("error_description") or self.answer.get("error") or "without a reason"
            raise RefusedError(f"the authority gave no access: {why}")
        return self.answer["code"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a connection that broke: the browser comes again."""


class _Handler(BaseHTTPRequestHandler):
    server: Callback
    timeout = 10  # seconds for a request to arrive, or one that says nothing would keep all others out

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != CALLBACK:
            self._say(404, "There is nothing here.")
            return
        answer = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not secrets.compare_digest(answer.get("state", "").encode(), self.server.state.encode()):
            self._say(400, WRONG_STATE)
            return
        self.server.answer = answer
        self._say(200, DONE if "code" in answer else NOT_DONE)

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the code stands in the address."""


def consent_page(authority: str, client_id: str, callback: Callback) -> str:
    """Return the address of the page on which the user agrees."""
    asked = {
        "audience": "api.atlassian.com",
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "redirect_uri": callback.redirect_uri,
        "state": callback.state,
        "response_type": "code",
        "prompt": "consent",
    }
    return f"{authority}/authorize?{urlencode(asked)}"


def send_user_to(page: str, *, browser: bool) -> None:
    """Show the address of a page, and open it in the user's browser.

    A browser in the terminal keeps whoever opens it until it ends, and it waits for the callback: so it has a thread.
    """
    say("agree in the browser; where none opens, open this page on this machine:" if browser else "open and agree:")
    say(f"  {page}")
    if browser:
        threading.Thread(target=webbrowser.open, args=(page,), daemon=True, name="browser").start()
