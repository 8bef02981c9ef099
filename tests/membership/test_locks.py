"""While a plan is applied, no other run on this machine applies it with another journal."""

from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import filelock
import pytest
from membership_fakes import client, members, removals, team, writes

from confluence_groups_sdk import ConfigurationError, JournalError
from confluence_groups_sdk.membership import Outcome, Plan, Progress, apply
from confluence_groups_sdk.membership.execution import locks
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.membership.execution.locks import lock_journal, lock_plan
from confluence_groups_sdk.sandbox import Sandbox

DIGEST = "5e" * 32
NOW = "2026-11-24T08:00:00Z"
HOLDER = """
import sys
from pathlib import Path
from confluence_groups_sdk.membership.execution.locks import lock_plan
with lock_plan(sys.argv[1], Path(sys.argv[2])):
    print("locked", flush=True)
    sys.stdin.read()
"""
FORKER = """
import os, sys
from pathlib import Path
from confluence_groups_sdk.membership.execution.locks import lock_journal, lock_plan
journal = Path(sys.argv[2])
with lock_journal(journal), lock_plan(sys.argv[1], journal):
    child = os.fork()
    if not child:
        print("locked", flush=True)  # fork has returned in the child, after closing the child's copies of the locks
    sys.stdin.read()  # the parent and the child wait
    if not child:
        print("the child ends", flush=True)
    os._exit(0)
"""
APPLIER = """
import sys
from confluence_groups_sdk import ApiToken, ConfluenceGroups, JournalError
from confluence_groups_sdk.membership import Plan, apply
site, email, token, plan, journal = sys.argv[1:]
try:
    with ConfluenceGroups(site, auth=ApiToken(email, token)) as groups:
        print(apply(groups, Plan.load(plan), journal=journal))
except JournalError as error:
    print("refused:", error)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty folder for temporary files, here and in other processes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def holder_process(digest: str, journal: str, program: str = HOLDER) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock of a plan in another process."""
    command = [sys.executable, "-c", program, digest, journal]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


def refusal(digest: str = DIGEST, journal: str = "second") -> str:
    """Return the message with which a lock is refused, or nothing if it is free."""
    try:
        with lock_plan(digest, Path(journal)):
            return ""
    except JournalError as error:
        return str(error)


def test_another_process_is_refused_and_the_message_names_both_journals() -> None:
    with holder_process(DIGEST, "/out/first.journal"):
        message = refusal()
    assert "/out/first.journal" in message
    assert message.startswith("second: another run applies this plan")


@pytest.mark.parametrize("end", ["close", "kill"])
def test_the_lock_ends_with_its_process(end: str) -> None:
    with holder_process(DIGEST, "first") as process:
        if end == "kill":
            process.send_signal(signal.SIGKILL)
        else:
            assert process.stdin is not None
            process.stdin.close()
        process.wait()
        assert refusal() == ""
        assert refusal() == "", "releasing the lock frees it again"


def test_a_forked_worker_that_outlives_a_killed_run_keeps_no_lock(tmp_path: Path) -> None:
    journal = tmp_path / "plan.journal"
    with holder_process(DIGEST, str(journal), FORKER) as process:
        assert "another run applies this plan" in refusal()
        process.kill()
        process.wait()
        assert refusal() == ""
        with lock_journal(journal):
            pass
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        assert process.stdout.readline() == "the child ends\n", "it outlived the run"


def test_after_a_kill_the_next_run_is_the_one_that_is_named() -> None:
    with holder_process(DIGEST, "first") as process:
        process.kill()
        process.wait()
    with lock_plan(DIGEST, Path("second")):
        assert "the journal second" in refusal(journal="third")


def test_different_plans_do_not_block_each_other() -> None:
    with holder_process(DIGEST, "first"):
        assert refusal("6f" * 32) == ""


def test_the_lock_is_named_after_the_digest_in_the_temporary_folder_and_is_private(folder: Path) -> None:
    before = os.umask(0)
    try:
        with lock_plan(DIGEST, Path("first")):
            found = list(folder.iterdir())
            assert found
            assert all(DIGEST in path.name for path in found)
            assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    finally:
        os.umask(before)


