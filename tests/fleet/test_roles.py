"""A role that works with the tables and has no other right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from databases.embedded import EmbeddedPostgres
from membership_fakes import OPEN, client, members, removals, team
from shell import Shell
from test_postgres import rows

from confluence_groups_sdk import ConfigurationError, JournalError, Tokens
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.membership import apply, undo
from confluence_groups_sdk.sandbox import Sandbox

ROLE = 'wörk"er'
TOKENS = Tokens("access", "refresh", 1.0)


@pytest.fixture
def worker(server: EmbeddedPostgres, schema: str) -> Iterator[Postgres]:
    """A Postgres with a role that was given what it needs."""
    quoted = ROLE.replace('"', '""')
    with suppress(psycopg.errors.DuplicateObject):
        rows(server, f'CREATE ROLE "{quoted}" LOGIN')
    with Postgres(server.dsn, schema=schema) as admin:
        admin.init(grant_to=ROLE)
    with Postgres(psycopg.conninfo.make_conninfo(server.dsn, user=ROLE), schema=schema) as postgres:
        yield postgres


def test_a_worker_needs_no_other_right(worker: Postgres, sandbox: Sandbox) -> None:
    assert worker.init() == 0
    store = worker.token_store("site")
    with store.lock():
        assert store.load() is None
        store.save(TOKENS)
    with store.lock():
        assert store.load() == TOKENS
        store.save(TOKENS)
    ids = team(sandbox)
    with client(sandbox, rate_limiter=worker.rate_limiter(sandbox.url, when_down="raise")) as groups:
        plan = removals(groups, ids[:10])
        assert apply(groups, plan, journal=worker.journal(plan)).unfinished == ()
        back = undo(groups, worker.journal(plan), guards=OPEN)
        assert apply(groups, back, journal=worker.journal(back)).unfinished == ()
    assert sorted(members(sandbox)) == ids


REFUSED = (
    "ALTER TABLE {schema}.tokens ADD more text",
    "DROP TABLE {schema}.tokens",
    "CREATE TABLE {schema}.more (name text)",
    "UPDATE {schema}.journal_lines SET line = ''",
    "DELETE FROM {schema}.journal_lines",
    "TRUNCATE {schema}.journal_lines",
    "DELETE FROM {schema}.journals",
    "UPDATE {schema}.journals SET plan = ''",
    "INSERT INTO {schema}.schema_version VALUES (999, 999, '')",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_a_worker_changes_no_table(worker: Postgres, schema: str, statement: str) -> None:
    def refuse() -> None:
        worker._connections.run(lambda connection: connection.execute(statement.replace("{schema}", schema).encode()))

    with pytest.raises(ConfigurationError, match=r"permission denied|must be owner"):
        refuse()


def test_every_table_is_open_to_workers(worker: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    tables = rows(
        server,
        f"SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace",
    )
    assert len(tables) > 4
    for (table,) in tables:
        worker._connections.run(lambda connection, table=table: connection.execute(f"SELECT 1 FROM {table}".encode()))  # type: ignore[misc] # mypy infers no default


def test_a_holder_of_another_role_is_named(worker: Postgres, shared: Postgres) -> None:
    """PostgreSQL hides from a role when and from where others connected."""
    with (
        shared.journal("a" * 64).lock(),
        pytest.raises(JournalError, match=r"another process \(user postgres, process \d+ of the server\) applies"),
        worker.journal("a" * 64).lock(),
    ):
        pass


def test_the_command_grants_them(shell: Shell, server: EmbeddedPostgres, schema: str) -> None:
    with suppress(psycopg.errors.DuplicateObject):
        rows(server, "CREATE ROLE another LOGIN")
    ended = shell.run("fleet", "init", "--dsn", server.dsn, "--schema", schema, "--grant-to", "another")
    assert (ended.code, ended.err[:6]) == (0, "next: ")
    assert ended.out.startswith(f"schema {schema} of PostgreSQL at ")
    assert re.search("steps carried out; another has the rights to work with the tables$", ended.out.rstrip())
    with Postgres(psycopg.conninfo.make_conninfo(server.dsn, user="another"), schema=schema) as postgres:
        assert postgres.token_store("site").load() is None
    missing = shell.run("fleet", "init", "--dsn", server.dsn, "--schema", schema, "--grant-to", "nobody-knows")
    assert (missing.code, missing.err.endswith('role "nobody-knows" does not exist: create it first\n')) == (2, True)


def test_a_role_without_rights_learns_how_to_get_them(shell: Shell, server: EmbeddedPostgres, schema: str) -> None:
    with suppress(psycopg.errors.DuplicateObject):
        rows(server, 'CREATE ROLE "not granted" LOGIN')
    assert shell.run("fleet", "init", "--dsn", server.dsn, "--schema", schema).code == 0
    dsn = psycopg.conninfo.make_conninfo(server.dsn, user="not granted")
    ended = shell.run("fleet", "status", "--dsn", dsn, "--schema", schema)
    assert ended.code == 2
    assert ended.err.rstrip().endswith(
        f"permission denied for schema {schema}: the rights are granted by confluence-groups fleet init --grant-to ROLE"
    )
