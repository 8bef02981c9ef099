"""Kill workers at any moment of their jobs, and compare the journals, the jobs and the logs of the sites."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import Factory, define, frozen
from databases.embedded import running_postgres

from confluence_groups_sdk.fleet import JobPhase, JobRequest, JobStatus, OffboardRequest, Postgres, SyncRequest
from confluence_groups_sdk.sandbox import Faults
from proving.fleet import compare, find_unknown, undo_all
from proving.fleet_site import GROUP, OPEN, WatchedSite, watched_site

SCRIPTS = Path(__file__).parents[1]
FAULTS = Faults(latency=0.03, error_rate=0.01, drop_before=0.005, drop_after=0.01)
SITES = ("acme", "beta", "gamma", "delta")
LEAVING = "delta"  # people are only removed here
POLL_S = 0.01
STALL_S = 120.0
SHARE = 0.95  # of the changes, until the last kill of a worker that applies a plan
LONGEST_PAUSE_S = 0.2
IN_USE = (JobPhase.PLANNING, JobPhase.APPLYING, JobPhase.VERIFYING)


@define
class Workers:
    """Workers as processes.

    Attributes:
        command: starts one.
        running: the processes by their ids.
        killed: the phase of the job that each killed worker did.
        takeovers: the seconds from each kill until another worker had begun a run of that job.
    """

    command: Sequence[str]
    running: dict[int, subprocess.Popen[bytes]] = Factory(dict)
    killed: list[JobPhase] = Factory(list)
    takeovers: list[float] = Factory(list)

    def start(self) -> None:
        """Start one more."""
        process = subprocess.Popen(self.command, cwd=SCRIPTS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running[process.pid] = process

    def kill(self, number: int) -> None:
        """Kill one."""
        process = self.running.pop(number)
        process.kill()
        process.wait()


@frozen
class Moment:
    """When a worker is killed.

    Attributes:
        number: of the changes that are made before.
        pause_s: seconds from then on.
        phase: of the job that the worker does.
    """

    number: int
    pause_s: float
    phase: JobPhase


@frozen
class Proof:
    """The result.

    Attributes:
        problems: all that is wrong, in words.
        workers: the workers.
        sites: the sites by name.
    """

    problems: list[str]
    workers: Workers
    sites: Mapping[str, WatchedSite]


def prove(changes: int, kills: int, workers: int, seed: int) -> int:
    """Run the proof, and print a summary; return 1 if something is wrong."""
    started = time.monotonic()
    proof = run(changes, kills, workers, seed)
    phases, late = proof.workers.killed, sorted(proof.workers.takeovers)
    made = sum(len(site.made) for site in proof.sites.values())
    repeated = sum(len(site.repeated) for site in proof.sites.values())
    counts = ", ".join(f"{phases.count(phase)} while {phase.value}" for phase in IN_USE)
    print(f"{changes:,} changes at {len(SITES)} sites, {workers} workers at a time, {len(phases)} killed: {counts}")
    print(f"  taken over within {late[len(late) // 2]:.1f} s in the median, {late[-1]:.1f} s at most")
    print(f"  {made:,} changes made by the plans and their undo, {repeated} repeated without effect")
    print(f"  {time.monotonic() - started:.0f} seconds")
    print(*(f"  failed: {each}" for each in proof.problems), sep="\n") if proof.problems else print(
        "  nothing is wrong"
    )
    return 1 if proof.problems else 0


def run(changes: int, kills: int, workers: int, seed: int) -> Proof:
    """Do a job at each site with workers that are killed, then undo all plans."""
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        sites = {name: stack.enter_context(watched_site(FAULTS)) for name in SITES}
        shared = stack.enter_context(Postgres(server.dsn))
        shared.init()
        share = changes // len(SITES)
        people = {name: site.fill(2 * share if name == LEAVING else share) for name, site in sites.items()}
        before = {name: site.members() for name, site in sites.items()}
        jobs = {name: submit(shared, name, before[name], people[name]).id for name in SITES}
        addresses = [f"{name}={site.sandbox.url}" for name, site in sites.items()]
        admin = sites[SITES[0]].sandbox.admin
        command = [sys.executable, "-m", "proving.fleet_host", "work", server.dsn, *admin, *addresses]
        with started(Workers(command), workers) as processes:
            problems = kill_workers(shared, processes, sites, jobs, choose_moments(changes, kills, seed))
            wait_for_end(shared, jobs)
        for name, site in sites.items():
            problems += check(shared, jobs[name], site, before[name], people[name])
        return Proof(problems, processes, sites)


def submit(shared: Postgres, site: str, before: set[str], after: Sequence[str]) -> JobRequest:
    """Submit a job that brings the group of a site into line with a list; at one site, a job that only removes."""
    options: dict[str, Any] = {"guards": OPEN, "needs_approval": False, "stop_after_failures": None}
    request: JobRequest
    if site == LEAVING:
        request = OffboardRequest(id=f"leavers/{site}", site=site, people=sorted(before - {*after}), **options)
    else:
        request = SyncRequest(id=f"everybody/{site}", site=site, group=GROUP, people=after, **options)
    shared.jobs.submit(request)
    return request


@contextmanager
def started(workers: Workers, number: int) -> Iterator[Workers]:
    """Start workers; kill those that are left at the end."""
    try:
        for _ in range(number):
            workers.start()
        yield workers
    finally:
        for each in list(workers.running):
            workers.kill(each)


def choose_moments(changes: int, kills: int, seed: int) -> list[Moment]:
    """Choose the moments: some at the beginning, when plans are made, and some at the end, when they are verified."""
    chance = random.Random(seed)  # noqa: S311 - the moments are not secret
    few = min(len(SITES), kills // 4)
    numbers = sorted(chance.randrange(round(SHARE * changes)) for _ in range(kills - 2 * few))
    return [
        *(Moment(0, chance.uniform(0, LONGEST_PAUSE_S), JobPhase.PLANNING) for _ in range(few)),
        *(Moment(number, chance.uniform(0, LONGEST_PAUSE_S), JobPhase.APPLYING) for number in numbers),
        *(Moment(0, 0.0, JobPhase.VERIFYING) for _ in range(few)),
    ]


def kill_workers(
    shared: Postgres,
    workers: Workers,
    sites: Mapping[str, WatchedSite],
    jobs: Mapping[str, str],
    moments: Sequence[Moment],
) -> list[str]:
    """Kill a worker that does a job at each moment, and start another one; return what the journals do not know."""
    problems: list[str] = []
    for moment in moments:
        found = wait_for_worker(shared, workers, sites, moment)
        if found is None:
            break
        number, before = found
        time.sleep(moment.pause_s)
        workers.kill(number)
        began = time.monotonic()
        workers.killed.append(before.phase)
        workers.start()
        for name, site in sites.items():
            problems += find_unknown_changes(shared, jobs[name], site)
        while (now := shared.jobs.get(before.id)).runs == before.runs and now.phase is not JobPhase.DONE:
            if time.monotonic() - began > STALL_S:
                raise RuntimeError(f"nobody goes on with {before.id}: {now}")
            time.sleep(POLL_S)
        workers.takeovers.append(time.monotonic() - began)
    return problems


def wait_for_worker(
    shared: Postgres, workers: Workers, sites: Mapping[str, WatchedSite], moment: Moment
) -> tuple[int, JobStatus] | None:
    """Wait for a moment; return the process id of a worker and its job, or None if all jobs are done.

    A job that is planned or verified quickly may not be seen in that phase; then any phase will do.
    """
    deadline = time.monotonic() + STALL_S
    while time.monotonic() < deadline:
        queue_again(shared)
        listed = shared.jobs.list()
        if all(job.phase is JobPhase.DONE for job in listed):
            return None
        in_use = [(process_of(job), job) for job in listed if process_of(job) in workers.running]
        in_use = [(number, job) for number, job in in_use if job.phase in IN_USE]
        is_gone = moment.phase is JobPhase.PLANNING and all(job.digest for job in listed)
        if sum(len(site.made) for site in sites.values()) >= moment.number:
            for number, job in in_use:
                if job.phase is moment.phase or is_gone:
                    return number, job
        time.sleep(POLL_S)
    raise RuntimeError(f"no worker goes on: {shared.jobs.list()}")


def process_of(job: JobStatus) -> int:
    """Return the process id of the worker that did a job last; 0 if there is none."""
    return int((job.worker or ":0").rpartition(":")[2])


def queue_again(shared: Postgres) -> None:
    """Let workers go on with jobs in which changes failed, because connections broke."""
    for job in shared.jobs.list():
        if job.phase.can_run_again:
            shared.jobs.queue_again(job.id)


def wait_for_end(shared: Postgres, jobs: Mapping[str, str]) -> None:
    """Wait until all jobs are done."""
    deadline = time.monotonic() + STALL_S
    while any(shared.jobs.get(job).phase is not JobPhase.DONE for job in jobs.values()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done: {shared.jobs.list()}")
        queue_again(shared)
        time.sleep(POLL_S)


def find_unknown_changes(shared: Postgres, job: str, site: WatchedSite) -> list[str]:
    """Return the changes of a site that were made and that the journal does not know."""
    if site.made and shared.jobs.get(job).digest is not None:
        return find_unknown(shared, shared.jobs.plan(job), site)
    return [f"{job}: changes were made without a plan"] if site.made else []


def check(shared: Postgres, job: str, site: WatchedSite, before: set[str], people: Sequence[str]) -> list[str]:
    """Compare a job, its journal and its site, undo it, and compare again."""
    plan, status = shared.jobs.plan(job), shared.jobs.get(job)
    problems = [f"{job}: {each}" for each in compare(shared, plan, site)]
    expected = before & {*people} if shared.jobs.get(job).kind == "offboard" else {*people}
    if site.members() != expected or status.counts.done != len(plan.changes):
        problems.append(f"{job}: {len(site.members())} members, and {status.counts.done} changes done")
    made = len(site.made)
    undo_all(shared, plan, site)
    if site.members() != before or len(site.made) - made != len(plan.changes):
        problems.append(f"{job}: undo does not restore the members")
    return problems
