"""The pages in docs/ and their programs, which run unchanged; each program of docs/testing.md is a test file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import fields_dict
from walkthroughs import walkthrough

from confluence_groups_sdk import (
    ApiToken,
    BadRequestError,
    ConfluenceGroups,
    NotFoundError,
    RateLimiter,
    RateLimiterStatus,
    RetryPolicy,
)
from confluence_groups_sdk._core.api import operations
from confluence_groups_sdk.sandbox import Person, Sandbox, add_demo

DOCS = Path(__file__).resolve().parents[2] / "docs"
TESTING, CREDENTIALS, LIMITS = (
    (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("testing", "credentials", "limits")
)
BLOCKS, PROGRAMS = (re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in (TESTING, CREDENTIALS))
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ACTIVE, DEACTIVATED = "608a9b555426330072f9867d", "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as admin:
        yield admin


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_program_on_testing_is_a_passing_test(block: str, tmp_path: Path) -> None:
    (tmp_path / "test_block.py").write_text(block, encoding="utf-8")
    settings = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    options = ["-p", "no:cacheprovider", "-p", "confluence_groups_sdk", "-W", "error", "--rootdir", str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_block.py"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        encoding="utf-8",
        env=os.environ | settings,
    )
    assert result.returncode == 0, result.stdout + result.stderr  # 5 if the block has no test


def test_testing_has_seven_programs() -> None:
    assert len(BLOCKS) == TESTING.count("```") // 2 == 7


def test_testing_lists_the_methods_of_the_directory(sandbox: Sandbox) -> None:
    section = TESTING.partition("## State\n")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)`", section.partition("Read it with")[2])
    offered = {name for name in dir(sandbox.directory) if not name.startswith("_")}
    assert set(names) == offered - {"groups_by_name", "listed_members"}  # only the sandbox itself uses these
    started_with = re.findall(r"`([\w-]+)`", section.partition("Every sandbox")[2].partition("\n")[0])
    assert set(started_with) == {group.name for group in sandbox.directory.groups.values()}
    assert len(sandbox.directory.members(EDITORS)) == 4


def test_adding_a_member_again_and_reusing_a_name_are_400(groups: ConfluenceGroups) -> None:
    with pytest.raises(BadRequestError):
        groups.add_member(group_id=EDITORS, account_id=ACTIVE)
    with pytest.raises(BadRequestError):
        groups.create_group(name="DOCS-editors")


def test_unknown_group_and_account_have_empty_pages(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    with pytest.raises(NotFoundError):
        list(groups.iter_members(group_id="unknown"))
    paths = [seen.target.partition("?")[0].rpartition("/")[2] for seen in sandbox.requests]
    assert paths == ["membersByGroupId", "by-id"]
    assert list(groups.iter_memberships(account_id="unknown")) == []


def test_deactivated_members_are_not_listed(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    sandbox.directory.add_person(Person(DEACTIVATED, "Gone", "gone@example.com", account_status="inactive"))
    assert DEACTIVATED not in [user.account_id for user in groups.iter_members(group_id=EDITORS)]
    assert sandbox.directory.is_member(EDITORS, DEACTIVATED)


def test_pages_are_short() -> None:
    assert len(TESTING.encode()) < 7_500
    assert len(CREDENTIALS.encode()) < 8_500
    assert len(LIMITS.encode()) < 6_000


def test_program_on_limits_runs(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", LIMITS, re.DOTALL)
    program = program.replace("https://your-domain.atlassian.net", sandbox.url)
    program = program.replace('"me@example.com", "token"', f'"{sandbox.admin.email}", "{sandbox.admin.token}"')
    exec(compile(program, "limits.md", "exec"), {})
    assert capsys.readouterr().out == "Ada Okafor\nNone None 0 0 3\n"


def test_program_on_networks_removes_a_member(sandbox: Sandbox) -> None:
    text = (DOCS / "networks.md").read_text(encoding="utf-8").partition("## The generated client")[2]
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    program = program.replace("https://your-domain.atlassian.net", sandbox.url)
    program = program.replace('"me@example.com", "token"', f'"{sandbox.admin.email}", "{sandbox.admin.token}"')
    exec(compile(program, "networks.md", "exec"), {})
    assert not sandbox.directory.is_member(EDITORS, DEACTIVATED)


def test_many_tasks_on_networks_remove_members(sandbox: Sandbox, tmp_path: Path) -> None:
    add_demo(sandbox.directory)
    text = (DOCS / "networks.md").read_text(encoding="utf-8").partition("## Many tasks")[2]
    program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    command = [sys.executable, "-W", "error", "-c", program]
    environment = walkthrough.sandbox_environment(sandbox, tmp_path)
    result = subprocess.run(command, capture_output=True, check=False, env=environment, encoding="utf-8")
    assert (result.stdout, result.stderr) == ("200 members are left\n", "")


def test_numbers_on_limits_are_the_defaults() -> None:
    assert repr(RetryPolicy()) in LIMITS
    assert repr(RateLimiter()) in LIMITS
    assert set(fields_dict(RateLimiterStatus)) <= set(re.findall(r"^\| `(\w+)` \|", LIMITS, re.MULTILINE))


@pytest.mark.parametrize(
    ("program", "printed", "left"),
    [
        (
            0,
            ["sandbox ['confluence-admins-sandbox', 'confluence-users-sandbox', 'docs-editors']", "Ada Okafor"],
            "json",
        ),
        (1, ["Ada Okafor"], "db"),
    ],
)
def test_programs_on_credentials_run(program: int, printed: list[str], left: str, tmp_path: Path) -> None:
    assert len(PROGRAMS) == 2
    command = [sys.executable, "-W", "error", "-c", PROGRAMS[program]]
    result = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == printed
    assert (tmp_path / f"tokens.{left}").exists()


def test_scopes_on_credentials_match_those_in_errors() -> None:
    rows = {tuple(re.findall(r"`([\w:-]+)`", line)) for line in CREDENTIALS.splitlines() if line.count("|") == 4}
    for operation in ("READ_GROUPS", "READ_MEMBERS", "READ_USERS", "CREATE_GROUPS", "WRITE_GROUPS"):
        assert tuple(re.findall(r"[\w-]+:[\w:-]+", getattr(operations, operation))) in rows
