"""What a journal that cannot be written says about the changes: whether any may have been sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from membership_fakes import ForgetfulFile

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import Action, Change, Outcome, Plan, Result, read_journal
from confluence_groups_sdk.membership.execution import journal as journal_module
from confluence_groups_sdk.membership.execution.journal import Journal, open_journal

NOW = "2026-11-24T08:00:00Z"
PLAN = Plan(site="your-domain.atlassian.net", made_at=NOW, made_by="me", asked="nothing")
ONE, TWO = (Change(action=Action.REMOVE, group_id="g", group_name="G", account_id=each) for each in "ab")
DONE = Result(change=ONE, outcome=Outcome.REMOVED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "AppendOnly", ForgetfulFile)


def fill_disk() -> None:
    ForgetfulFile.opened.free_bytes = 0


def use_journal(path: Path, work: Callable[[Journal], object]) -> None:
    with open_journal(path, PLAN, by="me", now=NOW) as journal:
        journal.begin()
        work(journal)


@pytest.mark.parametrize("intended", [False, True])
def test_an_error_says_whether_changes_may_have_been_sent(path: Path, intended: bool) -> None:
    def work(journal: Journal) -> None:
        if intended:
            journal.intend([ONE])
        fill_disk()
        journal.intend([TWO])

    with pytest.raises(JournalError, match="free some disk space") as caught:
        use_journal(path, work)
    assert caught.value.changes_sent is intended


def test_nothing_is_written_after_a_line_that_could_not_be(path: Path) -> None:
    def work(journal: Journal) -> None:
        journal.intend([ONE])
        ForgetfulFile.opened.free_bytes = 10
        with pytest.raises(JournalError, match="free some disk space"):
            journal.record([DONE])
        ForgetfulFile.opened.free_bytes = None
        with pytest.raises(JournalError, match="accepts no more"):
            journal.record([DONE])
        with pytest.raises(JournalError, match="accepts no more"):
            journal.intend([TWO])
        with pytest.raises(JournalError, match="accepts no more"):
            journal.withdraw([ONE])

    use_journal(path, work)
    contents = read_journal(path)
    assert contents.results == {}
    assert set(contents.in_doubt) == {ONE.key}  # the half line is left out


def test_nothing_to_write_writes_nothing(path: Path) -> None:
    def work(journal: Journal) -> None:
        before = path.read_bytes()
        journal.intend([])
        journal.record([])
        journal.withdraw([])
        assert path.read_bytes() == before
        assert journal.new_results == {}

    use_journal(path, work)


def test_intents_are_on_disk_when_they_are_recorded_and_results_when_the_journal_is_closed(path: Path) -> None:
    def work(journal: Journal) -> None:
        synced = ForgetfulFile.opened.synced
        assert synced.count(b"\n") == 1  # the first line
        journal.intend([ONE])
        assert ForgetfulFile.opened.synced == path.read_bytes()
        journal.record([DONE])
        assert ForgetfulFile.opened.synced != path.read_bytes()

    use_journal(path, work)
    assert ForgetfulFile.opened.synced == path.read_bytes()


@pytest.mark.parametrize("lost", [True, False])
def test_an_error_of_the_run_has_a_note_if_the_journal_was_lost_too(path: Path, lost: bool) -> None:
    def work(journal: Journal) -> None:
        journal.intend([ONE])
        if lost:
            path.unlink()
        raise LookupError("of the program")

    with pytest.raises(LookupError, match="of the program") as caught:
        use_journal(path, work)
    notes = getattr(caught.value, "__notes__", [])
    assert len(notes) == lost
    if lost:
        assert "recorded in a new journal" in notes[0]


def test_a_file_that_was_changed_in_place_is_noticed_at_the_end(path: Path) -> None:
    def work(journal: Journal) -> None:
        journal.intend([ONE])
        journal.record([DONE])
        data = path.read_bytes()
        path.write_bytes(data.replace(b"REMOVED", b"removed"))

    with pytest.raises(JournalError, match="The run stopped") as caught:
        use_journal(path, work)
    assert caught.value.recovered is not None
    assert read_journal(caught.value.recovered).results[ONE.key].outcome is Outcome.REMOVED
