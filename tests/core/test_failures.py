"""What an error says if no response came: the cause, the remedy, and whether anything was sent."""

from __future__ import annotations

import asyncio
import datetime
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import trustme
from fakes import WIRED, Answers, FakeClock, call, call_at, token
from raw_socket_servers import Authority, SocketServer, break_off, reply_with, reset, run_proxy, serve

from confluence_groups_sdk import (
    APIConnectionError,
    APITimeoutError,
    AsyncConfluenceGroups,
    BearerToken,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    Tokens,
    aiohttp_client,
    discover_sites,
)
from confluence_groups_sdk._core.limits.retry_policy import Failure, classify_failure
from confluence_groups_sdk._core.transport import replies
from confluence_groups_sdk._core.transport.failures import Route, describe

IDS = {"group_id": "g", "account_id": "a"}
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
DOUBT = "may have been made"
CA = trustme.CA()
REFUSED = b"Content-Length: 0\r\n\r\n"


def server_context(begin: datetime.datetime | None = None, end: datetime.datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1", not_before=begin, not_after=end).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@pytest.fixture
def _trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with CA.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        yield


def failed_call(
    kind: str, address: str, method: str = "add_member", clock: FakeClock | None = None
) -> APIConnectionError:
    with pytest.raises(APIConnectionError) as caught:
        call_at(kind, address, method, IDS if method == "add_member" else {"group_id": "g"}, clock=clock or FakeClock())
    return caught.value


def failed_call_over(kind: str, address: str, context: ssl.SSLContext, proxy: str | None = None) -> APIConnectionError:
    """Call through the caller's own client, with these TLS settings."""
    options: dict[str, Any] = {"auth": token(), "clock": FakeClock()}

    async def add() -> None:
        over_aiohttp = kind == "aiohttp"
        http = aiohttp_client(verify=context) if over_aiohttp else httpx.AsyncClient(verify=context, proxy=proxy)
        async with http, AsyncConfluenceGroups(address, http_client=http, **options) as groups:
            with pytest.raises(APIConnectionError) as caught:
                await groups.add_member(**IDS)
            errors.append(caught.value)

    errors: list[APIConnectionError] = []
    if kind != "sync":
        asyncio.run(add())
        return errors[0]
    with (
        httpx.Client(verify=context, proxy=proxy) as http,
        ConfluenceGroups(address, http_client=http, **options) as groups,
    ):
        with pytest.raises(APIConnectionError) as caught:
            groups.add_member(**IDS)
        return caught.value


def check_unsent(error: APIConnectionError, *words: str) -> None:
    """Check the error of a change that was not sent."""
    text = str(error)
    assert [each for each in words if each not in text] == []
    assert error.remedy.startswith("Nothing was sent. ")
    assert DOUBT not in text
    assert error.unanswered_attempts == 0
    assert "withheld" in str(error.__cause__), "the stored cause has no text of its own"
    assert error.__cause__ is not None
    assert error.__cause__.__cause__ is error.__cause__.__context__ is None


# --- certificates


@pytest.mark.parametrize("kind", WIRED)
def test_an_unknown_authority_names_the_variable(kind: str) -> None:
    clock = FakeClock()
    with serve(reply_with(DONE), tls=server_context()) as site:
        error = failed_call(kind, site.address, clock=clock)
    check_unsent(error, f"certificate of 127.0.0.1:{site.port}", "authority that is not trusted", "SSL_CERT_FILE")
    assert (site.connections, clock.slept) == (1, [])


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("_trusted")
def test_a_certificate_for_another_host_says_so(kind: str) -> None:
    with serve(reply_with(DONE), tls=server_context()) as site:
        error = failed_call(kind, f"https://localhost:{site.port}")
    check_unsent(error, "certificate of localhost", "for another host")
    assert "SSL_CERT_FILE" not in str(error)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("year", "words"), [(2001, "has expired"), (2098, "is not valid yet")])
