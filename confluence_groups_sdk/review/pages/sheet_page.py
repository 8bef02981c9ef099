"""A review sheet as one HTML page: what matters first, then every membership."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..._support.html_page import Card, Cell, Column, RowGroup, Table, render_page
from ..._support.public import public
from ..._support.text import format_count
from ..comparison import diff
from ..model.differences import Difference, DifferenceKind, SnapshotDiff
from ..model.sheet_row import UNKNOWN_ACCESS, SheetRow
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import ADMIN_ACCESS, SnapshotGroup, SnapshotUser
from .parts import format_time, limit_entries
from .sheet_figures import ACTIVE, SMALL, Figures, Person, group_runs

FOLDER = __package__ or __name__
PERSON = "atlassian"  # the account type of people
MAX_GROUP_NAMES = 3  # in a cell
MAX_ITEMS = 20  # in a box

ACCESS_TONES = {**dict.fromkeys(ADMIN_ACCESS, "bad"), UNKNOWN_ACCESS: "warn"}
ACCESS = Column("access", "Access", "badges", ACCESS_TONES)
KINDS = Column("kinds", "Account", "badges", {"app": "warn", "guest": "warn"})
NAME, ACCOUNT_ID = Column("name", "Name", "name"), Column("account_id", "Account id", "id")
PEOPLE = (NAME, KINDS, ACCESS, Column("through", "Through"), ACCOUNT_ID, Column("groups", "Groups", "number"))
GROUPS = (
    Column("name", "Group", "name"),
    Column("signs", "To check", "badges"),
    ACCESS,
    Column("why", "Not complete because"),
    Column("id", "Group id", "id"),
    Column("members", "Members", "number"),
)
CHANGES = (
    NAME,
    Column("change", "Change", "badges", {"joined": "warn", "gained access": "bad", "new group": "warn"}),
    Column("group", "Group"),
    ACCESS,
    Column("before", "Before"),
    Column("after", "After"),
)
DECISION = (
    Column("decision", "Decision", "badges", {"remove": "bad", "exception": "warn", "keep": "good"}, is_kept=True),
    Column("until", "Until"),
    Column("reviewer", "Reviewer", is_kept=True),
    Column("comment", "Comment", is_kept=True),
)
BY_GROUP = (NAME, KINDS, ACCOUNT_ID, *DECISION)
BY_USER = (Column("group", "Group", "name"), ACCESS, Column("group_id", "Group id", "id"), *DECISION)


@public
def render_sheet(
    snapshot: Snapshot,
    rows: Sequence[SheetRow],
    *,
    previous: Snapshot | None = None,
    reviewer: str = "",
    only: Sequence[str] = (),
) -> str:
    """Render a sheet as a complete HTML document, which begins with totals and with what to look at first.

    Args:
        snapshot: the snapshot of the rows.
        rows: the rows, from `sheet_rows`; their order decides whether the page lists them by group or by member.
        previous: the snapshot of the last review, for what has changed since then.
        reviewer: who gets the page; empty for everybody.
        only: the conditions by which the rows were chosen.

    Raises:
        ConfigurationError: jinja2 is not installed.
        ReviewError: the previous snapshot cannot be compared: see `diff`.
    """
    figures = Figures.of(snapshot, rows)
    found = diff(previous, snapshot) if previous else None
    changes = _change_table(found, figures) if found else None
    return render_page(
        "sheet_page.html.j2",
        title=f"Access review of {snapshot.site}",
        folder=FOLDER,
        extra="review",
        facts_of_sheet=_facts(snapshot, figures, reviewer, only),
        digest=snapshot.digest,
        max_items=MAX_ITEMS,
        cards=_cards(figures, changes),
        incomplete=[_describe_incomplete(group) for group in figures.incomplete],
        unknown=len(figures.unknown),
        admins=Table.of(PEOPLE, [RowGroup([_admin_row(each) for each in figures.admins])]),
        busiest=Table.of(PEOPLE, [RowGroup([_person_row(each) for each in figures.busiest])]),
        others=Table.of(PEOPLE, [RowGroup([_person_row(each) for each in figures.others])]),
        groups=Table.of(GROUPS, [RowGroup([_group_row(each) for each in figures.noted])]),
        previous=previous,
        previous_time=format_time(previous.ended_at) if previous else None,
        changes=changes,
        not_compared=[f"{each.group}: {each.why}" for each in found.not_compared] if found else [],
        memberships=_membership_table(snapshot, rows),
        sources=limit_entries(snapshot),
    )


def _facts(snapshot: Snapshot, figures: Figures, reviewer: str, only: Sequence[str]) -> list[tuple[str, str]]:
    total = sum(len(group.members) for group in snapshot.groups)
    name = snapshot.taken_by_name
    return [
        ("Reviewer", reviewer),
        ("This page", "" if figures.is_whole else f"{figures.size:,} of the {total:,} memberships in the snapshot"),
        ("Chosen by", ", ".join(only)),
        ("Groups", str(snapshot.selection)),
        ("Read", f"from {format_time(snapshot.started_at)} to {format_time(snapshot.ended_at)}"),
        ("Taken by", f"{name} ({snapshot.taken_by})" if name else snapshot.taken_by),
    ]


def _cards(figures: Figures, changes: Table | None) -> list[Card]:
    """Return the totals; those that mean trouble are left out if they are 0."""
    cards = [
        Card(len(figures.groups), _plural(figures.groups, "group"), "", "memberships"),
        Card(len(figures.people), _plural(figures.people, "account"), "", "memberships"),
        Card(figures.size, "membership" if figures.size == 1 else "memberships", "", "memberships"),
        Card(len(figures.admins), _plural(figures.admins, "admin"), "warn" if figures.admins else "", "admins"),
    ]
    rare = [
        Card(len(figures.guests), _plural(figures.guests, "guest"), "warn", "others"),
        Card(len(figures.apps), _plural(figures.apps, "app"), "warn", "others"),
        Card(len(figures.inactive), "not active", "warn", "others"),
        Card(len(figures.incomplete), _plural(figures.incomplete, "incomplete group"), "bad", "groups"),
        Card(len(figures.unknown), _plural(figures.unknown, "group") + " with unknown access", "bad", "groups"),
        Card(len(figures.external), _plural(figures.external, "group") + " managed externally", "", "groups"),
        Card(len(figures.small), _plural(figures.small, "group") + " with one member or none", "", "groups"),
    ]
    since = [] if changes is None else [Card(changes.size, "changes since the last review", "", "changes")]
    return cards + [card for card in rare if card.number] + since


def _plural(things: Sequence[object], noun: str) -> str:
    return noun if len(things) == 1 else f"{noun}s"


def _describe_incomplete(group: SnapshotGroup) -> str:
    missing = f"{format_count(group.unidentified, 'member')} without an account id" if group.unidentified else ""
    return f"{group.name}: {'; '.join(filter(None, [missing, '' if group.is_complete else group.known_by]))}"


def _kinds(user: SnapshotUser) -> list[str | Cell]:
    """Return what is special about an account; nothing for active people."""
    found: list[str | Cell] = [] if user.account_type in (None, PERSON) else [user.account_type]
    if user.account_type is None:
        found.append("unknown type")
    if user.is_guest:
        found.append("guest")
    if user.status not in (None, ACTIVE):
        found.append(Cell(user.status or "", tone="warn"))
    return found


def _user_cells(user: SnapshotUser) -> dict[str, Any]:
    name = Cell(user.name or "(no name)", note=user.email or "")
    return {"name": name, "kinds": _kinds(user), "account_id": user.account_id}


def _person_row(person: Person) -> dict[str, Any]:
    unknown = [UNKNOWN_ACCESS] if any(group.access is None for group in person.groups) else []
    return _user_cells(person.user) | {"access": [*sorted(person.access), *unknown], "groups": len(person.groups)}


def _admin_row(person: Person) -> dict[str, Any]:
    names = [group.name for group in person.admin_groups]
    more = [f"{len(names) - MAX_GROUP_NAMES} more"] if len(names) > MAX_GROUP_NAMES else []
    access = sorted(person.access & ADMIN_ACCESS)
    return _person_row(person) | {"access": access, "through": [*names[:MAX_GROUP_NAMES], *more]}


def _group_access(group: SnapshotGroup) -> list[str]:
    return [UNKNOWN_ACCESS] if group.access is None else sorted(group.access)


def _group_row(group: SnapshotGroup) -> dict[str, Any]:
    signs = [
        Cell("incomplete", tone="bad") if not group.is_complete else None,
        Cell(f"{group.unidentified} without id", tone="bad") if group.unidentified else None,
        Cell("unknown access", tone="warn") if group.access is None else None,
        Cell("managed externally") if group.is_externally_managed else None,
        _small_sign(group) if len(group.members) <= SMALL and group.is_complete else None,
    ]
    return {
        "name": group.name,
        "signs": [sign for sign in signs if sign],
        "members": len(group.members),
        "access": _group_access(group),
        "why": "" if group.is_complete else group.known_by,
        "id": group.id,
    }


def _small_sign(group: SnapshotGroup) -> Cell:
    return Cell("one member" if group.members else "no member", tone="warn")


def _membership_table(snapshot: Snapshot, rows: Sequence[SheetRow]) -> Table:
    by, runs = group_runs(rows)
    by_id = {group.id: group for group in snapshot.groups}
    if by == "group_id":
        return Table.of(BY_GROUP, (_group_section(by_id[each[0].group_id], snapshot, each) for each in runs.values()))
    return Table.of(BY_USER, (_user_section(snapshot.users[each[0].account_id], by_id, each) for each in runs.values()))


def _group_section(group: SnapshotGroup, snapshot: Snapshot, rows: Sequence[SheetRow]) -> RowGroup:
    badges = [(each, ACCESS_TONES.get(each, "")) for each in _group_access(group)]
    badges += [("incomplete", "bad")] if not group.is_complete else []
    badges += [("managed externally", "")] if group.is_externally_managed else []
    here, total = len(rows), len(group.members)
    summary = format_count(total, "member") if here == total else f"{here:,} of {format_count(total, 'member')}"
    cells = [_user_cells(snapshot.users[row.account_id]) | _decision_cells(row) for row in rows]
    return RowGroup(cells, group.name, group.id, summary, badges)


def _user_section(user: SnapshotUser, by_id: dict[str, SnapshotGroup], rows: Sequence[SheetRow]) -> RowGroup:
    cells = [
        {"group": row.group, "access": _group_access(by_id[row.group_id]), "group_id": row.group_id}
        | _decision_cells(row)
        for row in rows
    ]
    badges = [(each.text, each.tone) if isinstance(each, Cell) else (each, "warn") for each in _kinds(user)]
    summary = ", ".join(filter(None, [user.email, format_count(len(rows), "group")]))
    return RowGroup(cells, user.name or "(no name)", user.account_id, summary, badges)


def _decision_cells(row: SheetRow) -> dict[str, Any]:
    return {"decision": row.decision, "until": row.until, "reviewer": row.reviewer, "comment": row.comment}


def _change_table(found: SnapshotDiff, figures: Figures) -> Table:
    """Build the table of what has changed in the groups, and for the people, of the page."""
    here = {group.id for group in figures.groups} | {person.user.account_id for person in figures.people}
    chosen = [each for each in found.differences if figures.is_whole or (each.group_id or each.account_id) in here]
    return Table.of(CHANGES, [RowGroup(list(_change_rows(chosen)))])


def _change_rows(differences: Iterable[Difference]) -> Iterator[dict[str, Any]]:
    """Yield the changes, those that matter most first."""
    for each in sorted(differences, key=_weight):
        yield {
            "name": Cell(each.name or each.account_id, note=each.email or "") if each.account_id else each.group,
            "change": each.kind.value.replace("-", " "),
            "group": each.group if each.account_id else None,
            "access": [UNKNOWN_ACCESS] if each.access is None else list(each.access),
            "before": each.before,
            "after": each.after,
        }


def _weight(difference: Difference) -> int:
    """Return the place of a change; those who join a group with admin rights come first, as those who gain access."""
    if difference.kind is DifferenceKind.JOINED and not ADMIN_ACCESS.isdisjoint(difference.access or ()):
        return 0
    return CHANGE_ORDER.index(difference.kind) if difference.kind in CHANGE_ORDER else len(CHANGE_ORDER)


CHANGE_ORDER = (
    DifferenceKind.GAINED_ACCESS,
    DifferenceKind.CHANGED_ACCESS,
    DifferenceKind.NEW_GROUP,
    DifferenceKind.SELECTED_GROUP,
    DifferenceKind.CHANGED_MANAGEMENT,
    DifferenceKind.JOINED,
    DifferenceKind.LEFT,
)
"""The changes that matter most first; the others follow."""
