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

from confluence_groups_sdk._support.text import escape_controls, protect_cell
from confluence_groups_sdk.cli.options import Format, OutputOptions
from confluence_groups_sdk.cli.rendering.tables import CHUNK_ROWS, Column, write_one, write_rows
from confluence_groups_sdk.cli.terminal import format_options, option_name

COLUMNS = (Column("id"), Column("name"), Column("more", in_table=False))
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def write_chunks(rows: list[dict[str, Any]], form: Format, *, raw: bool = False) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write_rows(rows, COLUMNS, OutputOptions(form, raw))
    return out.getvalue()


def write_whole(row: dict[str, Any], form: Format) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write_one(row, COLUMNS, OutputOptions(form))
    return out.getvalue()


class Buffered(io.StringIO):
    """A stream whose text is visible after a flush, as in a pipe."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


@pytest.mark.parametrize("form", Format)
def test_rows_are_written_before_more_are_read(form: Format) -> None:
    out = Buffered()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(CHUNK_ROWS):
            yield {"id": f"id-{number}", "name": "n"}
        assert f"id-{CHUNK_ROWS - 1}" in out.seen
        yield {"id": "last", "name": "n"}

    with redirect_stdout(out):
        assert write_rows(rows(), COLUMNS, OutputOptions(form)) == CHUNK_ROWS + 1
    assert "last" in out.getvalue()


def test_wide_characters_line_up() -> None:
    rows = [{"id": "1", "name": name} for name in ("Ada", "山田 太郎", "Zoë 👩‍🚀", "e\u0301clair")]
    lines = write_chunks([{**row, "more": "x"} for row in rows], Format.TABLE).splitlines()
    assert len({cell_len(line[: line.index(row["name"])]) for line, row in zip(lines[1:], rows, strict=True)}) == 1


def test_columns_keep_their_position_from_chunk_to_chunk() -> None:
    rows = [{"id": f"{number:04d}-long-id", "name": "n"} for number in range(2 * CHUNK_ROWS + 1)]
    lines = write_chunks(rows, Format.TABLE).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({line.index(" n") for line in lines[1:]}) == 1


@pytest.mark.parametrize(
    ("form", "empty"), [(Format.TABLE, "id  name\n"), (Format.JSON, "[]\n"), (Format.CSV, "id,name,more\n")]
)
def test_output_without_rows_is_valid(form: Format, empty: str) -> None:
    assert write_chunks([], form) == empty


def test_failure_leaves_json_without_its_end() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(CHUNK_ROWS):
            yield {"id": str(number)}
        raise RuntimeError

    with redirect_stdout(io.StringIO()) as out, pytest.raises(RuntimeError):
        write_rows(rows(), COLUMNS, OutputOptions(Format.JSON))
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


@given(name=ANY_TEXT, more=st.none() | st.booleans() | st.lists(ANY_TEXT))
def test_json_round_trips_and_has_no_control_characters(name: str, more: Any) -> None:
    text = write_chunks([{"id": "1", "name": name, "more": more}], Format.JSON)
    assert json.loads(text) == [{"id": "1", "name": name, "more": more}]
    assert not CONTROL.search(text)


@given(name=ANY_TEXT)
def test_tables_and_csv_have_no_control_characters(name: str) -> None:
    for form in (Format.TABLE, Format.CSV):
        text = write_chunks([{"id": "1", "name": name}], form)
        assert not CONTROL.search(text)
        assert len(text.splitlines()) == 2


@given(name=ANY_TEXT)
def test_no_csv_cell_is_a_formula(name: str) -> None:
    (_, row) = csv.reader(io.StringIO(write_chunks([{"id": "1", "name": name}], Format.CSV), newline=""))
    assert not row[1].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))


@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_raw_cells_are_unchanged(name: str) -> None:
    text = write_chunks([{"id": "1", "name": name}], Format.CSV, raw=True)
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
def test_cells_that_look_like_formulas_get_an_apostrophe(text: str, shown: str) -> None:
    assert protect_cell(text) == shown


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
def test_characters_that_move_the_cursor_are_escaped(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def test_one_row_is_written_in_each_format() -> None:
    row = {"id": "1", "name": "", "more": True}
    assert write_whole(row, Format.TABLE) == "field  value\nid     1\nmore   yes\n"
    assert json.loads(write_whole(row, Format.JSON)) == row
    assert write_whole(row, Format.CSV) == "id,name,more\n1,,true\n"


@pytest.mark.parametrize(
    ("argument", "option"),
    [
        ("max_removals", "--max-removals"),
        ("protected_accounts", "--protect-account"),
        ("protected_groups", "--protect-group"),
        ("wait_for_quota", "--wait-for-quota"),
    ],
)
def test_arguments_have_command_line_options(argument: str, option: str) -> None:
    assert option_name(argument) == option


def test_options_are_formatted_with_their_values() -> None:
    overrides = {"allow_self": True, "max_removals": None, "max_fraction": 0.75}
    assert format_options(overrides) == "--allow-self, --max-removals -1, --max-fraction 0.75"
    assert format_options({"max_removals": 300, "max_fraction": 1.0}) == "--max-removals 300, --max-fraction 1"
