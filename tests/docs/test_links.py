"""Links in Markdown pages, and references to pages and files in pages and in code."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
EXTERNAL = re.compile(r"[a-z]+:")
PAGE_IN_CODE = re.compile(r"\bdocs/[\w-]+\.md(?:#[\w-]+)?")
PATH_IN_PAGE = re.compile(r"`((?:tests|scripts|openapi|docs|examples|benchmarks|confluence_groups_sdk)/[\w./-]*)`")
ANCHORS_IN_CODE = {
    *("operations", "permissions", "pagination", "authentication", "oauth", "rate-limits", "retries", "errors"),
    *("identifiers", "groups", "users", "eventual-consistency", "headers"),
}


def list_tracked_files(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


PAGES = list_tracked_files("*.md")
MODULES = [
    path for folder in ("confluence_groups_sdk", "scripts", "examples") for path in list_tracked_files(f"{folder}/*.py")
]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return frozenset(slug(heading) for heading in HEADING.findall(text))


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def find_problem(page: Path, target: str) -> str | None:
    """Return the problem of a link to a file of the project, or None if it resolves."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{target}: no such file"
    if anchor and anchor not in anchors(file):
        return f"{target}: no such heading"
    return None


def links(page: Path) -> Iterator[str]:
    text = CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    return (target for target in LINK.findall(text) if not EXTERNAL.match(target))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_resolve(page: Path) -> None:
    assert [problem for target in links(page) if (problem := find_problem(page, target))] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_named_in_a_page_exist(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    assert [path for path in PATH_IN_PAGE.findall(text) if not (ROOT / path).exists()] == []


def test_pages_named_in_code_exist_with_their_headings() -> None:
    found = {
        (name(module), target)
        for module in MODULES
        for target in PAGE_IN_CODE.findall(module.read_text(encoding="utf-8"))
        if find_problem(ROOT / "README.md", target)
    }
    assert found == set()


def test_the_page_of_facts_has_the_headings_that_code_links_to() -> None:
    assert anchors(ROOT / "docs" / "confluence-behaviour.md") >= ANCHORS_IN_CODE


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Rate limits", "rate-limits"),
        ("Many tasks: aiohttp", "many-tasks-aiohttp"),
        ("Under a limit, in real time", "under-a-limit-in-real-time"),
        ("With `vendoring`", "with-vendoring"),
        ("5. A crash, and how to continue", "5-a-crash-and-how-to-continue"),
    ],
)
def test_slugs_are_those_of_github(heading: str, expected: str) -> None:
    assert slug(heading) == expected


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n```\n# Two\n[a](x.md)\n```\n[b](#one) [c](#two) [d](y.md) [e](https://example.com)\n")
    assert [find_problem(page, target) for target in links(page)] == [
        None,
        "#two: no such heading",
        "y.md: no such file",
    ]
