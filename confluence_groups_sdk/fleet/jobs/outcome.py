"""What became of a plan, as the columns of a job say it: figures, a summary, and why the job is not done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ..._support.text import format_count
from ...membership import Change, Outcome, Plan, Report, Result
from .status import JobCounts, JobPhase

APPLIED = (Outcome.ADDED, Outcome.REMOVED)
DONE = (*APPLIED, Outcome.NOT_A_MEMBER, Outcome.ALREADY_A_MEMBER)
BAD = (Outcome.FAILED, Outcome.UNKNOWN)


def figures_columns(plan: Plan, outcomes: Counter[Outcome], unverified: Sequence[Change] = ()) -> dict[str, Any]:
    """Return the columns with the figures: how many changes of a plan have each outcome."""
    done, failed = sum(outcomes[each] for each in DONE), sum(outcomes[each] for each in BAD)
    refused = outcomes[Outcome.REFUSED]
    planned = len(plan.changes)
    counts = JobCounts(
        planned=planned,
        done=done,
        failed=failed,
        refused=refused,
        left=planned - done - failed - refused,
        refused_by_plan=len(plan.refused),
    )
    return {"counts": counts, "summary": _summary(outcomes, counts, unverified)}


def outcome_columns(plan: Plan, report: Report, unverified: Sequence[Change]) -> dict[str, Any]:
    """Return the columns that say what became of a plan."""
    figures = figures_columns(plan, report.counts + report.counts_before, unverified)
    problems = list(_problems(figures["counts"], (*report.results, *report.done_before), report, unverified))
    resume_at = report.stop.resume_at if report.stop else None
    return {
        **figures,
        "phase": JobPhase.INCOMPLETE if problems else JobPhase.DONE,
        "error": "\n".join(problems) or None,
        "stop": report.stop.reason.value if report.stop else None,
        "resume_at": datetime.fromisoformat(resume_at) if resume_at else None,
    }


def _problems(
    counts: JobCounts, results: Sequence[Result], report: Report, unverified: Sequence[Change]
) -> Iterator[str]:
    """Yield why the job is not done, in words."""
    if report.stop:
        yield f"stopped: {report.stop}"
    for number, outcomes, what in (
        (counts.failed, BAD, "failed"),
        (counts.refused, (Outcome.REFUSED,), "refused by a guard"),
    ):
        if number:
            first = next(result for result in results if result.outcome in outcomes)
            yield f"{format_count(number, 'change')} {what}, the first because {first.error}"
    if counts.left:
        yield f"{format_count(counts.left, 'change')} left to do"
    if unverified:
        yield f"{format_count(len(unverified), 'change')} made but not visible in the groups"


def _summary(outcomes: Counter[Outcome], counts: JobCounts, unverified: Sequence[Change]) -> str:
    parts = [f"{outcomes[each]} {each.value}" for each in Outcome if outcomes[each]]
    parts += [f"{counts.left} left"] if counts.left else []
    parts += [f"{len(unverified)} not visible"] if unverified else []
    parts += [f"{counts.refused_by_plan} refused by the plan"] if counts.refused_by_plan else []
    return ", ".join(parts) or "nothing to do"
