"""The builder that all planners share: it reads groups, collects the requested changes and applies the guards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from attrs import define, evolve, field

from ..._support.clock import Clock, utc_timestamp
from ..._support.concurrency.threads import map_in_threads
from ..._support.text import escape_controls
from ...client import ConfluenceGroups
from ...errors import APIError, IncompleteReadError
from ...models import Group
from ..model.changes import Action, Change, Key, OnProgress, Progress, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan
from .group_reader import read_group
from .guard_evaluation import evaluate
from .plan_notes import describe_unidentified, describe_unknown_facts
from .read_errors import READ_ERRORS, concerns_site, describe_unreadable_group, name_group
from .resolver import MAX_NAMES, AccountsByEmail, Resolver, accounts_by_email, describe_unknown_email
from .rows.given_rows import GivenRow, GivenRows
from .rows.row_resolver import BadRowError, Person, SearchScope, load_unlisted_users, resolve_person
from .snapshot import (
    GroupSnapshot,
    Member,
    Members,
    add_access,
    add_unlisted_members,
    member_from_user,
    planned_groups,
)

NO_GROUP = "the group no longer exists"
MAX_UNREADABLE = 20  # groups; if none of the first ones can be read, the site has failed
OTHERS_UNREAD = f"the other groups were not read, because the first {MAX_UNREADABLE} could not be read"


@define
class PlanBuilder:
    """A plan that is being made.

    Attributes:
        client: reads groups and users.
        guards: decide about the requested changes.
        clock: gives the time of the plan.
        on_progress: is called while groups are read.
        resolver: resolves the given groups and accounts.
        groups: the groups read so far, by id.
        requested: the changes that the plan makes if the guards allow them.
        skipped: the changes that the plan does not make.
        notes: remarks for the reader.
        unreadable: why the members of groups cannot be read, by group id.
        details: lines that follow the problems.
    """

    client: ConfluenceGroups
    guards: Guards
    clock: Clock
    on_progress: OnProgress | None
    resolver: Resolver = field()
    groups: dict[str, GroupSnapshot] = field(factory=dict)
    requested: list[Change] = field(factory=list)
    skipped: list[SkippedChange] = field(factory=list)
    notes: list[str] = field(factory=list)
    unreadable: dict[str, str] = field(factory=dict)
    details: list[str] = field(factory=list)
    _cause: Exception | None = None
    _accounts_by_email: dict[str, AccountsByEmail] = field(factory=dict)  # by group id
    _remarks: dict[Key, list[str]] = field(factory=dict)
    _doubts: dict[Key, list[str]] = field(factory=dict)
    _places: dict[Key, str] = field(factory=dict)

    @resolver.default
    def _resolver(self) -> Resolver:
        return Resolver(self.client)

    # --- reading

    def read(self, names: Mapping[str, str], *, emails: bool = False) -> None:
        """Read groups with all their members, several at the same time; leave out those that no longer exist.

        Args:
            names: the groups' names by group id, for the problems.
            emails: whether to keep the members' e-mails.

        Raises:
            InputError: the members of some groups cannot be read; the error names these groups.
            APIError: something failed that the other groups would also meet.
        """
        self.try_read(names, emails=emails)
        self.raise_problems(GivenRows())

    def try_read(self, names: Mapping[str, str], *, emails: bool = False) -> None:
        """Read groups like `read`, but only note those whose members cannot be read.

        Raises:
            APIError: as for `read`.
        """
        failed = 0
        groups = map_in_threads(lambda group_id: self._read_group(group_id, names[group_id], emails=emails), [*names])
        with closing(groups):  # ends the remaining calls, even after an error
            for done, (group_id, found) in enumerate(zip(names, groups, strict=True), 1):
                if isinstance(found, GroupSnapshot):
                    self.groups[group_id] = found
                elif found is not None:
                    failed += 1
                    self._cause = self._cause or found
                    self.unreadable[group_id] = describe_unreadable_group(found, names[group_id], group_id)
                    if done == failed == MAX_UNREADABLE < len(names):
                        self.details.append(OTHERS_UNREAD)
                        break
                if self.on_progress:
                    self.on_progress(Progress(phase="reading", done=done, total=len(names)))

    def raise_problems(self, given: GivenRows) -> None:
        """Raise one error for everything that prevents a plan.

        Raises:
            InputError: there are bad rows, or problems of groups.
        """
        given.raise_problems(self.resolver.problems, [*self.unreadable.values(), *self.details], self._cause)

    def _read_group(
        self, group_id: str, name: str, *, emails: bool
    ) -> GroupSnapshot | APIError | IncompleteReadError | None:
        """Return a group; None if it no longer exists, and an error that concerns only this group."""
        try:
            return read_group(self.client, group_id, emails=emails)
        except READ_ERRORS as error:
            if concerns_site(error):
                name_group(error, name, group_id)
                raise
            return error

    # --- resolving rows

    def resolve_people(
        self, given: GivenRows, rows: Sequence[GivenRow], searched: Sequence[SearchScope]
    ) -> list[tuple[GivenRow, Person]]:
        """Return the people of rows, and note the bad rows as problems.

        Args:
            given: takes the problems.
            rows: the rows.
            searched: where the person of each row is searched for.

        Raises:
            APIError: a call failed.
        """
        load_unlisted_users(self.resolver, [(each.row, at) for each, at in zip(rows, searched, strict=True)])
        found = []
        for each, at in zip(rows, searched, strict=True):
            try:
                found.append((each, resolve_person(each.row, at, self.resolver.users)))
            except BadRowError as error:
                if at.complete or not error.is_unknown_email:
                    given.note_problem(each, str(error))
        return found

    def search_in(self, group_ids: Sequence[str], **options: Any) -> SearchScope:
        """Return groups that were read as the place where people are searched for."""
        groups = [self.groups[group_id] for group_id in group_ids]
        return SearchScope(groups, [self._emails_of(group_id) for group_id in group_ids], **options)

    def search_everywhere(self, group_ids: Sequence[str] = ()) -> SearchScope:
        """Read the groups that give access to Confluence, so that people can be searched for among their members.

        Args:
            group_ids: groups that were read with e-mails and are searched too.

        Groups whose members cannot be read are noted.

        Raises:
            APIError, IncompleteReadError: as for `try_read` and `iter_groups`.
        """
        access = {group.id: group.name for group in self.client.iter_groups(access_type="user")}
        self.try_read({group_id: name for group_id, name in access.items() if group_id not in self.groups}, emails=True)
        existing = [group_id for group_id in access if group_id in self.groups]
        return self.search_in(
            [*dict.fromkeys([*group_ids, *existing])],
            describe_unknown_email=lambda email: self._describe_unknown_email(email, existing),
            complete=not self.unreadable,
        )

    def _describe_unknown_email(self, email: str, group_ids: Sequence[str]) -> str:
        shows: dict[str, bool] = {}
        for group_id in group_ids:
            for account_id, member in self.groups[group_id].members.items():
                if not member.is_app:
                    shows[account_id] = shows.get(account_id, False) or bool(member.email)
        names = [self.groups[group_id].group.name for group_id in group_ids]
        if len(names) > MAX_NAMES:
            self.details = [f"the groups that give access to Confluence: {', '.join(names)}"]
        return describe_unknown_email(email, names, shows.values(), max_names=MAX_NAMES)

    def _emails_of(self, group_id: str) -> AccountsByEmail:
        if group_id not in self._accounts_by_email:
            members = self.groups[group_id].members
            emails = members.emails if isinstance(members, Members) else {}  # without an object for each member
            self._accounts_by_email[group_id] = accounts_by_email(emails.items())
        return self._accounts_by_email[group_id]

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
        (docs/confluence-behaviour.md#users).

        Raises:
            InputError: an account is unknown.
        """
        self.resolver.load_users(account_ids, "account_ids")
        self.raise_problems(GivenRows())
        self.groups = add_unlisted_members(self.client, self.groups, [(group.id, each) for each in account_ids])
        unlisted = self.groups[group.id].unlisted
        if unlisted:
            self.notes.append(
                f"members whom Confluence does not list, such as deactivated accounts: {len(unlisted)}; no change"
            )
        return [account_id for account_id in account_ids if account_id not in unlisted]

    # --- requesting changes

    def add(self, group: Group, account_ids: Sequence[str], reason: str | None) -> None:
        """Request to add users, whom `leave_out_unlisted` has looked up, to a group."""
        self.requested += [self._change(Action.ADD, group, account_id, reason) for account_id in account_ids]

    def remove(self, removals: Sequence[tuple[str, str, str | None]]) -> None:
        """Request removals: group id, account id and reason. It also checks the group list of each unlisted user."""
        unlisted = [removal[:2] for removal in removals if removal[1] not in self.groups[removal[0]].members]
        self.resolver.load_users(account_id for _, account_id in unlisted)
        self.groups = add_unlisted_members(self.client, self.groups, unlisted)
        for group_id, account_id, reason in removals:
            snapshot = self.groups[group_id]
            if snapshot.has_member(account_id):
                self.requested.append(self._change(Action.REMOVE, snapshot.group, account_id, reason))
            else:
                known = account_id in self.resolver.users
                why = "not a member" if known else "there is no account with this id"
                self.skip_removal(snapshot.group, account_id, reason, why)

    def skip_removal(self, group: Group, account_id: str, reason: str | None, why: str) -> None:
        """Note a removal that the plan does not make; it says where it was requested."""
        change = self._change(Action.REMOVE, group, account_id, reason)
        place = self._places.get(change.key)
        self.skipped.append(SkippedChange(change=evolve(change, note=change.note or place), why=why))

    def _change(self, action: Action, group: Group, account_id: str, reason: str | None) -> Change:
        member = self._member(group.id, account_id)
        remarks = self._remarks.get((group.id, account_id))
        return Change(
            action=action,
            group_id=group.id,
            group_name=group.name,
            account_id=account_id,
            display_name=member.display_name if member else None,
            account_type=member.account_type if member else None,
            reason=reason,
            note=escape_controls("; ".join(remarks)) if remarks else None,
        )

    def _doubts_without_change(self) -> list[str]:
        """Return the doubts about rows that lead to no change, which could have a note."""
        noted = {change.key for change in [*self.requested, *(each.change for each in self.skipped)]}
        return [
            f"no change, but {doubt}" for key, doubts in self._doubts.items() if key not in noted for doubt in doubts
        ]

    def _member(self, group_id: str, account_id: str) -> Member | None:
        listed = self.groups[group_id].members.get(account_id) if group_id in self.groups else None
        user = self.resolver.users.get(account_id)
        return listed or (member_from_user(user) if user else None)

    # --- the plan

    def build(self, asked: str) -> Plan:
        """Return the plan: the requested changes that the guards allow, and those that they refuse.

        Args:
            asked: the request, in words.

        Raises:
            APIError, IncompleteReadError: something could not be read.
        """
        caller = self.client.current_user()
        self.notes += describe_unidentified(self.groups.values())
        self.notes += self._doubts_without_change()
        changed = {change.group_id for change in self.requested}
        self.groups = {group_id: group for group_id, group in self.groups.items() if group_id in changed}
        if any(change.action is Action.REMOVE for change in self.requested):
            self.groups = add_access(self.client, self.groups)
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
