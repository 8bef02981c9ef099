"""What must not happen by accident: who is never removed, which groups are left alone, how many may go at once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from attrs import evolve, field, fields, frozen

from .._values import Value
from .changes import Action, Change, Omission
from .live import Membership

FEW = 5  # may always leave a group, however small it is
MAX_REMOVALS = 100
MAX_FRACTION = 0.5


class Verdict(NamedTuple):
    """What the guards let through, and what they do not."""

    changes: tuple[Change, ...]
    refused: tuple[Omission, ...]


def _names(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError("Guards: give a list of protected ids, not one text")
    names = tuple(value)
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("Guards: a protected account or group is a text that is not empty")
    return tuple(dict.fromkeys(names))


def _are_ids(_guards: object, _attribute: object, value: tuple[str, ...]) -> None:
    if emails := [each for each in value if "@" in each]:
        raise ValueError(f"Guards(protected_accounts=...): give account ids: {emails[0]} would protect nobody")


def _is_flag(_guards: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"Guards({attribute.name}=...): give True or False")


def _is_most(_guards: object, attribute: Any, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"Guards({attribute.name}=...): give a whole number, 0 or more, or None for no limit")


def _is_fraction(_guards: object, attribute: Any, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:  # type: ignore[operator] # a number, by the line above
        raise ValueError(f"Guards({attribute.name}=...): give a share of the members, from 0 to 1")


@frozen(kw_only=True)
class Guards(Value):
    """What a plan must not do; on by default, each with the option that overrides it.

    They are asked when a plan is made, and again before it is applied, of what is there then. What the server does not
    tell (who manages a group, what a group gives access as) stops nothing but where it concerns admins: a group that
    may give admin rights counts as one that does.

    Args:
        allow_self: whether the calling user may be removed from groups that give access to Confluence or admin rights.
        allow_last_admin: whether the last people may be removed from a group that gives admin rights. Those whom the
            same plan adds count as being there; apps do not.
        allow_apps: whether apps (``accountType=app``) may be removed or added.
        allow_external: whether groups may be changed that an identity provider manages (``managedBy=EXTERNAL``): it
            would undo it, or the server refuses.
        allow_protected: whether protected accounts and groups may be changed after all.
        protected_accounts: account ids that are never removed or added.
        protected_groups: ids or names of groups that are left alone; names in any case.
        max_removals: in one plan; None for no limit.
        max_fraction: of a group's members that may leave it, where more than 5 would; from 0 to 1.

    Raises:
        TypeError, ValueError: an option is of the wrong kind or out of range.
    """

    allow_self: bool = field(default=False, validator=_is_flag)
    allow_last_admin: bool = field(default=False, validator=_is_flag)
    allow_apps: bool = field(default=False, validator=_is_flag)
    allow_external: bool = field(default=False, validator=_is_flag)
    allow_protected: bool = field(default=False, validator=_is_flag)
    protected_accounts: tuple[str, ...] = field(default=(), converter=_names, validator=_are_ids)
    protected_groups: tuple[str, ...] = field(default=(), converter=_names)
    max_removals: int | None = field(default=MAX_REMOVALS, validator=_is_most)
    max_fraction: float = field(default=MAX_FRACTION, validator=_is_fraction)

    @property
    def overrides(self) -> dict[str, Any]:
        """The options that allow more than the defaults do."""
        changed = {each.name: getattr(self, each.name) for each in fields(Guards) if each.name.startswith("allow_")}
        found: dict[str, Any] = {name: value for name, value in changed.items() if value}
        if self.max_removals is None or self.max_removals > MAX_REMOVALS:
            found["max_removals"] = self.max_removals
        if self.max_fraction > MAX_FRACTION:
            found["max_fraction"] = self.max_fraction
        return found

    def judge(self, changes: Sequence[Change], groups: Mapping[str, Membership], caller: str) -> Verdict:
        """Say which of these changes may be made.

        Args:
            changes: all of them: some guards count.
            groups: as they are now, by group id.
            caller: account id of who makes them.
        """
        refused: dict[tuple[str, str], Omission] = {}
        passed = []
        for change in changes:
            marks = []
            for guard, option, why in self._objections(change, groups[change.group_id], caller):
                if getattr(self, option):
                    marks.append(guard)
                else:
                    refused[change.key] = Omission(change=change, why=why, guard=guard, option=f"{option}=True")
                    break
            else:
                passed.append(_marked(change, tuple(marks)))
        passed = self._counted(passed, groups, refused)
        return Verdict(tuple(passed), tuple(refused[each.key] for each in changes if each.key in refused))

    @property
    def _protected_names(self) -> set[str]:
        return {name.casefold() for name in self.protected_groups}

    def _objections(self, change: Change, group: Membership, caller: str) -> Iterator[tuple[str, str, str]]:
        """Yield what speaks against one change, whatever the others are: guard, the option for it, and why."""
        if change.account_id in self.protected_accounts:
            yield "protected_account", "allow_protected", "this account is protected"
        if change.group_id in self.protected_groups or group.group.name.casefold() in self._protected_names:
            yield "protected_group", "allow_protected", "this group is protected"
        if group.group.is_externally_managed:
            yield "external", "allow_external", "an identity provider manages this group, and would undo it"
        person = group.people.get(change.account_id)
        if (person.account_type if person else change.account_type) == "app":
            yield "app", "allow_apps", "this is an app, not a person"
        if change.action is Action.REMOVE and change.account_id == caller and group.access != frozenset():
            yield "self", "allow_self", "you would lose the access that this group gives you"

    def _counted(
        self, changes: list[Change], groups: Mapping[str, Membership], refused: dict[tuple[str, str], Omission]
    ) -> list[Change]:
        """Return the changes that guards let through which look at all of them together."""
        leaving: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            if change.action is Action.REMOVE:
                leaving[change.group_id].append(change)
        marked: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)

        def mark(removals: Iterable[Change], guard: str) -> None:
            for change in removals:
                marked[change.key] += (guard,)

        for group_id, removals in leaving.items():
            group = groups[group_id]
            if group.gives_admin and (last := _last_people(group, removals, changes)):
                if self.allow_last_admin:
                    mark(last, "last_admin")
                else:
                    why = f"nobody but apps would be left in {group.group.name}, which gives admin rights"
                    self._refuse(last, refused, why, "last_admin", "allow_last_admin=True")
            size = len(group.people) + len(group.unlisted)
            going = [change for change in removals if change.key not in refused]
            if len(going) > FEW and len(going) > self.max_fraction * size:
                why = (
                    f"{len(going)} of {size} members would leave {group.group.name}, more than {self.max_fraction:.0%}"
                )
                share = math.ceil(len(going) / size * 100) / 100 if size else 1
                self._refuse(going, refused, why, "max_fraction", f"max_fraction={min(share, 1):g}")
            elif len(going) > FEW and len(going) > MAX_FRACTION * size:
                mark(going, "max_fraction")
        going = [change for each in leaving.values() for change in each if change.key not in refused]
        if self.max_removals is not None and len(going) > self.max_removals:
            why = f"{len(going)} removals are more than {self.max_removals} in one plan"
            self._refuse(going, refused, why, "max_removals", f"max_removals={len(going)}")
        elif len(going) > MAX_REMOVALS:
            mark(going, "max_removals")
        passed = [change for change in changes if change.key not in refused]
        return [_marked(each, each.overridden + marked.get(each.key, ())) for each in passed]

    @staticmethod
    def _refuse(
        changes: Iterable[Change], refused: dict[tuple[str, str], Omission], why: str, guard: str, option: str
    ) -> None:
        for change in changes:
            refused[change.key] = Omission(change=change, why=why, guard=guard, option=option)


def _marked(change: Change, overridden: tuple[str, ...]) -> Change:
    """Return the change with the guards that are overridden for it, mostly none."""
    return change if change.overridden == overridden else evolve(change, overridden=overridden)


def _last_people(group: Membership, removals: list[Change], changes: list[Change]) -> list[Change]:
    """Return the removals of people, if nobody but apps would be left in the group after all these changes."""
    going = {change.account_id for change in removals}
    people = [change for change in removals if not _is_app(group, change.account_id)]
    if not people:
        return []
    stays = any(not person.is_app and account_id not in going for account_id, person in group.people.items())
    joins = any(
        change.action is Action.ADD and change.group_id == group.group.id and change.account_type != "app"
        for change in changes
    )
    return [] if stays or joins else people


def _is_app(group: Membership, account_id: str) -> bool:
    person = group.people.get(account_id)
    return bool(person and person.is_app)
