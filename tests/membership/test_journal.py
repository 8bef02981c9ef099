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
from membership_fakes import client, entries, members, removals, team

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import Action, Change, Outcome, Plan, Result, apply, read_journal, undo
from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly
from confluence_groups_sdk.membership.execution.journal import Journal, open_journal
from confluence_groups_sdk.membership.execution.journal_format import format_chain, verify_chain
from confluence_groups_sdk.sandbox import Sandbox

NOW = "2026-11-24T08:00:00Z"
PLAN = Plan(site="your-domain.atlassian.net", made_at=NOW, made_by="me", asked="nothing")
ONE, TWO, THREE, FOUR = (
    Change(action=Action.REMOVE, group_id="g", group_name="G", account_id=each, display_name="Zoë") for each in "abcd"
)
REFUSED = Result(
    change=FOUR, outcome=Outcome.REFUSED, error="too many", guard="max_removals", option=("max_removals", 7)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def begin_journal(path: Path, plan: Plan = PLAN) -> Iterator[Journal]:
    with open_journal(path, plan, by="me", now=NOW) as journal:
        journal.begin()
        yield journal


def write_journal(path: Path) -> bytes:
    """Write a journal with a line of each kind."""
    for journal in begin_journal(path):
        journal.intend([ONE, TWO, THREE])
        journal.record([Result(change=ONE, outcome=Outcome.REMOVED, request_id="r-1")])
        journal.record([Result(change=TWO, outcome=Outcome.FAILED, error="no", error_type="ServerError", final=False)])
        journal.record([REFUSED])
        journal.withdraw([THREE])
        journal.intend([THREE])
    return path.read_bytes()


def test_a_written_journal_is_read_unchanged(path: Path) -> None:
    write_journal(path)
    contents = read_journal(path)
    assert (contents.plan, contents.site, contents.by, contents.began_at) == (PLAN.digest, PLAN.site, "me", NOW)
    assert list(contents.results.values()) == [
        Result(change=ONE, outcome=Outcome.REMOVED, request_id="r-1"),
        Result(change=TWO, outcome=Outcome.FAILED, error="no", error_type="ServerError", final=False),
        REFUSED,
    ]
    assert list(contents.in_doubt.values()) == [THREE]
    assert contents.lines == 7


def test_only_the_owner_can_read_a_journal(path: Path) -> None:
    write_journal(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", range(7))
def test_damaged_lines_are_named(path: Path, line: int) -> None:
    lines = write_journal(path).splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"', b"'", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=f"line {line + 1} is damaged"):
        read_journal(path)


@pytest.mark.parametrize("line", range(6))
def test_an_edit_is_detected_in_the_next_line(path: Path, line: int) -> None:
    lines = write_journal(path).splitlines(keepends=True)
    lines[line] = json.dumps(json.loads(lines[line]), sort_keys=True).encode() + b"\n"  # the same, with spaces
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=f"line {line + 2} is damaged"):
        read_journal(path)


@pytest.mark.parametrize("line", range(6))
def test_missing_repeated_and_swapped_lines_are_detected(path: Path, line: int) -> None:
    lines = write_journal(path).splitlines(keepends=True)
    for wrong in (
        lines[:line] + lines[line + 1 :],
        [*lines[: line + 1], *lines[line:]],
        [*lines[:line], lines[line + 1], lines[line], *lines[line + 2 :]],
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(JournalError, match="is damaged"):
            read_journal(path)


def test_a_journal_cut_anywhere_keeps_its_complete_lines(path: Path, tmp_path: Path) -> None:
    data = write_journal(path)
    cut = tmp_path / "cut"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        lines = data[:length].count(b"\n")
        if not lines:
            with pytest.raises(JournalError, match="empty journal"):
                read_journal(cut)
            continue
        assert read_journal(cut).lines == lines
        for journal in begin_journal(cut):
            journal.record([])
        assert cut.read_bytes() == data[: data[:length].rfind(b"\n") + 1]


def test_nothing_is_written_after_an_interrupted_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C within a line, the file may not match the state in memory, and the next line would be damaged."""

    def interrupt(_self: AppendOnly) -> None:
        raise KeyboardInterrupt

    with open_journal(path, PLAN, by="me", now=NOW) as journal:
        journal.begin()
        with monkeypatch.context() as patch:
            patch.setattr(AppendOnly, "sync", interrupt)
            with pytest.raises(KeyboardInterrupt):
                journal.intend([ONE])
        with pytest.raises(JournalError, match="accepts no more"):
            journal.record([REFUSED])
    assert list(read_journal(path).in_doubt.values()) == [ONE]


def test_a_file_with_half_a_first_line_is_begun_again(path: Path) -> None:
    path.write_bytes(b'{"before":"0000')
    for _ in begin_journal(path):
        pass
    assert read_journal(path).lines == 1


@pytest.mark.parametrize("content", [b"mine", b'{"mine": 1}', b'{"before":"' + b"0" * 65, b'{"before":"1'])
def test_a_file_that_is_no_journal_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="this is not a journal and stays unchanged"):
        next(begin_journal(path))
    assert path.read_bytes() == content


def test_a_new_file_can_hold_everything_that_a_journal_says(path: Path) -> None:
    write_journal(path)
    for _ in range(2):
        with open_journal(path, PLAN, by="you", now=NOW, by_name="Zoë") as journal:
            journal.intend([evolve(ONE, group_id=str(each)) for each in range(100)])
    state = read_journal(path)
    data = format_chain(state)
    assert verify_chain("new", data) == (state, len(data))
    assert [run.by for run in state.runs] == ["me", "you", "you"]
    assert len(state.in_doubt) == 101


def test_journals_of_other_plans_and_sites_are_rejected(path: Path) -> None:
    write_journal(path)
    with pytest.raises(JournalError, match="the journal of another plan"):
        next(begin_journal(path, evolve(PLAN, asked="something else", digest="")))
    with pytest.raises(JournalError, match="for another site"):
        next(begin_journal(path, evolve(PLAN, site="elsewhere")))  # with the old digest, as in a forged file


def test_only_one_process_can_use_a_journal(path: Path, sandbox: Sandbox) -> None:
    program = """
import sys
from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership.execution.journal import lock_journal
from pathlib import Path
try:
    with lock_journal(Path(sys.argv[1])):
        print("free")
except JournalError as error:
    print(error)
"""

    def other() -> str:
        command = [sys.executable, "-c", program, str(path)]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    for _ in begin_journal(path):
        assert "another process is using this journal" in other()
        with client(sandbox) as groups, pytest.raises(JournalError, match="another process is using"):
            undo(groups, path)
    assert other() == "free\n"


@pytest.mark.parametrize("there", ["a folder", "nothing in a folder that is not there"])
def test_folders_and_missing_folders_are_rejected(tmp_path: Path, there: str) -> None:
    path = tmp_path if there == "a folder" else tmp_path / "nowhere" / "journal"
    with pytest.raises(JournalError):
        next(begin_journal(path))
    reason = "it must be a file" if path == tmp_path else "No such file or directory"
    with pytest.raises(JournalError, match=rf": the journal cannot be read \({reason}"):
        read_journal(path)


PIECES = st.lists(st.sampled_from([b"{", b"}", b'"before":', b"[1e999]", b"\n", b"null"])).map(b"".join)


@given(data=st.binary() | PIECES)
def test_any_other_bytes_are_rejected(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    path.write_bytes(data)
    with pytest.raises(JournalError):
        read_journal(path)


def test_at_most_64_changes_are_in_doubt(sandbox: Sandbox, path: Path) -> None:
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
