"""A call's turn, and the request for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..._core.limits.rate_limiter import PendingReservation, Reservation
from ..._support.clock import Clock, Waker

if TYPE_CHECKING:
    from .schedule import Schedule

CHECK_S = 0.25  # how often the first call that waits checks whether the database answers


class Turn(Reservation):
    """A call's place in the shared schedule.

    Args:
        due: the moment at which the call may be sent, by the call's clock.
        interval_s: seconds by which it moves the calls after it.
        epoch: the schedule it belongs to; a pause begins a new one.
        confirmed: whether no pause can have begun since it was granted.
    """

    __slots__ = ("confirmed", "due")

    def __init__(self, due: float, interval_s: float, epoch: int, *, confirmed: bool) -> None:
        super().__init__(0.0, interval_s, epoch)
        self.due = due
        self.confirmed = confirmed


class TurnRequest(PendingReservation):
    """A request for a turn, or for the confirmation of one.

    Args:
        schedule: grants it.
        clock: the call's clock.
        turn: the turn to confirm; None for a new one.

    Attributes:
        turn: the turn, when it is granted or confirmed.
        is_settled: whether the call need not wait: the turn is granted, or something has happened that it must see.
        is_withdrawn: whether the call has ended, or goes on without the turn.
        error: what the call has to raise.
    """

    __slots__ = ("_schedule", "_wake", "clock", "confirms", "error", "is_settled", "is_withdrawn", "turn")

    def __init__(self, schedule: Schedule, clock: Clock, turn: Turn | None = None) -> None:
        super().__init__(1.0, 0.0, 0)  # the call has to wait
        self._schedule = schedule
        self._wake: Callable[[], object] | None = None
        self.clock = clock
        self.confirms = turn
        self.turn: Turn | None = None
        self.error: Exception | None = None
        self.is_settled = False
        self.is_withdrawn = False

    def settle(self) -> None:
        """Wake the call; the caller holds the schedule's lock."""
        self.is_settled = True
        if self._wake is not None:
            try:
                self._wake()
            except RuntimeError:  # that task's event loop is closed
                self.is_withdrawn = True

    def acquire(self, waker: Waker | None = None) -> bool:
        waker = waker or Waker()
        self._listen(waker.wake)
        wait_s = CHECK_S
        while not self.is_settled and not waker.wait(wait_s):
            wait_s = self._schedule.check(self)
        return self.is_settled

    async def acquire_async(self) -> None:
        import asyncio  # synchronous programs never load it

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def check() -> None:
            if not future.done():
                loop.call_later(self._schedule.check(self), check)

        self._listen(lambda: loop.call_soon_threadsafe(settle))
        if not self.is_settled:
            loop.call_later(CHECK_S, check)
            await future

    def _listen(self, wake: Callable[[], object]) -> None:
        with self._schedule.lock:
            self._wake = wake
