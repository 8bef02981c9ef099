"""One run over a plan: read the groups, detect drift, decide, send, verify."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from typing import Literal

from attrs import define, evolve, field

from ..._support.clock import Clock
from ..._support.log import logger
from ..._support.observing.events import ChangeSettled
from ..._support.observing.observer import Observe
from ..._support.redaction import hash_id
from ...client import ConfluenceGroups
from ...errors import APIError, DriftError, IncompleteReadError
from ...models import Group
from ..model.changes import APPLIED, PRESENT, Action, Change, Key, OnProgress, Outcome, Progress, Result, SkippedChange
from ..model.plan import Plan
from ..model.report import Report, Stop, StopReason
from ..planning.guard_evaluation import evaluate, needs_access, needs_group_facts
from ..planning.reading.access import AccessReader
from ..planning.reading.group_lookup import MANY, refresh_groups
from ..planning.reading.group_reader import read_live
from ..planning.reading.memberships import add_unlisted_members, unlisted_changes
from ..planning.snapshot import GroupSnapshot
from .dispatcher import Dispatcher
from .drift import differences
from .interrupts import CallerThread
from .journal import Journal

OnDrift = Literal["refuse", "continue"]
VERIFY_DELAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Waits before the reads that verify; lists lag behind (docs/confluence-behaviour.md#eventual-consistency)."""


