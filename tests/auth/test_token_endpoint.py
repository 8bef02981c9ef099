"""What is read from a response of the authority, without a flow."""

from __future__ import annotations

import httpx
from fakes import START

from confluence_groups_sdk.auth.token_endpoint import token_error

REQUEST = httpx.Request("POST", "https://auth.example/oauth/token")


def test_a_secret_that_begins_another_one_leaves_no_rest() -> None:
    response = httpx.Response(
        400, json={"error_description": "marker-rest is unknown"}, headers={"atl-request-id": "marker-rest"}
    )
    response.request = REQUEST
    error = token_error(response, "", "marker", "marker-rest", now=START)
    assert error.message == "REDACTED is unknown"
    assert error.request_id == "REDACTED"
