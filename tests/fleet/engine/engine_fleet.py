"""A small fleet on this machine: sandboxes as sites, and workers as processes, for the tests of the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import worker_process
from databases.embedded import EmbeddedPostgres

from confluence_groups_sdk.fleet import JobPhase, JobStatus, OffboardRequest, Postgres
from confluence_groups_sdk.membership import Guards, read_journal
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox

OPEN = Guards(max_removals=None, max_fraction=1.0)
GROUP = "group-1"
TIMEOUT_S = 90.0
POLL_S = 0.05
ENDED = (JobPhase.DONE, JobPhase.INCOMPLETE, JobPhase.REFUSED, JobPhase.FAILED)


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> Any:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in {timeout_s:.0f} s: {what}"
        time.sleep(POLL_S)
    return value


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, command: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stream, env=environment, text=True, cwd=log.parent
            )
        assert self.process.stdout is not None
        self.id = self.process.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)

    @property
    def text(self) -> str:
        return self.log.read_text()


class Fleet:
    """Sites, workers and the database that they share."""

    def __init__(self, server: EmbeddedPostgres, shared: Postgres, schema: str, folder: Path) -> None:
        self.server, self.shared, self.schema, self.folder = server, shared, schema, folder
        self.sites: dict[str, Sandbox] = {}
        self.workers: list[WorkerProcess] = []

    def add_site(self, name: str, people: int, **faults: Any) -> list[str]:
        """Start a sandbox with a group of people, and return their account ids."""
        sandbox = Sandbox(faults=Faults(**faults)).start()
        ids = [f"{name}-{number:03d}" for number in range(people)]
        for each in ids:
            sandbox.directory.add_person(Person(each, f"P {each}", f"{each}@example.com"))
        sandbox.directory.add_group(Group(GROUP, "Team"), ids)
        self.sites[name] = sandbox
        return ids

    def environment(self, site: str) -> dict[str, str]:
        """Return the environment of a process that works on the sites; their sandboxes have the same admin."""
        email, token = self.sites[site].admin
        own = {"CONFLUENCE_EMAIL": email, "CONFLUENCE_API_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path)}
        return {**os.environ, **own}

    def start_worker(self, *, at_once: int = 2, lost: Sequence[str] = (), role: str | None = None) -> WorkerProcess:
        """Start a worker, which does not know the lost sites, and connects as a role."""
        sites = [f"{name}={sandbox.url}" for name, sandbox in self.sites.items() if name not in lost]
        dsn = psycopg.conninfo.make_conninfo(self.server.dsn, user=role) if role else self.server.dsn
        command = [sys.executable, worker_process.__file__, dsn, self.schema, str(at_once), *sites]
        worker = WorkerProcess(
            command, self.folder / f"worker-{len(self.workers)}.log", self.environment(next(iter(self.sites)))
        )
        self.workers.append(worker)
        return worker

    def submit(self, site: str, people: Sequence[str], *, job: str = "leavers", **options: Any) -> str:
        """Submit a job that removes people from their groups, and return its id."""
        job_id = f"{job}/{site}"
        options = {"needs_approval": False, "guards": OPEN, "stop_after_failures": None, **options}
        self.shared.jobs.submit(OffboardRequest(id=job_id, site=site, people=tuple(people), **options))
        return job_id

    def status(self, job_id: str) -> JobStatus:
        return self.shared.jobs.get(job_id)

    def wait_for(self, job_id: str, *phases: JobPhase, timeout_s: float = TIMEOUT_S) -> JobStatus:
        """Wait until a job has one of these phases, or has ended."""

        def reached() -> JobStatus | None:
            status = self.status(job_id)
            return status if status.phase in (phases or ENDED) else None

        try:
            found: JobStatus = wait_until(reached, f"{job_id}: {phases or ENDED}", timeout_s)
        except AssertionError:
            print(self.status(job_id), *(each.text[-3000:] for each in self.workers), sep="\n")
            raise
        return found

    def owner(self, job_id: str) -> WorkerProcess:
        """Return the worker that applies a job."""
        status = self.status(job_id)
        (found,) = [each for each in self.workers if status.worker and status.worker.endswith(f":{each.process.pid}")]
        return found

    def sent(self, site: str) -> Counter[str]:
        """Return how often each change was received."""
        return Counter(
            f"{each.method} {each.target}" for each in self.sites[site].requests if each.method in ("POST", "DELETE")
        )

    def recorded(self, job_id: str) -> set[str]:
        """Return the account ids whose removal has a result in the journal."""
        digest = self.status(job_id).digest
        if digest is None:
            return set()
        journal = self.shared.journal(digest)
        return {account_id for _, account_id in read_journal(journal).results} if journal.read() else set()

    def left(self, site: str) -> list[str]:
        return [person.account_id for person in self.sites[site].directory.members(GROUP)]

    def running(self) -> list[tuple[str, str]]:
        """Return the sites and workers of the jobs that workers have begun and not ended, by DBOS's own table."""
        table = f"{self.schema}_dbos.workflow_status"
        with psycopg.connect(self.server.dsn) as connection:
            if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
                return []
            sql = f"SELECT queue_partition_key, executor_id FROM {table} WHERE status = 'PENDING'"
            return connection.execute(sql.encode()).fetchall()

    def all_tables(self) -> list[str]:
        """Return the content of all tables, DBOS's too, as texts."""
        names = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema = ANY(%s)"
        texts = []
        with psycopg.connect(self.server.dsn) as connection:
            for (name,) in connection.execute(names, [[self.schema, f"{self.schema}_dbos"]]).fetchall():
                rows = connection.execute(f"SELECT row_to_json(t)::text FROM {name} AS t".encode()).fetchall()
                texts += [text for (text,) in rows]
                blobs = connection.execute(
                    "SELECT column_name FROM information_schema.columns "
                    "WHERE table_schema || '.' || table_name = %s AND data_type = 'bytea'",
                    [name],
                )
                for (column,) in blobs.fetchall():
                    values = connection.execute(f"SELECT {column} FROM {name}".encode()).fetchall()
                    texts += [bytes(value).decode(errors="replace") for (value,) in values if value is not None]
        return texts

    def close(self) -> None:
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.kill()
            if worker.process.stdout:
                worker.process.stdout.close()
        for sandbox in self.sites.values():
            sandbox.stop()