@pytest.mark.usefixtures("_trusted")
def test_a_certificate_of_another_time_says_so(kind: str, year: int, words: str) -> None:
    begin, end = datetime.datetime(year, 1, 1), datetime.datetime(year, 2, 1)
    with serve(reply_with(DONE), tls=server_context(begin, end)) as site:
        error = failed_call(kind, site.address)
    check_unsent(error, words, "clock")
    assert "SSL_CERT_FILE" not in str(error)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "authority that is not trusted"),
        (18, "self-signed"),
        (19, "authority that is not trusted"),
        (20, "authority that is not trusted"),
        (21, "authority that is not trusted"),
        (10, "expired"),
        (9, "not valid yet"),
        (23, "revoked"),
        (62, "another host"),
        (64, "another host"),
        (27, "authority that is not trusted"),
        *((code, "too weak") for code in (66, 67, 68)),
        *((code, "RFC 5280") for code in range(79, 95)),
        *((code, f"code {code}") for code in (1, 3, 8, 11, 22, 24, 28, 61, 63, 65, 69, 78, 95)),
    ],
)
def test_each_verdict_on_a_certificate_has_its_words(code: int, words: str) -> None:
    verdict = ssl.SSLCertVerificationError("swordfish")
    verdict.verify_code = code
    error = httpx.ConnectError("swordfish")
    error.__cause__ = verdict
    reply = replies.no_response(error)
    assert reply.failure is Failure.PERMANENT
    assert words in reply.problem
    assert "swordfish" not in f"{reply}"


# --- TLS


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("strict", ["client", "server"])
def test_another_version_of_tls_says_so(kind: str, strict: str) -> None:
    server, client = server_context(), client_context()
    old, new = (server, client) if strict == "client" else (client, server)
    old.maximum_version, new.minimum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    with serve(reply_with(DONE), tls=server) as site:
        error = failed_call_over(kind, site.address, client)
    check_unsent(error, "no version of TLS in common")
    assert site.connections == 1, "it would fail again"


def answer_hello(answer: bytes) -> Callable[[SocketServer, socket.socket], None]:
    def script(_server: SocketServer, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)
        connection.recv(4096)

    return script


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example.com ESMTP\r\n"])
def test_a_port_without_tls_says_so(kind: str, answer: bytes) -> None:
    with serve(answer_hello(answer)) as site:
        error = failed_call(kind, f"https://127.0.0.1:{site.port}")
    check_unsent(error, f"127.0.0.1:{site.port} does not answer with TLS")
    assert site.connections == 1, "it would fail again"


@pytest.mark.parametrize("kind", WIRED)
def test_a_server_that_wants_a_client_certificate_says_so(kind: str) -> None:
    server = server_context()
    server.verify_mode = ssl.CERT_REQUIRED
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    with serve(reply_with(DONE), tls=server) as site:
        error = failed_call_over(kind, site.address, client_context())
    check_unsent(error, "TLS handshake", "http_client")


def cut(connection: socket.socket) -> None:
    connection.recv(4096)
    reset(connection)


@pytest.mark.parametrize("kind", WIRED)
def test_a_connection_that_is_cut_in_the_handshake_says_so(kind: str) -> None:
    with serve(lambda _server, connection: cut(connection)) as site:
        error = failed_call(kind, f"https://127.0.0.1:{site.port}")
    check_unsent(error, f"the connection to 127.0.0.1:{site.port} was", "firewall")
    assert site.connections == 5, "it may be different next time"