def test_a_second_apply_with_another_journal_is_refused_and_sends_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    first, second = tmp_path / "first.journal", tmp_path / "second.journal"
    said: list[str] = []
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])
        plan.save(tmp_path / "plan.json")

        def apply_again(progress: Progress) -> None:
            if progress.phase == "removing" and not said:
                command = [sys.executable, "-c", APPLIER, sandbox.url, *sandbox.admin, str(tmp_path / "plan.json")]
                for journal in (second, first):
                    process = subprocess.run([*command, str(journal)], capture_output=True, check=True, text=True)
                    said.append(process.stdout)

        report = apply(groups, plan, journal=first, on_progress=apply_again)
        assert report.counts == {Outcome.REMOVED: 30}
    assert said[0].startswith(f"refused: {second}: another run applies this plan with the journal {first}")
    assert "another process is using this journal" in said[1]
    assert not second.exists()
    assert len(writes(sandbox)) == 30
    assert members(sandbox) == ids[30:]


def test_another_thread_is_refused_too(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    said: list[str] = []
    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])

        def again() -> None:
            with client(sandbox) as others, pytest.raises(JournalError) as caught:
                apply(others, plan, journal=tmp_path / "second")
            said.append(str(caught.value))

        def apply_again(_progress: Progress) -> None:
            if not said:
                thread = threading.Thread(target=again)
                thread.start()
                thread.join()

        assert apply(groups, plan, journal=tmp_path / "first", on_progress=apply_again).unfinished == ()
    assert str(tmp_path / "first") in said[0]
    assert len(writes(sandbox)) == 30


def test_the_lock_is_released_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), lock_plan(DIGEST, Path("first")):
        _ = 1 / 0
    assert refusal() == ""


def test_the_name_of_a_journal_does_not_control_the_terminal() -> None:
    with lock_plan(DIGEST, Path("first\x1b[2J\u202e\n.journal")):
        message = refusal()
    assert "first" in message
    assert message.isprintable()


# --- without a lock


def plant_link(path: Path) -> None:
    target = path.parent / "victim"
    target.write_text("precious")
    target.chmod(0o600)
    path.symlink_to(target)


def plant_hard_link(path: Path) -> None:
    target = path.parent / "victim"
    target.write_text("precious")
    target.chmod(0o600)
    path.hardlink_to(target)


def plant_public_file(path: Path) -> None:
    path.write_text("")
    path.chmod(0o666)


