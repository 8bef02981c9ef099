"""The connection to the database: its tables and their versions, and errors that name the server only."""

from __future__ import annotations

import copy
import pickle
import socket
import subprocess
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any

import psycopg
import pytest
from databases.embedded import EmbeddedPostgres
from raw_socket_servers import SocketServer, serve

from confluence_groups_sdk import ConfigurationError, Tokens
from confluence_groups_sdk.fleet import Postgres, connection_pool
from confluence_groups_sdk.fleet.schema import migrations

PASSWORD = "marker-pass%2Fword"
SECRET = f"postgresql://me:{PASSWORD}@127.0.0.1:1/db"


def frames_of(error: BaseException) -> str:
    """Return what an error reporter shows of the frames of this package: their variables."""
    found = []
    frames = traceback.walk_tb(error.__traceback__)
    for frame, _ in frames:
        if "confluence_groups_sdk" in frame.f_globals["__name__"]:
            found += [repr(value) for value in frame.f_locals.values()]
    return " ".join(found)


def rows(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_init_creates_the_tables_once(server: EmbeddedPostgres, schema: str) -> None:
    with Postgres(server.dsn, schema=schema) as shared:
        with pytest.raises(ConfigurationError, match=f"schema {schema} has no tables: run confluence-groups fleet"):
            shared.token_store("site").load()
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: shared.init(), range(4)))
        assert sorted(done) == [0, 0, 0, len(migrations.MIGRATIONS)]
        assert shared.token_store("site").load() is None


