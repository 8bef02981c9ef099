"""Turn the rows that a caller gives into people and groups that exist, or into one error that lists all bad rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple, TypeAlias

from ...._support.concurrency.threads import map_in_threads
from ...._support.text import format_count
from ....errors import APIError, IncompleteReadError
from ....models import Group
from ...model.changes import Key
from ..plan_builder import PlanBuilder
from ..plan_reader import MAX_UNREADABLE
from ..reading.group_lookup import is_id_like
from ..reading.read_errors import READ_ERRORS, concerns_site, describe_unreadable_user
from ..resolver import NO_GROUPS, describe_gone_group
from .account_cell import unquote
from .given_rows import GivenRow, GivenRows, join_reasons
from .row import Row
from .row_resolver import Person, SearchScope, has_details, has_unconfirmed_email, load_unlisted_users

RowOfGroup: TypeAlias = tuple[GivenRow, Group, tuple[str, ...]]
"""A row, its group, and remarks about how the row names the group."""

OTHER_USERS_UNREAD = (
    f"the groups of the other users were not read, because those of the first {MAX_UNREADABLE} could not be read"
)


def resolve_rows(builder: PlanBuilder, given: GivenRows) -> dict[Key, Row]:
    """Resolve and read the groups of all rows, and return the first row for each group and account.

    Raises:
        InputError: a row is bad; the error names all bad rows.
        APIError, IncompleteReadError: something could not be read.
    """
    found = _find_groups(builder, given)
    emails = any(has_details(each.row) for each, _, _ in found)
    builder.try_read((group for _, group, _ in found), emails=emails)
    readable = _leave_out_unread(builder, given, found)
    searched = {group_id: builder.search_in([group_id]) for group_id in builder.groups}
    groups = {each.position: (group.id, remark) for each, group, remark in readable}
    people = builder.resolve_people(
        given, [each for each, _, _ in readable], [searched[group.id] for _, group, _ in readable]
    )
    builder.raise_problems(given)
    requested: dict[Key, Row] = {}
    for each, person in people:
        group_id, remark = groups[each.position]
        key = group_id, person.account_id
        requested.setdefault(key, each.row)
        builder.remember_rows(key, [(each, person._replace(remarks=(*remark, *person.remarks)))])
    return requested


def _find_groups(builder: PlanBuilder, given: GivenRows) -> list[RowOfGroup]:
    """Return the rows whose group exists, with the group and a remark if it was found only without its quotes."""
    resolver = builder.resolver
    has_ids = any(is_id_like(each.row.group) for each in given.rows)
    known = builder.access.read_known_groups() if has_ids else NO_GROUPS  # removals need these lists anyway
    found: dict[tuple[str, bool], Group | str] = {}
    for by_name in (False, True):
        texts = [each.row.group for each in given.rows if each.row.by_name is by_name]
        groups = resolver.find_each_group(texts, by_name=by_name, known=known)
        quoted = [text for text, group in groups.items() if isinstance(group, str) and unquote(text) not in ("", text)]
        bare = resolver.find_each_group(map(unquote, quoted), by_name=by_name, known=known)
        groups |= {text: bare[unquote(text)] for text in quoted if isinstance(bare[unquote(text)], Group)}
        found |= {(text, by_name): group for text, group in groups.items()}
    usable: list[RowOfGroup] = []
    for each in given.rows:
        text = each.row.group
        group = found[text, each.row.by_name]
        if isinstance(group, Group):
            remark = () if text in (group.id, group.name) else (f"the group is written {text}",)
            usable.append((each, group, remark))
        else:
            given.note_problem(each, group)
    return usable


def _leave_out_unread(builder: PlanBuilder, given: GivenRows, rows: Sequence[RowOfGroup]) -> list[RowOfGroup]:
    """Return the rows whose group was read; note each other group once, at its first row."""
    unread: dict[str, list[RowOfGroup]] = defaultdict(list)
    for each in rows:
        if each[1].id not in builder.groups:
            unread[each[1].id].append(each)
    for group_id, of_group in unread.items():
        first, group, _ = of_group[0]
        later = f" and {format_count(len(of_group) - 1, 'later row')}" if len(of_group) > 1 else ""
        if why := builder.unreadable.pop(group_id, None) or (not builder.details and describe_gone_group(group)):
            given.unreadable.append((first.position, f"{first.place}{later}: {why}"))
    return [each for each in rows if each[1].id in builder.groups]


def find_synced_group(builder: PlanBuilder, given: GivenRows, id_or_name: str) -> Group:
    """Return the group whose members are to be in line with a list.

    Raises:
        InputError: the group is unknown or ambiguous; the error also lists the bad rows.
        APIError, IncompleteReadError: something could not be read.
    """
    found = builder.resolver.find_groups([id_or_name])[id_or_name]
    if group := builder.resolver.choose_group(id_or_name, found, "group_id"):
        return group
    builder.raise_problems(given)
    raise AssertionError("not reached: there is a problem")


def read_synced_group(builder: PlanBuilder, given: GivenRows, group: Group) -> None:
    """Read the group whose members are to be in line with a list.

    Raises:
        InputError: the members cannot be read, or the group no longer exists; the error also lists the bad rows.
        APIError: as for `PlanBuilder.read`.
    """
    builder.try_read([group], emails=any(has_details(each.row) for each in given.rows))
    if group.id not in builder.groups:
        if not builder.unreadable:
            builder.resolver.problems.append(describe_gone_group(group))
        builder.raise_problems(given)


def resolve_desired(builder: PlanBuilder, given: GivenRows, group: Group) -> dict[str, str | None]:
    """Return the accounts that should be members of a group, with the reasons in their rows.

    Raises:
        InputError: a row is bad; the error names all bad rows.
        APIError: something could not be read.
    """
    members = builder.groups[group.id].members
    unlisted = sorted(given.account_ids.keys() - members.keys())
    rows = [*given.rows, *(given.row_of(account_id) for account_id in unlisted)]
    people = builder.resolve_people(given, rows, _choose_scopes(builder, rows, group))
    builder.raise_problems(given)
    desired = given.account_ids  # not copied, because there may be a million
    for account_id in unlisted:
        del desired[account_id]
    reasons: dict[str, list[str | None]] = defaultdict(list)
    for each, person in people:
        reasons[person.account_id].append(each.row.reason)
        builder.remember_rows((group.id, person.account_id), [(each, person)])
    desired |= {account_id: join_reasons(given) for account_id, given in reasons.items()}
    return desired


def _choose_scopes(builder: PlanBuilder, rows: Sequence[GivenRow], group: Group) -> list[SearchScope]:
    """Return the search scope of each row: the group, or all groups that give access if no member shows the e-mail."""
    searched = builder.search_in([group.id])
    found = ["@" not in each.row.account or bool(searched.accounts_with(each.row.account)) for each in rows]
    everywhere = searched if all(found) else builder.search_everywhere([group.id])
    return [searched if is_found else everywhere for is_found in found]


class Leaver(NamedTuple):
    """A user who leaves: the rows that name them, each with the person found."""

    rows: list[tuple[GivenRow, Person]]

    @property
    def place(self) -> str:
        """The place of the first row."""
        return self.rows[0][0].place

    @property
    def reason(self) -> str | None:
        """The reasons in the rows."""
        return join_reasons(given.row.reason for given, _ in self.rows)


def resolve_leavers(builder: PlanBuilder, given: GivenRows) -> dict[str, Leaver]:
    """Return the users who leave, by account id and in the order in which they were given; note the bad rows.

    If an e-mail identifies somebody or contradicts an account, the members of the groups that give access are read.

    Raises:
        APIError, IncompleteReadError: something could not be read.
    """
    rows = sorted([*given.rows, *map(given.row_of, given.account_ids)], key=lambda each: each.position)
    searched = SearchScope()
    if any("@" in each.row.account for each in rows):
        searched = builder.search_everywhere()
    load_unlisted_users(builder.resolver, [(each.row, searched) for each in rows])
    if not searched.emails and any(has_unconfirmed_email(each.row, builder.resolver.users) for each in rows):
        searched = builder.search_everywhere()
    people = builder.resolve_people(given, rows, [searched] * len(rows))
    leavers: dict[str, Leaver] = {}
    for each, person in people:
        leavers.setdefault(person.account_id, Leaver([])).rows.append((each, person))
    builder.load_users(leavers)
    return leavers


def read_memberships(builder: PlanBuilder, given: GivenRows, leavers: Mapping[str, Leaver]) -> list[list[Group]]:
    """Read the groups of each user who leaves, of several at the same time; note the users whose groups are unreadable.

    Raises:
        APIError: something failed that the other users would also meet.
    """

    def read(account_id: str) -> list[Group] | APIError | IncompleteReadError:
        try:
            return list(builder.client.iter_memberships(account_id=account_id))
        except READ_ERRORS as error:
            if concerns_site(error):
                raise
            return error

    memberships: list[list[Group]] = []
    failed = 0
    found = map_in_threads(read, [*leavers])
    with closing(found):  # ends the remaining calls, even after an error
        for (account_id, leaver), groups in zip(leavers.items(), found, strict=True):
            if isinstance(groups, list):
                memberships.append(groups)
                builder.memberships[account_id] = frozenset(group.id for group in groups)
                continue
            failed += 1
            memberships.append([])
            given.cause = given.cause or groups
            member = builder.find_member("", account_id)
            name = member.display_name if member else None
            position = leaver.rows[0][0].position
            what = describe_unreadable_user(groups, name, account_id)
            given.unreadable.append((position, f"{leaver.place}: {what}"))
            if len(memberships) == failed == MAX_UNREADABLE < len(leavers):
                builder.details.append(OTHER_USERS_UNREAD)
                break
    return memberships
