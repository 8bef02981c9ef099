"""Two releases in a row, on a copy of the project, by the steps in CONTRIBUTING.md.

The first release is the present version; the second adds an optional parameter to the specification and an error to the
public surface.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version
from releasing.builds import FIRST_BUILD, copy_source
from releasing.changelog import UNDATED
from releasing.project import Project
from versioning.released import FRAGMENT, RELEASED_FRAGMENT, RELEASED_SURFACE, RELEASED_VERSION
from versioning.semver import VERSION_FILE
from warm_python import run_warm

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = "openapi/overlay.yaml"
OPERATION = "confluence_groups_sdk/_generated/api/group/get_groups.py"
ERRORS = "confluence_groups_sdk/errors.py"
CHANGELOG = "CHANGELOG.md"
COMPAT = "tests/compat"
DATE = "2026-01-31"

PARAMETER = """
  - target: $.paths['/api/group'].get
    description: A parameter of the second release.
    update:
      parameters:
        - name: namePrefix
          in: query
          description: Only the groups whose names start with this.
          schema:
            type: string
"""
ERROR = '''

class NameTakenError(ConfluenceGroupsError):
    """An error of the second release."""
'''
ENTRIES = """
### Added

- `raw`: the parameter `namePrefix` of `getGroups`.
- `NameTakenError`.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project."""
    return copy_source(ROOT, tmp_path, FIRST_BUILD)


def start(project: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the copied project on the copied package."""
    command = [sys.executable, str(project / "scripts" / script), *arguments]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(project)}
    if script == "regenerate.py":  # the others import the package
        return run_warm(command, project.parent, variables)
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.parent, env=variables)


def succeed(project: Path, script: str, *arguments: str) -> str:
    """Run a script that must succeed, and return its output."""
    done = start(project, script, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def fail(project: Path, script: str, *arguments: str) -> str:
    """Run a script that must exit with 1, and return its errors."""
    done = start(project, script, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(text)


def set_version(project: Path, version: str) -> None:
    (project / VERSION_FILE).write_text(f'__version__ = "{version}"\n', encoding="utf-8")


def add_section(project: Path, version: str) -> None:
    """Add a section for an unreleased version at the top of the change log."""
    text = (project / CHANGELOG).read_text(encoding="utf-8")
    head, heading, rest = text.partition("\n## ")
    section = f"\n## [{version}] - {UNDATED}\n{ENTRIES}"
    (project / CHANGELOG).write_text(head + section + heading + rest, encoding="utf-8")


def release(project: Path, version: str) -> None:
    """Date the section, accept the project's state, and check the distributions."""
    log = (project / CHANGELOG).read_text(encoding="utf-8")
    dated = log.replace(f"## [{version}] - {UNDATED}\n", f"## [{version}] - {DATE}\n")
    (project / CHANGELOG).write_text(dated, encoding="utf-8")
    succeed(project, "release_check.py", "--accept")
    assert (project / RELEASED_VERSION).read_text(encoding="utf-8") == f"{version}\n"
    assert (project / RELEASED_FRAGMENT).read_bytes() == (project / FRAGMENT).read_bytes()
    checked = succeed(project, "release_check.py", "--quick")
    assert f"confluence_groups_sdk-{version}.tar.gz" in checked
    assert f"confluence_groups_sdk-{version}-py3-none-any.whl" in checked


def change_project(project: Path) -> str:
    """Add a parameter and an error, regenerate, and return the required version."""
    append(project / OVERLAY, PARAMETER)
    append(project / ERRORS, ERROR)
    output = succeed(project, "regenerate.py")
    assert "change: GET /api/group: query parameter namePrefix: " in output
    assert "surface: confluence_groups_sdk.errors.NameTakenError: " in output
    assert "name_prefix" in (project / OPERATION).read_text(encoding="utf-8")
    (required,) = re.findall(r"^version: (\S+) \(\w+\) is required: .* has \S+: too low$", output, re.MULTILINE)
    return str(required)


def test_second_release_follows_the_first(project: Path) -> None:
    first = Project.read(project).version
    release(project, first)

    second = change_project(project)
    assert Version(second) > Version(first)
    assert "the public API has changed" in fail(project, "release_check.py", "--accept")
    set_version(project, second)
    assert f"0 sections [{second}]" in fail(project, "release_check.py", "--accept")
    add_section(project, second)
    assert f"{COMPAT}/{second}/User.pickle: missing: run scripts/record_compat.py" in fail(
        project, "record_compat.py", "--check"
    )
    succeed(project, "record_compat.py")
    succeed(project, "record_compat.py", "--check")
    succeed(project, "regenerate.py", "--check")
    release(project, second)

    assert "NameTakenError" in (project / RELEASED_SURFACE).read_text(encoding="utf-8")
    assert (project / COMPAT / first / "User.pickle").is_file()
