"""A plan in words and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..membership import Action, Change, Omission, Plan
from .output import Column
from .terminal import in_options, options_of

COLUMNS = (
    Column("status"),
    Column("action"),
    Column("group_name"),
    Column("account_id"),
    Column("display_name"),
    Column("account_type", in_table=False),
    Column("why"),
    Column("group_id", in_table=False),
    Column("guard", in_table=False),
    Column("overridden", in_table=False),
)


def row_of(change: Change, status: str, why: str | None, guard: str | None = None) -> dict[str, Any]:
    """Return a change as a row."""
    return {
        "status": status,
        "action": change.action.value,
        "group_name": change.group_name,
        "account_id": change.account_id,
        "display_name": change.display_name,
        "account_type": change.account_type,
        "why": why,
        "group_id": change.group_id,
        "guard": guard,
        "overridden": list(change.overridden),
    }


def rows_of(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield all that a plan does, refuses and leaves out."""
    for change in plan.changes:
        yield row_of(change, "planned", change.reason)
    for omission in plan.refused:
        yield row_of(omission.change, "refused", omission.why, omission.guard)
    for omission in plan.left_out:
        yield row_of(omission.change, "left out", omission.why)


def summary(plan: Plan) -> Iterator[str]:
    """Yield what somebody should know who is to approve a plan, line by line."""
    removals = sum(change.action is Action.REMOVE for change in plan.changes)
    yield f"asked:     {plan.asked}"
    yield f"site:      {plan.site}"
    who = f"{plan.made_by_name} ({plan.made_by})" if plan.made_by_name else plan.made_by
    yield f"made:      {plan.made_at} by {who}"
    additions = counted(len(plan.changes) - removals, "addition")
    yield f"changes:   {counted(removals, 'removal')}, {additions}, in {counted(len(plan.groups), 'group')}"
    for group in plan.groups:
        out, into = going(plan, group.id)
        signs = " ".join([*([f"-{out}"] if out else []), *([f"+{into}"] if into else [])])
        yield f"             {group.name}: {signs} of {group.members} members"
    yield from refusals(plan.refused)
    if plan.left_out:
        yield f"left out:  {len(plan.left_out)}"
        for why, number in Counter(omission.why for omission in plan.left_out).most_common():
            yield f"             {number}: {why}"
    if plan.overrides:
        yield f"overrides: {options_of(plan.overrides)}"
    for note in plan.notes:
        yield f"note:      {note}"
    yield f"estimate:  {effort(plan)}"
    yield f"digest:    {plan.digest}"


def refusals(refused: Iterable[Omission]) -> Iterator[str]:
    """Yield what guards refused, counted by guard."""
    counted = Counter((each.guard, each.why, each.option) for each in refused)
    if counted:
        yield f"refused:   {sum(counted.values())}"
    for (guard, why, option), number in counted.most_common():
        remedy = f"; {in_options(option)} overrides it" if option else ""
        yield f"             {number}: {why} [{guard}{remedy}]"


def going(plan: Plan, group_id: str) -> tuple[int, int]:
    """Return how many leave a group, and how many join it."""
    actions = Counter(change.action for change in plan.changes if change.group_id == group_id)
    return actions[Action.REMOVE], actions[Action.ADD]


def effort(plan: Plan) -> str:
    """Return what applying a plan takes, in words."""
    estimate = plan.estimate
    span = "less than a minute" if estimate.minutes < 1 else f"about {counted(round(estimate.minutes), 'minute')}"
    return f"{span}: {counted(estimate.calls, 'call')}, {counted(estimate.points, 'point')}"


def counted(number: int, what: str) -> str:
    """Return so many of something in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
