"""Take the database away while workers and a process without workers apply plans, and compare journals and sites."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import Factory, define, evolve
from databases.embedded import running_postgres
from databases.outages import WAYS, Outage
from databases.relay import running_relay

from confluence_groups_sdk.fleet import JobPhase, Postgres, SyncRequest
from confluence_groups_sdk.membership import Plan, read_journal
from confluence_groups_sdk.sandbox import Faults
from proving.fleet import OUTCOMES, compare, undo_all
from proving.fleet_site import GROUP, OPEN, WatchedSite, watched_site

APPLY_S = 8.0  # the time that each plan takes at least, so that both are in the middle when the outage begins
IN_FLIGHT = 8  # calls of one process
SLOWER = 5  # the workers, until the other process has started
JOB, SITE = "everybody/acme", "acme"
WORKERS = 2
POLL_S = 0.01
STALL_S = 180.0
GRACE_S = 0.5  # until the last request that was sent before has arrived
EARLIEST, LATEST = 0.2, 0.6  # share of the changes that are made before
COMMIT_TIMES = "SELECT line, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM {} WHERE plan = %s"


@define
class Proof:
    """What happened in one outage.

    Attributes:
        problems: all that is wrong, in words.
        late: the changes that arrived at both sites while the database was away, after the first half second.
        stopped_after_s: when the process without workers stopped; None if it did not stop.
        error: its error.
        goes_on_after_s: the time from the end of the outage to the next change of the workers' job.
        done_after_s: the time from the end of the outage until that job was done.
        made: the changes of both sites, with those that undo made.
        repeated: the requests that changed nothing, because another one had made the change.
        copies: the copies of journals that processes wrote when they lost theirs.
    """

    problems: list[str] = Factory(list)
    late: int = 0
    stopped_after_s: float | None = None
    error: str = ""
    goes_on_after_s: float = 0.0
    done_after_s: float = 0.0
    made: int = 0
    repeated: int = 0
    copies: int = 0


@define
class Programs:
    """The workers, and a process that applies a plan without workers.

    Attributes:
        folder: where they run.
        dsn: the database as they reach it.
        sites: of the workers, and of the other process.
        plan: of the other process.
        running: all processes.
        single: the process without workers.
    """

    folder: Path
    dsn: str
    sites: tuple[WatchedSite, WatchedSite]
    plan: Plan
    running: list[subprocess.Popen[bytes]] = Factory(list)
    single: subprocess.Popen[bytes] | None = None

    def start_workers(self) -> None:
        """Start the workers."""
        site = self.sites[0].sandbox
        for _ in range(WORKERS):
            self._start("share-work", self.dsn, *site.admin, f"{SITE}={site.url}")

    def start_single(self) -> subprocess.Popen[bytes]:
        """Start the process without workers, and return it."""
        site, path = self.sites[1].sandbox, self.folder / "plan.json"
        self.plan.save(path)
        self.single = self._start("share-apply", self.dsn, site.url, *site.admin, str(path), "single")
        return self.single

    def said(self) -> str:
        """Return what all processes wrote to their standard error."""
        return (self.folder / "log").read_text()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with (self.folder / "log").open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "proving.fleet_host", *arguments],
                    cwd=self.folder,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                )
            )
        return self.running[-1]


def prove(changes: int, seconds: float, seed: int) -> int:
    """Run the proof, and print a summary; return 1 if something is wrong."""
    code = 0
    for way in WAYS:
        proof = run(way, changes, seconds, seed)
        stopped = proof.stopped_after_s
        single = "goes on" if stopped is None else f"stops after {stopped:.1f} s: {proof.error}"
        print(
            f"{way} for {seconds:g} s: {changes:,} changes of a job of {WORKERS} workers, and as many without workers"
        )
        print(
            f"  {proof.late} changes arrive while the database is away, {proof.copies} copies of journals are written"
        )
        print(
            f"  the job goes on {proof.goes_on_after_s:.1f} s after that, and is done after {proof.done_after_s:.1f} s"
        )
        print(f"  the process without workers {single}")
        print(f"  {proof.made:,} changes made by the plans and their undo, {proof.repeated} repeated without effect")
        problems = [f"  failed: {each}" for each in proof.problems]
        print(*problems or ["  nothing is wrong"], sep="\n", flush=True)
        code = max(code, bool(proof.problems))
    return code


def run(way: str, changes: int, seconds: float, seed: int) -> Proof:
    """Take the database away in one of `WAYS` while plans are applied, and undo them afterwards."""
    share = random.Random(f"{seed} {way}").uniform(EARLIEST, LATEST)  # noqa: S311 - the moment is not secret
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_postgres(settings={"track_commit_timestamp": "on"}))
        relay = stack.enter_context(running_relay(server.port))
        sites = stack.enter_context(watched_site(Faults())), stack.enter_context(watched_site(Faults()))
        shared = stack.enter_context(Postgres(server.dsn))
        shared.init()
        people = sites[0].fill(changes)
        request = SyncRequest(
            id=JOB, site=SITE, group=GROUP, people=people, guards=OPEN, needs_approval=False, stop_after_failures=None
        )
        shared.jobs.submit(request)
        plan = sites[1].make_plan(changes)
        before = [site.members() for site in sites]
        pace = Faults(latency=IN_FLIGHT * APPLY_S / changes)
        sites[0].sandbox.faults, sites[1].sandbox.faults = evolve(pace, latency=SLOWER * pace.latency), pace
        dsn = server.dsn.replace(str(server.port), str(relay.port))
        with started(Programs(folder, dsn, sites, plan)) as programs:
            wait_until(lambda: shared.jobs.get(JOB).digest, "workers begin")
            programs.start_single()
            wait_until(lambda: sites[1].made, "the process without workers begins")
            sites[0].sandbox.faults = pace
            wait_until(lambda: all(len(site.made) >= share * changes for site in sites), "changes are made")
            proof = Proof([f"{len(site.made)} changes were made before" for site in sites if len(site.made) == changes])
            take_away(WAYS[way](server, relay), seconds, shared, programs, proof)
            try:
                finish(shared, programs, proof)
            except RuntimeError as error:
                proof.problems.append(str(error))
        for site, each, members in zip(sites, (shared.jobs.plan(JOB), plan), before, strict=True):
            proof.problems += check(shared, each, site, members)
        proof.problems += check_copies(programs, proof)
        proof.made = sum(len(site.made) for site in sites)
        proof.repeated = sum(len(site.repeated) for site in sites)
        return proof


@contextmanager
def started(programs: Programs) -> Iterator[Programs]:
    """Start the workers; kill all processes at the end."""
    try:
        programs.start_workers()
        yield programs
    except BaseException:
        print(programs.said()[-5000:], file=sys.stderr)
        raise
    finally:
        for each in programs.running:
            each.kill()
            each.wait()


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = STALL_S) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not in {timeout_s:g} s: {what}")
        time.sleep(POLL_S)


def take_away(outage: Outage, seconds: float, shared: Postgres, programs: Programs, proof: Proof) -> None:
    """Take the database away, and check what its journals know before others reach it again."""
    began, single = time.monotonic(), programs.single
    assert single is not None, "it was started"
    outage.begin()
    sent = None
    while (passed := time.monotonic() - began) < seconds:
        if sent is None and passed > GRACE_S:
            sent = count_requests(programs)
        if proof.stopped_after_s is None and single.poll() is not None:
            proof.stopped_after_s = passed
        time.sleep(POLL_S)
    proof.late = count_requests(programs) - sent if sent is not None else 0
    if outage.prepare_end():
        for site, plan in zip(programs.sites, (shared.jobs.plan(JOB), programs.plan), strict=True):
            proof.problems += find_unintended(shared, plan, site)
            proof.problems += find_false(shared, plan, site)
    outage.end()


def count_requests(programs: Programs) -> int:
    """Return how many changes have arrived."""
    return sum(len(site.made) + len(site.repeated) for site in programs.sites)


def finish(shared: Postgres, programs: Programs, proof: Proof) -> None:
    """Wait for the workers' job, and start the process without workers again if it stopped."""
    began, site, single = time.monotonic(), programs.sites[0], programs.single
    assert single is not None, "it was started"
    first = len(site.made)
    if proof.stopped_after_s is not None:
        proof.error = programs.said().rstrip().rpartition("\n")[2]
        if (
            single.returncode != 1
            or "JournalError" not in programs.said()
            or "lost its connection" not in programs.said()
        ):
            proof.problems.append(f"the process without workers ended with {single.returncode}: {proof.error}")
        single = programs.start_single()
    wait_until(lambda: len(site.made) > first or shared.jobs.get(JOB).phase is JobPhase.DONE, "the job goes on")
    proof.goes_on_after_s = time.monotonic() - began
    wait_until(lambda: shared.jobs.get(JOB).phase in (JobPhase.DONE, JobPhase.INCOMPLETE, JobPhase.FAILED), "it ends")
    proof.done_after_s = time.monotonic() - began
    job = shared.jobs.get(JOB)
    if job.phase is not JobPhase.DONE or job.error or job.counts.left or job.counts.failed:
        proof.problems.append(f"the job ends as {job.phase} with {job.counts}: {job.error}")
    if single.wait(STALL_S):
        proof.problems.append(f"the process without workers ended with {single.returncode}")


