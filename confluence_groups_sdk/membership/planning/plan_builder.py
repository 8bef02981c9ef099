"""The builder that all planners share: it collects the requested changes and applies the guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, evolve, field

from ..._support.clock import Clock, utc_timestamp
from ..._support.text import escape_controls
from ...models import Group
from ..model.changes import Action, Change, Key, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan
from .guard_evaluation import evaluate
from .plan_notes import describe_unidentified, describe_unknown_facts
from .plan_reader import PlanReader
from .reading.caller import read_caller
from .rows.given_rows import GivenRow, GivenRows
from .rows.row_resolver import Person
from .snapshot import planned_groups

NO_GROUP = "the group no longer exists"


@define(kw_only=True)
class PlanBuilder(PlanReader):
    """A plan that is being made.

    Attributes:
        guards: decide about the requested changes.
        clock: gives the time of the plan.
        requested: the changes that the plan makes if the guards allow them.
        skipped: the changes that the plan does not make.
        notes: remarks for the reader.
    """

    guards: Guards
    clock: Clock
    requested: list[Change] = field(factory=list)
    skipped: list[SkippedChange] = field(factory=list)
    notes: list[str] = field(factory=list)
    _remarks: dict[Key, list[str]] = field(factory=dict)
    _doubts: dict[Key, list[str]] = field(factory=dict)
    _places: dict[Key, str] = field(factory=dict)

    # --- rows

    def remember_rows(self, key: Key, rows: Iterable[tuple[GivenRow, Person]]) -> None:
        """Remember which rows requested a change, and the remarks about them, which become the note of the change."""
        for given, person in rows:
            self._places.setdefault(key, given.place)
            if person.remarks:
                self._remarks.setdefault(key, []).append(f"{given.place}: {'; '.join(person.remarks)}")
            if person.doubts:
                self._doubts.setdefault(key, []).append(f"{given.place}: {'; '.join(person.doubts)}")

    def leave_out_unlisted(self, group: Group, account_ids: Sequence[str]) -> list[str]:
        """Return those of these unlisted users who are not members, and note the number of the others.

        Deactivated members are not listed, but their own list of groups has the group
        (docs/confluence-behaviour.md#users). Users who are active are not asked for: it does no harm to add a member.

        Raises:
            InputError: an account is unknown.
        """
        self.load_users(account_ids, "account_ids")
        self.raise_problems(GivenRows())
        self.add_unlisted([(group.id, each) for each in account_ids if self._may_be_deactivated(each)])
        unlisted = self.groups[group.id].unlisted
        if unlisted:
            self.notes.append(
                f"members whom Confluence does not list, such as deactivated accounts: {len(unlisted)}; no change"
            )
        return [account_id for account_id in account_ids if account_id not in unlisted]

    def _may_be_deactivated(self, account_id: str) -> bool:
        user = self.resolver.users.get(account_id)
        return self.find_listed(account_id) is None and not (user and user.active)

    # --- requesting changes

    def add(self, group: Group, account_ids: Sequence[str], reason: str | None) -> None:
        """Request to add users, whom `leave_out_unlisted` has looked up, to a group."""
        self.requested += [self._change(Action.ADD, group, account_id, reason) for account_id in account_ids]

    def remove(self, removals: Sequence[tuple[str, str, str | None]]) -> None:
        """Request removals: group id, account id and reason. It also checks the group list of each unlisted user."""
        unlisted = [removal[:2] for removal in removals if removal[1] not in self.groups[removal[0]].members]
        self.load_users(account_id for _, account_id in unlisted)
        self.add_unlisted(unlisted)
        for group_id, account_id, reason in removals:
            snapshot = self.groups[group_id]
            if snapshot.has_member(account_id):
                self.requested.append(self._change(Action.REMOVE, snapshot.group, account_id, reason))
            else:
                known = self.find_member(group_id, account_id)
                why = "not a member" if known else "there is no account with this id"
                self.skip_removal(snapshot.group, account_id, reason, why)

    def skip_removal(self, group: Group, account_id: str, reason: str | None, why: str) -> None:
        """Note a removal that the plan does not make; it says where it was requested."""
        change = self._change(Action.REMOVE, group, account_id, reason)
        place = self._places.get(change.key)
        self.skipped.append(SkippedChange(change=evolve(change, note=change.note or place), why=why))

    def _change(self, action: Action, group: Group, account_id: str, reason: str | None) -> Change:
        member = self.find_member(group.id, account_id)
        remarks = self._remarks.get((group.id, account_id))
        return Change(
            action=action,
            group_id=group.id,
            group_name=group.name,
            account_id=account_id,
            display_name=member.display_name if member else None,
            account_type=member.account_type if member else None,
            email=(member.email or None) if member else None,
            reason=reason,
            note=escape_controls("; ".join(remarks)) if remarks else None,
        )

    def _doubts_without_change(self) -> list[str]:
        """Return the doubts about rows that lead to no change, which could have a note."""
        noted = {change.key for change in [*self.requested, *(each.change for each in self.skipped)]}
        return [
            f"no change, but {doubt}" for key, doubts in self._doubts.items() if key not in noted for doubt in doubts
        ]

    # --- the plan

    def build(self, asked: str) -> Plan:
        """Return the plan: the requested changes that the guards allow, and those that they refuse.

        Args:
            asked: the request, in words.

        Raises:
            APIError, IncompleteReadError: something could not be read.
        """
        caller = read_caller(self.client)
        self.notes += describe_unidentified(self.groups.values())
        self.notes += self._doubts_without_change()
        changed = {change.group_id for change in self.requested}
        self.groups = {group_id: group for group_id, group in self.groups.items() if group_id in changed}
        if any(change.action is Action.REMOVE for change in self.requested):
            self.groups = self.access.complete(self.groups)
        decision = evaluate(self.guards, self.requested, self.groups, caller.account_id)
        changes = sorted(decision.changes, key=lambda change: change.action is Action.REMOVE)
        return Plan(
            site=self.client.site,
            made_at=utc_timestamp(self.clock.now()),
            made_by=caller.account_id,
            made_by_name=caller.display_name or caller.public_name,
            asked=escape_controls(asked),
            guards=self.guards,
            groups=planned_groups(self.groups, changes),
            changes=tuple(changes),
            refused=decision.refused,
            skipped=tuple(self.skipped),
            notes=tuple(map(escape_controls, (*self.notes, *describe_unknown_facts(self.groups, changes)))),
        )
