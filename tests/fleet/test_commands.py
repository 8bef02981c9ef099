"""``confluence-groups fleet init`` and ``journal export``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from databases.embedded import EmbeddedPostgres
from membership_fakes import client, removals, team
from shell import Shell

from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.membership import apply, read_journal


def test_init_creates_the_tables(shell: Shell, server: EmbeddedPostgres, schema: str) -> None:
    ended = shell.run("fleet", "init", "--dsn", server.dsn, "--schema", schema)
    step = f"next: confluence-groups fleet submit fleet.toml --dsn DSN --schema {schema}\n"
    assert (ended.code, ended.err) == (0, step)
    assert re.fullmatch(rf"schema {schema} of PostgreSQL at .*: \d+ steps? carried out\n", ended.out)
    assert shell.run("fleet", "init", "--dsn", server.dsn, "--schema", schema).out.endswith(": up to date\n")
    with Postgres(server.dsn, schema=schema) as shared:
        assert shared.token_store("site").load() is None


def test_the_address_can_be_in_the_environment(
    shell: Shell, server: EmbeddedPostgres, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = shell.run("fleet", "init")
    assert (missing.code, missing.out) == (2, "")
    assert "--dsn, or in CONFLUENCE_FLEET_DSN" in missing.err
    monkeypatch.setenv("CONFLUENCE_FLEET_DSN", server.dsn)
    assert shell.run("fleet", "init", "--schema", schema).code == 0


def test_a_server_that_is_not_there_is_an_error_without_the_password(shell: Shell) -> None:
    ended = shell.run("fleet", "init", "--dsn", "postgresql://me:marker@127.0.0.1:1/db")
    assert (ended.code, ended.out) == (2, "")
    assert "PostgreSQL at me@127.0.0.1:1/db cannot be reached" in ended.err
    assert "marker" not in ended.err


def test_a_journal_is_exported_as_a_file(
    shell: Shell, server: EmbeddedPostgres, schema: str, shared: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLUENCE_FLEET_DSN", server.dsn)
    ids = team(shell.sandbox)
    with client(shell.sandbox) as groups:
        plan = removals(groups, ids[:10])
        report = apply(groups, plan, journal=shared.journal(plan))
    plan.save("plan.json")
    ended = shell.run("journal", "export", "plan.json", "--schema", schema)
    assert (ended.code, ended.err) == (0, "")
    lines = Path("plan.journal").read_bytes().count(b"\n")
    assert ended.out == f"plan.journal: {lines} lines, ends with {report.journal_hash}\n"
    assert Path("plan.journal").read_bytes() == shared.journal(plan).read()
    assert read_journal("plan.journal", expect_hash=report.journal_hash).in_doubt == {}
    assert shell.run("journal", "verify", "plan.journal", "--expect-hash", report.journal_hash).code == 0

    again = shell.run("journal", "export", plan.digest, "--schema", schema, "--out", "plan.journal")
    assert (again.code, "--force to replace it" in again.err) == (2, True)
    same = shell.run("journal", "export", "plan.json", "--schema", schema, "--out", "plan.json", "--force")
    assert (same.code, "is read by this command" in same.err) == (2, True)
    assert shell.run("journal", "export", plan.digest, "--schema", schema).code == 0
    assert Path(f"{plan.digest[:12]}.journal").read_bytes() == Path("plan.journal").read_bytes()


@pytest.mark.usefixtures("shared")
def test_a_plan_that_was_not_applied_has_no_journal(shell: Shell, server: EmbeddedPostgres, schema: str) -> None:
    ended = shell.run("journal", "export", "0" * 64, "--dsn", server.dsn, "--schema", schema)
    assert (ended.code, "this is an empty journal" in ended.err) == (2, True)
    assert not list(Path().glob("*.journal"))