def check(shared: Postgres, plan: Plan, site: WatchedSite, before: set[str]) -> list[str]:
    """Compare a plan, its journal and its site, undo it, and compare again."""
    problems = find_unintended(shared, plan, site) + compare(shared, plan, site)
    made, site.sandbox.faults = len(site.made), Faults()
    undo_all(shared, plan, site)
    if site.members() != before or len(site.made) - made != len(plan.changes):
        problems.append("undo does not restore the members")
    return problems


def find_unintended(shared: Postgres, plan: Plan, site: WatchedSite) -> list[str]:
    """Return the requests that arrived before the intent was committed, by the clock of this machine."""
    intended: dict[str, float] = {}
    connections = shared._connections
    sql = COMMIT_TIMES.format(f"{connections.schema}.journal_lines").encode()
    for line, at in connections.run(lambda connection: connection.execute(sql, [plan.digest]).fetchall()):
        for change in json.loads(bytes(line)).get("intents", ()):
            name = change["account_id"]
            intended[name] = min(at, intended.get(name, at))
    return [
        f"{each.action} {each.account_id} was sent before its intent was in the journal"
        for each in [*site.made, *site.repeated]
        if intended.get(each.account_id, each.at) >= each.at - site.sandbox.faults.latency
    ]


def find_false(shared: Postgres, plan: Plan, site: WatchedSite) -> list[str]:
    """Return the results in the journal that are not true."""
    made = {(each.action, each.account_id) for each in [*site.made]}
    results = read_journal(shared.journal(plan)).results.values()
    return [
        f"{each.change.account_id}: the journal says {each.outcome}"
        for each in results
        if (each.outcome is OUTCOMES[each.change.action]) is not ((each.change.action, each.change.account_id) in made)
    ]


def check_copies(programs: Programs, proof: Proof) -> list[str]:
    """Return the results in the copies of journals that are not true."""
    copies = sorted(programs.folder.glob("*.recovered*.journal"))
    proof.copies = len(copies)
    made = [{each.account_id for each in site.made} for site in programs.sites]
    problems = []
    for copy in copies:
        results = read_journal(copy).results.values()
        known = made[1] if programs.plan.digest.startswith(copy.name.split("-")[1][:12]) else made[0]
        problems += [
            f"{copy.name}: {each.change.account_id} {each.outcome}"
            for each in results
            if each.outcome is not OUTCOMES[each.change.action] or each.change.account_id not in known
        ]
    return problems
