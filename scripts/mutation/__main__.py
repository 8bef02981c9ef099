"""Change the package's code in small ways, and count the changes that no test notices.

Each module is changed in a copy of the project. Only the tests that run the changed statement are run. A change that
nobody could notice is listed in scripts/mutation/equivalents.toml, with the reason.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from run_command import run_command

from mutation.equivalents import find_stale, read_equivalents
from mutation.mutants import Mutant, list_mutants
from mutation.project import ProjectCopy
from mutation.selection import Record, find_import_lines, list_test_files, select_tests
from mutation.worker import BROKEN, KILLED, SURVIVED, TIMED_OUT

ROOT = Path(__file__).parents[2]
PACKAGE = "confluence_groups_sdk"
PARTS = ("_core", "auth", "membership", "review")
UNRUN, EQUIVALENT = "no test", "equivalent"
COLUMNS = (KILLED, SURVIVED, TIMED_OUT, UNRUN, EQUIVALENT)


def main(arguments: list[str]) -> int:
    """Run the mutants and print a table; return 1 if an entry of the list of equivalents matches no mutant."""
    options = parse_options(arguments)
    modules = find_modules(options.project, options.package, options.modules)
    copy = ProjectCopy(options.project, options.project / "build" / "mutation", options.package)
    equivalents = read_equivalents(options.equivalents)
    totals: Counter[str] = Counter()
    stale = []
    _print_row("module", ("mutants", *COLUMNS, "noticed"))
    for module in modules:
        source = copy.read_source(module)
        mutants = list_mutants(module, source)
        stale += find_stale(equivalents, mutants, [module])
        saved = options.project / "build" / "mutation" / "results" / (module.replace("/", ".") + ".json")
        chosen = choose_mutants(mutants, options, saved)
        known = {entry.key for entry in equivalents}
        outcomes = run_mutants(copy, module, chosen, {mutant for mutant in chosen if mutant.key in known}, options)
        save_outcomes(saved, outcomes)
        counts = Counter(outcomes.values())
        totals += counts
        _print_row(module.removeprefix(f"{options.package}/"), _numbers(counts))
        if options.list:
            for mutant, outcome in outcomes.items():
                if outcome in {SURVIVED, UNRUN}:
                    print(
                        f"\n{mutant.module}:{mutant.line}: {mutant.scope}: {outcome}\n{mutant.diff(source)}", flush=True
                    )
    if len(modules) > 1:
        _print_row("total", _numbers(totals))
    for entry in stale:
        print(
            f"{options.equivalents}: matches no mutant: {entry.module}: {entry.scope}: {entry.after}", file=sys.stderr
        )
    return int(bool(stale))


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(
        prog="scripts/mutate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="file or folder in the package; all by default")
    parser.add_argument("--list", action="store_true", help="show the survivors")
    parser.add_argument("--again", action="store_true", help="only the mutants that survived in the last run")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants of each module")
    parser.add_argument("--seed", type=int, default=1, help="chooses the sample (default: 1)")
    parser.add_argument("--seconds", type=float, default=20, help="the tests of a mutant may take (default: 20)")
    parser.add_argument(
        "--tests", nargs="+", metavar="FILE", help="only these test files, so that fewer changes may be noticed"
    )
    parser.add_argument("--grace", type=float, default=10, help="that many seconds more before a mutant times out")
    parser.add_argument("--project", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--package", default=PACKAGE, help=argparse.SUPPRESS)
    parser.add_argument("--equivalents", type=Path, default=Path(__file__).with_name("equivalents.toml"))
    return parser.parse_args(arguments)


def find_modules(project: Path, package: str, names: list[str]) -> list[str]:
    """Return the modules that were named, or that are in the folders that were named.

    Raises:
        SystemExit: there is no such module.
    """
    found = []
    for name in names or PARTS:
        path = project / package / name.removeprefix(f"{package}/")
        paths = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if not all(each.is_file() for each in paths) or not paths:
            raise SystemExit(f"error: {name}: no such module in {package}")
        found += [each.relative_to(project).as_posix() for each in paths]
    return found


def choose_mutants(mutants: list[Mutant], options: argparse.Namespace, saved: Path) -> list[Mutant]:
    """Return the mutants to run."""
    if options.again and saved.exists():
        keys = {tuple(key) for key in json.loads(saved.read_text(encoding="utf-8"))}
        mutants = [mutant for mutant in mutants if mutant.key in keys]
    if options.sample is not None and options.sample < len(mutants):
        chosen = set(random.Random(options.seed).sample(range(len(mutants)), options.sample))  # noqa: S311 - no secret
        mutants = [mutant for number, mutant in enumerate(mutants) if number in chosen]
    return mutants


def run_mutants(
    copy: ProjectCopy, module: str, mutants: list[Mutant], equivalents: set[Mutant], options: argparse.Namespace
) -> dict[Mutant, str]:
    """Run the mutants of a module, except for the equivalent ones, and return the outcomes.

    Raises:
        SystemExit: the tests also fail on the original module.
    """
    outcomes = {mutant: EQUIVALENT if mutant in equivalents else UNRUN for mutant in mutants}
    if len(equivalents) == len(mutants):
        return outcomes
    records = copy.record(module, options.tests or list_test_files(copy.folder, module))
    tests = [test for record in records for test in record.tests]
    import_lines = find_import_lines(records, module)
    entries = []
    for number, mutant in enumerate(mutants):
        selected = select_tests(mutant, tests, options.seconds) if mutant not in equivalents else []
        if selected:
            entry = {"number": number, "source": mutant.source, "tests": [test.name for test in selected]}
            seconds = sum(test.seconds for test in selected)
            entries.append(entry | {"seconds": seconds, "at_import": mutant.line in import_lines})
    job = {
        "file": str(copy.folder / module),
        "source": copy.read_source(module),
        "mutants": entries,
        "grace": options.grace,
    }
    results = {each["number"]: each["outcome"] for each in copy.run([job], _list_libraries(records))} if entries else {}
    if results.keys() != {entry["number"] for entry in entries} or BROKEN in results.values():
        raise SystemExit(f"error: {module}: its tests do not pass on the original module: see {copy.log}")
    return outcomes | {mutants[number]: outcome for number, outcome in results.items()}


def save_outcomes(path: Path, outcomes: dict[Mutant, str]) -> None:
    """Keep the survivors for ``--again``."""
    survivors = [mutant.key for mutant, outcome in outcomes.items() if outcome in {SURVIVED, UNRUN}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(survivors, indent=1), encoding="utf-8")


def _list_libraries(records: Iterable[Record]) -> list[str]:
    return sorted({name for record in records for name in record.libraries})


def _numbers(counts: Counter[str]) -> tuple[Any, ...]:
    """Return the cells of a row; a mutant whose tests take too long is noticed."""
    judged = counts.total() - counts[EQUIVALENT]
    share = f"{100 * (counts[KILLED] + counts[TIMED_OUT]) / judged:.1f} %" if judged else "-"
    return counts.total(), *(counts[name] for name in COLUMNS), share


def _print_row(name: str, cells: Iterable[Any]) -> None:
    print(f"{name:<45}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
