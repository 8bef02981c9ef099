"""Helpers for the tests of jobs: a company in the sandbox, requests for it, and what the sandbox's log shows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import job_process
import psycopg
from attrs import asdict
from databases.embedded import EmbeddedPostgres
from membership_fakes import OPEN, client, people

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.fleet import OffboardRequest, ReviewRequest, SyncRequest
from confluence_groups_sdk.review import Snapshot, sheet_rows
from confluence_groups_sdk.sandbox import Group, Sandbox

PROCESS_TIMEOUT_S = 60
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


class Host(NamedTuple):
    """Starts processes that do a job."""

    server: EmbeddedPostgres
    schema: str
    sandbox: Sandbox
    request: Path

    def start(self, moment: int) -> subprocess.Popen[str]:
        command = [sys.executable, job_process.__file__, self.server.dsn, self.schema, self.sandbox.url]
        command += [*self.sandbox.admin, str(self.request), str(moment)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, moment: int = 0) -> int | None:
        """Let a process do the job; return the number of moments, or None if the process was killed."""
        with self.start(moment) as process:
            output, errors = process.communicate(timeout=PROCESS_TIMEOUT_S)
        assert process.returncode in (0, -signal.SIGKILL), errors
        return int(output) if process.returncode == 0 else None


def rows(server: EmbeddedPostgres, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def sent_changes(sandbox: Sandbox) -> set[tuple[str, str, str]]:
    """Return the method, group and account of the changes that reached the sandbox, as far as the log has them.

    An addition has its account in the body, which the log lacks.
    """
    found = set()
    for seen in sandbox.requests:
        query = parse_qs(urlsplit(seen.target).query)
        if seen.method in ("POST", "DELETE"):
            found.add((seen.method, query["groupId"][0], query.get("accountId", [""])[0]))
    return found


def sheet(snapshot: Snapshot, path: Path, removed: Iterable[tuple[str, str]]) -> Path:
    """Write a sheet in which Rita removes these memberships, and keeps the others."""
    gone = set(removed)
    cells = [asdict(row) | {"reviewer": "Rita", "decision": "keep"} for row in sheet_rows(snapshot)]
    for row in cells:
        if (row["group_id"], row["account_id"]) in gone:
            row["decision"] = "remove"
    path.write_text(json.dumps(cells), "utf-8")
    return path
