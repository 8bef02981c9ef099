"""Evaluation of guards: one function for each guard, and the decision about all changes of a plan.

A guard that concerns one change returns a `Violation` of that change. A guard that counts looks at all changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from attrs import evolve

from ..._support.text import escape_controls
from ..model.changes import Action, Change, Key, Option, SkippedChange
from ..model.guards import MAX_FRACTION, MAX_REMOVALS, MIN_REMOVALS_FOR_FRACTION, Guards
from .snapshot import GroupSnapshot

Groups: TypeAlias = Mapping[str, GroupSnapshot]
"""Groups by group id."""


class GuardDecision(NamedTuple):
    """The changes that the guards allow, and the changes that they refuse."""

    changes: tuple[Change, ...]
    refused: tuple[SkippedChange, ...]


class Violation(NamedTuple):
    """A guard that one change violates.

    Attributes:
        guard: the guard's name.
        option: the field of `Guards` that overrides it.
        why: the reason, for people.
    """

    guard: str
    option: str
    why: str


def evaluate(guards: Guards, changes: Sequence[Change], groups: Groups, caller: str) -> GuardDecision:
    """Decide which changes the guards allow.

    Args:
        guards: the guards and their overrides.
        changes: all changes of the plan; some guards count them.
        groups: the groups as they are now, by group id.
        caller: the account id of the user who would make the changes.
    """
    refused: dict[Key, SkippedChange] = {}
    allowed = []
    for change in changes:
        overridden = []
        for violation in per_change_violations(guards, change, groups[change.group_id], caller):
            if not getattr(guards, violation.option):
                _refuse([change], refused, violation.why, violation.guard, (violation.option, True))
                break
            overridden.append(violation.guard)
        else:
            allowed.append(_with_overridden(change, tuple(overridden)))
    allowed = apply_counting_guards(guards, allowed, groups, refused)
    return GuardDecision(tuple(allowed), tuple(refused[change.key] for change in changes if change.key in refused))


def needs_access(changes: Iterable[Change], groups: Groups, caller: str) -> bool:
    """Check whether a guard depends on the access that groups give: whether the caller or a group's last people leave.

    The people whom the changes add are left out, because an addition may fail.

    Args:
        changes: the changes.
        groups: the groups with their members, by group id; changes of other groups do not matter.
        caller: as for `evaluate`.
    """
    by_group: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if change.action is Action.REMOVE and change.group_id in groups:
            by_group[change.group_id].append(change)
    return any(
        any(change.account_id == caller for change in removals) or bool(_last_people(groups[group_id], removals, []))
        for group_id, removals in by_group.items()
    )


def needs_group_facts(guards: Guards) -> bool:
    """Check whether a guard depends on the names of groups, or on who manages them."""
    return not guards.allow_external or bool(guards.protected_groups and not guards.allow_protected)


# --- guards that concern one change


def per_change_violations(guards: Guards, change: Change, group: GroupSnapshot, caller: str) -> Iterator[Violation]:
    """Yield the guards that a change violates by itself."""
    for guard in (_protected_account, _protected_group, _externally_managed, _app):
        if violation := guard(guards, change, group):
            yield violation
    if violation := _own_access(change, group, caller):
        yield violation


def _protected_account(guards: Guards, change: Change, _group: GroupSnapshot) -> Violation | None:
    if change.account_id not in guards.protected_accounts:
        return None
    return Violation("protected_account", "allow_protected", "this account is protected")


def _protected_group(guards: Guards, change: Change, group: GroupSnapshot) -> Violation | None:
    names = {name.casefold() for name in guards.protected_groups}
    if change.group_id not in guards.protected_groups and group.group.name.casefold() not in names:
        return None
    return Violation("protected_group", "allow_protected", "this group is protected")


def _externally_managed(_guards: Guards, _change: Change, group: GroupSnapshot) -> Violation | None:
    """Refuse to change a group that an identity provider manages; see docs/confluence-behaviour.md#groups."""
    if not group.group.is_externally_managed:
        return None
    return Violation("external", "allow_external", "an identity provider manages this group and would undo the change")


def _app(_guards: Guards, change: Change, group: GroupSnapshot) -> Violation | None:
    member = group.members.get(change.account_id)
    if (member.account_type if member else change.account_type) != "app":
        return None
    return Violation("app", "allow_apps", "this is an app, not a person")


def _own_access(change: Change, group: GroupSnapshot, caller: str) -> Violation | None:
    if change.action is not Action.REMOVE or change.account_id != caller or group.access == frozenset():
        return None
    return Violation("self", "allow_self", "you would lose the access that this group gives you")


# --- guards that count


