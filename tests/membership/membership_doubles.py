"""What the tests of membership share: a group in the sandbox, a plan for it, and a disk that forgets."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.membership import Guards, Plan, plan_removals
from confluence_groups_sdk.membership.journal import AppendOnly
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

OPEN = Guards(max_removals=None, max_fraction=1.0)
QUICK = RetryPolicy(max_retries=2, first_delay=0.001, max_delay=0.002)
TEAM = "team-id"


def people(sandbox: Sandbox, number: int, *, first: int = 0) -> list[str]:
    """Add so many people, and return their account ids."""
    ids = [f"id-{each:03d}" for each in range(first, first + number)]
    for account_id in ids:
        sandbox.directory.add_person(Person(account_id, f"P {account_id}", f"{account_id}@example.com"))
    return ids


def team(sandbox: Sandbox, number: int = 40, **options: Any) -> list[str]:
    """Add a group of so many people, and return their account ids."""
    ids = people(sandbox, number)
    sandbox.directory.add_group(Group(TEAM, "Team", **options), ids)
    return ids


def members(sandbox: Sandbox, group_id: str = TEAM) -> list[str]:
    return [person.account_id for person in sandbox.directory.members(group_id)]


def client(sandbox: Sandbox, **options: Any) -> ConfluenceGroups:
    return ConfluenceGroups(sandbox.url, **{"auth": ApiToken(*sandbox.admin), "retry": QUICK, **options})


def removals(groups: ConfluenceGroups, account_ids: Iterable[str], guards: Guards = OPEN) -> Plan:
    """Plan to take these people out of the team."""
    return plan_removals(groups, [(TEAM, account_id) for account_id in account_ids], guards=guards)


def writes(sandbox: Sandbox) -> list[str]:
    """Return the methods of the changes that were asked for."""
    return [seen.method for seen in sandbox.requests if seen.method in ("POST", "DELETE")]


def entries(journal: Path | bytes) -> list[dict[str, Any]]:
    data = journal if isinstance(journal, bytes) else journal.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


class ForgetfulFile(AppendOnly):
    """A file of which only what was synced is still there after the power has failed."""

    opened: ForgetfulFile

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.synced = self.read()
        self.room: int | None = None  # bytes that the disk has left
        self.on_sync: Callable[[], object] = lambda: None
        type(self).opened = self

    def append(self, data: bytes) -> None:
        if self.room is not None:
            written = data[: self.room]
            self.room -= len(written)
            super().append(written)
            if len(written) < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
        else:
            super().append(data)

    def sync(self) -> None:
        self.on_sync()
        super().sync()
        self.synced = self.read()
