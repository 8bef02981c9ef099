"""The parts of evidence as objects and as files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from ..._support.files import read_regular
from ..._support.strict_json import ShapeError, parse_strict
from ...errors import JournalError, PlanError, ReviewError
from ...membership import JournalState, Plan, read_journal
from ..model.decisions import Decisions
from ..model.snapshot import Snapshot

SNAPSHOT, DECISIONS, PLAN, JOURNAL, AFTER = (
    "snapshot.json",
    "decisions.json",
    "plan.json",
    "journal.jsonl",
    "after.json",
)
SUMMARY = "summary.html"
SHEETS = "sheets/"


@frozen(kw_only=True)
class Journal:
    """A journal.

    Attributes:
        data: the content of its file.
        state: what its complete lines say.
    """

    data: bytes
    state: JournalState

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Journal:
        """Read the file of a journal. A run that was killed may have left an incomplete last line.

        Raises:
            ReviewError: it cannot be read, is damaged, or is empty.
        """
        try:
            return cls.from_bytes(read_regular(path), str(path))
        except OSError as error:
            raise ReviewError(f"{path}: the journal cannot be read ({error.strerror or error})") from None

    @classmethod
    def from_bytes(cls, data: bytes, name: str = JOURNAL) -> Journal:
        """Return the journal in the content of a file.

        Raises:
            ReviewError: it is damaged, or empty.
        """
        with tempfile.TemporaryDirectory() as folder:  # membership reads journals from files
            path = Path(folder, JOURNAL)
            path.write_bytes(data)
            try:
                return cls(data=data, state=read_journal(path))
            except JournalError as error:
                raise ReviewError(str(error).replace(str(path), name)) from None


@frozen(kw_only=True)
class Parts:
    """The parts of evidence.

    Attributes:
        snapshot: the snapshot that was reviewed.
        sheets: the content of the returned sheets by file name.
        decisions: the decisions in the sheets.
        plan: the plan for the decided removals.
        journal: what was done; None if the plan has no changes.
        after: a later snapshot; None if the plan has no changes.
    """

    snapshot: Snapshot
    sheets: Mapping[str, bytes]
    decisions: Decisions
    plan: Plan
    journal: Journal | None
    after: Snapshot | None

    def as_files(self) -> dict[str, bytes]:
        """Return the files, without manifest and summary."""
        plan = json.dumps(self.plan.as_json(), ensure_ascii=False, indent=1) + "\n"  # as `Plan.save` writes it
        files = {f"{SHEETS}{name}": data for name, data in self.sheets.items()}
        files |= {
            SNAPSHOT: self.snapshot.as_bytes(),
            DECISIONS: self.decisions.as_bytes(),
            PLAN: plan.encode("utf-8", "surrogatepass"),
        }
        if self.journal is not None:
            files[JOURNAL] = self.journal.data
        if self.after is not None:
            files[AFTER] = self.after.as_bytes()
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Parts:
        """Return the parts in files.

        Raises:
            ReviewError: a file is missing, malformed, or was edited; the error lists all of them.
        """
        problems: list[str] = []
        found: dict[str, object] = {}
        readers: dict[str, Callable[[bytes], object]] = {
            SNAPSHOT: lambda data: Snapshot.from_bytes(data, name=SNAPSHOT),
            DECISIONS: lambda data: Decisions.from_bytes(data, name=DECISIONS),
            PLAN: _plan_from_bytes,
            JOURNAL: Journal.from_bytes,
            AFTER: lambda data: Snapshot.from_bytes(data, name=AFTER),
        }
        for name, read in readers.items():
            try:
                found[name.partition(".")[0]] = read(files[name]) if name in files else None
            except ReviewError as error:
                problems += [str(error)]
        sheets = {name.removeprefix(SHEETS): data for name, data in files.items() if name.startswith(SHEETS)}
        problems += [
            f"{name}: the file is missing" for name in (SNAPSHOT, DECISIONS, PLAN, SUMMARY) if name not in files
        ]
        known = {*readers, SUMMARY}
        problems += [
            f"{name}: evidence has no such file" for name in files if name not in known and not _is_sheet(name)
        ]
        if problems:
            raise ReviewError("the evidence cannot be read:", problems=tuple(problems))
        return cls(sheets=sheets, **found)  # type: ignore[arg-type] # each reader returns the type of its part


def _is_sheet(name: str) -> bool:
    """Check for the name of a sheet, with no path that leads elsewhere when the evidence is extracted."""
    file = name.removeprefix(SHEETS)
    return name.startswith(SHEETS) and file not in ("", ".", "..") and "/" not in file and "\\" not in file


def _plan_from_bytes(data: bytes) -> Plan:
    try:
        return Plan.from_json(parse_strict(data))
    except (ShapeError, PlanError) as error:
        raise ReviewError(f"{PLAN}: {error}") from None
