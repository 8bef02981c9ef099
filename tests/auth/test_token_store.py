"""Token stores: saves are atomic, files are private, and the lock admits one user at a time."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest

from confluence_groups_sdk import ConfigurationError, FileTokenStore, MemoryTokenStore, Tokens, TokenStore
from confluence_groups_sdk._support import clock
from confluence_groups_sdk.auth import token_store

OLD = Tokens("old-access", "old-refresh", 1_800_000_000.5, ("read:confluence-groups", "offline_access"))
NEW = Tokens("new-access", "new-refresh", 1_800_003_600, ())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def store(path: Path) -> FileTokenStore:
    store = FileTokenStore(path)
    store.save(OLD)
    return store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files and folders be accessible to everyone unless the code restricts them."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_saved_tokens_are_loaded(kind: str, path: Path) -> None:
    store: TokenStore = MemoryTokenStore() if kind == "memory" else FileTokenStore(path)
    assert isinstance(store, TokenStore)
    assert store.load() is None
    for tokens in (OLD, NEW):
        with store.lock():
            store.save(tokens)
        assert store.load() == tokens


def test_a_memory_store_can_start_with_tokens() -> None:
    assert MemoryTokenStore(OLD).load() == OLD


def test_a_memory_store_has_one_lock() -> None:
    store = MemoryTokenStore()
    with store.lock():
        assert not store.lock().acquire(blocking=False)  # type: ignore[attr-defined] # a threading.Lock


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"access_token": ""}, "access_token is empty"),
        ({"access_token": "é"}, "access_token has characters outside ASCII"),
        ({"refresh_token": "a b"}, "refresh_token has whitespace"),
        ({"refresh_token": None}, "refresh_token must be text"),
        ({"expires_at": float("nan")}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": True}, "expires_at"),
        ({"scopes": "a b"}, "scopes"),
        ({"scopes": [1]}, "scopes"),
    ],
)
def test_malformed_tokens_are_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Tokens(**{**attrs.asdict(OLD), **values})


def test_scopes_become_a_tuple_and_evolve_works() -> None:
    assert Tokens("a", "r", 1, ["s"]).scopes == ("s",)
    assert attrs.evolve(OLD, expires_at=1).expires_at == 1


@pytest.mark.usefixtures("open_umask")
def test_the_file_its_lock_and_new_folders_are_private(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir(0o755)
    old.chmod(0o755)
    path = old / "new" / "newer" / "tokens.json"
    store = FileTokenStore(path)
    with store.lock():
        store.save(OLD)
    assert (mode(path), mode(Path(f"{path}.lock"))) == (0o600, 0o600)
    assert [mode(folder) for folder in (old, old / "new", old / "new" / "newer")] == [0o755, 0o700, 0o700]
    assert store.load() == OLD


@pytest.mark.parametrize("wide", [0o644, 0o640, 0o602, 0o610])
def test_a_file_that_others_can_access_is_an_error_with_a_remedy(store: FileTokenStore, path: Path, wide: int) -> None:
    path.chmod(wide)
    with pytest.raises(ConfigurationError, match="chmod 600") as caught:
        store.load()
    assert str(path) in str(caught.value)
    store.save(NEW)
    assert (mode(path), store.load()) == (0o600, NEW)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"[]",
        b'"marker"',
        b"null",
        b"{}",
        b'{"access_token": "marker", "refresh_token": "marker"}',
        b'{"access_token": "marker", "refresh_token": "marker", "expires_at": "marker"}',
        b'{"access_token": "marker", "refresh_token": "marker", "expires_at": NaN}',
        b'{"access_token": "marker marker", "refresh_token": "marker", "expires_at": 1}',
        b'{"access_token": "marker", "refresh_token": "marker", "expires_at": 1, "marker": 1}',
    ],
)
def test_the_error_for_a_malformed_file_has_its_path_and_not_its_content(
    store: FileTokenStore, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        store.load()
    assert str(path) in str(caught.value)
    assert "marker" not in f"{caught.value!r}{caught.value.__context__!r}"


def test_a_path_that_is_not_a_file_is_a_configuration_error(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        store.load()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        store.save(OLD)
    (tmp_path / "file").touch()
    inside = FileTokenStore(tmp_path / "file" / "tokens.json")
    with pytest.raises(ConfigurationError, match="cannot be locked"), inside.lock():
        pass


def test_a_symbolic_link_stays_and_shares_the_lock_of_its_target(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    other = FileTokenStore(link)
    other.save(NEW)
    assert link.is_symlink()
    assert store.load() == NEW
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 0)
    with store.lock(), pytest.raises(ConfigurationError, match="another process"), other.lock():
        pass


def test_a_save_is_on_the_disk_before_it_replaces_the_file(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def seen_replace(source: str, target: Path) -> None:
        steps.append("replace")
        assert FileTokenStore(source).load() == NEW, "the new file is complete"
        assert Path(source).parent == path.parent
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    store.save(NEW)
    assert steps == ["file", "replace", "folder"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(ConfigurationError, match=r"cannot be written \(No space left on device\)"):
            store.save(NEW)
    assert store.load() == OLD
    assert list(path.parent.iterdir()) == [path]


KILLED = """
import os, signal, sys
from confluence_groups_sdk import FileTokenStore, Tokens
store, (name, time) = FileTokenStore(sys.argv[1]), sys.argv[2].split()
original, calls = getattr(os, name), []
def killed(*arguments):
    calls.append(name)
    if len(calls) == int(time):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(os, name, killed)
