"""Credentials that are refused, and what they send."""

from __future__ import annotations

import httpx
import pytest
from fakes import KINDS, Answers, remove_member

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