@define
class ApplyRun:
    """One run over a plan, whether it sends changes or only rehearses them.

    Attributes:
        client: reads the groups.
        plan: the plan.
        journal: records what the run does, and says what earlier runs did.
        caller: the account id of the user who applies the plan.
        on_progress: is called with the progress.
        clock: gives the time.
        live: the groups as they are now, by id.
        in_doubt: the keys of changes that an earlier run may have made.
        to_send: the changes to send.
    """

    client: ConfluenceGroups
    plan: Plan
    journal: Journal
    caller: str
    on_progress: OnProgress | None
    clock: Clock
    live: dict[str, GroupSnapshot] = field(factory=dict)
    in_doubt: frozenset[Key] = frozenset()
    to_send: list[Change] = field(factory=list)

    # --- before sending

    def prepare(self, on_drift: OnDrift) -> None:
        """Read the groups of all pending changes and compare them with the plan.

        Raises:
            DriftError: the groups have changed since the plan was made, and ``on_drift`` is ``refuse``.
            APIError, IncompleteReadError: a group could not be read.
        """
        self.in_doubt = frozenset(self.journal.state.in_doubt)
        pending = self.pending()
        self._read_groups(pending)
        found = differences(self.plan, self.live, pending, self.in_doubt)
        if found and on_drift == "refuse":
            raise DriftError(
                "nothing was sent: memberships have changed since the plan was made. Make a new plan, or apply what is "
                'still possible with on_drift="continue":',
                differences=found,
            )

    def _read_groups(self, pending: Sequence[Change]) -> None:
        groups = self._planned_groups(pending)
        for done, (group_id, snapshot) in enumerate(read_live(self.client, groups), 1):
            if snapshot is not None:
                self.live[group_id] = snapshot
            self.report_progress(Progress(phase="reading", done=done, total=len(groups)))
        self.live = add_unlisted_members(self.client, self.live, unlisted_changes(pending, self.live))
        access = AccessReader(self.client)
        if needs_access(pending, self.live, self.caller):
            self.live = access.complete(self.live)
        self._refresh_groups(access.known_groups, calls=len(groups) + len(pending))

    def _planned_groups(self, changes: Sequence[Change]) -> dict[str, Group]:
        """Return the groups of these changes, as the plan has them, by id."""
        managed_by = {group.id: group.managed_by for group in self.plan.groups}
        return {
            change.group_id: Group(
                id=change.group_id, name=change.group_name, managed_by=managed_by.get(change.group_id)
            )
            for change in changes
        }

    def _refresh_groups(self, known: Container[str], calls: int) -> None:
        """Read who manages the groups now and what they are called, if it takes one call, or 1/20 of the run's calls.

        The other groups stay as the plan has them: most sites never change who manages a group.
        """
        if not needs_group_facts(self.plan.guards):
            return
        unsure = [each.group for each in self.live.values() if each.group.id not in known]
        fresh = refresh_groups(self.client, unsure, max(1, calls // MANY))
        self.live |= {group_id: evolve(self.live[group_id], group=group) for group_id, group in fresh.items()}

    def pending(self) -> list[Change]:
        """Return the changes that are not finished, in the order of the plan."""
        return pending_changes(self.plan, self.journal)

    def decide(self) -> None:
        """Record the changes that need no call or are refused now; the others are to be sent."""
        decided: list[Result] = []
        candidates: list[Change] = []
        for change in self.pending():
            group = self.live.get(change.group_id)
            if group is None:
                decided.append(_missing_group(change))
            elif group.has_member(change.account_id) is (change.action is Action.REMOVE):
                candidates.append(change)
            elif change.action is Action.ADD:
                decided.append(self._already_added(change))
            elif change.key in self.in_doubt:
                self.to_send.append(change)  # again: its response is the same, whether it was made or not
            else:
                decided.append(Result(change=change, outcome=Outcome.NOT_A_MEMBER))
        decided += self._evaluate_guards(candidates)
        self.journal.record(decided)

    def _already_added(self, change: Change) -> Result:
        if change.key in self.in_doubt:
            return Result(change=change, outcome=Outcome.ADDED, settled=True)
        return Result(change=change, outcome=Outcome.ALREADY_A_MEMBER)

    def _evaluate_guards(self, candidates: Sequence[Change]) -> list[Result]:
        """Return the refusals by the guards in the present state; the other changes are to be sent."""
        decision = evaluate(self.plan.guards, candidates, self.live, self.caller)
        allowed = {change.key for change in decision.changes}
        self.to_send += [change for change in candidates if change.key in allowed]
        return [self._refusal(refused) for refused in decision.refused]

    def _refusal(self, refused: SkippedChange) -> Result:
        """Return the result of a refused change; if an earlier run may have made it, it stays in doubt."""
        in_doubt = refused.change.key in self.in_doubt
        return Result(
            change=refused.change,
            outcome=Outcome.REFUSED,
            error=refused.why,
            guard=refused.guard,
            option=refused.option,
            settled=in_doubt,
            final=not in_doubt,
        )

    # --- sending

    def send_all(self, dispatcher: Dispatcher) -> None:
        """Send the additions, then the removals, so that a replacement is a member before somebody is removed."""
        additions = [change for change in self.to_send if change.action is Action.ADD]
        removals = [change for change in self.to_send if change.action is Action.REMOVE]
        dispatcher.run("adding", additions, self.in_doubt)
        results = self.journal.state.results
        present = [change for change in additions if change.key in results and results[change.key].outcome in PRESENT]
        if len(present) < len(additions) and not dispatcher.stop:
            removals = self._evaluate_again(present, removals)
        dispatcher.run("removing", removals, self.in_doubt)

    def _evaluate_again(self, present: Sequence[Change], removals: Sequence[Change]) -> list[Change]:
        """Return the removals that the guards allow although some additions failed; record the refusals."""
        self.to_send = []
        self.journal.record(self._evaluate_guards([*present, *removals]))
        allowed = {change.key for change in self.to_send}
        return [change for change in removals if change.key in allowed]

    # --- after sending

    def verify_applied(self, dispatcher: Dispatcher, caller: CallerThread) -> tuple[Change, ...]:
        """Return the applied changes that are not visible after repeated reads. Ctrl-C or an error ends the reads.

        The changes of earlier runs count too: a run that was stopped has verified nothing.
        """
        results = self.journal.state.results
        applied = [each for each in self.plan.changes if each.key in results and results[each.key].outcome in APPLIED]
        unverified = applied
        try:
            for delay in VERIFY_DELAYS_S:
                if not unverified:
                    break
                caller.sleep(self.clock, delay)
                done = len(applied) - len(unverified)
                self.report_progress(Progress(phase="verifying", done=done, total=len(applied)))
                unverified = caller.read(partial(self.find_invisible_changes, unverified))
        except KeyboardInterrupt:
            dispatcher.interrupt()
        except (APIError, IncompleteReadError) as error:
            logger.warning("the changes could not be verified: %s", error)
            dispatcher.stop_sending(Stop(reason=StopReason.NOT_VERIFIED, error=str(error)))
        return tuple(unverified)

    def find_invisible_changes(self, changes: Sequence[Change]) -> list[Change]:
        """Read the groups of these changes, and return the changes that are not visible."""
        live = read_live(self.client, self._planned_groups(changes))
        groups = {group_id: group for group_id, group in live if group is not None}
        groups = add_unlisted_members(self.client, groups, unlisted_changes(changes, groups))
        return [change for change in changes if not _is_visible(change, groups)]

    def report(
        self,
        unfinished: Sequence[Change],
        stop: Stop | None,
        *,
        interrupted: bool = False,
        unverified: tuple[Change, ...] = (),
    ) -> Report:
        """Return the report on this run, with the results of earlier runs apart."""
        return build_report(
            self.plan, self.journal, unfinished, stop=stop, interrupted=interrupted, unverified=unverified
        )

    def report_progress(self, progress: Progress) -> None:
        """Call ``on_progress`` if there is one."""
        if self.on_progress:
            self.on_progress(progress)


def pending_changes(plan: Plan, journal: Journal) -> list[Change]:
    """Return the changes that the journal does not record as finished, in the order of the plan."""
    results = journal.state.results
    return [change for change in plan.changes if change.key not in results or not results[change.key].final]


def build_report(
    plan: Plan,
    journal: Journal,
    unfinished: Sequence[Change],
    *,
    stop: Stop | None = None,
    interrupted: bool = False,
    unverified: tuple[Change, ...] = (),
) -> Report:
    """Return the report on the run that has this journal open, with the results of earlier runs apart."""
    recorded, new = journal.state.results, journal.new_results
    earlier = [recorded[each.key] for each in plan.changes if each.key in recorded and each.key not in new]
    return Report(
        results=tuple(new[change.key] for change in plan.changes if change.key in new),
        unfinished=tuple(unfinished),
        stop=stop,
        interrupted=interrupted,
        unverified=unverified,
        plan_digest=plan.digest,
        journal_hash=journal.state.last_hash,
        done_before=tuple(result for result in earlier if result.final),
        earlier_runs=journal.earlier_runs,
    )


def tell_results(observer: Observe, clock: Clock, results: Sequence[Result]) -> None:
    """Tell an observer of results that were recorded."""
    for result in results:
        settled = ChangeSettled(
            at=clock.now(),
            action=result.change.action.value,
            group=hash_id(result.change.group_id),
            account=hash_id(result.change.account_id),
            outcome=result.outcome.value,
            error=result.error_type,
            final=result.final,
            request_id=result.request_id,
        )
        observer(settled)


def _missing_group(change: Change) -> Result:
    error, error_type = "the group no longer exists", "NotFoundError"
    return Result(change=change, outcome=Outcome.FAILED, error=error, error_type=error_type)


def _is_visible(change: Change, groups: dict[str, GroupSnapshot]) -> bool:
    is_member = change.group_id in groups and groups[change.group_id].has_member(change.account_id)
    return is_member is (change.action is Action.ADD)
