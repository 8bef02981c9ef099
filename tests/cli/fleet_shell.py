"""Runs the commands of a fleet on a sandbox and on a database of the test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from membership_fakes import OPEN, client, people
from shell import Result, Shell

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.fleet import JobRequest, JobStatus, OffboardRequest, Postgres, ReviewRequest, site_job
from confluence_groups_sdk.sandbox import Group

JOB, REVIEW = "2026-11-leavers/acme", "q4/acme"
GROUPS = ("team-a", "team-b", "team-c")
PEOPLE = 30
FILE = """
[sites.acme]
url = "{url}"
email = "CONFLUENCE_EMAIL"
api_token = "CONFLUENCE_API_TOKEN"

[sites.beta]
url = "{url}"
email = "CONFLUENCE_EMAIL"
api_token = "CONFLUENCE_API_TOKEN"

[jobs.2026-11-leavers]
kind = "offboard"
people = "leavers.csv"
guards = {{ max_removals = "none", max_fraction = 1.0 }}
"""


class FleetShell:
    """The shell, with a fleet's database in the environment.

    Args:
        shell: the shell on the sandbox.
        shared: the database.
        schema: the schema of its tables.
        dsn: its address.
        patch: sets the environment.
    """

    def __init__(self, shell: Shell, shared: Postgres, schema: str, dsn: str, patch: pytest.MonkeyPatch) -> None:
        self.shell = shell
        self.shared = shared
        self.schema = schema
        self.dsn = dsn
        patch.setenv("CONFLUENCE_FLEET_DSN", dsn)
        self.ids = people(shell.sandbox, PEOPLE)
        for group_id in GROUPS:
            shell.sandbox.directory.add_group(Group(group_id, f"Name of {group_id}"), self.ids)

    def run(self, *arguments: str, answer: str = "") -> Result:
        """Run a command of the section ``fleet``."""
        return self.shell.run("fleet", *arguments, "--schema", self.schema, answer=answer)

    def run_line(self, line: str, answer: str = "") -> Result:
        """Run a command line as it was printed."""
        program, *arguments = shlex.split(line)
        assert program == "confluence-groups"
        return self.shell.run(*arguments, answer=answer)

    def open_client(self, _site: str, **options: Any) -> ConfluenceGroups:
        return client(self.shell.sandbox, **options)

    def work(self, request: JobRequest) -> JobStatus:
        """Do a job as far as possible, as a worker does."""
        return site_job(self.shared, self.open_client, request)

    def offboard(self, people: int = 4, **options: Any) -> OffboardRequest:
        """Return the request to remove the first people from three groups."""
        given = {"id": JOB, "site": "acme", "people": self.ids[:people], "guards": OPEN}
        return OffboardRequest(**{**given, **options})

    def write_file(self, people: int = 4) -> None:
        """Write ``fleet.toml``, with a job for two sites: to remove the first people."""
        Path("leavers.csv").write_text("\n".join(["account", *self.ids[:people]]) + "\n")
        Path("fleet.toml").write_text(FILE.format(url=self.shell.sandbox.url))

    def review(self, **options: Any) -> ReviewRequest:
        """Return the request to review three groups."""
        return ReviewRequest(**{"id": REVIEW, "site": "acme", "groups": GROUPS, "guards": OPEN, **options})


def command_after(text: str, purpose: str) -> str:
    """Return the command line that was printed after a purpose, such as ``approve it``."""
    (line,) = (each for each in text.splitlines() if each.strip().startswith(f"{purpose}:"))
    return line.partition(":")[2].strip()
