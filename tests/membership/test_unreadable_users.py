"""Leavers whose groups cannot be read: the plan names each of them, as it names each group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from membership_fakes import OPEN, QUICK, TEAM, team

from confluence_groups_sdk import (
    ApiToken,
    AuthenticationError,
    ConfluenceGroups,
    IncompleteReadError,
    InputError,
    PermissionDeniedError,
    ServerError,
)
from confluence_groups_sdk.membership import Plan, plan_offboarding
from confluence_groups_sdk.sandbox import Sandbox

FULL = [{"type": "group", "id": f"g{number}", "name": f"group {number}"} for number in range(200)]
REPEATED = {"results": FULL, "start": 0, "limit": 200, "size": 200, "_links": {}}  # at each start: CONFCLOUD-62418


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    return team(sandbox, 25)


def offboard(
    sandbox: Sandbox, account_ids: Any, refused: Callable[[str], bool], response: dict[str, Any], **options: Any
) -> Plan:
    """Plan with a site that gives this response to requests for the groups of some users."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/memberof") and refused(request.url.params["accountId"]):
            return httpx.Response(request=request, **response)
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        return plan_offboarding(groups, account_ids=account_ids, guards=OPEN, **options)


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        ({"status_code": 200, "json": REPEATED}, IncompleteReadError),
        ({"status_code": 403, "json": {}}, PermissionDeniedError),
        ({"status_code": 504, "json": {}}, ServerError),
    ],
)
def test_each_user_is_a_problem(
    sandbox: Sandbox, ids: list[str], response: dict[str, Any], cause: type[Exception]
) -> None:
    with pytest.raises(InputError, match="no plan was made") as caught:
        offboard(sandbox, ids[:4], lambda account_id: account_id in (ids[1], ids[3]), response)
    assert [problem.partition(" cannot be read: ")[0] for problem in caught.value.problems] == [
        f"account_ids: the groups of the user P {ids[1]} ({ids[1]})",
        f"account_ids: the groups of the user P {ids[3]} ({ids[3]})",
    ]
    assert isinstance(caught.value.__cause__, cause)


def test_lines_of_files_are_named(sandbox: Sandbox, ids: list[str], tmp_path: Path) -> None:
    path = tmp_path / "leavers.csv"
    path.write_text(f"account id,reason\n{ids[0]},left\n{ids[1]},left\n{ids[2]},left\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        offboard(sandbox, path, lambda account_id: account_id in ids[1:3], {"status_code": 500, "json": {}})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["line 3", "line 4"]


def test_a_site_that_fails_for_all_is_not_asked_for_each(sandbox: Sandbox, ids: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        offboard(sandbox, ids, lambda _: True, {"status_code": 500, "json": {}})
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == (
        "the groups of the other users were not read, because those of the first 20 could not be read"
    )


def test_an_error_about_everything_stays_as_it_is(sandbox: Sandbox, ids: list[str]) -> None:
    with pytest.raises(AuthenticationError):
        offboard(sandbox, ids, lambda _: True, {"status_code": 401, "json": {}})
    assert TEAM in {group.id for group in sandbox.directory.groups_of(ids[0])}


def test_a_group_to_keep_may_be_in_a_list_that_cannot_be_read(sandbox: Sandbox, ids: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        offboard(sandbox, ids[:1], lambda _: True, {"status_code": 403, "json": {}}, keep_groups=["gone"])
    assert len(caught.value.problems) == 1
