from __future__ import annotations

import math
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk._headers import LONGEST_HOLD, printable, request_id, retry_after

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
        (str(LONGEST_HOLD + 1), None),
        ("9" * 5000, None),
        ("soon", None),
        ("100, 200", 200),
        ("100, soon", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:30 GMT", None),
        ("Wed, 21 Oct 99999 07:28:30 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOON) == seconds


def test_a_date_is_in_gmt_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:30 -0000"}, NOON) == 30
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_retry_after() -> None:
    assert retry_after({}, NOON) is None


@given(st.text() | st.from_regex(r"\w+, \d+ \w+ -?\d+ \d+:\d+:\d+ .*"))
def test_retry_after_never_raises_and_is_always_bounded(text: str) -> None:
    seconds = retry_after({"retry-after": text}, NOON)
    assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= LONGEST_HOLD)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"atl-request-id": "first", "atl-traceid": "second", "x-arequestid": "third"}, "first"),
        ({"atl-traceid": "second", "x-arequestid": "third"}, "second"),
        ({"x-arequestid": "third"}, "third"),
        ({"ATL-Request-Id": "any case"}, "any case"),
        ({"atl-request-id": "", "atl-traceid": "second"}, "second"),
        ({}, None),
    ],
)
def test_request_id(headers: dict[str, str], expected: str | None) -> None:
    assert request_id(httpx.Headers(headers)) == expected


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    assert printable(text).isprintable()
