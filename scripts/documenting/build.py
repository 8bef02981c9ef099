"""Build the site: put its pages into build/docs, run Zensical, and check the result."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from documenting import pages
from documenting.api_reference import PAGE_TITLES, find_undocumented, format_api_pages
from documenting.cli_reference import format_cli_reference
from documenting.site_check import find_problems

ROOT = Path(__file__).resolve().parents[2]
FOLDER, SITE = ROOT / "build" / "docs", ROOT / "site"
WATCHED = ("docs/*.md", "*.md", "examples/*", "confluence_groups_sdk/**/*.py")
POLL_S = 1.0
WARNING = re.compile(r"^(?:griffe: |mkdocstrings|Warning|WARNING|Error|ERROR).*", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # zensical colours its warnings in any case
STYLE = """\
.md-typeset table:not([class]) { font-size: 0.7rem; }
.md-typeset table:not([class]) code { overflow-wrap: normal; word-break: normal; }
.md-typeset .doc-heading code { white-space: normal; overflow-wrap: anywhere; }
@media (min-width: 60em) {
  .md-typeset table:not([class]) td:first-child code { white-space: nowrap; }
}
"""


def build_site() -> int:
    """Build the site into ``site/`` and return the exit code; warnings are shown and do not count."""
    write_pages()
    return _run_zensical("build", "--clean").returncode


def check_site() -> int:
    """Build the site strictly and return the exit code: 1 if there is a warning, a broken link or a missing text."""
    problems = [f"{name} is not documented" for name in find_undocumented(ROOT)]
    write_pages()
    shutil.rmtree(SITE, ignore_errors=True)
    built = _run_zensical("build", "--clean", "--strict", capture=True)
    output = COLOUR.sub("", built.stdout).partition("Traceback (most recent call last)")[0]
    print(output, end="")
    problems += WARNING.findall(output)
    if SITE.exists():
        problems += find_problems(SITE)
    if built.returncode and not problems:
        problems.append(built.stdout)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    print(f"{len(problems)} problems" if problems else f"{len(list(SITE.rglob('*.html')))} pages, no problem")
    return 1 if problems else 0


def serve_site() -> int:
    """Serve the site on loopback until Ctrl-C; it is built again when a page changes."""
    write_pages()
    threading.Thread(target=_watch, daemon=True).start()
    try:
        return _run_zensical("serve").returncode
    except KeyboardInterrupt:
        return 130


def write_pages() -> None:
    """Write all pages of the site into ``build/docs``; remove those that are left from an earlier build."""
    pages.copy_pages(ROOT, FOLDER)
    generated = {f"reference/{name}": text for name, text in format_api_pages(ROOT).items()}
    generated["reference/cli.md"] = format_cli_reference()
    overview = FOLDER / "reference.md"
    pages.write_page(overview, link_references(overview.read_text(encoding="utf-8")))
    for name, text in generated.items():
        pages.write_page(FOLDER / name, text)
    pages.write_page(FOLDER / "site.css", STYLE)
    expected = {FOLDER / name for name in (*pages.page_names(ROOT).values(), pages.EXAMPLES, *generated)}
    for path in set(FOLDER.rglob("*.md")) - expected:
        path.unlink()


def link_references(text: str) -> str:
    """Return the overview of the references with links to them; they exist on the site only."""
    for name, title in {**PAGE_TITLES, "cli": "Command line"}.items():
        text = text.replace(f"| {title} |", f"| [{title}](reference/{name}.md) |")
    return text


def _run_zensical(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zensical", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "NO_COLOR": "1"},  # for the extensions of griffe
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        check=False,
        encoding="utf-8",
    )


def _watch() -> None:
    seen = _moments()
    while not threading.Event().wait(POLL_S):
        if (found := _moments()) != seen:
            seen = found
            write_pages()


def _moments() -> dict[Path, float]:
    return {path: path.stat().st_mtime for pattern in WATCHED for path in ROOT.glob(pattern) if path.is_file()}
