"""Discovery of the sites that a token gives access to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fakes import KINDS, Answers

from confluence_groups_sdk import (
    AuthenticationError,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    ResponseValidationError,
    Site,
    Tokens,
    discover_sites,
    discover_sites_async,
)
from confluence_groups_sdk._support.clock import SystemClock
from confluence_groups_sdk.sandbox import Sandbox

CONFLUENCE = {"id": "one", "name": "a", "url": "https://a.example", "scopes": ["read:confluence-groups"]}
JIRA = {**CONFLUENCE, "scopes": ["read:jira-work"], "avatarUrl": "x"}
OTHER = {"id": "two", "name": "b", "url": "https://b.example", "scopes": []}


def discover(kind: str, answers: Answers) -> list[Site]:
    transport = httpx.MockTransport(answers)
    if kind == "sync":
        with httpx.Client(transport=transport) as http:
            return discover_sites(BearerToken("t"), http_client=http)

    async def work() -> list[Site]:
        async with httpx.AsyncClient(transport=transport) as http:
            return await discover_sites_async(BearerToken("t"), http_client=http)

    return asyncio.run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_a_site_listed_twice_is_returned_once_with_all_scopes(kind: str) -> None:
    answers = Answers(httpx.Response(200, json=[CONFLUENCE, OTHER, JIRA]))
    assert discover(kind, answers) == [
        Site(
            cloud_id="one",
            name="a",
            url="https://a.example",
            scopes=frozenset({"read:confluence-groups", "read:jira-work"}),
        ),
        Site(cloud_id="two", name="b", url="https://b.example"),
    ]
    (request,) = answers.requests
    assert str(request.url) == "https://api.atlassian.com/oauth/token/accessible-resources"
    assert (request.method, request.headers["Authorization"]) == ("GET", "Bearer t")
    assert "X-Atlassian-Token" not in request.headers, "it changes nothing"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<html>", "not JSON"),
        (json.dumps({}), "not a list of sites"),
        (json.dumps([CONFLUENCE, 1]), r"\[1\] is not a site"),
        (json.dumps([{**CONFLUENCE, "id": ""}]), r"\[0\] has no id"),
        (json.dumps([{**CONFLUENCE, "id": 1}]), r"\[0\] has no id"),
        (json.dumps([{**CONFLUENCE, "scopes": "all"}]), r"\[0\] has no list of scopes"),
        (json.dumps([{**CONFLUENCE, "scopes": [1]}]), r"\[0\] has no list of scopes"),
    ],
)
def test_a_malformed_response_is_an_error(kind: str, body: str, problem: str) -> None:
    with pytest.raises(ResponseValidationError, match=problem):
        discover(kind, Answers(httpx.Response(200, text=body)))


def test_a_failed_attempt_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(SystemClock, "wait", lambda _clock, _waker, seconds: waits.append(seconds))
    assert discover("sync", Answers(httpx.Response(503), httpx.Response(200, json=[]))) == []
    assert len(waits) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_rejected_token_is_an_error(kind: str) -> None:
    with pytest.raises(AuthenticationError, match="Unauthorized"):
        discover(kind, Answers(httpx.Response(401, json={"code": 401, "message": "Unauthorized"})))


@pytest.mark.parametrize(
    "find", [discover_sites, lambda *given, **more: asyncio.run(discover_sites_async(*given, **more))]
)
def test_malformed_arguments_are_errors(find: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="auth"):
        find("token")
    with pytest.raises(ConfigurationError, match="gateway"):
        find(BearerToken("t"), gateway="https://api.atlassian.com/ex")
    with pytest.raises(ConfigurationError, match="timeout"):
        find(BearerToken("t"), timeout=0)


def test_discovery_with_oauth2_and_a_first_call(sandbox: Sandbox) -> None:
    store = MemoryTokenStore(Tokens(*sandbox.grant(scopes=["read:confluence-user"], expires_in=-1)))
    auth = OAuth2(*sandbox.oauth_client, store, authority=sandbox.authority)
    (site,) = discover_sites(auth, gateway=sandbox.gateway)
    assert site == Site(
        cloud_id=sandbox.cloud_id, name="sandbox", url=sandbox.url, scopes=frozenset({"read:confluence-user"})
    )
    with ConfluenceGroups.for_cloud(site.cloud_id, gateway=sandbox.gateway, auth=auth) as groups:
        assert groups.current_user().account_id
