"""Everything that is read for OAuth 2.0 is read within the limits of any other response, and none of it is shown."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import pytest
from fakes import START, WIRED, Answers, FakeClock, call, call_at
from raw_socket_servers import SocketServer, break_off, flood, reply_with, serve

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BearerToken,
    ConfluenceGroups,
    MemoryTokenStore,
    MissingScopeError,
    OAuth2,
    PermissionDeniedError,
    ResponseValidationError,
    RetryPolicy,
    ServerError,
    Site,
    Tokens,
    discover_sites,
    discover_sites_async,
)
from confluence_groups_sdk._core.transport.response_reader import MAX_BODY_BYTES
from confluence_groups_sdk.auth import token_endpoint
from confluence_groups_sdk.auth.code_exchange import AuthorizationCode, OAuthApp, exchange_code

MIB = 1024 * 1024
MOST_MEMORY = 64 * MIB
SECRET, ACCESS, REFRESH = (f"marker-{name}-5e12f0" for name in ("secret", "access", "refresh"))
RENEWED = {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600}
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
IDS = {"group_id": "g", "account_id": "a"}
ONCE = RetryPolicy(max_retries=0)


@cache
def bomb(coding: str) -> bytes:
    """Return a compressed body, of 0.2 % of its length, that decodes to 192 MiB."""
    packer = zlib.compressobj(1, wbits={"gzip": 31, "deflate": zlib.MAX_WBITS, "raw": -zlib.MAX_WBITS}[coding])
    return b"".join([packer.compress(b" " * MIB) for _ in range(192)]) + packer.flush()


def answer(status: int, body: bytes = b"", headers: str = "", reason: str = "Any") -> bytes:
    head = f"HTTP/1.1 {status} {reason}\r\natl-request-id: r-1\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def packed(status: int, body: bytes, coding: str = "gzip") -> bytes:
    return answer(status, body, f"Content-Encoding: {coding}\r\n")


def oauth(authority: str, expires_in: float = 3600, clock: FakeClock | None = None) -> tuple[OAuth2, MemoryTokenStore]:
    store = MemoryTokenStore(Tokens(ACCESS, REFRESH, START + expires_in))
    return OAuth2("client-id", SECRET, store, authority=authority, clock=clock or FakeClock()), store


def fail(kind: str, address: str, auth: OAuth2, error: type[APIError], **options: Any) -> APIError:
    """Return the error of a call; check that it needs little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            call_at(kind, address, "remove_member", IDS, auth=auth, **{"retry": ONCE, **options})
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    return caught.value


# --- limits


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ResponseValidationError), (401, AuthenticationError), (403, APIStatusError), (503, ServerError)],
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
def test_a_compression_bomb_of_the_authority_is_an_error(
    kind: str, status: int, error: type[APIError], coding: str
) -> None:
    said = "gzip" if coding == "gzip" else "deflate"
    with serve(reply_with(packed(status, bomb(coding), said))) as authority:
        auth, store = oauth(authority.address, expires_in=0)
        raised = fail(kind, authority.address, auth, error)
    assert (raised.status_code, raised.path, raised.request_id) == (status, "/oauth/token", "r-1")
    assert not raised.body
    assert ("16 MiB" in str(raised)) is (status == 200)
    assert len(authority.requests) == 1
    assert store.load() == Tokens(ACCESS, REFRESH, START)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compression_bomb_with_401_is_an_error_after_one_refresh(kind: str, coding: str) -> None:
    with (
        serve(reply_with(packed(401, bomb(coding), coding))) as site,
        serve(reply_with(answer(200, json.dumps(RENEWED).encode()))) as authority,
    ):
        auth, store = oauth(authority.address)
        raised = fail(kind, site.address, auth, AuthenticationError)
        assert site.connections == 2, "a connection with a half-read response is closed"
    assert (len(site.requests), len(authority.requests)) == (2, 1)
    assert (raised.status_code, raised.request_id, raised.body) == (401, "r-1", "")
    assert store.load() == Tokens("new-access", "new-refresh", START + 3600)


