"""The shared schedule as one process sees it: a thread asks the database for turns, for all calls of the process.

No call waits for the database itself, so a server that does not answer holds up nothing but this thread.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections import deque
from typing import Any

from ..._support.clock import Clock, machine_monotonic
from .database import Database, DatabaseDownError
from .events import ScheduleEvents
from .listener import Listener
from .patience import PATIENCE_S, Patience
from .trips import Answer, Trip, turns_in_one_trip
from .turns import CHECK_S, Turn, TurnRequest

FUNCTION = "take_turns"
RETRY_S = 1.0  # between attempts to reach it
HEARTBEAT_S = 1.0
IDLE_S = 2.0  # a process without calls leaves after this time
FRESH_S = 0.05  # what the database said counts as true for this long,
FRESH_ALONE_S = 1.0  # and for this long if no other process calls the site
AHEAD_S = 0.1  # turns are asked for so long before they are due: a killed process wastes no more than these
THREAD = "confluence-groups-rate-limiter"


class Schedule:
    """Gets turns from the database.

    Args:
        database: where the schedule is kept.
        site: the site's name there.
        listener: what to tell of holds and outages.
        connect_s: seconds that the first answer may take.

    Attributes:
        lock: guards everything here and the requests.
        changed: wakes the thread.
        is_down, problem: whether the database is down, and what shows it.
        thread: sends the questions; None if there is nothing to ask.
        rate: the rate of all members at the newest answer; None for none.
        members: the number of processes.
    """

    def __init__(self, database: Database, site: str, listener: Listener, connect_s: float) -> None:
        self.lock = threading.RLock()  # reentrant: a signal handler may ask for a turn
        self.changed = threading.Condition(self.lock)
        self._database, self._site, self._listener = database, site, listener
        self._member = uuid.uuid4().hex
        self._patience = Patience(database, connect_s)
        self.is_down, self.problem = False, ""
        self.rate: float | None = None
        self.members, self._epoch, self._interval_s = 1, -1, 0.0
        self._is_asking = False  # as far as the database knows
        self._waiting: deque[TurnRequest] = deque()
        self._confirming: list[TurnRequest] = []
        self._events = ScheduleEvents()
        self._is_new = True  # the database has to be told what this process knows
        self._ask_at = -math.inf  # a process that is ahead of others lets them catch up
        self._granted_until = self._answered = self._seen = self._used = self._retry_at = -math.inf
        self._trip: Trip | None = None
        self.thread: threading.Thread | None = None
        self._threadless = math.inf  # the moment since which no thread can be started
        self._closed: Exception | None = None  # what calls have to raise from now on

    # --- for calls

    def request(self, clock: Clock, turn: Turn | None = None) -> TurnRequest:
        """Ask for a turn, or for the confirmation of one."""
        request = TurnRequest(self, clock, turn)
        with self.lock:
            if self._closed:
                request.error, request.is_settled = self._closed, True
            elif self.is_down:  # since a moment ago
                request.is_settled = request.is_withdrawn = True
            elif turn is None:
                self._waiting.append(request)
            else:
                self._confirming.append(request)
            self.wake(at_once=turn is not None or len(self._waiting) <= 1)
        return request

    def reopen(self, request: TurnRequest) -> bool:
        """Let a request that was woken without a turn wait again; return False if it was dropped by an outage."""
        with self.lock:
            if not request.is_withdrawn:
                request.is_settled = request.turn is not None or self.is_down or request.error is not None
            return not request.is_withdrawn

    def is_valid(self, turn: Turn) -> bool | None:
        """Check whether a turn may be used; None if the database has to confirm it."""
        with self.lock:
            if turn.epoch != self._epoch:
                self._events.unused(machine_monotonic())
                return False
            fresh_s = FRESH_S if self.members > 1 else FRESH_ALONE_S
            is_fresh = not self._events.urgent and machine_monotonic() - self._answered < fresh_s
            return True if turn.confirmed or is_fresh else None

    def withdraw(self, request: TurnRequest) -> None:
        """Drop the request of a call that has ended."""
        with self.lock:
            request.is_withdrawn = True
            for requests in (self._waiting, self._confirming):
                if request in requests:
                    requests.remove(request)
            if turn := request.turn or request.confirms:
                self.release(turn)

    def release(self, turn: Turn) -> None:
        """Return a turn that is not needed."""
        with self.lock:
            if turn.epoch == self._epoch and not self.is_down:
                self._events.released(machine_monotonic(), turn.epoch, turn.interval_s)
                self.wake()

    def record_accepted(self, hold_s: float | None) -> None:
        """Report a response that is not a 429; it may say that a quota is spent."""
        with self.lock:
            now = machine_monotonic()
            self._events.accepted(now, has_rate=self.rate is not None)
            if self.rate is None:  # the number of calls in flight is limited, and this one has ended
                self._ask_at = -math.inf
            if hold_s:
                self._events.held(now, hold_s)
            asks_soon = self._waiting and self._asking_time() <= self._events.due
            self.wake(at_once=not asks_soon)

    def record_rate_limited(self, pause_s: float, sent_ago_s: float | None) -> None:
        """Report a 429; `sent_ago_s` is None if a quota is its cause."""
        with self.lock:
            now = machine_monotonic()
            self._events.rate_limited(now, pause_s, None if sent_ago_s is None else now - sent_ago_s)
            self.wake()

    def check(self, request: TurnRequest) -> float:
        """Notice that the database does not answer; a waiting call does this again after the seconds returned."""
        with self.lock:
            if self._trip and self._patience.is_exhausted(self._trip.began, machine_monotonic()):
                self._leave(f"{self._database.server} does not answer")
            elif self.thread is None:
                self.wake()
                if machine_monotonic() - self._threadless > PATIENCE_S:
                    self._leave(f"{self._database.server} cannot be asked, because Python starts no more threads")
            others_check = bool(self._waiting) and self._waiting[0] is not request
        return 2 * CHECK_S if others_check else CHECK_S

    def wake(self, *, at_once: bool = True) -> None:
        """Let the thread look at what has changed, at once or when it would anyway; start it if it has ended."""
        with self.lock:
            self._used = machine_monotonic()
            if self.thread is not None:
                if at_once:
                    self.changed.notify()
            elif not self._closed:
                self.thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                try:
                    self.thread.start()
                    self._threadless = math.inf
                except RuntimeError:  # there are too many, or the program ends: calls that wait try again
                    self.thread, self._threadless = None, min(self._threadless, self._used)

    def close(self, error: Exception) -> None:
        """End for good: calls that wait or come later raise the error, and the thread tells the database the rest."""
        with self.lock:
            self._closed, self.is_down = error, False
            self._release_all(error)
            self.changed.notify()

    # --- the thread

    def _run(self) -> None:
        while (trip := self._next_trip()) is not None:
            try:
                self._settle(trip, self._make(trip))
            except DatabaseDownError as error:
                with self.lock:
                    self._leave(str(error))
                    self._trip, self._retry_at = None, machine_monotonic() + RETRY_S
            except Exception as error:  # the calls raise it
                with self.lock:
                    self._release_all(error)
                    self._end()
                return

    def _make(self, trip: Trip) -> Answer:
        """Ask the database, once more if it had closed the connection."""
        arguments = (self._site, self._member, *trip.arguments(machine_monotonic()))
        try:
            return Answer(*self._database.execute(FUNCTION, arguments))
        except DatabaseDownError:
            if self.is_down or self._answered == -math.inf:
                raise
        return Answer(*self._database.execute(FUNCTION, arguments))

    def _next_trip(self) -> Trip | None:
        """Wait for something to ask; return None if this process has no calls any more."""
        with self.lock:
            while True:
                now = machine_monotonic()
                if self._listener.is_busy:
                    self._used = now
                wait_s = self._seconds_to_next_trip(now)
                if wait_s <= 0:
                    self._trip = self._new_trip(now)
                    self._patience.begin()
                    return self._trip
                idle_s = IDLE_S - (now - self._used)
                if idle_s <= 0 or (self._closed and wait_s == math.inf):
                    self._end()
                    return None
                self.changed.wait(min(wait_s, idle_s))

    def _end(self) -> None:
        """Close the connection before another thread can begin."""
        self._database.close()
        self.thread, self._trip, self.is_down = None, None, False

    def _seconds_to_next_trip(self, now: float) -> float:
        if self._closed:
            return math.inf if self._events.due == math.inf else 0.0
        if self.is_down:
            return self._retry_at - now
        moments = [self._seen + HEARTBEAT_S if self._listener.is_busy else math.inf, self._events.due]
        if self._confirming:
            moments.append(now)
        if self._waiting:
            moments.append(self._asking_time())
        return min(moments) - now

    def _asking_time(self) -> float:
        """Return when to ask for more turns."""
        return max(self._granted_until - AHEAD_S if self._interval_s else -math.inf, self._ask_at)

    def _new_trip(self, now: float) -> Trip:
        if self.is_down:
            return Trip(now, is_new=True, is_alive=True, known=self._listener.known())
        may_ask = self._waiting and now >= self._asking_time()
        wanted = turns_in_one_trip(len(self._waiting), self._interval_s, is_new=self._is_new) if may_ask else 0
        was_asking, self._is_asking = self._is_asking, bool(self._waiting)
        is_alive = now - self._seen >= HEARTBEAT_S or (was_asking and not self._listener.is_busy)
        requests = [self._waiting.popleft() for _ in range(wanted)]
        confirming, self._confirming = self._confirming, []
        events, self._events = self._events, ScheduleEvents()
        state: Any = {"is_new": self._is_new, "is_alive": is_alive, "is_asking": self._is_asking}
        return Trip(now, requests, confirming, events, **state, known=self._listener.known())

    def _settle(self, trip: Trip, answer: Answer) -> None:
        """Hand out what the database has granted."""
        with self.lock:
            if self.is_down:
                self.is_down = False
                self._listener.rejoin()
            self._patience.end()
            self._answered = trip.began
            if answer.epoch != self._epoch:
                self._epoch, self._granted_until, self._ask_at = answer.epoch, -math.inf, -math.inf
            self.rate, self._interval_s = answer.rate, answer.interval_s
            if answer.members is not None:
                self.members, self._seen = answer.members, trip.began
            for request, delay_s in zip(trip.requests, answer.delays_s, strict=False):
                self._grant(request, delay_s, answer)
            if postponed := [each for each in trip.requests[len(answer.delays_s) :] if not each.is_withdrawn]:
                self._waiting.extendleft(reversed(postponed))
                self._ask_at = machine_monotonic() + (answer.ask_again_s or 0.0)
            for request in trip.confirming:
                turn = request.turn = request.confirms
                assert turn is not None, "it is what the request is about"
                turn.confirmed = True
                request.settle()
            if answer.held_s:
                self._listener.hold_for(answer.held_s)
                for request in self._waiting:
                    request.settle()  # calls do not wait for long holds
            self._trip, self._is_new = None, False

    def _grant(self, request: TurnRequest, delay_s: float, answer: Answer) -> None:
        due = request.clock.monotonic() + delay_s
        turn = Turn(due, answer.interval_s, answer.epoch, confirmed=not delay_s)
        if not request.is_withdrawn:
            request.turn = turn
            request.settle()
        if request.is_withdrawn:  # the call has ended, or it goes on without the turn
            request.turn = None
            self.release(turn)
        else:
            self._granted_until = max(self._granted_until, machine_monotonic() + delay_s)

    def _leave(self, problem: str) -> None:
        """Continue without the database until it is back."""
        self.problem = problem
        if self.is_down or self._closed:
            return
        self._listener.leave(problem)
        self.is_down = self._is_new = True
        self._events, self._ask_at, self._retry_at = ScheduleEvents(), -math.inf, machine_monotonic() + RETRY_S
        self._release_all(None)

    def _release_all(self, error: Exception | None) -> None:
        """Wake all calls, which see the error or that the database is down."""
        requests: list[Any] = [*self._waiting, *self._confirming]
        if self._trip:
            requests += [*self._trip.requests, *self._trip.confirming]
        self._waiting.clear()
        self._confirming.clear()
        for request in requests:
            request.error = error
            request.is_withdrawn = True
            request.settle()
