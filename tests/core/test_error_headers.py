"""The headers that an error keeps: all of a response, except for those that may hold a cookie or a credential."""

from __future__ import annotations

import httpx
import pytest

from confluence_groups_sdk._core.responses.error_factory import error_from_response
from confluence_groups_sdk._core.responses.headers import look_for_headers, safe_headers

SECRET = "s3cr3t-value"
FORBIDDEN = [
    "set-cookie",
    "set-cookie2",
    "cookie",
    "location",
    "www-authenticate",
    "proxy-authenticate",
    "authorization",
    "proxy-authorization",
    "x-forwarded-authorization",
]
SHOWN = ["x-arequestid", "retry-after", "content-type", "x-seraph-loginreason", "x-cookie-policy", "content-location"]


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
def test_headers_with_secrets_are_not_kept(name: str, spelling: type[str]) -> None:
    response = httpx.Response(403, headers={spelling(name): SECRET, "x-other": "kept"}, text="{}")
    error = error_from_response(response)
    assert error.headers["x-other"] == "kept"
    assert name not in error.headers
    assert SECRET not in repr(vars(error)) + str(error)
    assert dict(safe_headers({spelling(name): SECRET})) == {}


@pytest.mark.parametrize("name", SHOWN)
def test_other_headers_are_kept_by_their_lower_case_names(name: str) -> None:
    assert dict(safe_headers({name.title(): "a\nvalue"})) == {name: "a value"}


@pytest.mark.parametrize(
    ("name", "limits", "notices"),
    [
        (b"RateLimit-Reason", True, False),
        (b"X-RateLimit-Remaining", True, False),
        (b"Retry-After", True, False),
        (b"Deprecation", False, True),
        (b"Sunset", False, True),
        (b"Warning", False, True),
        (b"Content-Type", False, False),
    ],
)
def test_names_say_whether_there_are_limits_or_notices(name: bytes, limits: bool, notices: bool) -> None:
    assert look_for_headers(b"date," + name + b",server") == (limits, notices)
