"""The plans whose calls are counted, with the calls that they cannot avoid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from attrs import frozen

from benchmarking.jobs.company import Company, email_of, group_id, group_name
from benchmarking.reading import PAGE, account_id
from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.membership import Guards, Plan, plan_offboarding, plan_removals, plan_sync

OPEN = Guards(max_removals=None, max_fraction=1.0)
SYNCED = 450  # members of the synced group
MOVED = 45  # people who leave the synced group, and as many who join it
SEED_GROUPS = 3  # groups of every sandbox

CALLER = {"the caller": 1}
ACCESS = {"the access that groups give": 3}
ONE_GROUP = {"the group's name and manager": 1}

Fewest = Mapping[str, int]
SHOWN = 100  # leavers from which an off-boarding is in the short table


@frozen
class Task:
    """A plan that is made, applied and undone.

    Attributes:
        name: the name of the plan.
        plan: makes the plan.
        to_plan: the calls that planning cannot avoid, by their purpose.
        to_apply: those of applying the plan, in addition to its changes.
        to_undo: those of planning to undo it.
        short: the name in the short table; empty for none.
    """

    name: str
    plan: Callable[[ConfluenceGroups], Plan]
    to_plan: Fewest
    to_apply: Fewest
    to_undo: Fewest
    short: str = ""


def fewest_to_list(members: int) -> Fewest:
    """Return the fewest calls that list a group's members."""
    if not members:
        return {"the empty list": 1, "the question whether the group exists": 1}
    return {"pages of 200, up to one that is not full": members // PAGE + 1}


def removals_from_one_group(members: int) -> list[Task]:
    """Return the removal of 100 people: the group given by id or name, the people by id or e-mail."""
    ways = {
        "by id": [(group_id(0), account_id(number)) for number in range(100)],
        "by name": [(group_name(0), account_id(number)) for number in range(100)],
        "by e-mail": [(group_id(0), email_of(number)) for number in range(100)],
    }
    lists = {"the members of the group": members // PAGE + 1}
    return [
        Task(
            f"plan_removals, 100 rows for 1 group, {way}",
            partial(_plan_removals, rows),
            {**ONE_GROUP, **lists, **ACCESS, **CALLER},
            {**lists, **CALLER},
            {**ONE_GROUP, **lists, **CALLER},
        )
        for way, rows in ways.items()
    ]


def removals_from_each_group(company: Company) -> list[Task]:
    """Return the removal of one person from each group, given in the same ways."""
    first = [members[0] for members in company.groups]
    ways = {
        "by id": [(group_id(index), account_id(number)) for index, number in enumerate(first)],
        "by name": [(group_name(index), account_id(number)) for index, number in enumerate(first)],
        "by e-mail": [(group_id(index), email_of(number)) for index, number in enumerate(first)],
    }
    groups, lists = _all_groups(company), _each_list(company)
    return [
        Task(
            f"plan_removals, 1 row for each of {len(first)} groups, {way}",
            partial(_plan_removals, rows),
            {**groups, **lists, **ACCESS, **CALLER},
            {**lists, **CALLER},
            {**groups, **lists, **CALLER},
        )
        for way, rows in ways.items()
    ]


def sync() -> Task:
    """Return the replacement of one in ten members of a group."""
    wanted = [account_id(number) for number in range(MOVED, SYNCED + MOVED)]
    lists = {"the members of the group": SYNCED // PAGE + 1}
    return Task(
        f"plan_sync, {SYNCED} members, {MOVED} leave and {MOVED} join",
        lambda groups: plan_sync(groups, group_id=group_id(0), account_ids=wanted, guards=OPEN),
        {**ONE_GROUP, **lists, "the people who join": 1, **ACCESS, **CALLER},
        {**lists, **CALLER},
        {**ONE_GROUP, **lists, **ACCESS, **CALLER},
    )


def offboarding(company: Company) -> Task:
    """Return the removal of the leavers from all their groups."""
    leavers, groups = len(company.leavers), len(company.groups)
    lists = _each_list(company)
    people = {"the groups of each leaver": leavers}
    return Task(
        f"plan_offboarding, {leavers:,} people in {groups:,} groups",
        lambda client: plan_offboarding(client, account_ids=company.leaver_ids, guards=OPEN),
        {**people, **lists, **ACCESS, **CALLER},
        {**lists, **CALLER},
        {**_all_groups(company), **lists, **CALLER},
        f"planning to off-board {leavers:,} people from {groups:,} groups" if leavers >= SHOWN else "",
    )


def _plan_removals(rows: Sequence[tuple[str, str]], client: ConfluenceGroups) -> Plan:
    return plan_removals(client, rows, guards=OPEN)


def _each_list(company: Company) -> Fewest:
    return {"the members of each group": sum(len(members) // PAGE + 1 for members in company.groups)}


def _all_groups(company: Company) -> Fewest:
    """Return the calls that list all groups of the site, which is cheaper than one call for each of many groups."""
    return {"a list of all groups": (len(company.groups) + SEED_GROUPS) // PAGE + 1}
