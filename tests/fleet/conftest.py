from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from databases.embedded import EmbeddedPostgres, running_postgres

from confluence_groups_sdk.fleet import Postgres

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server for all tests of this process."""
    with running_postgres() as running:
        yield running


@pytest.fixture
def schema() -> str:
    """The name of a schema that no other test uses."""
    return f"fleet_{next(NUMBERS)}"


@pytest.fixture
def shared(server: EmbeddedPostgres, schema: str) -> Iterator[Postgres]:
    """A Postgres with tables of its own."""
    with Postgres(server.dsn, schema=schema) as postgres:
        postgres.init()
        yield postgres
