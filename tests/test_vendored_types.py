"""Type checkers on a package that contains a copy, in an environment with the required libraries only.

With the lines of docs/vendoring.md they report nothing inside the copy, and still check what the package does with it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
import vendor
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
(SETTINGS,) = re.findall(
    r"```toml\n(\[\[tool\.mypy.*?)```", (ROOT / "docs" / "vendoring.md").read_text(encoding="utf-8"), re.DOTALL
)
MISUSE = """
from ._vendor.confluence_groups import ApiToken, ConfluenceGroups


def offboard(group_id: str, account_id: str) -> int:
    with ConfluenceGroups("https://your-domain.atlassian.net", auth=ApiToken("me@example.com", "t")) as groups:
        groups.remove_member(group_id=group_id, account_id=7)
        return len(str(groups.count_group(group_id=group_id)))
"""


def required_libraries() -> set[str]:
    """Return the names of the distributions that the package needs without its extras, and those that they need."""
    todo, found = ["httpx", "attrs", "python-dateutil"], set[str]()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, distribution(name).requires or ())
            todo += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has only the required libraries, linked from the environment of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in required_libraries():
        files = distribution(name).files or ()
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project that contains a copy without the command line and the sandbox."""
    folder = tmp_path_factory.mktemp("host")
    package = folder / "src" / "bigger_sdk"
    assert vendor.main([str(package / "_vendor" / "confluence_groups"), "--without", "cli,sandbox"]) == 0
    for place in (package, package / "_vendor"):
        (place / "__init__.py").touch()
    strict = '[tool.mypy]\nstrict = true\nmypy_path = "src"\nfiles = "src"\n\n'
    (folder / "pyproject.toml").write_text(f"{strict}{SETTINGS}include = ['src']\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["mypy", "--python-executable"], ["[arg-type]", "[attr-defined]"]),
        (["pyright", "--pythonpath"], ["(reportArgumentType)", "(reportAttributeAccessIssue)"]),
    ],
    ids=["mypy", "pyright"],
)
def test_a_checker_reports_the_host_and_not_the_copy(
    host: Path, interpreter: Path, command: list[str], found: list[str]
) -> None:
    (host / "src" / "bigger_sdk" / "offboard.py").write_text(MISUSE, encoding="utf-8")
    arguments = [sys.executable, "-m", *command, str(interpreter)]
    result = subprocess.run(arguments, cwd=host, capture_output=True, encoding="utf-8", check=False)
    errors = [line for line in result.stdout.splitlines() if " error: " in line or " - error: " in line]
    assert ["offboard.py:" in error for error in errors] == [True, True], result.stdout + result.stderr
    assert re.findall(r"\[[a-z-]+\]$|\(report\w+\)$", result.stdout, re.MULTILINE) == found
