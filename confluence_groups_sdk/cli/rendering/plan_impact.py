"""What a plan does to each group, and what its approver has to check: only what the plan's file says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, frozen

from ..._support.text import format_count
from ...membership import Action, Change, Plan, PlannedGroup, SkippedChange
from ..terminal import format_options
from .plan_summary import planner_of

ADMIN_RIGHTS = {"admin": "admin rights", "site-admin": "site-admin rights"}
ACCESS = {"user": "access to Confluence", **ADMIN_RIGHTS}
LARGE_SHARE = 0.5  # of the members, from two people on
MANY_REMOVALS = 100
GUARDS = {
    "app": "an app",
    "external": "a group that an identity provider manages",
    "last_admin": "the last people of a group that may give admin rights",
    "max_fraction": "more than half of a group",
    "max_removals": f"more than {MANY_REMOVALS} removals",
    "protected_account": "a protected account",
    "protected_group": "a protected group",
    "self": "the planner's own access",
}
"""What each guard would have refused, to complete "a guard was switched off for …"."""


@frozen
class Check:
    """A fact that the approver has to check, as a box of the page.

    Attributes:
        tone: the tone of the box.
        title: its heading.
        text: what to check, in words; empty if the names say it.
        names: the groups, people or remarks that it is about.
        options: command-line options that it is about; empty for none.
    """

    tone: str
    title: str
    text: str
    names: tuple[str, ...] = ()
    options: str = ""


@define
class GroupImpact:
    """What a plan does to a group.

    Attributes:
        group: the group as the plan knows it.
        leaving: the number of people and apps who leave.
        joining: the number of people and apps who join.
    """

    group: PlannedGroup
    leaving: int = 0
    joining: int = 0

    @property
    def listed(self) -> int:
        """The number of listed members who leave; deactivated members are not listed."""
        return min(self.leaving, self.group.members - self.group.others)

    @property
    def share(self) -> float:
        """The share of the listed members who leave."""
        return self.listed / self.group.members if self.group.members else 0.0

    @property
    def remaining(self) -> int:
        """The number of listed members after the changes."""
        return self.group.members - self.listed + self.joining

    @property
    def gives(self) -> list[str]:
        """The access that the group gives, in words."""
        return [ACCESS.get(access, access) for access in self.group.access or ()]

    @property
    def gives_admin(self) -> bool:
        """Whether the group is known to give admin rights."""
        return any(access in ADMIN_RIGHTS for access in self.group.access or ())

    @property
    def has_unknown_access(self) -> bool:
        """Whether the server did not say which access the group gives."""
        return self.group.access is None

    @property
    def is_external(self) -> bool:
        """Whether an identity provider manages the group."""
        return self.group.managed_by == "EXTERNAL"

    @property
    def is_emptied(self) -> bool:
        """Whether every listed member leaves and nobody joins."""
        return bool(self.listed) and not self.remaining

    @property
    def is_large(self) -> bool:
        """Whether at least half of the members leave, and more than one."""
        return self.listed > 1 and self.share >= LARGE_SHARE

    @property
    def badges(self) -> list[tuple[str, str]]:
        """What stands out, with its tone, the most important first."""
        return [
            *((text, "bad") for text in self.gives if text in ADMIN_RIGHTS.values()),
            *[("managed by an identity provider", "bad")] * self.is_external,
            *[("emptied", "bad")] * self.is_emptied,
            *[("access unknown", "warn")] * self.has_unknown_access,
            *[("large change", "warn")] * (self.is_large and not self.is_emptied),
        ]

    @property
    def sentence(self) -> str:
        """The change in words, such as ``8 of 12 members leave (67 %), 1 joins``."""
        joins = [f"{self.joining:,} {'joins' if self.joining == 1 else 'join'}"] * bool(self.joining)
        if not self.leaving:
            return f"{joins[0]}; {self.group.members:,} before" if joins else ""
        leaves = "leaves" if self.listed == 1 else "leave"
        listed = [f"{self.listed:,} of {format_count(self.group.members, 'member')} {leaves} ({self.percent})"]
        unlisted = self.leaving - self.listed
        return ", ".join(
            [*listed, *[f"{unlisted:,} who {'is' if unlisted == 1 else 'are'} not listed"] * bool(unlisted), *joins]
        )

    @property
    def percent(self) -> str:
        """The share in percent; neither 0 nor 100 if it only rounds to it."""
        percent = round(self.share * 100)
        if percent == 100 and self.share < 1:
            return "over 99 %"
        return "under 1 %" if percent == 0 and self.listed else f"{percent} %"

    @property
    def rank(self) -> tuple[Any, ...]:
        """The place in a list that starts with what matters most."""
        return (
            *(not self.gives_admin, not self.is_external, not self.is_emptied, not self.has_unknown_access),
            *(not self.is_large, self.group.name.casefold(), self.group.id),
        )


def find_impacts(plan: Plan) -> dict[str, GroupImpact]:
    """Return the groups that a plan changes by group id, the most important first."""
    impacts = {group.id: GroupImpact(group) for group in plan.groups}
    for change in plan.changes:
        if change.action is Action.REMOVE:
            impacts[change.group_id].leaving += 1
        else:
            impacts[change.group_id].joining += 1
    return dict(sorted(impacts.items(), key=lambda item: item[1].rank))


def find_checks(plan: Plan, impacts: Mapping[str, GroupImpact]) -> Iterator[Check]:
    """Yield what the approver has to check, the most important first."""
    yield from _group_checks(list(impacts.values()))
    yield from _override_checks(plan)
    yield from _people_checks(plan)
    if plan.notes:
        yield Check("warn", "Notes of the plan", "", plan.notes)


def _group_checks(impacts: list[GroupImpact]) -> Iterator[Check]:
    def named(chosen: list[GroupImpact]) -> tuple[str, ...]:
        return tuple(f"{each.group.name}: {each.sentence}" for each in chosen)

    if admins := [each for each in impacts if each.gives_admin]:
        yield Check("bad", "Admin rights change", "Are these the right admins?", named(admins))
    if external := [each for each in impacts if each.is_external]:
        text = "Confluence may reject these changes, or the identity provider undoes them. Change such a group there."
        yield Check("bad", "An identity provider manages a group", text, named(external))
    if emptied := [each for each in impacts if each.is_emptied]:
        text = "Every listed member leaves, and nobody joins."
        yield Check("bad", f"{format_count(len(emptied), 'group')} without members afterwards", text, named(emptied))
    if large := [each for each in impacts if each.is_large and not each.is_emptied]:
        yield Check("warn", "Large changes", "At least half of the members leave.", named(large))


def _override_checks(plan: Plan) -> Iterator[Check]:
    if not plan.overrides:
        return
    used = Counter(guard for change in plan.changes for guard in change.overridden)
    text = (
        "Without these options, guards would have refused some changes. Ask why they are needed."
        if used
        else "No change needs these options."
    )
    names = (
        f"{format_count(number, 'change')}: {GUARDS.get(guard, guard)} [{guard}]" for guard, number in used.items()
    )
    yield Check("bad" if used else "info", "Guards are overridden", text, tuple(names), format_options(plan.overrides))


def _people_checks(plan: Plan) -> Iterator[Check]:
    own = [change for change in plan.changes if change.account_id == plan.made_by]
    if own:
        text = f"{planner_of(plan)} made the plan."
        yield Check("warn", "The planner's own memberships change", text, tuple(map(_describe, own)))
    apps = {change.account_id: change for change in plan.changes if change.account_type == "app"}
    if apps:
        text = "An app that loses a group may stop working."
        yield Check(
            "warn", f"{format_count(len(apps), 'app')} among the accounts", text, tuple(map(_named, apps.values()))
        )
    if noted := [change for change in plan.changes if change.note]:
        text = "The rows that requested them are unusual. Check that these are the right people."
        names = tuple(f"{_named(change)}: {change.note}" for change in noted)
        yield Check("warn", f"{format_count(len(noted), 'change')} with a remark", text, names)
    unexplained = sum(not change.reason for change in plan.changes)
    if unexplained:
        text = f"{format_count(unexplained, 'change')} of {len(plan.changes):,}: ask why if you do not know."
        yield Check("info", "No reason is given", text)


def _describe(change: Change) -> str:
    return f"{'leaves' if change.action is Action.REMOVE else 'joins'} {change.group_name}"


def _named(change: Change) -> str:
    return f"{change.display_name} ({change.account_id})" if change.display_name else change.account_id


def count_reasons(omitted: tuple[SkippedChange, ...]) -> list[str]:
    """Count the changes by the reason why the plan does not make them, the most frequent first."""
    reasons: dict[str, int] = defaultdict(int)
    for each in omitted:
        reasons[each.why] += 1
    ordered = sorted(reasons.items(), key=lambda reason: -reason[1])
    return [f"{format_count(number, 'change')}: {why}" for why, number in ordered]
