"""Credentials that are refused, and what they send."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest
from fakes import KINDS, Answers, call_at, remove_member
from raw_socket_servers import reply_with, serve

from confluence_groups_sdk import ApiToken, BearerToken, ConfigurationError


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("auth", "sent"),
    [(ApiToken("me@example.com", "t:k"), "Basic bWVAZXhhbXBsZS5jb206dDpr"), (BearerToken("t"), "Bearer t")],
    ids=["basic", "bearer"],
)
def test_the_header_of_each_request(kind: str, auth: httpx.Auth, sent: str) -> None:
    answers = Answers(httpx.Response(503), httpx.Response(204))
    remove_member(kind, answers, auth=auth)
    assert [request.headers["Authorization"] for request in answers.requests] == [sent, sent]


@pytest.mark.parametrize(
    ("email", "token", "problem"),
    [
        ("", "t", "email is empty"),
        ("me@example.com", "", "token is empty"),
        ("me @example.com", "t", "email has whitespace"),
        ("me@example.com", "t\n", "token has whitespace"),
        ("me:you@example.com", "t", "email has a colon"),
        ("me:you@example.com", "", "token is empty"),
        (None, "t", "email must be text, not NoneType"),
    ],
)
def test_a_malformed_api_token_is_refused(email: str, token: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ApiToken: {problem}"):
        ApiToken(email, token)


class AskingAuth(httpx.Auth):
    """Credentials of a caller, which send a request of their own first."""

    def __init__(self, address: str) -> None:
        self._address = address

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield httpx.Request("POST", f"{self._address}/token")
        yield request


@pytest.mark.parametrize("kind", KINDS)
def test_a_surplus_response_to_other_credentials_does_not_answer_the_call(kind: str) -> None:
    surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with serve(reply_with(surplus), reply_with(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        auth = AskingAuth(server.address)
        call_at(kind, server.address, "remove_member", {"group_id": "g", "account_id": "a"}, auth=auth)
    assert [request.split(b" ")[0] for request in server.requests] == [b"POST", b"DELETE"]
    assert server.connections == 2
