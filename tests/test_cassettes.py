"""The recorded exchanges, replayed through both clients.

This file also runs outside the project, beside a vendored copy of the package: it needs pytest and vcrpy alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import vcr

import confluence_groups_sdk as sdk

SITE = "https://your-domain.atlassian.net"
CASSETTES = Path(__file__).parent / "cassettes"

EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
MEMBER = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"

# cassette, group id, account id, error, parts of its text, seconds slept
EXPECTED: list[tuple[str, str, str, type[sdk.APIStatusError] | None, tuple[str, ...], list[float]]] = [
    ("remove_member_204", EDITORS, MEMBER, None, (), []),
    ("remove_member_204_no_member", EDITORS, "5d53f3cbc6b9320d9ea5bdc2", None, (), []),
    ("remove_member_400", "no\x07id", MEMBER, sdk.BadRequestError, ("400", "groupId is missing or invalid"), []),
    ("remove_member_401", EDITORS, MEMBER, sdk.AuthenticationError, ("401", "not logged in"), []),
    ("remove_member_403", EDITORS, MEMBER, sdk.PermissionDeniedError, ("403", "not a site admin"), []),
    ("remove_member_403_html", EDITORS, MEMBER, sdk.PermissionDeniedError, ("403", "XSRF check failed"), []),
    (
        *("remove_member_404_group", "00000000-0000-4000-8000-0000000000aa", MEMBER),
        *(sdk.NotFoundError, ("404", "No group found"), []),
    ),
    (
        *("remove_member_404_user", EDITORS, "557058:00000000-0000-4000-8000-0000000000bb"),
        *(sdk.NotFoundError, ("404", "No user found"), []),
    ),
    ("remove_member_429_then_204", EDITORS, MEMBER, None, (), [3.0]),
    ("remove_member_503_then_204", EDITORS, MEMBER, None, (), [2.0]),
    ("remove_member_520", EDITORS, MEMBER, sdk.ServerError, ("520", "unknown error"), []),
]


class Clock:
    """Records the waits instead of waiting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def async_sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def random(self) -> float:
        return 0.5


def replayed(name: str) -> Any:
    """Return a context in which only this cassette answers; a request that it does not hold fails."""
    return vcr.VCR(record_mode="none").use_cassette(str(CASSETTES / f"{name}.yaml"))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("name", "group_id", "account_id", "kind_of_error", "parts", "slept"), EXPECTED, ids=[case[0] for case in EXPECTED]
)
def test_replay(
    kind: str,
    name: str,
    group_id: str,
    account_id: str,
    kind_of_error: type[sdk.APIStatusError] | None,
    parts: tuple[str, ...],
    slept: list[float],
) -> None:
    clock = Clock()
    auth = sdk.ApiToken("someone@example.com", "some-token")

    def call() -> None:
        with sdk.ConfluenceGroups(SITE, auth=auth, clock=clock) as groups:
            groups.remove_member(group_id=group_id, account_id=account_id)

    async def call_async() -> None:
        async with sdk.AsyncConfluenceGroups(SITE, auth=auth, clock=clock) as groups:
            await groups.remove_member(group_id=group_id, account_id=account_id)

    with replayed(name) as cassette:
        error: sdk.APIStatusError | None = None
        try:
            call() if kind == "sync" else asyncio.run(call_async())
        except sdk.APIStatusError as raised:
            error = raised
    assert type(error) is (kind_of_error or type(None))
    if error is not None:
        assert all(part in str(error) for part in parts)
        assert error.request_id == "00000000-0000-4000-8000-000000000001"
        assert error.request_id in str(error)
        assert error.remedy
        assert error.remedy in str(error)
    assert clock.slept == slept
    assert cassette.all_played, "the client sent fewer requests than were recorded"


def test_every_cassette_is_replayed() -> None:
    assert {path.stem for path in CASSETTES.glob("*.yaml")} == {case[0] for case in EXPECTED}
