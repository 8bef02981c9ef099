"""Every job makes a known number of calls, near the fewest; the server that times jobs behaves as configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from benchmarking.figures import Count, as_table
from benchmarking.jobs import counting, leaving, snapshots, waiting
from benchmarking.jobs.company import (
    Company,
    email_of,
    equal_groups,
    fill,
    group_id,
    group_name,
    leaving_company,
    one_group,
)
from benchmarking.jobs.counting import SandboxSite, ServerSite
from benchmarking.jobs.plans import offboarding
from benchmarking.jobs.server import serving_company
from benchmarking.reading import account_id

from confluence_groups_sdk import ApiToken, ConfluenceGroups, NotFoundError
from confluence_groups_sdk.sandbox import Sandbox

CALLS_AND_POINTS = {
    "iter_members, 0 members": (2, 4),
    "iter_members, 1 member": (1, 3),
    "iter_members, 199 members": (1, 399),
    "iter_members, 200 members": (2, 402),
    "iter_members, 201 members": (2, 404),
    "iter_members, 450 members": (3, 903),
    "iter_memberships, 2 groups": (1, 5),
    "is_member, True": (1, 5),
    "is_member, False": (1, 5),
    "plan_removals, 100 rows for 1 group, by name": (6, 318),
    "plan_removals, 100 rows for 1 group, by e-mail": (6, 318),
    "plan_removals, 100 rows for 1 group, by id": (6, 318),
    "plan_removals, 100 rows for 1 group, by id: applied": (103, 407),
    "plan_removals, 100 rows for 1 group, by id: undone": (3, 107),
    "plan_removals, 1 row for each of 100 groups, by name": (105, 8321),
    "plan_removals, 1 row for each of 100 groups, by e-mail": (105, 8321),
    "plan_removals, 1 row for each of 100 groups, by id": (105, 8321),
    "plan_removals, 1 row for each of 100 groups, by id: applied": (202, 8410),
    "plan_removals, 1 row for each of 100 groups, by id: undone": (102, 8110),
    "plan_sync, 450 members, 45 leave and 45 join": (9, 1015),
    "plan_sync, 450 members, 45 leave and 45 join: applied": (95, 1003),
    "plan_sync, 450 members, 45 leave and 45 join: undone": (8, 924),
    "plan_offboarding, 20 people in 20 groups": (45, 1771),
    "plan_offboarding, 20 people in 20 groups: applied": (61, 1707),
    "plan_offboarding, 20 people in 20 groups: undone": (22, 1590),
}


@pytest.fixture(scope="module")
def counts() -> list[Count]:
    return list(counting.count_small_jobs())


# --- the counts


def test_each_job_makes_exactly_these_calls(counts: list[Count]) -> None:
    assert {each.what: (each.calls, each.points) for each in counts} == CALLS_AND_POINTS


def test_each_job_makes_at_most_1_05_times_the_fewest_calls(counts: list[Count]) -> None:
    assert [each.what for each in counts if each.calls > 1.05 * each.least] == []


def test_no_job_makes_fewer_calls_than_the_fewest(counts: list[Count]) -> None:
    assert [each.what for each in counts if each.calls < each.least] == []


def test_server_and_sandbox_count_the_same(counts: list[Count]) -> None:
    task = offboarding(leaving_company(*counting.SMALL))
    with serving_company(leaving_company, *counting.SMALL) as url:
        on_server = list(counting.count_task(ServerSite(url), task))
        spent = httpx.get(f"{url}/log").json()
    on_sandbox = [each for each in counts if each.what.startswith(task.name)]
    assert [(each.what, each.calls) for each in on_server] == [(each.what, each.calls) for each in on_sandbox]
    assert spent["calls"] == sum(each.calls for each in on_server)
    assert spent["points"] == sum(each.points for each in on_server), (
        "the client counts the points that a server counts"
    )
    assert (spent["refused"], spent["repeated"]) == (0, 0)


def test_calls_beyond_the_memory_of_the_sandbox_are_an_error(sandbox: Sandbox) -> None:
    site = SandboxSite(sandbox)
    httpx.get(sandbox.url)
    assert site.count_new_calls() == 1, "it records every address"
    with ConfluenceGroups(sandbox.url, auth=site.auth) as groups:
        groups.current_user()
        assert site.count_new_calls() == 1
        site._last = type(sandbox.requests[0])("GET", "/forgotten", {})
        with pytest.raises(AssertionError, match="more calls than the sandbox remembers"):
            site.count_new_calls()


# --- the company


@pytest.mark.parametrize(("leavers", "groups", "leaving"), [(20, 20, 39), (500, 2_000, 3_996), (5, 20, 36)])
def test_leavers_share_half_of_their_groups(leavers: int, groups: int, leaving: int) -> None:
    company = leaving_company(leavers, groups)
    assert company.leaving == leaving
    assert {len(members) for members in company.groups} == {39, 40}
    assert {number for members in company.groups for number in members} == set(range(company.people))
    of_first = [index for index, members in enumerate(company.groups) if 0 in members]
    assert len(of_first) == 2 * groups // leavers


def test_sandbox_gets_the_company(sandbox: Sandbox) -> None:
    fill(sandbox, Company(4, [[0, 1], [1, 2]]))
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
        members = list(groups.iter_members(group_id=group_id(1)))
        assert [member.account_id for member in members] == [account_id(1), account_id(2)]
        assert members[0].email == email_of(1)
        assert groups.get_group(group_id=group_id(0)).name == group_name(0)
        assert groups.get_user(account_id=account_id(3)).display_name == "Person 3"


# --- the server


@contextmanager
def client_of(company: Any, *arguments: int, **options: float) -> Iterator[tuple[ConfluenceGroups, str]]:
    with (
        serving_company(company, *arguments, **options) as url,
        ConfluenceGroups(url, auth=ApiToken("me@example.com", "token")) as groups,
    ):
        yield groups, url


def test_server_lists_members_and_groups_in_pages() -> None:
    with client_of(one_group, 450) as (groups, url):
        assert [user.account_id for user in groups.iter_members(group_id=group_id(0))] == list(
            map(account_id, range(450))
        )
        assert groups.count_members(group_id=group_id(0)) == 450
        with pytest.raises(NotFoundError):
            list(groups.iter_members(group_id="unknown"))
        page = httpx.get(
            f"{url}/wiki/rest/api/group/{group_id(0)}/membersByGroupId",
            params={"start": 449, "limit": 3, "shouldReturnTotalSize": "true"},
        ).json()
    assert (page["start"], page["limit"], page["size"], page["totalSize"]) == (449, 3, 1, 450)
    assert page["results"][0]["accountId"] == account_id(449)
    assert "next" not in page["_links"]


def test_server_finds_groups_and_users() -> None:
    with client_of(equal_groups, 250, 1) as (groups, url):
        assert len(list(groups.iter_groups())) == 251
        assert [group.name for group in groups.iter_groups(access_type="user")] == ["confluence-users"]
        assert list(groups.iter_groups(access_type="site-admin")) == []
        assert groups.get_group(group_id=group_id(7)).name == group_name(7)
        assert [group.id for group in groups.search_groups(query=group_name(7))] == [group_id(7)]
        assert [group.id for group in groups.iter_memberships(account_id=account_id(7))] == [group_id(7)]
        assert groups.get_user(account_id=account_id(7)).email == email_of(7)
        assert groups.current_user().display_name == "Ada Okafor"
        asked: Any = [("accountId", account_id(7)), ("accountId", "unknown"), ("accountId", account_id(8))]
        found = httpx.get(f"{url}/wiki/rest/api/user/bulk", params=asked).json()
    assert [user["accountId"] for user in found["results"]] == [account_id(7), account_id(8)]


def test_server_removes_members() -> None:
    with client_of(one_group, 3) as (groups, url):
        for _ in range(2):
            groups.remove_member(group_id=group_id(0), account_id=account_id(1))
        assert [user.account_id for user in groups.iter_members(group_id=group_id(0))] == [account_id(0), account_id(2)]
        assert not groups.is_member(group_id=group_id(0), account_id=account_id(1))
        with pytest.raises(NotFoundError):
            groups.remove_member(group_id=group_id(0), account_id="unknown")
        assert httpx.get(f"{url}/log").json()["repeated"] == 1


@pytest.mark.parametrize(("rate", "status", "calls", "points"), [(0.5, 429, 0, 0), (1_000, 200, 1, 3)])
def test_server_refuses_calls_above_its_rate(rate: float, status: int, calls: int, points: int) -> None:
    with serving_company(one_group, 1, rate=rate) as url:  # at 0.5 there is never room for a whole call
        answer = httpx.get(f"{url}/wiki/rest/api/user/current")
        spent = httpx.get(f"{url}/log").json()
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, "1" if status == 429 else None)
    assert spent == {"calls": calls, "refused": 1 - calls, "points": points, "repeated": 0}


# --- the times


def test_jobs_are_compared_with_the_time_that_their_calls_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LATENCY_S", 0.001)
    monkeypatch.setattr(waiting, "RATE", 10_000)
    (limited,) = waiting.measure_one_group(450, rate=10_000)
    (unlimited,) = waiting.measure_one_group(450, rate=None)
    many = waiting.measure_many_groups(10, 3)
    both, memory = waiting.measure_leaving(5, 10)
    assert [each.against for each in (limited, unlimited, many, both)] == [
        "3 calls / 10000",
        "3 calls, 16 at once",
        "10 calls / 10000",
        f"{5 + 10 + 3 + 1 + 10 + 18} calls / 10000",
    ]
    assert all(
        each.value > 0 and each.note.endswith("0 calls rate-limited") for each in (limited, unlimited, many, both)
    )
    assert memory.met


def test_memory_of_the_parent_does_not_count() -> None:
    kept = bytearray(b"x") * 200_000_000
    with serving_company(leaving_company, 2, 4) as url:
        done = leaving.run_leaving(url, 2, 4)
    assert done.changes == 6
    assert 10_000_000 < done.peak_bytes < len(kept)


def test_a_large_snapshot_takes_little_memory() -> None:
    taken, memory, loaded, memory_loaded = snapshots.measure_snapshot(20, 200, 8_000)
    calls = 1 + 3 + 1 + 2 + 20 * 2 + 41  # the caller, the lists, an empty group, and 200 members a page
    assert taken.note == f"{calls} calls, without a network"
    assert memory.met
    assert memory_loaded.met
    assert memory.value < 80, "about 50 MB before the first call, and 1 kB for each of 12,000 people"
    assert memory_loaded.value < 70
    assert min(taken.value, loaded.value) > 0


# --- the table


def test_row_of_a_job_gives_the_reason_for_its_fewest_calls() -> None:
    rows = [Count("a job", 1_050, 9_999, {"the lists": 990, "the caller": 10}, "in short"), Count("b", 2, 3, {"it": 1})]
    assert as_table(rows).splitlines() == [
        "| job   | calls | points | fewest | why no fewer                         |        |",
        "| ----- | ----- | ------ | ------ | ------------------------------------ | ------ |",
        "| a job | 1,050 | 9,999  | 1,000  | 990 for the lists, 10 for the caller | met    |",
        "| b     | 2     | 3      | 1      | 1 for it                             | missed |",
    ]
    assert (rows[0].number, rows[0].against) == ("1,050 calls, 9,999 points", "at least 1,000 calls")
    assert (rows[1].as_json()["least"], rows[1].as_json()["met"]) == (1, False)
    assert as_table([]).startswith("| what | measured | goal | against |")
