"""If the authority does not answer a refresh, the error says so, and speaks of no proxy if there is none."""

from __future__ import annotations

import json
import socket

import pytest
from fakes import START, WIRED, FakeClock, call_at
from raw_socket_servers import SocketServer, break_off, reply_with, request_on, serve

from confluence_groups_sdk import APIConnectionError, APIError, MemoryTokenStore, OAuth2, RetryPolicy, Timeout, Tokens
from confluence_groups_sdk._support.clock import SystemClock

REJECTION = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def stay_silent(server: SocketServer, connection: socket.socket) -> None:
    server.requests.append(request_on(connection))
    server.closing.wait(5)


def error_of(
    kind: str,
    authority: SocketServer,
    methods: tuple[bytes, ...] = (b"POST",),
    *,
    expires_in: float = 0,
    retries: int = 0,
    **options: object,
) -> APIError:
    store = MemoryTokenStore(Tokens("access-token", "refresh-token", START + expires_in))
    auth = OAuth2("client-id", "client-secret", store, authority=authority.address, clock=FakeClock())
    with pytest.raises(APIConnectionError) as caught:
        call_at(
            kind,
            authority.address,
            "remove_member",
            {"group_id": "g", "account_id": "a"},
            auth=auth,
            retry=RetryPolicy(max_retries=retries),
            **options,
        )
    assert tuple(each.split(b" ")[0] for each in authority.requests) == methods
    return caught.value


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("timeout", [Timeout(total=1), 1])
def test_an_authority_that_does_not_answer_in_time(kind: str, timeout: object) -> None:
    with serve(stay_silent) as authority:
        error = error_of(kind, authority, timeout=timeout, clock=SystemClock())
    assert "no response (ReadTimeout). The call was not carried out. Send again, or allow more time." in str(error)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_an_authority_that_breaks_the_connection(kind: str, after: bytes) -> None:
    with serve(break_off(after)) as authority:
        error = error_of(kind, authority)
    assert (error.method, error.path) == ("POST", "/oauth/token")
    assert "The call was not carried out. Check address" in str(error)
    assert "the proxy" not in str(error)


@pytest.mark.parametrize("kind", WIRED)
def test_an_authority_that_breaks_the_connection_after_a_401(kind: str) -> None:
    with serve(reply_with(REJECTION), break_off(b"")) as authority:
        error = error_of(kind, authority, (b"DELETE", b"POST"), expires_in=3600)
    assert (error.method, error.path) == ("POST", "/oauth/token")
    assert "The call was not carried out. Check address" in str(error)


@pytest.mark.parametrize("kind", WIRED)
def test_an_unanswered_change_and_a_failed_refresh_leave_only_the_doubt(kind: str) -> None:
    with serve(break_off(b""), reply_with(REJECTION), break_off(b"")) as authority:
        error = error_of(kind, authority, (b"DELETE", b"DELETE", b"POST"), expires_in=3600, retries=1)
    assert "An earlier attempt went unanswered, so the change may have been made." in str(error)
    assert "Nothing was sent" not in str(error)
    assert "not carried out" not in str(error)


@pytest.mark.parametrize("kind", WIRED)
def test_a_surplus_response_of_the_authority_does_not_answer_the_call(kind: str) -> None:
    tokens = json.dumps({"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600}).encode()
    renewed = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(tokens), tokens)
    with serve(reply_with(REJECTION), reply_with(renewed + FORBIDDEN), reply_with(DONE)) as server:
        store = MemoryTokenStore(Tokens("access-token", "refresh-token", START + 3600))
        auth = OAuth2("client-id", "client-secret", store, authority=server.address, clock=FakeClock())
        call_at(kind, server.address, "remove_member", {"group_id": "g", "account_id": "a"}, auth=auth)
    assert [each.split(b" ")[0] for each in server.requests] == [b"DELETE", b"POST", b"DELETE"]
    assert server.connections == 3
