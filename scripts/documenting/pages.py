"""Copy the pages of the project into one folder, with links that work there.

The pages stay readable where they are: a link in them names a file of the project. In the copy, it names the page that
has this file's text. Links to files without a page become plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "examples/pull_request_flow.md": "pull-request-flow.md",
}
"""The pages outside of docs/, and their names on the site."""
FILES = {"confluence_groups_sdk/membership/plan.schema.json": "plan.schema.json"}
EXAMPLES = "examples.md"
FENCE = re.compile(r"(^```.*?^```$\n?)", re.DOTALL | re.MULTILINE)
MARKER = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^()\s]+)\)")
IMAGE = re.compile(r"!\[[^\]\n]*\]\(([^()\s]+)\)")
SESSION = ("```console", "``` { .console .no-copy }")  # nobody wants to paste prompts and output
EXTERNAL = re.compile(r"[a-z]+:|#")


def copy_pages(root: Path, folder: Path) -> None:
    """Copy all pages of the project, and the files that they link to, into a folder.

    Args:
        root: the folder of the project.
        folder: is created; the site is built from it.
    """
    sources = page_names(root)
    for source, name in sources.items():
        text = (root / source).read_text(encoding="utf-8")
        write_page(folder / name, convert_page(text, source, {**sources, **FILES, **_example_anchors(root)}))
        for image in IMAGE.findall(text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(source), image))
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            (folder / image).write_bytes((root / target).read_bytes())
    for source, name in FILES.items():
        (folder / name).write_bytes((root / source).read_bytes())
    write_page(folder / EXAMPLES, format_examples(root))


def write_page(path: Path, text: str) -> None:
    """Write a page, unless the file has this text: a server of the site would build it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page_names(root: Path) -> dict[str, str]:
    """Return the pages of the project, by path, with their names on the site."""
    return {f"docs/{page.name}": page.name for page in sorted((root / "docs").glob("*.md"))} | ELSEWHERE


def convert_page(text: str, source: str, names: dict[str, str]) -> str:
    """Return the text of a page for the site: without markers, and with the links of the site.

    Args:
        text: of the page.
        source: its path in the project.
        names: the names on the site of the project's files.
    """

    def convert_link(found: re.Match[str]) -> str:
        label, target = found.groups()
        if EXTERNAL.match(target):
            return found[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if path not in names:
            return str(label)
        return f"[{label}]({names[path]}{f'#{anchor}' if anchor and '#' not in names[path] else ''})"

    parts = FENCE.split(MARKER.sub("", text))
    return "".join(
        part.replace(*SESSION, 1) if index % 2 else LINK.sub(convert_link, part) for index, part in enumerate(parts)
    )


def format_examples(root: Path) -> str:
    """Return a page with the programs in examples/."""
    parts = ["# Examples\n\nEach program runs as it is, with site and credentials in the environment.\n"]
    for path in sorted((root / "examples").glob("*.py")):
        parts.append(f"\n## {path.name}\n\n```python\n{path.read_text(encoding='utf-8')}```\n")
    return "".join(parts)


def _example_anchors(root: Path) -> dict[str, str]:
    paths = sorted((root / "examples").glob("*.py"))
    return {f"examples/{path.name}": f"{EXAMPLES}#{path.name.replace('.', '')}" for path in paths} | {
        "examples": EXAMPLES
    }
