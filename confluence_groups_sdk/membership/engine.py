"""Applying a plan: read again, compare, write down, send, write down what became of it; and go on after a crash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Literal

from attrs import define, field

from .._clock import Clock, SystemClock
from ..client import ConfluenceGroups
from ..errors import DriftError, PlanError
from .changes import Action, Change, Omission, Outcome, Progress, Result
from .dispatch import Dispatcher
from .draft import OnProgress, moment
from .drift import differences
from .journal import Journal, opened, unwritten
from .live import Membership, read_live, unlisted_in, with_access, with_unlisted
from .perform import OncePerProcess, OpenClient
from .plan import Plan
from .report import Report

OnDrift = Literal["refuse", "continue"]
STOP_AFTER = 10  # failures
PATIENCE = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each look at whether changes show
CLOCK = SystemClock()


def apply(
    client: ConfluenceGroups,
    plan: Plan,
    *,
    journal: str | os.PathLike[str],
    on_drift: OnDrift = "refuse",
    on_progress: OnProgress | None = None,
    stop_after_failures: int | None = STOP_AFTER,
    wait_for_quota: bool = False,
    verify: bool = False,
    executor: Executor | None = None,
    expect_digest: str | None = None,
    open_client: OpenClient | None = None,
    clock: Clock = CLOCK,
) -> Report:
    """Do what a plan says, and keep a journal of it; with the same journal, go on where an earlier run ended.

    The groups are read again first, whole. Each change is on the disk before it is sent. Changes that were finished are
    not sent again; those whose answer was lost are settled. Ctrl-C ends in order: calls under way finish, and the
    report says what is left.

    Args:
        client: to read and to send with; 8 calls at once, as its pacer lets them.
        plan: what to do.
        journal: path of its journal; one for each plan.
        on_drift: where memberships are not as they were when the plan was made, ``refuse`` all, or ``continue`` with
            what is still true.
        on_progress: called with a `Progress` now and then, in this thread.
        stop_after_failures: so many changes that FAILED or are UNKNOWN end the run; None for never.
        wait_for_quota: whether to wait until the server takes calls again where it says that it will for a while not;
            otherwise the run ends and can be resumed.
        verify: whether to read the groups once more at the end, patiently, since lists lag behind.
        executor: runs the calls instead of 8 threads; only ``submit`` is used. One whose workers are other processes
            needs ``open_client``.
        expect_digest: the digest that was approved, handed over by another way than the plan.
        open_client: builds a client where the executor's workers run, once a process; it must be picklable, such as
            ``functools.partial(ConfluenceGroups.from_env)``.
        clock: the time.

    Raises:
        PlanError: the plan was edited, is for another site, or is not the one that was approved; nothing was sent.
        DriftError: memberships have changed, and ``on_drift`` is ``refuse``; nothing was sent.
        JournalError: the journal is damaged, of another plan, in use, or cannot be written; no change was sent that is
            not in it.
        ConfigurationError: filelock is not installed.
        ValueError: an option is out of range.
        APIError, IncompleteReadError: something could not be read; no change was sent.
    """
    _check_options(on_drift, stop_after_failures)
    _check_plan(plan, client.site, expect_digest)
    caller = client.current_user().account_id
    with opened(journal, plan, by=caller, now=moment(clock.now())) as book:
        run = _Run(client, plan, book, caller, on_progress, clock)
        run.read()
        run.compare(on_drift)
        book.begin()
        dispatcher = Dispatcher(
            book,
            OncePerProcess(open_client) if open_client else lambda: client,
            executor=executor,
            on_progress=run.told,
            stop_after_failures=stop_after_failures,
            wait_for_quota=wait_for_quota,
            clock=clock,
        )
        run.decide()
        run.carry_out(dispatcher)
        unverified = run.unseen(dispatcher) if verify and not dispatcher.interrupted else ()
        book.sync()
        return run.report(dispatcher, unverified)


def rehearse(
    client: ConfluenceGroups,
    plan: Plan,
    *,
    journal: str | os.PathLike[str] | None = None,
    on_drift: OnDrift = "refuse",
    on_progress: OnProgress | None = None,
    expect_digest: str | None = None,
    clock: Clock = CLOCK,
) -> Report:
    """Say what `apply` would do now, and change nothing: neither on the site nor in the journal.

    The groups are read, compared and judged as `apply` does it. In the report, ``unfinished`` are the changes that
    would be sent; ``results`` are those that an earlier run has finished, or that would be decided without a call.

    Args:
        client: to read with.
        plan: what would be done.
        journal: path of its journal, where an earlier run has begun one.
        on_drift, on_progress, expect_digest, clock: as for `apply`.

    Raises:
        PlanError: as for `apply`.
        DriftError: memberships have changed, and ``on_drift`` is ``refuse``.
        JournalError: the journal cannot be read, is damaged, or is of another plan.
        ValueError: an option is out of range.
        APIError, IncompleteReadError: something could not be read.
    """
    _check_options(on_drift, None)
    _check_plan(plan, client.site, expect_digest)
    caller = client.current_user().account_id
    book = unwritten(journal, plan, by=caller, now=moment(clock.now()))
    run = _Run(client, plan, book, caller, on_progress, clock)
    run.read()
    run.compare(on_drift)
    run.decide()
    results = book.contents.results
    return Report(
        results=tuple(results[change.key] for change in plan.changes if change.key in results),
        unfinished=tuple(sorted(run.to_send, key=lambda change: change.action is Action.REMOVE)),
        stopped="rehearsed: nothing was sent",
        interrupted=False,
        unverified=(),
        plan_digest=plan.digest,
        journal_hash=book.contents.last_hash,
    )


@define
class _Run:
    """One run over a plan."""

    client: ConfluenceGroups
    plan: Plan
    book: Journal
    caller: str
    on_progress: OnProgress | None
    clock: Clock
    live: dict[str, Membership] = field(factory=dict)
    doubtful: frozenset[tuple[str, str]] = frozenset()
    to_send: list[Change] = field(factory=list)

    def read(self) -> None:
        """Read the groups of all changes that are not finished."""
        self.doubtful = frozenset(self.book.contents.in_doubt)
        pending = self.pending()
        group_ids = list(dict.fromkeys(change.group_id for change in pending))
        for done, (group_id, membership) in enumerate(read_live(self.client, group_ids), 1):
            if membership is not None:
                self.live[group_id] = membership
            self.tell("reading", done, len(group_ids))
        self.live = with_unlisted(self.client, self.live, unlisted_in(pending, self.live))
        if any(change.action is Action.REMOVE for change in pending):
            self.live = with_access(self.client, self.live)

    def compare(self, on_drift: OnDrift) -> None:
        """See whether everything is as it was when the plan was made.

        Raises:
            DriftError: it is not, and that is to be refused.
        """
        found = differences(self.plan, self.live, self.pending(), self.doubtful)
        if found and on_drift == "refuse":
            raise DriftError(
                "nothing was sent: memberships have changed since the plan was made. Make a new plan, or apply with "
                'on_drift="continue" what is still true:',
                differences=found,
            )

    def pending(self) -> list[Change]:
        """Return the changes that are not finished, in the order of the plan."""
        results = self.book.contents.results
        return [each for each in self.plan.changes if each.key not in results or not results[each.key].final]

    def decide(self) -> None:
        """Record what needs no call, or must not be sent, as things are now; the rest is to be sent."""
        decided: list[Result] = []
        candidates: list[Change] = []
        for change in self.pending():
            group = self.live.get(change.group_id)
            doubtful = change.key in self.doubtful
            if group is None:
                decided.append(_gone(change))
            elif group.has(change.account_id) is (change.action is Action.REMOVE):
                candidates.append(change)
            elif change.action is Action.ADD:
                outcome = Outcome.ADDED if doubtful else Outcome.ALREADY_A_MEMBER
                decided.append(Result(change=change, outcome=outcome, settled=doubtful))
            elif doubtful:
                self.to_send.append(change)  # once more: the answer is the same, whether it was done or not
            else:
                decided.append(Result(change=change, outcome=Outcome.NOT_A_MEMBER))
        decided += self.judged(candidates)
        self.book.record(decided)

    def judged(self, candidates: Sequence[Change]) -> list[Result]:
        """Ask the guards again, of what is there now; return what they refuse, and keep the rest to be sent."""
        verdict = self.plan.guards.judge(candidates, self.live, self.caller)
        passed = {change.key for change in verdict.changes}
        self.to_send += [change for change in candidates if change.key in passed]
        return [self.refused(each) for each in verdict.refused]

    def refused(self, omission: Omission) -> Result:
        """Return what a refusal means; what an earlier run may have done stays in doubt."""
        doubtful = omission.change.key in self.doubtful
        why = f"{omission.why} [{omission.guard}: {omission.option}]"
        return Result(change=omission.change, outcome=Outcome.REFUSED, error=why, settled=doubtful, final=not doubtful)

    def carry_out(self, dispatcher: Dispatcher) -> None:
        """Send the additions, then the removals: who is to replace somebody is there before he goes."""
        additions = [change for change in self.to_send if change.action is Action.ADD]
        removals = [change for change in self.to_send if change.action is Action.REMOVE]
        dispatcher.run("adding", additions, self.doubtful)
        results = self.book.contents.results
        arrived = [each for each in additions if each.key in results and results[each.key].outcome in ARRIVED]
        if len(arrived) < len(additions) and not dispatcher.stopped:
            self.to_send = []
            self.book.record(self.judged([*arrived, *removals]))
            kept = {change.key for change in self.to_send}
            removals = [change for change in removals if change.key in kept]
        dispatcher.run("removing", removals, self.doubtful)

    def unseen(self, dispatcher: Dispatcher) -> tuple[Change, ...]:
        """Return the changes that were made and do not show, after some patience, or until Ctrl-C."""
        results = self.book.contents.results
        made = [each for each in self.plan.changes if each.key in results and results[each.key].outcome in MADE]
        left = made
        try:
            for seconds in PATIENCE:
                if not left:
                    break
                self.clock.sleep(seconds)
                self.tell("verifying", len(made) - len(left), len(made))
                left = self.hidden(left)
        except KeyboardInterrupt:
            dispatcher.interrupted = True
            dispatcher.stopped = dispatcher.stopped or "interrupted"
        return tuple(left)

    def hidden(self, changes: Sequence[Change]) -> list[Change]:
        """Return those of these changes that do not show now."""
        group_ids = list(dict.fromkeys(change.group_id for change in changes))
        groups = {group_id: each for group_id, each in read_live(self.client, group_ids) if each is not None}
        groups = with_unlisted(self.client, groups, unlisted_in(changes, groups))
        return [each for each in changes if not _shows(each, groups)]

    def report(self, dispatcher: Dispatcher, unverified: tuple[Change, ...]) -> Report:
        """Return what became of the plan."""
        results = self.book.contents.results
        return Report(
            results=tuple(results[change.key] for change in self.plan.changes if change.key in results),
            unfinished=tuple(self.pending()),
            stopped=dispatcher.stopped,
            interrupted=dispatcher.interrupted,
            unverified=unverified,
            plan_digest=self.plan.digest,
            journal_hash=self.book.contents.last_hash,
        )

    def tell(self, phase: str, done: int, total: int) -> None:
        """Tell whoever wants to know how far it is."""
        self.told(Progress(phase=phase, done=done, total=total))

    def told(self, progress: Progress) -> None:
        """Hand on how far it is."""
        if self.on_progress:
            self.on_progress(progress)


ARRIVED = (Outcome.ADDED, Outcome.ALREADY_A_MEMBER)
MADE = (Outcome.ADDED, Outcome.REMOVED)


def _gone(change: Change) -> Result:
    return Result(change=change, outcome=Outcome.FAILED, error="the group is gone", error_type="NotFoundError")


def _shows(change: Change, groups: dict[str, Membership]) -> bool:
    there = change.group_id in groups and groups[change.group_id].has(change.account_id)
    return there is (change.action is Action.ADD)


def _check_options(on_drift: str, stop_after_failures: int | None) -> None:
    if on_drift not in ("refuse", "continue"):
        raise ValueError("on_drift must be 'refuse' or 'continue'")
    if stop_after_failures is not None and (
        isinstance(stop_after_failures, bool) or not isinstance(stop_after_failures, int) or stop_after_failures < 1
    ):
        raise ValueError("stop_after_failures must be a whole number, 1 or more, or None")


def _check_plan(plan: Plan, site: str, expect_digest: str | None) -> None:
    if plan.digest != plan.true_digest():
        raise PlanError("the plan was edited: it is not what its digest was made of. Make a new one")
    if expect_digest is not None and expect_digest != plan.digest:
        raise PlanError(f"this is not the plan that was approved: its digest is {plan.digest}, not {expect_digest}")
    if plan.site != site:
        raise PlanError(f"the plan is for another site: it is for {plan.site}, and this client is for {site}")
