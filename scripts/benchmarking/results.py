"""Format the results as a page, a short table and a picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarking.figures import Row, as_table
from benchmarking.limits import Trial

ACCEPTED, RATE_LIMITED, ALLOWED = "#2f6fab", "#c8442b", "#555555"
PEERS = ("httpx", "httpcore", "attrs", "aiohttp", "sniffio", "atlassian-python-api", "openapi-python-client")
TITLES = {
    "jobs": "Calls and points of each job",
    "waiting": "Jobs on a site that answers after 100 ms and accepts 50 calls a second",
    "snapshots": "Snapshots for access reviews",
    "startup": "Starting",
    "calls": "One call, and threads",
    "instructions": "One call, in instructions",
    "tasks": "Tasks",
    "limits": "Under a limit, in real time",
    "fleet": "Several processes on one site",
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
.venv/bin/pip install -e '.[aiohttp,sandbox,cli,keyring,review,postgres,dbos,otel]' --group dev --group bench
.venv/bin/python scripts/benchmark.py          # a table; --json for programs, --only for a part, --write for this page
```

Each pair was timed in turns, A B A B, so that load on the machine affected both alike. A ratio is the median of the
ratios of all rounds, with their quartiles; below 1, the first of the two is faster. Met or missed refers to the
project's own goals. The servers are processes on loopback that cost almost nothing, so the cost of a client shows more
than with a real network. Calls and points are counted on the sandbox, and points are those that Atlassian would count.
[NOTES.md](NOTES.md) explains the numbers and their lower bounds."""


def describe_machine() -> str:
    """Return the machine and the versions of the measurement."""
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    system = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{system}, {os.cpu_count()} cores. {versions}."


def format_page(sections: Mapping[str, Sequence[Row]], *, when: str, where: str, picture: str) -> str:
    """Return the page as Markdown."""
    parts = [HEAD, f"Measured on {when}: {where}", SHORT, format_short_table(sections)]
    for name, rows in sections.items():
        parts += [f"## {TITLES[name]}", as_table(rows)]
        if name == "limits":
            parts.append(f"![calls accepted and rate-limited in each second]({picture})")
    return "\n\n".join(parts) + "\n"


def format_short_table(sections: Mapping[str, Iterable[Row]]) -> str:
    """Return the short table, which the README also has."""
    rows = [("", "measured", "beside"), ("---",) * 3, *_short(sections)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def find_short_table(format_page: str) -> str:
    """Return the short table of a page, or an empty string."""
    return format_page.partition(SHORT)[2].strip().partition("\n\n")[0]


def update_readme(readme: str, before: str, after: str) -> str:
    """Replace the old page's short table in the README with that of the new page.

    Raises:
        ValueError: the README does not have the table of the old page.
    """
    table = find_short_table(before)
    if not table or table not in readme:
        raise ValueError("README.md does not have the short table of benchmarks/RESULTS.md: insert it by hand")
    return readme.replace(table, find_short_table(after))


def _short(sections: Mapping[str, Iterable[Row]]) -> Iterator[tuple[str, ...]]:
    for rows in sections.values():
        for row in rows:
            if row.short:
                yield row.short, row.number, row.against


def draw(trials: Mapping[str, Trial], path: Path) -> None:
    """Draw as SVG how many calls were accepted and rate-limited in each second, and the limit."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Picture

    mpl.rcParams.update({"svg.hashsalt": "rate", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})
    figure = Picture(figsize=(9, 2.1 * len(trials)), layout="constrained")
    for axes, (name, trial) in zip(figure.subplots(len(trials), squeeze=False).flat, trials.items(), strict=True):
        accepted, rate_limited = trial.a_second(204), trial.a_second(429)
        both = [one + other for one, other in zip(accepted, rate_limited, strict=True)]
        axes.stairs(both, baseline=accepted, fill=True, color=RATE_LIMITED, label="rate-limited")
        axes.stairs(accepted, fill=True, color=ACCEPTED, label="accepted")
        axes.axhline(trial.limit.rate, color=ALLOWED, linewidth=1, linestyle="--", label="let through in a second")
        axes.set_title(f"{trial.calls:,} removals, {name}", loc="left", fontsize=9)
        axes.set_ylabel("calls a second")
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)
    figure.axes[-1].set_xlabel("seconds since the first call")
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
