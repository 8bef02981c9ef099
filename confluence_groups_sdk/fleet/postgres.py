"""What the processes and hosts of a fleet share, in one PostgreSQL database."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakValueDictionary

from .._support.base_url import site_base, site_id
from .._support.clock import machine_monotonic
from .._support.lazy_import import LazyModule
from .._support.public import public
from ..auth.token_store import TokenStore
from ..errors import ConfigurationError
from ..membership import JournalStorage, Plan
from .connections import Connections, UnreachableError, parse_address

if TYPE_CHECKING:
    from types import TracebackType

    from psycopg import Connection

    from .._core.limits.rate_limiter import RateLimiter
    from . import journal_storage, overview, token_store
    from .jobs import store as job_store
    from .jobs.store import JobStore
    from .overview_model import SiteStatus, WorkerStatus
    from .rate_limiting import dedicated_connection, shared_rate_limiter
    from .rate_limiting.shared_rate_limiter import SharedRateLimiter, WhenDown
    from .schema import versions
    from .token_store import Seal
else:
    dedicated_connection = LazyModule(__package__, "rate_limiting.dedicated_connection")
    job_store = LazyModule(__package__, "jobs.store")
    journal_storage = LazyModule(__package__, "journal_storage")
    overview = LazyModule(__package__, "overview")
    shared_rate_limiter = LazyModule(__package__, "rate_limiting.shared_rate_limiter")
    token_store = LazyModule(__package__, "token_store")
    versions = LazyModule(__package__, "schema.versions")

DIGEST = re.compile("[0-9a-f]{64}")
CLOSE_TIMEOUT_S = 1.0


@public
class Postgres:
    """Rates, tokens and journals that processes and hosts share in one PostgreSQL database (extra ``postgres``).

    Nothing is sent before the first use. Connections are opened as they are needed, with short timeouts. Every error is
    a ConfigurationError that names the server without its password. Threads can share this object; each process makes
    its own. A journal and a token lock need a direct connection, or a connection pooler in session mode.

    Args:
        dsn: the address of the database, such as ``postgresql://user@host:5432/database?sslmode=verify-full``. What it
            does not say, libpq takes from the environment (``PGPASSWORD``) or from ``~/.pgpass``.
        schema: the schema of the tables; `init` creates it.

    Raises:
        ConfigurationError: psycopg is not installed, or the address or the schema is malformed.
    """

    def __init__(self, dsn: str, *, schema: str = "confluence_groups") -> None:
        parsed = parse_address(dsn, schema)
        del dsn
        if isinstance(parsed, ConfigurationError):
            del self  # error reporters show the variables of this frame
            raise parsed
        self._connections = Connections(parsed, schema)
        del parsed
        self._lock = threading.Lock()
        self._is_checked = False
        self._limiters_lock = threading.RLock()  # reentrant: a signal handler may make a client
        self._limiters: WeakValueDictionary[tuple[str, WhenDown, int], SharedRateLimiter] = WeakValueDictionary()

    def init(self, *, grant_to: str | None = None) -> int:
        """Create the schema and its tables, or add what an older version of this package did not create.

        Args:
            grant_to: a role of the server that gets the rights to work with the tables, but not to change or remove
                them. Processes that connect as this role need no other right.

        Returns:
            The number of steps that were carried out; 0 if the tables were up to date.

        Raises:
            ConfigurationError: the server cannot be reached or refuses, or the tables are too new for this package.
        """
        return versions.migrate(self._connections, grant_to)

    def rate_limiter(self, site: str, *, when_down: WhenDown = "share", max_in_flight: int = 16) -> RateLimiter:
        """Return a rate limiter whose pace, found rate and holds are those of all processes and hosts that name a site.

        The database paces all of them by its own clock. Turns are asked for in the background, so an event loop is
        never blocked. The same arguments return the same rate limiter, with its one connection, as long as the
        program keeps it.

        Args:
            site: the site's address as `ConfluenceGroups` takes it, or another name, such as a cloud id.
            when_down: what calls do while the database cannot be reached. ``"share"`` continues within a second with
                this process's share of the last rate; ``"raise"`` raises a ConfigurationError.
            max_in_flight: the maximum number of calls at once in this process.

        Raises:
            ConfigurationError: an argument is unusable.
        """
        name = _name_of(site)
        made = shared_rate_limiter.SharedRateLimiter(
            self._open_rate_database(), name, when_down=when_down, max_in_flight=max_in_flight
        )
        with self._limiters_lock:
            return self._limiters.setdefault((name, when_down, max_in_flight), made)

    def token_store(self, name: str, *, seal: Seal | None = None) -> TokenStore:
        """Return a store for the tokens of `OAuth2`, which every process that names it shares.

        Args:
            name: the name of the tokens.
            seal: two functions that take and return bytes: the first encrypts what is stored, the second decrypts it.

        Raises:
            ValueError: the name is empty, or PostgreSQL cannot store it.
        """
        if not name:
            raise ValueError("name must not be empty")
        if not _is_storable(name):
            raise ValueError("name must be text without NUL characters and surrogates")
        return token_store.PostgresTokenStore(self._connections, self._check_tables, name, seal)

    def journal(self, plan: Plan | str) -> JournalStorage:
        """Return the journal of a plan for `apply`, `undo`, `read_journal` and `read_report`.

        One run at a time can use it, on any host. When that run's process has died, another one can go on.

        Args:
            plan: the plan, or its digest.

        Raises:
            ValueError: this is not a digest.
        """
        digest = plan if isinstance(plan, str) else plan.digest
        if not DIGEST.fullmatch(digest):
            raise ValueError("plan must be a plan or its digest, 64 hexadecimal digits")
        return journal_storage.PostgresJournal(self._connections, self._check_tables, digest)

    @property
    def jobs(self) -> JobStore:
        """The jobs of all sites: what was asked for, plans, approvals and outcomes."""
        return job_store.JobStore(self._connections, self._check_tables, self.journal)

    def sites(self) -> list[SiteStatus]:
        """Return what is known about each site: its rate, holds, jobs, and the processes that call it.

        Raises:
            ConfigurationError: the server cannot be reached or refuses, or the tables are missing.
        """
        self._check_tables()
        return overview.read_sites(self._connections)

    def workers(self) -> list[WorkerStatus]:
        """Return the workers that are alive.

        Raises:
            ConfigurationError: the server cannot be reached or refuses, or the tables are missing.
        """
        self._check_tables()
        return overview.read_workers(self._connections)

    def close(self) -> None:
        """Close the connections that no journal or lock is using, and end the rate limiters.

        What is used afterwards raises a ConfigurationError. So do calls that wait for a turn of a rate limiter; those
        that were sent already end as usual. This waits at most a second for a server that does not answer.
        """
        self._connections.close()
        limiters = [limiter for made in self._limiters.valuerefs() if (limiter := made()) is not None]
        for limiter in limiters:
            limiter.close(self._connections.closed_error())
        deadline = machine_monotonic() + CLOSE_TIMEOUT_S
        for limiter in limiters:
            limiter.join(max(0.0, deadline - machine_monotonic()))

    def _check_tables(self) -> None:
        """Check once that the tables are there and can be used."""
        if not self._is_checked:
            with self._lock:
                versions.check_version(self._connections)
                self._is_checked = True

    def _open_rate_database(self) -> dedicated_connection.DedicatedConnection:
        """Return the database for one rate limiter; its connection is opened by the first call."""
        connections = self._connections

        def connect() -> Connection[Any]:
            connection = connections.connect()
            try:
                connections.translate(lambda: versions.check_connection(connections, connection))
            except BaseException:
                connection.close()
                raise
            return connection

        return dedicated_connection.DedicatedConnection(
            connect,
            server=str(connections),
            schema=connections.schema,
            heard=connections.heard,
            unreachable=(UnreachableError,),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"schema {self._connections.schema} of {self._connections}"

    def __repr__(self) -> str:
        return f"<Postgres: {self}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Postgres is never pickled or copied: make one in each process")


def _name_of(site: str) -> str:
    """Return the name under which the rate of a site is kept: the host of an address.

    Raises:
        ConfigurationError: the name is empty, or the address is malformed.
    """
    if not _is_storable(site) or not site:
        raise ConfigurationError("rate_limiter(site): give the site's address or another name for it", option="site")
    return site_id(site_base(site)) if "://" in site else site


def _is_storable(name: object) -> bool:
    """Check whether PostgreSQL accepts a name as text."""
    return isinstance(name, str) and "\0" not in name and not any("\ud800" <= each <= "\udfff" for each in name)
