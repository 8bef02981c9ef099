"""The examples for access reviews and plans in pull requests, run on the sandbox as a user or a job runs them."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from walkthroughs.walkthrough import sandbox_environment

from confluence_groups_sdk.membership import Plan
from confluence_groups_sdk.review import Snapshot, diff
from confluence_groups_sdk.sandbox import Answer, Credentials, Person, Sandbox

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
FLOW = (EXAMPLES / "pull_request_flow.md").read_text(encoding="utf-8")
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ADMINS = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
BRUNO, CHIARA = "608a9b555426330072f9867d", "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
Night = Callable[[str], int]


# --- the nightly job


@pytest.fixture
def night(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Run the job, and then rename its snapshot to one of an earlier day."""
    monkeypatch.setenv("CONFLUENCE_SITE", sandbox.url)
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.reader.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.reader.token)
    main: Callable[[list[str]], int] = runpy.run_path(str(EXAMPLES / "nightly_access_diff.py"))["main"]

    def run(day: str) -> int:
        code = main([str(tmp_path / "nights")])
        for path in (tmp_path / "nights").glob("2*.snapshot"):
            if path.name > "2020":
                path.rename(path.with_name(f"{day}.snapshot"))
        return code

    return run


def test_a_new_admin_fails_one_night(sandbox: Sandbox, night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert night("2000-01-01") == 0
    assert "is the first snapshot" in capsys.readouterr().out
    sandbox.directory.add_member(EDITORS, "5d53f3cbc6b9320d9ea5bdc2")
    assert night("2000-01-02") == 0
    output = capsys.readouterr()
    assert (output.err, "1 member joined" in output.out) == ("", True)
    sandbox.directory.add_person(Person(CHIARA, "Chiara\nRossi", "chiara@example.com"))
    sandbox.directory.add_member(ADMINS, CHIARA)
    assert night("2000-01-03") == 5
    assert capsys.readouterr().err.splitlines() == [
        f"new admin: 'Chiara\\nRossi' ({CHIARA})",
        f"new site-admin: 'Chiara\\nRossi' ({CHIARA})",
    ]
    assert night("2000-01-04") == 0
    assert "no difference" in capsys.readouterr().out


def test_a_group_that_could_not_be_read_fails(night: Night, tmp_path: Path) -> None:
    assert night("2000-01-01") == 0
    before = Snapshot.load(tmp_path / "nights" / "2000-01-01.snapshot")
    unread = tuple(evolve(each, members=(), is_complete=False, known_by="500") for each in before.groups)
    after = evolve(before, groups=unread, users={}, digest="")
    assert runpy.run_path(str(EXAMPLES / "nightly_access_diff.py"))["report"](diff(before, after)) == 1


def test_a_second_run_on_the_same_day_reads_nothing(sandbox: Sandbox, tmp_path: Path, night: Night) -> None:
    assert night("2000-01-01") == 0
    main = runpy.run_path(str(EXAMPLES / "nightly_access_diff.py"))["main"]
    sandbox.directory.add_member(ADMINS, CHIARA)
    assert main([str(tmp_path / "nights")]) == 5
    sent = len(sandbox.requests)
    assert main([str(tmp_path / "nights")]) == 5
    assert len(sandbox.requests) == sent
    assert sorted(path.suffix for path in (tmp_path / "nights").iterdir() if path.suffix != ".lock") == [
        ".snapshot",
        ".snapshot",
    ]


def test_failures_are_reported_without_a_traceback(
    sandbox: Sandbox, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.answer_next(Answer(500))
    assert night("2000-01-01") == 1
    assert "500" in capsys.readouterr().err
    (tmp_path / "nights" / "2000-01-01.snapshot").write_text("{}")
    assert night("2000-01-02") == 1
    monkeypatch.delenv("CONFLUENCE_API_TOKEN")
    assert night("2000-01-03") == 1


def test_help_of_the_nightly_job_shows_the_command_line() -> None:
    command = [sys.executable, str(EXAMPLES / "nightly_access_diff.py"), "--help"]
    result = subprocess.run(
        command, capture_output=True, check=True, encoding="utf-8", env=os.environ | {"COLUMNS": "120"}
    )
    assert "    python examples/nightly_access_diff.py FOLDER" in result.stdout


# --- the pull request


@pytest.fixture
def job(sandbox: Sandbox, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in a folder with the examples, as a job does."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "plans").mkdir()
    (tmp_path / "leavers.csv").write_text(f"group,account\n{EDITORS},{BRUNO}\n{EDITORS},{CHIARA}\n")

    def run(
        command: str, *, account: Credentials = sandbox.admin, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = sandbox_environment(sandbox, tmp_path, account) | variables
        return subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
        )

    return run


def steps() -> list[str]:
    """Return the commands of the numbered steps."""
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", FLOW, re.DOTALL)]


def test_a_plan_goes_from_the_branch_to_its_journal(
    sandbox: Sandbox, job: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    make, show, apply = steps()
    assert job(make).returncode == 0
    digest = Plan.load(tmp_path / "plans" / "leavers.json").digest
    shown = job(show, account=sandbox.reader)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert digest in shown.stdout
    assert (tmp_path / "plans" / "leavers.html").exists()
    refused = job(apply, DIGEST="0" * 64)
    assert refused.returncode == 2
    assert sandbox.directory.is_member(EDITORS, BRUNO)
    applied = job(apply, DIGEST=digest)
    assert applied.returncode == 0, applied.stderr
    assert "2 REMOVED" in applied.stdout
    assert "leavers.journal is whole" in applied.stdout
    assert not sandbox.directory.is_member(EDITORS, CHIARA)
    assert job(apply, DIGEST=digest).returncode == 5
    (tmp_path / "plans" / "leavers.journal").unlink()
    assert job(apply, DIGEST=digest).returncode == 3


def test_an_edited_plan_and_drift_fail_on_the_pull_request(
    sandbox: Sandbox, job: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    make, show, _ = steps()
    job(make)
    sandbox.directory.remove_member(EDITORS, BRUNO)
    assert job(show, account=sandbox.reader).returncode == 3
    plan = tmp_path / "plans" / "leavers.json"
    plan.write_text(plan.read_text().replace("Chiara", "Someone"))
    assert job(show, account=sandbox.reader).returncode == 2


def test_the_workflow_runs_the_same_commands(job: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    (workflow,) = re.findall(r"```yaml\n(.*?)```", FLOW, re.DOTALL)
    ran = re.findall(r"- run: (bash .*)", workflow)
    assert [line.replace('"$PLAN"', "plans/leavers.json") for line in ran] == steps()[1:]
    assert not any("${{" in line for line in ran)  # text of an input must not become a part of a command
    assert job("bash examples/pull_request_flow.sh").returncode == 2
    assert job("bash examples/pull_request_flow.sh apply plans/leavers.json").returncode == 2
