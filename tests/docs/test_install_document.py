"""docs/install.md: its extras, profiles, lines of doctor, and lines that cannot work without an index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from shell import Shell

from confluence_groups_sdk.cli.session import profiles
from confluence_groups_sdk.cli.session.profiles import CONFIG

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def first_cells(title: str) -> list[str]:
    section = TEXT.partition(f"## {title}")[2].partition("\n## ")[0]
    return re.findall(r"^\| `?([\w, ]+?)`? \|", section, re.MULTILINE)[1:]


def test_all_extras_are_listed() -> None:
    assert set(first_cells("In a program")) == {"none", *EXTRAS}
    named = {name for each in re.findall(r"\[([a-z,]+)\]'", TEXT) for name in each.split(",")}
    assert named <= set(EXTRAS)


def test_no_line_needs_the_package_on_an_index() -> None:
    installing = re.findall(r"`([^`]*\b(?:install|uvx|run --spec|uv add)\b[^`]*)`", TEXT)
    ours = [each for each in installing if re.search(r"confluence[-_]groups[-_]sdk", each)]
    assert len(installing) > 12
    assert [each for each in ours if "./dist/" not in each and "uninstall" not in each] == []


def test_name_of_the_wheel_shows_no_version() -> None:
    assert {*re.findall(r"confluence_groups_sdk-(\S+)-py3-none-any\.whl", TEXT)} == {"X.Y.Z"}


def test_profiles_on_the_page_can_be_read(shell: Shell) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    folder = profiles.path().parent
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(example, encoding="utf-8")
    assert shell.folder in folder.parents
    found = [profiles.load(name) for name in ("acme", "beta", "mine", "app")]
    assert [each.credentials for each in found] == [None, None, "keyring", "login"]
    assert found[0].api_token == "ACME_API_TOKEN"


def test_lines_of_doctor_are_those_of_the_command(shell: Shell) -> None:
    printed = [line.split(":")[0].split(maxsplit=1)[1] for line in shell.run("doctor").out.splitlines()]
    listed = [name for each in first_cells("When it does not work") for name in each.split(", ")]
    assert listed == printed


@pytest.mark.parametrize("word", ["Windows", "macOS", "Debian", "0600", "SIGTERM", "externally-managed-environment"])
def test_systems_are_covered(word: str) -> None:
    assert word in TEXT


def test_page_is_short() -> None:
    assert len(TEXT.encode()) < 7_500
