"""The recorded exchanges, replayed through both clients.

This file also runs outside the project, beside a vendored copy of the package: it needs pytest and vcrpy alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import vcr

import confluence_groups_sdk as sdk

SITE = "https://your-domain.atlassian.net"
CASSETTES = Path(__file__).parent / "cassettes"

USERS = "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c"
ADMINS = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
NEW = "00000000-0000-4000-9000-000000000001"
ADA = "5b10a2844c20165700ede21a"
BRUNO = "608a9b555426330072f9867d"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
DAGNY = "712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44"
EMEKA = "5d53f3cbc6b9320d9ea5bdc2"
BOT = "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"

GROUP = {"group_id": EDITORS}
NO_GROUP = {"group_id": "00000000-0000-4000-8000-0000000000aa"}
ODD_GROUP = {"group_id": "no\x07id"}
CHIARAS = {"account_id": CHIARA}
BOTH_USERS = {"account_ids": [CHIARA, EMEKA]}
NO_USER = {"account_id": "557058:00000000-0000-4000-8000-0000000000bb"}
DOCS = {"query": "docs"}
NEW_NAME = {"name": "release-managers"}

EDITORS_GROUP = sdk.Group(
    id=EDITORS, name="docs-editors", type="group", resource_ari=f"ari:cloud:identity::group/{EDITORS}"
)
NEW_GROUP = sdk.Group(id=NEW, name="release-managers", type="group", resource_ari=f"ari:cloud:identity::group/{NEW}")
CHIARA_USER = sdk.User(
    account_id=CHIARA,
    type="known",
    account_type="atlassian",
    email="chiara@example.com",
    public_name="Chiara Rossi",
    display_name="Chiara Rossi",
    is_guest=False,
    account_status="active",
    locale="en_US",
)
ADA_USER = sdk.User(
    account_id=ADA,
    type="known",
    account_type="atlassian",
    email="ada@example.com",
    public_name="Ada Okafor",
    display_name="Ada Okafor",
    is_guest=False,
    account_status="active",
    locale="en_US",
)
BOT_USER = sdk.User(
    account_id=BOT,
    type="known",
    account_type="app",
    public_name="Release Notes Bot",
    display_name="Release Notes Bot",
    is_guest=False,
    account_status="active",
)


class Case(NamedTuple):
    """A cassette, the call that it answers, and the expected outcome."""

    cassette: str
    method: str
    arguments: Mapping[str, Any] = {}
    result: Any = None  # of a list, the ids
    error: type[sdk.APIStatusError] | None = None
    says: tuple[str, ...] = ()
    slept: tuple[float, ...] = ()


NOT_LOGGED_IN = ("401", "not logged in")
NO_ADMIN = ("403", "not a site admin")
NO_CONFLUENCE = ("403", "not permitted to use Confluence", "has no access")
NO_SUCH_GROUP = ("404", "No group found")
LOOK_FIRST = "look at what is there now"

CASES = [
    Case("remove_member_204", "remove_member", GROUP | CHIARAS),
    Case("remove_member_204_no_member", "remove_member", GROUP | {"account_id": EMEKA}),
    Case("remove_member_400", "remove_member", ODD_GROUP | CHIARAS, None, sdk.BadRequestError, ("400", "groupId")),
    Case("remove_member_401", "remove_member", GROUP | CHIARAS, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("remove_member_403", "remove_member", GROUP | CHIARAS, None, sdk.PermissionDeniedError, NO_ADMIN),
    Case("remove_member_403_html", "remove_member", GROUP | CHIARAS, None, sdk.PermissionDeniedError, ("403", "XSRF")),
    Case("remove_member_404_group", "remove_member", NO_GROUP | CHIARAS, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("remove_member_404_user", "remove_member", GROUP | NO_USER, None, sdk.NotFoundError, ("404", "No user found")),
    Case("remove_member_429_then_204", "remove_member", GROUP | CHIARAS, slept=(3.0,)),
    Case("remove_member_503_then_204", "remove_member", GROUP | CHIARAS, slept=(2.0,)),
    Case("remove_member_520", "remove_member", GROUP | CHIARAS, None, sdk.ServerError, ("520", "unknown error")),
    Case("add_member_201", "add_member", GROUP | {"account_id": EMEKA}),
    Case("add_member_400", "add_member", ODD_GROUP | CHIARAS, None, sdk.BadRequestError, ("400", "groupId")),
    Case("add_member_401", "add_member", GROUP | {"account_id": EMEKA}, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("add_member_403", "add_member", GROUP | {"account_id": EMEKA}, None, sdk.PermissionDeniedError, NO_ADMIN),
    Case("add_member_404", "add_member", NO_GROUP | CHIARAS, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("add_member_429_then_201", "add_member", GROUP | {"account_id": EMEKA}, slept=(3.0,)),
    Case("add_member_503", "add_member", GROUP | {"account_id": EMEKA}, None, sdk.ServerError, ("503", LOOK_FIRST)),
    Case("iter_members_200", "iter_members", GROUP, [BRUNO, CHIARA, DAGNY, BOT]),
    Case("iter_members_200_pages", "iter_members", GROUP, [BRUNO, CHIARA, DAGNY, BOT]),
    Case("iter_members_400", "iter_members", GROUP, None, sdk.BadRequestError, ("400", "limit")),
    Case("iter_members_403", "iter_members", GROUP, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("iter_members_404", "iter_members", NO_GROUP, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("count_members_200", "count_members", GROUP, 4),
    Case("count_members_404", "count_members", NO_GROUP, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("is_member_200_listed", "is_member", GROUP | CHIARAS, True),
    Case("is_member_200_not_listed", "is_member", GROUP | {"account_id": EMEKA}, False),
    Case("iter_memberships_200", "iter_memberships", CHIARAS, [USERS, EDITORS]),
    Case("iter_memberships_200_pages", "iter_memberships", CHIARAS, [USERS, EDITORS]),
    Case("iter_memberships_403", "iter_memberships", CHIARAS, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("get_group_200", "get_group", GROUP, EDITORS_GROUP),
    Case("get_group_403", "get_group", GROUP, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("get_group_404", "get_group", NO_GROUP, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("iter_groups_200", "iter_groups", {}, [ADMINS, USERS, EDITORS]),
    Case("iter_groups_200_admin", "iter_groups", {"access_type": "admin"}, [ADMINS]),
    Case("iter_groups_200_pages", "iter_groups", {}, [ADMINS, USERS, EDITORS]),
    Case("iter_groups_403", "iter_groups", {}, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("search_groups_200", "search_groups", DOCS, [EDITORS]),
    Case("search_groups_200_pages", "search_groups", {"query": "confluence"}, [ADMINS, USERS]),
    Case("search_groups_403", "search_groups", DOCS, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("create_group_201", "create_group", NEW_NAME, NEW_GROUP),
    Case(
        "create_group_400",
        "create_group",
        {"name": "docs-editors"},
        None,
        sdk.BadRequestError,
        ("400", "must not be taken"),
    ),
    Case("create_group_401", "create_group", NEW_NAME, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("create_group_403", "create_group", NEW_NAME, None, sdk.PermissionDeniedError, NO_ADMIN),
    Case("delete_group_204", "delete_group", GROUP),
    Case("delete_group_400", "delete_group", ODD_GROUP, None, sdk.BadRequestError, ("400", "id is missing")),
    Case("delete_group_401", "delete_group", GROUP, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("delete_group_403", "delete_group", GROUP, None, sdk.PermissionDeniedError, NO_ADMIN),
    Case("delete_group_404", "delete_group", NO_GROUP, None, sdk.NotFoundError, NO_SUCH_GROUP),
    Case("get_user_200", "get_user", CHIARAS, CHIARA_USER),
    Case("get_user_200_app", "get_user", {"account_id": BOT}, BOT_USER),
    Case("get_user_401", "get_user", CHIARAS, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("get_user_403", "get_user", CHIARAS, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("get_user_404", "get_user", NO_USER, None, sdk.NotFoundError, ("404", "No user found")),
    Case("get_users_200", "get_users", {"account_ids": [EMEKA, CHIARA]}, [EMEKA, CHIARA]),
    Case("get_users_200_missing", "get_users", {"account_ids": [CHIARA, NO_USER["account_id"]]}, [CHIARA]),
    Case("get_users_401", "get_users", BOTH_USERS, None, sdk.AuthenticationError, NOT_LOGGED_IN),
    Case("get_users_403", "get_users", BOTH_USERS, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
    Case("get_users_403_then_200", "get_users", BOTH_USERS, [CHIARA, EMEKA]),
    Case("current_user_200", "current_user", {}, ADA_USER),
    Case("current_user_403", "current_user", {}, None, sdk.PermissionDeniedError, NO_CONFLUENCE),
]


class Clock:
    """A clock whose time passes only while a caller waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return 1_800_000_000.0 + sum(self.slept)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def async_sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def random(self) -> float:
        return 0.5


