"""Groups that no longer exist and groups whose members cannot be read: each planner, undo and apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from membership_fakes import OPEN, QUICK, TEAM, people, team

from confluence_groups_sdk import (
    APIConnectionError,
    APIStatusError,
    ApiToken,
    AuthenticationError,
    ConfluenceGroups,
    GoneError,
    IncompleteReadError,
    InputError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    ServerError,
)
from confluence_groups_sdk.membership import (
    apply,
    plan_offboarding,
    plan_removals,
    plan_sync,
    rehearse,
    resolve_user,
    undo,
)
from confluence_groups_sdk.sandbox import Group, Sandbox

Answer = Callable[[httpx.Request], httpx.Response | None]
MEMBERS, BY_ID = "membersByGroupId", "/group/by-id"


class Intercepting(httpx.HTTPTransport):
    """Answers some requests itself, and sends the others to the sandbox."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request) or super().handle_request(request)


@contextmanager
def connect(sandbox: Sandbox, answer: Answer) -> Iterator[ConfluenceGroups]:
    with httpx.Client(transport=Intercepting(answer)) as http_client:
        yield ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http_client)


def without(*group_ids: str, status: int = 404) -> Answer:
    """Answer as a site whose lists of memberships still have groups that it does not know."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        asked = request.url.params.get("id") if request.url.path.endswith(BY_ID) else None
        if asked in group_ids:
            return httpx.Response(status, json={"statusCode": status, "message": "No group found"})
        if MEMBERS in request.url.path and any(f"/{each}/" in request.url.path for each in group_ids):
            return httpx.Response(200, json={"results": [], "start": 0, "limit": 200, "size": 0, "_links": {}})
        if request.url.path.endswith("/group/picker"):
            return httpx.Response(200, json={"results": [], "start": 0, "limit": 200, "size": 0, "_links": {}})
        return None

    return answer


def failing(*group_ids: str, part: str = MEMBERS, status: int = 503, **content: Any) -> Answer:
    """Answer requests for these groups with a status."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if part in request.url.path and any(each in str(request.url) for each in group_ids):
            return httpx.Response(status, request=request, **{"json": {"statusCode": status}, **content})
        return None

    return answer


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    """Return the account ids of a team whose first member is also in two other groups."""
    ids = team(sandbox, 4)
    sandbox.directory.add_group(Group("old", "Old project", access=frozenset()), ids[:2])
    sandbox.directory.add_group(Group("docs", "Docs", access=frozenset()), ids[:1])
    return ids


@pytest.mark.parametrize("status", [404, 400])
def test_offboarding_skips_a_group_that_no_longer_exists(sandbox: Sandbox, ids: list[str], status: int) -> None:
    with connect(sandbox, without("old", status=status)) as groups:
        plan = plan_offboarding(groups, account_ids=ids[:2], guards=OPEN, reason="left")
    assert {(change.group_id, change.account_id) for change in plan.changes} >= {
        (TEAM, ids[0]),
        (TEAM, ids[1]),
        ("docs", ids[0]),
    }
    assert [
        (each.change.group_name, each.change.account_id, each.change.display_name, each.why) for each in plan.skipped
    ] == [("Old project", each, f"P {each}", "the group no longer exists") for each in ids[:2]]
    assert "1 group no longer exists: Old project (old)" in plan.notes
    assert "old" not in {group.id for group in plan.groups}


@pytest.mark.parametrize("named", ["old", "Old project"])
def test_a_group_that_no_longer_exists_can_be_kept(sandbox: Sandbox, ids: list[str], named: str) -> None:
    with connect(sandbox, without("old")) as groups:
        plan = plan_offboarding(groups, account_ids=ids[:1], keep_groups=[named, TEAM], guards=OPEN)
    assert {change.group_id for change in plan.changes} >= {"docs"}
    assert {(each.change.group_id, each.why) for each in plan.skipped} == {
        ("old", "this group is kept"),
        (TEAM, "this group is kept"),
    }
    assert plan.asked == "remove 1 user from all their groups except Old project, Team"


