"""Off-board 250 people from four sites with two workers, kill one of them, and check what became of the sites."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from databases.embedded import running_postgres

from confluence_groups_sdk.fleet import JobPhase, JobStatus, Postgres
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox

SITES = ("acme", "beta", "gamma", "delta")
LEAVERS = 250
GROUPS = ("editors", "readers")
STAYERS = 270  # of each group
RATE = 50.0  # calls per second that each site allows
KILL_AFTER = 1 / 3  # of the changes
TIMEOUT_S = 120.0
POLL_S = 0.1
JOB = "leavers"
SITE_SECTION = """
[sites.{name}]
url = "{url}"
email = "DEMO_EMAIL"          # names of environment variables
api_token = "DEMO_API_TOKEN"
"""
JOB_SECTION = f"""
[jobs.{JOB}]
kind = "offboard"
people = "leavers.csv"
guards = {{ max_removals = "none" }}
"""


def main() -> int:
    """Run the demo, and return whether everything ended as intended."""
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print("Starting PostgreSQL and four Confluence sandboxes on this machine; nothing leaves it.")
        server = stack.enter_context(running_postgres())
        sites = {name: stack.enter_context(Sandbox(faults=Faults(rate_limit=RATE))) for name in SITES}
        fill(sites)
        write_files(folder, sites)
        demo = Demo(folder, server.dsn, sites)
        stack.callback(demo.stop_workers)
        problems = demo.run()
    print(f"\n{time.monotonic() - started:.0f} seconds in all.")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def count_changes() -> int:
    """Return the number of changes that are intended."""
    return len(SITES) * LEAVERS * len(GROUPS)


def fill(sites: Mapping[str, Sandbox]) -> None:
    """Add people and groups to each site."""
    leavers = [f"leaver-{number:03d}" for number in range(LEAVERS)]
    for sandbox in sites.values():
        stayers = [f"stayer-{number:03d}" for number in range(STAYERS)]
        for each in (*leavers, *stayers):
            sandbox.directory.add_person(Person(each, each.replace("-", " ").title(), f"{each}@example.com"))
        for group in GROUPS:
            sandbox.directory.add_group(Group(f"id-of-{group}", group), [*leavers, *stayers])


def write_files(folder: Path, sites: Mapping[str, Sandbox]) -> None:
    """Write fleet.toml and the list of people."""
    sections = [SITE_SECTION.format(name=name, url=sandbox.url) for name, sandbox in sites.items()]
    (folder / "fleet.toml").write_text("".join(sections).lstrip() + JOB_SECTION, encoding="utf-8")
    rows = ["accountId", *(f"leaver-{number:03d}" for number in range(LEAVERS))]
    (folder / "leavers.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


class Demo:
    """The steps of the demo.

    Args:
        folder: has fleet.toml.
        dsn: the address of the database.
        sites: the sandboxes by name.
    """

    def __init__(self, folder: Path, dsn: str, sites: Mapping[str, Sandbox]) -> None:
        self._folder, self._sites = folder, sites
        email, token = sites[SITES[0]].admin
        own = {"CONFLUENCE_FLEET_DSN": dsn, "DEMO_EMAIL": email, "DEMO_API_TOKEN": token, "NO_COLOR": "1"}
        self._environment = {**os.environ, **own, "COLUMNS": "120"}
        self._dsn = dsn
        self._workers: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []

    def run(self) -> list[str]:
        """Do it all, and return what did not end as intended."""
        changes = count_changes()
        self._command("fleet", "init")
        self._command("fleet", "submit", "fleet.toml")
        with Postgres(self._dsn) as shared:
            for name in "AB":
                self._start_worker(name)
            jobs = self._wait(shared, lambda jobs: all(job.phase is JobPhase.WAITING_FOR_APPROVAL for job in jobs))
            print("\nAll four plans are there. A second person looks at each and approves it by its digest.")
            approvals = self._approve(jobs)
            self._wait(shared, lambda _: self._sent().total() >= KILL_AFTER * changes)
            victim = self._busiest(shared)
            print(f"\n*** {self._sent().total()} of {changes} changes were sent: kill -9 of worker {victim} ***\n")
            self._workers[victim].kill()
            for each in approvals:
                finish(each)
            killed_at = time.monotonic()
            pid = self._workers[victim].pid
            mine = [job.id for job in shared.jobs.list() if job.worker and job.worker.endswith(f":{pid}")]
            self._wait(shared, lambda jobs: not [job for job in jobs if job.id in mine and is_held(job, pid)])
            seconds = time.monotonic() - killed_at
            print(f"*** the other worker had free places, and has taken over, after {seconds:.1f} seconds ***\n")
            jobs = self._wait(shared, lambda jobs: all(job.phase is JobPhase.DONE for job in jobs))
        self._command("fleet", "status")
        return list(self._check(jobs))

    def stop_workers(self) -> None:
        """End the workers in order."""
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self._workers.values():
            worker.wait(TIMEOUT_S)
        for reader in self._readers:
            reader.join()

    def _check(self, jobs: list[JobStatus]) -> Iterator[str]:
        """Compare the sites with what was intended, print that, and yield the differences."""
        sent, changes = self._sent(), count_changes()
        again = sent.total() - len(sent)
        for name, sandbox in self._sites.items():
            for group in GROUPS:
                left = [each.account_id for each in sandbox.directory.members(f"id-of-{group}")]
                if sorted(left) != [f"stayer-{number:03d}" for number in range(STAYERS)]:
                    yield f"{name}: {group} has {len(left)} members, not {STAYERS}"
        for job in jobs:
            if job.counts.done != LEAVERS * len(GROUPS):
                yield f"{job.id}: {job.counts.done} changes are done"
        if len(sent) != changes:
            yield f"{len(sent)} changes were sent, not {changes}"
        print(
            f"\n{len(sent)} changes, {changes} intended; {again} were sent again, because a response was lost with the "
            "killed worker or the site was busy.\nThe leavers are in no group, and everybody else is where they were."
        )

    def _approve(self, jobs: list[JobStatus]) -> list[subprocess.Popen[str]]:
        """Begin to approve all plans at the same time."""
        commands = [("fleet", "approve", job.id, str(job.digest), "--yes", "--by", "Ann") for job in jobs]
        for command in commands:
            print(f"$ confluence-groups {' '.join(command)}")
        return [self._start(command) for command in commands]

    def _command(self, *arguments: str) -> None:
        """Run a command of the package and print it with its output."""
        print(f"\n$ confluence-groups {' '.join(arguments)}")
        print(finish(self._start(arguments)))

    def _start(self, arguments: Sequence[str], *, is_worker: bool = False) -> subprocess.Popen[str]:
        """Start a command of the package; Ctrl-C is for the demo, which ends the workers."""
        return subprocess.Popen(
            [sys.executable, "-m", "confluence_groups_sdk.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=self._environment,
            encoding="utf-8",
            start_new_session=is_worker,
        )

    def _start_worker(self, name: str) -> None:
        """Start a worker whose lines are printed with its name."""
        command = ("fleet", "worker", "fleet.toml", "--at-once", "2")
        print(f"\n$ confluence-groups {' '.join(command)}    # worker {name}")
        worker = self._start(command, is_worker=True)
        assert worker.stdout is not None
        self._workers[name] = worker
        reader = threading.Thread(target=print_lines, args=(name, worker.stdout), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _wait(self, shared: Postgres, condition: Callable[[list[JobStatus]], Any]) -> list[JobStatus]:
        """Wait until a condition is true of the jobs, and return them."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition(jobs := shared.jobs.list()):
            ended = [job for job in jobs if job.phase.can_run_again]
            if ended or time.monotonic() > deadline:
                raise SystemExit(json.dumps([job.as_json() for job in ended or jobs], indent=2))
            time.sleep(POLL_S)
        return jobs

    def _busiest(self, shared: Postgres) -> str:
        """Return the worker that applies the most jobs."""
        processes = {str(worker.pid): name for name, worker in self._workers.items()}
        owners = [job.worker.rpartition(":")[2] for job in shared.jobs.list(phase=JobPhase.APPLYING) if job.worker]
        return Counter(processes[each] for each in owners if each in processes).most_common(1)[0][0]

    def _sent(self) -> Counter[str]:
        """Return how often each change was received."""
        return Counter(
            f"{name} {each.target}"
            for name, sandbox in self._sites.items()
            for each in sandbox.requests
            if each.method == "DELETE"
        )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command, and return its output.

    Raises:
        SystemExit: it failed.
    """
    output, _ = process.communicate(timeout=TIMEOUT_S)
    if process.returncode:
        raise SystemExit(output)
    return output.rstrip()


def is_held(job: JobStatus, process: int) -> bool:
    """Whether a job still belongs to a process that was killed."""
    return job.phase is not JobPhase.DONE and bool(job.worker and job.worker.endswith(f":{process}"))


def print_lines(name: str, stream: TextIO) -> None:
    """Print the lines of a worker with its name."""
    with stream:
        for line in stream:
            print(f"  [{name}] {line.rstrip()}", flush=True)
