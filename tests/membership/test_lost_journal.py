"""Something damages the journal while a plan is applied: the run stops, and a new journal has everything."""

from __future__ import annotations

import errno
import functools
import logging
import os
import re
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import httpx
import pytest
from membership_fakes import OPEN, TEAM, client, entries, members, people, removals, team, writes
from shell import Shell

from confluence_groups_sdk import ConfluenceGroups, DriftError, JournalError
from confluence_groups_sdk.cli.rendering.error_message import print_error
from confluence_groups_sdk.membership import Outcome, Plan, Progress, apply, plan_sync, read_journal, undo
from confluence_groups_sdk.membership.execution import append_only_file, journal
from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly
from confluence_groups_sdk.sandbox import Sandbox

PEOPLE, LEAVING = 200, 190
FIND_DAMAGE = AppendOnly.find_damage


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "plan.journal"


def replace_with_copy(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def move_behind_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def turn_into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def turn_into_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def append_line(path: Path) -> None:
    with path.open("a") as file:
        file.write("a note\n")


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def recreate_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


def turn_folder_into_circle(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to(path.parent)


LOSSES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (Path.unlink, "was deleted"),
    "emptied": (lambda path: path.write_bytes(b""), "was cut"),
    "cut": (lambda path: os.truncate(path, path.stat().st_size // 2), "was cut"),
    "cut by a byte": (lambda path: os.truncate(path, path.stat().st_size - 1), "was cut"),
    "replaced by a copy": (replace_with_copy, "was replaced"),
    "renamed": (lambda path: path.rename(path.with_suffix(".old")), "was renamed"),
    "moved behind a link": (move_behind_link, "was replaced|was renamed"),
    "linked": (lambda path: path.with_suffix(".link").hardlink_to(path), "second name"),
    "written to": (append_line, "was written to"),
    "a folder": (turn_into_folder, "was replaced|was deleted"),
    "a pipe": (turn_into_pipe, "was replaced|was deleted"),
    "its folder removed": (remove_folder, "folder was removed|was deleted"),
    "its folder renamed": (lambda path: path.parent.rename(path.parent.with_name("elsewhere")), "folder was"),
    "its folder a circle": (turn_folder_into_circle, r"cannot be found any more \(Too many levels of symbolic links\)"),
    "its folder recreated": (recreate_folder, "folder was removed|was deleted"),
}


class Saboteur(httpx.HTTPTransport):
    """A transport that damages the journal before the change with this number is sent.

    `lose` lets nobody check the journal meanwhile, because that would find half of the damage.
    """

    def __init__(self, path: Path, damage: Callable[[Path], object], number: int) -> None:
        super().__init__()
        self._path, self._damage, self._number = path, damage, number
        self.lock = threading.Lock()
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method in ("POST", "DELETE"):
            with self.lock:
                self.sent += 1
                if self.sent == self._number:
                    self._damage(self._path)
        return super().handle_request(request)


def lose(sandbox: Sandbox, plan: Plan, path: Path, damage: Callable[[Path], object], number: int) -> JournalError:
    """Apply a plan, and damage its journal before a change is sent."""
    saboteur = Saboteur(path, damage, number)

    def find_damage(file: AppendOnly, *, read: bool = False) -> str | None:
        with saboteur.lock:
            return FIND_DAMAGE(file, read=read)

    with (
        httpx.Client(transport=saboteur, trust_env=False) as http,
        client(sandbox, http_client=http) as groups,
        mock.patch.object(AppendOnly, "find_damage", find_damage),
        pytest.raises(JournalError) as caught,
    ):
        apply(groups, plan, journal=path)
    return caught.value


@pytest.mark.parametrize("loss", LOSSES)
def test_the_run_stops_and_a_new_journal_has_everything(sandbox: Sandbox, path: Path, loss: str) -> None:
    ids = team(sandbox, PEOPLE)
    damage, description = LOSSES[loss]
    with client(sandbox) as groups:
        plan = removals(groups, ids[:LEAVING])
    error = lose(sandbox, plan, path, damage, number=10)
    assert f"{path}: the journal " in str(error)
    assert re.search(description, str(error))
    sent = writes(sandbox)
    assert 10 <= len(sent) < 60, "calls in flight are finished, and the other recorded intents are not sent"

    assert error.recovered is not None
    assert error.recovered in str(error)
    recovered = Path(error.recovered)
    assert recovered != path
    assert stat.S_IMODE(recovered.stat().st_mode) == 0o600
    state = read_journal(recovered)
    assert (state.plan, state.site, state.in_doubt) == (plan.digest, plan.site, {})
    removed = {change.account_id for change in plan.changes if change.key in state.results}
    assert removed == set(ids) - set(members(sandbox))
    assert len(removed) == len(sent)

    with client(sandbox) as groups:
        back = undo(groups, recovered, guards=OPEN)
        assert {change.account_id for change in back.changes} == removed
        report = apply(groups, plan, journal=recovered)
    assert report.unfinished == ()
    assert len(read_journal(recovered).results) == LEAVING
    assert len(writes(sandbox)) == LEAVING, "nothing is sent twice"
    assert members(sandbox) == ids[LEAVING:]


@pytest.mark.parametrize("number", [1, 40, 189, 190])
def test_a_loss_at_any_time_is_noticed(sandbox: Sandbox, path: Path, number: int) -> None:
    ids = team(sandbox, PEOPLE)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:LEAVING])
    error = lose(sandbox, plan, path, Path.unlink, number)
    state = read_journal(error.recovered or "")
    assert len(state.results) == len(writes(sandbox)) == PEOPLE - len(members(sandbox))
    assert state.in_doubt == {}


def test_an_edit_that_keeps_the_length_is_noticed_at_the_end(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])

    def edit(path: Path) -> None:
        with path.open("r+b") as file:
            file.write(b"{ ")

    error = lose(sandbox, plan, path, edit, number=3)
    assert "was edited" in str(error)
    assert len(read_journal(error.recovered or "").results) == 30


