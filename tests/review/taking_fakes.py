"""Helpers for the tests of snapshots: a site with groups of several sizes, and what a client asked it for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import evolve

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.review import Snapshot
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

QUICK = RetryPolicy(max_retries=30, first_delay=0.001, max_delay=0.002)


def people(sandbox: Sandbox, number: int) -> list[str]:
    """Add people, and return their account ids."""
    ids = [f"id-{each:04d}" for each in range(number)]
    for account_id in ids:
        sandbox.directory.add_person(Person(account_id, f"P {account_id}", f"{account_id}@example.com"))
    return ids


def fill(sandbox: Sandbox, groups: int = 8) -> list[str]:
    """Add groups of 1, 2, 3 and more members, who overlap; return the ids of all groups of the site, in order."""
    ids = people(sandbox, groups + 1)
    for number in range(groups):
        sandbox.directory.add_group(Group(f"g-{number:02d}", f"G {number}", access=frozenset()), ids[: number + 1])
    return sorted(sandbox.directory.groups)


def client(sandbox: Sandbox, **options: Any) -> ConfluenceGroups:
    return ConfluenceGroups(sandbox.url, **{"auth": ApiToken(*sandbox.admin), "retry": QUICK, **options})


def members_read(sandbox: Sandbox, since: int = 0) -> Counter[str]:
    """Return how often the first page of each group's members was requested."""
    return Counter(
        seen.target.split("/group/")[1].split("/")[0]
        for seen in sandbox.requests[since:]
        if "/membersByGroupId" in seen.target and "start=0&" in seen.target
    )


def timeless(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot without its times, calls and points."""
    return evolve(
        snapshot,
        started_at="then",
        ended_at="then",
        calls=0,
        points=0,
        groups=tuple(evolve(group, read_at="then") for group in snapshot.groups),
        digest="",
    )