def test_a_kept_group_that_nobody_knows_is_a_problem(sandbox: Sandbox, ids: list[str]) -> None:
    sandbox.directory.add_group(Group("old-2", "Old project", access=frozenset()), ids[:1])
    with connect(sandbox, without("old", "old-2")) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=ids[:1], keep_groups=["nothing", "Old project"], guards=OPEN)
    assert caught.value.problems == (
        "keep_groups: there is no group with the id or exact name nothing",
        "keep_groups: 2 groups are called Old project: give the id (old, old-2)",
    )


def test_all_groups_whose_members_cannot_be_read_are_named_in_one_error(sandbox: Sandbox, ids: list[str]) -> None:
    with connect(sandbox, failing("old", "docs")) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=ids[:2], guards=OPEN)
    problems = sorted(caught.value.problems)
    assert [problem.partition(": GET ")[0] for problem in problems] == [
        "the members of the group Docs (docs) cannot be read",
        "the members of the group Old project (old) cannot be read",
    ]
    assert "503" in problems[0]
    assert isinstance(caught.value.__cause__, ServerError)


REPEATED = [{"accountId": f"x{number}", "type": "known"} for number in range(2)]


@pytest.mark.parametrize(
    ("part", "answer", "cause"),
    [
        (MEMBERS, {"status": 403}, PermissionDeniedError),
        (MEMBERS, {"status": 500}, ServerError),
        (MEMBERS, {"status": 200, "json": ["no page"]}, ResponseValidationError),
        (
            MEMBERS,
            {"status": 200, "json": {"results": REPEATED, "start": 0, "limit": 2, "size": 2, "_links": {"next": "/x"}}},
            IncompleteReadError,
        ),
    ],
)
def test_each_error_about_a_group_is_a_problem(
    sandbox: Sandbox, ids: list[str], part: str, answer: dict[str, Any], cause: type[Exception]
) -> None:
    with connect(sandbox, failing("docs", part=part, **answer)) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=ids[:1], guards=OPEN)
    (problem,) = caught.value.problems
    assert problem.startswith("the members of the group Docs (docs) cannot be read: ")
    assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 401}, AuthenticationError),
        ({"status": 410}, GoneError),
        ({"status": 429, "headers": {"Retry-After": "7200"}}, RateLimitError),
        ({"status": 403, "json": {"message": "Current user not permitted to use Confluence"}}, PermissionDeniedError),
    ],
)
def test_an_error_about_everything_stays_as_it_is(
    sandbox: Sandbox, ids: list[str], answer: dict[str, Any], error: type[Exception]
) -> None:
    with connect(sandbox, failing("docs", **answer)) as groups, pytest.raises(error):
        plan_offboarding(groups, account_ids=ids[:1], guards=OPEN)


