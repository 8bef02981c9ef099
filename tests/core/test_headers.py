from __future__ import annotations

import logging
import math
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk._core.responses.error_factory import error_from_response
from confluence_groups_sdk._core.responses.headers import REQUEST_ID_HEADERS, printable, request_id
from confluence_groups_sdk._core.responses.rate_limit_headers import (
    MAX_HOLD_S,
    MAX_RESET_S,
    RateLimitInfo,
    parse_rate_limits,
    parse_retry_after,
)

NOON = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 1.5 ", 1.5),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30),
        ("Wed Oct 21 07:28:30 2015", 30),
        ("Wed, 21 Oct 2015 07:28:30 -0000", 30),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("31622400", 366 * 24 * 3600),
        ("31622401", None),
        ("-0.5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("100, 200", 200),
        ("100, soon", None),
        ("100, nan", None),
        ("nan, 100", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:30 GMT", None),
        ("Wed, 21 Oct 99999 07:28:30 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert parse_retry_after({"retry-after": text}, NOON) == seconds


def test_a_date_is_in_gmt_in_every_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert parse_retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:30 -0000"}, NOON) == 30
    finally:
        monkeypatch.undo()
        time.tzset()


def test_unusable_retry_after_is_ignored() -> None:
    assert parse_retry_after({}, NOON) is None


@given(st.text() | st.from_regex(r"\w+, \d+ \w+ -?\d+ \d+:\d+:\d+ .*"))
def test_retry_after_never_raises_and_is_always_bounded(text: str) -> None:
    seconds = parse_retry_after({"retry-after": text}, NOON)
    assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= MAX_HOLD_S)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"atl-request-id": "first", "atl-traceid": "second", "x-arequestid": "third"}, "first"),
        ({"atl-traceid": "second", "x-arequestid": "third"}, "second"),
        ({"x-arequestid": "third"}, "third"),
        ({"ATL-Request-Id": "any case"}, "any case"),
        ({"atl-request-id": "", "atl-traceid": "second"}, "second"),
        ({"atl-request-id": "\u2028\x85", "atl-traceid": "second"}, "second"),
        ({"atl-request-id": " "}, None),
        ({}, None),
    ],
)
def test_request_id(headers: dict[str, str], expected: str | None) -> None:
    assert request_id(httpx.Headers(headers, encoding="utf-8")) == expected


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    assert printable(text).isprintable()


# --- rate limits


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="confluence_groups_sdk")
    return caplog


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2015-10-21T07:29:00Z", 60),
        ("2015-10-21T07:29Z", 60),
        ("2015-10-21T07:29", 60),
        ("2015-10-21T07:29:00", 60),
        ("2015-10-21T09:29:00+02:00", 60),
        ("2015-10-21T09:29+02:00", 60),
        ("2015-10-21T02:29:00-05:00", 60),
        ("20151021T072900Z", 60),
        (" 2015-10-21T07:28:00.500Z ", 0.5),
        ("2015-10-22T07:28:00Z", MAX_RESET_S),
        ("2015-10-22T07:28:01Z", None),
        ("2015-10-21T07:28:00Z", None),
        ("2015-10-21T07:27:59Z", None),
        ("2999-01-01T00:00:00Z", None),
        ("9999-12-31T24:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1445412540", None),
        ("1445412540000", None),
        ("60", None),
        ("60.5", None),
        ("soon", None),
        ("2015-10-21T07:29:00+99:99", None),
        ("\uff12015-10-21T07:29:00Z", None),
        ("", None),
    ],
)
def test_x_ratelimit_reset(text: str, seconds: float | None, lines: pytest.LogCaptureFixture) -> None:
    found = parse_rate_limits(httpx.Headers([(b"X-RateLimit-Reset", text.encode())]), NOON)
    assert found == RateLimitInfo(reset_in=seconds)
    assert ("its value is absurd: x-ratelimit-reset" in lines.text) == (seconds is None)


