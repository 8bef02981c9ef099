"""The builder that all planners share: it reads groups, collects the requested changes and applies the guards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import define, field

from ..._support.clock import Clock, utc_timestamp
from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...models import Group
from ..model.changes import Action, Change, OnProgress, Progress, SkippedChange
from ..model.guards import Guards
from ..model.plan import Plan, PlannedGroup
from .guard_evaluation import evaluate
from .parallel import map_in_threads
from .resolver import AccountsByEmail, Resolver, accounts_by_email, find_group
from .snapshot import (
    GroupSnapshot,
    Member,
    add_access,
    add_unlisted_members,
    member_from_user,
    members_digest,
    read_members,
    snapshot_of,
)


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
    _accounts_by_email: dict[str, AccountsByEmail] = field(factory=dict)  # by group id

    @resolver.default
    def _resolver(self) -> Resolver:
        return Resolver(self.client)

    # --- reading

    def read(self, group_ids: Iterable[str], *, emails: bool = False) -> None:
        """Read groups with all their members, several at the same time.

        Raises:
            APIError, IncompleteReadError: a group could not be read.
        """
        ids = list(dict.fromkeys(group_ids))
        snapshots = map_in_threads(lambda group_id: self._read_group(group_id, emails=emails), ids)
        for done, snapshot in enumerate(snapshots, 1):
            self.groups[snapshot.group.id] = snapshot
            if self.on_progress:
                self.on_progress(Progress(phase="reading", done=done, total=len(ids)))

    def _read_group(self, group_id: str, *, emails: bool) -> GroupSnapshot:
        members = read_members(self.client, group_id, emails=emails)
        return snapshot_of(self.client.get_group(group_id=group_id), members)

    def read_existing(self, group_ids: Iterable[str]) -> None:
        """Read those of these groups that exist.

        Raises:
            APIError, IncompleteReadError: a group could not be read.
        """
        ids = list(dict.fromkeys(group_ids))
        found = map_in_threads(lambda group_id: find_group(self.client, group_id), ids)
        self.read([group.id for group in found if group])

    # --- resolving accounts

    def resolve_account(self, group_ids: Sequence[str], account: str, origin: str) -> str | None:
        """Return the id of an account that is given by id, or by an e-mail that a member of these groups shows.

        Args:
            group_ids: groups that were read with e-mails.
            account: the id or e-mail.
            origin: where the account was given, such as ``line 7``.

        Returns:
            The account id; None if the e-mail is unknown or ambiguous, which is noted as a problem.
        """
        if "@" not in account or any(account in self.groups[group_id].members for group_id in group_ids):
            return account
        return self.resolver.resolve_email(account, [self._emails_of(group_id) for group_id in group_ids], origin)

    def _emails_of(self, group_id: str) -> AccountsByEmail:
        if group_id not in self._accounts_by_email:
            members = self.groups[group_id].members
            emails = ((account_id, member.email) for account_id, member in members.items())
            self._accounts_by_email[group_id] = accounts_by_email(emails)
        return self._accounts_by_email[group_id]

    def resolve_accounts(self, accounts: Sequence[str]) -> list[str]:
        """Return the account ids of users who are given by id or e-mail.

        An e-mail is searched for among the members of all groups that give access to Confluence.

        Raises:
            InputError: an account is unknown, or several accounts have the e-mail.
            APIError, IncompleteReadError: something could not be read.
        """
        group_ids: list[str] = []
        if any("@" in account for account in accounts):
            group_ids = [group.id for group in self.client.iter_groups(access_type="user")]
            self.read(group_ids, emails=True)
        resolved = [self.resolve_account(group_ids, account, "account_ids") for account in accounts]
        account_ids = [account_id for account_id in resolved if account_id]
        self.resolver.load_users(account_ids, "account_ids")
        self.resolver.raise_problems()
        return list(dict.fromkeys(account_ids))

    # --- requesting changes

    def add(self, group: Group, account_ids: Sequence[str], reason: str | None) -> None:
        """Request to add users to a group.

        Raises:
            InputError: an account is unknown.
        """
        self.resolver.load_users(account_ids, "account_ids")
        self.resolver.raise_problems()
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
        """Note a removal that the plan does not make."""
        self.skipped.append(SkippedChange(change=self._change(Action.REMOVE, group, account_id, reason), why=why))

    def _change(self, action: Action, group: Group, account_id: str, reason: str | None) -> Change:
        member = self._member(group.id, account_id)
        return Change(
            action=action,
            group_id=group.id,
            group_name=group.name,
            account_id=account_id,
            display_name=member.display_name if member else None,
            account_type=member.account_type if member else None,
            reason=reason,
        )

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
        self.notes += _unidentified_members(self.groups.values())
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
            asked=asked,
            guards=self.guards,
            groups=_planned_groups(self.groups, changes),
            changes=tuple(changes),
            refused=decision.refused,
            skipped=tuple(self.skipped),
            notes=(*self.notes, *_unknown_facts(self.groups, changes)),
        )


def _planned_groups(groups: Mapping[str, GroupSnapshot], changes: Sequence[Change]) -> tuple[PlannedGroup, ...]:
    """Describe the groups that are changed."""
    changed: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        changed[change.group_id].add(change.account_id)
    return tuple(_planned_group(groups[group_id], account_ids) for group_id, account_ids in changed.items())


def _planned_group(snapshot: GroupSnapshot, changed: set[str]) -> PlannedGroup:
    members = snapshot.members
    return PlannedGroup(
        id=snapshot.group.id,
        name=snapshot.group.name,
        access=None if snapshot.access is None else tuple(sorted(snapshot.access)),
        managed_by=snapshot.group.managed_by,
        members=len(members),
        others=len(members) - len(changed & members.keys()),
        digest=members_digest(account_id for account_id in members if account_id not in changed),
    )


def _unidentified_members(groups: Collection[GroupSnapshot]) -> list[str]:
    """Describe how many members the server did not identify."""
    counts = [f"{group.unidentified} of {group.group.name}" for group in groups if group.unidentified]
    if not counts:
        return []
    number = format_count(sum(group.unidentified for group in groups), "member")
    return [f"unknown: the account ids of {number} ({', '.join(counts)}), which the server did not send; they stay"]


def _unknown_facts(groups: Mapping[str, GroupSnapshot], changes: Sequence[Change]) -> list[str]:
    """Describe the facts that the guards need and the server did not send."""
    notes = []
    names = {change.group_id: change.group_name for change in changes}
    if unmanaged := [name for group_id, name in names.items() if groups[group_id].group.managed_by is None]:
        notes.append(f"unknown: whether an identity provider manages {', '.join(unmanaged)}")
    if unread := [name for group_id, name in names.items() if groups[group_id].access is None]:
        notes.append(f"unknown: the access that {', '.join(unread)} give; they count as giving admin rights")
    if untyped := sum(change.account_type is None for change in changes):
        notes.append(f"unknown: whether {untyped} of the changed accounts are apps")
    return notes
