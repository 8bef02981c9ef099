"""Helpers for the tests of jobs: a company in the sandbox, requests for it, and what the sandbox's log shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from membership_fakes import OPEN, client, people

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.fleet import OffboardRequest, ReviewRequest, SyncRequest
from confluence_groups_sdk.sandbox import Group, Sandbox

GROUPS = ("team-a", "team-b", "team-c")
JOB = "2026-11-leavers/acme"


def company(sandbox: Sandbox, number: int = 30) -> list[str]:
    """Add three groups with these people, and return their account ids."""
    ids = people(sandbox, number)
    for group_id in GROUPS:
        sandbox.directory.add_group(Group(group_id, f"Name of {group_id}"), ids)
    return ids


def opener(sandbox: Sandbox, **options: Any) -> Callable[[str], ConfluenceGroups]:
    """Return an ``open_client`` for this sandbox."""
    return lambda _site: client(sandbox, **options)


def offboard(ids: list[str], **options: Any) -> OffboardRequest:
    return OffboardRequest(**{"id": JOB, "site": "acme", "people": ids, "guards": OPEN, **options})


def sync(ids: list[str], **options: Any) -> SyncRequest:
    return SyncRequest(
        **{"id": "sync/acme", "site": "acme", "group": GROUPS[0], "people": ids, "guards": OPEN, **options}
    )


def review(**options: Any) -> ReviewRequest:
    return ReviewRequest(**{"id": "review/acme", "site": "acme", "groups": GROUPS, "guards": OPEN, **options})


def memberships(sandbox: Sandbox) -> dict[str, set[str]]:
    """Return the members of the groups of `company`."""
    return {group_id: {each.account_id for each in sandbox.directory.members(group_id)} for group_id in GROUPS}
