"""Write the members of a group as CSV, one line each.

    python examples/group_to_csv.py GROUP_ID --output members.csv

Without --output the lines go to standard output as they are read. A file is put in its place once it is whole, so that
a failure leaves nothing half-written. You alone can read it, since it may hold e-mail addresses.

People choose their own names, and a spreadsheet runs a cell that looks like a formula: such a cell gets an apostrophe
before it. Deactivated users are not listed by Confluence.

Site and credentials come from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or whatever
else `ConfluenceGroups.from_env` reads.
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
STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the same in full width


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group_id", metavar="GROUP_ID", help="the group, as Confluence names it")
    parser.add_argument("--output", metavar="FILE", type=Path, help="where to write, in place of standard output")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")  # csv ends its lines itself
    try:
        with ConfluenceGroups.from_env() as groups:
            members = groups.iter_members(group_id=options.group_id)
            if options.output is None:
                write(members, sys.stdout)
            else:
                with whole_file(options.output) as file:
                    write(members, file)
    except (ConfluenceGroupsError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write(members: Iterable[User], file: IO[str]) -> None:
    """Write a line for each member while they are read."""
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    lines.writerows([cell(getattr(member, column)) for column in COLUMNS] for member in members)


def cell(value: object) -> str:
    """Return the text of a cell, which no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    visible = "".join(filter(str.isprintable, text)).lstrip()
    runs = visible.startswith(STARTS_OF_FORMULAS) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if runs else text


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Open a file that takes the place of ``path`` when all has been written, and is gone when something failed.

    Raises:
        OSError: it cannot be written there, or what is there is no file.
    """
    target = Path(os.path.realpath(path))  # what a link leads to is replaced, and not the link
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is no file")
    with (
        NamedTemporaryFile(
            "w",
            encoding="utf-8-sig",  # the mark by which Excel knows UTF-8
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
