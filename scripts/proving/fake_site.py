"""A site in this process, and a client for it that sends nothing: each call takes about a millisecond."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

from confluence_groups_sdk import ApiToken, ConfluenceGroups, Group, User
from confluence_groups_sdk.membership import Action, Change, Guards, Plan, PlannedGroup
from confluence_groups_sdk.membership.planning.snapshot import members_digest

SITE = "https://your-domain.atlassian.net"
GROUPS = ("first", "second")
STAYING, LEAVING, JOINING = 5, 40, 15  # people in each group
CALL_S = 0.0005


class FakeSite:
    """A site with groups and members.

    Attributes:
        members: the account ids of each group's members, by group id.
        writes: the group id and account id of each change that was sent, in order.
        client: a client for the site.
    """

    def __init__(self) -> None:
        people = [f"person-{number:02d}" for number in range(STAYING + LEAVING)]
        self.members = {group_id: dict.fromkeys(people) for group_id in GROUPS}
        self.writes: list[tuple[str, str]] = []
        self.client = FakeClient(self)
        self._lock = threading.Lock()

    def change(self, action: Action, group_id: str, account_id: str) -> None:
        """Make a change."""
        time.sleep(CALL_S)
        with self._lock:
            self.writes.append((group_id, account_id))
            if action is Action.ADD:
                self.members[group_id][account_id] = None
            else:
                self.members[group_id].pop(account_id, None)
        time.sleep(CALL_S)

    def is_done(self, plan: Plan) -> bool:
        """Check whether all changes of a plan were made."""
        return all(
            (change.account_id in self.members[change.group_id]) is (change.action is Action.ADD)
            for change in plan.changes
        )


class FakeClient(ConfluenceGroups):
    """A client that reads and changes a site in this process."""

    def __init__(self, site: FakeSite) -> None:
        super().__init__(SITE, auth=ApiToken("me@example.com", "token"))
        self._fake = site

    def current_user(self) -> User:
        return User(account_id="me", display_name="Me")

    def get_group(self, *, group_id: str) -> Group:
        return Group(id=group_id, name=group_id)

    def iter_groups(self, *, access_type: Any = None, page_size: int = 200) -> Generator[Group, None, None]:  # noqa: ARG002
        yield from ()

    def iter_members(
        self,
        *,
        group_id: str,
        page_size: int = 200,  # noqa: ARG002
        in_parallel: int = 1,  # noqa: ARG002
    ) -> Generator[User, None, None]:
        time.sleep(CALL_S)
        for account_id in list(self._fake.members[group_id]):
            yield User(account_id=account_id, account_type="atlassian", display_name=account_id)

    def iter_memberships(self, *, account_id: str) -> Generator[Group, None, None]:
        yield from (self.get_group(group_id=each) for each in GROUPS if account_id in self._fake.members[each])

    def is_member(self, *, group_id: str, account_id: str) -> bool:
        return account_id in self._fake.members[group_id]

    def remove_member(self, *, group_id: str, account_id: str) -> None:
        self._fake.change(Action.REMOVE, group_id, account_id)

    def add_member(self, *, group_id: str, account_id: str) -> None:
        self._fake.change(Action.ADD, group_id, account_id)


def make_plan(site: FakeSite) -> Plan:
    """Plan that some people leave each group of a site, and that others join it."""
    groups, changes = [], []
    for group_id in GROUPS:
        people = list(site.members[group_id])
        staying, leaving = people[:STAYING], people[STAYING:]
        joining = [f"new-{number:02d}" for number in range(JOINING)]
        for action, ids in ((Action.ADD, joining), (Action.REMOVE, leaving)):
            changes += [Change(action=action, group_id=group_id, group_name=group_id, account_id=each) for each in ids]
        groups.append(
            PlannedGroup(
                id=group_id,
                name=group_id,
                access=("user",),
                managed_by=None,
                members=len(people),
                others=len(staying),
                digest=members_digest(staying),
            )
        )
    return Plan(
        site=site.client.site,
        made_at="2026-11-24T08:00:00Z",
        made_by="me",
        asked="leave and join",
        guards=Guards(max_removals=None, max_fraction=1.0),
        groups=tuple(groups),
        changes=tuple(changes),
    )
