from __future__ import annotations

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import InputError
from confluence_groups_sdk.membership import Row, read_accounts, read_rows
from confluence_groups_sdk.membership.planning.rows.account_cell import Column, identify, is_damaged

HEADER = "groupId,accountId\n"


def rows_of(tmp_path: Path, content: str | bytes) -> list[Row]:
    path = tmp_path / "leavers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_rows(path)


def problems_of(tmp_path: Path, content: str | bytes) -> tuple[str, ...]:
    with pytest.raises(InputError, match=r"leavers\.csv") as caught:
        rows_of(tmp_path, content)
    return caught.value.problems or (str(caught.value),)


def test_rows_have_the_line_at_which_they_start(tmp_path: Path) -> None:
    content = 'accountId,reason,groupId\n\n a ,"left\nin May",g\n,,\nb,,"h, i"\n'
    assert rows_of(tmp_path, content) == [Row("g", "a", "left in May", 3), Row("h, i", "b", None, 6)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_encodings_and_line_ends_of_spreadsheets(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    text = end.join([delimiter.join(each) for each in (["Group ID", "E-Mail"], ["g", "zoë@example.com"])])
    assert rows_of(tmp_path, text.encode(encoding)) == [Row("g", "zoë@example.com", None, 2)]


def test_a_sep_line_declares_the_delimiter(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "sep=;\r\ngroup;account;reason\r\ng;a;no, not yet\r\n") == [
        Row("g", "a", "no, not yet", 3)
    ]


@pytest.mark.parametrize("group", ["group", "Group", "groupId", "GROUP_ID", "group name"])
@pytest.mark.parametrize("account", ["account", "accountId", "User", "user_id", "email", "E-Mail", "mail"])
def test_headers_have_aliases(tmp_path: Path, group: str, account: str) -> None:
    assert rows_of(tmp_path, f"when,{group},{account},\n1,g,a,,\n") == [Row("g", "a", None, 2, by_name="name" in group)]


def test_ids_win_over_names_and_e_mails(tmp_path: Path) -> None:
    content = "groupName,groupId,email,accountId\nn,g,e@x,a\nn,,e@x,\n"
    assert rows_of(tmp_path, content) == [
        Row("g", "a", None, 2, others=("e@x",)),
        Row("n", "e@x", None, 3, by_name=True),
    ]


def test_all_bad_rows_are_named_and_no_rows_are_returned(tmp_path: Path) -> None:
    content = HEADER + "g,a\n,a\ng\ng,a,more\ng,1.23E+15\n#REF!,a\ng,a\x07b\ng,a\0b\ng\0,a\n"
    assert problems_of(tmp_path, content) == (
        "line 3: the group is missing",
        "line 4: the account is missing",
        "line 5: there are more cells than headers",
        "line 6: the account is 1.23E+15: a spreadsheet has changed it",
        "line 7: the group is #REF!: a spreadsheet has changed it",
        "line 8: the account contains a control character",
        "line 9: the account contains a control character",
        "line 10: the group contains a control character",
    )


def test_rows_of_spaces_are_ignored(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, HEADER + "g,a\n , \n\ng,b\n")
    assert [(row.account, row.line) for row in rows] == [("a", 2), ("b", 5)]


def test_an_unclosed_quote_is_an_error(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, HEADER + 'g,a\ng,"b\ng,c\n')
    assert problem.startswith("line 3: not valid CSV from here on")
    (problem,) = problems_of(tmp_path, HEADER + 'g,"a"b\n')
    assert problem.startswith("line 2: not valid CSV")
    (problem,) = problems_of(tmp_path, HEADER + "g," + "a" * 200_000 + "\n")
    assert problem.startswith("line 2: not valid CSV")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (HEADER, "there is no row below the headers groupId, accountId"),
        ("g,a\ng,b\n", "there is no column for the group and account"),
        ('""\n', "there is no column for the group and account"),
        ("group,account,,\ng,a,,b\n", "line 2: there are more cells than headers"),
        ("group,when\ng,1\n", "there is no column for the account"),
        ("group,group,account\ng,h,a\n", "the header group occurs twice"),
        ("group,account,group,account\ng,a,h,b\n", "the header group occurs twice"),
        ("group," + "x" * 300 + "\ng,a\n", f"it has: group, {'x' * 193}"),
        ("group,when\ng,1\n", "headers the group (group, groupId, groupName), the account (account, accountId, user,"),
        ('"Group\nName",account\n', "there is no row below the headers Group Name, account"),
        ('"group"x,account\ng,a\n', "line 1: the headers cannot be read"),
        ('group,account,5"\ng,a,b\n', "line 1: the headers cannot be read"),
        (b"group,account\ng,Zo\xeb\n", "line 2: this is not UTF-8: save it as"),
        (b"\xff\xfeg\0r", "not UTF-8"),
    ],
)
def test_problems_of_the_whole_file_are_described(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in problems_of(tmp_path, content)[0]


def test_the_shown_headers_and_the_help_fit_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "leavers.csv"
    path.write_text("x" * 300 + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"headers account, accountId, user or email; it has: x{200}$"):
        read_accounts(path)


@pytest.mark.parametrize(("breaks", "is_read"), [(100, True), (101, False)])
def test_headers_may_have_many_line_breaks(tmp_path: Path, breaks: int, is_read: bool) -> None:
    content = '"group' + "\n" * breaks + '",account\ng,a\n'
    if is_read:
        assert rows_of(tmp_path, content) == [Row("g", "a", None, breaks + 2)]
    else:
        assert "line 1: the headers cannot be read" in problems_of(tmp_path, content)[0]


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody\.csv: the file cannot be read \(No such file"):
        read_rows(tmp_path / "nobody.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path)


def test_all_problems_of_a_long_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(HEADER + "g\n" * 5_000, encoding="utf-8")
    with pytest.raises(InputError, match=r"^long\.csv: 5000 bad rows, so no plan was made:\n") as caught:
        read_rows(path)
    assert caught.value.problems == tuple(f"line {line}: the account is missing" for line in range(2, 5_002))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ('"Group\nName",E-Mail\r\ndocs,a@x\n', [Row("docs", "a@x", None, 3, by_name=True)]),
        ('"Group\r\nName";"E-Mail\n(work)";"account\n\nid"\ndocs;;a\n', [Row("docs", "a", None, 6, by_name=True)]),
        ('sep=;\n"group";"account\nid"\ng;a\n', [Row("g", "a", None, 4)]),
        ("User id,User name,email,Group Name\na,B,a@x,g\n", [Row("g", "a", None, 2, True, None, ("a@x",), ("B",))]),
        ("group*,Account ID:,Display Name\ng,a,B C\n", [Row("g", "a", None, 2, names=("B C",))]),
        ("group,account\u2028id\x0b\ng,a\n", [Row("g", "a", None, 2)]),  # only CR and LF end a line
        ("when,group,account,when,reason\n,g,a\n,g,b,\n", [Row("g", "a", None, 2), Row("g", "b", None, 3)]),
        ("sep=;\ngroup;account;a,b,c,d\ng;a;\n", [Row("g", "a", None, 3)]),
    ],
)
def test_headers_are_read_as_spreadsheets_write_them(tmp_path: Path, header: str, rows: list[Row]) -> None:
    assert rows_of(tmp_path, header) == rows


def test_headers_with_an_unclosed_quote_are_an_error(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, '"group,account\n' + "g,a\n" * 1_000)
    assert "line 1: the headers cannot be read" in problem


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf", "Zs", "Co", "Cn"]), min_size=1).filter(
    lambda text: not isinstance(identify([(text, Column.ANY)]), str) and not is_damaged(text)
)


@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quote_all=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_written_csv_is_read_unchanged(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
    quote_all: bool,
    end: str,
) -> None:
    text = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([("groupId", "accountId"), *rows])
    found = rows_of(tmp_path_factory.mktemp("csv"), text.getvalue().encode(encoding))
    assert [(row.group, row.given or row.account) for row in found] == rows


@given(content=st.binary() | st.binary().map(lambda tail: HEADER.encode() + tail))
def test_any_bytes_give_rows_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with contextlib.suppress(InputError):
        assert rows_of(tmp_path_factory.mktemp("csv"), content)


def test_groups_from_a_name_column_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("group name,group id,account\nteam-id,,a\n,team-id,b\n", encoding="utf-8")
    assert [(row.group, row.by_name) for row in read_rows(path)] == [("team-id", True), ("team-id", False)]


def test_control_characters_in_reasons_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("group,account,reason\ng,a,\x1b[31mred\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2: the reason contains a control character"):
        read_rows(path)


def test_a_pipe_can_be_read() -> None:
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(b"\xef\xbb\xbfgroup,account\ng,a\n")
    try:
        assert read_rows(f"/dev/fd/{reading}") == [Row("g", "a", None, 2)]
    finally:
        os.close(reading)