PLANTS: dict[str, Callable[[Path], object]] = {
    "a symbolic link": plant_link,
    "a dangling link": lambda path: path.symlink_to(path.parent / "nowhere"),
    "a hard link": plant_hard_link,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a file that others can open": plant_public_file,
}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_file_is_neither_used_nor_changed(
    folder: Path, plant: str, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        PLANTS[plant](folder / f"confluence-groups-{plan.digest}.lock")
        assert apply(groups, plan, journal=tmp_path / "journal").counts == {Outcome.REMOVED: 3}
    (warning,) = warnings_of(caplog)
    assert "no lock protects this plan" in warning
    if (folder / "victim").exists():
        assert (folder / "victim").read_text() == "precious"
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_a_file_of_another_user_is_not_used(
    folder: Path, mode: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / f"confluence-groups-{DIGEST}.lock"
    path.touch(mode)
    path.chmod(mode)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with lock_plan(DIGEST, Path("first")), lock_plan(DIGEST, Path("second")):
        assert len(warnings_of(caplog)) == 2


def test_a_missing_folder_is_logged_once_for_each_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    (tmp_path / "file").write_text("this is no folder")
    with lock_plan(DIGEST, Path("first")):
        assert len(warnings_of(caplog)) == 1


def test_no_folder_for_temporary_files_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with lock_plan(DIGEST, Path("first")):
        assert warnings_of(caplog) == [
            "no lock protects this plan from a second run with another journal (No usable temporary directory found)"
        ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(38, "Function not implemented"), "Function not implemented"),
        (NotImplementedError("no flock"), "no flock"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_a_file_system_without_locks_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, reason: str
) -> None:
    def fail(_path: str) -> object:
        raise error

    monkeypatch.setattr(locks, "_new_lock", fail)
    with lock_plan(DIGEST, Path("first")):
        assert warnings_of(caplog) == [f"no lock protects this plan from a second run with another journal ({reason})"]


# --- the locks themselves


def lock(kind: str, journal: Path) -> AbstractContextManager[None]:
    return lock_journal(journal) if kind == "journal" else lock_plan(DIGEST, journal)


@pytest.mark.parametrize("kind", ["journal", "plan"])
def test_another_thread_may_release_a_lock(tmp_path: Path, kind: str) -> None:
    held = lock(kind, tmp_path / "journal")
    held.__enter__()
    with pytest.raises(JournalError), lock(kind, tmp_path / "journal"):
        pass
    thread = threading.Thread(target=lambda: held.__exit__(None, None, None))
    thread.start()
    thread.join()
    with lock(kind, tmp_path / "journal"):
        pass


@pytest.mark.parametrize("kind", ["journal", "plan"])
def test_an_older_filelock_gives_private_locks_too(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    new = filelock.FileLock

    def create(path: str, **options: Any) -> filelock.BaseFileLock:
        if "fallback_to_soft" in options:
            raise TypeError("fallback_to_soft")
        return new(path, **options)

    monkeypatch.setattr(filelock, "FileLock", create)
    before = os.umask(0)
    try:
        with lock(kind, tmp_path / "journal"):
            (path,) = [*tmp_path.glob("*.lock"), *folder.glob("*.lock")]
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            with pytest.raises(JournalError), lock(kind, tmp_path / "journal"):
                pass
    finally:
        os.umask(before)


def test_the_lock_of_a_journal_needs_filelock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(ConfigurationError, match=r"confluence-groups-sdk\[files\]"), lock_journal(tmp_path / "journal"):
        pass


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("journal", r"cannot be opened \(it must be a file, and this is a folder"),
        ("journal.lock", r"cannot be locked \(Is a directory\)"),
    ],
)
def test_a_folder_in_place_of_a_journal_or_its_lock_is_an_error(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(JournalError, match=f"journal: the journal {words}"), lock_journal(tmp_path / "journal"):
        pass


def test_a_link_that_is_planted_while_the_holders_name_is_read_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock_plan(DIGEST, Path("first")):
        name = folder / f"confluence-groups-{DIGEST}.journal"
        name.replace(folder / "victim")
        name.symlink_to("victim")
        monkeypatch.setattr(locks, "_check_file", lambda _status: None)
        assert "with another journal" in refusal()


# --- which journal is in use


def test_a_run_without_the_holders_name_keeps_its_lock(folder: Path) -> None:
    (folder / f"confluence-groups-{DIGEST}.journal").mkdir()
    with lock_plan(DIGEST, Path("first")):
        assert "with another journal" in refusal()
    assert refusal() == ""
    assert not [path for path in folder.iterdir() if DIGEST not in path.name], "no temporary file is left"


def test_a_planted_name_is_replaced_and_never_followed(folder: Path) -> None:
    victim = folder / "victim"
    victim.write_text("precious")
    name = folder / f"confluence-groups-{DIGEST}.journal"
    name.symlink_to(victim)
    with lock_plan(DIGEST, Path("first")):
        assert victim.read_text() == "precious"
        assert "the journal first" in refusal()


def test_a_pipe_in_place_of_the_holders_name_does_not_block(folder: Path) -> None:
    with holder_process(DIGEST, "first"):
        name = folder / f"confluence-groups-{DIGEST}.journal"
        name.unlink()
        os.mkfifo(name)
        assert "with another journal" in refusal()


def test_the_lock_is_held_before_a_journal_is_created(tmp_path: Path) -> None:
    plan = Plan(site="your-domain.atlassian.net", made_at=NOW, made_by="me", asked="nothing")
    with (
        lock_plan(plan.digest, Path("first")),
        pytest.raises(JournalError, match="the journal first"),
        open_journal(tmp_path / "second", plan, by="me", now=NOW),
    ):
        pass
    assert not (tmp_path / "second").exists()
