"""A sandbox that notes every change of its members, and a plan of additions and removals for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from attrs import field, frozen

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Action, Guards, Plan, plan_sync
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox
from confluence_groups_sdk.sandbox.directory import Directory
from proving.fleet_host import RETRY

GROUP = "everybody"
STAYING = 10  # people
OPEN = Guards(max_removals=None, max_fraction=1.0)


@frozen
class Made:
    """A change of the members that a request made, and when."""

    action: Action
    account_id: str
    at: float = field(factory=time.time, eq=False)


@frozen
class WatchedSite:
    """A sandbox with a group.

    Attributes:
        sandbox: the sandbox.
        made: the requests that changed the group's members, in order.
        repeated: the requests that changed nothing, because another one had made the change.
    """

    sandbox: Sandbox
    made: list[Made] = field(factory=list)
    repeated: list[Made] = field(factory=list)

    def client(self) -> ConfluenceGroups:
        """Return a client of the administrator."""
        return ConfluenceGroups(self.sandbox.url, auth=ApiToken(*self.sandbox.admin), retry=RETRY)

    def members(self) -> set[str]:
        """Return the account ids of the group's members."""
        return {person.account_id for person in self.sandbox.directory.members(GROUP)}

    def make_plan(self, changes: int) -> Plan:
        """Fill the group, and plan as many additions as removals."""
        with self.client() as groups:
            return plan_sync(groups, group_id=GROUP, account_ids=self.fill(changes), guards=OPEN)

    def fill(self, changes: int) -> list[str]:
        """Fill the group, and return the people that a list with as many additions as removals has."""
        directory = self.sandbox.directory
        people = [f"person-{number:05d}" for number in range(changes + STAYING)]
        for account_id in people:
            directory.add_person(Person(account_id, account_id, f"{account_id}@example.com"))
        directory.add_group(Group(GROUP, "Everybody"), people[: changes // 2 + STAYING])
        return people[changes // 2 :]

    def note(self, action: Action, account_id: str, *, is_member: bool) -> None:
        """Note a request."""
        changes = is_member is (action is Action.REMOVE)
        (self.made if changes else self.repeated).append(Made(action, account_id))


@contextmanager
def watched_site(faults: Faults) -> Iterator[WatchedSite]:
    """Run a sandbox that notes all changes."""
    add, remove = Directory.add_member, Directory.remove_member
    with Sandbox(faults=faults) as sandbox:
        site = WatchedSite(sandbox)

        def add_member(directory: Directory, group_id: str, account_id: str) -> None:
            if directory is sandbox.directory:  # others may be watched, too
                site.note(Action.ADD, account_id, is_member=directory.is_member(group_id, account_id))
            add(directory, group_id, account_id)

        def remove_member(directory: Directory, group_id: str, account_id: str) -> None:
            if directory is sandbox.directory:
                site.note(Action.REMOVE, account_id, is_member=directory.is_member(group_id, account_id))
            remove(directory, group_id, account_id)

        with (
            patch.object(Directory, "add_member", add_member),
            patch.object(Directory, "remove_member", remove_member),
        ):
            yield site
