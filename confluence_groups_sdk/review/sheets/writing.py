"""Writing sheets to files: one for everybody, or one for each reviewer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from ..._support.files import check_path, write_atomically
from ..._support.public import public
from ...errors import InputError
from ..model.sheet_row import SheetRow
from ..model.snapshot import Snapshot
from .about import describe_sheet
from .file_names import name_files
from .reviewer_map import ReviewerMap
from .text_sheets import csv_pieces, json_pieces
from .workbook import build_workbook

UNASSIGNED = "unassigned"
"""The name of the file with the memberships that nobody reviews, without its ending."""


@public
class SheetFormat(StrEnum):
    """A format of review sheets."""

    XLSX = "xlsx"
    """A workbook for Excel and LibreOffice; the only one that guides the reviewer. Needs the extra ``review``."""
    CSV = "csv"
    """Text for spreadsheets."""
    JSON = "json"
    """An array of objects, for programs."""
    HTML = "html"
    """A page to read, with totals and what to look at first. Needs the extra ``review``."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> SheetFormat:
        """Return the format that the ending of a file name stands for.

        Raises:
            InputError: the ending stands for no format.
        """
        ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
        if ending not in {each.value for each in cls}:
            raise InputError(
                f"{path}: the name must end in {', '.join(f'.{each.value}' for each in cls)}", option="out"
            )
        return cls(ending)

    @classmethod
    def named(cls, name: str) -> SheetFormat:
        """Return the format with this name.

        Raises:
            InputError: there is none.
        """
        if name not in {each.value for each in cls}:
            raise InputError(f"there is no format {name}: give one of {', '.join(each.value for each in cls)}")
        return cls(name)


@public
def write_sheet(
    path: str | os.PathLike[str],
    rows: Sequence[SheetRow],
    *,
    snapshot: Snapshot,
    format: SheetFormat | str | None = None,  # noqa: A002
    previous: Snapshot | None = None,
    reviewer: str = "",
    only: Sequence[str] = (),
) -> None:
    """Write a sheet to a file that only its owner can read, completely or not at all; replace an existing one.

    Args:
        path: the file.
        rows: the rows, from `sheet_rows`.
        snapshot: the snapshot of the rows.
        format: the format; None for the one that the ending of the file's name stands for.
        previous: the snapshot of the last review; the HTML page shows what has changed since then.
        reviewer: who gets the sheet; the sheet names them.
        only: the conditions by which the rows were chosen; the sheet names them.

    Raises:
        ConfigurationError: XlsxWriter or jinja2 is not installed.
        InputError: the format is unknown or cannot hold the rows, or the file cannot be written.
        ReviewError: the previous snapshot is of another site, or newer.
    """
    chosen = SheetFormat.of(path) if format is None else SheetFormat.named(format)
    content = sheet_content(chosen, rows, snapshot=snapshot, previous=previous, reviewer=reviewer, only=only)
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise InputError(f"{path}: the sheet cannot be written ({error.strerror or error})") from None


@public
def write_reviewer_sheets(
    folder: str | os.PathLike[str],
    rows: Iterable[SheetRow],
    *,
    snapshot: Snapshot,
    reviewers: ReviewerMap,
    format: SheetFormat | str = SheetFormat.XLSX,  # noqa: A002
    previous: Snapshot | None = None,
    only: Sequence[str] = (),
    replace: bool = False,
) -> dict[str, Path]:
    """Write one sheet for each reviewer to a folder, which is created if it is missing.

    Files are named for the reviewers. Memberships that nobody reviews go to a file named ``unassigned``.

    Args:
        folder: the folder.
        rows: the rows, from `sheet_rows`.
        snapshot: the snapshot of the rows.
        reviewers: who reviews what.
        format: the format of the files.
        previous: as for `write_sheet`.
        only: as for `write_sheet`.
        replace: whether existing files are replaced.

    Returns:
        The files by reviewer; the file of the memberships without a reviewer has an empty text.

    Raises:
        ConfigurationError, InputError, ReviewError: as for `write_sheet`; also if a file exists, before any is written.
    """
    chosen = SheetFormat.named(format)
    split = reviewers.split(rows)
    names = name_files([each for each in split if each], reserved=[UNASSIGNED]) | {"": UNASSIGNED}
    files = {each: Path(folder, f"{names[each]}.{chosen.value}") for each in split}
    _check_folder(Path(folder), files.values(), replace=replace)
    for reviewer, of_reviewer in split.items():
        write_sheet(
            files[reviewer],
            of_reviewer,
            snapshot=snapshot,
            format=chosen,
            previous=previous,
            reviewer=reviewer,
            only=only,
        )
    return files


@public
def sheet_content(
    format: SheetFormat,  # noqa: A002
    rows: Sequence[SheetRow],
    *,
    snapshot: Snapshot,
    previous: Snapshot | None = None,
    reviewer: str = "",
    only: Sequence[str] = (),
) -> Iterable[bytes]:
    """Return the content of a sheet's file in pieces.

    Raises:
        ConfigurationError, InputError, ReviewError: as for `write_sheet`.
    """
    if format is SheetFormat.CSV:
        return csv_pieces(rows)
    if format is SheetFormat.JSON:
        return json_pieces(rows)
    about = describe_sheet(snapshot, rows, reviewer=reviewer, only=only)
    if format is SheetFormat.XLSX:
        return [build_workbook(snapshot, rows, about)]
    from ..pages.sheet_page import render_sheet  # only here, because few need it

    return [render_sheet(snapshot, rows, previous=previous, reviewer=reviewer, only=only).encode()]


def _check_folder(folder: Path, files: Iterable[Path], *, replace: bool) -> None:
    """Create the folder, and check that the files can be written.

    Raises:
        InputError: they cannot.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for file in files:
            check_path(file)
    except FileExistsError:
        raise InputError(f"{folder}: this is not a folder: give the path of a folder", option="out") from None
    except OSError as error:
        raise InputError(f"{folder}: sheets cannot be written here ({error.strerror or error})", option="out") from None
    existing = [] if replace else [file.name for file in files if file.exists()]
    if existing:
        shown = ", ".join(existing[:5]) + (" …" if len(existing) > 5 else "")
        raise InputError(f"{folder} has such files already: {shown}: give another folder, or --force to replace them")
