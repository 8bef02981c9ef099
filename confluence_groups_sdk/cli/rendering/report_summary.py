"""The report on an applied or rehearsed plan, in lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...membership import Action, Outcome, Report, Result, Stop, StopReason
from ..terminal import option_name
from .curl import curl_command
from .plan_summary import format_guard

FAILURES = (Outcome.FAILED, Outcome.UNKNOWN)


def report_lines(report: Report, journal: Path) -> Iterator[str]:
    """Yield a line for each change that was not made, the number of changes by outcome, and how the run ended."""
    yield from not_made_lines(report, earlier=" in an earlier run:")
    for change in report.unverified:
        yield f"{'not verified' if report.stop else 'not visible yet'}: {change}"
    if report.already_complete:
        yield from completion_lines(report)
    else:
        counts = ", ".join(f"{number} {outcome}" for outcome in Outcome if (number := report.counts[outcome]))
        yield counts or ("nothing done" if report.unfinished else "nothing to do")
        yield from _earlier_lines(report)
    if report.unfinished:
        yield f"{len(report.unfinished)} left to do"
    if report.stop:
        yield f"stopped: {_describe_stop(report.stop)}"
    yield f"journal: {journal}, ends with {report.journal_hash}"


def not_made_lines(report: Report, *, earlier: str = "") -> Iterator[str]:
    """Yield a line for each change that failed or was refused.

    Args:
        report: the report.
        earlier: what to say after an outcome of an earlier run.
    """
    for result in _not_made(report.done_before):
        yield f"{result.outcome}{earlier} {result.change}: {_reason(result)}"
    for result in _not_made(report.results):
        yield f"{result.outcome} {result.change}: {_reason(result)}"


def _not_made(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if result.outcome in (*FAILURES, Outcome.REFUSED))


def completion_lines(report: Report) -> Iterator[str]:
    """Yield when and by whom a plan was finished, and the outcomes; nothing if the journal was not complete."""
    if report.completion:
        yield report.completion
        yield f"earlier outcomes: {_format_earlier_counts(report)}"


def _earlier_lines(report: Report) -> Iterator[str]:
    if report.done_before:
        yield f"{len(report.done_before)} done by earlier runs: {_format_earlier_counts(report)}"


def _format_earlier_counts(report: Report) -> str:
    """Format the outcomes of earlier runs, with the numbers last, so that they do not look like those of this run."""
    return ", ".join(f"{outcome} {number}" for outcome in Outcome if (number := report.counts_before[outcome]))


def _reason(result: Result) -> str:
    """Return why a change was not made, with the option that overrides a guard and the id of the last request."""
    reason = f"{result.error or ''}{format_guard(result.guard, result.option)}"
    if result.in_doubt:
        reason = f"{reason.rstrip(' .')}; applying the plan again settles it"
    if not result.request_id or result.request_id in reason:
        return reason
    return f"{reason} [request id {result.request_id}]"


def _describe_stop(stop: Stop) -> str:
    """Describe why a run stopped, with the command line's names for options."""
    if stop.option is None:
        return str(stop)
    option = option_name(stop.option)
    if stop.reason is StopReason.TOO_MANY_FAILURES:
        return f"too many changes failed ({option}), the last one: {stop.error}"
    if stop.reason is StopReason.RATE_LIMITED:
        return f"the site accepts no calls until {stop.resume_at}: resume then, or apply with {option}"
    return str(stop)


def rehearsal_lines(report: Report, client: ConfluenceGroups) -> Iterator[str]:
    """Yield a line for each change that applying the plan would make or decide without a call, and their number."""
    for change in report.unfinished:
        yield f"would {change}"
    for result in report.results:
        reason = _reason(result)
        yield f"{result.outcome} {result.change}" + (f": {reason}" if reason else "")
    if report.already_complete:
        yield from completion_lines(report)
        return
    yield from _earlier_lines(report)
    yield f"{format_count(len(report.unfinished), 'change')} would be made on {client.site}; nothing was sent"


def curl_lines(report: Report, client: ConfluenceGroups) -> Iterator[str]:
    """Yield the curl command for each change that applying the plan would make."""
    for change in report.unfinished:
        method = "remove_member" if change.action is Action.REMOVE else "add_member"
        yield curl_command(client.prepare(method, group_id=change.group_id, account_id=change.account_id))
