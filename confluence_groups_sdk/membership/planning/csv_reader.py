"""Reading rows of groups and accounts from CSV files, as spreadsheets and HR systems write them."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from ..._support.public import public
from ..._support.text import format_count
from ...errors import InputError

GROUP_IDS = ("groupid", "group")
GROUP_NAMES = ("groupname",)
ACCOUNT_IDS = ("accountid", "account", "atlassianid", "userid", "user")
EMAILS = ("email", "mail", "emailaddress", "useremail")
REASONS = ("reason", "comment", "note")
HEADERS = {*GROUP_IDS, *GROUP_NAMES, *ACCOUNT_IDS, *EMAILS, *REASONS}
HEADERS_HELP = (
    "the group (group, groupId, groupName), the account (account, accountId, user, email) and optionally a reason"
)
ACCOUNT_HEADERS_HELP = "account, accountId, user or email"
DELIMITERS = ",;\t"
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MAX_PROBLEMS = 1000
SPREADSHEET_MANGLED = re.compile(r"[+-]?\d+([.,]\d+)?[eE]\+\d+|#(REF|N/A|NAME\?|VALUE|NULL|NUM|DIV/0)!?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@public
class Row(NamedTuple):
    """The request of one row.

    Attributes:
        group: the group's id or exact name.
        account: the account's id or e-mail.
        reason: why the change is made; None if the row has no reason.
        line: the line of the file at which the row starts; None if the row comes from no file.
        by_name: whether the group comes from a column of names, so that it cannot be an id.
    """

    group: str
    account: str
    reason: str | None = None
    line: int | None = None
    by_name: bool = False


class _Columns(NamedTuple):
    """The column numbers of each field; if a field has several columns, the first one that is not empty counts."""

    group: tuple[int, ...]
    group_name: tuple[int, ...]
    account: tuple[int, ...]
    reason: tuple[int, ...]
    width: int


class _Header(NamedTuple):
    """The header row of a file.

    Attributes:
        names: the headers as they stand in the file.
        columns: the column numbers of each field.
        delimiter: the character between two cells.
        line: the line of the headers.
    """

    names: list[str]
    columns: _Columns
    delimiter: str
    line: int


@public
def read_rows(source: str | os.PathLike[str]) -> list[Row]:
    """Read the rows of a CSV file that has groups and accounts.

    The file needs a header row, and commas, semicolons or tabs between cells (RFC 4180 section 2). Its encoding is
    UTF-8, or UTF-16 with a byte order mark. Blank lines and columns with other headers are ignored.

    Args:
        source: the path of the file.

    Raises:
        InputError: the file cannot be read, or has bad rows; the error names the first 1,000 with their lines.
    """
    return _read_file(source, with_groups=True)


@public
def read_accounts(source: str | os.PathLike[str], *, allow_empty: bool = False) -> list[str]:
    """Read the accounts in a CSV file, ids or e-mails; a column of groups is ignored.

    Args:
        source: the path of the file.
        allow_empty: whether the file may have headers and no rows.

    Raises:
        InputError: as for `read_rows`.
    """
    return [row.account for row in _read_file(source, with_groups=False, allow_empty=allow_empty)]


def _read_file(source: str | os.PathLike[str], *, with_groups: bool, allow_empty: bool = False) -> list[Row]:
    name = os.path.basename(os.fspath(source))
    try:
        with open(source, "rb") as file:  # opened only once, because it may be a pipe
            start = file.peek(4)
            encoding = next((encoding for mark, encoding in ENCODINGS if start.startswith(mark)), "utf-8")
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                return _read_text(name, text, with_groups=with_groups, allow_empty=allow_empty)
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror or error})") from None
    except UnicodeError:
        raise InputError(
            f"{name}: {_undecodable_line(source)}this is not UTF-8: save it as “CSV UTF-8” in the spreadsheet"
        ) from None


def _read_text(name: str, text: IO[str], *, with_groups: bool, allow_empty: bool) -> list[Row]:
    header = _read_header(name, text, with_groups=with_groups)
    rows: list[Row] = []
    problems: list[str] = []
    for line, cells, problem in _records(text, header):
        row = problem or _parse_row(cells, header.columns, line)
        if isinstance(row, Row):
            rows.append(row)
        else:
            problems.append(row)
        if len(problems) >= MAX_PROBLEMS:
            problems.append("the lines after that were not checked")
            break
    if problems:
        raise InputError(
            f"{name}: {format_count(len(problems), 'bad row')}, so no plan was made:", problems=tuple(problems)
        )
    if not rows and not allow_empty:
        raise InputError(f"{name}: there is no row below the headers {', '.join(header.names)}")
    return rows


def _read_header(name: str, text: IO[str], *, with_groups: bool) -> _Header:
    """Read the header row, and the line ``sep=`` that Excel may write before it."""
    delimiter = ""
    for number, line in enumerate(text, 1):
        if number == 1 and line.lower().startswith("sep="):
            delimiter = line[4:5]
        elif line.strip(DELIMITERS + " \r\n"):
            delimiter = delimiter or max(DELIMITERS, key=line.count)
            try:
                (names,) = csv.reader([line], delimiter=delimiter, strict=True)
            except (csv.Error, TypeError, ValueError) as error:
                raise InputError(f"{name}: line {number}: the headers cannot be read ({error})") from None
            return _Header(names, _find_columns(name, names, number, with_groups=with_groups), delimiter, number)
    raise InputError(f"{name}: the file is empty")


def _find_columns(name: str, header: list[str], number: int, *, with_groups: bool) -> _Columns:
    plain = [re.sub(r"[\s_-]", "", cell).lower() for cell in header]

    def with_headers(*aliases: str) -> tuple[int, ...]:
        return tuple(plain.index(alias) for alias in aliases if alias in plain)

    if twice := [cell for cell, each in zip(header, plain, strict=True) if each in HEADERS and plain.count(each) > 1]:
        raise InputError(f"{name}: line {number}: the header {twice[0].strip()} occurs twice")
    columns = _Columns(
        with_headers(*GROUP_IDS) if with_groups else (),
        with_headers(*GROUP_NAMES) if with_groups else (),
        with_headers(*ACCOUNT_IDS, *EMAILS),
        with_headers(*REASONS),
        max((index for index, cell in enumerate(header, 1) if cell.strip()), default=0),
    )
    missing = ["group"] if with_groups and not (columns.group or columns.group_name) else []
    missing += ["account"] if not columns.account else []
    if missing:
        shown = ", ".join(cell.strip() for cell in header if cell.strip())[:200]
        raise InputError(
            f"{name}: line {number}: there is no column for the {' and '.join(missing)}. The first row must have the "
            f"headers {HEADERS_HELP if with_groups else ACCOUNT_HEADERS_HELP}; it has: {shown}"
        )
    return columns


def _records(text: IO[str], header: _Header) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each record that is not blank: its first line, its cells, and what is wrong with its CSV."""
    reader = csv.reader(_replace_nul(text), delimiter=header.delimiter, strict=True)
    line = header.line + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"line {line}: not valid CSV from here on ({error}): look for a quote that is not closed"
            return
        if any(map(str.strip, cells)):
            yield line, cells, None
        line = header.line + reader.line_num + 1


