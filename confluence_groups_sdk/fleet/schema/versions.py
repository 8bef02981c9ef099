"""The version of the tables: creating them, bringing them up to date, and refusing those of a newer package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._version import __version__
from ...errors import ConfigurationError
from ..connections import Connections
from .migrations import MIGRATIONS

if TYPE_CHECKING:
    from psycopg import Connection

CREATE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.schema_version (
    version integer PRIMARY KEY,
    needs integer NOT NULL,
    package text NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now()
);
"""
# to_regclass could answer what the session remembers from before it waited for the lock.
FIND = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'schema_version')"
READ = "SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM {schema}.schema_version"
RECORD = "INSERT INTO {schema}.schema_version (version, needs, package) VALUES (%s, %s, %s)"


def migrate(connections: Connections, grant_to: str | None = None) -> int:
    """Create the schema and its tables, or add what they lack; all or nothing.

    Args:
        connections: the connections to the server.
        grant_to: a role that shall have the rights to work with the tables, and no more.

    Returns:
        The number of steps that were carried out.

    Raises:
        ConfigurationError: the tables are too new, or the server refuses.
    """

    def run(connection: Connection[Any]) -> int:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [connections.lock_key("schema")])
            version, needs = _read(connection, connections)
            _check_needs(connections, needs)
            if not version:
                connection.execute(connections.sql(CREATE))
            for number, step in enumerate(MIGRATIONS[version:], version + 1):
                connection.execute(connections.sql(step.sql))
                connection.execute(connections.sql(RECORD), [number, step.needs, __version__])
            if grant_to is not None:
                _grant(connection, connections, grant_to)
            return max(len(MIGRATIONS) - version, 0)

    return connections.run(run)


def check_version(connections: Connections) -> None:
    """Check that the tables are there and that this version of the package can use them.

    Raises:
        ConfigurationError: they are missing, too old or too new.
    """
    connections.run(lambda connection: check_connection(connections, connection))


def check_connection(connections: Connections, connection: Connection[Any]) -> None:
    """Check the tables with a given connection.

    Raises:
        ConfigurationError: as for `check_version`.
        psycopg.Error: the server refuses, or the connection is lost.
    """
    from psycopg.errors import InsufficientPrivilege

    try:
        version, needs = _read(connection, connections)
    except InsufficientPrivilege as error:
        reason = error.diag.message_primary
        remedy = "the rights are granted by confluence-groups fleet init --grant-to ROLE"
        raise ConfigurationError(f"{connections}: {reason}: {remedy}") from None
    _check_needs(connections, needs)
    if version < len(MIGRATIONS):
        has = f"version {version} of the tables, and this package needs {len(MIGRATIONS)}" if version else "no tables"
        raise ConfigurationError(
            f"{connections}: the schema {connections.schema} has {has}: run confluence-groups fleet init"
        )


def _grant(connection: Connection[Any], connections: Connections, role: str) -> None:
    from psycopg.errors import UndefinedObject
    from psycopg.sql import SQL, Identifier

    needed = [right for step in MIGRATIONS for right in step.rights]
    for right in ("USAGE ON SCHEMA {schema}", *needed):
        statement = SQL("GRANT ") + SQL(right.replace("{schema}", connections.schema)) + SQL(" TO ") + Identifier(role)
        try:
            connection.execute(statement)
        except UndefinedObject as error:
            raise ConfigurationError(f"{connections}: {error.diag.message_primary}: create it first") from None


def _read(connection: Connection[Any], connections: Connections) -> tuple[int, int]:
    """Return the version of the tables, 0 if there are none, and the version that a package must know."""
    (found,) = connection.execute(FIND, [connections.schema]).fetchone() or (False,)
    row = connection.execute(connections.sql(READ)).fetchone() if found else None
    return row or (0, 0)


def _check_needs(connections: Connections, needs: int) -> None:
    if needs > len(MIGRATIONS):
        raise ConfigurationError(
            f"{connections}: a newer version of this package made the tables in the schema {connections.schema}: "
            "update this package"
        )
