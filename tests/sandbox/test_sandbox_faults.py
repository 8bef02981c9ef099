"""Each fault, seen by plain httpx: the response or the reset connection, and the state afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fakes import START, FakeClock

from confluence_groups_sdk.sandbox import Answer, Faults, Person, Sandbox

API = "/wiki/rest/api"
REMOVAL = f"{API}/group/userByGroupId"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
MEMBER = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
DROPPED = "dropped"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.admin.email, sandbox.admin.token), trust_env=False) as client:
        yield client


def remove(http: httpx.Client, account_id: str = MEMBER) -> httpx.Response:
    return http.delete(REMOVAL, params={"groupId": EDITORS, "accountId": account_id})


def outcomes(http: httpx.Client, calls: int) -> list[int | str]:
    """Make calls; return the status of each, or DROPPED if its connection was reset."""
    seen: list[int | str] = []
    for _ in range(calls):
        try:
            seen.append(http.get(f"{API}/user/current").status_code)
        except httpx.ReadError:
            seen.append(DROPPED)
    return seen


# --- by probability


def test_without_faults_nothing_goes_wrong(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    assert sandbox.faults == Faults()
    assert outcomes(http, 30) == [200] * 30
    assert clock.slept == []


def test_an_error_is_a_503_and_changes_nothing(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults = Faults(error_rate=1)
    answer = remove(http)
    assert (answer.status_code, answer.json()["message"]) == (503, "Service Unavailable")
    assert sandbox.directory.is_member(EDITORS, MEMBER)


@pytest.mark.parametrize(("faults", "still"), [(Faults(drop_before=1), True), (Faults(drop_after=1), False)])
def test_a_reset_connection_before_and_after_the_change(
    sandbox: Sandbox, http: httpx.Client, faults: Faults, still: bool, caplog: pytest.LogCaptureFixture
) -> None:
    http.get(f"{API}/user/current")  # so that the connection is not a new one
    sandbox.faults = faults
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(httpx.ReadError) as lost:
                remove(http)
            assert isinstance(root_of(lost.value), ConnectionResetError)
    assert sandbox.directory.is_member(EDITORS, MEMBER) is still
    sandbox.faults = Faults()
    assert remove(http).status_code == 204
    assert not caplog.records, "the server takes it for a client that disconnected"


def root_of(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def test_a_request_with_a_body_is_dropped_too(sandbox: Sandbox, http: httpx.Client) -> None:
    for faults, members in ((Faults(drop_before=1), 4), (Faults(drop_after=1), 5)):
        sandbox.faults = faults
        sandbox.directory.add_person(Person("new-id", "New", "new@example.com"))
        with pytest.raises(httpx.ReadError):
            http.post(REMOVAL, params={"groupId": EDITORS}, json={"accountId": "new-id"})
        assert len(sandbox.directory.members(EDITORS)) == members


def test_an_error_response_is_lost_with_the_connection(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults = Faults(drop_after=1)
    with pytest.raises(httpx.ReadError):
        remove(http, "nobody")


def test_other_connections_are_not_reset(sandbox: Sandbox, http: httpx.Client) -> None:
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.admin.email, sandbox.admin.token), trust_env=False) as other:
        assert outcomes(other, 1) == [200]
        sandbox.faults = Faults(drop_before=1)
        assert outcomes(http, 1) == [DROPPED]
        sandbox.faults = Faults()
        (connection,) = other._transport._pool.connections  # type: ignore[attr-defined] # httpx has no public name for them
        assert outcomes(other, 1) == [200]
        assert other._transport._pool.connections == [connection]  # type: ignore[attr-defined] # as above


def test_probabilities_are_kept_and_a_seed_gives_the_same_faults_again(sandbox: Sandbox, http: httpx.Client) -> None:
    runs = []
    for seed in (1, 1, 2):
        sandbox.faults = Faults(error_rate=0.2, drop_before=0.1, drop_after=0.1, seed=seed)
        runs.append(outcomes(http, 500))
    assert runs[0] == runs[1] != runs[2]
    for run in runs:
        assert Counter(run) == pytest.approx({200: 300, 503: 100, DROPPED: 100}, abs=35)


def test_faults_do_not_apply_to_the_authority_and_to_prepared_answers(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults = Faults(error_rate=1, latency=1, rate_limit=1, quota=1)
    bearer = {"Authorization": f"Bearer {sandbox.access_token}"}
    for _ in range(3):
        assert http.get("/oauth/token/accessible-resources", headers=bearer, auth=None).status_code == 200
    sandbox.answer_next(Answer(520))
    assert outcomes(http, 2) == [520, 503]


# --- by the clock


def test_latency_uses_the_clock(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    sandbox.faults = Faults(latency=20)
    assert outcomes(http, 2) == [200, 200]
    assert clock.slept == [20, 20]


def test_the_default_clock_is_the_machine_clock() -> None:
    with Sandbox(faults=Faults(latency=0.01)) as sandbox:
        answer = httpx.get(
            f"{sandbox.url}{API}/user/current", auth=(sandbox.admin.email, sandbox.admin.token), trust_env=False
        )
    assert answer.elapsed.total_seconds() >= 0.01


def test_the_rate_of_calls_is_limited(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    sandbox.faults = Faults(rate_limit=5)
    assert outcomes(http, 7) == [200] * 5 + [429] * 2
    refused = http.get(f"{API}/user/current")
    assert refused.headers["retry-after"] == "1"
    assert "burst" in refused.headers["ratelimit-reason"]
    assert "x-ratelimit-reset" not in refused.headers
    clock.sleep(0.5)
    assert outcomes(http, 3) == [200, 200, 429]
    clock.sleep(60)
    assert outcomes(http, 6) == [200] * 5 + [429]


def test_a_rate_limited_call_does_nothing_and_has_no_other_fault(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults = Faults(rate_limit=1, drop_after=1)
    assert outcomes(http, 3) == [DROPPED, 429, 429]
    assert remove(http).status_code == 429
    assert sandbox.directory.is_member(EDITORS, MEMBER)


def test_a_rate_below_one_lets_one_through(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    sandbox.faults = Faults(rate_limit=0.1)
    assert outcomes(http, 2) == [200, 429]
    clock.sleep(10)
    assert outcomes(http, 2) == [200, 429]


def test_a_quota_is_renewed_at_the_full_hour(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    assert START % 3600 == 0  # 08:00
    clock.sleep(600)
    sandbox.faults = Faults(quota=3)
    assert outcomes(http, 5) == [200] * 3 + [429] * 2
    refused = http.get(f"{API}/user/current")
    assert "quota" in refused.headers["ratelimit-reason"]
    assert refused.headers["x-ratelimit-reset"] == "2027-01-15T09:00:00Z"
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("3", "0")
    assert "retry-after" not in refused.headers
    clock.sleep(2_999)
    assert outcomes(http, 1) == [429]
    clock.sleep(1)
    assert outcomes(http, 4) == [200] * 3 + [429]


def test_tokens_expire_after_a_number_of_calls(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults = Faults(expire_tokens_every=3)
    path = f"/ex/confluence/{sandbox.cloud_id}{API}/user/current"

    def statuses(calls: int) -> list[int]:
        bearer = {"Authorization": f"Bearer {sandbox.grant().access_token}"}
        return [http.get(path, headers=bearer, auth=None).status_code for _ in range(calls)]

    assert statuses(5) == [200, 200, 200, 401, 401]
    assert statuses(5) == [200, 200, 200, 401, 401], "calls that are answered 401 do not count"
    lasting = {"Authorization": f"Bearer {sandbox.access_token}"}
    assert http.get(path, headers=lasting, auth=None).status_code == 200


def test_tokens_expire_by_the_clock_too(sandbox: Sandbox, http: httpx.Client, clock: FakeClock) -> None:
    bearer = {"Authorization": f"Bearer {sandbox.grant(expires_in=100).access_token}"}
    path = f"/ex/confluence/{sandbox.cloud_id}{API}/user/current"
    assert http.get(path, headers=bearer, auth=None).status_code == 200
    clock.sleep(100)
    assert http.get(path, headers=bearer, auth=None).status_code == 401


# --- setting faults


def test_setting_faults_resets_the_counts(sandbox: Sandbox, http: httpx.Client) -> None:
    for _ in range(2):
        sandbox.faults = Faults(quota=2)
        assert outcomes(http, 3) == [200, 200, 429]


def test_a_sandbox_stops_after_a_delayed_call() -> None:
    async def late() -> None:
        with Sandbox(faults=Faults(latency=0.2)) as sandbox:
            async with httpx.AsyncClient(auth=(sandbox.admin.email, sandbox.admin.token), trust_env=False) as http:
                call = asyncio.create_task(http.get(f"{sandbox.url}{API}/user/current"))
                while not sandbox.requests:
                    await asyncio.sleep(0.001)
                await asyncio.to_thread(sandbox.stop)
                assert (await call).status_code == 200

    asyncio.run(late())


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_rate": -0.1},
        {"drop_before": 1.1},
        {"drop_after": float("nan")},
        {"error_rate": True},
        {"error_rate": "0.1"},
        {"latency": -1},
        {"latency": float("inf")},
        {"rate_limit": 0},
        {"rate_limit": float("nan")},
        {"quota": 0},
        {"quota": 1.5},
        {"quota": True},
        {"expire_tokens_every": 0},
        {"seed": None},
        {"error_rate": 0.5, "drop_before": 0.3, "drop_after": 0.3},
    ],
)
def test_numbers_out_of_range_are_value_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Faults") as refused:
        Faults(**wrong)
    if len(wrong) == 1:
        assert next(iter(wrong)) in str(refused.value)


def test_probabilities_may_add_up_to_1() -> None:
    Faults(error_rate=0.1, drop_before=0.2, drop_after=0.7)