def test_additions_are_recovered_too_and_no_removal_follows(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    joining = people(sandbox, 30, first=500)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids[20:], *joining], guards=OPEN)
    error = lose(sandbox, plan, path, Path.unlink, number=5)
    assert set(writes(sandbox)) == {"POST"}
    state = read_journal(error.recovered or "")
    assert {result.outcome for result in state.results.values()} == {Outcome.ADDED}
    assert len(state.results) == len(writes(sandbox))


def test_a_loss_before_the_first_change_sends_nothing(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)

    def delete(progress: Progress) -> None:
        assert progress.phase == "reading"
        path.unlink()

    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        with pytest.raises(JournalError, match="was deleted, and nothing was sent"):
            apply(groups, plan, journal=path, on_progress=delete)
        assert writes(sandbox) == []
        assert apply(groups, plan, journal=path).unfinished == ()


def interrupted_run(groups: ConfluenceGroups, sandbox: Sandbox, plan: Plan, path: Path) -> int:
    """Apply a part of a plan, and return the number of changes that were made."""

    def stop(progress: Progress) -> None:
        if progress.phase == "removing":
            raise TimeoutError

    with pytest.raises(TimeoutError):
        apply(groups, plan, journal=path, on_progress=stop)
    return len(writes(sandbox))


def test_earlier_runs_are_recovered_too(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, PEOPLE)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:LEAVING])
        before = interrupted_run(groups, sandbox, plan, path)
        known = read_journal(path)
        error = lose(sandbox, plan, path, remove_folder, number=5)
    assert before < len(writes(sandbox)) < LEAVING
    state = read_journal(error.recovered or "")
    assert (state.began_at, state.by) == (known.began_at, known.by)
    assert set(known.results) <= set(state.results)
    assert PEOPLE - len(members(sandbox)) == len(state.results)


def test_a_run_that_ends_with_another_error_names_the_new_journal_too(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, PEOPLE)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:LEAVING])
        interrupted_run(groups, sandbox, plan, path)
        known = read_journal(path)
        sandbox.directory.remove_member(TEAM, ids[-1])

        with pytest.raises(DriftError) as caught:
            apply(groups, plan, journal=path, on_progress=lambda _: path.unlink(missing_ok=True))
    (note,) = caught.value.__notes__
    assert "was deleted" in note
    state = read_journal(path.with_name("plan.recovered.journal"))
    assert state.results == known.results
    assert state.in_doubt == known.in_doubt


