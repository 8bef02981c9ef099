"""A plan as one HTML page for its approver: what happens, what to check, and how to approve it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from attrs import evolve

from ..._support.html_page import Card, Cell, Column, RowGroup, Table, render_page
from ..._support.text import format_count
from ...membership import Action, Change, Plan, SkippedChange
from ..program import PROGRAM
from .plan_impact import GroupImpact, count_reasons, find_checks, find_impacts
from .plan_summary import describe_effort, planner_of

FOLDER = __package__ or __name__
ALWAYS_SHOWN = 4  # totals: the others are left out if they are 0
MAX_NAMES = 20  # in a box; the tables show all

KINDS = {"app": "app", None: "unknown"}  # people have no badge: nearly all accounts are theirs
ACCOUNT = (
    Column("action", "Change", "badges", {"remove": "bad", "add": "good"}),
    Column("name", "Name", "name"),
    Column("email", "E-mail", "email"),
    Column("account_id", "Account id", "id"),
    Column("kind", "Kind", "badges", {"app": "warn"}),
)
CHANGES = (
    *ACCOUNT,
    Column("reason", "Reason"),
    Column("overridden", "Guards overridden", "badges"),
    Column("note", "Remark"),
)
OMITTED = (
    *ACCOUNT,
    Column("why", "Why not"),
    Column("guard", "Guard", "badges"),
    Column("reason", "Reason given"),
    Column("note", "Remark"),
)
GROUPS = (
    Column("name", "Group", "name"),
    Column("signs", "To check", "badges"),
    Column("leaving", "Leave", "number"),
    Column("unlisted", "Leave, not listed", "number"),
    Column("joining", "Join", "number"),
    Column("after", "Members then", "number"),
    Column("gives", "Gives"),
    Column("managed_by", "Managed by"),
)


def render_approval_page(plan: Plan) -> str:
    """Render a plan as a complete HTML document.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    impacts = find_impacts(plan)
    plan = _complete_emails(plan)
    return render_page(
        "approval_page.html.j2",
        title=f"Plan {plan.digest[:8]} for {plan.site}",
        folder=FOLDER,
        extra="cli",
        plan=plan,
        planner=plan.made_by_name or plan.made_by,
        program=PROGRAM,
        max_names=MAX_NAMES,
        facts_of_plan=_facts(plan),
        cards=_cards(plan, impacts),
        effects=list(_effects(plan)),
        checks=list(find_checks(plan, impacts)),
        groups=Table.of(GROUPS, [RowGroup([_group_row(impact) for impact in impacts.values()])]),
        changes=Table.of(CHANGES, _change_groups(plan, impacts)),
        refused=Table.of(OMITTED, _omitted_groups(plan.refused)),
        refusals=count_reasons(plan.refused),
        skipped=Table.of(OMITTED, _omitted_groups(plan.skipped)),
        omissions=count_reasons(plan.skipped),
    )


def _complete_emails(plan: Plan) -> Plan:
    """Return the plan, for showing only, with the e-mail of an account in each of its changes.

    Confluence sends e-mails with some lists of members only. The digest stays that of the plan.
    """
    omitted = (*plan.refused, *plan.skipped)
    emails = {each.account_id: each.email for each in (*plan.changes, *(each.change for each in omitted)) if each.email}

    def complete(change: Change) -> Change:
        return evolve(change, email=change.email or emails.get(change.account_id))

    return evolve(
        plan,
        changes=tuple(map(complete, plan.changes)),
        refused=tuple(evolve(each, change=complete(each.change)) for each in plan.refused),
        skipped=tuple(evolve(each, change=complete(each.change)) for each in plan.skipped),
    )


def _facts(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("Request", plan.asked),
        ("Site", plan.site),
        ("Made by", planner_of(plan)),
        ("Made at", plan.made_at),
        ("Takes", describe_effort(plan)),
    ]


