"""`read_groups`: the members of many groups, in order, with an error for each group that cannot be read."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import httpx
import pytest
from membership_fakes import QUICK, client, people

from confluence_groups_sdk import (
    ApiToken,
    AuthenticationError,
    ConfluenceGroups,
    IncompleteReadError,
    NotFoundError,
    ServerError,
)
from confluence_groups_sdk.membership import GroupMembers, read_groups
from confluence_groups_sdk.sandbox import Group, Sandbox


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    """Add groups of different sizes, and return their ids."""
    persons = people(sandbox, 45)
    for number in range(45):
        sandbox.directory.add_group(Group(f"g-{number}", f"G {number}"), persons[:number])
    return [f"g-{number}" for number in range(45)]


def read_with(sandbox: Sandbox, group_ids: list[str], **answers: Any) -> list[GroupMembers]:
    """Read with a site that has these answers for members of some groups."""

    def answer(request: httpx.Request) -> httpx.Response:
        for group_id, response in answers.items():
            if f"/{group_id.replace('_', '-')}/" in request.url.path:
                return httpx.Response(request=request, **response)
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        return list(read_groups(groups, group_ids))


def test_groups_come_in_order_with_all_members_and_one_call_each(sandbox: Sandbox, ids: list[str]) -> None:
    given = list(reversed(ids[1:]))
    with client(sandbox) as groups:
        before = len(sandbox.requests)
        read = list(read_groups(groups, given))
    assert len(sandbox.requests) - before == len(given)
    assert [(each.group_id, len(each.members)) for each in read] == [
        (f"g-{number}", number) for number in range(44, 0, -1)
    ]
    assert not any(each.error or each.unidentified for each in read)
    assert pickle.loads(pickle.dumps(read)) == read


def test_a_large_group_is_read_with_its_pages_together(sandbox: Sandbox) -> None:
    persons = people(sandbox, 1_450)
    sandbox.directory.add_group(Group("large", "Large"), persons)
    with client(sandbox) as groups:
        before = len(sandbox.requests)
        (read,) = read_groups(groups, ["large"])
    assert {user.account_id for user in read.members} == set(persons)
    assert len(sandbox.requests) - before == 8


def test_an_error_about_one_group_is_in_its_place(sandbox: Sandbox, ids: list[str]) -> None:
    repeated = [{"accountId": f"x{number}", "type": "known"} for number in range(2)]
    page = {"results": repeated, "start": 0, "limit": 2, "size": 2, "_links": {"next": "/x"}}
    read = read_with(
        sandbox,
        [*ids[:5], "nothing"],
        g_1={"status_code": 500, "json": {}},
        g_3={"status_code": 200, "json": page},
    )
    assert [type(each.error) for each in read] == [
        type(None),
        ServerError,
        type(None),
        IncompleteReadError,
        type(None),
        NotFoundError,
    ]
    assert [len(each.members) for each in read] == [0, 0, 2, 0, 4, 0], "the first is empty, but exists"


def test_members_without_an_id_are_counted(sandbox: Sandbox) -> None:
    results = [{"accountId": "a", "type": "known"}, None, {"type": "unknown"}]
    page = {"results": results, "start": 0, "limit": 200, "size": 3, "_links": {}}
    sandbox.directory.add_group(Group("odd", "Odd"))
    (read,) = read_with(sandbox, ["odd"], odd={"status_code": 200, "json": page})
    assert ([user.account_id for user in read.members], read.unidentified) == (["a"], 2)


def test_an_error_about_the_site_is_raised(sandbox: Sandbox, ids: list[str]) -> None:
    with pytest.raises(AuthenticationError):
        read_with(sandbox, ids, g_3={"status_code": 401, "json": {}})


def test_ids_are_taken_as_they_are_needed(sandbox: Sandbox, ids: list[str]) -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        for number in count():
            taken.append(number)
            yield ids[number % 40 + 1]

    with client(sandbox) as groups:
        read = read_groups(groups, endless(), workers=3)
        assert [each.group_id for each in islice(read, 10)] == ids[1:11]
        read.close()
        assert len(taken) <= 10 + 2 * 3
        assert list(read_groups(groups, [])) == []


@pytest.mark.parametrize("workers", [1, 64])
def test_one_to_64_groups_are_read_at_the_same_time(sandbox: Sandbox, ids: list[str], workers: int) -> None:
    with client(sandbox) as groups:
        assert [each.group_id for each in read_groups(groups, ids[:3], workers=workers)] == ids[:3]
    assert GroupMembers(group_id="g").unidentified == 0


@pytest.mark.parametrize("workers", [0, 65, True, 1.5, "8"])
def test_bad_arguments_are_rejected_before_anything_is_read(sandbox: Sandbox, workers: Any) -> None:
    with client(sandbox) as groups:
        with pytest.raises(ValueError, match="workers must be a whole number from 1 to 64"):
            read_groups(groups, [], workers=workers)
        with pytest.raises(TypeError, match="a list of ids, not one string"):
            read_groups(groups, "g-1")
        with pytest.raises(ValueError, match="group_id"):
            list(read_groups(groups, ["g-1", ""]))
