"""What people do by hand in docs/access-review.md: name reviewers, fill in the sheets, and change groups later."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from confluence_groups_sdk.sandbox import Person, Sandbox

CHIARA, DAGNY, EMEKA = "chiara@example.com", "dagny@example.com", "emeka@example.com"
GROUPS_OF = {CHIARA: ("confluence-", "org-admins", "site-admins", "wiki-admins"), EMEKA: ("office-", "okta-")}
"""The starts of the names of the groups that each reviewer owns; Dagný owns the others."""
EXCEPTION_DAYS = 180
Row = dict[str, str]


def assign_reviewers(_sandbox: Sandbox, folder: Path) -> None:
    """Add a reviewer to each group in groups.csv, and let somebody else review the reviewers."""
    with open(folder / "groups.csv", encoding="utf-8-sig", newline="") as file:
        groups = [row["name"] for row in csv.DictReader(file)]
    rows = [("", CHIARA, EMEKA), ("", DAGNY, CHIARA), ("", EMEKA, DAGNY)]
    rows += [(name, "", _owner(name)) for name in groups]
    with open(folder / "reviewers.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("group", "account", "reviewer"), *rows])


def fill_in(_sandbox: Sandbox, folder: Path) -> None:
    """Fill in the workbooks in sheets/, and return them; Dagný returns CSV of a spreadsheet, Chiara makes mistakes."""
    (folder / "returned").mkdir()
    for sheet in sorted((folder / "sheets").iterdir()):
        header, rows = _read_and_decide(sheet)
        if sheet.stem == CHIARA:
            rows[1].update(decision="remvoe", comment="typed in a hurry")
            rows[2].update(decision="exception", comment="asked for two more months")
        write = _write_csv if sheet.stem == DAGNY else _write_workbook
        write(folder / "returned" / sheet.stem, header, rows)


def correct(_sandbox: Sandbox, folder: Path) -> None:
    """Correct the mistakes in Chiara's sheet."""
    header, rows = _read_and_decide(folder / "sheets" / f"{CHIARA}.xlsx")
    _write_workbook(folder / "returned" / CHIARA, header, rows)


def change_groups(sandbox: Sandbox, _folder: Path) -> None:
    """Let the next quarter pass: somebody becomes an admin, somebody is hired, and a guest leaves a group."""
    directory = sandbox.directory
    admins, editors = directory.group_named("confluence-admins-sandbox"), directory.group_named("docs-editors")
    directory.add_person(Person("712020:00000000-0000-4000-8000-000000000001", "Nia Petrova", "nia@example.com"))
    directory.add_member(editors.id, "712020:00000000-0000-4000-8000-000000000001")
    directory.add_member(admins.id, "712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44")
    guests = directory.group_named("confluence-guests-sandbox")
    directory.remove_member(guests.id, next(directory.listed_members(guests.id)).account_id)


def fill_in_admins(_sandbox: Sandbox, folder: Path) -> None:
    """Fill in the sheet of the groups that give admin rights: the new admin leaves."""
    (folder / "returned-admins").mkdir()
    for sheet in (folder / "admins").iterdir():
        header, rows = _read(sheet)
        for row in rows:
            row["decision"] = "remove" if row["email"] == DAGNY else "keep"
        _write_workbook(folder / "returned-admins" / sheet.stem, header, rows)


BY_HAND: Mapping[str, Callable[[Sandbox, Path], None]] = {
    each.__name__: each for each in (assign_reviewers, fill_in, correct, change_groups, fill_in_admins)
}
"""What a marker of the document names."""


def _owner(group: str) -> str:
    return next((owner for owner, starts in GROUPS_OF.items() if group.startswith(starts)), DAGNY)


def _decide(row: Mapping[str, str], write_day: Callable[[datetime], str]) -> Row:
    """Return the decision about a membership, the same in each run."""
    number = zlib.crc32(f"{row['group']} {row['account_id']}".encode())
    is_synced = row["group"].startswith("okta-")
    if "admin" in row["access"] and "guest" in row["account_type"]:
        return {"decision": "remove", "comment": "no guest is an admin"}
    if number % (1500 if is_synced else 120) == 0 and row["account_type"] == "atlassian":
        return {"decision": "remove", "comment": "has another job now"}
    if row["account_type"] == "app" and number % 10 == 0:
        until = datetime.now(UTC) + timedelta(days=EXCEPTION_DAYS)
        return {"decision": "exception", "until": write_day(until), "comment": "until the app has an owner"}
    return {} if number % 8000 == 1 else {"decision": "keep"}


def _write_day(reviewer: str) -> Callable[[datetime], str]:
    """Return how a reviewer writes a day."""
    form = "%d.%m.%Y" if reviewer == DAGNY else "%Y-%m-%d"
    return lambda day: day.strftime(form)


def _read_and_decide(sheet: Path) -> tuple[list[str], list[Row]]:
    header, rows = _read(sheet)
    for row in rows:
        row.update(_decide(row, _write_day(sheet.stem)))
    return header, rows


def _read(path: Path) -> tuple[list[str], list[Row]]:
    header, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Review").to_python()
    names = [str(name) for name in header]
    return names, [dict(zip(names, map(str, row), strict=True)) for row in rows]


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Write CSV as a spreadsheet does where the comma is the decimal mark."""
    with open(f"{path}.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def _write_workbook(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    with Workbook(f"{path}.xlsx", {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Review")
        for number, row in enumerate([dict(zip(header, header, strict=True)), *rows]):
            for column, name in enumerate(header):
                sheet.write_string(number, column, row[name])