# --- the network


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("kind", WIRED)
def test_a_refused_connection_says_so(kind: str) -> None:
    port = closed_port()
    check_unsent(failed_call(kind, f"https://127.0.0.1:{port}"), f"127.0.0.1:{port} refused the connection")


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_an_unknown_host_says_so(kind: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    check_unsent(
        failed_call(kind, "https://your-domian.atlassian.net"), "unknown host your-domian.atlassian.net", "DNS"
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "refused the connection"),
        (errno.ENETUNREACH, "unreachable"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.EACCES, "does not permit"),
        (errno.EMFILE, "cannot open more connections"),
        (errno.ECONNRESET, "was cut"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_each_error_of_the_system_has_its_words(number: int, words: str, several: bool) -> None:
    error = httpx.ConnectError(
        "swordfish", request=httpx.Request("GET", "https://me:swordfish@site.example:8443/x?swordfish")
    )
    cause: BaseException = OSError(number, "swordfish")
    if several:
        cause, outer = ExceptionGroup("swordfish", [OSError(number, "swordfish")] * 2), OSError("swordfish")
        outer.__cause__, cause = cause, outer
    error.__cause__ = cause
    reply = replies.no_response(error)
    assert words in reply.problem
    assert reply.failure is Failure.UNSENT
    assert "swordfish" not in f"{reply}"
    if number not in (errno.EMFILE,):
        assert "site.example:8443" in reply.problem


@pytest.mark.parametrize("kind", WIRED)
def test_no_connection_in_time_says_so(kind: str) -> None:
    def never_answer(server: SocketServer, _connection: socket.socket) -> None:
        server.closing.wait(20)

    with serve(never_answer) as site, pytest.raises(APITimeoutError) as caught:
        call_at(kind, f"https://127.0.0.1:{site.port}", "add_member", IDS, timeout=httpx.Timeout(30, connect=0.05))
    check_unsent(caught.value, f"no connection to 127.0.0.1:{site.port} in time")


# --- proxies


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (b"407 me:swordfish", "asks for a valid user name and password (407)", 1),
        (b"401 me:swordfish", "asks for a valid user name and password (401)", 1),
        (b"403 me:swordfish", "forbids connections to 127.0.0.1:9 (403)", 1),
        (b"502 me:swordfish", "could not connect to 127.0.0.1:9 (502)", 5),
        (b"302 me:swordfish", "refused to connect to 127.0.0.1:9 (302)", 5),
    ],
)
def test_a_proxys_refusal_says_so(
    kind: str, variable: str, status: bytes, words: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_proxy(b"HTTP/1.1 " + status + b"\r\n" + REFUSED) as proxy:
        monkeypatch.setenv(variable, proxy.address.replace("//", "//me:swordfish@"))
        error = failed_call(kind, "https://127.0.0.1:9")
    check_unsent(error, f"the proxy in {variable} {words}")
    assert len(proxy.heads) == tries
    assert "swordfish" not in f"{error!r} {error} {error.__cause__!r} {error.__cause__}"


@pytest.mark.parametrize("kind", WIRED)
def test_a_change_that_was_sent_through_a_proxy_may_have_been_made(
    kind: str, monkeypatch: pytest.MonkeyPatch, trusted_authority: Authority
) -> None:
    with serve(break_off(b""), tls=trusted_authority.server) as site, run_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        error = failed_call(kind, site.address, "add_member")
    assert DOUBT in str(error)
    assert error.unanswered_attempts == 1
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("kind", WIRED)
def test_a_proxy_that_refuses_connections_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:swordfish@127.0.0.1:{closed_port()}")
    error = failed_call(kind, "https://127.0.0.1:9")
    check_unsent(error, "the proxy in https_proxy refused the connection")
    assert "swordfish" not in str(error)


@pytest.mark.parametrize("kind", WIRED)
def test_an_unknown_proxy_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    check_unsent(failed_call(kind, "https://127.0.0.1:9"), "host name of the proxy in HTTPS_PROXY is unknown")


@pytest.mark.parametrize("kind", WIRED)
def test_https_for_a_proxy_of_plain_http_names_the_variable(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(answer_hello(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        error = failed_call(kind, "https://127.0.0.1:9")
    check_unsent(error, "does not answer with TLS", "write http:// in HTTPS_PROXY")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_callers_proxy_that_refuses_is_called_a_proxy(kind: str) -> None:
    with run_proxy(b"HTTP/1.1 407 no\r\n" + REFUSED) as proxy:
        error = failed_call_over(kind, "https://127.0.0.1:9", client_context(), proxy.address)
    check_unsent(error, "the proxy asks for a valid user name and password (407)")


# --- was anything sent?


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.RemoteProtocolError("cut"), "did not answer as a proxy does"),
        (httpx.ReadError("cut"), "broke before anything was sent"),
        (httpx.WriteError("cut"), "broke before anything was sent"),
        (httpx.ReadTimeout("late"), "did not answer in time"),
        (httpx.CloseError("cut"), "broke before anything was sent"),
    ],
)
def test_what_happens_before_sending_is_unsent_whatever_its_type(error: httpx.TransportError, words: str) -> None:
    reply = replies.no_response(error, sent=False)
    assert reply.failure is Failure.UNSENT
    assert words in reply.problem
    assert replies.no_response(error, sent=True).failure is Failure.IN_DOUBT
    assert replies.no_response(error).failure is Failure.IN_DOUBT


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_what_cannot_happen_after_sending_is_unsent_unless_the_transport_says_otherwise(
    kind: type[httpx.TransportError],
) -> None:
    assert [classify_failure(kind(""), sent=sent).unsent for sent in (None, False, True)] == [True, True, False]


def test_a_malformed_request_was_never_sent() -> None:
    for kind in (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
        assert {classify_failure(kind(""), sent=sent) for sent in (None, False, True)} == {Failure.PERMANENT}


def test_a_host_name_that_cannot_be_encoded_was_never_sent() -> None:
    reply = replies.no_response(UnicodeError("label too long: swordfish"), sent=False)
    assert reply.failure is Failure.UNSENT
    assert "unknown" in reply.problem
    assert "swordfish" not in f"{reply}"
    assert replies.no_response(UnicodeError("a redirect")).failure is Failure.UNREADABLE


def test_an_error_that_the_caller_handles_is_no_cause() -> None:
    """Python links an error to the one that is being handled: here, one that says nothing about the call."""
    try:
        raise ssl.SSLCertVerificationError("another server's certificate")
    except ssl.SSLCertVerificationError:
        with pytest.raises(APIConnectionError) as caught, serve(break_off(b"")) as site:
            call_at("sync", site.address, "add_member", IDS)
    assert caught.value.unanswered_attempts == 1
    assert DOUBT in str(caught.value)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("method", ["get_group", "add_member"])
def test_only_a_change_may_have_been_made(kind: str, method: str) -> None:
    with serve(break_off(b"")) as site:
        error = failed_call(kind, site.address, method)
    assert (DOUBT in str(error)) is (method == "add_member")
    assert "Nothing was sent" not in str(error)
    assert len(site.requests) == (1 if method == "add_member" else 5)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_transport_that_shows_no_events_has_renewed_no_token(kind: str) -> None:
    with pytest.raises(APIConnectionError) as caught:
        call(kind, "add_member", Answers(*[httpx.ConnectError("refused")] * 5), IDS)
    assert caught.value.remedy.startswith("Nothing was sent.")


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("late"), httpx.ReadError("cut"), httpx.RemoteProtocolError("cut")])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_read_that_got_no_response_has_a_remedy(kind: str, lost: Exception) -> None:
    with pytest.raises(APIConnectionError) as caught:
        call(kind, "get_group", Answers(*[lost] * 5), {"group_id": "g"})
    assert "the call was a change" not in str(caught.value)
    assert DOUBT not in str(caught.value)
    assert "end again" in caught.value.remedy


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("late"), httpx.ConnectError("refused")])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_failed_refresh_made_no_change_and_names_the_authoritys_request(kind: str, lost: Exception) -> None:
    auth = OAuth2("id", "secret", MemoryTokenStore(Tokens("old", "refresh", 0.0)))
    with pytest.raises(APIConnectionError) as caught:
        call(kind, "add_member", Answers(*[lost] * 5), IDS, auth=auth)
    assert (caught.value.method, caught.value.path) == ("POST", "/oauth/token")
    assert caught.value.unanswered_attempts == 0
    assert DOUBT not in str(caught.value)


