"""The tree of folders in CONTRIBUTING.md."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

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
