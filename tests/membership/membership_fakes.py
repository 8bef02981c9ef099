"""Helpers for the membership tests: a group in the sandbox, a plan for it, and a file that loses unsynced data."""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.membership import Guards, Outcome, Plan, Report, plan_removals
from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

OPEN = Guards(max_removals=None, max_fraction=1.0)
QUICK = RetryPolicy(max_retries=2, first_delay=0.001, max_delay=0.002)
TEAM = "team-id"


def people(sandbox: Sandbox, number: int, *, first: int = 0) -> list[str]:
    """Add this number of people to the site, and return their account ids."""
    ids = [f"id-{each:03d}" for each in range(first, first + number)]
    for account_id in ids:
        sandbox.directory.add_person(Person(account_id, f"P {account_id}", f"{account_id}@example.com"))
    return ids


def team(sandbox: Sandbox, number: int = 40, **options: Any) -> list[str]:
    """Add a group with this number of people, and return their account ids."""
    ids = people(sandbox, number)
    sandbox.directory.add_group(Group(TEAM, "Team", **options), ids)
    return ids


def members(sandbox: Sandbox, group_id: str = TEAM) -> list[str]:
    return [person.account_id for person in sandbox.directory.members(group_id)]


def client(sandbox: Sandbox, **options: Any) -> ConfluenceGroups:
    return ConfluenceGroups(sandbox.url, **{"auth": ApiToken(*sandbox.admin), "retry": QUICK, **options})


def removals(groups: ConfluenceGroups, account_ids: Iterable[str], guards: Guards = OPEN) -> Plan:
    """Plan to remove these people from the team."""
    return plan_removals(groups, [(TEAM, account_id) for account_id in account_ids], guards=guards)


def writes(sandbox: Sandbox) -> list[str]:
    """Return the HTTP methods of the changes that the sandbox received."""
    return [seen.method for seen in sandbox.requests if seen.method in ("POST", "DELETE")]


def all_counts(report: Report) -> Counter[Outcome]:
    """Return the number of changes by outcome, of this run and of earlier ones."""
    return report.counts + report.counts_before


def entries(journal: Path | bytes) -> list[dict[str, Any]]:
    data = journal if isinstance(journal, bytes) else journal.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


class ForgetfulFile(AppendOnly):
    """A file that keeps only synced data when the power fails."""

    opened: ForgetfulFile

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.synced = self.read()
        self.free_bytes: int | None = None  # on the disk; None for no limit
        self.on_sync: Callable[[], object] = lambda: None
        type(self).opened = self

    def append(self, data: bytes) -> None:
        if self.free_bytes is not None:
            written = data[: self.free_bytes]
            self.free_bytes -= len(written)
            super().append(written)
            if len(written) < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
        else:
            super().append(data)

    def sync(self) -> None:
        self.on_sync()
        super().sync()
        self.synced = self.read()