@pytest.mark.parametrize("kind", WIRED)
def test_a_compression_bomb_with_403_and_an_expired_token_is_an_error_after_one_refresh(kind: str) -> None:
    clock = FakeClock()
    forbid = reply_with(packed(403, bomb("gzip")))

    def expire(server: SocketServer, connection: socket.socket) -> None:
        clock.sleep(3600)
        forbid(server, connection)

    with serve(expire) as site, serve(reply_with(answer(200, json.dumps(RENEWED).encode()))) as authority:
        auth, store = oauth(authority.address, clock=clock)
        raised = fail(kind, site.address, auth, PermissionDeniedError)
    assert (len(site.requests), len(authority.requests)) == (2, 1)
    assert (raised.status_code, raised.request_id, raised.body) == (403, "r-1", "")
    assert store.load() == Tokens("new-access", "new-refresh", START + 7200)


@pytest.mark.parametrize("kind", WIRED)
def test_a_compression_bomb_with_403_is_an_error(kind: str) -> None:
    with serve(reply_with(packed(403, bomb("gzip")))) as site:
        raised = fail(kind, site.address, oauth(site.address)[0], PermissionDeniedError)
    assert (raised.status_code, raised.request_id, raised.body, len(site.requests)) == (403, "r-1", "", 1)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("by_authority", [True, False])
def test_reading_stops_when_a_body_is_too_long(kind: str, by_authority: bool) -> None:
    sent: list[int] = []
    status = 200 if by_authority else 403
    head = f"HTTP/1.1 {status} Any\r\nContent-Length: 268435456\r\n\r\n".encode()
    with serve(flood(head, b" " * MIB, sent, 256 * MIB)) as server:
        auth, _ = oauth(server.address, expires_in=0 if by_authority else 3600)
        fail(kind, server.address, auth, ResponseValidationError if by_authority else PermissionDeniedError)
    assert sent[0] <= MAX_BODY_BYTES + 16 * MIB, "the read bytes and the kernel's buffers on both sides"


BROKEN: list[tuple[str, bytes]] = [
    ("gzip", b"none"),
    ("gzip", gzip.compress(json.dumps(RENEWED).encode())[:-9]),
    ("gzip", gzip.compress(json.dumps(RENEWED).encode())[:-4] + b"\0\0\0\0"),
    ("deflate", b"none"),
    ("gzip, gzip", gzip.compress(gzip.compress(json.dumps(RENEWED).encode()))),
    ("gzip, deflate", zlib.compress(gzip.compress(json.dumps(RENEWED).encode()))),
    ("br", b"\x8b\x00\x80{}\x03"),
    ("zstd", b"(\xb5/\xfd \x02\x11\x00\x00{}"),
]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "body"), BROKEN, ids=range(len(BROKEN)))
def test_a_response_of_the_authority_that_cannot_be_decoded_is_an_error(kind: str, coding: str, body: bytes) -> None:
    with serve(reply_with(packed(200, body, coding))) as authority:
        auth, store = oauth(authority.address, expires_in=0)
        raised = fail(kind, authority.address, auth, ResponseValidationError)
    assert "cannot be decoded" in str(raised)
    assert (raised.status_code, raised.path, raised.request_id) == (200, "/oauth/token", "r-1")
    assert store.load() == Tokens(ACCESS, REFRESH, START)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "body"), BROKEN, ids=range(len(BROKEN)))
def test_a_403_that_cannot_be_decoded_is_an_error_with_its_status(kind: str, coding: str, body: bytes) -> None:
    with serve(reply_with(packed(403, body, coding))) as site:
        raised = fail(kind, site.address, oauth(site.address)[0], PermissionDeniedError)
    assert (raised.status_code, raised.request_id, raised.body) == (403, "r-1", "")


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "utf-8": bytes,
}


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "pack"), PACKINGS.items(), ids=PACKINGS)
def test_the_authoritys_response_is_decoded_as_its_header_says(
    kind: str, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    tokens = pack(json.dumps(RENEWED).encode())
    with serve(reply_with(packed(200, tokens, coding), NO_CONTENT)) as authority:
        auth, store = oauth(authority.address, expires_in=0)
        call_at(kind, authority.address, "remove_member", IDS, auth=auth)
        assert authority.connections == 1, "a connection whose response was read to its end is kept"
    assert store.load() == Tokens("new-access", "new-refresh", START + 3600)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "pack"), PACKINGS.items(), ids=PACKINGS)
