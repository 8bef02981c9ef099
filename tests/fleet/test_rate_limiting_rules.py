"""The function in the database decides what `RateLimiter` decides, on the same events."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from databases.embedded import EmbeddedPostgres
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confluence_groups_sdk import RateLimiter, RateLimitInfo
from confluence_groups_sdk._core.limits import rate_limiter
from confluence_groups_sdk._core.limits.rate_limiter import MEASUREMENT_WINDOW_S, Reservation
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting.database import Database
from confluence_groups_sdk.fleet.rate_limiting.events import ScheduleEvents
from confluence_groups_sdk.fleet.rate_limiting.schedule import FUNCTION
from confluence_groups_sdk.fleet.rate_limiting.trips import Answer
from confluence_groups_sdk.fleet.schema.rate_limits import NUMBERS

BEGIN = 1_000_000.0
TICK_S = 1 / 64  # exact in binary, so that both clocks compare moments alike
SITES = itertools.count()


class Moment:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = BEGIN

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody sleeps for {seconds} s")

    async def async_sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody sleeps for {seconds} s")

    def random(self) -> float:
        return 0.5


class Schedules:
    """A `RateLimiter`, and a site in the database, with the same events at the same moments."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.site = f"site {next(SITES)}"
        self.clock = Moment()
        self.local = RateLimiter()
        self.turns: list[tuple[Reservation, int, float]] = []  # of the local one, and epoch and interval of the other

    def ask(self, events: ScheduleEvents | None = None, wanted: int = 0, **options: Any) -> Answer:
        known = options.get("known", (None, None))
        text = (events or ScheduleEvents()).encode(self.clock.time)
        alive = "member" in options
        asking = options.get("is_asking", wanted > 0)
        arguments = (options.get("member", "m"), alive, text, wanted, asking, *known, options.get("is_new", False))
        return Answer(*self.database.execute(FUNCTION, (self.site, *arguments, self.clock.time)))

    def reserve(self) -> None:
        if self.local._rate_at(self.clock.time) is None:
            return  # without a rate, only the shared schedule has a pace
        here, there = self.local.reserve(self.clock, None), self.ask(wanted=1)
        assert there.delays_s == [pytest.approx(here.delay_s, abs=1e-6)]
        assert there.interval_s == pytest.approx(here.interval_s, rel=1e-9)
        self.turns.append((here, there.epoch, there.interval_s))

    def release(self) -> None:
        if self.turns:
            here, epoch, interval_s = self.turns.pop()
            self.local.release_reservation(here)
            events = ScheduleEvents()
            events.released(self.clock.time, epoch, interval_s)
            self.ask(events)

    def accept(self, hold_s: float | None) -> None:
        self.local.record_accepted(self.clock, RateLimitInfo(reset_in=hold_s, exhausted=hold_s is not None))
        events = ScheduleEvents()
        events.accepted(self.clock.time)
        if hold_s:
            events.held(self.clock.time, hold_s)
        self.ask(events)

    def rate_limit(self, pause_s: float, sent_ago_s: float, *, quota: bool) -> None:
        sent_at = self.clock.time - sent_ago_s
        self.local.record_rate_limited(self.clock, RateLimitInfo(retry_after=pause_s, quota=quota), sent_at)
        events = ScheduleEvents()
        if pause_s or not quota:
            events.rate_limited(self.clock.time, pause_s, None if quota else sent_at)
        self.ask(events)

    def compare(self) -> None:
        rate, there = self.local._rate_at(self.clock.time), self.ask()
        assert there.rate == (None if rate is None else pytest.approx(rate, rel=1e-9))
        assert there.held_s == pytest.approx(self.local.seconds_held(self.clock))


@pytest.fixture(scope="module")
def database(server: EmbeddedPostgres) -> Iterator[Database]:
    with Postgres(server.dsn, schema="test_rate_limiting_rules") as shared:
        shared.init()
        opened = shared._open_rate_database()
        yield opened
        opened.close()


def test_the_numbers_are_those_of_the_rate_limiter() -> None:
    """If one of them changes, add a step to the migrations that replaces the functions."""
    assert {name: value for name, value in NUMBERS.items() if getattr(rate_limiter, name, value) != value} == {}


STEPS = st.one_of(
    st.tuples(st.just("reserve")),
    st.tuples(st.just("release")),
    st.tuples(st.just("accept"), st.sampled_from([None, None, None, 0.5, 3.0])),
    st.tuples(
        st.just("rate_limit"),
        st.sampled_from([0.0, 1.0, 2.5, 70.0]),
        st.sampled_from([0.0, 0.25, 1.5]),
        st.sampled_from([False, False, True]),
    ),
)
PASSING = st.one_of(st.integers(0, 8), st.integers(0, 300), st.integers(0, 20_000))  # ticks


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PASSING, STEPS), max_size=40))
def test_both_decide_alike(database: Database, steps: list[tuple[int, Any]]) -> None:
    both = Schedules(database)
    both.rate_limit(1.0, 0.0, quota=False)
    for ticks, (name, *values) in steps:
        both.clock.time += ticks * TICK_S
        if name == "rate_limit":
            pause_s, sent_ago_s, quota = values
            both.rate_limit(pause_s or (1.0 if quota else 0.0), sent_ago_s, quota=quota)
        else:
            getattr(both, name)(*values)
        both.compare()


def test_a_long_run_is_measured_alike(database: Database) -> None:
    both = Schedules(database)
    both.rate_limit(1.0, 0.0, quota=False)
    for number in range(2_000):
        both.clock.time += TICK_S if number % 500 else 2 * MEASUREMENT_WINDOW_S
        both.reserve()
        both.accept(None)
        if number % 300 == 299:
            both.rate_limit(1.0, 0.0, quota=False)
        both.compare()
    assert both.ask().rate is not None


