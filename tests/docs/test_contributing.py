"""The tree of folders and the commands in CONTRIBUTING.md."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path, PurePosixPath

from proving.__main__ import __doc__ as proofs
from versioning.python_api import PUBLIC

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAPPED = ("confluence_groups_sdk", "scripts")
INDENT = 2  # spaces for each level


def mapped_folders() -> list[str]:
    """Return the folders in the tree, in its order."""
    tree = TEXT.partition("## Where a line of code lives\n\n```\n")[2].partition("```")[0]
    above: list[str] = []
    found = []
    for line in tree.splitlines():
        name = line.split()[0]
        assert name.endswith("/"), f"not a folder: {line}"
        depth = (len(line) - len(line.lstrip())) // INDENT
        above = [*above[:depth], name.removesuffix("/")]
        found.append("/".join(above))
    return found


def module_folders() -> set[str]:
    """Return the folders that hold modules; the generated package counts as one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f"{name}/*.py" for name in MAPPED)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    folders = {str(PurePosixPath(line).parent) for line in listed.stdout.splitlines() if (ROOT / line).exists()}
    return {folder for folder in folders if "/_generated/" not in folder}


def test_the_tree_lists_each_folder_with_modules_once() -> None:
    mapped = mapped_folders()
    assert len(mapped) == len(set(mapped))
    assert set(mapped) == module_folders()


def test_folders_are_in_order() -> None:
    mapped = mapped_folders()
    assert mapped == sorted(mapped)


def test_each_folder_is_described_on_one_line() -> None:
    tree = TEXT.partition("## Where a line of code lives\n\n```\n")[2].partition("```")[0]
    assert all(len(line.split(maxsplit=1)) == 2 for line in tree.splitlines())


def test_commands_that_are_named_exist_and_all_commands_are_named() -> None:
    named = {*re.findall(r"(?<![\w/])scripts/([\w.]*\w)(?![\w/])", TEXT)}
    assert [each for each in named if not (ROOT / "scripts" / each).exists()] == []
    files = (path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.name != "requirements.txt")
    commands = {path.name for path in files if path.read_text(encoding="utf-8").startswith("#!")}
    elsewhere = {"vendor.py", "postman_to_openapi.py"}  # docs/vendoring.md, openapi/README.md
    assert {each for each in commands - elsewhere if named.isdisjoint({each, each.removesuffix(".py")})} == set()


def test_all_proofs_are_named() -> None:
    assert proofs is not None
    assert {*re.findall(r"`scripts/prove ([\w-]+)`", TEXT)} == {*re.findall(r"^([\w-]+): ", proofs, re.MULTILINE)}


def test_public_modules_are_those_that_are_compared() -> None:
    text = (ROOT / "openapi" / "README.md").read_text(encoding="utf-8")
    sentence = re.search(r"The public Python API consists of ([^:]*):", text)
    assert sentence is not None
    assert {*re.findall(r"`\.(\w+)`", sentence[1])} == {*PUBLIC}
