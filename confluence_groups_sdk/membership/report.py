"""What became of a plan."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import frozen

from .._values import Value
from ..errors import JournalError
from ._files import written_whole
from .changes import Change, Outcome, Result
from .journal import result_as_json
from .plan import change_as_json


@frozen(kw_only=True)
class Report(Value):
    """What became of a plan, in this run and in those before it with the same journal.

    Attributes:
        results: one for each change that was tried or decided, in the order of the plan.
        unfinished: changes that a resumed run would take up: not begun, in doubt, or failed for a passing reason.
        stopped: why the run ended before its end; None where it did not.
        interrupted: whether it was ended by Ctrl-C.
        unverified: changes that were made and do not show yet; empty unless the run was to verify.
        plan_digest: of the plan.
        journal_hash: of the journal's last line: who keeps it apart can tell whether the journal was cut or edited.
    """

    results: tuple[Result, ...]
    unfinished: tuple[Change, ...]
    stopped: str | None
    interrupted: bool
    unverified: tuple[Change, ...]
    plan_digest: str
    journal_hash: str

    @property
    def counts(self) -> Counter[Outcome]:
        """How many changes had which outcome."""
        return Counter(result.outcome for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON objects."""
        return {
            "plan": self.plan_digest,
            "counts": {outcome.value: self.counts[outcome] for outcome in Outcome},
            "results": [result_as_json(result) for result in self.results],
            "unfinished": [change_as_json(change) for change in self.unfinished],
            "unverified": [change_as_json(change) for change in self.unverified],
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "journal_hash": self.journal_hash,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file that its owner alone may read; whole, or not at all.

        Raises:
            JournalError: it cannot be written.
        """
        text = json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            written_whole(Path(path), text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise JournalError(f"{path}: the report cannot be written ({error.strerror or error})") from None

    def __str__(self) -> str:
        said = ", ".join(f"{self.counts[outcome]} {outcome.value}" for outcome in Outcome if self.counts[outcome])
        left = f"; {len(self.unfinished)} left to do" if self.unfinished else ""
        unseen = f"; {len(self.unverified)} do not show yet" if self.unverified else ""
        why = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{said or 'nothing to do'}{left}{unseen}{why}; journal {self.journal_hash}"
