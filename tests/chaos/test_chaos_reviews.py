"""A review while a fifth of the calls fail and each command is killed again and again: its evidence still verifies.

The commands are processes that kill themselves, as ``kill -9`` does, at a moment chosen by the seed: before or after a
request, before data is flushed to disk, or before a file gets its name. Then the same command runs again.
"""

from __future__ import annotations

import csv
import random
import signal
from pathlib import Path

import forked
import killed_command
import pytest

from confluence_groups_sdk.membership import Plan, read_journal
from confluence_groups_sdk.review import Snapshot, verify_evidence
from confluence_groups_sdk.sandbox import Faults, Sandbox, add_company

PEOPLE, GROUPS = 60, 10
MOMENTS = {"snapshot": 45, "decide": 25, "apply": 15, "evidence": 3}
"""The last of the moments from which each kill is chosen."""
KILLS = 3  # of each command
ATTEMPTS = 20
DONE = (0, 5)  # 5: an earlier run has finished the plan


class Commands:
    """Runs commands in a folder, and kills them at moments chosen by a seed."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self._chance = random.Random(seed)
        self._folder = folder
        patch.chdir(folder)
        patch.setenv("CONFLUENCE_SITE", sandbox.url)
        patch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
        patch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "home"))
        self.kills: dict[str, int] = dict.fromkeys(MOMENTS, 0)

    def run(self, *arguments: str, kill_at: int = 0) -> int:
        """Run a command, and return its exit code."""
        process = forked.run(killed_command.run_until_moment, str(kill_at), *arguments)
        assert "Traceback" not in process.stderr, process.stderr
        return process.returncode

    def run_until_done(self, step: str, *arguments: str, result: str | None = None) -> None:
        """Run the same command until it is done, and kill the first runs.

        Args:
            step: the command whose moments are used.
            arguments: the command.
            result: the file that the command writes last: if it exists, the command is done.
        """
        moments = self._chance.sample(range(1, MOMENTS[step] + 1), KILLS)
        for attempt in range(ATTEMPTS):
            code = self.run(*arguments, kill_at=moments[attempt] if attempt < KILLS else 0)
            self.kills[step] += code == -signal.SIGKILL
            if code in DONE or (result is not None and (self._folder / result).exists()):
                return
            assert code in (-signal.SIGKILL, 1, 4), code  # killed, a call that failed too often, or changes left
        raise AssertionError(f"{step} is never done")


def fill_in(sheet: Path, returned: Path, chance: random.Random) -> set[tuple[str, str]]:
    """Decide about every membership by chance, and return the decided removals."""
    with open(sheet, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        header, rows = list(reader.fieldnames or ()), list(reader)
    removals = set()
    for row in rows:
        is_leaving = chance.random() < 0.2 and row["account_type"] == "atlassian" and "admin" not in row["access"]
        row.update(decision="remove" if is_leaving else "keep", reviewer="Rita")
        if is_leaving:
            removals.add((row["group_id"], row["account_id"]))
    returned.mkdir()
    with open(returned / "all.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return removals


def memberships(sandbox: Sandbox) -> set[tuple[str, str]]:
    directory = sandbox.directory
    return {(group, person.account_id) for group in directory.groups for person in directory.members(group)}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_review_with_faults_and_kills_in_each_step_is_verified(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    add_company(sandbox.directory, people=PEOPLE, groups=GROUPS, seed=seed)
    before = memberships(sandbox)
    commands = Commands(sandbox, tmp_path, seed, monkeypatch)
    sandbox.faults = Faults(error_rate=0.1, drop_after=0.1, seed=seed)

    commands.run_until_done("snapshot", "review", "snapshot", "--out", "q4.snapshot", result="q4.snapshot")
    assert commands.run("review", "sheet", "q4.snapshot", "--out", "q4.csv") == 0
    removals = fill_in(tmp_path / "q4.csv", tmp_path / "returned", random.Random(seed))
    decide = ("review", "decide", "q4.snapshot", "returned", "--plan", "q4.plan.json")
    commands.run_until_done("decide", *decide, result="q4.plan.json")
    plan = Plan.load(tmp_path / "q4.plan.json")
    made = removals - {each.change.key for each in plan.refused}  # groups that an identity provider manages
    commands.run_until_done("apply", "apply", "q4.plan.json", "--expect-digest", plan.digest, "--yes")
    commands.run_until_done("snapshot", "review", "snapshot", "--out", "after.snapshot", result="after.snapshot")
    parts = ("--sheets", "returned", "--plan", "q4.plan.json", "--journal", "q4.plan.journal")
    evidence = ("review", "evidence", "q4.snapshot", *parts, "--after", "after.snapshot")
    commands.run_until_done("evidence", *evidence, result="evidence.zip")

    assert all(commands.kills.values()), commands.kills
    assert made
    assert memberships(sandbox) == before - made
    report = verify_evidence(tmp_path / "evidence.zip")
    assert report.is_verified, report.problems
    assert report.counts["remove"] == len(removals)
    assert report.counts.get("removed", 0) + report.counts.get("was not a member any more", 0) == len(made)
    assert not read_journal(tmp_path / "q4.plan.journal").in_doubt
    for each in ("q4", "after"):  # also removes the progress of a run that was killed after it had saved its snapshot
        assert commands.run("review", "snapshot", "--out", f"{each}.snapshot") == 2
    assert not [path.name for path in tmp_path.iterdir() if "progress" in path.name]
    after = Snapshot.load(tmp_path / "after.snapshot")
    assert not made & {(group.id, account) for group in after.groups for account in group.members}