def test_the_new_journal_never_replaces_a_file(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    mine = path.with_name("plan.recovered.journal")
    mine.write_text("mine")
    path.with_name("plan.recovered-2.journal").symlink_to("nowhere")
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
    error = lose(sandbox, plan, path, Path.unlink, number=3)
    assert error.recovered == str(path.with_name("plan.recovered-3.journal"))
    assert mine.read_text() == "mine"
    assert not path.with_name("nowhere").exists()


def test_the_new_journal_can_be_lost_as_well(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, PEOPLE)
    recovered = path.with_name("plan.recovered.journal")

    def delete_both(path: Path) -> None:
        path.unlink()
        threading.Thread(target=delete_next).start()

    def delete_next() -> None:
        while not done.is_set():
            if recovered.exists():
                recovered.unlink()
                return

    done = threading.Event()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:LEAVING])
    error = lose(sandbox, plan, path, delete_both, number=5)
    done.set()
    assert len(read_journal(error.recovered or "").results) == len(writes(sandbox))


def test_without_a_folder_the_current_folder_is_used_and_then_the_temporary_one(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = team(sandbox)
    (tmp_path / "here").mkdir()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:10])
    monkeypatch.chdir(tmp_path / "here")
    error = lose(sandbox, plan, path, remove_folder, number=3)
    assert error.recovered == str(tmp_path / "here" / "plan.recovered.journal")

    path.parent.mkdir()
    with client(sandbox) as groups:
        plan = removals(groups, ids[10:20])
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    error = lose(sandbox, plan, path, remove_folder, number=3)
    assert error.recovered == str(tmp_path / "plan.recovered.journal")


def test_if_nothing_can_be_written_the_error_says_so(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
    monkeypatch.setattr(append_only_file, "_create_file", fail)
    error = lose(sandbox, plan, path, Path.unlink, number=3)
    assert "was deleted" in str(error)
    assert "no new journal can be written (No space left on device)" in str(error)
    assert error.recovered is None


def test_an_executor_gets_no_more_calls_after_a_loss(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, PEOPLE)
    with client(sandbox) as groups, ThreadPoolExecutor(2) as pool:
        plan = removals(groups, ids[:LEAVING])

        def delete(progress: Progress) -> None:
            if progress.phase == "removing":
                path.unlink(missing_ok=True)

        with pytest.raises(JournalError) as caught:
            apply(groups, plan, journal=path, on_progress=delete, executor=pool)
    state = read_journal(caught.value.recovered or "")
    assert len(state.results) == len(writes(sandbox)) <= 64


def test_worker_processes_get_no_more_calls_after_a_loss(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox, PEOPLE)
    monkeypatch.setenv("CONFLUENCE_SITE", sandbox.url)
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)
    opener = functools.partial(ConfluenceGroups.from_env)

    def delete(progress: Progress) -> None:
        if progress.phase == "removing":
            path.unlink(missing_ok=True)

    with client(sandbox) as groups, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        plan = removals(groups, ids[:LEAVING])
        with pytest.raises(JournalError) as caught:
            apply(groups, plan, journal=path, on_progress=delete, executor=pool, open_client=opener)
    state = read_journal(caught.value.recovered or "")
    assert len(state.results) == len(writes(sandbox)) <= 64


def test_an_interruption_while_the_new_journal_is_written_loses_nothing(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox, PEOPLE)
    write, interruptions = append_only_file.write_beside, [KeyboardInterrupt]

    def interrupt(path: Path, data: bytes) -> AppendOnly:
        if interruptions:
            raise interruptions.pop()
        return write(path, data)

    monkeypatch.setattr(journal, "write_beside", interrupt)
    with (
        httpx.Client(transport=Saboteur(path, Path.unlink, 5), trust_env=False) as http,
        client(sandbox, http_client=http) as groups,
    ):
        plan = removals(groups, ids[:LEAVING])
        with pytest.raises((KeyboardInterrupt, JournalError)) as caught:
            apply(groups, plan, journal=path)
    assert "plan.recovered.journal" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    state = read_journal(path.with_name("plan.recovered.journal"))
    assert PEOPLE - len(members(sandbox)) <= len(state.results) + len(state.in_doubt)
    with client(sandbox) as groups:
        assert apply(groups, plan, journal=path.with_name("plan.recovered.journal")).unfinished == ()
    assert members(sandbox) == ids[LEAVING:]


