"""The fixtures in another project: pytest finds them through the entry point, without a conftest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BY_NAME = ("-p", "confluence_groups_sdk")  # the name of the entry point
SETTINGS_OF_PYTEST = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")


def run_pytest(
    folder: Path, program: str, *options: str, other_plugins: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run pytest on one test file, without other plugins unless they are asked for."""
    (folder / "test_theirs.py").write_text(program, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS_OF_PYTEST}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if not other_plugins:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = ["-p", "no:cacheprovider", "--rootdir", str(folder), "-rA", *options, "test_theirs.py"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env=environment,
    )


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return how many tests passed, failed, and so on."""
    summary = result.stdout.strip().splitlines()[-1]
    return {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", summary)}


def test_both_fixtures_are_found_without_configuration(tmp_path: Path) -> None:
    program = """
from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.sandbox import Sandbox


def test_a_member_is_removed(confluence_sandbox, confluence_groups):
    assert isinstance(confluence_sandbox, Sandbox) and isinstance(confluence_groups, ConfluenceGroups)
    directory = confluence_sandbox.directory
    group = directory.group_named("docs-editors")
    leaver = directory.members(group.id)[0]
    confluence_groups.remove_member(group_id=group.id, account_id=leaver.account_id)
    assert not directory.is_member(group.id, leaver.account_id)
    assert [seen.method for seen in confluence_sandbox.requests] == ["DELETE"]
    assert confluence_groups.current_user().email == confluence_sandbox.admin.email
"""
    result = run_pytest(tmp_path, program, other_plugins=True)
    assert (result.returncode, outcomes(result)) == (0, {"passed": 1}), result.stdout


def test_each_test_has_its_own_sandbox_and_none_keeps_running(tmp_path: Path) -> None:
    program = """
import httpx
import pytest

before = []


@pytest.mark.parametrize("turn", [1, 2])
def test_one_after_the_other(turn, confluence_sandbox, confluence_groups):
    group = confluence_sandbox.directory.group_named("docs-editors")
    leaver, *others = confluence_sandbox.directory.members(group.id)
    assert len(others) == 3 and not confluence_sandbox.requests and confluence_sandbox.page_limit == 200
    confluence_sandbox.page_limit = 1
    confluence_groups.remove_member(group_id=group.id, account_id=leaver.account_id)
    for sandbox, groups in before:
        assert sandbox is not confluence_sandbox and sandbox.directory is not confluence_sandbox.directory
        with pytest.raises(RuntimeError):
            groups.current_user()
        with pytest.raises(httpx.ConnectError):
            httpx.get(sandbox.url)
    before.append((confluence_sandbox, confluence_groups))


def test_there_were_two():
    assert len(before) == 2
"""
    result = run_pytest(tmp_path, program, *BY_NAME, "-W", "error")
    assert (result.returncode, outcomes(result)) == (0, {"passed": 3}), result.stdout


def test_a_test_that_fails_stops_its_sandbox(tmp_path: Path) -> None:
    program = """
import threading


def test_fails(confluence_groups):
    raise LookupError("raised by the test")


def test_nothing_runs_any_more():
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
"""
    result = run_pytest(tmp_path, program, *BY_NAME, "-W", "error")
    assert outcomes(result) == {"failed": 1, "passed": 1}, result.stdout
    assert "raised by the test" in result.stdout


@pytest.mark.parametrize("folder", ["tests", "tests/deeper"])
def test_tests_that_use_no_fixture_load_nothing(folder: str, tmp_path: Path) -> None:
    program = """
import sys


def test_what_is_loaded():
    ours = [name for name in sys.modules if name.startswith("confluence_groups_sdk")]
    package = "confluence_groups_sdk"
    assert sorted(ours) == [package, f"{package}.sandbox", f"{package}.sandbox.pytest_plugin"]
    assert not {"httpx", "starlette", "uvicorn", "attr", "attrs", "asyncio"} & set(sys.modules)
"""
    (tmp_path / folder).mkdir(parents=True)
    result = run_pytest(tmp_path / folder, program, *BY_NAME)
    assert (result.returncode, outcomes(result)) == (0, {"passed": 1}), result.stdout


def test_the_plugin_imports_nothing_else() -> None:
    """pytest imports it in every test run in which this package is installed."""
    program = """
import sys, pytest
before = set(sys.modules)
import confluence_groups_sdk.sandbox.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8")
    package = "confluence_groups_sdk"
    assert result.stdout.split() == [package, f"{package}.sandbox", f"{package}.sandbox.pytest_plugin"]


@pytest.mark.parametrize("fixture", ["confluence_sandbox", "confluence_groups"])
def test_without_the_extra_the_error_names_it(fixture: str, tmp_path: Path) -> None:
    program = f"""
import sys

sys.modules["uvicorn"] = None


def test_needs_it({fixture}):
    raise AssertionError("unreachable")


def test_does_not_need_it():
    pass
"""
    result = run_pytest(tmp_path, program, *BY_NAME)
    assert outcomes(result) == {"passed": 1, "error": 1}, result.stdout
    assert "the sandbox needs uvicorn: pip install 'confluence-groups-sdk[sandbox]'" in result.stdout


def test_the_fixtures_are_described(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "", *BY_NAME, "--fixtures")
    for name in ("confluence_sandbox", "confluence_groups"):
        assert re.search(rf"^{name} -- .*\n    A `", result.stdout, re.MULTILINE), result.stdout