def test_init_notices_what_another_one_has_just_created(server: EmbeddedPostgres, schema: str) -> None:
    """The server remembers within a session that a table was missing."""
    with Postgres(server.dsn, schema=schema) as one, Postgres(server.dsn, schema=schema) as other:
        with pytest.raises(ConfigurationError, match="no tables"):
            one.token_store("site").load()
        key = other._connections.lock_key("schema")
        with ThreadPoolExecutor(1) as pool:
            other._connections.run(lambda connection: connection.execute("SELECT pg_advisory_lock(%s)", [key]))
            waiting = pool.submit(one.init)
            while not rows(server, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                pass
            assert other.init() == len(migrations.MIGRATIONS)
            other._connections.run(lambda connection: connection.execute("SELECT pg_advisory_unlock(%s)", [key]))
            assert waiting.result() == 0


@pytest.mark.usefixtures("shared")
def test_versions_can_share_a_database(server: EmbeddedPostgres, schema: str) -> None:
    """A newer version has added tables that this one does not know."""
    rows(server, f"INSERT INTO {schema}.schema_version (version, needs, package) VALUES (99, 1, '9.0')")
    with Postgres(server.dsn, schema=schema) as older:
        assert older.token_store("site").load() is None
        assert older.init() == 0
    rows(server, f"INSERT INTO {schema}.schema_version (version, needs, package) VALUES (100, 100, '10.0')")
    with Postgres(server.dsn, schema=schema) as older:
        for use in (older.init, older.token_store("site").load, older.journal("a" * 64).read):
            with pytest.raises(ConfigurationError, match=r"a newer version of this package .* update this package"):
                use()


@pytest.mark.usefixtures("shared")
def test_an_older_schema_is_brought_up_to_date(
    server: EmbeddedPostgres, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = migrations.Migration("CREATE TABLE {schema}.additions (name text PRIMARY KEY)")
    steps = (*migrations.MIGRATIONS, step)
    monkeypatch.setattr("confluence_groups_sdk.fleet.schema.versions.MIGRATIONS", steps)
    with Postgres(server.dsn, schema=schema) as newer:
        has = f"has version {len(steps) - 1} of the tables, and this package needs {len(steps)}: run"
        with pytest.raises(ConfigurationError, match=has):
            newer.token_store("site").load()
        assert newer.init() == 1
        assert newer.token_store("site").load() is None
    assert rows(server, f"SELECT * FROM {schema}.additions") == []


def test_two_versions_work_side_by_side(
    server: EmbeddedPostgres, schema: str, shared: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer one adds a table and columns; the older one keeps its connections, and a third is started anew."""
    store, tokens = shared.token_store("site"), Tokens("access", "refresh", 1.0)
    store.save(tokens)
    added = """
        ALTER TABLE {schema}.tokens ADD remark text;
        ALTER TABLE {schema}.journal_lines ADD remark text DEFAULT 'x';
        CREATE TABLE {schema}.additions (name text PRIMARY KEY);
    """
    with monkeypatch.context() as patch, Postgres(server.dsn, schema=schema) as newer:
        steps = (*migrations.MIGRATIONS, migrations.Migration(added))
        patch.setattr("confluence_groups_sdk.fleet.schema.versions.MIGRATIONS", steps)
        with shared.journal("a" * 64).lock(), store.lock():
            assert newer.init() == 1, "tables that others use"
        assert newer.token_store("site").load() == tokens
    with Postgres(server.dsn, schema=schema) as older:
        assert older.init() == 0
        for each in (shared, older):
            journal = each.journal("a" * 64)
            with journal.lock():
                journal.read()
                journal.append(b"line\n", sync=True)
            each.token_store("site").save(tokens)
        assert older.journal("a" * 64).read() == b"line\nline\n"


def test_a_failed_step_changes_nothing(
    server: EmbeddedPostgres, schema: str, shared: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = migrations.Migration("CREATE TABLE {schema}.half (name text); SELECT 1 / 0")
    monkeypatch.setattr("confluence_groups_sdk.fleet.schema.versions.MIGRATIONS", (*migrations.MIGRATIONS, bad))
    with pytest.raises(ConfigurationError, match="division by zero"):
        shared.init()
    assert rows(server, f"SELECT to_regclass('{schema}.half')") == [(None,)]


def test_tables_that_were_removed_are_named(server: EmbeddedPostgres, schema: str, shared: Postgres) -> None:
    store = shared.token_store("site")
    assert store.load() is None
    rows(server, f"DROP SCHEMA {schema} CASCADE")
    with pytest.raises(ConfigurationError, match="tables are missing: run confluence-groups fleet init"):
        store.load()


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with Postgres(SECRET) as shared:
        started = time.monotonic()
        for use in (shared.init, shared.token_store("site").load, shared.journal("a" * 64).read):
            with pytest.raises(
                ConfigurationError, match=r"PostgreSQL at me@127.0.0.1:1/db cannot be reached"
            ) as caught:
                use()
            assert "marker" not in f"{caught.value!r}{caught.value.__context__!r}{shared!r}"
            assert caught.value.__context__ is None
        assert time.monotonic() - started < 10


def test_a_server_that_never_answers_is_not_waited_for_long() -> None:
    def wait(server: SocketServer, _connection: socket.socket) -> None:
        server.closing.wait(30)

    with serve(wait) as silent:
        started = time.monotonic()
        with Postgres(f"postgresql://me@127.0.0.1:{silent.port}/db") as shared, pytest.raises(ConfigurationError):
            shared.init()
        assert time.monotonic() - started < 12


MALFORMED = (
    "postgresql://me:marker@host:port:1/db",
    "postgresql://me:marker/pass@127.0.0.1:1/db",
    "postgresql://me:123/marker@127.0.0.1:1/db",
    "postgresql://me:pass@marker@127.0.0.1:1/db",
    "nonsense marker",
    "marker=1",
)


@pytest.mark.parametrize("dsn", [*MALFORMED, None, b"postgresql://me:marker@127.0.0.1:1/db"])
def test_a_malformed_address_is_not_shown(dsn: Any) -> None:
    with pytest.raises(ConfigurationError, match="dsn: this is not the address") as caught:
        Postgres(dsn)
    assert "marker" not in str(caught.value)
    assert caught.value.__context__ is None
    assert "marker" not in frames_of(caught.value)


@pytest.mark.parametrize("problem", ["schema", "psycopg"])
def test_the_password_is_in_no_frame_of_another_refusal(problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if problem == "psycopg":
        monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Postgres(SECRET, schema="A" if problem == "schema" else "a")
    assert "marker" not in frames_of(caught.value)


def test_a_connection_without_tls_is_refused(server: EmbeddedPostgres) -> None:
    for mode in ("require", "verify-full"):
        with (
            Postgres(f"{server.dsn}?sslmode={mode}") as shared,
            pytest.raises(ConfigurationError, match=r"server does not support SSL|root certificate"),
        ):
            shared.init()


@pytest.mark.parametrize("schema", ["", "A", "a-b", "1a", "a" * 64, 'a"b'])
def test_a_malformed_schema_is_refused(schema: str) -> None:
    with pytest.raises(ConfigurationError, match="schema: use small letters"):
        Postgres("postgresql://host/db", schema=schema)


def test_a_password_is_in_no_text() -> None:
    shared = Postgres("host=db.example.com port=6000 user='a b' password=marker dbname=x")
    assert repr(shared) == "<Postgres: schema confluence_groups of PostgreSQL at a%20b@db.example.com:6000/x>"
    stores = shared.token_store("site"), shared.journal("a" * 64)
    assert "marker" not in f"{shared!r} {stores!r} {stores[0]} {stores[1]}"


def test_nothing_is_pickled_or_copied(shared: Postgres) -> None:
    for thing in (shared, shared.token_store("site"), shared.journal("a" * 64)):
        for use in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError, match="never pickled or copied"):
                use(thing)


def test_it_is_closed_for_good(shared: Postgres) -> None:
    store = shared.token_store("site")
    store.load()
    shared.close()
    shared.close()
    with pytest.raises(ConfigurationError, match="it was closed"):
        store.load()


def test_more_threads_than_connections_wait_for_each_other(shared: Postgres) -> None:
    store = shared.token_store("site")
    assert store.load() is None
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda _: store.load(), range(200))) == [None] * 200


def test_bad_names_are_refused(shared: Postgres) -> None:
    with pytest.raises(ValueError, match="name must not be empty"):
        shared.token_store("")
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        shared.journal("plan.json")
    for name in ("a\0b", "\udcff"):
        with pytest.raises(ValueError, match="NUL"):
            shared.token_store(name)
        with pytest.raises(ConfigurationError, match="site"):
            shared.rate_limiter(name)


def test_all_connections_in_use_are_no_error(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "POOL_TIMEOUT_S", 0.01)
    store = shared.token_store("site")
    with ExitStack() as held:
        for _ in range(connection_pool.POOL_SIZE + 1):
            held.enter_context(shared._connections._pool.connection())
        assert store.load() is None


def test_connections_that_the_server_has_ended_are_replaced(shared: Postgres, server: EmbeddedPostgres) -> None:
    store = shared.token_store("site")
    assert store.load() is None
    server.stop()
    server.start()
    assert store.load() is None


def test_a_forked_process_opens_its_own_connections(shared: Postgres) -> None:
    store = shared.token_store("site")
    assert store.load() is None
    results: Any = get_context("fork").SimpleQueue()
    child = get_context("fork").Process(target=lambda: results.put(store.load()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a process with threads is forked
        child.start()
    child.join(20)
    assert child.exitcode == 0
    assert results.get() is None
    assert store.load() is None


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'confluence-groups-sdk\[postgres\]'"):
        Postgres("postgresql://host/db")


def test_the_import_loads_no_psycopg() -> None:
    program = "import confluence_groups_sdk.fleet, sys; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_any_connection_shows_that_the_server_answers(server: EmbeddedPostgres) -> None:
    with Postgres(server.dsn) as shared:
        connections = shared._connections
        assert not connections.heard.is_within(60.0)
        with connections.connection():
            assert connections.heard.is_within(60.0)
