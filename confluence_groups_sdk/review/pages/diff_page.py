"""The HTML page that shows the differences between two snapshots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..._support.html_page import Card, Cell, Column, RowGroup, Table, render_page
from ..._support.public import public
from ..model.difference_rows import describe_counts
from ..model.differences import Difference, DifferenceKind, SnapshotDiff
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import ADMIN_ACCESS
from .parts import limit_entries

EXTRA = "review"
PEOPLE = (DifferenceKind.GAINED_ACCESS, DifferenceKind.LOST_ACCESS)
MEMBERS = (DifferenceKind.JOINED, DifferenceKind.LEFT)
TARGETS = dict.fromkeys(PEOPLE, "access") | dict.fromkeys(MEMBERS, "members")
CARD_TONES = {DifferenceKind.GAINED_ACCESS: "warn", DifferenceKind.JOINED: "warn"}
TONES = {"joined": "warn", "gained": "warn"}
ACCESS_TONES = dict.fromkeys(ADMIN_ACCESS, "bad")
WORDS = {
    DifferenceKind.JOINED: "joined",
    DifferenceKind.LEFT: "left",
    DifferenceKind.GAINED_ACCESS: "gained",
    DifferenceKind.LOST_ACCESS: "lost",
    DifferenceKind.NEW_GROUP: "new",
    DifferenceKind.DELETED_GROUP: "deleted",
    DifferenceKind.SELECTED_GROUP: "newly gives the access",
    DifferenceKind.UNSELECTED_GROUP: "no longer gives the access",
    DifferenceKind.RENAMED_GROUP: "renamed",
    DifferenceKind.CHANGED_ACCESS: "gives other access",
    DifferenceKind.CHANGED_MANAGEMENT: "has another manager",
}
PERSON_COLUMN = Column("person", "Person", kind="name")
ACCOUNT_COLUMN = Column("account_id", "Account id", kind="id")
ACCESS_COLUMN = Column("access", "Access", kind="badges", tones=ACCESS_TONES)
CHANGE_COLUMN = Column("change", "Change", kind="badges", tones=TONES)


@public
def render_diff(found: SnapshotDiff, *, by_user: bool = False) -> str:
    """Render the page.

    Args:
        found: the differences.
        by_user: whether memberships are listed under their user instead of their group.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    return render_page(
        "diff_page.html.j2",
        title="Changes between two snapshots",
        folder=__package__ or __name__,
        extra=EXTRA,
        lead=[("Site", found.after.site), ("Before", _describe(found.before)), ("After", _describe(found.after))],
        cards=_cards(found),
        size=len(found.differences),
        knows_access=all(group.access is not None for group in found.after.groups),
        not_compared=[f"{each.group} ({each.group_id}): {each.why}" for each in found.not_compared],
        access=_access_table(found),
        groups=_group_table(found),
        members=_member_table(found, by_user=by_user),
        sources=limit_entries(found.after),
    )


def _cards(found: SnapshotDiff) -> list[Card]:
    kinds = [kind for kind in DifferenceKind if found.of(kind)]
    return [
        Card(number, noun, tone=CARD_TONES.get(kind, ""), target=TARGETS.get(kind, "groups"))
        for kind, (number, noun) in zip(kinds, describe_counts(found), strict=True)
    ]


def _describe(snapshot: Snapshot) -> str:
    return (
        f"read from {snapshot.started_at} to {snapshot.ended_at}, {snapshot.selection}, digest {snapshot.digest[:16]}…"
    )


def _access_table(found: SnapshotDiff) -> Table:
    columns = [PERSON_COLUMN, CHANGE_COLUMN, ACCESS_COLUMN, ACCOUNT_COLUMN]
    rows = [_person(each) | {"access": list(each.access or ())} for each in found.of(*PEOPLE)]
    return Table.of(columns, [RowGroup(rows)])


def _group_table(found: SnapshotDiff) -> Table:
    columns = [
        Column("group", "Group", kind="name"),
        Column("change", "Change", kind="badges"),
        Column("before", "Before"),
        Column("after", "After"),
        Column("group_id", "Group id", kind="id"),
    ]
    rows = [
        {
            "group": each.group,
            "change": WORDS[each.kind],
            "before": each.before,
            "after": each.after,
            "group_id": each.group_id,
        }
        for each in found.differences
        if each.account_id is None
    ]
    return Table.of(columns, [RowGroup(rows)])


def _member_table(found: SnapshotDiff, *, by_user: bool) -> Table:
    differences = found.of(*MEMBERS)
    return _table_of_users(differences) if by_user else _table_of_groups(differences)


def _table_of_groups(differences: Iterable[Difference]) -> Table:
    grouped: defaultdict[str, list[Difference]] = defaultdict(list)
    for each in differences:
        grouped[each.group_id or ""].append(each)
    ordered = sorted(grouped.values(), key=lambda members: ((members[0].group or "").casefold(), members[0].group_id))
    groups = [
        RowGroup(
            [_person(each) for each in members],
            title=members[0].group or "",
            id=members[0].group_id or "",
            badges=[(access, ACCESS_TONES.get(access, "")) for access in members[0].access or ()],
        )
        for members in ordered
    ]
    return Table.of([PERSON_COLUMN, CHANGE_COLUMN, ACCOUNT_COLUMN], groups)


def _table_of_users(differences: Iterable[Difference]) -> Table:
    grouped: defaultdict[str, list[Difference]] = defaultdict(list)
    for each in differences:
        grouped[each.account_id or ""].append(each)
    ordered = sorted(grouped.values(), key=lambda found: ((found[0].name or "").casefold(), found[0].account_id))
    groups = [
        RowGroup(
            [
                {"group": each.group, "access": list(each.access or ()), "group_id": each.group_id} | _change(each)
                for each in found
            ],
            title=found[0].name or found[0].account_id or "",
            id=found[0].account_id or "",
            summary=found[0].email or "",
        )
        for found in ordered
    ]
    columns = [Column("group", "Group", kind="name"), CHANGE_COLUMN, ACCESS_COLUMN]
    return Table.of([*columns, Column("group_id", "Group id", kind="id")], groups)


def _person(difference: Difference) -> dict[str, Any]:
    return {
        "person": Cell(difference.name or difference.account_id or "", note=difference.email or ""),
        "account_id": difference.account_id,
    } | _change(difference)


def _change(difference: Difference) -> dict[str, Any]:
    return {"change": WORDS[difference.kind]}
