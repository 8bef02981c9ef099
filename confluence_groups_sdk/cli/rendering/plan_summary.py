"""A plan as a summary in lines of text, and as rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define

from ..._support.text import format_count
from ...membership import Action, Change, Plan, SkippedChange
from ..program import PROGRAM
from ..terminal import format_options
from .tables import Column

COLUMNS = (
    Column("status"),
    Column("action"),
    Column("group_name"),
    Column("account_id"),
    Column("display_name"),
    Column("account_type", in_table=False),
    Column("why"),
    Column("note"),
    Column("group_id", in_table=False),
    Column("guard", in_table=False),
    Column("overridden", in_table=False),
)
INDENT = " " * 13
MAX_LINES = 20  # of notes, and of skipped changes


@define
class Movements:
    """The number of people who leave a group, and of those who join it."""

    removals: int = 0
    additions: int = 0


def plan_rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield a row for each change that a plan makes, refuses or skips."""
    for change in plan.changes:
        yield _row(change, "planned", change.reason)
    for skipped in plan.refused:
        yield _row(skipped.change, "refused", skipped.why, skipped.guard)
    for skipped in plan.skipped:
        yield _row(skipped.change, "skipped", skipped.why)


def _row(change: Change, status: str, why: str | None, guard: str | None = None) -> dict[str, Any]:
    return {
        "status": status,
        "action": change.action.value,
        "group_name": change.group_name,
        "account_id": change.account_id,
        "display_name": change.display_name,
        "account_type": change.account_type,
        "why": why,
        "note": change.note,
        "group_id": change.group_id,
        "guard": guard,
        "overridden": list(change.overridden),
    }


def summary_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines that an approver needs to know about a plan."""
    yield f"asked:     {plan.asked}"
    yield f"site:      {plan.site}"
    yield f"made:      {plan.made_at} by {planner_of(plan)}"
    yield from _change_lines(plan)
    yield from _refused_lines(plan)
    yield from _skipped_lines(plan)
    if plan.overrides:
        yield f"overrides: {format_options(plan.overrides)}"
    for note in plan.notes:
        yield f"note:      {note}"
    yield from (f"note:      {line}" for line in shorten([each.note for each in plan.changes if each.note]))
    yield f"estimate:  {describe_effort(plan)}"
    yield f"digest:    {plan.digest}"


def _change_lines(plan: Plan) -> Iterator[str]:
    movements = count_movements(plan)
    removals = format_count(sum(each.removals for each in movements.values()), "removal")
    additions = format_count(sum(each.additions for each in movements.values()), "addition")
    yield f"changes:   {removals}, {additions}, in {format_count(len(plan.groups), 'group')}"
    for group in plan.groups:
        moved = movements[group.id]
        numbers = [f"-{moved.removals}"] * bool(moved.removals) + [f"+{moved.additions}"] * bool(moved.additions)
        yield f"{INDENT}{group.name}: {' '.join(numbers)} of {group.members} members"


def _refused_lines(plan: Plan) -> Iterator[str]:
    if plan.refused:
        yield f"refused:   {len(plan.refused)}"
        yield from (f"{INDENT}{line}" for line in refusal_lines(plan.refused))


def _skipped_lines(plan: Plan) -> Iterator[str]:
    if plan.skipped:
        yield f"skipped:   {len(plan.skipped)}"
        reasons = Counter(skipped.why for skipped in plan.skipped)
        yield from (f"{INDENT}{number}: {why}" for why, number in reasons.most_common())
        places = [f"{each.change.note}: {_describe(each)}" for each in plan.skipped if each.change.note]
        yield from (f"{INDENT}{line}" for line in shorten(places))


def _describe(skipped: SkippedChange) -> str:
    change = skipped.change
    user = f"{change.display_name} ({change.account_id})" if change.display_name else change.account_id
    return f"{user} in {change.group_name}: {skipped.why}"


def shorten(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines; if there are more than 20, yield the first ones and the command that shows all of them."""
    yield from lines[:MAX_LINES]
    if len(lines) > MAX_LINES:
        yield f"and {len(lines) - MAX_LINES} more: {PROGRAM} plan show lists all of them"


def refusal_lines(refused: Iterable[SkippedChange]) -> Iterator[str]:
    """Yield one line for each reason why guards refused changes, with the number of changes."""
    reasons = Counter((each.why, each.guard, each.option) for each in refused)
    for (why, guard, option), number in reasons.most_common():
        yield f"{number}: {why}{format_guard(guard, option)}"


def format_guard(guard: str | None, option: tuple[str, Any] | None) -> str:
    """Format a guard and the option that overrides it, to follow the reason for a refusal; empty without a guard."""
    if guard is None:
        return ""
    return f" [{guard}; {format_options(dict([option]))} overrides it]" if option else f" [{guard}]"


def planner_of(plan: Plan) -> str:
    """Return the name and account id of the user who made a plan."""
    return f"{plan.made_by_name} ({plan.made_by})" if plan.made_by_name else plan.made_by


def count_movements(plan: Plan) -> Mapping[str, Movements]:
    """Count the people who leave and join each group, by group id."""
    movements: dict[str, Movements] = defaultdict(Movements)
    for change in plan.changes:
        if change.action is Action.REMOVE:
            movements[change.group_id].removals += 1
        else:
            movements[change.group_id].additions += 1
    return movements


def describe_effort(plan: Plan) -> str:
    """Describe how long applying a plan takes, and how many calls and points it needs."""
    estimate = plan.estimate
    span = "less than a minute" if estimate.minutes < 1 else f"about {format_count(round(estimate.minutes), 'minute')}"
    return f"{span}: {format_count(estimate.calls, 'call')}, {format_count(estimate.points, 'point')}"
