"""Undo: a plan that reverses the changes that a journal records, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve

from ..._support.clock import Clock, SystemClock
from ..._support.public import public
from ...client import ConfluenceGroups
from ...errors import PlanError
from ..model.changes import APPLIED, Action, Change, OnProgress, Result
from ..model.guards import Guards
from ..model.journal_storage import JournalStorage
from ..model.plan import Plan
from ..planning.reversal import plan_reversal
from .journal_format import read_journal
from .locks import lock_journal

GUARDS = Guards()
CLOCK = SystemClock()


@public
def undo(
    client: ConfluenceGroups,
    journal: str | os.PathLike[str] | JournalStorage,
    *,
    guards: Guards = GUARDS,
    on_progress: OnProgress | None = None,
    expect_hash: str | None = None,
    clock: Clock = CLOCK,
) -> Plan:
    """Plan the reversal of the changes in a journal: add the users who were REMOVED, remove those who were ADDED.

    Nothing is changed: review the plan and `apply` it with its own journal. The plan skips changes that somebody has
    changed again since, and changes in doubt: resume the journal first. If the response to a change was lost, somebody
    else may have made the change; the reason of its reversal says so.

    Args:
        client: reads the groups.
        journal: the path of the journal, or its storage.
        expect_hash: the hash at the end of the last report on this journal; see `read_journal`.
        guards: as for `plan_removals`.
        on_progress: as for `plan_removals`.
        clock: as for `plan_removals`.

    Raises:
        JournalError: the journal cannot be read, is damaged, is in use, or does not end with the expected hash.
        PlanError: the journal is for another site.
        ConfigurationError: filelock is not installed.
        InputError: the members of a group cannot be read.
        APIError, IncompleteReadError: something else could not be read.
    """
    with lock_journal(Path(os.path.realpath(journal))) if isinstance(journal, str | os.PathLike) else journal.lock():
        state = read_journal(journal, expect_hash=expect_hash)
    if state.site != client.site:
        raise PlanError(
            f"the journal is for another site: it is for {state.site}, and this client is for {client.site}"
        )
    applied = [result for result in state.results.values() if result.outcome in APPLIED]
    applied.sort(key=lambda result: (result.change.group_name, *result.change.key))
    return plan_reversal(
        client,
        [_reversed(result) for result in applied],
        list(state.in_doubt.values()),
        asked=f"undo the changes applied since {state.began_at} (plan {state.plan})",
        guards=guards,
        on_progress=on_progress,
        clock=clock,
    )


def _reversed(result: Result) -> Change:
    change = result.change
    was = "removed" if change.action is Action.REMOVE else "added"
    doubt = ", perhaps by somebody else: the response was lost" if result.settled else ""
    action = Action.ADD if change.action is Action.REMOVE else Action.REMOVE
    return evolve(change, action=action, reason=f"{was}{doubt}", overridden=())
