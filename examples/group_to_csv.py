"""Write the members of a group as CSV, one line each.

    python examples/group_to_csv.py GROUP_ID --output members.csv

Without --output, lines go to standard output as they are read. A file appears only when it is complete, so a failure
leaves no partial file. Only you can read the file, because it may contain e-mail addresses.

People choose their own names, and a spreadsheet runs a cell that looks like a formula: such a cell gets a leading
apostrophe, and a terminal shows control characters as escapes. Confluence does not list deactivated users.

It reads site and credentials from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or the
other variables of `ConfluenceGroups.from_env`.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError, User

COLUMNS = ("account_id", "display_name", "email", "account_type", "active", "is_guest", "time_zone")
STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width forms


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group_id", metavar="GROUP_ID", help="the group's id")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write to this file instead of standard output")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")  # csv writes its own line ends
    try:
        with ConfluenceGroups.from_env() as groups:
            members = groups.iter_members(group_id=options.group_id)
            if options.output is None:
                write(members, sys.stdout, escape=sys.stdout.isatty())  # a name must not control the terminal
            else:
                with whole_file(options.output) as file:
                    write(members, file)
    except (ConfluenceGroupsError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write(members: Iterable[User], file: IO[str], *, escape: bool = False) -> None:
    """Write one line for each member as it is read; with ``escape``, show control characters as escapes."""
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    for member in members:
        cells = [cell(getattr(member, column)) for column in COLUMNS]
        lines.writerow(map(escape_controls, cells) if escape else cells)


def escape_controls(text: str) -> str:
    """Return a text with escapes for everything that is not printable."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def cell(value: object) -> str:
    """Return the text of a cell in a form that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    visible = "".join(filter(str.isprintable, text)).lstrip()
    runs = visible.startswith(STARTS_OF_FORMULAS) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if runs else text


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Open a temporary file that replaces ``path`` when it is complete, and is removed after a failure.

    Raises:
        OSError: the file cannot be written, or ``path`` is not a file.
    """
    target = Path(os.path.realpath(path))  # replace the target of a link, not the link
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a file")
    with (
        NamedTemporaryFile(
            "w",
            encoding="utf-8-sig",  # Excel recognises UTF-8 by the byte order mark
            errors="backslashreplace",
            newline="",
            dir=target.parent,
            prefix=f".{target.name[:100]}.",
            delete=False,
        ) as file
    ):
        try:
            yield file
            file.close()
            os.replace(file.name, target)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


if __name__ == "__main__":
    sys.exit(main())
