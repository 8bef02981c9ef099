"""A plan as one page for whoever approves it: readable without script, printable, and without any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from itertools import groupby
from typing import Any

from ..membership import Action, Change, Plan
from .plan_text import effort, going, refusals
from .terminal import cleaned, options_of

PARTS = resources.files(__package__ or __name__)  # of the page; this package may stand in an archive
STYLE = PARTS.joinpath("approval.css").read_text(encoding="utf-8")
SCRIPT = PARTS.joinpath("approval.js").read_text(encoding="utf-8")

CHANGE_HEADERS = ("action", "name", "account id", "kind", "reason", "guards overridden")
OMISSION_HEADERS = ("action", "name", "account id", "kind", "why not", "guard")


def page(plan: Plan) -> str:
    """Return the page, whole."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    allowed = f"script-src '{_hash(SCRIPT)}'; style-src '{_hash(STYLE)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Plan {plan.digest[:8]} for {_text(plan.site)}</title>"
    yield f"<style>{STYLE}</style></head><body>"
    yield from _head(plan)
    yield from _refused_in_short(plan)
    yield '<p class="tools" hidden><label>Filter <input id="filter" type="search" autocomplete="off"></label>'
    yield '<output id="shown"></output></p>'
    yield f"<h2>Changes ({len(plan.changes)})</h2>"
    rows = [(change, (change.reason, ", ".join(change.overridden))) for change in plan.changes]
    yield from _table(CHANGE_HEADERS, rows, plan)
    for title, omissions in (("Refused", plan.refused), ("Left out", plan.left_out)):
        if omissions:
            yield f"<h2>{title} ({len(omissions)})</h2>"
            yield from _table(OMISSION_HEADERS, [(each.change, (each.why, each.guard)) for each in omissions], None)
    yield f"<script>{SCRIPT}</script></body></html>"


def _head(plan: Plan) -> Iterator[str]:
    removals = sum(change.action is Action.REMOVE for change in plan.changes)
    people = len({change.account_id for change in plan.changes})
    counts = (
        ("removals", removals),
        ("additions", len(plan.changes) - removals),
        ("people", people),
        ("groups", len(plan.groups)),
        ("refused by guards", len(plan.refused)),
        ("left out", len(plan.left_out)),
    )
    who = f"{plan.made_by_name} ({plan.made_by})" if plan.made_by_name else plan.made_by
    facts = (
        ("asked", plan.asked),
        ("site", plan.site),
        ("made", f"{plan.made_at} by {who}"),
        ("takes", effort(plan)),
    )
    yield "<h1>Plan for approval</h1>"
    yield "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts) + "</dl>"
    yield (
        '<ul class="totals">' + "".join(f"<li><b>{number}</b> {_text(name)}</li>" for name, number in counts) + "</ul>"
    )
    yield '<div class="digest">To approve exactly this plan, hand over its digest: '
    yield f'<code id="digest">{plan.digest}</code></div>'
    if plan.overrides:
        yield f'<p class="warning">Guards are overridden: <code>{_text(options_of(plan.overrides))}</code></p>'
    for note in plan.notes:
        yield f'<p class="warning">{_text(note)}</p>'


def _refused_in_short(plan: Plan) -> Iterator[str]:
    if plan.refused:
        yield "<h2>What guards refused</h2><ul>"
        yield from (f"<li>{_text(line.strip())}</li>" for line in list(refusals(plan.refused))[1:])
        yield "</ul>"


def _table(
    headers: Sequence[str], rows: Sequence[tuple[Change, tuple[str | None, ...]]], plan: Plan | None
) -> Iterator[str]:
    """Yield a table, grouped by group."""
    if not rows:
        yield "<p>None.</p>"
        return
    yield (
        '<table class="changes"><thead><tr>'
        + "".join(f'<th scope="col">{_text(name)}</th>' for name in headers)
        + "</tr></thead>"
    )
    names = {group.id: group.members for group in plan.groups} if plan else {}
    ordered = sorted(rows, key=lambda row: (row[0].group_name.casefold(), row[0].group_id))
    for (name, group_id), of_group in groupby(ordered, key=lambda row: (row[0].group_name, row[0].group_id)):
        members = list(of_group)
        said = f"{len(members)}"
        if plan is not None:
            out, into = going(plan, group_id)
            said = f"{out} out, {into} in, of {names[group_id]} members"
        yield f'<tbody data-group="{_text(name)}"><tr class="group"><th colspan="{len(headers)}" scope="rowgroup">'
        yield f'{_text(name)} <span class="id">{_text(group_id)}</span> · {said}</th></tr>'
        yield from (_row(change, others) for change, others in members)
        yield "</tbody>"
    yield "</table>"


def _row(change: Change, others: Iterable[str | None]) -> str:
    action = change.action.value
    cells = [
        f'<td class="{action}">{action}</td>',
        f"<td>{_text(change.display_name)}</td>",
        f'<td class="id">{_text(change.account_id)}</td>',
        f"<td>{_text(change.account_type)}</td>",
        *(f"<td>{_text(each)}</td>" for each in others),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Any) -> str:
    """Return a text that is nothing but text on the page, and turns no direction."""
    return escape(cleaned("" if value is None else str(value)))


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