def test_discovering_sites_says_what_failed() -> None:
    with serve(reply_with(DONE), tls=server_context()) as gateway, pytest.raises(APIConnectionError) as caught:
        discover_sites(BearerToken("some-token"), gateway=gateway.address)
    check_unsent(caught.value, "authority that is not trusted", "SSL_CERT_FILE")


def test_words_never_repeat_the_text_of_an_error() -> None:
    texts = ["swordfish", "407 swordfish", "[SSL: swordfish]"]
    kinds = [kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, httpx.TransportError)]
    for kind in kinds:
        for text in texts:
            for unsent in (False, True):
                shown = describe(kind(text), Route("site.example", "HTTPS_PROXY"), unsent=unsent)
                assert "swordfish" not in f"{shown}"
    error = httpx.ConnectError("")
    error.__cause__ = ssl.SSLError(1, "swordfish")
    error.__cause__.reason = "me:swordfish"
    assert "swordfish" not in f"{describe(error, Route(), unsent=True)}"


# --- the words for each way of a request

DIRECT = Route("site.example")
AT_PROXY = Route("site.example", "HTTPS_PROXY", at_proxy=True)
BEHIND_PROXY = Route("site.example", "HTTPS_PROXY", at_proxy=False)
UNNAMED_PROXY = Route("site.example", None, at_proxy=True)


