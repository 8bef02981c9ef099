from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from confluence_groups_sdk.cli.options import Format, Showing
from confluence_groups_sdk.cli.output import CHUNK, Column, protected, write_one, write_rows
from confluence_groups_sdk.cli.terminal import cleaned, in_options

COLUMNS = (Column("id"), Column("name"), Column("more", in_table=False))
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def written(rows: list[dict[str, Any]], form: Format, *, raw: bool = False) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write_rows(rows, COLUMNS, Showing(form, raw))
    return out.getvalue()


def written_as_one(row: dict[str, Any], form: Format) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write_one(row, COLUMNS, Showing(form))
    return out.getvalue()


class Buffered(io.StringIO):
    """What is written is seen when it is flushed, as in a pipe."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


@pytest.mark.parametrize("form", Format)
def test_rows_are_written_before_the_next_are_read(form: Format) -> None:
    out = Buffered()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(CHUNK):
            yield {"id": f"id-{number}", "name": "n"}
        assert f"id-{CHUNK - 1}" in out.seen
        yield {"id": "last", "name": "n"}

    with redirect_stdout(out):
        assert write_rows(rows(), COLUMNS, Showing(form)) == CHUNK + 1
    assert "last" in out.getvalue()


def test_wide_characters_line_up() -> None:
    rows = [{"id": "1", "name": name} for name in ("Ada", "山田 太郎", "Zoë 👩‍🚀", "e\u0301clair")]
    lines = written([{**row, "more": "x"} for row in rows], Format.TABLE).splitlines()
    assert len({cell_len(line[: line.index(row["name"])]) for line, row in zip(lines[1:], rows, strict=True)}) == 1


def test_columns_keep_their_place_from_page_to_page() -> None:
    rows = [{"id": f"{number:04d}-long-id", "name": "n"} for number in range(2 * CHUNK + 1)]
    lines = written(rows, Format.TABLE).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({line.index(" n") for line in lines[1:]}) == 1


@pytest.mark.parametrize(
    ("form", "empty"), [(Format.TABLE, "id  name\n"), (Format.JSON, "[]\n"), (Format.CSV, "id,name,more\n")]
)
def test_nothing_is_written_as_nothing(form: Format, empty: str) -> None:
    assert written([], form) == empty


def test_a_failure_leaves_json_without_its_end() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(CHUNK):
            yield {"id": str(number)}
        raise RuntimeError

    with redirect_stdout(io.StringIO()) as out, pytest.raises(RuntimeError):
        write_rows(rows(), COLUMNS, Showing(Format.JSON))
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


@given(name=ANY_TEXT, more=st.none() | st.booleans() | st.lists(ANY_TEXT))
def test_json_is_the_value_and_has_no_control_characters(name: str, more: Any) -> None:
    text = written([{"id": "1", "name": name, "more": more}], Format.JSON)
    assert json.loads(text) == [{"id": "1", "name": name, "more": more}]
    assert not CONTROL.search(text)


@given(name=ANY_TEXT)
def test_neither_table_nor_csv_has_control_characters(name: str) -> None:
    for form in (Format.TABLE, Format.CSV):
        text = written([{"id": "1", "name": name}], form)
        assert not CONTROL.search(text)
        assert len(text.splitlines()) == 2


@given(name=ANY_TEXT)
def test_a_spreadsheet_runs_no_cell(name: str) -> None:
    (_, row) = csv.reader(io.StringIO(written([{"id": "1", "name": name}], Format.CSV), newline=""))
    assert not row[1].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))


@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_raw_cells_are_as_they_came(name: str) -> None:
    text = written([{"id": "1", "name": name}], Format.CSV, raw=True)
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert row[1] == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        (" @x", "' @x"),
        ("\uff1d1", "'\uff1d1"),
        ("-5", "'-5"),
        ("a=b", "a=b"),
        ("\t=1", "\\t=1"),
        ("", ""),
    ],
)
def test_cells_that_look_like_formulas_are_marked(text: str, shown: str) -> None:
    assert protected(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb", "a\\nb"),
        ("a\u00a0b", "a b"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    ],
)
def test_what_would_move_the_cursor_shows_as_its_escape(text: str, shown: str) -> None:
    assert cleaned(text) == shown


def test_one_thing_is_a_line_a_field_in_a_table_an_object_in_json_and_a_row_in_csv() -> None:
    row = {"id": "1", "name": "", "more": True}
    assert written_as_one(row, Format.TABLE) == "field  value\nid     1\nmore   yes\n"
    assert json.loads(written_as_one(row, Format.JSON)) == row
    assert written_as_one(row, Format.CSV) == "id,name,more\n1,,true\n"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("x [self; Guards(allow_self=True) overrides it]", "x [self; --allow-self overrides it]"),
        ("Guards(max_fraction=0.75)", "--max-fraction 0.75"),
        ("Guards(max_removals=...): give a number", "--max-removals: give a number"),
        ("Guards(protected_accounts=...): give ids", "--protect-account: give ids"),
        ("Faults(error_rate=...): give a share", "--error-rate: give a share"),
        ("Faults(latency=...): give a number of seconds, 0 or more", "--latency: give a number of seconds, 0 or more"),
        ("timeout (connect): at most a year, or None for no limit", "timeout (connect): at most a year"),
        ('apply with on_drift="continue" what', "apply with --on-drift continue what"),
        ("or apply with wait_for_quota=True", "or apply with --wait-for-quota"),
        ("goes through the gateway (for_cloud).", "goes through the gateway (--cloud-id)."),
    ],
)
def test_pythons_options_become_those_of_the_command_line(said: str, shown: str) -> None:
    assert in_options(said) == shown