def test_the_command_line_names_the_new_journal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = team(shell.sandbox, PEOPLE)
    with client(shell.sandbox) as groups:
        removals(groups, ids[:LEAVING]).save(shell.folder / "plan.json")
    sync = AppendOnly.sync

    def sync_and_delete(self: AppendOnly) -> None:
        sync(self)
        if self.path.name == "plan.journal" and b"intents" in self.read():
            self.path.unlink(missing_ok=True)

    monkeypatch.setattr(AppendOnly, "sync", sync_and_delete)
    result = shell.run("apply", "plan.json", "--yes")
    assert (result.code, result.out) == (4, "")
    assert "the journal was deleted" in result.err
    assert str(shell.folder / "plan.recovered.journal") in result.err
    assert shell.spawn("journal", "verify", str(shell.folder / "plan.recovered.journal")).code == 0


def test_the_command_line_prints_the_note_of_another_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = DriftError("no", differences=("more",))
    error.add_note("the new journal is here")
    print_error(error, verbose=False)
    assert "the new journal is here" in capsys.readouterr().err


def test_ctrl_c_and_a_loss_together(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, PEOPLE)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def both(progress: Progress) -> None:
        if progress.phase == "removing" and path.exists():
            path.unlink()
            signal.raise_signal(signal.SIGINT)

    try:
        with client(sandbox) as groups:
            plan = removals(groups, ids[:LEAVING])
            with pytest.raises(JournalError) as caught:
                apply(groups, plan, journal=path, on_progress=both)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(read_journal(caught.value.recovered or "").results) == len(writes(sandbox))


def test_a_loss_while_the_changes_are_verified_is_noticed(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)

    def delete(progress: Progress) -> None:
        if progress.phase == "verifying":
            path.unlink(missing_ok=True)

    with client(sandbox) as groups, pytest.raises(JournalError, match="was deleted") as caught:
        apply(groups, removals(groups, ids[:30]), journal=path, on_progress=delete, verify=True)
    assert len(read_journal(caught.value.recovered or "").results) == 30


def test_the_loss_is_logged(sandbox: Sandbox, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
    error = lose(sandbox, plan, path, Path.unlink, number=3)
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert str(error.recovered) in record.getMessage()


def test_an_untouched_journal_is_no_loss(sandbox: Sandbox, path: Path) -> None:
    """Reading it, its permissions and its times do not matter."""
    ids = team(sandbox, PEOPLE)

    def touch(_progress: Progress) -> None:
        path.read_bytes()
        os.utime(path, (1, 1))
        path.chmod(0o640)

    with client(sandbox) as groups:
        report = apply(groups, removals(groups, ids[:LEAVING]), journal=path, on_progress=touch)
    assert report.counts == {Outcome.REMOVED: LEAVING}
    assert entries(path)
    assert {each.name for each in path.parent.iterdir()} == {"plan.journal", "plan.journal.lock"}


@pytest.mark.parametrize(("lines", "code"), [(0, 2), (1, 2), (2, 4), (3, 4), (4, 4)])
def test_the_exit_code_says_whether_changes_were_sent_before_the_disk_was_full(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, lines: int, code: int
) -> None:
    """The first line is the header, the second one the intents."""
    ids = team(shell.sandbox, PEOPLE)
    shell.csv(*(f"{TEAM},{account_id}," for account_id in ids[:90]))
    assert shell.run("plan", "remove", "--csv", "rows.csv").code == 0
    append, written = AppendOnly.append, []

    def append_until_full(file: AppendOnly, data: bytes) -> None:
        written.append(data)
        if len(written) > lines:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(file, data)

    monkeypatch.setattr(AppendOnly, "append", append_until_full)
    result = shell.run("apply", "plan.json", "--yes")
    assert (result.code, bool(writes(shell.sandbox))) == (code, code == 4)
    assert "free some disk space, then resume" in result.err