def test_the_clock_of_the_database_may_be_set_back(database: Database) -> None:
    both = Schedules(database)
    both.accept(None)
    both.rate_limit(10.0, 0.0, quota=False)
    before = both.ask(wanted=1)
    both.clock.time -= 3_600
    after = both.ask(wanted=1)
    assert after.held_s == pytest.approx(before.held_s)
    assert after.delays_s == [pytest.approx(before.delays_s[0] + before.interval_s)]
    both.clock.time += 13
    assert both.ask(wanted=1).delays_s == [0.0]


def test_moments_are_the_database_s_own(database: Database) -> None:
    """A host whose clock is an hour ahead reports how long ago something happened, not when."""
    both = Schedules(database)
    both.ask()
    events = ScheduleEvents()
    events.rate_limited(both.clock.time + 3_600 - 0.5, 10.0, both.clock.time + 3_600 - 1.0)
    text = events.encode(both.clock.time + 3_600)
    arguments = (both.site, "m", False, text, 1, True, None, None, False, both.clock.time)
    answer = Answer(*database.execute(FUNCTION, arguments))
    assert answer.held_s == pytest.approx(9.5)


def test_members_are_counted_until_they_fall_silent(database: Database) -> None:
    both = Schedules(database)
    assert both.ask(member="a").members == 1
    assert both.ask(member="b").members == 2
    assert both.ask(member="a").members == 2
    both.clock.time += NUMBERS["MEMBER_TIMEOUT_S"] + 1
    assert both.ask(member="a").members == 1
    assert both.ask().members is None


def test_sites_in_one_database_are_apart(database: Database) -> None:
    one, other = Schedules(database), Schedules(database)
    one.ask(member="a")
    one.rate_limit(10.0, 0.0, quota=False)
    answer = other.ask(wanted=1, member="a")
    assert (answer.rate, answer.held_s, answer.delays_s, answer.members) == (None, 0.0, [0.0], 1)


def test_a_database_that_has_lost_its_state_is_told_what_a_member_knows(database: Database) -> None:
    both = Schedules(database)
    answer = both.ask(known=(20.0, 5.0), is_new=True)
    assert [answer.rate, answer.held_s] == pytest.approx([20.0, 5.0])
    assert both.ask(known=(30.0, None), is_new=True).rate == pytest.approx(20.0)
    assert both.ask(known=(10.0, None), is_new=True).rate == pytest.approx(10.0)
    assert both.ask(known=(5.0, 60.0)).rate == pytest.approx(10.0)
    both.clock.time += 3_600 * 24 * 365
    assert both.ask().rate is None
    assert not math.isnan(both.ask(wanted=1).delays_s[0])


def test_few_calls_are_in_flight_before_a_rate_is_found(database: Database) -> None:
    both = Schedules(database)
    assert both.ask(wanted=10, member="a").delays_s == [0.0] * 4
    assert both.ask(wanted=10, member="b")[::6] == ([], NUMBERS["POLL_S"])
    events = ScheduleEvents()
    for _ in range(4):
        events.accepted(both.clock.time)
    assert both.ask(events, wanted=10, member="b").delays_s == [0.0] * 4
    for _ in range(50):
        granted = both.ask(events, wanted=100).delays_s
        events = ScheduleEvents()
        for _ in granted or range(4):
            events.accepted(both.clock.time)
    assert len(granted) == 100


def test_calls_of_a_killed_process_do_not_count_as_in_flight_for_long(database: Database) -> None:
    both = Schedules(database)
    both.ask(wanted=4)
    assert both.ask(wanted=4).delays_s == []
    both.clock.time += 3
    assert both.ask(wanted=1).delays_s == [0.0]


def members_of(both: Schedules, rate: float, names: str) -> dict[str, int]:
    """Let members ask at the database's pace for 20 seconds, the later ones less often; count the turns of each."""
    both.ask(known=(rate, None), is_new=True)
    granted, ask_at = dict.fromkeys(names, 0), dict.fromkeys(names, both.clock.time)
    for _ in range(20 * 64):
        both.clock.time += TICK_S
        for number, name in enumerate(names):
            if both.clock.time >= ask_at[name]:
                answer = both.ask(wanted=2, member=name)
                granted[name] += len(answer.delays_s)
                wait_s = answer.ask_again_s if not answer.delays_s else answer.delays_s[-1] - 0.1 + 0.02 * number
                ask_at[name] = both.clock.time + (wait_s or 0.0)
    return granted


@pytest.mark.parametrize("rate", [5.0, 20.0, 100.0])
def test_all_processes_get_the_same_share(database: Database, rate: float) -> None:
    granted = members_of(Schedules(database), rate, "abcd")
    assert sum(granted.values()) >= rate * 20  # nothing is left unused
    assert max(granted.values()) - min(granted.values()) <= max(2.0, 0.2 * rate)


def test_a_process_that_fell_silent_leaves_its_share_to_the_others(database: Database) -> None:
    both = Schedules(database)
    both.ask(known=(20.0, None), is_new=True, member="silent", is_asking=True)
    assert sum(members_of(both, 20.0, "a").values()) >= 20 * 20


def test_a_process_that_was_away_catches_up_with_little(database: Database) -> None:
    both = Schedules(database)
    both.ask(wanted=1, member="b", known=(20.0, None), is_new=True)
    members_of(both, 20.0, "a")
    assert both.ask(wanted=1, member="b").delays_s
    granted = members_of(both, 20.0, "ab")
    assert 0 <= granted["b"] - granted["a"] <= NUMBERS["CREDIT_S"] * 20
