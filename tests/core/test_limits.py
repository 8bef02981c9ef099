"""The numbers that the docstrings of `RetryPolicy` and `RateLimiter` promise, at their limits."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import httpx
import pytest
from fakes import START, FakeClock

from confluence_groups_sdk import ConfigurationError, RateLimiter, RetryPolicy
from confluence_groups_sdk._core.limits.rate_limiter import peak_rate, seconds_until
from confluence_groups_sdk._core.limits.retry_policy import (
    delay_before,
    delay_before_smaller_page,
    indicates_large_page,
)
from confluence_groups_sdk._core.responses.rate_limit_headers import RateLimitInfo

NOTHING = RateLimitInfo()
YEAR_S = 366 * 24 * 3600


def accept(rate_limiter: RateLimiter, clock: FakeClock, number: int = 1, limits: RateLimitInfo = NOTHING) -> None:
    for _ in range(number):
        rate_limiter.record_accepted(clock, limits)


def refuse(rate_limiter: RateLimiter, clock: FakeClock, limits: RateLimitInfo = NOTHING) -> None:
    rate_limiter.record_rate_limited(clock, limits, clock.monotonic())


def rate_of(rate_limiter: RateLimiter) -> float:
    rate = rate_limiter.snapshot().rate
    assert rate is not None
    return rate


# --- the retry policy


@pytest.mark.parametrize("name", ["first_delay", "max_delay", "max_retry_after"])
def test_a_policy_takes_delays_from_zero_to_a_year(name: str) -> None:
    for seconds in (0, YEAR_S):
        assert getattr(RetryPolicy(**{name: seconds}), name) == seconds
    bad: Any
    for bad in (-0.001, YEAR_S + 0.001):
        with pytest.raises(ConfigurationError, match=f"{name}=.*from 0 to {YEAR_S}"):
            RetryPolicy(**{name: bad})


def test_a_policy_has_the_documented_defaults() -> None:
    policy = RetryPolicy()
    assert (policy.max_retries, policy.first_delay, policy.max_delay, policy.max_retry_after) == (4, 2.0, 30.0, 60.0)
    assert RetryPolicy(max_retries=0).max_retries == 0


def test_delays_of_less_than_a_second_are_kept() -> None:
    policy = RetryPolicy(first_delay=0.25, max_delay=0.4)
    for retry_after in (None, 0.0, 0.1):
        assert delay_before(policy, 1, retry_after=retry_after, chance=0.5) == pytest.approx(0.25)
        assert delay_before(policy, 2, retry_after=retry_after, chance=0.5) == pytest.approx(0.4)


def test_what_may_mean_that_a_page_is_too_large() -> None:
    assert {status for status in range(100, 600) if indicates_large_page(status)} == {502, 503, 504}
    assert indicates_large_page(httpx.ReadTimeout(""))
    others = (httpx.ConnectTimeout(""), httpx.WriteTimeout(""), httpx.PoolTimeout(""), httpx.ReadError(""), None)
    assert not any(indicates_large_page(each) for each in others)


@pytest.mark.parametrize("max_retries", [0, 1, 4])
def test_a_smaller_page_waits_like_a_first_retry_whatever_the_number_of_retries(max_retries: int) -> None:
    policy = RetryPolicy(max_retries=max_retries)
    assert delay_before_smaller_page(policy, retry_after=None, chance=0.5) == pytest.approx(2)
    assert delay_before_smaller_page(policy, retry_after=7, chance=0.5) == 7
    assert delay_before_smaller_page(policy, retry_after=61, chance=0.5) is None


# --- the rate


def test_the_first_rate_is_90_percent_of_the_accepted_one_and_a_burst_counts_as_one_second() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    for _ in range(10):
        accept(rate_limiter, clock, 50)
        clock.sleep(1)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(0.9 * 500 / 11)


def test_calls_of_more_than_30_seconds_ago_do_not_count() -> None:
    assert peak_rate([(0.0, 100)], 30.0) == pytest.approx(100 / 31)
    assert peak_rate([(0.0, 100)], 30.001) == 0
    assert peak_rate([(0.0, 100), (25.0, 6)], 30.001) == pytest.approx(6 / 6.001)
    assert peak_rate([(0.0, 1000), (29.0, 6)], 30.0) == pytest.approx(1006 / 31)
    assert peak_rate([], 5.0) == 0


def test_calls_are_counted_by_the_tenth_of_a_second_in_which_they_began() -> None:
    """Calls of a tenth of a second count as made at its start, however the next tenth follows."""
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, 10)
    clock.sleep(0.099)
    accept(rate_limiter, clock, 10)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(0.9 * 20 / 1.099)
    other, clock = RateLimiter(), FakeClock()
    accept(other, clock, 10)
    clock.sleep(0.101)
    accept(other, clock, 200)
    refuse(other, clock)
    assert rate_of(other) == pytest.approx(0.9 * 200)


def test_single_calls_before_a_burst_do_not_make_the_rate_lower() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    for _ in range(5):
        accept(rate_limiter, clock, 1)
        clock.sleep(0.15)
    accept(rate_limiter, clock, 50)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(45)


def test_calls_are_remembered_for_30_seconds() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, 3_000)
    for _ in range(290):
        clock.sleep(0.102)
        accept(rate_limiter, clock, 1)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(0.9 * 3_290 / (290 * 0.102 + 1))


def test_without_accepted_calls_the_rate_is_ten_per_second_and_never_below_one() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == 10
    slow = RateLimiter()
    accept(slow, clock)
    for _ in range(3):
        refuse(slow, clock)
        assert rate_of(slow) == 1
        clock.sleep(1)


def test_a_second_429_lowers_the_rate_by_at_least_a_tenth_and_at_most_to_half() -> None:
    rate_limiter, clock = RateLimiter(max_rate=100), FakeClock()
    accept(rate_limiter, clock, 99)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(0.9 * 99)  # measured, and at most 90
    limited, clock = RateLimiter(max_rate=100), FakeClock()
    accept(limited, clock, 500)
    refuse(limited, clock)
    assert rate_of(limited) == pytest.approx(90)
    slow, clock = RateLimiter(max_rate=100), FakeClock()
    accept(slow, clock, 1)
    refuse(slow, clock)
    assert rate_of(slow) == pytest.approx(50)


def test_a_429_for_a_call_sent_when_the_hold_ends_lowers_the_rate_again() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, 100)
    refuse(rate_limiter, clock)
    clock.sleep(1)
    refuse(rate_limiter, clock)
    assert rate_of(rate_limiter) == pytest.approx(45)  # 100 calls within 2 s, so half of the limit before


def test_the_rate_climbs_by_one_percent_a_second_by_two_after_a_minute_by_three_after_two() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, 100)
    refuse(rate_limiter, clock, RateLimitInfo(retry_after=5.0))
    assert rate_of(rate_limiter) == pytest.approx(90)
    clock.sleep(5)
    assert rate_of(rate_limiter) == pytest.approx(90)  # it does not climb while calls are held
    for growth in (0.01, 0.02, 0.03):
        before = rate_of(rate_limiter)
        clock.sleep(0.5)
        assert rate_of(rate_limiter) / before == pytest.approx(math.exp(growth / 2), rel=1e-4)
        clock.sleep(59.5)
    assert rate_of(rate_limiter) == pytest.approx(90 * math.exp(0.01 * 180 * 2.5))


def test_there_is_no_rate_again_once_it_is_above_100_000() -> None:
    assert RateLimiter(max_rate=100_000).snapshot().rate is None
    assert RateLimiter(max_rate=99_999).snapshot().rate == 99_999
    rate_limiter, clock = RateLimiter(max_rate=7), FakeClock()
    refuse(rate_limiter, clock)
    clock.sleep(1e9)
    assert rate_limiter.snapshot().rate == 7
    unlimited = RateLimiter()
    refuse(unlimited, clock)
    clock.sleep(1e9)
    assert unlimited.snapshot().rate is None
    turn = unlimited.reserve(clock, None)
    assert (turn.delay_s, turn.interval_s) == (0, 0)


# --- the schedule


def test_calls_follow_each_other_at_the_maximum_rate() -> None:
    rate_limiter, clock = RateLimiter(max_rate=4), FakeClock()
    turns = [rate_limiter.reserve(clock, None) for _ in range(4)]
    assert [each.delay_s for each in turns] == [0, 0.25, 0.5, 0.75]
    assert {each.interval_s for each in turns} == {0.25}
    rate_limiter.release_reservation(turns[-1])
    assert rate_limiter.reserve(clock, None).delay_s == 0.75
    clock.sleep(60)  # unused time is not saved up
    assert [rate_limiter.reserve(clock, None).delay_s for _ in range(3)] == [0, 0.25, 0.5]


def test_a_call_that_has_waited_is_sent_unless_a_pause_has_begun() -> None:
    rate_limiter, clock = RateLimiter(max_rate=4), FakeClock()
    rate_limiter.reserve(clock, None)
    waited = rate_limiter.reserve(clock, None)
    again = rate_limiter.reserve(clock, waited)
    assert (again.delay_s, again.interval_s) == (0, 0.25)
    refuse(rate_limiter, clock, RateLimitInfo(retry_after=9.0))
    assert rate_limiter.reserve(clock, waited).delay_s == pytest.approx(9)
    rate_limiter.release_reservation(waited)  # of the schedule before the pause
    assert rate_limiter.reserve(clock, None).delay_s > 9


def test_a_late_call_may_follow_a_tenth_of_a_second_sooner_at_a_rate_that_was_found() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    refuse(rate_limiter, clock)
    clock.sleep(1.5)
    rate = rate_of(rate_limiter)
    first, second, third = (rate_limiter.reserve(clock, None).delay_s for _ in range(3))
    assert first == 0
    assert second == pytest.approx(1 / rate - 0.1, abs=0.001)
    assert third == pytest.approx(2 / rate - 0.1, abs=0.001)


def test_shorter_waits_than_a_clock_can_tell_are_none() -> None:
    assert seconds_until(10.001, 9.0) == pytest.approx(1.001)
    assert seconds_until(0.001, 0.0) == 0.001
    assert seconds_until(0.000999, 0.0) == 0
    assert seconds_until(1.0, 2.0) == 0


# --- holds


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (RateLimitInfo(), 1),
        (RateLimitInfo(retry_after=0.0), 0),
        (RateLimitInfo(retry_after=7.0), 7),
        (RateLimitInfo(quota=True), 60),
        (RateLimitInfo(quota=True, retry_after=7.0), 7),
        (RateLimitInfo(quota=True, retry_after=7.0, reset_in=20.0), 20),
        (RateLimitInfo(quota=True, retry_after=30.0, reset_in=20.0), 30),
        (RateLimitInfo(exhausted=True, reset_in=20.0), 20),
        (RateLimitInfo(exhausted=True, reset_in=20.0, burst=True), 1),
        (RateLimitInfo(exhausted=True), 1),
        (RateLimitInfo(reset_in=20.0), 1),
    ],
)
def test_a_429_holds_all_calls_for_as_long_as_it_says(limits: RateLimitInfo, seconds: float) -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    assert rate_limiter.seconds_held(clock) == 0
    refuse(rate_limiter, clock, limits)
    assert rate_limiter.seconds_held(clock) == seconds
    assert rate_limiter.reserve(clock, None).delay_s == seconds
    status = rate_limiter.snapshot()
    assert status.held_until == (START + seconds if seconds else None)
    assert (status.refused, status.in_flight) == (1, 0)
    quota_spent = limits.quota or (limits.exhausted and limits.reset_in and not limits.burst)
    assert (status.rate is None) is bool(quota_spent)


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (RateLimitInfo(exhausted=True, reset_in=20.0), 20),
        (RateLimitInfo(exhausted=True), 0),
        (RateLimitInfo(reset_in=20.0), 0),
        (RateLimitInfo(exhausted=True, reset_in=0.0), 0),
    ],
)
def test_a_success_holds_all_calls_if_nothing_is_left_until_the_reset(limits: RateLimitInfo, seconds: float) -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, limits=limits)
    assert rate_limiter.seconds_held(clock) == seconds
    assert rate_limiter.snapshot().rate is None


def test_a_hold_of_the_same_length_changes_nothing() -> None:
    rate_limiter, clock = RateLimiter(max_rate=4), FakeClock()
    refuse(rate_limiter, clock, RateLimitInfo(quota=True, retry_after=5.0))
    waiting = rate_limiter.reserve(clock, None)
    refuse(rate_limiter, clock, RateLimitInfo(quota=True, retry_after=5.0))
    assert rate_limiter.reserve(clock, waiting).delay_s == 0  # its place is still valid


def test_only_a_longer_hold_replaces_a_hold() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    clock.sleep(100)
    for retry_after, held in ((30.0, 30), (40.0, 40), (10.0, 40)):
        refuse(rate_limiter, clock, RateLimitInfo(retry_after=retry_after))
        assert rate_limiter.seconds_held(clock) == held
        assert rate_limiter.reserve(clock, None).delay_s >= held


def test_a_log_line_tells_of_each_hold_and_of_each_lower_rate(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="confluence_groups_sdk")
    rate_limiter, clock = RateLimiter(), FakeClock()
    spent = RateLimitInfo(exhausted=True, reset_in=20.0)
    for work, lines in (
        (partial(accept, rate_limiter, clock), 0),
        (partial(accept, rate_limiter, clock, limits=spent), 1),  # a hold
        (partial(accept, rate_limiter, clock, limits=spent), 0),  # the same hold
        (partial(refuse, rate_limiter, clock, RateLimitInfo(quota=True, retry_after=30.0)), 1),  # a longer hold
        (partial(refuse, rate_limiter, clock), 1),  # a rate, but no longer hold
        (partial(refuse, rate_limiter, clock, RateLimitInfo(retry_after=60.0)), 1),  # a hold, but the same rate
    ):
        caplog.clear()
        work()
        assert len(caplog.records) == lines
    caplog.clear()
    refuse(RateLimiter(), clock)  # a hold and a rate
    assert len(caplog.records) == 2


def test_points_and_refusals_are_counted() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    accept(rate_limiter, clock, 2)
    rate_limiter.add_points(3)
    refuse(rate_limiter, clock)
    status = rate_limiter.snapshot()
    assert (status.points, status.refused, status.in_flight) == (6, 1, 0)


def test_the_smallest_limits_are_allowed() -> None:
    assert repr(RateLimiter(1, 0.001)) == "RateLimiter(max_in_flight=1, max_rate=0.001)"
    assert repr(RateLimiter()) == "RateLimiter(max_in_flight=16, max_rate=None)"
    for bad in ({"max_in_flight": 0}, {"max_rate": 0}):
        with pytest.raises(ConfigurationError):
            RateLimiter(**bad)
