#!/usr/bin/env python3
"""Measure this package, its dependencies and its peers, all in one run on one machine.

Each pair is timed in turns, so that load on the machine affects both alike; do not compare numbers of different runs.
"""

from __future__ import annotations

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from compileall import compile_dir
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarking import calls, instructions, limits, planning, reading, regenerating, results, startup, tasks
from benchmarking.figures import Figure, Row, as_table
from benchmarking.fleet import journal, rate, sites
from benchmarking.jobs import counting, snapshots, waiting
from postman_openapi.files import write_atomically
from run_command import run_command

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDER = ROOT / "benchmarks"
PICTURE = "rate.svg"
NEEDED = ("aiohttp", "atlassian", "matplotlib", "openapi_python_client", "sniffio")
INSTALL = "pip install -e '.[aiohttp,sandbox,cli,keyring,review,postgres,dbos,otel]' --group dev --group bench"
TRIALS: dict[str, limits.Trial] = {}


def measure_limits() -> Iterable[Figure]:
    """Run the trials, and keep them for the picture."""
    TRIALS.update(limits.run_trials(limits.TRIALS))
    return limits.trial_figures(TRIALS)


def measure_fleet() -> Iterable[Row]:
    """Measure what processes share: the rate of a site, journals, and jobs at many sites."""
    yield from rate.measure()
    yield from journal.measure()
    yield from sites.measure()


SECTIONS: Mapping[str, Callable[[], Iterable[Row]]] = {
    "jobs": counting.measure,
    "waiting": waiting.measure,
    "snapshots": snapshots.measure,
    "startup": startup.measure,
    "calls": calls.measure,
    "instructions": instructions.measure,
    "tasks": tasks.measure,
    "limits": measure_limits,
    "fleet": measure_fleet,
    "reading": reading.measure,
    "planning": planning.measure,
    "journal": planning.measure_journal,
    "regenerate": regenerating.measure,
}


def main(arguments: list[str]) -> int:
    """Run the measurements, and print them."""
    options = _parse_options(arguments)
    if missing := [name for name in NEEDED if not find_spec(name)]:
        print(f"not installed: {', '.join(missing)}. Run: {INSTALL}", file=sys.stderr)
        return 2
    compile_dir(ROOT / "confluence_groups_sdk", quiet=1)  # as pip does; programs would compile edited modules each time
    sections: dict[str, list[Row]] = {}
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


def _parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="PART", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md, its picture and the README")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs all numbers of one run: leave out --only")
    return options


def _write(sections: Mapping[str, list[Row]]) -> None:
    """Replace the page, its picture and the README's table."""
    FOLDER.mkdir(exist_ok=True)
    when, where = datetime.now(UTC).date().isoformat(), results.describe_machine()
    text = results.format_page(sections, when=when, where=where, picture=PICTURE)
    page = FOLDER / "RESULTS.md"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    readme = results.update_readme(README.read_text(encoding="utf-8"), before, text)  # fails before anything is written
    results.draw(TRIALS, FOLDER / PICTURE)
    write_atomically(page, text.encode())
    write_atomically(README, readme.encode())


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