class _Removals:
    """The removals of a plan, by group id, and the guards overridden for each of them."""

    def __init__(self, changes: Iterable[Change], refused: dict[Key, SkippedChange]) -> None:
        self.by_group: dict[str, list[Change]] = defaultdict(list)
        self.refused = refused
        self.overridden: dict[Key, tuple[str, ...]] = defaultdict(tuple)
        for change in changes:
            if change.action is Action.REMOVE:
                self.by_group[change.group_id].append(change)

    def allowed(self, removals: Iterable[Change]) -> list[Change]:
        return [change for change in removals if change.key not in self.refused]

    def note_override(self, removals: Iterable[Change], guard: str) -> None:
        for change in removals:
            self.overridden[change.key] += (guard,)


def apply_counting_guards(
    guards: Guards, changes: list[Change], groups: Groups, refused: dict[Key, SkippedChange]
) -> list[Change]:
    """Return the changes that the counting guards allow; add the others to ``refused``."""
    removals = _Removals(changes, refused)
    for group_id, of_group in removals.by_group.items():
        _last_admin(guards, removals, of_group, changes, groups[group_id])
        _max_fraction(guards, removals, of_group, groups[group_id])
    _max_removals(guards, removals)
    return [
        _with_overridden(change, change.overridden + removals.overridden.get(change.key, ()))
        for change in changes
        if change.key not in refused
    ]


def _last_admin(
    guards: Guards, removals: _Removals, of_group: list[Change], changes: list[Change], group: GroupSnapshot
) -> None:
    """Refuse to leave a group of admins without people. Admins by role show in no group.

    Source: docs/confluence-behaviour.md#permissions.
    """
    if not group.gives_admin or not (last := _last_people(group, of_group, changes)):
        return
    if guards.allow_last_admin:
        removals.note_override(last, "last_admin")
    else:
        left = f"only apps would be left in {group.group.name}, which gives admin rights"
        why = f"{left}; groups do not show admins by role"
        _refuse(last, removals.refused, why, "last_admin", ("allow_last_admin", True))


def _max_fraction(guards: Guards, removals: _Removals, of_group: list[Change], group: GroupSnapshot) -> None:
    size = len(group.members) + len(group.unlisted)
    allowed = removals.allowed(of_group)
    if len(allowed) <= MIN_REMOVALS_FOR_FRACTION:
        return
    # A quotient is rounded as the option is, so that 29 of 50 are 0.58, whereas 0.58 * 50 is less than 29.
    fraction = min(len(allowed) / size, 1.0) if size else 1.0
    if fraction > guards.max_fraction:
        why = f"{len(allowed)} of {size} members would leave {group.group.name}, more than {guards.max_fraction:.0%}"
        percent = -(-100 * len(allowed) // size) if size else 100  # rounded up
        _refuse(allowed, removals.refused, why, "max_fraction", ("max_fraction", min(percent / 100, 1.0)))
    elif fraction > MAX_FRACTION:
        removals.note_override(allowed, "max_fraction")


def _max_removals(guards: Guards, removals: _Removals) -> None:
    allowed = [change for of_group in removals.by_group.values() for change in removals.allowed(of_group)]
    if guards.max_removals is not None and len(allowed) > guards.max_removals:
        why = f"{len(allowed)} removals are more than {guards.max_removals} in one plan"
        _refuse(allowed, removals.refused, why, "max_removals", ("max_removals", len(allowed)))
    elif len(allowed) > MAX_REMOVALS:
        removals.note_override(allowed, "max_removals")


def _last_people(group: GroupSnapshot, removals: list[Change], changes: list[Change]) -> list[Change]:
    """Return the removals of people if only apps would be left in the group after all these changes."""
    removed = {change.account_id for change in removals}
    people = [change for change in removals if not _is_app(group, change.account_id)]
    if not people:
        return []
    remaining = any(not member.is_app and account_id not in removed for account_id, member in group.members.items())
    added = any(
        change.action is Action.ADD and change.group_id == group.group.id and change.account_type != "app"
        for change in changes
    )
    return [] if remaining or added else people


def _is_app(group: GroupSnapshot, account_id: str) -> bool:
    member = group.members.get(account_id)
    return bool(member and member.is_app)


def _refuse(changes: Iterable[Change], refused: dict[Key, SkippedChange], why: str, guard: str, option: Option) -> None:
    shown = escape_controls(why)
    for change in changes:
        refused[change.key] = SkippedChange(change=change, why=shown, guard=guard, option=option)


def _with_overridden(change: Change, overridden: tuple[str, ...]) -> Change:
    """Return the change with the guards that are overridden for it; usually there are none."""
    return change if change.overridden == overridden else evolve(change, overridden=overridden)