with store.lock():
    store.save(Tokens("new-access", "new-refresh", 1_800_003_600))
"""


@pytest.mark.parametrize(("moment", "left"), [("fsync 1", OLD), ("replace 1", OLD), ("fsync 2", NEW)])
def test_a_killed_process_leaves_the_old_or_the_new_tokens_and_no_lock(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, left: Tokens
) -> None:
    result = subprocess.run([sys.executable, "-c", KILLED, str(path), moment], check=False)
    assert result.returncode == -signal.SIGKILL
    assert store.load() == left
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 0)
    with store.lock():
        store.save(NEW)
    assert store.load() == NEW


def test_the_lock_admits_one_thread_at_a_time(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        with FileTokenStore(path).lock():
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_a_replaced_sleep_of_another_thread_does_not_shorten_the_wait_for_the_lock(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as other:
        other.enter_context(FileTokenStore(path).lock())
        steps = iter([lambda: clock._advance_to(clock._monotonic() + 3600), other.close])
        monkeypatch.setattr("time.sleep", lambda _seconds: next(steps)())
        monkeypatch.setattr(clock, "_monotonic", clock._monotonic)
        with store.lock():
            assert next(steps, None) is None


def test_the_lock_keeps_out_other_processes(store: FileTokenStore, path: Path) -> None:
    program = (
        "import sys\nfrom confluence_groups_sdk import FileTokenStore\n"
        "from confluence_groups_sdk.auth import token_store\ntoken_store.LOCK_TIMEOUT_S = 0\n"
        "with FileTokenStore(sys.argv[1]).lock(): pass"
    )
    command = [sys.executable, "-c", program, str(path)]
    with store.lock():
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process keeps it locked" in refused.stderr.splitlines()[-1]
    subprocess.run(command, check=True)


def test_only_the_file_store_needs_the_extra() -> None:
    program = (
        "import sys; sys.modules['filelock'] = None\n"
        "from confluence_groups_sdk import FileTokenStore, MemoryTokenStore, OAuth2\n"
        "OAuth2('id', 'secret', MemoryTokenStore())\n"
        "FileTokenStore('tokens.json')"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("confluence_groups_sdk.ConfigurationError: FileTokenStore needs filelock")
    assert "confluence-groups-sdk[files]" in last


def test_repr_shows_only_the_path(store: FileTokenStore, path: Path) -> None:
    assert repr(store) == f"FileTokenStore({str(path)!r})"


def test_another_program_may_hold_the_lock_for_two_minutes(
    store: FileTokenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= 1, "the lock is asked for often"
        slept.append(seconds)

    other = FileTokenStore(path)
    with monkeypatch.context() as patch, other.lock():
        patch.setattr(token_store, "machine_monotonic", lambda: sum(slept))
        patch.setattr("time.sleep", sleep)
        with pytest.raises(ConfigurationError, match="another process keeps it locked"), store.lock():
            pass
    assert sum(slept) == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("more", [0, 1])
def test_a_token_file_of_more_than_a_mebibyte_is_not_read(store: FileTokenStore, path: Path, more: int) -> None:
    text = path.read_text()
    path.write_text(text.rjust(1024 * 1024 + more))
    if more:
        with pytest.raises(ConfigurationError, match="does not hold tokens"):
            store.load()
    else:
        assert store.load() == OLD


def test_the_repr_of_tokens_shows_none() -> None:
    assert repr(OLD) == "Tokens(expires_at=1800000000.5, scopes=('read:confluence-groups', 'offline_access'))"
