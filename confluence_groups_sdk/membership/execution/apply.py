"""Applying a plan, and rehearsing it: check, read again, compare, record, send, and go on after a crash."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from attrs import evolve

from ..._support.clock import Clock, SystemClock, utc_timestamp
from ..._support.public import public
from ..._support.validation import is_whole_number
from ...client import ConfluenceGroups
from ...errors import PlanError
from ..model.changes import Action, OnProgress
from ..model.journal_storage import JournalStorage
from ..model.plan import Plan
from ..model.report import Report, Stop, StopReason
from ..planning.reading.caller import read_caller
from .append_only_file import NullFile
from .apply_run import ApplyRun, OnDrift, build_report, pending_changes, tell_results
from .change_executor import OpenClient, PerProcessClient
from .dispatcher import Dispatcher, State
from .interrupts import CallerThread
from .journal import Journal, Verify, open_journal
from .journal_format import JournalState, VerifiedOnce, check_plan, read_bytes, verify_chain
from .locks import check_only_name

STOP_AFTER_FAILURES = 10
JOURNAL_LOST = Stop(reason=StopReason.FATAL_ERROR, error="the journal was lost")
CLOCK = SystemClock()


@public
def apply(
    client: ConfluenceGroups,
    plan: Plan,
    *,
    journal: str | os.PathLike[str] | JournalStorage,
    on_drift: OnDrift = "refuse",
    on_progress: OnProgress | None = None,
    stop_after_failures: int | None = STOP_AFTER_FAILURES,
    wait_for_quota: bool = False,
    verify: bool = False,
    executor: Executor | None = None,
    expect_digest: str | None = None,
    open_client: OpenClient | None = None,
    clock: Clock = CLOCK,
) -> Report:
    """Make the changes of a plan and keep a journal; with the same journal, go on where an earlier run ended.

    The plan's groups are read again before anything is sent. Each change is recorded on disk before its call is sent.
    Finished changes are not sent again. Changes whose response was lost are sent again or looked up.

    Ctrl-C ends the run in order: calls that have begun are finished and recorded, and the report says what is left. So
    does any other exception that a signal handler raises in this thread; it is raised at the end, unless it is a
    KeyboardInterrupt. While the groups are read, a KeyboardInterrupt is raised too. The run itself has its own thread.

    The results of the report are those of this run; ``done_before`` has those of earlier runs. If earlier runs have
    finished the plan, nothing is read, sent or written, and the report is ``already_complete``.

    Args:
        client: reads the groups and sends the changes: 8 calls at the same time, if its rate limiter allows them. Its
            ``observe`` is told of each recorded change with a `ChangeSettled`, in the run's thread.
        plan: the plan.
        journal: the path of the plan's journal, or a storage for it; each plan needs its own.
        on_drift: if memberships have changed since the plan was made, ``refuse`` to apply anything, or ``continue``
            with the changes that are still possible.
        on_progress: is called with a `Progress` now and then, in this thread.
        stop_after_failures: the number of changes with the outcome FAILED or UNKNOWN that stops the run; None for no
            limit.
        wait_for_quota: what to do if the server accepts no more calls for a while: True waits, False stops the run,
            which can be resumed.
        verify: whether to read the groups again at the end, for up to 31 seconds, because lists lag behind. This
            checks the changes of earlier runs too.
        executor: runs the calls instead of 8 threads; only ``submit`` is used, in the run's thread. An executor whose
            workers are other processes needs ``open_client``. One that is not a ThreadPoolExecutor or
            ProcessPoolExecutor itself may cancel, repeat or lose calls: such changes are looked up, and stay in doubt
            if they do not show. A call is lost if there is no result for 5 minutes, for 30 seconds after a stop, or
            for 20 seconds without ``open_client`` while no call is running. A second Ctrl-C ends this wait.
        expect_digest: the digest of the approved plan, received through a channel other than the plan's file.
        open_client: opens the client in each of the executor's processes; it must be picklable, such as
            ``functools.partial(ConfluenceGroups.from_env)``.
        clock: gives the time.

    Raises:
        PlanError: the plan was edited, is for another site, or is not the approved one; nothing was sent.
        DriftError: memberships have changed, and ``on_drift`` is ``refuse``; nothing was sent.
        JournalError: the journal is damaged, belongs to another plan, is in use, or cannot be written; every change
            that was sent is recorded in it. Or another run applies the plan with another journal. Or the journal was
            deleted, replaced or changed during the run, or its storage was lost; ``recovered`` then names the new
            journal, which records every change that was sent.
        ConfigurationError: filelock is not installed.
        ValueError: an option is out of range.
        APIError, IncompleteReadError: something could not be read; no change was sent.
    """
    _check_options(on_drift, stop_after_failures)
    _check_plan(plan, client.site, expect_digest)
    verify_once = VerifiedOnce().verify
    earlier = _read_report(plan, journal, verify_once)
    if earlier.already_complete:
        return earlier
    caller = CallerThread()

    def run_plan() -> Report:
        user, now = caller.read(lambda: read_caller(client)), utc_timestamp(clock.now())
        with open_journal(
            journal, plan, by=user.account_id, by_name=user.display_name, now=now, verify=verify_once
        ) as opened:
            run = ApplyRun(client, plan, opened, user.account_id, caller.relay(on_progress), clock)
            caller.read(lambda: run.prepare(on_drift))
            opened.begin()
            if (observer := client.observer) is not None:
                opened.on_results = partial(tell_results, observer, clock)
            dispatcher = Dispatcher(
                opened,
                PerProcessClient(open_client) if open_client else lambda: client,
                client=client,
                caller=caller,
                executor=executor,
                on_progress=run.report_progress,
                stop_after_failures=stop_after_failures,
                wait_for_quota=wait_for_quota,
                clock=clock,
            )
            opened.on_loss = partial(dispatcher.stop_sending, JOURNAL_LOST)
            run.decide()
            run.send_all(dispatcher)
            opened.finish()
            verifies = verify and dispatcher.state is not State.INTERRUPTED
            unverified = run.verify_applied(dispatcher, caller) if verifies else ()
            interrupted = dispatcher.state is State.INTERRUPTED
            return run.report(run.pending(), dispatcher.stop, interrupted=interrupted, unverified=unverified)

    report = caller.run(run_plan)
    if caller.interrupted and not report.interrupted:  # at the very end
        report = evolve(report, interrupted=True, stop=report.stop or Stop(reason=StopReason.INTERRUPTED))
    return report


@public
def rehearse(
    client: ConfluenceGroups,
    plan: Plan,
    *,
    journal: str | os.PathLike[str] | JournalStorage | None = None,
    on_drift: OnDrift = "refuse",
    on_progress: OnProgress | None = None,
    expect_digest: str | None = None,
    clock: Clock = CLOCK,
) -> Report:
    """Report what `apply` would do now, and change neither the site nor the journal.

    The groups are read and compared, and the guards decide, as in `apply`. In the report, ``unfinished`` has the
    changes that would be sent, ``results`` those that need no call, and ``done_before`` those that earlier runs have
    finished. If these are all, nothing is read, and the report is ``already_complete``.

    Args:
        client: reads the groups.
        plan: the plan.
        journal: the path of the plan's journal or its storage, if an earlier run has begun one.
        on_drift: as for `apply`.
        on_progress: as for `apply`.
        expect_digest: as for `apply`.
        clock: as for `apply`.

    Raises:
        PlanError: as for `apply`.
        DriftError: memberships have changed, and ``on_drift`` is ``refuse``.
        JournalError: the journal cannot be read, is damaged, or belongs to another plan.
        ValueError: an option is out of range.
        APIError, IncompleteReadError: something could not be read.
    """
    _check_options(on_drift, None)
    _check_plan(plan, client.site, expect_digest)
    stop = Stop(reason=StopReason.REHEARSED)
    opened = _open_read_only(journal, plan, verify_chain)
    earlier = build_report(plan, opened, pending_changes(plan, opened), stop=stop)
    if earlier.already_complete:
        return earlier
    caller = read_caller(client).account_id
    run = ApplyRun(client, plan, opened, caller, on_progress, clock)
    run.prepare(on_drift)
    run.decide()
    additions_first = sorted(run.to_send, key=lambda change: change.action is Action.REMOVE)
    return run.report(additions_first, stop)


@public
def read_report(plan: Plan, journal: str | os.PathLike[str] | JournalStorage) -> Report:
    """Report what earlier runs did and what is left, from a plan's journal alone; nothing is read from the site.

    Args:
        plan: the plan.
        journal: the path of the plan's journal, which need not exist, or its storage.

    Raises:
        JournalError: the journal cannot be read, is damaged, or belongs to another plan.
    """
    return _read_report(plan, journal, verify_chain)


def _read_report(plan: Plan, journal: str | os.PathLike[str] | JournalStorage, verify: Verify) -> Report:
    is_missing = isinstance(journal, str | os.PathLike) and not os.path.exists(journal)
    opened = _open_read_only(None if is_missing else journal, plan, verify)
    return build_report(plan, opened, pending_changes(plan, opened))


def _open_read_only(journal: str | os.PathLike[str] | JournalStorage | None, plan: Plan, verify: Verify) -> Journal:
    """Return a journal that continues the journal of a plan, if there is one, and is not kept.

    Raises:
        JournalError: the journal cannot be read, is damaged, or belongs to another plan or site.
    """
    if isinstance(journal, str | os.PathLike):
        check_only_name(journal)
        state = verify(str(journal), read_bytes(journal))[0] if os.path.lexists(journal) else None
    else:
        state = verify(str(journal), journal.read())[0] if journal else None
    if state is None:
        state = JournalState(plan.digest, plan.site, "", "", plan.overrides)
    check_plan(str(journal), state, plan)
    return Journal(Path(os.devnull), NullFile(), state)


def _check_options(on_drift: str, stop_after_failures: int | None) -> None:
    if on_drift not in ("refuse", "continue"):
        raise ValueError("on_drift must be 'refuse' or 'continue'")
    if stop_after_failures is not None and not is_whole_number(stop_after_failures, minimum=1):
        raise ValueError("stop_after_failures must be a whole number, 1 or more, or None")


def _check_plan(plan: Plan, site: str, expect_digest: str | None) -> None:
    plan.check_digest()
    if expect_digest is not None and expect_digest != plan.digest:
        raise PlanError(f"this is not the approved plan: its digest is {plan.digest}, not {expect_digest}")
    if plan.site != site:
        raise PlanError(f"the plan is for another site: it is for {plan.site}, and this client is for {site}")
