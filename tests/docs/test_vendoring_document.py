"""docs/vendoring.md and the output of its commands.

The page shows the version of the package as X.Y.Z and the number of its files as N, so that neither changes the page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from releasing.project import Project
from vendoring.copies import PACKAGE, PARTS, VERSION

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "vendoring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)
COMMAND = "python ../confluence-groups-sdk/scripts/vendor.py"
PLACE = "src/bigger_sdk/_vendor"


def output_of(command: str, project: Path, folder: Path) -> str:
    """Run a command of the page with the scripts of a project, and return its output as the page shows it."""
    arguments = command.removeprefix(f"{COMMAND} ").split()
    assert arguments != command.split()
    result = subprocess.run(
        [sys.executable, str(project / "scripts" / "vendor.py"), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        encoding="utf-8",
    )
    shown = result.stdout.replace(Project.read(project).version, "X.Y.Z")
    shown = re.sub("^note: .*\n", "", shown, flags=re.MULTILINE)  # depends on the clone
    return re.sub(r"\d+ files", "N files", shown)


def check_commands(project: Path, folder: Path) -> None:
    """Check that the commands print what the page shows."""
    (folder / PLACE).mkdir(parents=True)
    (first, copied), (second, checked) = BLOCKS
    assert output_of(first, project, folder) == copied
    module = folder / PLACE / "confluence_groups" / "_support" / "log.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace('"CONFLUENCE_GROUPS_LOG"', '"BIGGER_SDK_LOG"'), encoding="utf-8")
    assert output_of(second, project, folder) == checked


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    check_commands(ROOT, tmp_path)


def test_page_stays_true_for_another_version_with_another_file(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for folder in ("openapi", "scripts", PACKAGE):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("LICENSE", "pyproject.toml"):
        shutil.copy(ROOT / file, project)
    (project / PACKAGE / VERSION).write_text('__version__ = "34.56.78"\n', encoding="utf-8")
    (project / PACKAGE / "added.py").touch()
    check_commands(project, tmp_path)


def test_name_of_the_wheel_shows_no_version() -> None:
    assert re.findall(rf"{PACKAGE}-(\S+)-py3-none-any\.whl", DOCUMENT) == ["X.Y.Z"]


def test_configuration_fits_the_package() -> None:
    (block,) = re.findall(r"```toml\n(\[tool\.vendoring\].*?)```", DOCUMENT, re.DOTALL)
    settings = tomllib.loads(block)["tool"]["vendoring"]
    dropped = [Path(each) for each in settings["transformations"]["drop"] if each.startswith(PACKAGE)]
    assert dropped
    assert all((ROOT / each).is_dir() and each.name in PARTS for each in dropped)
    assert tuple(settings["namespace"].split(".")) == Path(settings["destination"]).parts[1:]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_in_the_table(part: str) -> None:
    assert re.search(rf"^\| `{part}` \|", DOCUMENT, re.MULTILINE)


def test_page_is_short() -> None:
    assert len(DOCUMENT.encode()) < 6_500
