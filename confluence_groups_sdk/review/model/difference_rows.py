"""Differences as rows for tables, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.text import escape_controls, format_count
from .differences import Difference, DifferenceKind, SnapshotDiff
from .snapshot import Snapshot

NOT_COMPARED = "not-compared"
SIGNS = {
    DifferenceKind.JOINED: "+",
    DifferenceKind.NEW_GROUP: "+",
    DifferenceKind.SELECTED_GROUP: "+",
    DifferenceKind.GAINED_ACCESS: "+",
    DifferenceKind.LEFT: "-",
    DifferenceKind.DELETED_GROUP: "-",
    DifferenceKind.UNSELECTED_GROUP: "-",
    DifferenceKind.LOST_ACCESS: "-",
}
"""New things have a plus, and things that are gone have a minus. Other changes have a tilde."""
CHANGED = "~"
NOUNS = {
    DifferenceKind.JOINED: ("member joined", "members joined"),
    DifferenceKind.LEFT: ("member left", "members left"),
    DifferenceKind.NEW_GROUP: ("new group", "new groups"),
    DifferenceKind.DELETED_GROUP: ("deleted group", "deleted groups"),
    DifferenceKind.SELECTED_GROUP: ("group newly gives the access", "groups newly give the access"),
    DifferenceKind.UNSELECTED_GROUP: ("group no longer gives the access", "groups no longer give the access"),
    DifferenceKind.RENAMED_GROUP: ("renamed group", "renamed groups"),
    DifferenceKind.CHANGED_ACCESS: ("group gives other access", "groups give other access"),
    DifferenceKind.CHANGED_MANAGEMENT: ("group has another manager", "groups have another manager"),
    DifferenceKind.GAINED_ACCESS: ("user gained access", "users gained access"),
    DifferenceKind.LOST_ACCESS: ("user lost access", "users lost access"),
}
"""The words after the number of differences of a kind, for one and for several."""


@public
@frozen(kw_only=True)
class DifferenceRow(VersionTolerantPickle):
    """A difference as a row; empty cells are None.

    Attributes:
        change: the kind of the difference, or ``not-compared``.
        group_id: the group's id.
        group: the group's name.
        account_id: the user's account id.
        name: the user's name.
        email: the user's e-mail.
        access: the access that the group gives, or that a person gained or lost.
        before: the former value.
        after: the present value.
        note: why a group was not compared.
    """

    change: str
    group_id: str | None = None
    group: str | None = None
    account_id: str | None = None
    name: str | None = None
    email: str | None = None
    access: str | None = None
    before: str | None = None
    after: str | None = None
    note: str | None = None


@public
def difference_rows(found: SnapshotDiff, *, by_user: bool = False) -> Iterator[DifferenceRow]:
    """Yield the differences as rows, in the order of groups or of people, and then the groups that were not compared.

    Args:
        found: the differences.
        by_user: whether rows are in the order of people; differences of groups come first.
    """
    for each in sorted(found.differences, key=_by_user if by_user else _by_group):
        yield DifferenceRow(
            change=each.kind.value,
            group_id=each.group_id,
            group=each.group,
            account_id=each.account_id,
            name=each.name,
            email=each.email,
            access=_format_access(each.access),
            before=each.before,
            after=each.after,
        )
    for skipped in found.not_compared:
        yield DifferenceRow(change=NOT_COMPARED, group_id=skipped.group_id, group=skipped.group, note=skipped.why)


@public
def difference_lines(found: SnapshotDiff, *, by_user: bool = False) -> Iterator[str]:
    """Yield lines of text that show the differences, under the group or the user that they are about.

    Control characters in names are escaped.

    Args:
        found: the differences.
        by_user: whether they are listed under users.
    """
    return map(escape_controls, _lines(found, by_user=by_user))


def _lines(found: SnapshotDiff, *, by_user: bool) -> Iterator[str]:
    yield f"before: {_describe_snapshot(found.before)}"
    yield f"after:  {_describe_snapshot(found.after)}"
    counts = ", ".join(f"{number} {noun}" for number, noun in describe_counts(found))
    yield f"found:  {counts or 'no difference'}"
    for title, differences in group_differences(found, by_user=by_user):
        yield ""
        yield title
        yield from (f"  {describe(each, by_user=by_user)}" for each in differences)
    if found.not_compared:
        yield ""
        yield f"Not compared: {format_count(len(found.not_compared), 'group')}"
        yield from (f"  {each.group} ({each.group_id}): {each.why}" for each in found.not_compared)


def describe_counts(found: SnapshotDiff) -> list[tuple[int, str]]:
    """Return the number of differences of each kind that occurs, with its noun."""
    return [(number, NOUNS[kind][number != 1]) for kind in DifferenceKind if (number := len(found.of(kind)))]


def group_differences(found: SnapshotDiff, *, by_user: bool) -> list[tuple[str, list[Difference]]]:
    """Return the differences under the title of the group or of the user that they are about, in order.

    A difference that is about no user, or about no group, is under a common title.
    """
    grouped: dict[str | None, list[Difference]] = {}
    for each in sorted(found.differences, key=_by_user if by_user else _by_group):
        grouped.setdefault(each.account_id if by_user else each.group_id, []).append(each)
    return [(_title_of(differences[0], by_user=by_user), differences) for differences in grouped.values()]


def name_user(difference: Difference) -> str:
    """Return the name of the user and the e-mail, or the account id if the e-mail is unknown."""
    shown = difference.email or difference.account_id
    return f"{difference.name} ({shown})" if difference.name else f"{shown}"


def describe(difference: Difference, *, by_user: bool) -> str:
    """Describe a difference in one line, under the title of its group or of its person."""
    sign = SIGNS.get(difference.kind, CHANGED)
    if difference.kind in (DifferenceKind.GAINED_ACCESS, DifferenceKind.LOST_ACCESS):
        access = _format_access(difference.access)
        verb = "gained" if difference.kind is DifferenceKind.GAINED_ACCESS else "lost"
        return f"{sign} {verb} the access {access}" if by_user else f"{sign} {access}: {name_user(difference)}"
    if difference.account_id is not None:
        if by_user:
            verb = "joined" if difference.kind is DifferenceKind.JOINED else "left"
            return f"{sign} {verb} {difference.group}{_in_brackets(difference)}"
        return f"{sign} {name_user(difference)}"
    return f"{sign} {_describe_group(difference, name=by_user)}"


def _describe_group(difference: Difference, *, name: bool) -> str:
    texts = {
        DifferenceKind.NEW_GROUP: "new group",
        DifferenceKind.DELETED_GROUP: "deleted group",
        DifferenceKind.SELECTED_GROUP: f"gives the access {difference.after}, and did not before",
        DifferenceKind.UNSELECTED_GROUP: f"gave the access {difference.before}, and does not any more",
        DifferenceKind.RENAMED_GROUP: f"renamed from {difference.before}",
        DifferenceKind.CHANGED_ACCESS: f"access: {difference.before} before, {difference.after} now",
        DifferenceKind.CHANGED_MANAGEMENT: f"managed by {difference.before} before, by {difference.after} now",
    }
    return f"{difference.group}: {texts[difference.kind]}" if name else texts[difference.kind]


def _title_of(difference: Difference, *, by_user: bool) -> str:
    if by_user:
        return "Groups" if difference.account_id is None else name_user(difference)
    return "People's access" if difference.group_id is None else f"{difference.group}{_in_brackets(difference)}"


def _in_brackets(difference: Difference) -> str:
    access = _format_access(difference.access)
    return f" ({access})" if access else ""


def _format_access(access: Iterable[str] | None) -> str | None:
    return "unknown" if access is None else ", ".join(sorted(access)) or None


def _by_group(difference: Difference) -> tuple[object, ...]:
    group, person = (difference.group or "").casefold(), (difference.name or "").casefold()
    is_about_group = difference.account_id is None
    return difference.group_id is None, group, difference.group_id or "", not is_about_group, difference.kind, person


def _by_user(difference: Difference) -> tuple[object, ...]:
    person, group = (difference.name or "").casefold(), (difference.group or "").casefold()
    is_about_access = difference.group_id is None
    account_id = difference.account_id
    return account_id is not None, person, account_id or "", not is_about_access, difference.kind, group


def _describe_snapshot(snapshot: Snapshot) -> str:
    groups, people = format_count(len(snapshot.groups), "group"), format_count(len(snapshot.users), "member")
    period = f"read from {snapshot.started_at} to {snapshot.ended_at}"
    return f"{period}, {groups}, {people}, {snapshot.selection} (digest {snapshot.digest[:16]})"
