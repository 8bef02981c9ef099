"""A copy of the project, in which modules are changed and tests run; and the processes that run them."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutation.selection import Record, hash_modules, hash_test, read_record

SCRIPTS = Path(__file__).parents[1]
LEFT_OUT = {".git", "build", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


class ProjectCopy:
    """A copy of the project, beside the records of what its tests run.

    Args:
        project: the folder to copy.
        work: the folder for the copy and the records; they are used again.
        package: the name of the package.
    """

    def __init__(self, project: Path, work: Path, package: str) -> None:
        self.folder = work / "copy"
        self._records = work / "records"
        self.log = work / "log"
        self._work = work
        self._package = package
        self._records.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        _copy(project, self.folder)

    def read_source(self, module: str) -> str:
        """Return the original source of a module."""
        return (self.folder / module).read_text(encoding="utf-8")

    def record(self, module: str, test_files: list[str]) -> list[Record]:
        """Return what test files run; run those that have no record for this module."""
        modules = hash_modules(self.folder, self._package)
        digests = {file: hash_test(self.folder, file) for file in test_files}

        def read(file: str) -> Record | None:
            return read_record(self._find_record(file), digests[file], module, modules[module])

        missing = [file for file in test_files if read(file) is None]
        if missing:
            print(f"recording what {len(missing)} test files run", file=sys.stderr, flush=True)
            for result in self._work_on({"package": self._package, "record": missing}):
                record = json.dumps({"digest": digests[result["file"]], "modules": modules, **result})
                self._find_record(result["file"]).write_text(record, encoding="utf-8")
        records = {file: read(file) for file in test_files}
        if lost := [file for file, record in records.items() if record is None]:
            raise SystemExit(f"error: these tests could not be recorded ({self.log}): {', '.join(lost)}")
        return [record for record in records.values() if record is not None]

    def run(self, jobs: list[dict[str, Any]], libraries: list[str]) -> Iterator[dict[str, Any]]:
        """Run mutants, and yield the number and the outcome of each."""
        yield from self._work_on({"package": self._package, "run": jobs, "preload": libraries})

    def _find_record(self, test_file: str) -> Path:
        return self._records / (test_file.replace("/", ".") + ".json")

    def _work_on(self, jobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        path = self._work / "jobs.json"
        path.write_text(json.dumps({"preload": [], **jobs}), encoding="utf-8")
        reading, writing = os.pipe()
        environment = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        environment |= {"PYTHONPATH": os.pathsep.join([str(self.folder), str(SCRIPTS)]), "CI": "true"}
        if "run" in jobs:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        with (
            self.log.open("w", encoding="utf-8") as log,
            subprocess.Popen(
                [sys.executable, "-m", "mutation.worker", str(path), str(writing)],
                cwd=self.folder,
                env=environment,
                pass_fds=[writing],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ) as process,
            os.fdopen(reading, encoding="utf-8") as results,
        ):
            os.close(writing)
            try:
                for line in results:
                    yield json.loads(line)
            finally:
                process.terminate()


def _is_setting(name: str) -> bool:
    """Return whether a variable could change what tests do."""
    return name.startswith(("PYTHON", "CONFLUENCE_")) or name.lower().endswith("_proxy")


def _copy(source: Path, target: Path) -> None:
    """Make the target's files equal to the source's, and leave those alone that are equal already."""
    names = {entry.name for entry in source.iterdir() if entry.name not in LEFT_OUT and ".venv" not in entry.name}
    for entry in target.iterdir():
        if entry.name not in names and entry.name != "__pycache__":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in names:
        old, new = source / name, target / name
        if old.is_dir():
            new.mkdir(exist_ok=True)
            _copy(old, new)
        elif not new.exists() or not filecmp.cmp(old, new, shallow=False):
            shutil.copy2(old, new)
