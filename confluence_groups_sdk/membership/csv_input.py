"""Rows of groups and accounts from a CSV file, as spreadsheets and HR systems write them."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from ..errors import InputError

GROUP_IDS = ("groupid", "group")
GROUP_NAMES = ("groupname",)
ACCOUNT_IDS = ("accountid", "account", "atlassianid", "userid", "user")
EMAILS = ("email", "mail", "emailaddress", "useremail")
REASONS = ("reason", "comment", "note")
ACCEPTED = (
    "the group (group, groupId, groupName), the account (account, accountId, user, email) and, if you like, a reason"
)
ACCEPTED_ACCOUNTS = "account, accountId, user or email"
DELIMITERS = ",;\t"
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MOST_PROBLEMS = 1000
SPOILT = re.compile(r"[+-]?\d+([.,]\d+)?[eE]\+\d+|#(REF|N/A|NAME\?|VALUE|NULL|NUM|DIV/0)!?")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Row(NamedTuple):
    """What one row asks for.

    Attributes:
        group: id or exact name.
        account: id or e-mail.
        reason: in the words of whoever asks; None where there is none.
        line: where the row starts in its file; None where it is of no file.
        by_name: whether the group stands in a column of names, so that it is no id.
    """

    group: str
    account: str
    reason: str | None = None
    line: int | None = None
    by_name: bool = False


class _Columns(NamedTuple):
    """Where things stand in a row; of several columns the first that is filled counts."""

    group: tuple[int, ...]
    group_name: tuple[int, ...]
    account: tuple[int, ...]
    reason: tuple[int, ...]
    width: int


def read_rows(source: str | os.PathLike[str]) -> list[Row]:
    """Return the rows of a CSV file: comma, semicolon or tab, with a row of headers, UTF-8 (or UTF-16 with its mark).

    Blank lines are passed over; columns of other names, too.

    Args:
        source: path of the file.

    Raises:
        InputError: the file cannot be read, or a row is bad; all bad rows are named, each with its line.
    """
    return _rows_of(source, grouped=True)


def read_accounts(source: str | os.PathLike[str]) -> list[str]:
    """Return the accounts in a CSV file with a column for them, ids or e-mails; a column of groups is passed over.

    Raises:
        InputError: as for `read_rows`.
    """
    return [row.account for row in _rows_of(source, grouped=False)]


def _rows_of(source: str | os.PathLike[str], *, grouped: bool) -> list[Row]:
    name = os.path.basename(os.fspath(source))
    try:
        with open(source, "rb") as file:  # once: it may be a pipe
            start = file.peek(4)
            encoding = next((encoding for mark, encoding in ENCODINGS if start.startswith(mark)), "utf-8")
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                return _read(name, text, grouped=grouped)
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror or error})") from None
    except UnicodeError:
        raise InputError(
            f"{name}: {_undecodable(source)}this is not UTF-8: save it as “CSV UTF-8” in the spreadsheet"
        ) from None


def _read(name: str, text: IO[str], *, grouped: bool) -> list[Row]:
    header, columns, delimiter, before = _header(name, text, grouped=grouped)
    rows: list[Row] = []
    problems: list[str] = []
    for line, cells, problem in _records(text, delimiter, before):
        row = problem or _row(cells, columns, line)
        if isinstance(row, Row):
            rows.append(row)
        elif row:
            problems.append(row)
        if len(problems) >= MOST_PROBLEMS:
            problems.append("no more lines were looked at")
            break
    if problems:
        raise InputError(
            f"{name}: {len(problems)} bad rows, and no plan is made of the others:", problems=tuple(problems)
        )
    if not rows:
        raise InputError(f"{name}: there is no row under the headers {', '.join(header)}")
    return rows


def _header(name: str, text: IO[str], *, grouped: bool) -> tuple[list[str], _Columns, str, int]:
    """Return the headers, where the columns are, what separates them, and how many lines that took."""
    delimiter = ""
    for number, line in enumerate(text, 1):
        if number == 1 and line.lower().startswith("sep="):
            delimiter = line[4:5]
        elif line.strip(DELIMITERS + " \r\n"):
            delimiter = delimiter or max(DELIMITERS, key=line.count)
            try:
                (header,) = csv.reader([line], delimiter=delimiter, strict=True)
            except (csv.Error, TypeError, ValueError) as error:
                raise InputError(f"{name}: line {number}: the headers cannot be read ({error})") from None
            return header, _columns(name, header, number, grouped=grouped), delimiter, number
    raise InputError(f"{name}: the file is empty")


def _columns(name: str, header: list[str], number: int, *, grouped: bool) -> _Columns:
    plain = [re.sub(r"[\s_-]", "", cell).lower() for cell in header]

    def those(*aliases: str) -> tuple[int, ...]:
        return tuple(plain.index(alias) for alias in aliases if alias in plain)

    known = {*GROUP_IDS, *GROUP_NAMES, *ACCOUNT_IDS, *EMAILS, *REASONS}
    if twice := [cell for cell, each in zip(header, plain, strict=True) if each in known and plain.count(each) > 1]:
        raise InputError(f"{name}: line {number}: the header {twice[0].strip()} is there twice")
    found = _Columns(
        those(*GROUP_IDS) if grouped else (),
        those(*GROUP_NAMES) if grouped else (),
        those(*ACCOUNT_IDS, *EMAILS),
        those(*REASONS),
        max((index for index, cell in enumerate(header, 1) if cell.strip()), default=0),
    )
    missing = [*(["group"] if grouped and not (found.group or found.group_name) else [])]
    missing += ["account"] if not found.account else []
    if missing:
        what = " and ".join(missing)
        shown = ", ".join(cell.strip() for cell in header if cell.strip())[:200]
        raise InputError(
            f"{name}: line {number}: there is no column for the {what}. The first row must have the headers "
            f"{ACCEPTED if grouped else ACCEPTED_ACCOUNTS}; it has: {shown}"
        )
    return found


def _records(text: IO[str], delimiter: str, before: int) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each record that is not blank: the line where it starts, its cells, and what is wrong with its form."""
    reader = csv.reader(_without_nul(text), delimiter=delimiter, strict=True)
    line = before + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"line {line}: this is no CSV from here on ({error}): look for a quote that is not closed"
            return
        if any(map(str.strip, cells)):
            yield line, cells, None
        line = before + reader.line_num + 1


