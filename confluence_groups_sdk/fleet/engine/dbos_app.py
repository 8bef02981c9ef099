"""DBOS in this process: its tables are in a schema of their own, its log lines are the package's, and it is quiet."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from ..._support.libraries.extras import missing_extra
from ..._support.log import logger
from ...errors import ConfigurationError
from ..connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable

    import dbos
    import sqlalchemy
    from psycopg import Connection

T = TypeVar("T")
NAME = "confluence-groups"
VERSION = "1"  # of the workflows' steps; workers take only workflows of their own version
QUEUE = "confluence-groups-sites"
POLL_INTERVAL_S = 0.5
POOL_SIZE = 8
MAX_SCHEMA = 63  # characters
RIGHTS = (
    "USAGE ON SCHEMA {schema}",
    "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
    "USAGE ON ALL SEQUENCES IN SCHEMA {schema}",
    "EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema}",
)


def import_dbos() -> Any:
    """Return the module dbos.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import dbos
    except ModuleNotFoundError:
        raise missing_extra("dbos", "fleet workers need dbos") from None
    module: ModuleType = dbos
    return module


def dbos_schema(connections: Connections) -> str:
    """Return the name of the schema of DBOS's tables.

    Raises:
        ConfigurationError: it would be too long.
    """
    name = f"{connections.schema}_dbos"
    if len(name) > MAX_SCHEMA:
        raise ConfigurationError(
            f"schema: use at most {MAX_SCHEMA - len('_dbos')} characters, because DBOS's is {name}"
        )
    return name


def create_dbos_tables(connections: Connections, grant_to: str | None = None) -> None:
    """Create DBOS's tables, or bring them up to date; nothing is done by workflows meanwhile.

    Args:
        connections: the connections to the server.
        grant_to: a role that gets the rights to work with the tables, and no more.

    Raises:
        ConfigurationError: dbos is not installed, or the server cannot be reached or refuses.
    """
    app = DbosApp(connections, "init")
    try:
        app.launch(queues=[])
    finally:
        app.close(0)
    if grant_to is not None:
        _grant(connections, grant_to)


def _grant(connections: Connections, role: str) -> None:
    from psycopg.sql import SQL, Identifier

    names = {"schema": Identifier(dbos_schema(connections)), "role": Identifier(role)}

    def run(connection: Connection[Any]) -> None:
        with connection.transaction():
            for right in RIGHTS:
                connection.execute(SQL("GRANT {right} TO {role}").format(right=SQL(right).format(**names), **names))

    connections.run(run)


class DbosApp:
    """DBOS as this process runs it; a process can run it once at a time.

    Args:
        connections: the connections to the server.
        executor: the name of this process.

    Raises:
        ConfigurationError: dbos is not installed, or the name of its schema would be too long.
    """

    def __init__(self, connections: Connections, executor: str) -> None:
        self._dbos = import_dbos()
        self._connections = connections
        self._executor = executor
        self._engine = _build_engine(connections)
        self._config: dbos.DBOSConfig = {
            "name": NAME,
            "system_database_engine": self._engine,
            "dbos_system_schema": dbos_schema(connections),
            "executor_id": executor,
            "application_version": VERSION,
            "serializer": self._dbos.DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "log_level": "WARNING",
            "use_listen_notify": False,  # nothing waits for messages, so no connection is needed for that
            "notification_listener_polling_interval_sec": 0.5,  # its thread ends after that
            "scheduler_polling_interval_sec": 60.0,
        }
        self._is_ours = False

    def launch(self, queues: list[str]) -> None:
        """Start DBOS, which creates its tables if they are missing, and take workflows from these queues.

        Raises:
            ConfigurationError: the server cannot be reached or refuses, or this process runs DBOS already.
        """
        take_log_lines(self._connections)
        app = self._dbos.DBOS(config=self._config)
        if app._config["system_database_engine"] is not self._engine:
            raise ConfigurationError(
                "this process has a DBOS app: use register_workflows in it, or run the worker in a process of its own"
            )
        self._is_ours = True
        self._dbos.DBOS.listen_queues(queues)
        self._translate(self._dbos.DBOS.launch)

    def register_queue(self, at_once: int) -> None:
        """Register the queue of sites: one job of a site at a time, and a number of jobs in each worker."""
        self._translate(
            lambda: self._dbos.DBOS.register_queue(
                QUEUE,
                worker_concurrency=at_once,
                partition_concurrency=1,
                polling_interval_sec=POLL_INTERVAL_S,
                on_conflict="always_update",
            )
        )

    def close(self, timeout_s: int) -> None:
        """Take no more workflows, wait until those that have begun end, and stop DBOS."""
        if self._is_ours:
            self._dbos.DBOS.destroy(workflow_completion_timeout_sec=timeout_s)
        self._engine.dispose()

    def _translate(self, function: Callable[[], T]) -> T:
        """Call a function of DBOS, and raise the errors of the database as this package does.

        Raises:
            ConfigurationError: the server cannot be reached, or refuses.
        """
        import psycopg
        from sqlalchemy.exc import DBAPIError

        def call() -> T:
            try:
                return function()
            except DBAPIError as error:
                if isinstance(error.orig, psycopg.Error):
                    raise error.orig from None
                raise

        return self._connections.translate(call)


def _build_engine(connections: Connections) -> sqlalchemy.Engine:
    """Return SQLAlchemy's engine over our connections: DBOS sees neither an address nor a password."""
    from sqlalchemy import create_engine

    return create_engine(
        "postgresql+psycopg://",
        creator=connections.open_for_transactions,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_pre_ping=True,
        hide_parameters=True,
    )


class _LogLines(logging.Handler):
    """Passes warnings and errors of DBOS to the package's logger, without passwords.

    Args:
        connections: knows the password.
    """

    def __init__(self, connections: Connections) -> None:
        super().__init__(logging.WARNING)
        self._connections = connections

    def emit(self, record: logging.LogRecord) -> None:
        """Log one line; DBOS's tracebacks are for debugging."""
        logger.log(record.levelno, "DBOS: %s", self._connections.redact(record.getMessage()))


def take_log_lines(connections: Connections) -> None:
    """Send DBOS's log lines to the package's logger, unless the program has configured DBOS's logger itself."""
    dbos_logger = logging.getLogger("dbos")
    for handler in [each for each in dbos_logger.handlers if isinstance(each, _LogLines)]:
        dbos_logger.removeHandler(handler)
    if not dbos_logger.handlers:
        dbos_logger.addHandler(_LogLines(connections))
        dbos_logger.propagate = False
