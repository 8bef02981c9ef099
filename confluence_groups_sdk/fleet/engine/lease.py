"""The right of this worker to send: its heartbeats renew it, and it ends before another worker may take over."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from ..._support.clock import machine_monotonic
from ..._support.log import logger
from ...client import ConfluenceGroups
from ..jobs.work import OpenClient

if TYPE_CHECKING:
    from ..._support.libraries.http import httpx

LEASE_S = 4.0  # after the last heartbeat; shorter than the time after which another worker takes over
MAX_WAIT_S = 120.0  # of a call for a heartbeat, while the database cannot be reached
HOOKS = threading.Lock()  # for the event hooks of httpx clients: a program may use one client for several sites


class WorkerStoppedError(BaseException):
    """This worker must not go on with a run. No Exception, so that DBOS keeps the workflow for another worker."""


class Lease:
    """Tells the runs of a worker whether they may go on; threads share it.

    Attributes:
        stopping: is set when the worker is asked to stop.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._renewed = threading.Condition()
        self._valid_until = 0.0
        self._steady_since = math.inf
        self._generation = 0

    @classmethod
    def permanent(cls) -> Self:
        """Return a lease that is valid for ever: for a program that has no heartbeat."""
        lease = cls()
        lease._valid_until = math.inf
        return lease

    def renew(self, asked_at: float) -> None:
        """Extend the lease after a heartbeat that was sent at a time of this machine's clock."""
        with self._renewed:
            if machine_monotonic() >= self._valid_until:
                self._steady_since = machine_monotonic()
            self._valid_until = asked_at + LEASE_S
            self._renewed.notify_all()

    def has_lasted(self, seconds: float) -> bool:
        """Whether the lease has been valid for so long without a gap.

        After a failure of the database, no worker has a recent heartbeat, and all of them need time for the next one.
        """
        now = machine_monotonic()
        return now < self._valid_until and now - self._steady_since >= seconds

    def lose(self) -> None:
        """End all runs that have begun, because another worker has taken over."""
        with self._renewed:
            self._generation += 1
            self._renewed.notify_all()

    def stop(self) -> None:
        """End all runs in order."""
        self.stopping.set()
        with self._renewed:
            self._renewed.notify_all()

    @contextmanager
    def run(self) -> Iterator[Run]:
        """Begin a run as soon as the lease is valid.

        Raises:
            WorkerStoppedError: the worker stops.
        """
        with self._renewed:
            self._wait_until_valid(self._generation, math.inf, ends_with_stop=True)
            run = Run(self, self._generation)
        try:
            yield run
        finally:
            run.end()

    def wait(self, generation: int) -> bool:
        """Wait until the lease is valid; return whether a run may go on."""
        if self._generation == generation and machine_monotonic() < self._valid_until:
            return True
        with self._renewed:
            try:
                self._wait_until_valid(generation, MAX_WAIT_S, ends_with_stop=False)
            except WorkerStoppedError:
                return False
            return self._generation == generation

    def is_lost(self, generation: int) -> bool:
        """Whether another worker has taken over since a run began."""
        return self._generation != generation

    def _wait_until_valid(self, generation: int, timeout_s: float, *, ends_with_stop: bool) -> None:
        deadline = machine_monotonic() + timeout_s
        while (now := machine_monotonic()) >= self._valid_until and self._generation == generation:
            if now >= deadline or (ends_with_stop and self.stopping.is_set()):
                raise WorkerStoppedError
            self._renewed.wait(min(1.0, deadline - now))
        if ends_with_stop and self.stopping.is_set():
            raise WorkerStoppedError


class Run:
    """One run of a step, under the lease.

    Args:
        lease: the worker's lease.
        generation: of the lease when the run began.
    """

    def __init__(self, lease: Lease, generation: int) -> None:
        self._lease = lease
        self._generation = generation
        self._hooked: list[httpx.Client] = []
        self.is_reading = False  # a run that only reads is ended between two requests

    def check(self, *_: object) -> None:
        """Check between two changes whether the run may go on.

        Raises:
            WorkerStoppedError: it must end.
        """
        if self._lease.stopping.is_set() or self._lease.is_lost(self._generation):
            raise WorkerStoppedError

    def check_not_lost(self) -> None:
        """Check at the end whether the run was this worker's until then.

        Raises:
            WorkerStoppedError: another worker has taken over.
        """
        if self._lease.is_lost(self._generation):
            raise WorkerStoppedError

    def wait(self, seconds: float) -> None:
        """Let some time pass.

        Raises:
            WorkerStoppedError: the worker stops.
        """
        if self._lease.stopping.wait(seconds):
            raise WorkerStoppedError

    def fence(self, open_client: OpenClient) -> OpenClient:
        """Return a function that opens clients which send only while the lease is valid."""

        def open_fenced(site: str) -> ConfluenceGroups:
            client = open_client(site)
            http = client._session.http.client
            with HOOKS:
                hooks = http.event_hooks
                http.event_hooks = {**hooks, "request": [*hooks["request"], self._check_request]}
            self._hooked.append(http)
            return client

        return open_fenced

    def end(self) -> None:
        """Remove the fences; the clients of a program outlive the run."""
        for http in self._hooked:
            with HOOKS:
                hooks = http.event_hooks
                others = [each for each in hooks["request"] if each != self._check_request]
                http.event_hooks = {**hooks, "request": others}

    def _check_request(self, request: httpx.Request) -> None:
        """Let a request pass only while nobody can have taken over; an event hook of httpx, called for each attempt."""
        from ..._support.libraries.http import httpx

        if self.is_reading:
            self.check()
        if not self._lease.wait(self._generation):
            logger.warning("this worker was too slow, and another one has taken over: the call is not sent")
            raise httpx.ConnectError("another worker has taken over", request=request)
