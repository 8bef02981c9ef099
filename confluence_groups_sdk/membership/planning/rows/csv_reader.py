"""Reading rows of groups and accounts from CSV files, as spreadsheets and HR systems write them."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import IO, NamedTuple

from ...._support.public import public
from ....errors import InputError
from .account_cell import Column, identify, is_damaged, name_unprintable
from .row import Problem, Row, RowFile, build_bad_rows_error

GROUP_IDS = ("groupid", "group")
GROUP_NAMES = ("groupname",)
ACCOUNT_IDS = ("accountid", "atlassianid", "atlassianaccountid", "userid")
ACCOUNTS = ("account", "user", "member")  # an id, an e-mail or a name
EMAILS = ("email", "mail", "emailaddress", "mailaddress", "useremail", "useremailaddress", "workemail")
USER_NAMES = ("username", "login", "loginname")  # a name or an e-mail
NAMES = ("displayname", "name", "fullname", "publicname", "membername", "accountname", "employeename")
REASONS = ("reason", "comment", "note")
UNIQUE_HEADERS = {*GROUP_IDS, *GROUP_NAMES, *ACCOUNT_IDS, *ACCOUNTS, *EMAILS, *REASONS}
HEADERS_HELP = (
    "the group (group, groupId, groupName), the account (account, accountId, user, email) and optionally a reason"
)
ACCOUNT_HEADERS_HELP = "account, accountId, user or email"
DELIMITERS = ",;\t"
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MAX_HEADER_LINES = 100
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class _Columns(NamedTuple):
    """The column numbers of each field; if a field has several columns, the first one that is not empty counts.

    Attributes:
        group: the columns of group ids or names.
        group_name: the columns of group names.
        account: the columns that may identify the person, and how to read each.
        reason: the columns of reasons.
        width: the number of columns up to the last that has a header.
    """

    group: tuple[int, ...]
    group_name: tuple[int, ...]
    account: tuple[tuple[int, Column], ...]
    reason: tuple[int, ...]
    width: int


class _Header(NamedTuple):
    """The header row of a file.

    Attributes:
        names: the headers as they stand in the file.
        columns: the column numbers of each field.
        delimiter: the character between two cells.
        line: the last line of the headers, which may contain line breaks.
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
        InputError: the file cannot be read, or has bad rows; the error names all of them with their lines.
    """
    return _rows_of(scan_file(source, with_groups=True))


@public
def read_accounts(source: str | os.PathLike[str], *, allow_empty: bool = False) -> list[str]:
    """Read the accounts in a CSV file, ids or e-mails; a column of groups is ignored.

    Args:
        source: the path of the file.
        allow_empty: whether the file may have headers and no rows.

    Raises:
        InputError: as for `read_rows`.
    """
    return [row.account for row in _rows_of(scan_file(source, with_groups=False, allow_empty=allow_empty))]


def _rows_of(content: RowFile) -> list[Row]:
    if content.problems:
        raise build_bad_rows_error(content.name, [(each.line, str(each)) for each in content.problems])
    return content.rows


def scan_file(source: str | os.PathLike[str], *, with_groups: bool, allow_empty: bool = False) -> RowFile:
    """Read the rows of a CSV file, the usable and the bad ones.

    Args:
        source: the path of the file.
        with_groups: whether the file needs a column of groups; if not, such a column is ignored.
        allow_empty: whether there may be no row below the headers.

    Raises:
        InputError: the file cannot be read, has no suitable headers, or has no rows.
    """
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


def _read_text(name: str, text: IO[str], *, with_groups: bool, allow_empty: bool) -> RowFile:
    header = _read_header(name, text, with_groups=with_groups)
    unused = [] if with_groups else [cell for cell in header.names if _normalize(cell) in (*GROUP_IDS, *GROUP_NAMES)]
    content = RowFile(name, [], [], [f"{name}: the column {cell} is not used" for cell in unused])
    for line, cells, problem in _records(text, header):
        row = problem or _parse_row(cells, header.columns, line)
        if isinstance(row, Row):
            content.rows.append(row)
        else:
            content.problems.append(Problem(line, row))
    if not content.rows and not content.problems and not allow_empty:
        raise InputError(f"{name}: there is no row below the headers {', '.join(header.names)}")
    return content


def _read_header(name: str, text: IO[str], *, with_groups: bool) -> _Header:
    """Read the header row, and the line ``sep=`` that Excel may write before it."""
    delimiter = ""
    lines = enumerate(text, 1)
    for number, line in lines:
        if number == 1 and line.lower().startswith("sep="):
            delimiter = line[4:5]
        elif line.strip(DELIMITERS + " \r\n"):
            record, last = line, number
            while record.count('"') % 2 and last < number + MAX_HEADER_LINES and (more := next(lines, None)):
                last, record = more[0], record + more[1]
            delimiter = delimiter or max(DELIMITERS, key=re.sub(r'"[^"]*"', "", record).count)
            try:
                (names,) = csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True)
            except (csv.Error, TypeError, ValueError) as error:
                raise InputError(f"{name}: line {number}: the headers cannot be read ({error})") from None
            names = [" ".join(cell.split()) for cell in names]
            return _Header(names, _find_columns(name, names, number, with_groups=with_groups), delimiter, last)
    raise InputError(f"{name}: the file is empty")


def _find_columns(name: str, header: list[str], number: int, *, with_groups: bool) -> _Columns:
    plain = [_normalize(cell) for cell in header]

    def with_headers(*aliases: str) -> tuple[int, ...]:
        return tuple(index for alias in aliases for index, each in enumerate(plain) if each == alias)

    def account_columns(how: Column, *aliases: str) -> list[tuple[int, Column]]:
        return [(index, how) for index in with_headers(*aliases)]

    if twice := [cell for cell, each in zip(header, plain, strict=True) if _is_repeated(each, plain)]:
        raise InputError(f"{name}: line {number}: the header {twice[0].strip()} occurs twice")
    identifying = [
        *account_columns(Column.ID, *ACCOUNT_IDS),
        *account_columns(Column.ANY, *ACCOUNTS, *EMAILS),
        *account_columns(Column.NAME, *USER_NAMES),
    ]
    columns = _Columns(
        with_headers(*GROUP_IDS) if with_groups else (),
        with_headers(*GROUP_NAMES) if with_groups else (),
        (*identifying, *account_columns(Column.NAME, *NAMES)),
        with_headers(*REASONS),
        max((index for index, cell in enumerate(header, 1) if cell.strip()), default=0),
    )
    missing = ["group"] if with_groups and not (columns.group or columns.group_name) else []
    missing += ["account"] if not identifying else []
    if missing:
        shown = ", ".join(cell.strip() for cell in header if cell.strip())[:200]
        raise InputError(
            f"{name}: line {number}: there is no column for the {' and '.join(missing)}. The first row must have the "
            f"headers {HEADERS_HELP if with_groups else ACCOUNT_HEADERS_HELP}; it has: {shown}"
        )
    return columns


def _normalize(header: str) -> str:
    return re.sub(r"[\W_]", "", header).casefold()


def _is_repeated(header: str, headers: Sequence[str]) -> bool:
    return header in UNIQUE_HEADERS and headers.count(header) > 1


def _records(text: IO[str], header: _Header) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each record that is not blank: its first line, its cells, and what is wrong with its CSV."""
    reader = csv.reader(text, delimiter=header.delimiter, strict=True)
    line = header.line + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"not valid CSV from here on ({error}): look for a quote that is not closed"
            return
        if any(map(str.strip, cells)):
            yield line, cells, None
        line = header.line + reader.line_num + 1


