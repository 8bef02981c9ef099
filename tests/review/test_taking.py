"""Snapshots of a site: which groups, with how few calls, and how it is known that their lists are complete."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from fakes import FakeClock
from taking_fakes import QUICK, client, fill, members_read, people, timeless

from confluence_groups_sdk import (
    ApiToken,
    ConfluenceGroups,
    InputError,
    PermissionDeniedError,
    RateLimitError,
    ReviewError,
)
from confluence_groups_sdk.membership import Progress
from confluence_groups_sdk.review import Selection, Snapshot, SnapshotUser, take_snapshot
from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person, Sandbox

LISTS = 4  # of groups: all of them, and one for each type of access
ADMINS = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
USERS = "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c"
ADA = "5b10a2844c20165700ede21a"


def take_from(sandbox: Sandbox, answers: dict[str, dict[str, Any]], **options: Any) -> Snapshot:
    """Take a snapshot of a site that has these answers for addresses with these parts."""

    def answer(request: httpx.Request) -> httpx.Response:
        for part, response in answers.items():
            if part in str(request.url):
                return httpx.Response(request=request, **response)
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        return take_snapshot(groups, **options)


def test_all_groups_are_read_with_one_call_each(sandbox: Sandbox) -> None:
    ids = fill(sandbox)
    before = len(sandbox.requests)
    with client(sandbox) as groups:
        snapshot = take_snapshot(groups)
        assert snapshot.points == groups.rate_limiter.snapshot().points
    calls = len(sandbox.requests) - before
    assert calls == snapshot.calls == 1 + LISTS + len(ids), "who calls, the lists of groups, and the members"
    assert [group.id for group in snapshot.groups] == ids
    assert snapshot.selection == Selection()
    assert (snapshot.taken_by, snapshot.taken_by_name) == (ADA, "Ada Okafor")
    assert snapshot.site == sandbox.url.removeprefix("http://")
    assert snapshot.is_complete
    assert {group.known_by for group in snapshot.groups} == {"the last page was shorter than its limit"}
    for group in snapshot.groups:
        listed = [person.account_id for person in sandbox.directory.members(group.id)]
        assert group.members == tuple(sorted(listed))
    assert {each.id: each.access for each in snapshot.groups if each.access} == {
        ADMINS: ("admin", "site-admin", "user"),
        USERS: ("user",),
    }


def test_people_are_described_once(sandbox: Sandbox) -> None:
    directory = sandbox.directory
    directory.add_person(Person("guest", "Guest", "guest@example.com", is_guest=True))
    directory.add_person(Person("app", "App", "", account_type="app"))
    directory.add_person(Person("left", "Left", "left@example.com", account_status="inactive"))
    for number in range(2):
        directory.add_group(Group(f"g{number}", "G"), ["guest", "app", "left"])
    with client(sandbox) as groups:
        snapshot = take_snapshot(groups, groups=["g0", "g1"])
    first, second = snapshot.groups
    assert first.members == second.members == ("app", "guest"), "deactivated people are not listed"
    assert snapshot.users == {
        "guest": SnapshotUser(
            account_id="guest", name="Guest", email="guest@example.com", account_type="atlassian", is_guest=True,
            status="active",
        ),
        "app": SnapshotUser(account_id="app", name="App", account_type="app", is_guest=False, status="active"),
    }  # fmt: skip
    for one, other in zip(first.members, second.members, strict=True):
        assert one is other is snapshot.users[one].account_id, "one text for each id saves memory"


def test_groups_are_selected_by_access_and_by_name(sandbox: Sandbox) -> None:
    ids = fill(sandbox)
    before = len(sandbox.requests)
    with client(sandbox) as groups:
        snapshot = take_snapshot(groups, access=["user"], groups=["docs-editors", EDITORS, "G 1"])
        assert snapshot.selection == Selection(all_groups=False, access=("user",), group_ids=(EDITORS, "g-01"))
        assert [group.id for group in snapshot.groups] == sorted([ADMINS, USERS, EDITORS, "g-01"])
        assert len(sandbox.requests) - before <= 1 + 3 + 3 + 4, "the lists by access are read once"
        admins = take_snapshot(groups, access={"site-admin", "admin"})
        assert admins.selection.access == ("admin", "site-admin")
        assert [group.id for group in admins.groups] == [ADMINS]
        one = take_snapshot(groups, groups=iter(["G 2"]))
    assert [group.id for group in one.groups] == ["g-02"]
    assert one.groups[0].access == ()
    assert set(members_read(sandbox)) < set(ids)


@pytest.mark.parametrize("name", ["groups", "access"])
def test_a_selection_of_nothing_is_an_error_before_any_call(sandbox: Sandbox, name: str) -> None:
    nothing: dict[str, Any] = {name: []}
    text: dict[str, Any] = {name: "admin"}
    with client(sandbox) as groups:
        with pytest.raises(ValueError, match="at least one"):
            take_snapshot(groups, **nothing)
        with pytest.raises(TypeError, match=f"{name}: give a list"):
            take_snapshot(groups, **text)
        with pytest.raises(ValueError, match="'owner' is none of user, admin, site-admin"):
            take_snapshot(groups, access=["admin", "owner"])
        with pytest.raises(ValueError, match="workers"):
            take_snapshot(groups, workers=0)
    assert sandbox.requests == []


def test_an_unknown_group_is_an_error(sandbox: Sandbox) -> None:
    with client(sandbox) as groups, pytest.raises(InputError, match="nowhere"):
        take_snapshot(groups, groups=["docs-editors", "nowhere"])


def test_access_is_unknown_if_the_site_does_not_say(sandbox: Sandbox) -> None:
    refusal = {"accessType=": {"status_code": 400, "json": {}}}
    snapshot = take_from(sandbox, refusal)
    assert [group.access for group in snapshot.groups] == [None] * 3
    assert snapshot.is_complete
    with pytest.raises(ReviewError, match="does not say which groups give access"):
        take_from(sandbox, refusal, access=["admin"])


def test_what_is_not_known_to_be_complete_says_why(sandbox: Sandbox) -> None:
    def page(number: int, **fields: Any) -> dict[str, Any]:
        entries: list[Any] = [{"accountId": f"x{each}", "type": "known"} for each in range(number)]
        return {"status_code": 200, "json": {"results": entries, "limit": 200, "_links": {}, **fields}}

    anonymous = page(1)
    anonymous["json"]["results"] += [None, {"type": "unknown"}]
    one = page(1)
    one["json"]["results"] += [None]
    for name in ("forbidden", "failing", "anonymous", "one", "short", "gone"):
        sandbox.directory.add_group(Group(name, name.title()))
    snapshot = take_from(
        sandbox,
        {
            "/forbidden/": {"status_code": 403, "json": {"message": "no\nway"}},
            "/failing/": {"status_code": 500, "json": {}},
            "/anonymous/": anonymous,
            "/one/": one,
            "/short/": page(3, totalSize=1_005),
            "/gone/": {"status_code": 404, "json": {}},
        },
    )
    why = {group.id: group.known_by for group in snapshot.groups if not group.is_complete}
    assert why.pop("anonymous") == "2 members have no account id"
    assert why.pop("one") == "1 member has no account id"
    assert why.keys() == {"forbidden", "failing", "gone"}
    assert all(text.startswith("the members cannot be read: GET /wiki/rest/api/group/") for text in why.values())
    assert "403" in why["forbidden"]
    assert "\n" not in why["forbidden"]
    by_id = {group.id: group for group in snapshot.groups}
    assert (by_id["anonymous"].members, by_id["anonymous"].unidentified) == (("x0",), 2)
    assert by_id["failing"].members == ()
    assert not snapshot.is_complete
    assert by_id["short"].is_complete
    assert (by_id["short"].stated_total, by_id["short"].unlisted) == (1_005, 1_002)
    assert by_id["short"].known_by.endswith(
        "; the server states a total of 1,005, which may count members who are not listed"
    )


def test_a_stated_total_is_part_of_what_is_known(sandbox: Sandbox) -> None:
    sandbox.directory.add_group(Group("large", "Large"), people(sandbox, 1_234))
    with client(sandbox) as groups:
        (group,) = take_snapshot(groups, groups=["large"]).groups
    assert len(group.members) == 1_234
    assert group.is_complete
    assert group.known_by == "the last page was shorter than its limit, and the stated total of 1,234 was reached"


def test_a_failure_that_all_groups_would_meet_is_raised(sandbox: Sandbox) -> None:
    with pytest.raises(PermissionDeniedError):
        take_from(sandbox, {"user/current": {"status_code": 403, "json": {}}})


def test_progress_is_reported(sandbox: Sandbox) -> None:
    total = len(fill(sandbox))
    seen: list[Progress] = []
    with client(sandbox) as groups:
        take_snapshot(groups, on_progress=seen.append)
    assert [(each.phase, each.done, each.total) for each in seen] == [
        ("reading", done, total) for done in range(total + 1)
    ]


def test_no_group_claims_to_be_read_later_than_it_was(sandbox: Sandbox) -> None:
    """A group that was read ahead waits for a slow one before it; its time must not be that of its end of waiting."""
    ids = fill(sandbox, 8)
    clock = FakeClock()
    requested_at: dict[str, float] = {}
    all_requested = Event()

    def note(request: httpx.Request) -> httpx.Response:
        if "/membersByGroupId" in str(request.url):
            requested_at[str(request.url).split("/group/")[1].split("/")[0]] = clock.now()
            if len(requested_at) == len(ids):
                all_requested.set()
        return real.handle_request(request)

    def wait_an_hour(progress: Progress) -> None:
        if progress.done == 1:
            assert all_requested.wait(10)
            clock.sleep(3_600)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(note)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), http_client=http)
        snapshot = take_snapshot(groups, workers=len(ids), on_progress=wait_an_hour, clock=clock)
    read_at = {group.id: datetime.fromisoformat(group.read_at).timestamp() for group in snapshot.groups}
    assert all(read_at[each] <= requested_at[each] for each in ids)
    assert datetime.fromisoformat(snapshot.ended_at).timestamp() >= min(read_at.values()) + 3_600


@pytest.mark.parametrize("group_id", ["..", "g\ud800"])
def test_a_group_whose_id_cannot_be_sent_is_incomplete(sandbox: Sandbox, group_id: str) -> None:
    entries = [{"id": each, "name": "odd", "type": "group"} for each in (group_id, EDITORS)]
    page = {"results": entries, "start": 0, "limit": 200, "size": 2, "_links": {}}
    lists = {"/group?": {"status_code": 200, "content": json.dumps(page).encode()}}
    snapshot = take_from(sandbox, lists)
    assert {group.id: group.is_complete for group in snapshot.groups} == {group_id: False, EDITORS: True}
    odd = snapshot.group(group_id)
    assert odd is not None
    assert odd.known_by == "the members cannot be read: the group's id cannot be sent"


def test_faults_do_not_change_the_result(sandbox: Sandbox) -> None:
    fill(sandbox, 30)
    with client(sandbox) as groups:
        expected = take_snapshot(groups)
        sandbox.faults = Faults(error_rate=0.1, drop_before=0.1, drop_after=0.1, seed=7)
        before = groups.rate_limiter.snapshot().responses
        found = take_snapshot(groups)
        assert found.calls == groups.rate_limiter.snapshot().responses - before > expected.calls
    assert timeless(found) == timeless(expected)
    assert timeless(found).digest == timeless(expected).digest


def test_a_spent_quota_ends_the_run_and_the_next_one_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = fill(sandbox, 30)
    progress = tmp_path / "progress"
    with client(sandbox) as groups:
        expected = take_snapshot(groups)
    spent = Answer(status=429, headers={"Retry-After": "3600", "RateLimit-Reason": "confluence-quota-tenant-based"})
    runs = calls = points = 0
    holds: list[float] = []
    before, finished = len(sandbox.requests), 0

    def spend_quota(progress: Progress) -> None:
        nonlocal finished
        if progress.done == 8 * (runs + 1) and runs < 3:
            sandbox.answer_next(spent)
        finished = progress.done

    while True:
        since = len(sandbox.requests)
        try:
            with client(sandbox) as groups:
                done_before = finished
                snapshot = take_snapshot(groups, resume=progress, workers=2, on_progress=spend_quota)
            break
        except RateLimitError as error:
            holds.append(error.retry_after or 0)
        finally:
            read = set(members_read(sandbox, since))
            assert read.isdisjoint(ids[:done_before]), "finished groups are not read again"
            status = groups.rate_limiter.snapshot()
            calls, points, runs = calls + status.responses, points + status.points, runs + 1
    assert len(holds) == runs - 1 == 3
    assert min(holds) > 3_000, "no run has waited for the quota"
    assert timeless(snapshot) == timeless(expected)
    assert (snapshot.calls, snapshot.points) == (calls, points), "the sums of all runs"
    assert set(members_read(sandbox, before)) == set(ids)