def test_a_body_that_the_flow_has_read_is_still_in_the_error(
    kind: str, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    scope = {"code": 401, "message": "Unauthorized; scope does not match"}
    with serve(reply_with(packed(401, pack(json.dumps(scope).encode()), coding))) as site:
        with pytest.raises(MissingScopeError) as caught:
            call_at(kind, site.address, "remove_member", IDS, auth=oauth(site.address)[0])
        assert site.connections == 1
    assert json.loads(caught.value.body or "") == scope
    assert len(site.requests) == 1


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("body", [b"[" * MIB, b"[" + b"[]," * 3_000_000 + b"[]]", b'{"a":' * 200_000])
@pytest.mark.parametrize("status", [200, 400, 403])
def test_json_that_needs_much_memory_is_not_parsed(kind: str, body: bytes, status: int) -> None:
    body = body + b" " * (MAX_BODY_BYTES - len(body))
    with serve(reply_with(packed(status, gzip.compress(body, 1)))) as authority:
        error = ResponseValidationError if status == 200 else APIStatusError
        fail(kind, authority.address, oauth(authority.address, expires_in=0)[0], error)


def test_json_of_the_authority_may_have_256_kib() -> None:
    def padded(fields: object, more: int) -> bytes:
        text = json.dumps(fields).encode()
        return text + b" " * (256 * 1024 - len(text) + more)

    invalid = {"error": "invalid_grant", "error_description": "said by the authority"}
    accepted = (answer(200, padded(RENEWED, 0)), NO_CONTENT)
    with serve(reply_with(*accepted)) as authority:
        auth, store = oauth(authority.address, expires_in=0)
        call_at("sync", authority.address, "remove_member", IDS, auth=auth)
        assert store.load() == Tokens("new-access", "new-refresh", START + 3600)
    with serve(reply_with(answer(200, padded(RENEWED, 1)))) as authority:
        raised = fail("sync", authority.address, oauth(authority.address, 0)[0], ResponseValidationError)
        assert "256 KiB" in str(raised)
    with serve(reply_with(answer(403, padded(invalid, 0)))) as authority:
        raised = fail("sync", authority.address, oauth(authority.address, 0)[0], AuthenticationError)
        assert raised.message == "said by the authority"
    with serve(reply_with(answer(403, padded(invalid, 1)))) as authority:
        raised = fail("sync", authority.address, oauth(authority.address, 0)[0], APIStatusError)
        assert (type(raised), raised.message) == (APIStatusError, None)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("status", [200, 403])
def test_a_body_already_read_by_a_hook_is_used_within_the_same_limit(kind: str, status: int) -> None:
    long = httpx.Response(status, content=b" " * (MAX_BODY_BYTES + 1))
    assert long.is_stream_consumed
    short = httpx.Response(200, json=RENEWED)
    for first, rest in ((long, ()), (short, (httpx.Response(204),))):
        auth, store = oauth("https://auth.atlassian.com", expires_in=0)
        handler = Answers(first, *rest)
        if rest:
            call(kind, "remove_member", handler, IDS, auth=auth)
            assert store.load() == Tokens("new-access", "new-refresh", START + 3600)
        else:
            with pytest.raises(ResponseValidationError if status == 200 else APIStatusError) as caught:
                call(kind, "remove_member", handler, IDS, auth=auth)
            assert ("16 MiB" in str(caught.value)) is (status == 200)


def test_raw_gets_a_401_without_the_body_that_was_refused() -> None:
    with serve(reply_with(packed(403, bomb("gzip")))) as site:
        auth, _ = oauth(site.address)
        with ConfluenceGroups(site.address, auth=auth) as groups:
            response = groups.raw.get_httpx_client().get(f"{site.address}/wiki/rest/api/group")
    assert (response.status_code, response.content) == (403, b"")


def test_a_refresh_has_the_extensions_of_its_call() -> None:
    def trace(*_: object) -> None:
        pass

    timeout = httpx.Timeout(7).as_dict()
    for extensions in ({"timeout": timeout, "trace": trace}, {"timeout": timeout}, {}):
        like = httpx.Request("GET", "https://a.example", extensions={**extensions, "sni_hostname": "a.example"})
        request = token_endpoint.refresh_request("https://auth.example", "id", "s", "r", like)
        assert request.extensions == extensions


def find_sites(kind: str, auth: httpx.Auth, gateway: str) -> list[Site]:
    if kind == "sync":
        return discover_sites(auth, gateway=gateway)
    return asyncio.run(discover_sites_async(auth, gateway=gateway))


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("refreshing", [True, False])
def test_a_compression_bomb_in_the_list_of_sites_is_an_error(kind: str, status: int, refreshing: bool) -> None:
    kinds = {200: ResponseValidationError, 401: AuthenticationError, 403: PermissionDeniedError}
    with (
        serve(reply_with(packed(status, bomb("gzip")))) as gateway,
        serve(reply_with(answer(200, json.dumps(RENEWED).encode()))) as authority,
    ):
        auth = oauth(authority.address)[0] if refreshing else BearerToken("some-token")
        tracemalloc.start()
        try:
            with pytest.raises(kinds[status]) as caught:
                find_sites(kind, auth, gateway.address)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()
    assert (caught.value.status_code, caught.value.body) == (status, "")


# --- secrets


def shown(error: BaseException) -> str:
    """Return what an error reporter could print of our frames, with their variables."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    own = [frame for frame in frames if "confluence_groups_sdk" in frame.filename]
    assert own, "the error comes from the package"
    return f"{error!r} {error} {vars(error)}" + "".join(f"{frame.name} {frame.locals}\n" for frame in own)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("echoed", [SECRET, REFRESH, ACCESS])
def test_a_secret_in_the_authoritys_reason_phrase_is_not_in_our_frames(kind: str, status: int, echoed: str) -> None:
    body = json.dumps({"error": echoed, "error_description": echoed}).encode() if status != 204 else b""
    said = answer(status, body, f"X-Echo: {echoed}\r\n", reason=f"Unknown {echoed}")
    with serve(reply_with(said)) as authority:
        raised = fail(kind, authority.address, oauth(authority.address, expires_in=0)[0], APIError)
    text = shown(raised)
    assert [secret for secret in (SECRET, REFRESH, ACCESS) if secret in text] == [], text


REPEATED: dict[str, Callable[[str], tuple[str, str]]] = {  # headers and body
    "name": lambda secret: (f"X-{secret}: 1\r\n", "{}"),
    "encoded name": lambda secret: (f"X-{secret.replace('-', '%2D')}: 1\r\n", "{}"),
    "value": lambda secret: (f"X-Echo: {secret.replace('-', '%2d')}\r\n", "{}"),
    "request id": lambda secret: (f"X-AREQUESTID: {secret.replace('-', '&#45;')}\r\n", "{}"),
    "JSON": lambda secret: ("", json.dumps({"message": secret}).replace("-", "\\u002d")),
    "JSON in JSON": lambda secret: ("", json.dumps({"more": json.dumps({"a": secret}).replace("-", "\\u002D")})),
    "HTML": lambda secret: ("", f"<p>{secret.replace('-', '&#x2d;')}</p>"),
    "form": lambda secret: ("", f"error={secret.replace('-', '%2D')}"),
    "UTF-16": lambda secret: ("", secret.encode("utf-16-le").decode()),
}


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("status", [401, 503])
@pytest.mark.parametrize("place", REPEATED)
def test_an_encoded_secret_of_the_authority_is_in_no_error(
    kind: str, status: int, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for secret in (SECRET, REFRESH):
        head, body = REPEATED[place](secret)
        with serve(reply_with(answer(status, body.encode(), head))) as authority:
            auth, _ = oauth(authority.address, expires_in=0)
            with pytest.raises(APIError) as caught:
                call_at(kind, authority.address, "remove_member", IDS, auth=auth, retry=ONCE)
        said = f"{body} {head.replace(':', ' ')}"
        text = shown(caught.value) + caplog.text
        parts = [secret, *(each for each in said.replace('"', " ").split() if secret.rpartition("-")[2] in each)]
        assert [each for each in parts if each in text] == [], text


# --- the code of the consent page

CODE = "marker-code-5e12f0"


def exchange(authority: str, **options: Any) -> Tokens:
    app = OAuthApp("client-id", SECRET, authority=authority)
    return exchange_code(app, AuthorizationCode(CODE, "http://localhost:1/callback"), **options)


def fail_to_exchange(authority: str, error: type[APIError], **options: Any) -> APIError:
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            exchange(authority, **options)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert (caught.value.method, caught.value.path) == ("POST", "/oauth/token")
    return caught.value


def test_a_code_is_exchanged_once_as_the_documentation_says() -> None:
    tokens = packed(200, gzip.compress(json.dumps(RENEWED).encode()))
    with serve(reply_with(tokens)) as authority:
        granted = exchange(authority.address, application_name="mine/1", clock=FakeClock())
    assert granted == Tokens("new-access", "new-refresh", START + 3600)
    (request,) = authority.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /oauth/token HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in head
    assert b"\r\nUser-Agent: mine/1 confluence-groups-sdk" in head
    assert b"authorization:" not in head.lower()
    assert json.loads(body) == {
        "grant_type": "authorization_code",
        "client_id": "client-id",
        "client_secret": SECRET,
        "code": CODE,
        "redirect_uri": "http://localhost:1/callback",
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ResponseValidationError), (401, AuthenticationError), (403, APIStatusError), (503, ServerError)],
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
def test_a_compression_bomb_for_a_code_is_an_error(status: int, error: type[APIError], coding: str) -> None:
    said = "gzip" if coding == "gzip" else "deflate"
    with serve(reply_with(packed(status, bomb(coding), said))) as authority:
        raised = fail_to_exchange(authority.address, error)
    assert (raised.status_code, raised.request_id, raised.body) == (status, "r-1", None)
    assert ("16 MiB" in str(raised)) is (status == 200)
    assert len(authority.requests) == 1, "a code is sent once"


@pytest.mark.parametrize(("coding", "body"), BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("status", [200, 403])
def test_a_response_to_a_code_that_cannot_be_decoded_is_an_error(status: int, coding: str, body: bytes) -> None:
    with serve(reply_with(packed(status, body, coding))) as authority:
        raised = fail_to_exchange(authority.address, ResponseValidationError if status == 200 else APIStatusError)
    assert ("cannot be decoded" in str(raised)) is (status == 200)


class AdvancingClock(FakeClock):
    """A clock that advances by 10 s with each reading."""

    def monotonic(self) -> float:
        self.slept.append(10)
        return super().monotonic()


@pytest.mark.parametrize("body", [b" ", b"\0\0\0\xff\xff"], ids=["plain", "empty blocks"])
def test_an_endless_response_to_a_code_times_out(body: bytes) -> None:
    sent: list[int] = []
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    head += b"\r\n" if body == b" " else b"Content-Encoding: deflate\r\n\r\n"
    with serve(flood(head, b"%x\r\n%s\r\n" % (len(body), body), sent, 256 * MIB)) as authority:
        raised = fail_to_exchange(authority.address, APITimeoutError, clock=AdvancingClock())
    assert "log in again" in str(raised).lower()


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_broken_connection_for_a_code_is_not_retried(after: bytes) -> None:
    with serve(break_off(after)) as authority:
        raised = fail_to_exchange(authority.address, APIConnectionError)
        assert authority.connections == 1
    assert "Log in again" in str(raised)
    assert "Nothing was sent" not in str(raised)


def test_an_authority_that_cannot_be_reached_gets_no_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    raised = fail_to_exchange(address, APIConnectionError)
    assert "Nothing was sent" in str(raised)


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 429, 500])
@pytest.mark.parametrize("echoed", [SECRET, CODE])
def test_a_code_and_a_secret_that_the_authority_echoes_are_not_in_our_frames(status: int, echoed: str) -> None:
    body = json.dumps({"error": echoed, "error_description": echoed}).encode() if status != 204 else b""
    with serve(reply_with(answer(status, body, f"X-Echo: {echoed}\r\n", reason=f"Unknown {echoed}"))) as authority:
        raised = fail_to_exchange(authority.address, APIError)
    text = shown(raised)
    assert [secret for secret in (SECRET, CODE) if secret in text] == [], text
