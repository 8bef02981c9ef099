"""The way back: a plan that reverses what a journal did, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve

from .._clock import Clock, SystemClock
from ..client import ConfluenceGroups
from ..errors import PlanError
from .changes import Action, Change, Outcome, Result
from .draft import OnProgress
from .guards import Guards
from .journal import locked, read_journal
from .plan import Plan
from .planning import reversal

GUARDS = Guards()
CLOCK = SystemClock()


def undo(
    client: ConfluenceGroups,
    journal: str | os.PathLike[str],
    *,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    expect_hash: str | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan the reverse of what a journal did: who was REMOVED is added, and who was ADDED is removed.

    It changes nothing itself: review the plan and `apply` it, with a journal of its own. What others have changed since
    is left out, and so is what is still in doubt: resume that first. A change whose answer was lost may have been
    somebody else's; its reason says so.

    Args:
        client: to read with.
        journal: path of the journal.
        expect_hash: that the last report on it ended with; see `read_journal`.
        guards, on_progress, clock: as for `plan_removals`.

    Raises:
        JournalError: the journal cannot be read, is damaged, is in use, or does not end as expected.
        PlanError: it is for another site.
        ConfigurationError: filelock is not installed.
        APIError, IncompleteReadError: something could not be read.
    """
    with locked(Path(os.path.realpath(journal))):
        contents = read_journal(journal, expect_hash=expect_hash)
    if contents.site != client.site:
        raise PlanError(
            f"the journal is for another site: it is for {contents.site}, and this client is for {client.site}"
        )
    done = [each for each in contents.results.values() if each.outcome in (Outcome.REMOVED, Outcome.ADDED)]
    done.sort(key=lambda each: (each.change.group_name, *each.change.key))
    return reversal(
        client,
        [_reversed(result) for result in done],
        list(contents.in_doubt.values()),
        asked=f"undo what was applied from {contents.began_at} on (plan {contents.plan})",
        guards=guards,
        on_progress=on_progress,
        clock=clock,
    )


def _reversed(result: Result) -> Change:
    change = result.change
    was = "removed" if change.action is Action.REMOVE else "added"
    doubt = ", perhaps by somebody else: the answer was lost" if result.settled else ""
    action = Action.ADD if change.action is Action.REMOVE else Action.REMOVE
    return evolve(change, action=action, reason=f"{was}{doubt}", overridden=())
