"""Let two workers do a job at each of 50 sites, and compare with the time that the sites' limits and the CPUs allow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from databases.embedded import running_postgres

from benchmarking.figures import Figure
from confluence_groups_sdk.fleet import JobPhase, OffboardRequest, Postgres
from confluence_groups_sdk.membership import Guards
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox

SITES = 50
LEAVERS = 20
GROUPS = ("editors", "readers")
CHANGES = SITES * LEAVERS * len(GROUPS)
STAYERS = 30  # of each group
RATE = 5.0  # calls a second that each site lets through
WORKERS = 2
TIMEOUT_S = 300.0
POLL_S = 0.05
IDLE_S = 0.5
IDLE_PERCENT = 15.0  # of a CPU
OPEN = Guards(max_removals=None, max_fraction=1.0)
SITE_SECTION = '[sites.{name}]\nurl = "{url}"\nemail = "BENCHMARK_EMAIL"\napi_token = "BENCHMARK_TOKEN"\n'


def measure() -> Iterator[Figure]:
    """Time the jobs, from their submission to workers that have started until the end of the last one."""
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        sandboxes = {
            f"site-{number:02d}": stack.enter_context(Sandbox(faults=Faults(rate_limit=RATE)))
            for number in range(SITES)
        }
        leavers = fill(sandboxes.values())
        shared = stack.enter_context(Postgres(server.dsn))
        shared.init()
        workers = stack.enter_context(Workers(server.dsn, sandboxes))
        _wait(lambda: len(shared.workers()) == WORKERS and workers.are_idle())
        before, began = workers.cpu_seconds(), time.monotonic()
        for name in sandboxes:
            request = OffboardRequest(
                id=f"leavers/{name}", site=name, people=leavers, needs_approval=False, guards=OPEN
            )
            shared.jobs.submit(request)
        _wait(lambda: len(shared.jobs.list(phase=JobPhase.DONE)) == SITES)
        seconds, busy = time.monotonic() - began, workers.cpu_seconds() - before
        assert not any(sandbox.directory.members(f"id-of-{GROUPS[0]}")[STAYERS:] for sandbox in sandboxes.values())
        by_limit = max(len(sandbox.requests) for sandbox in sandboxes.values()) / RATE
    by_cpu = busy / (os.cpu_count() or 1)
    what = f"{SITES} sites x {LEAVERS * len(GROUPS)} changes, {WORKERS} workers, {RATE:g} a second at each site"
    note = f"{seconds:.0f} s; the limits allow {by_limit:.0f} s, and the CPUs {by_cpu:.0f} s"
    yield Figure(what, seconds / max(by_limit, by_cpu), "x", "the slower of limits and CPUs", goal=1.11, note=note)


def fill(sandboxes: Iterable[Sandbox]) -> list[str]:
    """Add people and groups to each site, and return those who leave."""
    leavers = [f"leaver-{number:03d}" for number in range(LEAVERS)]
    everybody = [*(f"stayer-{number:03d}" for number in range(STAYERS)), *leavers]
    for sandbox in sandboxes:
        for each in everybody:
            sandbox.directory.add_person(Person(each, each, f"{each}@example.com"))
        for group in GROUPS:
            sandbox.directory.add_group(Group(f"id-of-{group}", group), everybody)
    return leavers


class Workers:
    """The workers, as processes of the command line.

    Args:
        dsn: the address of the database.
        sandboxes: the sites by name.
    """

    def __init__(self, dsn: str, sandboxes: dict[str, Sandbox]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, "fleet.toml")
        sections = (SITE_SECTION.format(name=name, url=sandbox.url) for name, sandbox in sandboxes.items())
        file.write_text("".join(sections), encoding="utf-8")
        email, token = next(iter(sandboxes.values())).admin
        own = {"CONFLUENCE_FLEET_DSN": dsn, "BENCHMARK_EMAIL": email, "BENCHMARK_TOKEN": token}
        at_once = str(SITES // WORKERS)
        command = [
            sys.executable,
            "-m",
            "confluence_groups_sdk.cli",
            "fleet",
            "worker",
            str(file),
            "--at-once",
            at_once,
        ]
        self._processes = [
            subprocess.Popen(command, env=os.environ | own, stdout=subprocess.DEVNULL, cwd=self._folder.name)
            for _ in range(WORKERS)
        ]

    def cpu_seconds(self) -> float:
        """Return what the workers, this process with its sandboxes, and the database have used."""
        times = [psutil.Process(each.pid).cpu_times() for each in self._processes]
        me = psutil.Process()
        others = [each for each in me.children(recursive=True) if each.name().startswith("postgres")]
        times += [me.cpu_times(), *(each.cpu_times() for each in others)]
        return float(sum(each.user + each.system for each in times))

    def are_idle(self) -> bool:
        """Check whether all of them have started: until then, they load their modules."""
        return all(psutil.Process(each.pid).cpu_percent(IDLE_S) <= IDLE_PERCENT for each in self._processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in self._processes:
            each.send_signal(signal.SIGTERM)
        for each in self._processes:
            each.wait()
        self._folder.cleanup()


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "the jobs have not ended"
        time.sleep(POLL_S)
