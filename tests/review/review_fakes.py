"""Helpers for the tests of decisions and evidence: a snapshot, and sheets that reviewers return."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from attrs import asdict

from confluence_groups_sdk.review import SheetRow, Snapshot, SnapshotGroup, SnapshotUser, sheet_rows
from confluence_groups_sdk.review.model.sheet_row import COLUMNS

NOW = "2026-11-29T12:00:00Z"
ANNA = SnapshotUser(
    account_id="a1", name="Anna", email="anna@example.com", account_type="atlassian", is_guest=False, status="active"
)
BRUNO = SnapshotUser(account_id="b2", name="=Bruno", email="bruno@example.com", account_type="atlassian", is_guest=True)
CLEO = SnapshotUser(account_id="c3", account_type="app", status="active")
Row = dict[str, str]


def group(group_id: str, *members: str, access: tuple[str, ...] | None = (), **options: object) -> SnapshotGroup:
    fields = {"name": f"group {group_id}", "known_by": "the list ended", "read_at": NOW, **options}
    return SnapshotGroup(id=group_id, access=access, members=members, **fields)  # type: ignore[arg-type] # any option


def snapshot(
    *groups: SnapshotGroup, users: Iterable[SnapshotUser] = (ANNA, BRUNO, CLEO), site: str = "example.atlassian.net"
) -> Snapshot:
    return Snapshot(
        site=site,
        taken_by="a1",
        started_at=NOW,
        ended_at=NOW,
        groups=groups or (group("g1", "a1", "b2", access=("admin", "user")), group("g2", "a1", "c3", access=None)),
        users={user.account_id: user for user in users},
    )


def rows_of(taken: Snapshot, decisions: Mapping[tuple[str, str], Mapping[str, str]] | None = None) -> list[Row]:
    """Return the rows of a sheet, with decisions filled in; a decision without a reviewer is by Rita."""
    found = []
    for row in sorted(sheet_rows(taken), key=lambda row: row.key):
        cells = (decisions or {}).get(row.key, {})
        reviewer = {"reviewer": "Rita"} if cells.get("decision") else {}
        found.append({**asdict(row), **reviewer, **cells})
    return found


def csv_bytes(rows: Iterable[Mapping[str, str]], header: Iterable[str] = COLUMNS, **options: object) -> bytes:
    text = io.StringIO()
    names = list(header)
    writer = csv.writer(text, **{"lineterminator": "\n", **options})  # type: ignore[arg-type] # any option
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return text.getvalue().encode()


def json_bytes(rows: Iterable[Mapping[str, str]]) -> bytes:
    return json.dumps(list(rows)).encode()


def xlsx_bytes(
    rows: Iterable[Mapping[str, object]],
    header: Iterable[str] = COLUMNS,
    more: Callable[[object], object] | None = None,
) -> bytes:
    """Return a workbook with these rows, as another program might write it."""
    from xlsxwriter import Workbook

    content = io.BytesIO()
    with Workbook(
        content, {"strings_to_formulas": False, "strings_to_urls": False, "default_date_format": "dd.mm.yy"}
    ) as book:
        sheet = book.add_worksheet("Decisions")
        for column, name in enumerate(header):
            sheet.write_string(0, column, name)
        for number, row in enumerate(rows, 1):
            for column, name in enumerate(header):
                sheet.write(number, column, row.get(name, ""))
        if more:
            more(book)
    return content.getvalue()


WRITERS: Mapping[str, Callable[[list[Row]], bytes]] = {"csv": csv_bytes, "json": json_bytes, "xlsx": xlsx_bytes}


def save(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def key(row: SheetRow | Mapping[str, str]) -> tuple[str, str]:
    return row.key if isinstance(row, SheetRow) else (row["group_id"], row["account_id"])
