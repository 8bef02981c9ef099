"""A journal in a storage of the program: the same lines as in a file, under the same promise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from membership_fakes import OPEN, client, members, removals, team, writes

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import (
    JournalStorage,
    Progress,
    apply,
    read_journal,
    read_report,
    rehearse,
    undo,
)
from confluence_groups_sdk.sandbox import Sandbox


class Shelf:
    """A storage in memory. ``fail`` is called before each line is added."""

    def __init__(self, lines: bytes = b"") -> None:
        self.lines = lines
        self.synced = b""
        self.is_locked = False
        self.damage: str | None = None
        self.fail: Callable[[bytes], object] = len

    def read(self) -> bytes:
        return self.lines

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self.is_locked:
            raise JournalError("another run applies this plan")
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False

    def append(self, line: bytes, *, sync: bool) -> None:
        assert self.is_locked
        self.fail(line)
        self.lines += line
        if sync:
            self.synced = self.lines

    def find_damage(self) -> str | None:
        return self.damage

    def __str__(self) -> str:
        return "the shelf"


def lose_after(number: int) -> Callable[[bytes], object]:
    """Return a function that raises a ConnectionError once it has been called this often."""
    seen: list[bytes] = []

    def fail(line: bytes) -> None:
        seen.append(line)
        if len(seen) > number:
            raise ConnectionError("lost its connection")

    return fail


def test_a_storage_and_a_file_hold_the_same_lines(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    storage: JournalStorage = Shelf()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        report = apply(groups, plan, journal=storage)
        assert report.unfinished == ()
        copy = tmp_path / "copy.journal"
        copy.write_bytes(storage.read())
        assert read_journal(copy) == read_journal(storage, expect_hash=report.journal_hash)
        assert read_report(plan, storage) == read_report(plan, copy)
        assert apply(groups, plan, journal=storage).already_complete
        assert rehearse(groups, plan, journal=storage).already_complete
        assert undo(groups, storage, guards=OPEN).changes == undo(groups, copy, guards=OPEN).changes
    assert len(writes(sandbox)) == 30


def test_intents_are_durable_before_their_calls_are_sent(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    shelf = Shelf()
    seen: list[int] = []
    shelf.fail = lambda line: seen.append(len(writes(sandbox))) if b'"intents"' in line else None
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:1]), journal=shelf)
    assert seen == [0]
    assert shelf.synced == shelf.lines, "everything is durable at the end"


def test_a_second_run_is_refused_and_goes_on_later(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    shelf = Shelf()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        with shelf.lock():
            for refused in (lambda: apply(groups, plan, journal=shelf), lambda: undo(groups, shelf)):
                with pytest.raises(JournalError, match="another run"):
                    refused()
        assert writes(sandbox) == []
        assert apply(groups, plan, journal=shelf).unfinished == ()


@pytest.mark.parametrize("number", [1, 2, 3, 5, 9])
def test_a_lost_storage_stops_the_run_and_a_new_file_has_everything(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = team(sandbox, 200)
    shelf = Shelf()
    shelf.fail = lose_after(number)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:190])
        with pytest.raises(JournalError, match="the shelf: the journal lost its connection while") as caught:
            apply(groups, plan, journal=shelf)
        assert "with the same journal as before" in str(caught.value)
        state = read_journal(caught.value.recovered or "")
        assert state.in_doubt == {}
        assert len(state.results) == len(writes(sandbox)) == 200 - len(members(sandbox)) < 190
        sent = {key[1] for key in state.results}
        assert sent <= {change.account_id for change in read_journal(shelf).in_doubt.values()} | {
            key[1] for key in read_journal(shelf).results
        }, "the storage knew each call before it was sent"

        shelf.fail = len
        assert apply(groups, plan, journal=shelf).unfinished == ()
    assert members(sandbox) == ids[190:]
    assert read_journal(shelf).in_doubt == {}
    assert len(read_journal(shelf).results) == 190


def test_a_storage_that_is_lost_before_the_first_line_sends_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = team(sandbox)
    shelf = Shelf()
    shelf.fail = lose_after(0)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        with pytest.raises(JournalError, match="the shelf: the journal lost its connection, and nothing was sent"):
            apply(groups, plan, journal=shelf)
    assert list(tmp_path.iterdir()) == []
    assert writes(sandbox) == []


def test_lines_that_somebody_changed_are_noticed_at_the_end(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = team(sandbox)
    shelf = Shelf()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])

        def edit(progress: Progress) -> None:
            if progress.phase == "removing":
                shelf.damage = "was edited"

        with pytest.raises(JournalError, match="the journal was edited while") as caught:
            apply(groups, plan, journal=shelf, on_progress=edit)
    assert len(read_journal(caught.value.recovered or "").results) == 30


def test_without_any_folder_the_same_journal_settles_the_rest(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("confluence_groups_sdk.membership.execution.journal.write_beside", refuse)
    ids = team(sandbox, 200)
    shelf = Shelf()
    shelf.fail = lose_after(3)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:190])
        with pytest.raises(JournalError, match=r"no new journal can be written .*with the same journal as before"):
            apply(groups, plan, journal=shelf)
        shelf.fail = len
        assert apply(groups, plan, journal=shelf).unfinished == ()
    assert members(sandbox) == ids[190:]


def test_a_full_storage_stops_the_run_in_order(sandbox: Sandbox) -> None:
    def fill(line: bytes) -> None:
        if b'"results"' in line:
            raise OSError(28, "No space left on device")

    ids = team(sandbox)
    shelf = Shelf()
    shelf.fail = fill
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        with pytest.raises(JournalError, match=r"the shelf: the journal cannot be written \(No space left"):
            apply(groups, plan, journal=shelf)
        assert threading.active_count() < 20
        shelf.fail = len
        assert apply(groups, plan, journal=shelf).unfinished == ()


def test_a_storage_of_another_plan_or_of_other_content_is_refused(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    shelf = Shelf()
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:1]), journal=shelf)
        with pytest.raises(JournalError, match="the shelf: this is the journal of another plan"):
            apply(groups, removals(groups, ids[1:3]), journal=shelf)
        with pytest.raises(JournalError, match="the shelf: line 1 is damaged"):
            read_journal(Shelf(b"a note\n"))
        with pytest.raises(JournalError, match="the shelf: this is not a journal"):
            apply(groups, removals(groups, ids[1:3]), journal=Shelf(b"a note"))
