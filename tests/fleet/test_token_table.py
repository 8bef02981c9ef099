"""Tokens in PostgreSQL: committed before use, never replaced by older ones, and locks that die with their holder."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import fleet_process
import pytest
from databases.embedded import EmbeddedPostgres
from test_postgres import rows

from confluence_groups_sdk import ConfigurationError, ConfluenceGroups, OAuth2, Tokens, TokenStore
from confluence_groups_sdk.fleet import Postgres, token_store
from confluence_groups_sdk.sandbox import Sandbox

OLD, NEW = Tokens("old-access", "old-refresh", 1.0, ("a", "b")), Tokens("new-access", "new-refresh", 2.5)
KEY = 0x5A
SOON_S = 10.0  # 0.02 s, unless the machine is very busy; the server would notice that a host is gone after 25 s


def flip(data: bytes) -> bytes:
    return bytes(each ^ KEY for each in data)


@contextmanager
def another_host(server: EmbeddedPostgres, schema: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock of these tokens."""
    command = [sys.executable, fleet_process.__file__, "hold", server.dsn, schema, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def test_tokens_are_kept_by_name(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    store = shared.token_store("offboarding")
    assert isinstance(store, TokenStore)
    assert store.load() is None
    store.save(OLD)
    store.save(NEW)
    with Postgres(server.dsn, schema=schema) as other:
        assert other.token_store("offboarding").load() == NEW
        assert other.token_store("another").load() is None


def test_saved_tokens_survive_a_crash_of_the_server(shared: Postgres, server: EmbeddedPostgres) -> None:
    store = shared.token_store("site")
    with store.lock():
        store.load()
        store.save(NEW)
    server.stop(kill=True)
    server.start()
    assert store.load() == NEW


def test_one_at_a_time_has_the_lock(shared: Postgres) -> None:
    store, inside = shared.token_store("site"), []

    def refresh(number: int) -> None:
        with store.lock():
            inside.append(number)
            loaded = store.load()
            store.save(Tokens("access", f"{int(loaded.refresh_token) + 1 if loaded else 1}", 1.0))
            assert inside.pop() == number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(refresh, range(24)))
    loaded = store.load()
    assert loaded is not None
    assert loaded.refresh_token == "24"


def test_the_lock_of_a_killed_process_is_free_at_once(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    with another_host(server, schema, "site") as process:
        got: list[float] = []

        def acquire() -> None:
            with shared.token_store("site").lock():
                got.append(time.monotonic())

        thread = threading.Thread(target=acquire)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "the other process has the lock"
        with shared.token_store("another").lock():
            pass
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        thread.join(10)
        assert got[0] - killed < SOON_S


def test_the_holder_of_the_lock_is_named(
    shared: Postgres, server: EmbeddedPostgres, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 0.1)
    with (
        another_host(server, schema, "site"),
        pytest.raises(
            ConfigurationError, match=r"another process at 127.0.0.1 \(user postgres, process .* locked: see"
        ),
        shared.token_store("site").lock(),
    ):
        pass


def test_a_pooler_that_changes_connections_is_refused(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_store, "READ_PROCESS", "SELECT -pg_backend_pid()")  # as another connection would say
    with (
        pytest.raises(ConfigurationError, match="locks need a direct connection, or a connection pooler in session"),
        shared.token_store("site").lock(),
    ):
        pass


def test_tokens_that_are_committed_survive_their_process(
    shared: Postgres, server: EmbeddedPostgres, schema: str, sandbox: Sandbox
) -> None:
    """A process dies when it has saved refreshed tokens and has not used them, and still holds the lock."""
    grant = sandbox.grant(expires_in=0)
    shared.token_store("site").save(Tokens(grant.access_token, grant.refresh_token, grant.expires_at))
    command = [sys.executable, fleet_process.__file__, "refresh", server.dsn, schema, "site", sandbox.url]
    ended = subprocess.run([*command, sandbox.cloud_id, *sandbox.oauth_client], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [seen.target for seen in sandbox.requests] == ["/oauth/token"]
    auth = OAuth2(*sandbox.oauth_client, shared.token_store("site"), authority=sandbox.url)
    began = time.monotonic()
    with ConfluenceGroups.for_cloud(sandbox.cloud_id, auth=auth, gateway=sandbox.gateway) as groups:
        groups.current_user()
    assert time.monotonic() - began < SOON_S
    assert [seen.target for seen in sandbox.requests].count("/oauth/token") == 1


def test_a_late_save_does_not_replace_newer_tokens(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    """The lock was lost with its connection, and another process has refreshed the tokens meanwhile."""
    store = shared.token_store("site")
    store.save(OLD)
    with store.lock():
        assert store.load() == OLD
        server.stop()
        server.start()
        with Postgres(server.dsn, schema=schema) as other:
            fast = other.token_store("site")
            with fast.lock():
                fast.load()
                fast.save(NEW)
        with pytest.raises(ConfigurationError, match="another process has replaced the tokens meanwhile") as caught:
            store.save(Tokens("late", "marker", 3.0))
    assert caught.value.__context__ is None
    assert store.load() == NEW


def test_rotated_tokens_are_saved_after_a_restart_of_the_server(shared: Postgres, server: EmbeddedPostgres) -> None:
    store = shared.token_store("site")
    store.save(OLD)
    with store.lock():
        store.load()
        server.stop()
        restart = threading.Timer(0.5, server.start)
        restart.start()
        store.save(NEW)
        restart.join()
    assert store.load() == NEW


def test_the_same_tokens_saved_twice_are_no_conflict(shared: Postgres) -> None:
    """The connection broke after the commit and before its answer, so the save was repeated."""
    store = shared.token_store("site", seal=(flip, flip))
    store.save(OLD)
    with store.lock():
        store.load()
        shared.token_store("site", seal=(flip, flip)).save(NEW)  # as if it were the same store
        store.save(NEW)
    assert store.load() == NEW


def test_sealed_tokens_are_encrypted_in_the_table(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    sealed = shared.token_store("site", seal=(flip, flip))
    sealed.save(NEW)
    assert sealed.load() == NEW
    ((stored,),) = rows(server, f"SELECT tokens FROM {schema}.tokens")
    assert isinstance(stored, bytes)
    assert b"new-" not in stored
    with pytest.raises(ConfigurationError, match="the tokens are sealed: give the functions"):
        shared.token_store("site").load()
    shared.token_store("plain").save(NEW)
    with pytest.raises(ConfigurationError, match="the tokens are not sealed"):
        shared.token_store("plain", seal=(flip, flip)).load()


def test_a_seal_that_fails_is_an_error_of_this_package(shared: Postgres) -> None:
    def fail(data: bytes) -> bytes:
        raise RuntimeError(data.decode())

    with pytest.raises(ConfigurationError, match="the function that encrypts raised RuntimeError") as caught:
        shared.token_store("site", seal=(fail, flip)).save(NEW)
    assert caught.value.__context__ is None
    shared.token_store("site", seal=(flip, flip)).save(NEW)
    with pytest.raises(ConfigurationError, match="the function that decrypts raised RuntimeError") as caught:
        shared.token_store("site", seal=(flip, fail)).load()
    assert caught.value.__context__ is None


@pytest.mark.parametrize("returned", [5, None, "text"])
def test_a_seal_that_returns_no_bytes_replaces_nothing(shared: Postgres, returned: Any) -> None:
    """`bytes(5)` would be five zeros."""
    shared.token_store("site", seal=(flip, flip)).save(NEW)
    with pytest.raises(ConfigurationError, match="the function that encrypts raised TypeError"):
        shared.token_store("site", seal=(lambda _: returned, flip)).save(NEW)
    with pytest.raises(ConfigurationError, match="the function that decrypts raised TypeError"):
        shared.token_store("site", seal=(flip, lambda _: returned)).load()
    assert shared.token_store("site", seal=(flip, flip)).load() == NEW


def test_tokens_that_another_key_has_encrypted_are_not_to_be_removed(shared: Postgres) -> None:
    shared.token_store("site", seal=(flip, flip)).save(NEW)
    with pytest.raises(ConfigurationError, match="use the key with which they were encrypted"):
        shared.token_store("site", seal=(flip, lambda data: data)).load()


def test_a_row_without_tokens_is_not_shown(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    store = shared.token_store("site")
    store.save(NEW)
    rows(server, f"UPDATE {schema}.tokens SET tokens = 'marker'")
    with pytest.raises(ConfigurationError, match="the row does not hold tokens") as caught:
        store.load()
    assert "marker" not in str(caught.value)
