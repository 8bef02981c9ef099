"""Pipes, devices, sockets and folders in place of plans, journals and token files are refused at once."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from membership_fakes import client, removals, team, writes
from shell import Shell

from confluence_groups_sdk import (
    ConfigurationError,
    ConfluenceGroupsError,
    FileTokenStore,
    JournalError,
    PlanError,
    Tokens,
)
from confluence_groups_sdk._support import files
from confluence_groups_sdk._support.files import NotRegularFileError, open_regular
from confluence_groups_sdk.cli.session import state_store
from confluence_groups_sdk.membership import Outcome, Plan, apply, read_journal, rehearse, undo
from confluence_groups_sdk.sandbox import Sandbox

TIME_LIMIT_S = 30
PLAN = Plan(site="your-domain.atlassian.net", made_at="2026-11-24T08:00:00Z", made_by="me", asked="nothing")


@pytest.fixture(autouse=True)
def _time_limit() -> Iterator[None]:
    """Fail instead of waiting on a pipe."""

    def end(_signal: int, _frame: object) -> None:
        pytest.fail(f"it has not ended in {TIME_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(TIME_LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def bind_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # because the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "a pipe"),
    "link to a pipe": (link_to_pipe, "a pipe"),
    "socket": (bind_socket, "a socket"),
    "folder": (Path.mkdir, "a folder"),
    "zeros": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "nothing": (lambda path: path.symlink_to("/dev/null"), "a device"),
}


@pytest.fixture(params=KINDS)
def special(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Return the path of a special file, and what it is."""
    create, name = KINDS[request.param]
    path = tmp_path / "special"
    create(path)
    return path, f"it must be a file, and this is {name}: give the path of a file"


def refusal(call: Callable[[], object], error: type[ConfluenceGroupsError]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_plan_must_be_a_file(special: tuple[Path, str]) -> None:
    path, problem = special
    assert refusal(lambda: Plan.load(path), PlanError) == f"{path}: the plan cannot be read ({problem})"


def test_a_journal_must_be_a_file(special: tuple[Path, str], sandbox: Sandbox) -> None:
    path, problem = special
    ids = team(sandbox)
    before = set(path.parent.iterdir())
    with client(sandbox) as groups:
        plan = removals(groups, ids[:2])
        for use in (
            lambda: apply(groups, plan, journal=path),
            lambda: rehearse(groups, plan, journal=path),
            lambda: undo(groups, path),
            lambda: read_journal(path),
        ):
            assert problem in refusal(use, JournalError)
    assert writes(sandbox) == []
    assert set(path.parent.iterdir()) == before, "no lock is left beside it"


def test_a_token_file_must_be_a_file(special: tuple[Path, str]) -> None:
    path, problem = special
    store = FileTokenStore(path)
    assert problem in refusal(store.load, ConfigurationError)
    refusal(lambda: store.save(Tokens("a", "r", 1.0)), ConfigurationError)


@pytest.mark.usefixtures("shell")
def test_the_state_of_the_command_line_must_be_in_files(special: tuple[Path, str]) -> None:
    path, problem = special
    folder = state_store.folder()
    folder.mkdir(parents=True, exist_ok=True)
    path.rename(folder / state_store.LOGIN)
    if (path.parent / "pipe").exists():
        (path.parent / "pipe").rename(folder / "pipe")
    assert problem in refusal(lambda: state_store.read(state_store.LOGIN), ConfigurationError)


def test_process_substitution_is_refused() -> None:
    reader, writer = os.pipe()
    try:
        assert "this is a pipe" in refusal(lambda: Plan.load(f"/dev/fd/{reader}"), PlanError)
        assert "this is a pipe" in refusal(lambda: read_journal(f"/dev/fd/{reader}"), JournalError)
    finally:
        os.close(reader)
        os.close(writer)


def test_standard_input_is_read_if_it_is_a_file(tmp_path: Path) -> None:
    PLAN.save(tmp_path / "plan.json")
    descriptor = os.open(tmp_path / "plan.json", os.O_RDONLY)
    try:
        assert Plan.load(f"/dev/fd/{descriptor}") == PLAN
    finally:
        os.close(descriptor)


def test_a_file_that_is_replaced_while_it_is_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    os.mkfifo(path)
    monkeypatch.setattr(files, "check_path", lambda _path: None)
    before = set(os.listdir("/dev/fd"))
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
        with pytest.raises(NotRegularFileError):
            open_regular(path, flags)
    assert set(os.listdir("/dev/fd")) == before, "it is closed again"


def test_reports_must_be_files_which_is_checked_before_sending(shell: Shell, special: tuple[Path, str]) -> None:
    ids = team(shell.sandbox)
    with client(shell.sandbox) as groups:
        removals(groups, ids[:2]).save(shell.folder / "plan.json")
    result = shell.run("apply", "plan.json", "--yes", "--report", str(special[0]))
    assert result.code == 2
    assert writes(shell.sandbox) == []


@pytest.mark.parametrize(
    "arguments", [("apply", "--yes"), ("plan", "show"), ("journal", "show"), ("journal", "verify"), ("undo",)]
)
def test_commands_refuse_pipes(shell: Shell, arguments: tuple[str, ...]) -> None:
    os.mkfifo(shell.folder / "pipe")
    result = shell.run(*arguments, "pipe")
    assert (result.code, result.out) == (2, "")
    assert "this is a pipe: give the path of a file" in result.err


# --- the mode of a journal that exists


def apply_with(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert apply(groups, removals(groups, ids[:2]), journal=path).counts == {Outcome.REMOVED: 2}


@pytest.mark.parametrize("content", [b"", b'{"before":"0000'])
def test_a_journal_without_lines_becomes_private(sandbox: Sandbox, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    path.chmod(0o666)
    apply_with(sandbox, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_mode_of_a_file_that_is_no_journal_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    path.chmod(0o644)
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:2])
        assert "not a journal" in refusal(lambda: apply(groups, plan, journal=path), JournalError)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("mine", 0o644)


def test_the_mode_of_another_users_file_stays(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    path.touch()
    path.chmod(0o666)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    apply_with(sandbox, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_file_that_is_regular_and_has_nothing_to_read_yet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as /proc/kmsg, which the kernel calls a regular file."""
    for read in (Plan.load, read_journal):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        monkeypatch.setattr(files, "open_regular", lambda *_, opened=reader: opened)
        with pytest.raises((PlanError, JournalError), match="cannot be read without waiting"):
            read("kmsg")
        os.close(writer)