def _parse_row(cells: list[str], columns: _Columns, line: int) -> Row | str:
    """Return the row, or what is wrong with it."""
    if any(map(str.strip, cells[columns.width :])):
        return f"line {line}: there are more cells than headers"
    group_id, account = _first(cells, columns.group), _first(cells, columns.account)
    group = group_id or _first(cells, columns.group_name)
    required = [("group", group)] if columns.group or columns.group_name else []
    for what, value in (*required, ("account", account)):
        if not value:
            return f"line {line}: the {what} is missing"
        if not value.isprintable():
            return f"line {line}: the {what} contains a control character"
        if SPREADSHEET_MANGLED.fullmatch(value):
            return f"line {line}: the {what} is {value}: a spreadsheet has changed it"
    reason = " ".join(_first(cells, columns.reason).split())
    if CONTROL.search(reason):
        return f"line {line}: the reason contains a control character"
    return Row(group, account, reason or None, line, by_name=not group_id)


def _first(cells: Sequence[str], columns: Sequence[int]) -> str:
    """Return the first cell of these columns that is not empty."""
    for column in columns:
        if column < len(cells) and (cell := cells[column].strip()):
            return cell
    return ""


def _replace_nul(lines: Iterable[str]) -> Iterator[str]:
    """Replace NUL, at which csv fails, with another control character, so that the error names the line."""
    return (line.replace("\0", "\x01") if "\0" in line else line for line in lines)


def _undecodable_line(source: str | os.PathLike[str]) -> str:
    """Find the first line of a file that is not UTF-8."""
    with open(source, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number}: "
    return ""