def test_a_lost_connection_stays_as_it_is_and_names_the_group(sandbox: Sandbox, ids: list[str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response | None:
        if "/docs/" in request.url.path:
            raise httpx.ReadTimeout("no answer")
        return None

    with connect(sandbox, answer) as groups, pytest.raises(APIConnectionError, match=r"the group Docs \(docs\)"):
        plan_offboarding(groups, account_ids=ids[:1], guards=OPEN)


def test_rows_and_lists_name_the_unreadable_group_too(sandbox: Sandbox, ids: list[str]) -> None:
    expected = r"the members of the group Team \(team-id\) cannot be read: .* 503"
    with connect(sandbox, failing(TEAM)) as groups:
        with pytest.raises(InputError, match=expected):
            plan_removals(groups, [(TEAM, ids[0])])
        with pytest.raises(InputError, match=expected):
            plan_sync(groups, group_id=TEAM, account_ids=ids[:1])


def test_a_search_for_an_e_mail_names_the_unreadable_group(sandbox: Sandbox, ids: list[str]) -> None:
    expected = r"the members of the group Team \(team-id\) cannot be read: .* 503"
    with connect(sandbox, failing(TEAM)) as groups, pytest.raises(InputError, match=expected):
        plan_offboarding(groups, account_ids=[f"{ids[0]}@example.com"])


def test_undo_names_the_unreadable_group(sandbox: Sandbox, ids: list[str], tmp_path: Path) -> None:
    journal = tmp_path / "plan.journal"
    with connect(sandbox, lambda _: None) as groups:
        plan = plan_removals(groups, [(TEAM, ids[0]), ("old", ids[0])], guards=OPEN)
        apply(groups, plan, journal=journal)
    with connect(sandbox, failing("old")) as groups, pytest.raises(InputError, match=r"group Old project \(old\)"):
        undo(groups, journal)
    with connect(sandbox, without("old")) as groups:
        back = undo(groups, journal)
    assert [(each.change.group_id, each.why) for each in back.skipped] == [("old", "the group no longer exists")]
    assert [change.group_id for change in back.changes] == [TEAM]


@pytest.mark.parametrize("send", [apply, rehearse])
def test_apply_keeps_the_type_of_the_error_and_names_the_group(
    sandbox: Sandbox, ids: list[str], tmp_path: Path, send: Any
) -> None:
    with connect(sandbox, lambda _: None) as groups:
        plan = plan_removals(groups, [(TEAM, ids[0]), ("old", ids[0])], guards=OPEN)
    with (
        connect(sandbox, failing("old")) as groups,
        pytest.raises(ServerError, match=r"503 .*the group Old project \(old\)"),
    ):
        send(groups, plan, journal=tmp_path / "plan.journal")


def test_a_site_that_can_read_no_group_is_not_asked_for_all_of_them(sandbox: Sandbox) -> None:
    (leaver,) = people(sandbox, 1)
    for number in range(200):
        sandbox.directory.add_group(Group(f"g-{number}", f"G {number}", access=frozenset()), [leaver])
    asked = []

    def answer(request: httpx.Request) -> httpx.Response | None:
        if MEMBERS not in request.url.path:
            return None
        asked.append(request.url.path)
        return httpx.Response(500, json={})

    with connect(sandbox, answer) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=[leaver], guards=OPEN)
    assert len(asked) < 60
    assert caught.value.problems[-1] == "the other groups were not read, because the first 20 could not be read"
    assert len(caught.value.problems) == 21


def reading_all_but_docs() -> Answer:
    return failing("docs", status=403)


def test_rows_and_groups_that_cannot_be_used_are_in_one_list(sandbox: Sandbox, ids: list[str], tmp_path: Path) -> None:
    for number in range(2):
        sandbox.directory.add_group(Group(f"twin-{number}", "Twin", access=frozenset()))
    path = tmp_path / "rows.csv"
    rows = ["Team,n/a", f"Docs,{ids[0]}", f"Nothing,{ids[0]}", f"Twin,{ids[0]}", "Team,id-999", "Team,x@example.com"]
    path.write_text("\n".join(["group,account", *rows, f"Docs,{ids[1]}", "Docs,#REF!", f"Team,{ids[0]}"]), "utf-8")
    with connect(sandbox, reading_all_but_docs()) as groups, pytest.raises(InputError) as caught:
        plan_removals(groups, path)
    assert str(caught.value).startswith("rows.csv: no plan was made:\n")
    assert [problem.partition(": GET ")[0] for problem in caught.value.problems] == [
        "line 2: the account is n/a: a placeholder, not an account",
        "line 3 and 1 later row: the members of the group Docs (docs) cannot be read",
        "line 4: there is no group with the id or exact name Nothing",
        "line 5: 2 groups are called Twin: give the id (twin-0, twin-1)",
        "line 6: there is no account with the id id-999",
        "line 7: no member shows the e-mail x@example.com: give the account id",
        "line 9: the account is #REF!: a spreadsheet has changed it",
    ]
    assert isinstance(caught.value.__cause__, PermissionDeniedError)


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        ("Docs", "the members of the group Docs (docs) cannot be read"),
        ("Nothing", "group_id: there is no group with the id or exact name Nothing"),
    ],
)
def test_sync_names_its_group_and_the_bad_rows_together(
    sandbox: Sandbox, ids: list[str], group: str, problem: str
) -> None:
    with connect(sandbox, reading_all_but_docs()) as groups, pytest.raises(InputError) as caught:
        plan_sync(groups, group_id=group, account_ids=[ids[0], "n/a"])
    assert {each.partition(": GET ")[0] for each in caught.value.problems} == {
        "item 2: the account is n/a: a placeholder, not an account",
        problem,
    }