@pytest.mark.parametrize(
    ("text", "exhausted", "ignored"),
    [
        ("0", True, False),
        (" 0 ", True, False),
        ("0.0", True, False),
        ("1", False, False),
        (str(10**9), False, False),
        ("0, 5", False, False),
        ("0, 0", True, False),
        ("-1", False, True),
        ("nan", False, True),
        ("inf", False, True),
        ("-inf", False, True),
        ("1e400", False, True),
        (str(10**9 + 1), False, True),
        ("none", False, True),
        ("", False, True),
        ("0, none", False, True),
        ("9" * 5000, False, True),
    ],
)
def test_x_ratelimit_remaining(text: str, exhausted: bool, ignored: bool, lines: pytest.LogCaptureFixture) -> None:
    assert parse_rate_limits({"x-ratelimit-remaining": text}, NOON) == RateLimitInfo(exhausted=exhausted)
    assert ("its value is absurd: x-ratelimit-remaining" in lines.text) is ignored


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("policies", "exhausted", "seconds"),
    [
        (['"quota";r=0;t=30'], True, 30),
        (["quota;r=0;t=30"], True, 30),
        (['"quota";t=30;r=0'], True, 30),
        (['  "quota" ; r = 0 ;  t = 30  '], True, 30),
        (['"QUOTA";R=0;T=30'], True, 30),
        (['"a name, with ; signs and \\" in it";r=0;t=30'], True, 30),
        (['"quota";r=0'], True, None),
        (['"quota";t=30'], False, None),
        (['"quota"'], False, None),
        (['"quota";r=5;t=30'], False, None),
        (['"burst";r=5;t=1', '"quota";r=0;t=30'], True, 30),
        (['"burst";r=0;t=1', '"quota";r=0;t=30'], True, 30),
        (['"burst";r=0;t=1', '"quota";r=5;t=30'], True, 1),
        (['"burst";r=0', '"quota";r=0;t=30', '"day";q=9;w=60'], True, 30),
        (['"quota";r=0;t=-1'], True, None),
        (['"quota";r=0;t=nan'], True, None),
        (['"quota";r=0;t=86401'], True, None),
        (['"quota";r=-1;t=30'], False, None),
        (['"quota";r=nan;t=30'], False, None),
        (['"quota";r=some;t=30'], False, None),
        (['"quota";pk=:dHJlLTE=:;r=0;t=30'], True, 30),
    ],
)
def test_ratelimit(policies: list[str], exhausted: bool, seconds: float | None, order: int) -> None:
    expected = RateLimitInfo(exhausted=exhausted, reset_in=seconds)
    assert parse_rate_limits({"ratelimit": ", ".join(policies[::order])}, NOON) == expected
    assert parse_rate_limits(httpx.Headers([("RateLimit", policy) for policy in policies[::order]]), NOON) == expected


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ('"global";q=65000;w=3600', 3600),
        ('"tenant";q=1;w=60, "global";w=1800;q=65000', 1800),
        ("global;w=5", 5),
        ('"tenant";w=60', None),
        ('"global";q=65000', None),
        ('"global";w=nan', None),
        ('"global";w=999999', None),
        ("", None),
    ],
)
def test_the_policys_window_is_used_without_a_reset_time(policy: str, seconds: float | None) -> None:
    headers = {"ratelimit": '"global";r=0', "ratelimit-policy": policy}
    assert parse_rate_limits(headers, NOON) == RateLimitInfo(exhausted=True, reset_in=seconds)
    assert parse_rate_limits({**headers, "ratelimit": '"global";r=0;t=7'}, NOON) == RateLimitInfo(
        exhausted=True, reset_in=7
    )
    assert parse_rate_limits({**headers, "ratelimit": '"global";r=1'}, NOON) == RateLimitInfo()


@pytest.mark.parametrize(
    "text",
    [";", '"', '"open', '"a";r=0;t=5 "b"', ",,", "a b", ";r=0", '"a";', "a;", "a" + ";x   " * 5000 + '"'],
)
def test_a_nonsensical_ratelimit_header_is_ignored_quickly(text: str, lines: pytest.LogCaptureFixture) -> None:
    """A parser with backtracking would not finish with the long value."""
    assert parse_rate_limits({"ratelimit": text}, NOON) == RateLimitInfo()
    assert "its value is absurd: ratelimit" in lines.text


def test_items_before_nonsense_are_used() -> None:
    assert parse_rate_limits({"ratelimit": '"a";r=0;t=5, ;;;'}, NOON) == RateLimitInfo(exhausted=True, reset_in=5)


