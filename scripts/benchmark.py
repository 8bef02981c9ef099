#!/usr/bin/env python3
"""Measures this package beside what it stands on and what else there is, all in one run on this machine.

Each pair is timed by turns, so that both see the same machine; numbers of different runs are not to be compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarking import (
    calls,
    instructions,
    journaling,
    limits,
    planning,
    reading,
    regenerating,
    results,
    startup,
    tasks,
)
from benchmarking.figures import Figure, as_table
from benchmarking.picture import draw
from run_command import run_command

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDER = ROOT / "benchmarks"
PICTURE = "rate.svg"
NEEDED = ("aiohttp", "atlassian", "matplotlib", "openapi_python_client", "sniffio")
INSTALL = "pip install -e '.[aiohttp,sandbox,cli,keyring]' --group dev --group bench"
TRIALS: dict[str, limits.Trial] = {}


def measure_limits() -> Iterable[Figure]:
    """Make the trials, and keep them for the picture."""
    TRIALS.update(limits.trials(limits.ASKED))
    return limits.figures(TRIALS)


SECTIONS: Mapping[str, Callable[[], Iterable[Figure]]] = {
    "startup": startup.measure,
    "calls": calls.measure,
    "instructions": instructions.measure,
    "tasks": tasks.measure,
    "limits": measure_limits,
    "reading": reading.measure,
    "planning": planning.measure,
    "journal": journaling.measure,
    "regenerate": regenerating.measure,
}


def main(arguments: list[str]) -> int:
    """Measure what is asked for, and print it."""
    options = _options(arguments)
    if missing := [name for name in NEEDED if not find_spec(name)]:
        print(f"not installed: {', '.join(missing)}. Run: {INSTALL}", file=sys.stderr)
        return 2
    sections: dict[str, list[Figure]] = {}
    for name in options.only or SECTIONS:
        print(f"measuring: {name}", file=sys.stderr)
        sections[name] = list(SECTIONS[name]())
        if not options.json:
            print(f"\n{results.TITLES[name]}\n\n{as_table(sections[name])}\n", flush=True)
    if options.json:
        print(json.dumps({name: [figure.as_json() for figure in each] for name, each in sections.items()}, indent=2))
    if options.write:
        _write(sections)
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="PART", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md and its picture")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write keeps the numbers of one run: leave out --only")
    return options


def _write(sections: Mapping[str, list[Figure]]) -> None:
    """Put the page and its picture in the place of those of the last run."""
    FOLDER.mkdir(exist_ok=True)
    text = results.page(sections, when=datetime.now(UTC).date().isoformat(), where=results.machine(), picture=PICTURE)
    page = FOLDER / "RESULTS.md"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    readme = results.renewed(README.read_text(encoding="utf-8"), before, text)  # nothing is written where it cannot be
    draw(TRIALS, FOLDER / f"{PICTURE}.new")
    (FOLDER / f"{PICTURE}.new").replace(FOLDER / PICTURE)
    replace(page, text)
    replace(README, readme)


def replace(path: Path, text: str) -> None:
    """Write a file beside it, and put it in its place."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
