"""A process that runs tests in forked children: `python -m mutation.worker`, started by `mutation.project`.

Starting pytest takes longer than most tests. So this process imports the libraries, but not the package, and forks.
A child imports the package and collects the tests, and forks again for each mutant. The last child puts the changed
functions in the place of the original ones, and runs the tests of the mutant. If the change is in code that runs when
the module is imported, the first process forks for that mutant, and the child imports the changed module.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

PYTEST = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
KILLED, SURVIVED, TIMED_OUT, BROKEN = "killed", "survived", "timed out", "broken"
SLOWER = 5.0  # than when they were recorded
START_S = 20.0  # for collecting the tests
POLL_S = 0.005


class Recorder:
    """A pytest plugin that notes which lines of the package each test runs, and how long the test takes."""

    def __init__(self, package: str) -> None:
        import coverage

        # The C tracer: the one of sys.monitoring cannot tell tests apart.
        self._coverage = coverage.Coverage(data_file=None, config_file=False, include=[f"{package}/*"])
        self._tests: dict[str, dict[str, Any]] = {}
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note what one test runs."""
        self._coverage.switch_context(item.nodeid)
        test = self._tests.setdefault(item.nodeid, {"passed": True})
        begin, cpu = time.perf_counter(), time.process_time()
        try:
            return (yield)
        finally:
            test["seconds"], test["cpu_seconds"] = time.perf_counter() - begin, time.process_time() - cpu
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave out tests that do not pass on the original package."""
        if not report.passed:
            self._tests.setdefault(report.nodeid, {})["passed"] = False

    def finish(self) -> dict[str, Any]:
        """Return the tests, and the modules that were imported."""
        self._coverage.stop()
        data = self._coverage.get_data()
        at_import: dict[str, list[int]] = {}
        for test in self._tests.values():
            test["lines"] = {}
        for file in data.measured_files():
            module = Path(os.path.relpath(file)).as_posix()
            for line, contexts in data.contexts_by_lineno(file).items():
                for context in contexts:
                    lines = self._tests[context]["lines"] if context else at_import
                    lines.setdefault(module, []).append(line)
        passed = {name: test for name, test in self._tests.items() if test["passed"]}
        failed = sorted(self._tests.keys() - passed.keys())
        return {"tests": passed, "failed": failed, "at_import": at_import, "libraries": _list_libraries()}


class Runner:
    """A pytest plugin that runs the tests of each mutant in a child of its own, once all tests are collected."""

    def __init__(self, job: dict[str, Any], report: Callable[[int, str], None]) -> None:
        self._job = job
        self._report = report

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the mutants instead of the collected tests."""
        items = {item.nodeid: item for item in session.items}
        original = compile(self._job["source"], self._job["file"], "exec", dont_inherit=True)
        for mutant in self._job["mutants"]:
            changed = compile(mutant["source"], self._job["file"], "exec", dont_inherit=True)
            selected = [items[name] for name in mutant["tests"]]
            with _mutated(self._job["file"], self._job["source"], mutant["source"]):
                work = partial(_run_items, session, selected, original, changed)
                outcome = run_in_child(work, mutant["seconds"] * SLOWER + self._job["grace"])
            self._report(mutant["number"], outcome)
        return True


def main(path: str, results: int) -> None:
    """Carry out the jobs in a file, and write a line of JSON for each result."""
    jobs = json.loads(Path(path).read_text(encoding="utf-8"))
    for name in jobs["preload"]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    stream = os.fdopen(results, "w", encoding="utf-8")

    def write(result: dict[str, Any]) -> None:
        stream.write(json.dumps(result) + "\n")
        stream.flush()

    for file in jobs.get("record", ()):
        run_in_child(partial(_record, jobs["package"], file, write), None)
    for job in jobs.get("run", ()):
        _run(job, lambda number, outcome: write({"number": number, "outcome": outcome}))


def run_in_child(work: Callable[[], int], seconds: float | None) -> str:
    """Fork, let the child work in a process group of its own, and return the outcome; 0 means that the tests passed."""
    folder = tempfile.mkdtemp(prefix="mutant-")
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setpgid(0, 0)
            os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = folder
            tempfile.tempdir = folder
            code = work()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    try:
        return _wait(child, seconds)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(child: int, seconds: float | None) -> str:
    end = time.monotonic() + seconds if seconds is not None else None
    while True:
        done, status = os.waitpid(child, os.WNOHANG if end else 0)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return {0: SURVIVED, 70: BROKEN}.get(code, KILLED)
        if end and time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return TIMED_OUT
        time.sleep(POLL_S)