def _parse_row(cells: list[str], columns: _Columns, line: int) -> Row | str:
    """Return the row, or what is wrong with it."""
    if any(map(str.strip, cells[columns.width :])):
        return "there are more cells than headers"
    group_id = _first(cells, columns.group)
    group = group_id or _first(cells, columns.group_name)
    if (columns.group or columns.group_name) and (damage := _check_group(group)):
        return damage
    person = identify((cells[column], how) for column, how in columns.account if column < len(cells))
    if isinstance(person, str):
        return person
    reason = " ".join(_first(cells, columns.reason).split())
    if CONTROL.search(reason):
        return "the reason contains a control character"
    return Row(group, person.account, reason or None, line, not group_id, person.given, person.others, person.names)


@lru_cache(maxsize=1000)  # a file names few groups
def _check_group(group: str) -> str | None:
    """Return what is wrong with the cell of a group."""
    if not group:
        return "the group is missing"
    if not re.sub(r"[^\S\n\r]", " ", group).isprintable():  # a name may have no-break spaces
        return f"the group contains {name_unprintable(group)}"
    return f"the group is {group}: a spreadsheet has changed it" if is_damaged(group) else None


def _first(cells: Sequence[str], columns: Sequence[int]) -> str:
    """Return the first cell of these columns that is not empty."""
    for column in columns:
        if column < len(cells) and (cell := cells[column].strip()):
            return cell
    return ""


def _undecodable_line(source: str | os.PathLike[str]) -> str:
    """Find the first line of a file that is not UTF-8."""
    with open(source, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number}: "
    return ""
