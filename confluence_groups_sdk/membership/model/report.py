"""The report on a run over a plan."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from ..._support.files import write_atomically
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.text import escape_controls
from ...errors import JournalError
from .changes import Change, Outcome, Result
from .serialization import change_as_json, result_as_json


@public
class StopReason(StrEnum):
    """Why a run stopped before its end."""

    INTERRUPTED = "interrupted"
    """Ctrl-C was pressed."""
    FATAL_ERROR = "fatal_error"
    """The server answered 401, 403 or 410, or the client was closed: every other change would meet this too."""
    TOO_MANY_FAILURES = "too_many_failures"
    """As many changes as ``stop_after_failures`` allows are FAILED or UNKNOWN."""
    RATE_LIMITED = "rate_limited"
    """The site accepts no more calls for a while, and ``wait_for_quota`` is off."""
    WORKER_FAILED = "worker_failed"
    """A worker of the executor failed."""
    EXECUTOR_CLOSED = "executor_closed"
    """The executor accepts no more work."""
    NOT_VERIFIED = "not_verified"
    """The changes were made, and the groups could not be read to verify them."""
    REHEARSED = "rehearsed"
    """The run was a rehearsal, which sends nothing."""


@public
@frozen(kw_only=True)
class Stop(VersionTolerantPickle):
    """The end of a run before all its changes were finished; ``str()`` is an English sentence about it.

    Attributes:
        reason: why the run stopped.
        error: the error that stopped it, in words; None if there was none.
        resume_at: when the site accepts calls again, in ISO 8601 (UTC); None unless the reason is RATE_LIMITED.
        option: the option of `apply` that changes this, such as ``wait_for_quota``; None if there is none.
    """

    reason: StopReason
    error: str | None = None
    resume_at: str | None = None
    option: str | None = None

    def __str__(self) -> str:
        sentence = SENTENCES[self.reason].format(error=self.error, resume_at=self.resume_at, option=self.option)
        needs_option = self.reason is StopReason.WORKER_FAILED and self.option
        advice = f"; workers in other processes need {self.option}" if needs_option else ""
        return escape_controls(f"{sentence}{advice}")


SENTENCES = {
    StopReason.INTERRUPTED: "interrupted",
    StopReason.FATAL_ERROR: "every other change would fail too: {error}",
    StopReason.TOO_MANY_FAILURES: "too many changes failed ({option}), the last one: {error}",
    StopReason.RATE_LIMITED: "the site accepts no calls until {resume_at}: resume then, or apply with {option}=True",
    StopReason.WORKER_FAILED: "a worker failed ({error})",
    StopReason.EXECUTOR_CLOSED: "the executor accepts no more work ({error})",
    StopReason.NOT_VERIFIED: "the changes could not be verified: {error}",
    StopReason.REHEARSED: "rehearsed: nothing was sent",
}


@public
@frozen(kw_only=True)
class RecordedRun(VersionTolerantPickle):
    """A run that a journal records; ``str()`` says when it began and who started it.

    Attributes:
        began_at: when the run began, in ISO 8601 (UTC).
        by: the account id of the user who applied the plan.
        by_name: the user's name at that time; None if the server did not send it.
    """

    began_at: str
    by: str
    by_name: str | None = None

    def __str__(self) -> str:
        user = f"{self.by_name} ({self.by})" if self.by_name else self.by
        return escape_controls(f"{self.began_at} by {user}")


@public
@frozen(kw_only=True)
class Report(VersionTolerantPickle):
    """What one run over a plan did; what earlier runs with the same journal did is separate.

    Attributes:
        results: one result for each change that this run tried or decided, in the order of the plan.
        unfinished: the changes that a resumed run would try: not begun, in doubt, or failed for a temporary reason.
        stop: why the run stopped before its end; None if it reached its end.
        interrupted: whether Ctrl-C ended the run.
        unverified: changes of this run and of earlier ones that were made and are not visible, or could not be read;
            empty unless the run was told to verify.
        plan_digest: the plan's digest.
        journal_hash: the hash of the journal's last line; stored elsewhere, it reveals later edits and cuts.
        done_before: the final results that earlier runs recorded, in the order of the plan. Somebody may have reversed
            these changes since.
        earlier_runs: the runs that recorded something in the journal before this run, in their order.
    """

    results: tuple[Result, ...]
    unfinished: tuple[Change, ...]
    stop: Stop | None
    interrupted: bool
    unverified: tuple[Change, ...]
    plan_digest: str
    journal_hash: str
    done_before: tuple[Result, ...] = ()
    earlier_runs: tuple[RecordedRun, ...] = ()

    @property
    def already_complete(self) -> bool:
        """Whether earlier runs had finished the plan, so that this run sent nothing."""
        return bool(self.done_before) and not self.results and not self.unfinished

    @property
    def completion(self) -> str | None:
        """When and by whom the plan was finished, as an English sentence; None unless it was ``already_complete``."""
        if not self.already_complete:
            return None
        last_run = f" on {self.earlier_runs[-1]}" if self.earlier_runs else ""
        return f"already applied{last_run}; nothing was sent; make a new plan"

    @property
    def stopped(self) -> str | None:
        """Why the run stopped before its end, as an English sentence; None if it reached its end."""
        return str(self.stop) if self.stop else None

    @property
    def counts(self) -> Counter[Outcome]:
        """The number of changes of this run by outcome."""
        return _count(self.results)

    @property
    def counts_before(self) -> Counter[Outcome]:
        """The number of changes that earlier runs finished, by outcome."""
        return _count(self.done_before)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON objects."""
        return {
            "plan": self.plan_digest,
            "counts": _counts_as_json(self.counts),
            "results": [result_as_json(result) for result in self.results],
            "unfinished": [change_as_json(change) for change in self.unfinished],
            "unverified": [change_as_json(change) for change in self.unverified],
            "stop": asdict(self.stop) | {"reason": self.stop.reason.value} if self.stop else None,
            "interrupted": self.interrupted,
            "journal_hash": self.journal_hash,
            "already_complete": self.already_complete,
            "counts_before": _counts_as_json(self.counts_before),
            "done_before": [result_as_json(result) for result in self.done_before],
            "earlier_runs": [asdict(run) for run in self.earlier_runs],
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file that only its owner can read, completely or not at all.

        Raises:
            JournalError: the file cannot be written.
        """
        text = json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            write_atomically(Path(path), text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise JournalError(f"{path}: the report cannot be written ({error.strerror or error})") from None

    def __str__(self) -> str:
        unfinished = f"; {len(self.unfinished)} left to do" if self.unfinished else ""
        seen = "not verified" if self.stop else "not visible yet"
        unverified = f"; {len(self.unverified)} {seen}" if self.unverified else ""
        stopped = f"; stopped: {self.stop}" if self.stop else ""
        text = f"{'; '.join(self._outcomes())}{unfinished}{unverified}{stopped}; journal {self.journal_hash}"
        return escape_controls(text)

    def _outcomes(self) -> Iterator[str]:
        before = ", ".join(f"{outcome.value} {number}" for outcome, number in _in_order(self.counts_before))
        if self.completion:
            yield self.completion
            yield f"earlier outcomes: {before}"
            return
        counts = ", ".join(f"{number} {outcome.value}" for outcome, number in _in_order(self.counts))
        yield counts or ("nothing done" if self.unfinished else "nothing to do")
        if self.done_before:
            yield f"{len(self.done_before)} done by earlier runs ({before})"


def _count(results: Iterable[Result]) -> Counter[Outcome]:
    return Counter(result.outcome for result in results)


def _in_order(counts: Counter[Outcome]) -> list[tuple[Outcome, int]]:
    return [(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]]


def _counts_as_json(counts: Counter[Outcome]) -> dict[str, int]:
    return {outcome.value: counts[outcome] for outcome in Outcome}