def test_off_boarding_names_rows_and_groups_together(sandbox: Sandbox, ids: list[str]) -> None:
    sandbox.directory.add_group(Group("users", "Users"), ids)
    sandbox.directory.add_group(Group("twin-0", "Twin"))
    sandbox.directory.add_group(Group("twin-1", "Twin"))
    leavers = [ids[0], "n/a", "id-999", "x@example.com"]
    with connect(sandbox, failing("users", status=403)) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=leavers, keep_groups=["Nothing", "Twin"])
    assert [each.partition(": GET ")[0] for each in caught.value.problems] == [
        "keep_groups: there is no group with the id or exact name Nothing",
        "keep_groups: 2 groups are called Twin: give the id (twin-0, twin-1)",
        "item 2: the account is n/a: a placeholder, not an account",
        "account_ids: there is no account with the id id-999",
        "the members of the group Users (users) cannot be read",  # so x@example.com may be there
    ]


def test_bad_rows_do_not_make_every_group_list_be_read(sandbox: Sandbox, ids: list[str]) -> None:
    with connect(sandbox, lambda _: None) as groups, pytest.raises(InputError):
        plan_offboarding(groups, account_ids=[*ids, "n/a"])
    assert not [request for request in sandbox.requests if "memberof" in request.target]


def test_all_groups_that_were_searched_are_named_once(sandbox: Sandbox, ids: list[str]) -> None:
    for number in range(6):
        sandbox.directory.add_group(Group(f"u-{number}", f"U {number}"), ids)
    with connect(sandbox, lambda _: None) as groups, pytest.raises(InputError) as caught:
        plan_offboarding(groups, account_ids=["x@example.com", "y@example.com"])
    *rows, last = caught.value.problems
    assert len(rows) == 2
    assert all("groups that give access to Confluence (named below) shows the e-mail" in each for each in rows)
    assert last.startswith("the groups that give access to Confluence: ")
    assert all(f"U {number}" in last for number in range(6))


# --- the search for one user by e-mail


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
@pytest.mark.parametrize("searched", ["one group", "all groups"])
def test_a_search_for_an_e_mail_names_the_group_that_cannot_be_read(
    sandbox: Sandbox, status: int, searched: str
) -> None:
    team(sandbox, 3)
    with connect(sandbox, failing(TEAM, status=status)) as groups:
        group = groups.get_group(group_id=TEAM) if searched == "one group" else None
        with pytest.raises(APIStatusError) as caught:
            resolve_user(groups, "ada@example.com", group=group)
    assert caught.value.status_code == status
    assert f"while reading the group Team ({TEAM})" in str(caught.value)


@pytest.mark.parametrize("status", [400, 404])
def test_a_search_for_an_e_mail_skips_a_group_that_the_site_no_longer_knows(sandbox: Sandbox, status: int) -> None:
    team(sandbox, 3)
    with connect(sandbox, failing(TEAM, part="/group/", status=status)) as groups:
        assert resolve_user(groups, "ada@example.com").display_name == "Ada Okafor"
