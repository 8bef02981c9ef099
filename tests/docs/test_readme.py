"""The programs in the README, run on the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.sandbox import Sandbox

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
LEAVER = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"


def run(block: str, sandbox: Sandbox) -> None:
    """Run a program of the README with the sandbox as its site and the sandbox's admin as its user."""
    program = block.replace("https://your-domain.atlassian.net", sandbox.url)
    program = program.replace('"me@example.com", "token"', f'"{sandbox.admin.email}", "{sandbox.admin.token}"')
    exec(compile(program, "README.md", "exec"), {"__name__": "readme"})


@pytest.fixture(autouse=True)
def _change_to_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # one program writes files


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_program_runs(block: str, sandbox: Sandbox) -> None:
    run(block, sandbox)


def test_readme_has_four_programs() -> None:
    assert len(BLOCKS) == 4


def test_fixtures_work_for_the_test_in_the_readme(
    confluence_sandbox: Sandbox, confluence_groups: ConfluenceGroups
) -> None:
    names: dict[str, Any] = {}
    exec(compile(BLOCKS[3], "README.md", "exec"), names)
    names["test_the_leaver_is_out"](confluence_sandbox, confluence_groups)


@pytest.mark.parametrize("number", [0, 1])
def test_plan_and_first_call_remove_the_member(number: int, sandbox: Sandbox) -> None:
    run(BLOCKS[number], sandbox)
    assert not sandbox.directory.is_member(EDITORS, LEAVER)


def test_failing_program_prints_the_remedy(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    run(BLOCKS[2], sandbox)
    assert "account id" in capsys.readouterr().out


def test_readme_is_short() -> None:
    assert len(README.encode()) < 8_000
