"""The second step of a job: apply the plan or go on with it, verify it, and store the outcome."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ...client import ConfluenceGroups
from ...errors import JobInUseError, JournalError
from ...membership import Action, Change, JournalStorage, Outcome, Result, apply, read_groups
from .outcome import APPLIED, figures_columns, outcome_columns
from .status import JobPhase
from .work import Work


def apply_step(work: Work) -> None:
    """Apply the plan if it may be applied now, and store the outcome."""
    status, request = work.status(), work.request
    approved = status.approved_digest if request.needs_approval else status.digest
    if status.phase is JobPhase.DONE or approved is None:
        return
    with work.ending_in_trouble():
        plan = work.jobs.plan(request.id)
        if not plan.changes:
            return
        work.enter(JobPhase.APPLYING)
        journal = _JobJournal(work.shared.journal(plan))
        work.figures = lambda: figures_columns(plan, journal.outcomes())
        with work.client() as client:
            report = apply(
                client,
                plan,
                journal=journal,
                on_drift=request.on_drift,
                stop_after_failures=request.stop_after_failures,
                wait_for_quota=request.wait_for_quota,
                verify=True,
                expect_digest=approved,
                on_progress=work.report_progress,
            )
            unverified = report.unverified
            if report.already_complete:  # the run that finished the plan may have been killed before it verified it
                work.run.update(phase=JobPhase.VERIFYING)
                unverified = tuple(_find_invisible(client, report.done_before))
        work.enter(**outcome_columns(plan, report, unverified))


class _JobJournal:
    """The journal of a plan, whose lock is that of the job for everybody else, and which knows the present outcomes."""

    def __init__(self, storage: JournalStorage) -> None:
        self._storage = storage
        self.find_damage = storage.find_damage
        self._unread: deque[bytes] = deque()
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def read(self) -> bytes:
        """Return all lines."""
        content = self._storage.read()
        self._unread.clear()
        self._unread.append(content)
        return content

    def append(self, line: bytes, *, sync: bool) -> None:
        """Add a line at the end."""
        self._storage.append(line, sync=sync)
        self._unread.append(line)

    def outcomes(self) -> Counter[Outcome]:
        """Return how many changes have each outcome now; call it in one thread only."""
        while self._unread:
            for line in self._unread.popleft().splitlines():
                for result in json.loads(line).get("results", ()):
                    key = result["change"]["group_id"], result["change"]["account_id"]
                    self._outcomes[key] = Outcome(result["outcome"])
        return Counter(self._outcomes.values())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep out all other runs of the plan.

        Raises:
            JobInUseError: another run holds the lock.
        """
        lock = self._storage.lock()
        try:
            lock.__enter__()
        except JournalError as error:
            raise JobInUseError(str(error)) from None
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def __str__(self) -> str:
        return str(self._storage)


# --- verifying again


def _find_invisible(client: ConfluenceGroups, results: Iterable[Result]) -> Iterator[Change]:
    """Yield the changes that were made and do not show.

    Raises:
        APIError, IncompleteReadError: a group cannot be read.
    """
    made = [result.change for result in results if result.outcome in APPLIED]
    members: dict[str, set[str]] = {}
    for group in read_groups(client, dict.fromkeys(change.group_id for change in made)):
        if group.error is not None:
            raise group.error
        members[group.group_id] = {user.account_id for user in group.members}
    for change in made:
        is_listed = change.account_id in members[change.group_id]
        if is_listed is (change.action is Action.ADD):
            continue
        if is_listed or not client.is_member(group_id=change.group_id, account_id=change.account_id):
            yield change
