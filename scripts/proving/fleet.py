"""Kill processes that apply one plan with its journal in PostgreSQL, and compare the journal with the site's log."""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen
from databases.embedded import running_postgres

from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.membership import Action, Outcome, Plan, apply, read_journal, undo
from confluence_groups_sdk.sandbox import Faults
from proving.fleet_site import OPEN, WatchedSite, watched_site

SCRIPTS = Path(__file__).parents[1]
FAULTS = Faults(latency=0.004, error_rate=0.01, drop_before=0.005, drop_after=0.01)
OUTCOMES = {Action.ADD: Outcome.ADDED, Action.REMOVE: Outcome.REMOVED}
NAME = re.compile(r"host-\d+")
POLL_S = 0.001
STALL_S = 60.0
ROUNDS = 20
SHARE = 0.95  # of the changes, until the last kill


@frozen
class Hosts:
    """Processes that apply a plan: one at a time, the others wait.

    Attributes:
        command: starts one; its name is added.
        running: the processes by name.
        takeovers: the seconds from each kill until another process sent something.
        numbers: of the processes, for their names.
    """

    command: list[str]
    running: dict[str, subprocess.Popen[str]] = field(factory=dict)
    takeovers: list[float] = field(factory=list)
    numbers: Iterator[int] = field(factory=itertools.count)

    def start(self) -> None:
        """Start one more."""
        name = f"host-{next(self.numbers)}"
        self.running[name] = subprocess.Popen([*self.command, name], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True)

    def stop(self) -> None:
        """Kill all that are left."""
        for process in self.running.values():
            process.kill()
            process.communicate()


def prove(changes: int, kills: int, processes: int, seed: int) -> int:
    """Run the proof, and print a summary; return 1 if something is wrong."""
    problems, takeovers, site = run(changes, kills, processes, seed)
    late = sorted(takeovers)
    print(f"{changes:,} changes, {processes} processes, {len(late)} killed while they applied the plan")
    print(f"  taken over within {late[len(late) // 2]:.2f} s in the median, {late[-1]:.2f} s at most")
    print(f"  {len(site.made):,} changes made by the plan and its undo, {len(site.repeated)} repeated without effect")
    print(*(f"  failed: {problem}" for problem in problems), sep="\n") if problems else print("  nothing is wrong")
    return 1 if problems else 0


def run(changes: int, kills: int, processes: int, seed: int) -> tuple[list[str], list[float], WatchedSite]:
    """Apply a plan with processes that are killed, then undo it.

    Returns:
        The problems, the seconds of each takeover, and the site.
    """
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server, watched_site(FAULTS) as site:
        plan = site.make_plan(changes)
        before, path, problems = site.members(), Path(folder) / "plan.json", list[str]()
        plan.save(path)
        with Postgres(server.dsn) as shared:
            shared.init()
            command = [sys.executable, "-m", "proving.fleet_host", "apply", server.dsn, site.sandbox.url]
            with started(Hosts([*command, *site.sandbox.admin, str(path)]), processes) as hosts:
                for killed in kill_hosts(hosts, site, choose_moments(changes, kills, seed)):
                    killed.communicate()
                    problems += find_unknown(shared, plan, site)
                problems += wait_for_end(hosts)
            problems += compare(shared, plan, site)
            made = len(site.made)
            undo_all(shared, plan, site)
            if site.members() != before or len(site.made) - made != changes:
                problems.append("undo does not restore the members")
        return problems, hosts.takeovers, site


@contextmanager
def started(hosts: Hosts, processes: int) -> Iterator[Hosts]:
    """Start processes; kill those that are left at the end."""
    try:
        for _ in range(processes):
            hosts.start()
        yield hosts
    finally:
        hosts.stop()


def choose_moments(changes: int, kills: int, seed: int) -> list[tuple[int, float]]:
    """Choose how many changes are made before each kill, and the seconds from then on."""
    chance = random.Random(seed)  # noqa: S311 - the moments are not secret
    numbers = sorted(chance.randrange(round(SHARE * changes)) for _ in range(kills))
    # each fifth process is killed when it has just begun
    return [(0 if each % 5 == 4 else number, chance.uniform(0, 0.01)) for each, number in enumerate(numbers)]


def kill_hosts(
    hosts: Hosts, site: WatchedSite, moments: Sequence[tuple[int, float]]
) -> Iterator[subprocess.Popen[str]]:
    """Kill the process that applies the plan, start another one, and yield the killed one when the plan goes on."""
    killed = ""
    for number, pause in moments:
        holder = wait_for_sender(site, killed, number)
        time.sleep(pause)
        process = hosts.running.pop(holder)
        process.kill()
        began, killed = time.monotonic(), holder
        hosts.start()
        wait_for_sender(site, killed, 0)
        hosts.takeovers.append(time.monotonic() - began)
        yield process


def wait_for_sender(site: WatchedSite, killed: str, moment: int) -> str:
    """Wait for a number of changes, and for a request of another process than the killed one; return its name."""
    deadline = time.monotonic() + STALL_S
    while time.monotonic() < deadline:
        seen = site.sandbox.requests[-1:]
        found = NAME.search(seen[0].headers.get("user-agent", "")) if seen else None
        if found and found[0] != killed and len(site.made) >= moment:
            return found[0]
        time.sleep(POLL_S)
    raise RuntimeError(f"no process goes on after {len(site.made)} changes")


def wait_for_end(hosts: Hosts) -> list[str]:
    """Wait until all processes have ended by themselves; return their problems."""
    problems = []
    for name, process in hosts.running.items():
        said = process.communicate(timeout=STALL_S)[0]
        if process.returncode or not said.endswith("complete\n"):
            problems.append(f"{name} ended with {process.returncode}: {said[-200:]}")
    return problems


def find_unknown(shared: Postgres, plan: Plan, site: WatchedSite) -> list[str]:
    """Return the changes that were made and that the journal does not know."""
    made = {each.account_id for each in (*site.made, *site.repeated)}
    state = read_journal(shared.journal(plan))
    known = {change.account_id for change in plan.changes if change.key in {*state.results, *state.in_doubt}}
    return [f"{account_id} was sent, and the journal does not know it" for account_id in sorted(made - known)]


def undo_all(shared: Postgres, plan: Plan, site: WatchedSite) -> None:
    """Undo the plan; connections break meanwhile, so it is resumed."""
    with site.client() as groups:
        back = undo(groups, shared.journal(plan), guards=OPEN)
        for _ in range(ROUNDS):
            if not apply(groups, back, journal=shared.journal(back), stop_after_failures=None).unfinished:
                return


def compare(shared: Postgres, plan: Plan, site: WatchedSite) -> list[str]:
    """Return the differences between the plan, its journal and the site's log."""
    state = read_journal(shared.journal(plan))
    made: Mapping[tuple[Action, str], int] = Counter((each.action, each.account_id) for each in site.made)
    problems = [f"{key} is in doubt" for key in state.in_doubt]
    for change in plan.changes:
        result = state.results.get(change.key)
        outcome = result.outcome if result else None
        if outcome is not OUTCOMES[change.action]:
            problems.append(f"{change.action} {change.account_id}: the journal says {outcome}")
        if (times := made.get((change.action, change.account_id), 0)) != 1:
            problems.append(f"{change.action} {change.account_id}: made {times} times")
    if len(site.made) != len(plan.changes):
        problems.append(f"{len(site.made)} changes were made, {len(plan.changes)} planned")
    return problems
