"""Returned sheets: what reviewers may write, in each format, and everything that is refused, with place and remedy."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from review_fakes import (
    ANNA,
    BRUNO,
    CLEO,
    WRITERS,
    Row,
    csv_bytes,
    group,
    json_bytes,
    rows_of,
    save,
    snapshot,
    xlsx_bytes,
)

from confluence_groups_sdk import InputError
from confluence_groups_sdk._support.text import protect_cell
from confluence_groups_sdk.review import Decision, Decisions, SnapshotUser, read_decisions, sheet_rows, write_sheet
from confluence_groups_sdk.review.decisions.cells import parse_date
from confluence_groups_sdk.review.decisions.reading import parse_decisions
from confluence_groups_sdk.review.model.sheet_row import COLUMNS
from confluence_groups_sdk.review.sheets.workbook import MAX_UNPACKED

QUOTED = 1  # csv.QUOTE_ALL
TODAY = date(2026, 12, 1)
TAKEN = snapshot()
AB, AC = ("g1", "a1"), ("g2", "c3")
DECIDED = {
    ("g1", "a1"): {"decision": " Keep "},
    ("g1", "b2"): {"decision": "REMOVE", "comment": "left;\nthe company", "reviewer": " rita@example.com "},
    ("g2", "a1"): {"decision": "exception", "until": "2027-03-31"},
}


def read(sheets: dict[str, bytes] | bytes, name: str = "s.csv", **options: Any) -> Decisions:
    given = sheets if isinstance(sheets, dict) else {name: sheets}
    return parse_decisions(TAKEN, given, **{"today": TODAY, **options})


def problems(sheets: dict[str, bytes] | bytes, name: str = "s.csv", **options: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(sheets, name, **options)
    return caught.value.problems


def edited(row: int, **cells: str) -> list[Row]:
    rows = rows_of(TAKEN, DECIDED)
    rows[row] |= cells
    return rows


def check_decided(decisions: Decisions, name: str) -> None:
    assert [(each.key, each.decision, each.until, each.reviewer, each.comment) for each in decisions.decided] == [
        (("g1", "a1"), Decision.KEEP, None, "Rita", None),
        (("g1", "b2"), Decision.REMOVE, None, "rita@example.com", "left; the company"),
        (("g2", "a1"), Decision.EXCEPTION, date(2027, 3, 31), "Rita", None),
    ]
    assert decisions.undecided == (("g2", "c3"),)
    assert decisions.snapshot == TAKEN.digest
    assert list(decisions.sheets) == [name]


@pytest.mark.parametrize("suffix", WRITERS)
def test_each_format_gives_the_same_decisions(suffix: str, tmp_path: Path) -> None:
    path = save(tmp_path, f"s.{suffix}", WRITERS[suffix](rows_of(TAKEN, DECIDED)))
    decisions = read_decisions(TAKEN, [path], today=TODAY)
    check_decided(decisions, path.name)
    assert Decisions.from_bytes(decisions.as_bytes()) == decisions


@pytest.mark.parametrize(
    "data",
    [
        csv_bytes(rows_of(TAKEN, DECIDED), delimiter=";", lineterminator="\r\n"),
        b"\xef\xbb\xbf" + csv_bytes(rows_of(TAKEN, DECIDED), delimiter="\t", lineterminator="\r", quoting=QUOTED),
        b"sep=;\r\n" + csv_bytes(rows_of(TAKEN, DECIDED), delimiter=";", lineterminator="\r\n"),
        b"\n\n" + csv_bytes(rows_of(TAKEN, DECIDED), header=[*reversed(COLUMNS), "", ""]),
        csv_bytes(rows_of(TAKEN, DECIDED), quotechar='"', quoting=QUOTED) + b"\n,,,\n",
        csv_bytes(
            [
                {name: protect_cell(cell) if name != "comment" else cell for name, cell in row.items()}
                for row in rows_of(TAKEN, DECIDED)
            ]
        ),
    ],
)
def test_csv_as_spreadsheets_write_it(data: bytes) -> None:
    check_decided(read(data), "s.csv")


def test_the_sheets_that_are_sent_can_be_returned(tmp_path: Path) -> None:
    for name in ("s.csv", "s.xlsx", "s.json"):
        write_sheet(tmp_path / name, sheet_rows(TAKEN), snapshot=TAKEN)
    decisions = read_decisions(TAKEN, sorted(tmp_path.iterdir()), today=TODAY)
    assert (decisions.decided, len(decisions.undecided)) == ((), 4)
    assert list(decisions.sheets) == ["s.csv", "s.json", "s.xlsx"]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"group_id": "g9"}, "columns group_id and account_id: the snapshot has no group with the id g9"),
        ({"account_id": "x9"}, "columns group_id and account_id: the snapshot has no member x9 in group g1"),
        ({"account_id": " "}, "columns group_id and account_id: the ids are missing"),
        ({"name": "Anne"}, "column name: it was edited to “Anne”: restore “Anna”"),
        ({"email": ""}, "column email: it was edited to nothing: restore “anna@example.com”"),
        ({"access": "user"}, "column access: it was edited to “user”: restore “admin, user”"),
        ({"snapshot": "0" * 64}, f"column snapshot: it is “{'0' * 64}”: restore {TAKEN.digest}"),
        ({"decision": "yes"}, "column decision: “yes” is no decision: write keep, remove, exception, or nothing"),
        ({"decision": "exception"}, "column until: an exception needs its last day: write it as in 2027-03-31"),
        ({"decision": "exception", "until": "2026-11-30"}, "column until: the exception ended on 2026-11-30"),
        ({"until": "2027-01-01"}, "column until: only an exception has an end: clear the cell"),
        ({"decision": "", "until": "2027-01-01"}, "column until: only an exception has an end"),
        ({"until": "03/04/2027"}, "column until: “03/04/2027” can mean two dates: write it as in 2027-03-31"),
        ({"until": "2027-02-30"}, "column until: “2027-02-30” is not a date"),
        ({"reviewer": " "}, "column reviewer: a decision needs a reviewer"),
        ({"reviewer": "ANNA@example.com "}, "column reviewer: ANNA@example.com decides about their own access"),
        ({"reviewer": "Rita; anna"}, "column reviewer: Rita; anna decides about their own access"),
        ({"reviewer": "\uff21nna"}, "column reviewer: \uff21nna decides about their own access"),
        ({"reviewer": "A1"}, "column reviewer: A1 decides about their own access"),
    ],
)
@pytest.mark.parametrize("suffix", WRITERS)
def test_a_bad_row_is_refused_with_its_place(suffix: str, cells: Row, problem: str) -> None:
    place = {"csv": "line 2", "xlsx": "row 2", "json": "row 1"}[suffix]
    rows = edited(0, **cells)
    rows[1]["comment"] = ""  # a text of two lines
    [found] = problems(WRITERS[suffix](rows), name=f"s.{suffix}")
    assert found.startswith(f"s.{suffix}: {place}, {problem}")


def test_all_problems_of_all_sheets_are_in_one_error() -> None:
    rows = edited(0, name="Anne", decision="no")
    found = problems({"b.csv": csv_bytes(edited(1, email="x")), "a.csv": csv_bytes(rows), "c.csv": b"\xff"})
    assert [each.partition(":")[0] for each in found] == ["a.csv", "a.csv", "b.csv", "c.csv"]


def test_a_sheet_of_another_snapshot_is_one_problem() -> None:
    other = snapshot(group("g7", "a1", "c3"))
    [found] = problems(csv_bytes(rows_of(other, {("g7", "a1"): {"decision": "keep"}})))
    assert found.startswith(f"s.csv: line 2, column snapshot: all rows are of another snapshot ({other.digest[:16]})")


def test_incomplete_groups_have_members_that_cannot_be_decided_about() -> None:
    taken = snapshot(group("g1", "a1", is_complete=False, known_by="403"))
    rows = rows_of(taken)
    rows[0]["account_id"] = "x9"
    with pytest.raises(InputError, match="does not list x9 in group g1, whose list is not complete"):
        parse_decisions(taken, {"s.csv": csv_bytes(rows)})


def test_own_access_is_recorded_if_it_is_allowed() -> None:
    decisions = read(csv_bytes(edited(0, reviewer="Anna")), allow_own_access=True)
    assert [each.is_own for each in decisions.decided] == [True, False, False]
    assert decisions.allow_own_access


def test_ids_that_a_sheet_writes_alike_are_refused() -> None:
    taken = snapshot(group("'=g", "a1", name="x"), group("=g", "a1", name="x"))
    rows = rows_of(taken)
    with pytest.raises(InputError, match="line 2, columns group_id and account_id: the ids fit several memberships"):
        parse_decisions(taken, {"s.csv": csv_bytes(rows)})


def test_reviewers_who_disagree_are_refused_in_one_sheet_and_in_two() -> None:
    rows, other = edited(0), edited(0, decision="remove", reviewer="Otto")
    [found] = problems({"a.csv": csv_bytes(rows), "b.json": json_bytes(other)})
    assert found == (
        "Anna (a1) in group g1: reviewers disagree (a.csv: line 2: keep by Rita; b.json: row 1: remove by Otto): agree "
        "on one decision"
    )
    [found] = problems(csv_bytes([*rows, {**rows[2], "until": "2027-04-30"}]))
    assert "exception until 2027-03-31 by Rita; s.csv: line 7: exception until 2027-04-30 by Rita" in found


def test_reviewers_who_agree_are_all_recorded() -> None:
    rows = edited(0)
    other = edited(0, reviewer="Otto", comment="fine")
    decisions = read({"a.csv": csv_bytes([*rows, rows[0]]), "b.csv": csv_bytes(other)})
    assert (decisions.decided[0].reviewer, decisions.decided[0].comment) == ("Rita, Otto", "fine")
    assert (decisions.decided[0].sheet, decisions.decided[0].line) == ("a.csv", 2)


def test_a_row_without_a_decision_does_not_contradict_one_with_it() -> None:
    decisions = read({"a.csv": csv_bytes(rows_of(TAKEN)), "b.csv": csv_bytes(rows_of(TAKEN, DECIDED))})
    assert len(decisions.decided) == 3


# --- columns and files


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ([each for each in COLUMNS if each != "until"], "line 1: column until: it is missing"),
        ([*COLUMNS, "notes"], "line 1: column notes: a review sheet has no such column: remove it"),
        ([*COLUMNS, " Group_ID"], "line 1: column group_id: it occurs 2 times"),
    ],
)
def test_wrong_columns_are_refused(header: list[str], problem: str) -> None:
    [found] = problems(csv_bytes(rows_of(TAKEN), header=header))
    assert found.startswith(f"s.csv: {problem}")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it has no headers"),
        (b",,,\n", "it has no headers"),
        (csv_bytes([]), "there is no row below the headers"),
        (b"[]", "there is no row below the headers"),
        (csv_bytes(rows_of(TAKEN)).decode().encode("utf-16"), "this is UTF-16, not UTF-8: save it as “CSV UTF-8”"),
        (csv_bytes(rows_of(TAKEN)) + b"\xe4", "line 6: this is not UTF-8: save it as “CSV UTF-8” in the spreadsheet"),
        (csv_bytes(rows_of(TAKEN)) + b'"g1', "line 6: not valid CSV from here on"),
        (csv_bytes(rows_of(TAKEN)) + b"," * 13 + b"x", "line 6: there are more cells than headers"),
        (b'{"a": 1}', "it must be a list of rows"),
        (b"[1, 2", "not valid JSON"),
        (b"[1]", "row 1: it must be an object"),
        (b'[{"group_id": 1}]', "row 1, column group_id: it must be a text in quotes"),
        (b"PK\x03\x04 and more", "the workbook is damaged"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            "this workbook has a password, or the format of old versions",
        ),
    ],
)
def test_unusable_files_are_refused(data: bytes, problem: str) -> None:
    assert problems(data)[0].startswith(f"s.csv: {problem}")


def test_files_are_identified_by_their_names(tmp_path: Path) -> None:
    paths = [save(tmp_path, name, csv_bytes(rows_of(TAKEN))) for name in ("a/s.csv", "b/S.csv", "t\\.csv")]
    (tmp_path / "empty.csv").write_bytes(b" \n")
    bad = save(tmp_path, "bad.csv", csv_bytes(edited(0, name="Anne")))
    with pytest.raises(InputError) as caught:
        read_decisions(TAKEN, [*paths, bad, tmp_path / "empty.csv", tmp_path / "none.csv", tmp_path])
    found = "\n".join(caught.value.problems)
    assert found.count("another sheet has the same file name: rename one of them") == 2
    assert "the file name has unusual characters" in found
    assert "empty.csv: the file is empty" in found
    assert "none.csv: the file cannot be read (No such file or directory)" in found
    assert "this is a folder" in found
    assert "bad.csv: line 2, column name: it was edited" in found
    with pytest.raises(InputError, match="no sheet was given"):
        read_decisions(TAKEN, [])


# --- workbooks


def rewrite(data: bytes, **parts: bytes | None) -> bytes:
    """Replace parts of a workbook; None removes one, and ``__`` stands for a slash, ``_xml`` for ``.xml``."""
    new = {name.replace("__", "/").replace("_xml", ".xml"): content for name, content in parts.items()}
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for name in old.namelist():
            if name not in new:
                target.writestr(name, old.read(name))
        for name, content in new.items():
            if content is not None:
                target.writestr(name, content)
    return written.getvalue()


BOOK = xlsx_bytes(rows_of(TAKEN, DECIDED))


def test_dates_and_numbers_of_a_workbook_are_read() -> None:
    rows: list[dict[str, object]] = [dict(row) for row in rows_of(TAKEN, DECIDED)]
    rows[2]["until"] = date(2027, 3, 31)
    check_decided(read(xlsx_bytes(rows), name="s.xlsx"), "s.xlsx")
    rows[2]["until"] = 46477
    assert "column until: “46477” is not a date" in problems(xlsx_bytes(rows))[0]


def test_other_worksheets_are_ignored_and_copies_refused() -> None:
    def add(book: Any, *cells: str) -> None:
        sheet = book.add_worksheet("Other")
        for column, cell in enumerate(cells):
            sheet.write_string(2, column, cell)

    rows = rows_of(TAKEN, DECIDED)
    check_decided(read(xlsx_bytes(rows, more=lambda book: add(book, "How to")), name="s.xlsx"), "s.xlsx")
    [found] = problems(xlsx_bytes(rows, more=lambda book: add(book, *COLUMNS)))
    assert found == "s.csv: 2 worksheets have memberships (Decisions, Other): delete the copies"
    [found] = problems(xlsx_bytes([], header=["x"]))
    assert "no worksheet has the columns account_id and group_id" in found


def lie_about_size(data: bytes) -> bytes:
    """Let every part declare that it unpacks to ten bytes."""
    content = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        for found in re.finditer(re.escape(signature), data):
            struct.pack_into("<I", content, found.start() + offset, 10)
    return bytes(content)


CELLS = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (rewrite(BOOK, xl__worksheets__sheet1_xml=b"\0" * (MAX_UNPACKED + 1)), "unpacks to more than 256 MiB"),
        (lie_about_size(BOOK), "the workbook is damaged"),
        (BOOK[:-30], "the workbook is damaged"),
        (rewrite(BOOK, content_xml=b""), "this is an OpenDocument file: save it as an Excel workbook (.xlsx)"),
        (rewrite(BOOK, xl__workbook_xml=None), "this is no workbook"),
        (rewrite(BOOK, xl__workbook_xml=b"<x"), "the workbook is damaged"),
        (
            rewrite(BOOK, xl__worksheets__sheet1_xml=CELLS % b'<row r="9"><c r="XFD1048576"><v>1</v></c></row>'),
            "1,048,576 rows and 16,384",
        ),
        (
            rewrite(BOOK, xl__worksheets__sheet1_xml=CELLS % b"<row r='1048576'><c><v>1</v></c></row>"),
            "cells have no references",
        ),
        (
            rewrite(
                BOOK,
                xl__sharedStrings_xml=b"<sst><si><t>" + b"x" * 1_000_000 + b"</t></si></sst>",
                xl__worksheets__sheet1_xml=CELLS
                % b"".join(b'<c r="A%d" t="s"><v>0</v></c>' % each for each in range(1, 300)),
            ),
            "the texts of the workbook are too long",
        ),
    ],
)
def test_hostile_workbooks_are_refused(data: bytes, problem: str) -> None:
    [found] = problems(data)
    assert problem in found


def test_a_workbook_with_changed_bytes_gives_its_decisions_or_an_input_error() -> None:
    chance = random.Random(5)
    for _ in range(400):
        data = bytearray(BOOK)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(InputError):
            read(bytes(data))


# --- any names and decisions

NAMES = st.text(max_size=6) | st.sampled_from(["=1+1", "'=x", "-", "@", "\u202e", '"', ";", "a,b", "\r\n", " x "])
IDS = st.text(min_size=1, max_size=5).filter(str.strip) | st.sampled_from(["=g", "'=g", "+1", "0123"])


@st.composite
def filled_sheets(draw: st.DrawFn) -> tuple[Any, list[Row]]:
    users = [
        SnapshotUser(account_id=each, name=draw(st.none() | NAMES), email=draw(st.none() | NAMES))
        for each in draw(st.lists(IDS, unique=True, min_size=1, max_size=4))
    ]
    ids = [user.account_id for user in users]
    groups = [
        group(
            each,
            *draw(st.lists(st.sampled_from(ids), unique=True, min_size=1)),
            name=draw(st.text(min_size=1, max_size=4)),
        )
        for each in sorted(draw(st.lists(IDS, unique=True, min_size=1, max_size=3)))
    ]
    for known in (ids, [each.id for each in groups]):
        written = [form for each in known for form in {each.strip(), protect_cell(each).strip()}]
        assume(len(set(written)) == len(written))  # otherwise a sheet has two meanings
    taken = snapshot(*groups, users=users)
    rows = rows_of(taken)
    for row in rows:
        row["decision"] = draw(st.sampled_from(["", "keep", "Remove", "exception "]))
        if row["decision"]:
            row["reviewer"] = "the reviewer"
            row["comment"] = draw(st.sampled_from(["", "=x", "two\nlines", "-", "“quoted”"]))
        if row["decision"].startswith("exception"):
            day = TODAY + timedelta(days=draw(st.integers(0, 900)))
            row["until"] = draw(st.sampled_from([day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%Y/%m/%d}"]))
    return taken, draw(st.permutations(rows))


def expect(rows: Iterable[Row]) -> set[tuple[str, ...]]:
    return {
        (row["group_id"], row["account_id"], row["decision"].strip().casefold(), " ".join(row["comment"].split()))
        for row in rows
        if row["decision"]
    }


@given(filled_sheets(), st.sampled_from(sorted(WRITERS)), st.booleans())
def test_every_decision_is_read_as_it_was_written(filled: tuple[Any, list[Row]], suffix: str, protected: bool) -> None:
    taken, rows = filled
    given_rows = rows
    if protected or suffix == "xlsx":
        given_rows = [
            {name: cell if name == "comment" else protect_cell(cell) for name, cell in row.items()} for row in rows
        ]
    if suffix == "csv":
        texts = [cell for row in given_rows for cell in row.values()]
        assume(not any("\ud800" <= char <= "\udfff" for text in texts for char in text))
        data = csv_bytes(given_rows, quoting=QUOTED)  # before Python 3.13, csv leaves some line breaks without quotes
    else:
        data = WRITERS[suffix](given_rows)
    decisions = parse_decisions(taken, {"s": data}, today=TODAY)
    found = {(*each.key, each.decision.value, each.comment or "") for each in decisions.decided}
    assert found == expect(rows)
    undecided = {(row["group_id"], row["account_id"]) for row in rows if not row["decision"]}
    assert set(decisions.undecided) == undecided
    assert Decisions.from_bytes(decisions.as_bytes()) == decisions


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_dates_have_one_meaning(day: date) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00"):
        assert parse_date(f" {day:{form}} ") == day
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        if day.day > 12 or day.day == day.month:
            assert parse_date(f"{day:{form}}") == day
        else:
            with pytest.raises(ValueError, match="can mean two dates"):
                parse_date(f"{day:{form}}")


def test_the_fakes_are_the_members() -> None:
    assert {user.account_id for user in (ANNA, BRUNO, CLEO)} == set(TAKEN.users)
