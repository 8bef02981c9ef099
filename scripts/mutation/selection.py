"""Which tests run a line of a module, recorded once for each test file, and the tests for a mutant."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mutation.mutants import Mutant

# Tests are beside the part of the package that they are for. The first folder is the part's own.
TESTS = {
    "_core": ("tests/core", "tests/chaos"),
    "auth": ("tests/auth", "tests/core"),
    "membership": ("tests/membership", "tests/chaos"),
    "review": ("tests/review",),
}


@dataclass(frozen=True)
class RecordedTest:
    """A test that passes on the original package.

    Attributes:
        name: pytest's name for it.
        seconds: how long it took.
        cpu_seconds: for how long it used the processor; other programs change this less.
        lines: the lines that it runs, by module.
    """

    name: str
    seconds: float
    cpu_seconds: float
    lines: dict[str, frozenset[int]]

    @property
    def file(self) -> str:
        """The file that holds it."""
        return self.name.partition("::")[0]


def list_test_files(project: Path, module: str) -> list[str]:
    """Return the test files that are recorded for a module, the own folder's first."""
    part = PurePosixPath(module).parts[1]
    folders = TESTS.get(part, ("tests",))
    files = [path for folder in folders for path in sorted((project / folder).glob("test_*.py"))]
    return list(dict.fromkeys(path.relative_to(project).as_posix() for path in files))


def hash_test(project: Path, test_file: str) -> str:
    """Return a digest of a test file, of what tests share, and of what records them."""
    shared = (path for path in (project / "tests").rglob("*.py") if not path.name.startswith("test_"))
    return _hash([Path(__file__).with_name("worker.py"), *sorted(shared), project / test_file])


def hash_modules(project: Path, package: str) -> dict[str, str]:
    """Return a digest of each module."""
    return {path.relative_to(project).as_posix(): _hash([path]) for path in sorted((project / package).rglob("*.py"))}


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """What a test file runs.

    Attributes:
        tests: those that pass on the original package.
        failed: the names of the others.
        at_import: the lines that run before the first test, by module.
        libraries: the modules of libraries that the tests import.
    """

    tests: list[RecordedTest]
    failed: list[str]
    at_import: dict[str, frozenset[int]]
    libraries: list[str]


def read_record(path: Path, digest: str, module: str, module_digest: str) -> Record | None:
    """Return what a test file runs; None if it was not recorded, or if the test or the module was another one.

    A change of another module may change which tests run this one, but hardly ever does.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if record["digest"] != digest or record["modules"].get(module) != module_digest:
        return None
    tests = [
        RecordedTest(name, each["seconds"], each["cpu_seconds"], _freeze(each["lines"]))
        for name, each in record["tests"].items()
    ]
    return Record(tests, record["failed"], _freeze(record["at_import"]), record["libraries"])


def _freeze(lines: dict[str, list[int]]) -> dict[str, frozenset[int]]:
    return {module: frozenset(numbers) for module, numbers in lines.items()}


def select_tests(mutant: Mutant, tests: Sequence[RecordedTest], seconds: float) -> list[RecordedTest]:
    """Return the tests for a mutant that fit into a time: those of the module's file, then the fastest of each file.

    They are those that run the changed statement. For code that runs when the module is imported, and for code that no
    test's own process runs, they are all tests, those that run anything in the module first. If no test fits, it is
    the first one.
    """
    lines = find_statement(ast.parse(mutant.source), mutant.line)
    running = [test for test in tests if not lines.isdisjoint(test.lines.get(mutant.module, ()))]
    own = find_own_file(mutant.module, tests)
    ranks: Counter[str] = Counter()
    ordered = []
    for test in sorted(running or tests, key=lambda test: test.cpu_seconds):
        order = test.file != own, mutant.module not in test.lines, ranks[test.file]
        ordered.append((order, test))
        ranks[test.file] += 1
    by_rank = [test for _, test in sorted(ordered, key=lambda entry: entry[0])]
    selected: list[RecordedTest] = []
    total = 0.0
    for test in by_rank:
        if total + test.cpu_seconds <= seconds:
            selected.append(test)
            total += test.cpu_seconds
    return selected or by_rank[:1]


def find_own_file(module: str, tests: Sequence[RecordedTest]) -> str | None:
    """Return the test file that is named after a module, or the one that runs most of its lines."""
    lines: dict[str, set[int]] = defaultdict(set)
    for test in tests:
        lines[test.file].update(test.lines.get(module, ()))
    name = f"test_{PurePosixPath(module).stem}.py"
    return max(lines, key=lambda file: (PurePosixPath(file).name == name, len(lines[file])), default=None)


def find_statement(tree: ast.Module, line: int) -> frozenset[int]:
    """Return the lines of the innermost statement that has a line, without the statements inside it.

    For the first lines of a function, which run when the module is imported, they are those of the whole function.
    """
    best = range(line, line + 1)
    size: float = float("inf")
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt | ast.ExceptHandler):
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno or node.lineno
        end = max(end, node.lineno)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
        if first <= line <= end and end - first < size:
            last = node.end_lineno or end if is_function else end
            best, size = range(node.lineno, last + 1), end - first
    return frozenset(best)


def find_import_lines(records: Iterable[Record], module: str) -> frozenset[int]:
    """Return the lines of a module that run before the first test."""
    return frozenset[int]().union(*(record.at_import.get(module, ()) for record in records))