@pytest.mark.parametrize(
    ("reason", "quota"),
    [
        ("confluence-quota-tenant-based", True),
        ("confluence-quota-global-based", True),
        ("quota", True),
        ("Global", True),
        ("TENANT", True),
        ("confluence-burst-based", False),
        ("Burst-Tenant", False),
        ("quota, burst", False),
        ("", False),
        ("something else", False),
    ],
)
def test_ratelimit_reason(reason: str, quota: bool) -> None:
    expected = RateLimitInfo(quota=quota, burst="burst" in reason.lower())
    assert parse_rate_limits(httpx.Headers({"RateLimit-Reason": reason}), NOON) == expected


def test_beta_headers_are_ignored(lines: pytest.LogCaptureFixture) -> None:
    announced = {
        "Beta-RateLimit": '"quota";r=0;t=30',
        "Beta-RateLimit-Policy": '"quota";q=0;w=3600',
        "Beta-RateLimit-Reason": "quota",
        "Beta-Retry-After": "30",
        "Beta-X-RateLimit-Remaining": "0",
        "Beta-X-RateLimit-Reset": "2015-10-21T07:29:00Z",
    }
    assert parse_rate_limits(httpx.Headers(announced), NOON) == RateLimitInfo()
    in_force = {"X-RateLimit-Remaining": "5"}
    assert parse_rate_limits(httpx.Headers(announced | in_force), NOON) == RateLimitInfo()
    assert lines.text == ""


def test_all_headers_together() -> None:
    headers = {
        "Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT",
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-NearLimit": "true",
        "X-RateLimit-Reset": "2015-10-21T07:29Z",
        "RateLimit-Policy": '"quota";q=65000;w=3600',
        "RateLimit": '"quota";r=0;t=90',
        "RateLimit-Reason": "confluence-quota-tenant-based",
    }
    assert parse_rate_limits(httpx.Headers(headers), NOON) == RateLimitInfo(
        retry_after=30, reset_in=90, exhausted=True, quota=True
    )


NAMES = st.sampled_from(
    [
        *("retry-after", "ratelimit", "ratelimit-policy", "ratelimit-reason"),
        *("x-ratelimit-reset", "x-ratelimit-remaining", *REQUEST_ID_HEADERS),
    ]
) | st.text(st.characters(max_codepoint=255), max_size=20)
TEXTS = (
    st.text(st.characters(max_codepoint=255))
    | st.from_regex(r'"[a-z]+" ?; ?r=-?[0-9.e]+; ?t=[0-9nai]+(, .*)?', fullmatch=True)
    | st.datetimes().map(str)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d(:\d\d){0,2}([+-]\d\d:\d\d|Z)?")
)
ANY_HEADERS = st.lists(st.tuples(NAMES, TEXTS), max_size=8).map(
    lambda pairs: httpx.Headers([(name.encode("latin-1"), text.encode("utf-8")) for name, text in pairs])
)


@given(headers=ANY_HEADERS, now=st.sampled_from([0.0, NOON, 1.8e9]))
def test_any_headers_are_accepted(headers: httpx.Headers, now: float) -> None:
    found = parse_rate_limits(headers, now)
    assert found.retry_after is None or 0 <= found.retry_after <= MAX_HOLD_S
    assert found.reset_in is None or 0 <= found.reset_in <= MAX_RESET_S
    assert type(found.exhausted) is type(found.quota) is bool
    assert (request_id(headers) or "x").isprintable()
    assert request_id(headers) != ""


@given(headers=ANY_HEADERS)
def test_any_beta_headers_are_ignored(headers: httpx.Headers) -> None:
    announced = httpx.Headers([(b"Beta-" + name, value) for name, value in headers.raw])
    assert parse_rate_limits(announced, NOON) == RateLimitInfo()
    assert parse_rate_limits(httpx.Headers([*headers.raw, *announced.raw]), NOON) == parse_rate_limits(headers, NOON)


@given(status=st.integers(100, 999), headers=ANY_HEADERS, body=st.binary())
def test_any_response_headers_make_an_error(status: int, headers: httpx.Headers, body: bytes) -> None:
    request = httpx.Request("GET", "https://your-domain.atlassian.net/wiki/rest/api/group?x=1", headers=headers)
    raw = [(name, value) for name, value in headers.raw if name.lower() != b"content-encoding"]
    error = error_from_response(httpx.Response(status, headers=raw, content=body, request=request), now=NOON)
    assert error.status_code == status
    assert str(error).isprintable()
    assert error.retry_after is None or 0 <= error.retry_after <= MAX_HOLD_S