def _cards(plan: Plan, impacts: Mapping[str, GroupImpact]) -> list[Card]:
    """Return the totals."""
    removals = sum(impact.leaving for impact in impacts.values())
    admins = sum(impact.gives_admin for impact in impacts.values())
    external = sum(impact.is_external for impact in impacts.values())
    emptied = sum(impact.is_emptied for impact in impacts.values())
    found = [
        (removals, "removal", "removals", "", "changes"),
        (len(plan.changes) - removals, "addition", "additions", "", "changes"),
        (len({change.account_id for change in plan.changes}), "account", "accounts", "", "changes"),
        (len(plan.groups), "group", "groups", "", "groups"),
        (admins, "group with admin rights", "groups with admin rights", "bad", "groups"),
        (external, "externally managed group", "externally managed groups", "bad", "groups"),
        (emptied, "emptied group", "emptied groups", "bad", "groups"),
        (len(plan.refused), "refused by guards", "refused by guards", "warn", "refused"),
        (len(plan.skipped), "skipped", "skipped", "", "skipped"),
    ]
    return [
        Card(number, one if number == 1 else many, tone, target)
        for index, (number, one, many, tone, target) in enumerate(found)
        if number or index < ALWAYS_SHOWN
    ]


def _effects(plan: Plan) -> Iterator[str]:
    """Yield what happens if the plan is approved and applied."""
    for action, verb, noun in ((Action.REMOVE, "leave", "removal"), (Action.ADD, "join", "addition")):
        chosen = [change for change in plan.changes if change.action is action]
        if chosen:
            accounts = len({change.account_id for change in chosen})
            groups = len({change.group_id for change in chosen})
            moves = f"{format_count(accounts, 'account')} {verb}{'s' if accounts == 1 else ''}"
            yield f"{moves} {format_count(groups, 'group')} ({format_count(len(chosen), noun)})."
    if not plan.changes:
        yield "Nothing: the plan makes no change."


def _group_row(impact: GroupImpact) -> dict[str, Any]:
    group = impact.group
    share = f"{impact.listed:,} of {group.members:,}, {impact.percent}"
    return {
        "name": Cell(group.name, note=group.id),
        "signs": [Cell(text, tone=tone) for text, tone in impact.badges],
        "leaving": Cell(share, sort=impact.share) if impact.listed else None,
        "unlisted": impact.leaving - impact.listed or None,
        "joining": impact.joining or None,
        "after": impact.remaining,
        "gives": impact.gives,
        "managed_by": None if impact.is_external else group.managed_by,
    }


def _change_groups(plan: Plan, impacts: Mapping[str, GroupImpact]) -> Iterator[RowGroup]:
    """Yield the changes by group, in the order of the groups."""
    by_group: dict[str, list[Change]] = {group_id: [] for group_id in impacts}
    for change in plan.changes:
        by_group[change.group_id].append(change)
    for group_id, impact in impacts.items():
        rows = [
            _account_row(change) | {"reason": change.reason, "overridden": change.overridden}
            for change in by_group[group_id]
        ]
        yield RowGroup(rows, impact.group.name, group_id, impact.sentence, impact.badges)


def _omitted_groups(omitted: Iterable[SkippedChange]) -> Iterator[RowGroup]:
    """Yield the changes that the plan does not make by group, sorted by the group's name."""
    ordered = sorted(omitted, key=lambda each: (each.change.group_name.casefold(), each.change.group_id))
    for (name, group_id), of_group in groupby(ordered, lambda each: (each.change.group_name, each.change.group_id)):
        rows = [
            _account_row(each.change) | {"why": each.why, "guard": each.guard, "reason": each.change.reason}
            for each in of_group
        ]
        yield RowGroup(rows, name, group_id, format_count(len(rows), "change"))


def _account_row(change: Change) -> dict[str, Any]:
    kind = change.account_type
    return {
        "action": change.action.value,
        "name": change.display_name,
        "email": change.email,
        "account_id": change.account_id,
        "kind": None if kind == "atlassian" else KINDS.get(kind, kind),
        "note": change.note,
    }
