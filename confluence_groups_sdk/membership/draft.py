"""A plan in the making: what its makers read, want and find wrong, until the guards have judged it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import define, field

from .._clock import Clock
from ..client import ConfluenceGroups
from ..errors import InputError, NotFoundError
from ..models import Group, User
from .changes import Action, Change, Omission, Progress
from .guards import Guards
from .live import (
    Membership,
    Person,
    digest_of,
    group_or_none,
    in_threads,
    members_of,
    person_of,
    with_access,
    with_unlisted,
)
from .plan import Plan, PlannedGroup

OnProgress: TypeAlias = Callable[[Progress], object]


@define
class Draft:
    """A plan in the making: what was read, what is wanted, what is wrong."""

    client: ConfluenceGroups
    guards: Guards
    clock: Clock
    on_progress: OnProgress | None
    groups: dict[str, Membership] = field(factory=dict)
    wanted: list[Change] = field(factory=list)
    left_out: list[Omission] = field(factory=list)
    notes: list[str] = field(factory=list)
    problems: list[str] = field(factory=list)
    people: dict[str, Person] = field(factory=dict)  # those whose accounts were looked at, beside the members
    by_email: dict[str, dict[str, set[str]]] = field(factory=dict)  # account ids, by group and e-mail

    def resolve_groups(self, places: Mapping[str, str], *, by_name: bool = False) -> dict[str, Group]:
        """Return the groups that are named by id or exact name, or by exact name only.

        Raises:
            InputError: one is unknown, or its name is not unique.
        """
        found: dict[str, Group] = {}
        look = self._of_name if by_name else self._candidates
        for name, candidates in zip(places, in_threads(look, list(places)), strict=True):
            if len(candidates) == 1:
                found[name] = candidates[0]
            elif candidates:
                ids = ", ".join(group.id for group in candidates)
                self.problems.append(f"{places[name]}: {len(candidates)} groups are called {name}: give the id ({ids})")
            else:
                by = "exact name" if by_name else "id or exact name"
                self.problems.append(f"{places[name]}: there is no group of the {by} {name}")
        self.raise_problems()
        return found

    def _candidates(self, name: str) -> list[Group]:
        if group := group_or_none(self.client, name):
            return [group]
        return self._of_name(name)

    def _of_name(self, name: str) -> list[Group]:
        return [group for group in self.client.search_groups(query=name) if group.name == name]

    def read(self, group_ids: Iterable[str], *, emails: bool = False) -> None:
        """Read these groups whole, several at once."""
        ids = list(dict.fromkeys(group_ids))
        for done, membership in enumerate(in_threads(lambda each: self._read_one(each, emails=emails), ids), 1):
            self.groups[membership.group.id] = membership
            if self.on_progress:
                self.on_progress(Progress(phase="reading", done=done, total=len(ids)))

    def _read_one(self, group_id: str, *, emails: bool) -> Membership:
        people = members_of(self.client, group_id, emails=emails)
        return Membership(self.client.get_group(group_id=group_id), people)

    def read_if_there(self, group_ids: Iterable[str]) -> None:
        """Read those of these groups that are there."""
        ids = list(dict.fromkeys(group_ids))
        self.read([group.id for group in in_threads(lambda each: group_or_none(self.client, each), ids) if group])

    def account_in(self, group_ids: Sequence[str], account: str, place: str) -> str | None:
        """Return the id of an account that is given by id, or by the e-mail of a member; None is a problem, noted."""
        if "@" not in account or any(account in self.groups[group_id].people for group_id in group_ids):
            return account
        found: set[str] = set()
        for group_id in group_ids:
            found |= self._emails(group_id).get(account.casefold(), set())
        if len(found) == 1:
            return found.pop()
        if found:
            ids = ", ".join(sorted(found))
            self.problems.append(f"{place}: {account} is the e-mail of {len(found)} accounts: give the id ({ids})")
        else:
            self.problems.append(f"{place}: no member shows the e-mail {account}: give the account id")
        return None

    def _emails(self, group_id: str) -> dict[str, set[str]]:
        if group_id not in self.by_email:
            index: dict[str, set[str]] = defaultdict(set)
            for account_id, person in self.groups[group_id].people.items():
                if person.email:
                    index[person.email.casefold()].add(account_id)
            self.by_email[group_id] = index
        return self.by_email[group_id]

    def known_accounts(self, accounts: Sequence[str]) -> list[str]:
        """Return the account ids of people who are given by id or e-mail.

        Raises:
            InputError: somebody is unknown, or an e-mail is not unique.
        """
        everybody: list[str] = []
        if any("@" in account for account in accounts):
            everybody = [group.id for group in self.client.iter_groups(access_type="user")]
            self.read(everybody, emails=True)
        found = [account_id for each in accounts if (account_id := self.account_in(everybody, each, "account_ids"))]
        self.look_up(found, "account_ids")
        self.raise_problems()
        return list(dict.fromkeys(found))

    def look_up(self, account_ids: Iterable[str], place: str | None = None) -> None:
        """Read the accounts of people; who is unknown is a problem where a place is named."""
        ids = [account_id for account_id in dict.fromkeys(account_ids) if account_id not in self.people]
        for account_id, user in zip(ids, in_threads(self._user, ids), strict=True):
            if user is not None:
                self.people[account_id] = person_of(user)
            elif place:
                self.problems.append(f"{place}: there is no account of the id {account_id}")

    def _user(self, account_id: str) -> User | None:
        try:
            return self.client.get_user(account_id=account_id)
        except NotFoundError:
            return None

    def add(self, group: Group, account_ids: Sequence[str], reason: str | None) -> None:
        """Want these people in the group.

        Raises:
            InputError: somebody is unknown.
        """
        self.look_up(account_ids, "account_ids")
        self.raise_problems()
        self.wanted += [self._change(Action.ADD, group, account_id, reason) for account_id in account_ids]

    def remove(self, removals: Sequence[tuple[str, str, str | None]]) -> None:
        """Want these people out of these groups; who is not listed is looked for in the list of his own groups."""
        unlisted = [each for each in removals if each[1] not in self.groups[each[0]].people]
        self.look_up(account_id for _, account_id, _ in unlisted)
        self.groups = with_unlisted(self.client, self.groups, [each[:2] for each in unlisted])
        for group_id, account_id, reason in removals:
            group = self.groups[group_id]
            if group.has(account_id):
                self.wanted.append(self._change(Action.REMOVE, group.group, account_id, reason))
            else:
                why = "not a member" if account_id in self.people else "there is no account of this id"
                self.leave_out(group.group, account_id, reason, why)

    def leave_out(self, group: Group, account_id: str, reason: str | None, why: str) -> None:
        """Note a removal that is not wanted after all."""
        self.left_out.append(Omission(change=self._change(Action.REMOVE, group, account_id, reason), why=why))

    def _change(self, action: Action, group: Group, account_id: str, reason: str | None) -> Change:
        members = self.groups[group.id].people if group.id in self.groups else {}
        person = members.get(account_id) or self.people.get(account_id)
        return Change(
            action=action,
            group_id=group.id,
            group_name=group.name,
            account_id=account_id,
            display_name=person.display_name if person else None,
            account_type=person.account_type if person else None,
            reason=reason,
        )

    def raise_problems(self) -> None:
        """Raise what is wrong so far.

        Raises:
            InputError: something is.
        """
        if self.problems:
            raise InputError("no plan was made:", problems=tuple(self.problems))

    def plan(self, asked: str) -> Plan:
        """Return the plan: what is wanted, as far as the guards let it through."""
        caller = self.client.current_user()
        concerned = {change.group_id for change in self.wanted}
        self.groups = {group_id: self.groups[group_id] for group_id in self.groups if group_id in concerned}
        if any(change.action is Action.REMOVE for change in self.wanted):
            self.groups = with_access(self.client, self.groups)
        verdict = self.guards.judge(self.wanted, self.groups, caller.account_id)
        changes = sorted(verdict.changes, key=lambda change: change.action is Action.REMOVE)
        return Plan(
            site=self.client.site,
            made_at=moment(self.clock.now()),
            made_by=caller.account_id,
            made_by_name=caller.display_name or caller.public_name,
            asked=asked,
            guards=self.guards,
            groups=_planned(self.groups, changes),
            changes=tuple(changes),
            refused=verdict.refused,
            left_out=tuple(self.left_out),
            notes=(*self.notes, *_unknown(self.groups, changes)),
        )


def moment(seconds: float) -> str:
    """Return a moment in ISO 8601 (UTC)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _planned(groups: Mapping[str, Membership], changes: Sequence[Change]) -> tuple[PlannedGroup, ...]:
    """Return the groups that are changed, as a plan describes them."""
    changed: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        changed[change.group_id].add(change.account_id)
    planned = []
    for group_id, account_ids in changed.items():
        membership = groups[group_id]
        listed = len(account_ids & membership.people.keys())
        planned.append(
            PlannedGroup(
                id=group_id,
                name=membership.group.name,
                access=None if membership.access is None else tuple(sorted(membership.access)),
                managed_by=membership.group.managed_by,
                members=len(membership.people),
                others=len(membership.people) - listed,
                digest=digest_of(each for each in membership.people if each not in account_ids),
            )
        )
    return tuple(planned)


def _unknown(groups: Mapping[str, Membership], changes: Sequence[Change]) -> list[str]:
    """Return what the server does not tell and the guards would need."""
    notes = []
    names = {change.group_id: change.group_name for change in changes}
    if unmanaged := [name for group_id, name in names.items() if groups[group_id].group.managed_by is None]:
        notes.append(f"unknown: whether an identity provider manages {', '.join(unmanaged)}")
    if unread := [name for group_id, name in names.items() if groups[group_id].access is None]:
        notes.append(f"unknown: what {', '.join(unread)} give access as; they count as giving admin rights")
    if untold := sum(change.account_type is None for change in changes):
        notes.append(f"unknown: whether {untold} of those who are changed are apps")
    return notes
