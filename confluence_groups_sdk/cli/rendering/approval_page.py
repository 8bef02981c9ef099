"""A plan as one HTML page for its approver: readable without script, printable, and loads nothing from a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from itertools import groupby
from typing import Any

from attrs import frozen
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ..._support.text import escape_controls
from ...membership import Action, Change, Plan, SkippedChange
from ..terminal import format_options
from .plan_summary import Movements, count_movements, describe_effort, planner_of, refusal_lines

FOLDER = resources.files(__package__ or __name__)  # works from a zip archive and in a renamed copy


def _read(name: str) -> str:
    return FOLDER.joinpath(name).read_text(encoding="utf-8")


STYLE = _read("approval_page.css")
SCRIPT = _read("approval_page.js")

CHANGE_HEADERS = ("action", "name", "account id", "kind", "reason", "guards overridden", "note")
SKIPPED_HEADERS = ("action", "name", "account id", "kind", "why not", "guard", "note")


@frozen
class Row:
    """One change as a table row."""

    action: str
    name: str | None
    account_id: str
    account_type: str | None
    why: str | None
    guards: str | None
    note: str | None


@frozen
class GroupRows:
    """The rows of one group, under a heading that sums them up."""

    name: str
    id: str
    summary: str
    rows: list[Row]


@frozen
class Section:
    """A titled table of changes."""

    title: str
    size: int
    headers: tuple[str, ...]
    groups: list[GroupRows]


def render_page(plan: Plan) -> str:
    """Render a plan as a complete HTML document."""
    template = _build_environment().get_template("approval_page.html.j2")
    return template.render(
        plan=plan,
        policy=_content_security_policy(),
        style=Markup(STYLE),  # noqa: S704 - our own file
        script=Markup(SCRIPT),  # noqa: S704 - our own file
        facts=_facts(plan),
        totals=_totals(plan),
        overrides=format_options(plan.overrides),
        refusals=list(refusal_lines(plan.refused)),
        sections=list(_sections(plan)),
    )


def _build_environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: Any) -> Any:
    """Show control characters of a value as escapes, before Jinja escapes its HTML; show None as nothing."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else escape_controls(str(value))


def _content_security_policy() -> str:
    """Build the policy that allows this page's own script and style, and nothing else."""
    allowed = f"script-src '{_hash_source(SCRIPT)}'; style-src '{_hash_source(STYLE)}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _hash_source(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def _facts(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("asked", plan.asked),
        ("site", plan.site),
        ("made", f"{plan.made_at} by {planner_of(plan)}"),
        ("takes", describe_effort(plan)),
    ]


def _totals(plan: Plan) -> list[tuple[str, int]]:
    removals = sum(change.action is Action.REMOVE for change in plan.changes)
    return [
        ("removals", removals),
        ("additions", len(plan.changes) - removals),
        ("people", len({change.account_id for change in plan.changes})),
        ("groups", len(plan.groups)),
        ("refused by guards", len(plan.refused)),
        ("skipped", len(plan.skipped)),
    ]


def _sections(plan: Plan) -> Iterator[Section]:
    sizes = {group.id: group.members for group in plan.groups}
    movements = count_movements(plan)
    rows = [(change, _row(change, change.reason, ", ".join(change.overridden))) for change in plan.changes]
    groups = _group_rows(rows, {each: _movement_summary(movements[each], size) for each, size in sizes.items()})
    yield Section("Changes", len(rows), CHANGE_HEADERS, groups)
    for title, skipped in (("Refused", plan.refused), ("Skipped", plan.skipped)):
        if skipped:
            yield Section(title, len(skipped), SKIPPED_HEADERS, _group_rows(_skipped_rows(skipped), {}))


def _movement_summary(movements: Movements, size: int) -> str:
    return f"{movements.removals} out, {movements.additions} in, of {size} members"


def _skipped_rows(skipped: Iterable[SkippedChange]) -> list[tuple[Change, Row]]:
    return [(each.change, _row(each.change, each.why, each.guard)) for each in skipped]


def _row(change: Change, why: str | None, guards: str | None) -> Row:
    return Row(
        change.action.value, change.display_name, change.account_id, change.account_type, why, guards, change.note
    )


def _group_rows(rows: Iterable[tuple[Change, Row]], summaries: Mapping[str, str]) -> list[GroupRows]:
    """Collect rows by group, sorted by the group's name.

    Args:
        rows: each change with its row.
        summaries: the text after a group's name, by group id; the number of rows if there is none.
    """
    ordered = sorted(rows, key=lambda row: (row[0].group_name.casefold(), row[0].group_id))
    found = []
    for (name, group_id), members in groupby(ordered, key=lambda row: (row[0].group_name, row[0].group_id)):
        of_group = [row for _, row in members]
        found.append(GroupRows(name, group_id, summaries.get(group_id, str(len(of_group))), of_group))
    return found