def replay_cassette(name: str) -> Any:
    """Return a context in which only this cassette answers; any other request fails."""
    exactly = ("method", "scheme", "host", "port", "path", "query", "body")
    return vcr.VCR(record_mode="none", match_on=exactly).use_cassette(str(CASSETTES / f"{name}.yaml"))


def comparable(result: Any) -> Any:
    """Return a result in a comparable form; of a list, the ids."""
    if isinstance(result, list):
        return [item.id if isinstance(item, sdk.Group) else item.account_id for item in result]
    return result


def outcome(kind: str, case: Case, clock: Clock) -> Any:
    """Make the call, and return its result or its error."""
    auth = sdk.ApiToken("someone@example.com", "some-token")

    def call() -> Any:
        with sdk.ConfluenceGroups(SITE, auth=auth, clock=clock) as groups:
            result = getattr(groups, case.method)(**case.arguments)
            return list(result) if hasattr(result, "__next__") else result

    async def call_async() -> Any:
        async with sdk.AsyncConfluenceGroups(SITE, auth=auth, clock=clock) as groups:
            result = getattr(groups, case.method)(**case.arguments)
            return [item async for item in result] if hasattr(result, "__anext__") else await result

    try:
        return call() if kind == "sync" else asyncio.run(call_async())
    except sdk.APIStatusError as error:
        return error


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("case", CASES, ids=[case.cassette for case in CASES])
def test_replay(kind: str, case: Case) -> None:
    clock = Clock()
    with replay_cassette(case.cassette) as cassette:
        result = outcome(kind, case, clock)
    if case.error is None:
        assert comparable(result) == case.result
    else:
        assert type(result) is case.error
        assert all(part in str(result) for part in case.says)
        assert result.request_id == f"00000000-0000-4000-8000-{len(cassette):012d}", "of the last request"
        assert result.request_id in str(result)
        assert result.remedy
        assert result.remedy in str(result)
    assert tuple(clock.slept) == case.slept
    assert cassette.all_played, "the client sent fewer requests than were recorded"


def test_every_cassette_is_replayed() -> None:
    assert {path.stem for path in CASSETTES.glob("*.yaml")} == {case.cassette for case in CASES}