def _record(package: str, file: str, write: Callable[[dict[str, Any]], None]) -> int:
    recorder = Recorder(package)
    arguments = [argument for argument in PYTEST if argument != "-x"]
    pytest.main([*arguments, file], plugins=[recorder])
    write({"file": file, **recorder.finish()})
    return 0


def _run_pytest(names: list[str], *plugins: object) -> int:
    return int(pytest.main([*PYTEST, *names], plugins=plugins))


def _run(job: dict[str, Any], report: Callable[[int, str], None]) -> None:
    """Run the mutants of one module, if all their tests pass on the original."""
    names = sorted({name for mutant in job["mutants"] for name in mutant["tests"]})
    if run_in_child(partial(_run_pytest, names), None) != SURVIVED:
        report(-1, BROKEN)
        return
    original = compile(job["source"], job["file"], "exec", dont_inherit=True)
    in_functions: list[dict[str, Any]] = []
    at_import: list[dict[str, Any]] = []
    for mutant in job["mutants"]:
        changed = compile(mutant["source"], job["file"], "exec", dont_inherit=True)
        slow = mutant["at_import"] or list_changed_functions(original, changed) is None
        (at_import if slow else in_functions).append(mutant)
    if in_functions:
        names = sorted({name for mutant in in_functions for name in mutant["tests"]})
        files = sorted({name.partition("::")[0] for name in names})
        runner = Runner({**job, "mutants": in_functions}, report)
        run_in_child(partial(_run_pytest, files, runner), None)
    for mutant in at_import:
        with _mutated(job["file"], job["source"], mutant["source"]):
            work = partial(_run_pytest, mutant["tests"])
            outcome = run_in_child(work, mutant["seconds"] * SLOWER + START_S + job["grace"])
        report(mutant["number"], outcome)


@contextlib.contextmanager
def _mutated(file: str, original: str, changed: str) -> Iterator[None]:
    """Write a changed module, for imports and for processes that tests start; no bytecode of it may be left."""
    path = Path(file)

    def write(source: str) -> None:
        path.write_text(source, encoding="utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    write(changed)
    try:
        yield
    finally:
        write(original)


def _run_items(
    session: pytest.Session, items: list[pytest.Item], original: types.CodeType, changed: types.CodeType
) -> int:
    """Put the changed functions in place, run tests until one fails, and return 1 then."""
    replace_functions(original, changed)
    for item, following in zip(items, [*items[1:], None], strict=True):
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except (KeyboardInterrupt, pytest.exit.Exception):  # which pytest raises again
            return 1
        if session.testsfailed:
            return 1
    return 0


def list_changed_functions(
    original: types.CodeType, changed: types.CodeType
) -> list[tuple[types.CodeType, types.CodeType]] | None:
    """Return the functions that differ, each with its new code; None if code that runs at import differs."""
    found: list[tuple[types.CodeType, types.CodeType]] = []

    def visit(old: types.CodeType, new: types.CodeType, in_function: bool) -> bool:
        """Return whether all differences are inside functions."""
        if old == new and old.co_code == new.co_code:
            return True
        inside = in_function or (bool(old.co_flags & 0x2) and old.co_name not in COMPREHENSIONS)  # CO_NEWLOCALS
        if inside:
            if old.co_freevars != new.co_freevars:
                return False
            found.append((old, new))
        elif _own(old) != _own(new):
            return False
        pairs = list(zip(_inner(old), _inner(new), strict=False))
        if len(_inner(old)) != len(_inner(new)):
            return inside
        results = [visit(*pair, inside) for pair in pairs]  # visits all of them
        return all(results)

    return found if visit(original, changed, False) else None


COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


def replace_functions(original: types.CodeType, changed: types.CodeType) -> None:
    """Give each live function that differs its new code."""
    pairs = list_changed_functions(original, changed) or []
    places = {(old.co_filename, old.co_qualname, old.co_firstlineno): new for old, new in pairs}
    for function in [each for each in gc.get_objects() if isinstance(each, types.FunctionType)]:
        code = function.__code__
        new = places.get((os.path.abspath(code.co_filename), code.co_qualname, code.co_firstlineno))
        if new is not None:
            function.__code__ = new


def _own(code: types.CodeType) -> object:
    constants = [(type(each), each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return code.co_code, constants, code.co_names


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]


def _list_libraries() -> list[str]:
    """Return the imported modules that belong to libraries."""
    here = os.getcwd() + os.sep
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if "site-packages" in file and not file.startswith(here) and not name.startswith(("mutation", "__")):
            names.append(name)
    return names


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
