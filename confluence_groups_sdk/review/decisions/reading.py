"""Reading the decisions in returned sheets, with all problems of all sheets in one error."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from attrs import frozen

from ..._support.files import read_regular
from ..._support.public import public
from ..._support.strict_json import sha256
from ..._support.text import escape_controls, format_count
from ...errors import InputError
from ..model.decisions import DecidedMembership, Decisions, Key
from ..model.snapshot import Snapshot
from .memberships import Memberships
from .raw_sheet import RawSheet, UnreadableSheetError
from .row_check import RowReader, Rules, agree
from .text_sheets import read_csv, read_json

MAX_SHEET = 256 * 1024 * 1024  # bytes
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the start of old and of encrypted workbooks
ZIP = b"PK"
Sheets = Mapping[str, bytes]
"""The content of sheets by file name."""


@public
def read_decisions(
    snapshot: Snapshot,
    paths: Iterable[str | os.PathLike[str]],
    *,
    allow_own_access: bool = False,
    today: date | None = None,
) -> Decisions:
    """Read the decisions in returned sheets: CSV, workbooks (.xlsx) and JSON.

    Each row must be a membership of the snapshot, and only decision, until, reviewer and comment may differ from the
    sheet that was sent. Rows that are missing or have no decision are undecided.

    Args:
        snapshot: the snapshot that the sheets were made from.
        paths: the sheets. No two may have the same file name, because decisions name their sheet by it.
        allow_own_access: whether reviewers may decide about their own access; the decisions record it.
        today: the first day on which an exception may end; None for the present day (UTC).

    Raises:
        InputError: a sheet cannot be used; the error lists the problems of all sheets.
        ReviewError: the snapshot was edited.
        ConfigurationError: a sheet is a workbook, and python-calamine is not installed.
    """
    snapshot.check_digest()
    return load_sheets(paths).parse(snapshot, allow_own_access=allow_own_access, today=today)


@frozen
class LoadedSheets:
    """The content of sheets.

    Attributes:
        contents: the content by file name, in the order of the names.
        problems: why some files are missing, one line each.
    """

    contents: Mapping[str, bytes]
    problems: tuple[str, ...] = ()

    def parse(self, snapshot: Snapshot, *, allow_own_access: bool = False, today: date | None = None) -> Decisions:
        """Read the decisions; otherwise like `read_decisions`."""
        return parse_decisions(
            snapshot, self.contents, allow_own_access=allow_own_access, today=today, before=self.problems
        )

    def check(self) -> None:
        """Check that no file is missing.

        Raises:
            InputError: one is; the error says why.
        """
        if self.problems:
            raise _unusable(self.problems)


def load_sheets(paths: Iterable[str | os.PathLike[str]]) -> LoadedSheets:
    """Read the files of sheets."""
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    given = [Path(path) for path in paths]
    problems = [] if given else ["no sheet was given: name the returned files"]
    names = Counter(path.name.casefold() for path in given)
    sheets = {}
    for path in sorted(given, key=lambda path: path.name):
        if names[path.name.casefold()] > 1:
            problems.append(f"{path}: another sheet has the same file name: rename one of them")
        elif path.name != escape_controls(path.name) or "\\" in path.name:
            problems.append(f"{path}: the file name has unusual characters: rename it")
        else:
            try:
                sheets[path.name] = _load(path)
            except InputError as error:
                problems.append(f"{path}: {error}")
    return LoadedSheets(sheets, tuple(problems))


def _unusable(problems: Sequence[str], option: str | None = None) -> InputError:
    count = format_count(len(problems), "problem")
    return InputError(f"the sheets cannot be used ({count}):", problems=tuple(problems), option=option)


def _load(path: Path) -> bytes:
    try:
        data = read_regular(path, limit=MAX_SHEET + 1)
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror or error})") from None
    if not data.strip():
        raise InputError("the file is empty: return the sheet with its rows")
    if len(data) > MAX_SHEET:
        raise InputError(f"the file has more than {MAX_SHEET // 1024**2} MiB: split the sheet with --reviewers")
    return data


def parse_decisions(
    snapshot: Snapshot,
    sheets: Sheets,
    *,
    allow_own_access: bool = False,
    today: date | None = None,
    before: Iterable[str] = (),
) -> Decisions:
    """Read the decisions in the content of sheets; otherwise like `read_decisions`.

    Args:
        snapshot: the snapshot.
        sheets: the content by file name.
        allow_own_access, today: as for `read_decisions`.
        before: problems that were found before, which the error lists first.

    Raises:
        InputError: there are problems.
    """
    memberships = Memberships(snapshot)
    rules = Rules(memberships, allow_own_access, today or datetime.now(UTC).date())
    found: dict[Key, list[tuple[str, DecidedMembership]]] = {}
    problems = list(before)
    has_own_access = False
    for name in sorted(sheets):
        sheet = _read(name, sheets[name])
        for decided in RowReader(sheet, rules).decisions():
            found.setdefault(decided.key, []).append((sheet.place(decided.line), decided))
        problems += sheet.problems
        has_own_access = has_own_access or sheet.has_own_access
    decisions: list[DecidedMembership] = []
    for key in sorted(found):
        try:
            decisions.append(agree(memberships, key, found[key]))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise _unusable(problems, option="allow_own_access" if has_own_access else None)
    return Decisions(
        snapshot=snapshot.digest,
        site=snapshot.site,
        sheets={name: sha256(sheets[name]) for name in sorted(sheets)},
        decided=tuple(decisions),
        undecided=tuple(key for key in memberships if key not in found),
        allow_own_access=allow_own_access,
    )


def _read(name: str, data: bytes) -> RawSheet:
    """Read a sheet, in the format that its content shows."""
    try:
        if data.startswith(OLE):
            raise UnreadableSheetError(
                "this workbook has a password, or the format of old versions of Excel: save it as an Excel workbook "
                "(.xlsx) without a password"
            )
        if data.startswith(ZIP):
            from .workbook import read_workbook  # loads zipfile

            sheet = read_workbook(name, data)
        elif data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
            sheet = read_json(name, data.removeprefix(b"\xef\xbb\xbf"))
        else:
            sheet = read_csv(name, data)
        if not sheet.rows and not sheet.problems:
            raise UnreadableSheetError("there is no row below the headers: return the sheet with its rows")
    except UnreadableSheetError as error:
        sheet = RawSheet(name, problems=[f"{name}: {error}"])
    return sheet
