"""The sandbox's consent page, and the exchange of codes for tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from confluence_groups_sdk.sandbox import Sandbox

CALLBACK = "http://localhost:8976/callback"
SCOPES = "read:confluence-groups offline_access"


def get_consent_page(sandbox: Sandbox, **changed: str) -> httpx.Response:
    """Request the consent page as a browser; return the response."""
    query = {
        "audience": "api.atlassian.com",
        "client_id": sandbox.oauth_client.client_id,
        "scope": SCOPES,
        "redirect_uri": CALLBACK,
        "state": "a state",
        "response_type": "code",
        "prompt": "consent",
    }
    return httpx.get(f"{sandbox.url}/authorize", params=query | changed)


def consent(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    """Return the parameters that the consent page redirects back with."""
    answer = get_consent_page(sandbox, **changed)
    assert answer.status_code == 302
    address = urlsplit(answer.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def exchange_code(sandbox: Sandbox, code: str, /, **changed: str) -> httpx.Response:
    client_id, client_secret = sandbox.oauth_client
    body: dict[str, Any] = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "code": code,
        "redirect_uri": CALLBACK,
    }
    return httpx.post(f"{sandbox.url}/oauth/token", json=body | changed)


def test_a_code_can_be_exchanged_once(sandbox: Sandbox) -> None:
    back = consent(sandbox)
    assert back["state"] == "a state"
    answer = exchange_code(sandbox, back["code"])
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["scope"] == "read:confluence-groups"
    assert tokens["refresh_token"]
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    groups = f"{sandbox.gateway}/ex/confluence/{sandbox.cloud_id}/wiki/rest/api/group"
    assert httpx.get(groups, headers=headers).status_code == 200
    assert exchange_code(sandbox, back["code"]).status_code == 403


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"redirect_uri": "http://localhost:1/callback"}, 403),
        ({"code": "another"}, 403),
        ({"client_secret": "wrong"}, 401),
        ({"grant_type": "password"}, 400),
    ],
)
def test_a_code_with_other_values_is_rejected(sandbox: Sandbox, changed: dict[str, str], status: int) -> None:
    assert exchange_code(sandbox, consent(sandbox)["code"], **changed).status_code == status


def test_without_offline_access_there_is_no_refresh_token(sandbox: Sandbox) -> None:
    code = consent(sandbox, scope="read:confluence-groups")["code"]
    assert "refresh_token" not in exchange_code(sandbox, code).json()


def test_a_user_who_declines_gives_no_code(sandbox: Sandbox) -> None:
    assert sandbox.consenting
    sandbox.consenting = False
    back = consent(sandbox)
    assert (back["error"], back["state"]) == ("access_denied", "a state")
    assert "code" not in back


@pytest.mark.parametrize(
    "changed",
    [{"scope": "read:everything"}, {"scope": ""}, {"audience": "x"}, {"response_type": "token"}, {"prompt": "none"}],
)
def test_an_undocumented_request_gives_no_code(sandbox: Sandbox, changed: dict[str, str]) -> None:
    back = consent(sandbox, **changed)
    assert back["error"] == "invalid_request"
    assert "code" not in back


@pytest.mark.parametrize("changed", [{"client_id": "unknown"}, {"redirect_uri": "https://example.com/callback"}])
def test_an_unknown_client_or_address_is_not_redirected_to(sandbox: Sandbox, changed: dict[str, str]) -> None:
    assert get_consent_page(sandbox, **changed).status_code == 400


def test_a_port_can_be_chosen(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port or 0
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=port)
    sandbox.stop()
    with Sandbox(port=port) as again:
        assert again.url == sandbox.url
