"""What was measured, as a page to be kept, and in short."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version

from .figures import Figure, as_table

PEERS = ("httpx", "httpcore", "attrs", "aiohttp", "sniffio", "atlassian-python-api", "openapi-python-client")
TITLES = {
    "startup": "Starting",
    "calls": "One call, and threads",
    "instructions": "One call, in instructions",
    "tasks": "Tasks",
    "limits": "Under a limit, in real time",
    "reading": "Reading",
    "planning": "Planning",
    "journal": "The journal",
    "regenerate": "Regenerating",
}
SHORT = "## In short"
HEAD = """# Results

Written by `scripts/benchmark.py --write`, in one run. To repeat it, in a clone:

```
python3 -m venv .venv
.venv/bin/pip install --upgrade 'pip>=25.1'
.venv/bin/pip install -e '.[aiohttp,sandbox,cli,keyring]' --group dev --group bench
.venv/bin/python scripts/benchmark.py          # a table; --json for programs, --only for a part, --write for this page
```

Each pair was timed by turns, A B A B, so that both saw the same machine. A ratio is the median of those of all rounds,
with their quartiles; below 1, the first of the two is faster. What is met or missed is the goal that the project set
itself. The servers are processes on loopback that cost next to nothing, so that what a client costs shows as it never
will beside a real network. What the numbers come from, and where they can go no lower: [NOTES.md](NOTES.md)."""


def machine() -> str:
    """Return what this was measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    system = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{system}, {os.cpu_count()} cores. {versions}."


def page(sections: Mapping[str, Sequence[Figure]], *, when: str, where: str, picture: str) -> str:
    """Return all of it as Markdown."""
    parts = [HEAD, f"Measured on {when}: {where}", SHORT, in_short(sections)]
    for name, figures in sections.items():
        parts += [f"## {TITLES[name]}", as_table(figures)]
        if name == "limits":
            parts.append(f"![calls accepted and refused in each second]({picture})")
    return "\n\n".join(parts) + "\n"


def in_short(sections: Mapping[str, Iterable[Figure]]) -> str:
    """Return the table for whoever wants to know whether it is fast, as short as it can be: the README has it, too."""
    rows = [("", "measured", "beside"), ("---",) * 3, *_short(sections)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def short_table(page: str) -> str:
    """Return the short table that a page has; empty where it has none."""
    return page.partition(SHORT)[2].strip().partition("\n\n")[0]


def renewed(readme: str, before: str, after: str) -> str:
    """Return the README with the short table of the page after in the place of that of the page before.

    Raises:
        ValueError: it does not have the table of the page before.
    """
    table = short_table(before)
    if not table or table not in readme:
        raise ValueError("README.md does not have the short table of benchmarks/RESULTS.md: put it in by hand")
    return readme.replace(table, short_table(after))


def _short(sections: Mapping[str, Iterable[Figure]]) -> Iterator[tuple[str, ...]]:
    for figures in sections.values():
        for figure in figures:
            if figure.short:
                yield figure.short, figure.number, figure.against