def caused_by(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("")
    error.__cause__ = cause
    return error


def tls_error(reason: str | None, kind: type[ssl.SSLError] = ssl.SSLError) -> httpx.ConnectError:
    cause = kind(1, "swordfish")
    cause.reason = reason  # type: ignore[assignment] # as OpenSSL leaves it for an alert that it cannot name
    return caused_by(cause)


def certificate_error(code: int) -> httpx.ConnectError:
    cause = ssl.SSLCertVerificationError("swordfish")
    cause.verify_code = code
    return caused_by(cause)


UNKNOWN_HOST = socket.gaierror(socket.EAI_NONAME, "x")
WORDS: list[tuple[httpx.RequestError, Route, str, str]] = [
    (httpx.PoolTimeout(""), DIRECT, "all connections are in use", "more connections"),
    (httpx.LocalProtocolError(""), DIRECT, "the request is malformed", "auth or http_client"),
    (httpx.ConnectTimeout(""), DIRECT, "no connection to site.example in time", "more time"),
    (httpx.ConnectTimeout(""), Route(), "no connection to the server in time", "more time"),
    (httpx.ConnectTimeout(""), AT_PROXY, "no connection to the proxy in HTTPS_PROXY in time", "more time"),
    (httpx.ConnectTimeout(""), UNNAMED_PROXY, "no connection to the proxy in time", "more time"),
    (httpx.ConnectTimeout(""), BEHIND_PROXY, "no connection to site.example in time", "more time"),
    *(
        (
            httpx.ProxyError(f"{status} swordfish"),
            AT_PROXY,
            f"the proxy in HTTPS_PROXY refused to connect to site.example ({status})",
            "Check HTTPS_PROXY, name and password",
        )
        for status in (400, 402, 404, 406, 408, 499)
    ),
    (
        httpx.ProxyError("swordfish"),
        UNNAMED_PROXY,
        "the proxy refused to connect to site.example",
        "Check the proxy's address, name and password",
    ),
    *(
        (
            httpx.ProxyError(f"{status} swordfish"),
            AT_PROXY,
            f"the proxy in HTTPS_PROXY could not connect to site.example ({status})",
            "The proxy may not know this host",
        )
        for status in (500, 501, 599)
    ),
    (tls_error("HTTP_REQUEST"), DIRECT, "site.example does not answer with TLS", "; the proxy's scheme, too."),
    (
        tls_error("HTTP_REQUEST"),
        AT_PROXY,
        "the proxy in HTTPS_PROXY does not answer with TLS",
        "write http:// in HTTPS_PROXY",
    ),
    (
        tls_error("UNSUPPORTED_PROTOCOL"),
        BEHIND_PROXY,
        "this client and site.example have no version of TLS in common",
        "TLS 1.2 is needed",
    ),
    (
        tls_error("TLSV1_UNRECOGNIZED_NAME"),
        BEHIND_PROXY,
        "the server does not know the host name site.example",
        "Check the site's address",
    ),
    (
        tls_error("TLSV1_UNRECOGNIZED_NAME"),
        AT_PROXY,
        "the TLS handshake with the proxy in HTTPS_PROXY failed (TLSV1_UNRECOGNIZED_NAME)",
        "ssl.SSLContext",
    ),
    (
        tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        DIRECT,
        "site.example asks for a client certificate",
        "load_cert_chain",
    ),
    (tls_error("ODD_REASON"), DIRECT, "the TLS handshake with site.example failed (ODD_REASON)", "ssl.SSLContext"),
    (tls_error("odd reason"), DIRECT, "the TLS handshake with site.example failed", "ssl.SSLContext"),
    (tls_error(None), DIRECT, "the TLS handshake with site.example failed", "ssl.SSLContext"),
    (
        tls_error("UNEXPECTED_EOF_WHILE_READING", ssl.SSLEOFError),
        AT_PROXY,
        "the connection to the proxy in HTTPS_PROXY was closed during the TLS handshake",
        "firewall",
    ),
    (certificate_error(62), DIRECT, "the certificate of site.example is for another host", "Check the site's address"),
    (
        certificate_error(62),
        AT_PROXY,
        "the certificate of the proxy in HTTPS_PROXY is for another host",
        "Check HTTPS_PROXY: its host",
    ),
    (certificate_error(10), AT_PROXY, "the certificate of the proxy in HTTPS_PROXY has expired", "clock"),
    (caused_by(UNKNOWN_HOST), DIRECT, "unknown host site.example", "Check the spelling"),
    (caused_by(UNKNOWN_HOST), Route(), "the host name of the server is unknown", "Check the spelling"),
    (caused_by(UNKNOWN_HOST), AT_PROXY, "the host name of the proxy in HTTPS_PROXY is unknown", "Check HTTPS_PROXY"),
    (
        caused_by(OSError(errno.EPIPE, "x")),
        BEHIND_PROXY,
        "the connection to the proxy in HTTPS_PROXY was cut before anything was sent",
        "firewall",
    ),
    (
        caused_by(BrokenPipeError()),
        DIRECT,
        "the connection to site.example was cut before anything was sent",
        "firewall",
    ),
    (caused_by(OSError("no number")), DIRECT, "", "Check address, proxy and network"),
    (httpx.ConnectError(""), DIRECT, "", "Check address, proxy and network"),
]


@pytest.mark.parametrize(("error", "route", "problem", "remedy"), WORDS)
def test_each_failure_names_the_host_that_it_is_about(
    error: httpx.RequestError, route: Route, problem: str, remedy: str
) -> None:
    found = describe(error, route, unsent=True)
    assert found[0] == problem
    assert remedy in found[1]


def test_a_request_that_was_sent_may_need_more_time_or_a_client_certificate() -> None:
    assert describe(httpx.ReadTimeout(""), DIRECT, unsent=False) == ("", "Send again, or allow more time.")
    for error in (httpx.ReadError(""), httpx.RemoteProtocolError("")):
        assert describe(error, DIRECT, unsent=False) == ("", "Check address, proxy and network, then send again.")
    alert = httpx.ReadError("")
    alert.__cause__ = tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED").__cause__
    for unsent in (False, True):
        assert describe(alert, DIRECT, unsent=unsent)[0] == "site.example asks for a client certificate"
