from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from membership_doubles import client, entries, members, removals, team

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import Action, Change, Outcome, Plan, Result, apply, read_journal, undo
from confluence_groups_sdk.membership.journal import Journal, opened
from confluence_groups_sdk.sandbox import Sandbox

NOW = "2026-11-24T08:00:00Z"
PLAN = Plan(site="your-domain.atlassian.net", made_at=NOW, made_by="me", asked="nothing")
ONE, TWO, THREE = (
    Change(action=Action.REMOVE, group_id="g", group_name="G", account_id=each, display_name="Zoë") for each in "abc"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def begun(path: Path, plan: Plan = PLAN) -> Iterator[Journal]:
    with opened(path, plan, by="me", now=NOW) as journal:
        journal.begin()
        yield journal


def written(path: Path) -> bytes:
    """Write a journal with a line of each kind."""
    for journal in begun(path):
        journal.intend([ONE, TWO, THREE])
        journal.record([Result(change=ONE, outcome=Outcome.REMOVED, request_id="r-1")])
        journal.record([Result(change=TWO, outcome=Outcome.FAILED, error="no", error_type="ServerError", final=False)])
        journal.withdraw([THREE])
        journal.intend([THREE])
    return path.read_bytes()


def test_what_was_written_is_read_again(path: Path) -> None:
    written(path)
    contents = read_journal(path)
    assert (contents.plan, contents.site, contents.by, contents.began_at) == (PLAN.digest, PLAN.site, "me", NOW)
    assert list(contents.results.values()) == [
        Result(change=ONE, outcome=Outcome.REMOVED, request_id="r-1"),
        Result(change=TWO, outcome=Outcome.FAILED, error="no", error_type="ServerError", final=False),
    ]
    assert list(contents.in_doubt.values()) == [THREE]
    assert contents.lines == 6


def test_it_is_the_owners_alone(path: Path) -> None:
    written(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", range(6))
def test_a_line_that_was_changed_is_named(path: Path, line: int) -> None:
    lines = written(path).splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"', b"'", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=f"line {line + 1} is damaged"):
        read_journal(path)


@pytest.mark.parametrize("line", range(5))
def test_a_careless_edit_shows_in_the_line_after_it(path: Path, line: int) -> None:
    lines = written(path).splitlines(keepends=True)
    lines[line] = json.dumps(json.loads(lines[line]), sort_keys=True).encode() + b"\n"  # the same, with spaces
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=f"line {line + 2} is damaged"):
        read_journal(path)


@pytest.mark.parametrize("line", range(5))
def test_lines_that_are_missing_doubled_or_exchanged_show(path: Path, line: int) -> None:
    lines = written(path).splitlines(keepends=True)
    for wrong in (
        lines[:line] + lines[line + 1 :],
        [*lines[: line + 1], *lines[line:]],
        [*lines[:line], lines[line + 1], lines[line], *lines[line + 2 :]],
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(JournalError, match="is damaged"):
            read_journal(path)


def test_cut_anywhere_it_tells_of_a_whole_beginning(path: Path, tmp_path: Path) -> None:
    data = written(path)
    cut = tmp_path / "cut"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        lines = data[:length].count(b"\n")
        if not lines:
            with pytest.raises(JournalError, match="empty journal"):
                read_journal(cut)
            continue
        assert read_journal(cut).lines == lines
        for journal in begun(cut):
            journal.record([])
        assert cut.read_bytes() == data[: data[:length].rfind(b"\n") + 1]


def test_an_empty_file_is_begun(path: Path) -> None:
    path.write_bytes(b'{"before":"0000')
    for _ in begun(path):
        pass
    assert read_journal(path).lines == 1


def test_another_plan_or_site_is_refused(path: Path) -> None:
    written(path)
    with pytest.raises(JournalError, match="the journal of another plan"):
        next(begun(path, evolve(PLAN, asked="something else", digest="")))
    with pytest.raises(JournalError, match="for another site"):
        next(begun(path, evolve(PLAN, site="elsewhere")))  # with the same digest, as only a forger has it


def test_only_one_may_write(path: Path, sandbox: Sandbox) -> None:
    program = """
import sys
from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership.journal import locked
from pathlib import Path
try:
    with locked(Path(sys.argv[1])):
        print("free")
except JournalError as error:
    print(error)
"""

    def other() -> str:
        command = [sys.executable, "-c", program, str(path)]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    for _ in begun(path):
        assert "another process is using this journal" in other()
        with client(sandbox) as groups, pytest.raises(JournalError, match="another process is using"):
            undo(groups, path)
    assert other() == "free\n"


@pytest.mark.parametrize("there", ["a folder", "nothing in a folder that is not there"])
def test_what_cannot_be_a_journal_is_said(tmp_path: Path, there: str) -> None:
    path = tmp_path if there == "a folder" else tmp_path / "nowhere" / "journal"
    with pytest.raises(JournalError):
        next(begun(path))
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(path)


PIECES = st.lists(st.sampled_from([b"{", b"}", b'"before":', b"[1e999]", b"\n", b"null"])).map(b"".join)


@given(data=st.binary() | PIECES)
def test_bytes_of_any_kind_are_no_journal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    path.write_bytes(data)
    with pytest.raises(JournalError):
        read_journal(path)


def test_no_more_than_64_changes_are_ever_in_doubt(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 300)
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:250]), journal=path)
    outstanding, most = 0, 0
    for entry in entries(path):
        outstanding += len(entry.get("intents", [])) - len(entry.get("results", []))
        most = max(most, outstanding)
    assert outstanding == 0
    assert 8 <= most <= 64
    assert members(sandbox) == ids[250:]
