"""A worker: the process that does the jobs of sites, with a heartbeat, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from ..._support.clock import machine_monotonic
from ..._support.log import logger
from ..._support.public import public
from ..._support.validation import is_whole_number
from ...auth.credentials import BearerToken
from ...client import ConfluenceGroups
from ...errors import ConfigurationError
from .dbos_app import QUEUE, DbosApp
from .intake import enqueue_jobs
from .lease import Lease
from .takeover import take_over
from .worker_table import BEAT_INTERVAL_S, DEAD_AFTER_S, WorkerTable, new_worker_id, session_name
from .workflows import Workflows, register_workflows

if TYPE_CHECKING:
    from ..postgres import Postgres

AT_ONCE = 4
ROUND_INTERVAL_S = 0.5
SIGNAL_INTERVAL_S = 0.2
STOP_TIMEOUT_S = 60


class SiteOpener(Protocol):
    """A site of a fleet, such as those of `FleetFile.sites`."""

    def open_client(self, shared: Postgres) -> ConfluenceGroups:
        """Open a client for the site, with credentials of this process."""


@public
class Worker:
    """Does the jobs of `JobStore`, on DBOS (extra ``dbos``); run one in each process, on any number of hosts.

    Of a site, one job at a time is done in the whole fleet. Give all workers the same sites. If a worker dies, another
    one goes on with its jobs within 10 seconds. Jobs go on while a person decides, because nothing waits in a worker.

    Args:
        shared: the database.
        sites: the sites by name.
        at_once: the number of jobs that each worker does at the same time. Give all workers the same number: DBOS has
            one for all of them, which is that of the worker that started last.

    Attributes:
        id: the worker's name: its host, its process id and a few random digits.

    Raises:
        ConfigurationError: dbos is not installed.
        ValueError: ``at_once`` is out of range.
    """

    def __init__(self, shared: Postgres, sites: Mapping[str, SiteOpener], *, at_once: int = AT_ONCE) -> None:
        if not is_whole_number(at_once, minimum=1):
            raise ValueError("at_once must be a whole number, 1 or more")
        self.id = new_worker_id()
        self._shared = shared
        self._sites = dict(sites)
        self._at_once = at_once
        self._lease = Lease()
        self._ended = threading.Event()
        self._signalled = False
        self._connections = shared._connections
        self._app = DbosApp(self._connections, self.id)
        self._table = WorkerTable(self._connections, self.id, at_once)

    def run(self) -> None:
        """Do jobs until SIGTERM, SIGINT or `stop`; then end the runs in order, so that other workers go on with them.

        In another thread than the main one, no signals are handled. A second signal has its usual effect.

        Raises:
            ConfigurationError: the database cannot be reached at the start, or its tables are missing.
        """
        self._shared._check_tables()
        self._connections.name_sessions(session_name(self.id))
        with self._handled_signals():
            workflows = register_workflows(self._shared, self._open_client, lease=self._lease)
            self._beat()
            beats = self._start_thread("heartbeat", BEAT_INTERVAL_S, self._beat)
            try:
                _load_modules()
                self._app.launch([QUEUE])
                self._app.register_queue(self._at_once)
                if self._table.share_number():
                    logger.warning("worker %s: all workers now do %d jobs at once", self.id, self._at_once)
                rounds = self._start_thread("rounds", ROUND_INTERVAL_S, lambda: self._do_round(workflows))
                logger.info("worker %s: started", self.id)
                while not self._lease.stopping.wait(SIGNAL_INTERVAL_S):
                    if self._signalled:  # the handler itself may use no lock that this thread could hold
                        self._lease.stop()
                rounds.join()
            finally:
                self._lease.stop()
                self._app.close(STOP_TIMEOUT_S)
                self._ended.set()
                beats.join()
                with suppress(ConfigurationError):
                    self._table.end()
        logger.info("worker %s: ended", self.id)

    def stop(self) -> None:
        """Let `run` end, from any thread."""
        self._lease.stop()

    def _open_client(self, site: str) -> ConfluenceGroups:
        found = self._sites.get(site)
        if found is None:
            known = ", ".join(sorted(self._sites)) or "none"
            raise ConfigurationError(f"worker {self.id} does not know the site {site}; it knows: {known}")
        return found.open_client(self._shared)

    def _beat(self) -> None:
        asked_at = machine_monotonic()
        if self._table.beat():
            logger.warning("worker %s: another one took over its jobs, because it was slow", self.id)
            self._lease.lose()
        self._lease.renew(asked_at)

    def _do_round(self, workflows: Workflows) -> None:
        take_over(self._connections, self.id, by_heartbeat=self._lease.has_lasted(DEAD_AFTER_S))
        enqueue_jobs(self._shared, workflows)

    def _start_thread(self, name: str, interval_s: float, function: Callable[[], object]) -> threading.Thread:
        """Call a function again and again until the worker ends; errors are logged when they change."""
        ends = self._ended if name == "heartbeat" else self._lease.stopping

        def repeat() -> None:
            problem = ""
            while not ends.wait(interval_s):
                try:
                    function()
                    problem = ""
                except Exception as error:
                    if str(error) != problem:
                        problem = str(error)
                        logger.warning("worker %s: %s", self.id, problem)

        thread = threading.Thread(target=repeat, name=f"confluence-groups-{name}", daemon=True)
        thread.start()
        return thread

    @contextmanager
    def _handled_signals(self) -> Iterator[None]:
        """Let the first SIGTERM or SIGINT stop the worker in order."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGTERM, signal.SIGINT)
        earlier = {each: signal.getsignal(each) for each in signals}

        def restore() -> None:
            for each in signals:
                if signal.getsignal(each) == handle:
                    signal.signal(each, earlier[each])

        def handle(_number: int, _frame: FrameType | None) -> None:
            restore()
            self._signalled = True

        for each in signals:
            signal.signal(each, handle)
        try:
            yield
        finally:
            restore()


def _load_modules() -> None:
    """Load what the first call of a client loads, and read the authorities: jobs that begin together would all wait."""
    with ConfluenceGroups("https://example.com", auth=BearerToken("unused")) as groups:
        groups.prepare("remove_member", group_id="unused", account_id="unused")
