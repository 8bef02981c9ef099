from __future__ import annotations

import math
import ssl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import ConfigurationError, RetryPolicy
from confluence_groups_sdk._core.limits.retry_policy import (
    Failure,
    classify_failure,
    delay_before,
    retries_failure,
    retries_status,
)

POLICY = RetryPolicy()


@pytest.mark.parametrize(("retry", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16)])
def test_the_delay_doubles(retry: int, seconds: float) -> None:
    assert delay_before(POLICY, retry, retry_after=None, chance=0.5) == pytest.approx(seconds)


def test_the_delay_is_capped_before_jitter() -> None:
    policy = RetryPolicy(max_retries=2000)
    assert delay_before(policy, 2000, retry_after=None, chance=0.5) == pytest.approx(30)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.7), (0.5, 1.0), (0.9, 1.24)])
def test_jitter_is_between_0_7_and_1_3(chance: float, factor: float) -> None:
    assert delay_before(POLICY, 1, retry_after=None, chance=chance) == pytest.approx(2 * factor)


def test_the_number_of_retries_is_limited() -> None:
    assert delay_before(POLICY, 5, retry_after=None, chance=0.5) is None
    assert delay_before(RetryPolicy(max_retries=0), 1, retry_after=None, chance=0.5) is None


def test_retry_after_is_the_minimum_delay() -> None:
    assert delay_before(POLICY, 1, retry_after=20, chance=0.5) == 20
    assert delay_before(POLICY, 1, retry_after=1, chance=0.5) == pytest.approx(2)


def test_retry_after_above_the_limit_ends_the_retries() -> None:
    assert delay_before(POLICY, 1, retry_after=60, chance=0.5) == 60
    assert delay_before(POLICY, 1, retry_after=60.1, chance=0.5) is None


@given(
    retry=st.integers(1, 4),
    hold=st.none() | st.floats(0, 60),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_every_delay_is_bounded(retry: int, hold: float | None, chance: float) -> None:
    delay = delay_before(POLICY, retry, retry_after=hold, chance=chance)
    assert delay is not None
    assert max(1.4, hold or 0) <= delay <= 60


def test_which_statuses_are_retried() -> None:
    statuses = range(100, 600)
    assert {status for status in statuses if retries_status(status, repeatable=False)} == {429}
    assert {status for status in statuses if retries_status(status, repeatable=True)} == {429, 502, 503, 504}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (httpx.ConnectError(""), Failure.UNSENT),
        (httpx.ConnectTimeout(""), Failure.UNSENT),
        (httpx.PoolTimeout(""), Failure.UNSENT),
        (httpx.ReadTimeout(""), Failure.IN_DOUBT),
        (httpx.WriteTimeout(""), Failure.IN_DOUBT),
        (httpx.ReadError(""), Failure.IN_DOUBT),
        (httpx.WriteError(""), Failure.IN_DOUBT),
        (httpx.CloseError(""), Failure.IN_DOUBT),
        (httpx.ProxyError(""), Failure.UNSENT),
        (httpx.RemoteProtocolError(""), Failure.IN_DOUBT),
        (httpx.LocalProtocolError(""), Failure.PERMANENT),
        (httpx.UnsupportedProtocol(""), Failure.PERMANENT),
        (httpx.DecodingError(""), Failure.UNREADABLE),
        (httpx.InvalidURL(""), Failure.UNREADABLE),
    ],
)
def test_failures_are_classified(error: httpx.RequestError, failure: Failure) -> None:
    assert classify_failure(error) is failure


def test_an_untrusted_certificate_is_pointless_to_retry() -> None:
    error = httpx.ConnectError("")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert classify_failure(error) is Failure.PERMANENT


def test_a_redirect_to_a_malformed_address_is_unreadable() -> None:
    error = httpx.RemoteProtocolError("")
    error.__context__ = httpx.InvalidURL("no port")
    assert classify_failure(error) is Failure.UNREADABLE


def test_a_circular_chain_of_causes_ends() -> None:
    first, second = httpx.ReadError(""), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert classify_failure(first) is Failure.IN_DOUBT


@pytest.mark.parametrize(
    ("failure", "write", "repeatable"),
    [
        (Failure.UNSENT, True, True),
        (Failure.IN_DOUBT, False, True),
        (Failure.PERMANENT, False, False),
        (Failure.UNREADABLE, False, False),
    ],
)
def test_which_failures_are_retried(failure: Failure, write: bool, repeatable: bool) -> None:
    assert retries_failure(failure, repeatable=False) is write
    assert retries_failure(failure, repeatable=True) is repeatable


@pytest.mark.parametrize("name", ["first_delay", "max_delay", "max_retry_after"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**400, 1e9, "2", None, True])
def test_a_malformed_policy_is_an_error(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RetryPolicy(**{name: value})  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize("value", [-1, 1.5, True, None])
def test_a_malformed_max_retries_is_an_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="max_retries"):
        RetryPolicy(max_retries=value)  # type: ignore[arg-type] # on purpose
