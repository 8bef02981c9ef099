"""Errors name the host that the failed step was with: the site, or the proxy before it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest
import trustme
from fakes import WIRED
from raw_socket_servers import SocketServer, reply_with, run_proxy, serve
from test_failures import CA, DONE, check_unsent, client_context, closed_port, failed_call, failed_call_over

from confluence_groups_sdk._core.limits.retry_policy import Failure
from confluence_groups_sdk._core.transport import replies
from confluence_groups_sdk._core.transport.connections.watching import UNEXPECTED, UnexpectedDataError

SITE = "https://127.0.0.1:9"
KINDS = ["sync", "async"]


def context_of(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


def ask_for_a_certificate(server: SocketServer, connection: socket.socket) -> None:
    """Refuse TLS, and read on: closing with unread bytes could lose the alert."""
    context = context_of(CA)
    context.verify_mode = ssl.CERT_REQUIRED
    with connection.dup() as beneath, context.wrap_socket(connection, True, do_handshake_on_connect=False) as secured:
        with suppress(ssl.SSLError):
            secured.do_handshake()
            server.requests.append(b"TLS was accepted")
        while beneath.recv(65536):
            pass


@pytest.mark.parametrize("kind", WIRED)
def test_a_client_certificate_that_is_missing_after_the_handshake_is_named(kind: str) -> None:
    """With TLS 1.3 the server's alert comes after the handshake, before or after the request is sent."""
    for _ in range(3):
        with serve(ask_for_a_certificate) as site:
            error = failed_call_over(kind, f"https://127.0.0.1:{site.port}", client_context())
        assert f"127.0.0.1:{site.port} asks for a client certificate" in str(error)
        assert ("Nothing was sent" in str(error)) == (error.unanswered_attempts == 0)
        assert site.requests == []
        if error.unanswered_attempts == 0:
            assert site.connections == 1, "it would fail again"


def alert(number: int) -> Callable[[SocketServer, socket.socket], None]:
    def script(_server: SocketServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([number]))
        connection.recv(65536)

    return script


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("number", [0, 120, 255])
def test_an_alert_without_a_name_is_no_error_of_the_system(kind: str, number: int) -> None:
    with serve(alert(number)) as site:
        error = failed_call(kind, f"https://127.0.0.1:{site.port}")
    check_unsent(error, f"the TLS handshake with 127.0.0.1:{site.port} failed")


@pytest.mark.parametrize("cause", [None, ssl.SSLError(1, "alert")])
def test_what_comes_before_the_request_keeps_it_from_being_sent(cause: ssl.SSLError | None) -> None:
    error = httpx.ConnectError(UNEXPECTED)
    error.__cause__ = UnexpectedDataError(cause or UNEXPECTED)
    reply = replies.no_response(error, sent=True)
    assert reply.failure is (Failure.PERMANENT if cause else Failure.UNSENT)
    assert ("sent something before the request" in reply.problem) == (cause is None)


# --- a proxy that speaks TLS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (lambda: context_of(trustme.CA()), "is from an authority that is not trusted here"),
        (lambda: context_of(CA, "proxy.example"), "is for another host"),
    ],
)
def test_the_certificate_of_a_proxy_is_not_called_that_of_the_site(
    kind: str, certificate: Callable[[], ssl.SSLContext], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CA.cert_pem.tempfile() as bundle, serve(reply_with(DONE), tls=certificate()) as proxy:
        monkeypatch.setenv("SSL_CERT_FILE", bundle)
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        error = failed_call(kind, SITE)
    check_unsent(error, f"the certificate of the proxy in HTTPS_PROXY {words}")
    assert "the site's address" not in error.remedy
    assert "127.0.0.1:9" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificate_of_a_site_behind_a_proxy_is_called_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_proxy() as proxy, serve(reply_with(DONE), tls=context_of(trustme.CA())) as site:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        error = failed_call(kind, site.address)
    check_unsent(error, f"the certificate of 127.0.0.1:{site.port} is from an authority")


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_wants_a_client_certificate_is_named(kind: str) -> None:
    with (
        CA.cert_pem.tempfile() as bundle,
        serve(ask_for_a_certificate) as proxy,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("SSL_CERT_FILE", bundle)
        environment.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        check_unsent(failed_call(kind, SITE), "the proxy in HTTPS_PROXY asks for a client certificate")


# --- the proxy of a caller's client


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_proxy_that_refuses_connections_is_not_called_the_site(kind: str) -> None:
    error = failed_call_over(kind, SITE, client_context(), f"http://127.0.0.1:{closed_port()}")
    check_unsent(error, "the proxy refused the connection")
    assert "127.0.0.1:9" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["proxy.invalid", f"{'a' * 70}.example"])
def test_the_callers_unknown_proxy_is_not_called_the_site(
    kind: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(name: str | bytes, *_: object, **__: object) -> None:
        if isinstance(name, str):
            name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = failed_call_over(kind, SITE, client_context(), f"http://{host}:3128")
    check_unsent(error, "the host name of the proxy is unknown")
    assert "127.0.0.1:9" not in str(error)
