"""What a journal that cannot be written says about the changes: whether any may have been sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from membership_fakes import ForgetfulFile

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import Action, Change, Outcome, Plan, Result, read_journal
from confluence_groups_sdk.membership.execution import journal as journal_module
from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly, write_beside
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

    with pytest.raises(JournalError, match=r"cannot be written \(No space left on device\): free some") as caught:
        use_journal(path, work)
    assert caught.value.changes_sent is intended


@pytest.mark.parametrize(("method", "what"), [("__init__", "opened"), ("cut", "read")])
def test_a_file_that_cannot_be_used_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, method: str, what: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(ForgetfulFile, method, fail)
    with pytest.raises(JournalError, match=rf"journal: the journal cannot be {what} \(Permission denied\)$"):
        use_journal(path, lambda _: None)


def test_the_state_in_memory_is_the_one_on_disk(path: Path) -> None:
    def work(journal: Journal) -> None:
        journal.intend([ONE, TWO])
        journal.record([DONE])
        assert journal.state == read_journal(path)
        journal.withdraw([TWO])
        assert journal.state == read_journal(path)

    use_journal(path, work)
    use_journal(path, work)
    assert len(read_journal(path).runs) == 2


def test_writing_a_line_does_not_read_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def read(file: AppendOnly) -> bytes:
        reads.append(file.path)
        return b""

    def work(journal: Journal) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ForgetfulFile, "sync", lambda _: None)
            patch.setattr(ForgetfulFile, "read", read)
            journal.intend([ONE])
            journal.record([DONE])

    use_journal(path, work)
    assert reads == []


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


def edit(path: Path) -> None:
    """Change the file and keep its length."""
    path.write_bytes(path.read_bytes().replace(b"intents", b"INTENTS"))


@pytest.mark.parametrize(("damage", "lost"), [(Path.unlink, True), (edit, True), (Path.read_bytes, False)])
def test_an_error_of_the_run_has_a_note_if_the_journal_was_lost_too(
    path: Path, damage: Callable[[Path], object], lost: bool
) -> None:
    def work(journal: Journal) -> None:
        journal.intend([ONE])
        damage(path)
        raise LookupError("of the program")

    with pytest.raises(LookupError, match="of the program") as caught:
        use_journal(path, work)
    notes = getattr(caught.value, "__notes__", [])
    assert len(notes) == lost
    if lost:
        assert "recorded in a new journal" in notes[0]


def test_each_loss_leads_to_one_new_journal(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    second, third = path.with_name("journal.recovered"), path.with_name("journal.recovered.recovered")

    def work(journal: Journal) -> None:
        journal.intend([ONE])
        path.unlink()
        journal.record([DONE])
        journal.record([DONE])
        second.unlink()
        journal.intend([TWO])
        journal.withdraw([TWO])

    with pytest.raises(JournalError) as caught:
        use_journal(path, work)
    assert caught.value.recovered == str(third)
    assert {each.name for each in path.parent.iterdir()} == {third.name, "journal.lock"}
    assert list(read_journal(third).results) == [ONE.key]
    lost = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert lost == [str(path), str(second)]


def test_a_loss_is_described_once_if_writing_the_new_journal_is_interrupted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interruptions = [KeyboardInterrupt]

    def interrupt(path: Path, data: bytes) -> AppendOnly:
        if interruptions:
            raise interruptions.pop()
        return write_beside(path, data)

    def work(journal: Journal) -> None:
        journal.intend([ONE])
        path.unlink()
        journal.record([DONE])

    monkeypatch.setattr(journal_module, "write_beside", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        use_journal(path, work)
    (note,) = caught.value.__notes__
    assert note.count("was deleted") == 1
    assert list(read_journal(path.with_name("journal.recovered")).in_doubt) == [ONE.key]


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
