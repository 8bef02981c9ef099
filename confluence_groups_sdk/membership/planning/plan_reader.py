"""What the planners read: groups with their members, and the people in rows. Each fact is read once."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import closing
from typing import Any

from attrs import Factory, define, field

from ..._support.concurrency.threads import map_in_threads
from ...client import ConfluenceGroups
from ...errors import APIError, IncompleteReadError
from ...models import Group
from ..model.changes import Key, OnProgress, Progress
from .reading.access import AccessReader
from .reading.group_lookup import find_group
from .reading.group_reader import read_group
from .reading.memberships import add_unlisted_members
from .reading.read_errors import READ_ERRORS, concerns_site, describe_unreadable_group, name_group
from .resolver import MAX_NAMES, AccountsByEmail, Resolver, accounts_by_email, describe_unknown_email
from .rows.given_rows import GivenRow, GivenRows
from .rows.row_resolver import BadRowError, Person, SearchScope, load_unlisted_users, resolve_person
from .snapshot import GroupSnapshot, Member, Members, member_from_user

MAX_UNREADABLE = 20  # groups; if none of the first ones can be read, the site has failed
OTHERS_UNREAD = f"the other groups were not read, because the first {MAX_UNREADABLE} could not be read"


@define(kw_only=True)
class PlanReader:
    """Reads what a plan needs, and notes what cannot be read.

    Attributes:
        client: reads groups and users.
        on_progress: is called while groups are read.
        resolver: resolves the given groups and accounts.
        access: reads the groups that give access.
        groups: the groups read so far, by id.
        memberships: the ids of all groups of users whose lists of groups were read, by account id.
        unreadable: why the members of groups cannot be read, by group id.
        details: lines that follow the problems.
    """

    client: ConfluenceGroups
    on_progress: OnProgress | None
    resolver: Resolver = Factory(lambda self: Resolver(self.client), takes_self=True)
    access: AccessReader = Factory(lambda self: AccessReader(self.client), takes_self=True)
    groups: dict[str, GroupSnapshot] = field(factory=dict)
    memberships: dict[str, frozenset[str]] = field(factory=dict)
    unreadable: dict[str, str] = field(factory=dict)
    details: list[str] = field(factory=list)
    _cause: Exception | None = None
    _accounts_by_email: dict[str, AccountsByEmail] = field(factory=dict)  # by group id

    # --- reading

    def read(self, groups: Iterable[Group], *, unchecked: Container[str] = ()) -> None:
        """Read the members of groups, of several at the same time; leave out groups that no longer exist.

        Args:
            groups: the groups, as an earlier answer has them.
            unchecked: the ids of those of which only id and name are known; they are looked up.

        Raises:
            InputError: the members of some groups cannot be read; the error names these groups.
            APIError: something failed that the other groups would also meet.
        """
        self.try_read(groups, unchecked=unchecked)
        self.raise_problems(GivenRows())

    def try_read(self, groups: Iterable[Group], *, emails: bool = False, unchecked: Container[str] = ()) -> None:
        """Read groups like `read`, but only note those whose members cannot be read.

        Args:
            groups: the groups.
            emails: whether to keep the members' e-mails.
            unchecked: as for `read`.

        Raises:
            APIError: as for `read`.
        """
        failed = 0
        to_read = {group.id: group for group in groups}
        read = map_in_threads(
            lambda group: self._read_group(group, emails=emails, is_checked=group.id not in unchecked),
            list(to_read.values()),
        )
        with closing(read):  # ends the remaining calls, even after an error
            for done, (group_id, found) in enumerate(zip(to_read, read, strict=True), 1):
                if isinstance(found, GroupSnapshot):
                    self.groups[group_id] = found
                elif found is not None:
                    failed += 1
                    self._cause = self._cause or found
                    self.unreadable[group_id] = describe_unreadable_group(found, to_read[group_id].name, group_id)
                    if done == failed == MAX_UNREADABLE < len(to_read):
                        self.details.append(OTHERS_UNREAD)
                        break
                if self.on_progress:
                    self.on_progress(Progress(phase="reading", done=done, total=len(to_read)))

    def raise_problems(self, given: GivenRows) -> None:
        """Raise one error for everything that prevents a plan.

        Raises:
            InputError: there are bad rows, or problems of groups.
        """
        given.raise_problems(self.resolver.problems, [*self.unreadable.values(), *self.details], self._cause)

    def _read_group(
        self, group: Group, *, emails: bool, is_checked: bool
    ) -> GroupSnapshot | APIError | IncompleteReadError | None:
        """Return a group; None if it no longer exists, and an error that concerns only this group."""
        try:
            known = group if is_checked else find_group(self.client, group.id)
            return read_group(self.client, known, emails=emails) if known else None
        except READ_ERRORS as error:
            if concerns_site(error):
                name_group(error, group.name, group.id)
                raise
            return error

    def add_unlisted(self, unlisted: Sequence[Key]) -> None:
        """Add to the groups the members whom Confluence does not list.

        Args:
            unlisted: the group ids and account ids to check.

        Raises:
            APIError, IncompleteReadError: as for `add_unlisted_members`.
        """
        self.groups = add_unlisted_members(self.client, self.groups, unlisted, self.memberships)

    def load_users(self, account_ids: Iterable[str], origin: str | None = None) -> None:
        """Read the users whom no group lists that was read; see `Resolver.load_users`.

        Raises:
            APIError: a call failed.
        """
        unknown = dict.fromkeys(each for each in account_ids if each not in self.resolver.users)  # many are repeated
        self.resolver.load_users((each for each in unknown if self.find_listed(each) is None), origin)

    def find_listed(self, account_id: str) -> Member | None:
        """Return a user as one of the groups lists them; None if no group lists them."""
        lists = (group.members for group in self.groups.values())
        return next((members[account_id] for members in lists if account_id in members), None)

    def find_member(self, group_id: str, account_id: str) -> Member | None:
        """Return what is known about a user, preferably from this group."""
        if group_id in self.groups and (member := self.groups[group_id].members.get(account_id)):
            return member
        user = self.resolver.users.get(account_id)
        return member_from_user(user) if user else self.find_listed(account_id)

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
        access = self.access.read_user_groups()
        self.try_read((group for group in access if group.id not in self.groups), emails=True)
        existing = [group.id for group in access if group.id in self.groups]
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