def _row(cells: list[str], columns: _Columns, line: int) -> Row | str:
    """Return the row, or what is wrong with it."""
    if any(map(str.strip, cells[columns.width :])):
        return f"line {line}: it has more cells than there are headers"
    group_id, account = _first(cells, columns.group), _first(cells, columns.account)
    group = group_id or _first(cells, columns.group_name)
    asked = [("group", group)] if columns.group or columns.group_name else []
    for what, value in (*asked, ("account", account)):
        if not value:
            return f"line {line}: the {what} is missing"
        if not value.isprintable():
            return f"line {line}: the {what} has a control character in it"
        if SPOILT.fullmatch(value):
            return f"line {line}: the {what} is {value}: a spreadsheet has changed it"
    reason = " ".join(_first(cells, columns.reason).split())
    if CONTROL.search(reason):
        return f"line {line}: the reason has a control character in it"
    return Row(group, account, reason or None, line, by_name=not group_id)


def _first(cells: Sequence[str], places: Sequence[int]) -> str:
    for place in places:
        if place < len(cells) and (cell := cells[place].strip()):
            return cell
    return ""


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    """Replace NUL, at which csv would fail, by another control character, which is refused with its line."""
    return (line.replace("\0", "\x01") if "\0" in line else line for line in lines)


def _undecodable(source: str | os.PathLike[str]) -> str:
    """Return which line of a file is not UTF-8."""
    with open(source, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number}: "
    return ""
