"""Translate what people write into what Confluence knows: groups by id or exact name, accounts by id or e-mail.

Plans and the command line use the same rules. The functions resolve one group or user and raise an error; `Resolver`
resolves many and collects all problems, so that one error can name them together.

Names are not unique, because the groups of all sites of an organisation share a list
(docs/confluence-behaviour.md#identifiers). Most members do not show their e-mail (docs/confluence-behaviour.md#users).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from ..._support.concurrency.threads import map_in_threads
from ..._support.public import public
from ...client import ConfluenceGroups
from ...errors import BadRequestError, InputError, NotFoundError
from ...models import Group, User
from .reading.group_lookup import (
    find_group,
    find_groups_by_name,
    find_many_groups,
    is_id_like,
    is_looked_up_by_id_first,
)
from .reading.group_members import list_members
from .reading.read_errors import READ_ERRORS, name_group

AccountsByEmail = Mapping[str, set[str]]
NO_GROUPS: Mapping[str, Group] = {}
USERS_PER_CALL = 100
MAX_NAMES = 5  # of groups in a message about one of many accounts
NO_PLAN = "no plan was made:"  # before the problems that prevent a plan


# --- one group or user


@public
def resolve_group(client: ConfluenceGroups, id_or_name: str) -> Group:
    """Return the group with this id or exact name.

    A text that looks like an id is looked up by id first, and any other text by name first.

    Raises:
        InputError: several groups have this name.
        NotFoundError, BadRequestError: no group has this id or name; the error is that of the look-up by id.
        ValueError: the id or name is empty.
        APIError, IncompleteReadError: as for `get_group` and `search_groups`.
    """
    by_id_first = is_looked_up_by_id_first(id_or_name)
    groups = [] if by_id_first else find_groups_by_name(client, id_or_name)
    if not groups:
        try:
            return client.get_group(group_id=id_or_name)
        except (NotFoundError, BadRequestError):
            groups = find_groups_by_name(client, id_or_name) if by_id_first else []
            if not groups:
                raise
    if len(groups) > 1:
        raise InputError(describe_ambiguous_name(id_or_name, groups))
    return groups[0]


@public
def resolve_groups(
    client: ConfluenceGroups, ids_or_names: Iterable[str], *, allow_missing: bool = False
) -> dict[str, Group]:
    """Return the group for each id or exact name, with few calls: many of them are looked up in the list of all groups.

    Args:
        client: reads the groups.
        ids_or_names: ids or exact names of groups; a repeated one counts once.
        allow_missing: whether to leave out what no group has, instead of raising an error.

    Raises:
        InputError: several groups have one of the names, or no group has it; the error names all of these.
        TypeError: one string was given instead of several.
        ValueError: an id or name is empty.
        APIError, IncompleteReadError: as for `get_group`, `iter_groups` and `search_groups`.
    """
    if isinstance(ids_or_names, str):
        raise TypeError("give a list of ids or names, not one string")
    found = find_many_groups(client, ids_or_names)
    wanted = {given: groups for given, groups in found.items() if groups or not allow_missing}
    chosen = {given: _single(given, groups, by_name=False) for given, groups in wanted.items()}
    if problems := tuple(problem for problem in chosen.values() if isinstance(problem, str)):
        raise InputError("some groups cannot be found:", problems=problems)
    return {given: group for given, group in chosen.items() if isinstance(group, Group)}


@public
def resolve_user(client: ConfluenceGroups, account: str, *, group: Group | None = None) -> User:
    """Return the user with this account id or e-mail, if the user shows the e-mail.

    Args:
        client: reads the user, or the members of groups.
        account: the account id or e-mail.
        group: the group whose members are searched for an e-mail; None for all groups that give access to Confluence.

    Raises:
        InputError: nobody in these groups shows this e-mail, or several people do.
        NotFoundError: no user has this id.
        ValueError: the id is empty.
        APIError, IncompleteReadError: as for `get_user`, `iter_groups` and `iter_members`; the error names the group
            whose members cannot be read.
    """
    if "@" not in account:
        return client.get_user(account_id=account)
    email = account.strip()
    searched = [group] if group else list(client.iter_groups(access_type="user"))
    members: dict[str, User] = {}
    for found in map_in_threads(lambda each: _members_of(client, each), searched):
        members.update(found)
    shown = accounts_by_email((user.account_id, user.email) for user in members.values())
    account_ids = sorted(shown.get(email.casefold(), ()))
    if len(account_ids) == 1:
        return members[account_ids[0]]
    if account_ids:
        raise InputError(describe_ambiguous_email(email, account_ids))
    if group:
        raise InputError(f"no member of {group.name} shows the e-mail {email}: give the account id")
    people = [bool(user.email) for user in members.values() if not user.is_app]
    raise InputError(describe_unknown_email(email, [each.name for each in searched], people))


def _members_of(client: ConfluenceGroups, group: Group) -> dict[str, User]:
    """Return a group's members by account id; none if the group was deleted meanwhile.

    Raises:
        APIError, IncompleteReadError: the members cannot be read; the error names the group.
    """
    try:
        return {user.account_id: user for user in list_members(client, group.id)}
    except READ_ERRORS as error:
        if isinstance(error, NotFoundError | BadRequestError) and find_group(client, group.id) is None:
            return {}
        name_group(error, group.name, group.id)
        raise


# --- many groups and accounts


@define
class Resolver:
    """Resolves many groups and accounts, and collects all problems.

    Attributes:
        client: reads the groups and users.
        users: the users found so far, by account id.
        problems: everything that could not be resolved, one line each.
    """

    client: ConfluenceGroups
    users: dict[str, User] = field(factory=dict)
    problems: list[str] = field(factory=list)

    def find_groups(self, given: Iterable[str]) -> dict[str, list[Group]]:
        """Return the groups with each of these ids or exact names.

        Raises:
            APIError, IncompleteReadError: something could not be read.
        """
        return find_many_groups(self.client, given)

    def find_each_group(
        self, given: Iterable[str], *, by_name: bool = False, known: Mapping[str, Group] = NO_GROUPS
    ) -> dict[str, Group | str]:
        """Return the group for each of these ids or exact names, or why there is not exactly one.

        Args:
            given: the ids or exact names.
            by_name: whether they are names, and no ids.
            known: groups that an earlier answer contained, by id.

        Raises:
            APIError, IncompleteReadError: something could not be read.
        """
        texts = list(dict.fromkeys(given))
        ids = {} if by_name else {text: [known[text]] for text in texts if text in known and is_id_like(text)}
        others = (text for text in texts if text not in ids)
        found = find_many_groups(self.client, others, by_name=by_name) | ids
        return {text: _single(text, groups, by_name=by_name) for text, groups in found.items()}

    def choose_group(self, given: str, groups: Sequence[Group], origin: str, *, by_name: bool = False) -> Group | None:
        """Return the only group with this id or name; note a problem if there is not exactly one."""
        group = _single(given, groups, by_name=by_name)
        if isinstance(group, Group):
            return group
        self.problems.append(f"{origin}: {group}")
        return None

    def load_users(self, account_ids: Iterable[str], origin: str | None = None) -> None:
        """Read users; if an origin is given, note a problem for each unknown account id."""
        ids = [account_id for account_id in dict.fromkeys(account_ids) if account_id not in self.users]
        chunks = [ids[start : start + USERS_PER_CALL] for start in range(0, len(ids), USERS_PER_CALL)]
        read = map_in_threads(lambda chunk: self.client.get_users(account_ids=chunk), chunks)
        for chunk, users in zip(chunks, read, strict=True):
            missing = set(users.missing)
            self.users |= zip((each for each in chunk if each not in missing), users, strict=True)
            if origin:
                self.problems += [f"{origin}: {describe_unknown_account(account_id)}" for account_id in users.missing]


def accounts_by_email(emails: Iterable[tuple[str, str | None]]) -> AccountsByEmail:
    """Return account ids by e-mail, from pairs of account id and e-mail; case does not matter in e-mails."""
    found: dict[str, set[str]] = defaultdict(set)
    for account_id, email in emails:
        if email:
            found[email.casefold()].add(account_id)
    return found


def _single(given: str, groups: Sequence[Group], *, by_name: bool) -> Group | str:
    if len(groups) == 1:
        return groups[0]
    if groups:
        return describe_ambiguous_name(given, groups)
    return f"there is no group with the {'exact name' if by_name else 'id or exact name'} {given}"


# --- messages


def describe_unknown_account(account_id: str) -> str:
    """Say that nobody has this account id."""
    return f"there is no account with the id {account_id}"


def describe_gone_group(group: Group) -> str:
    """Say that a group was deleted after it was found."""
    return f"the group {group.name} ({group.id}) no longer exists"


def describe_ambiguous_name(name: str, groups: Iterable[Group]) -> str:
    """Say that several groups have this name."""
    ids = [group.id for group in groups]
    return f"{len(ids)} groups are called {name}: give the id ({', '.join(ids)})"


def describe_unknown_email(
    email: str, group_names: Sequence[str], shows_email: Iterable[bool], *, max_names: int | None = None
) -> str:
    """Say that no member of the groups that give access shows this e-mail, and how many people there hide theirs.

    Args:
        email: the e-mail.
        group_names: the names of the groups that were searched.
        shows_email: for each of the people in these groups, whether they show an e-mail.
        max_names: how many groups the message may name; the last line of the problems names them all.
    """
    if not group_names:
        return "no group gives access to Confluence, so no e-mail can be searched for: give the account id"
    people = list(shows_email)
    names = ", ".join(group_names) if max_names is None or len(group_names) <= max_names else "named below"
    groups = "the group that gives" if len(group_names) == 1 else f"the {len(group_names)} groups that give"
    everybody = "1 person" if len(people) == 1 else f"{len(people)} people"
    hidden = people.count(False)
    unknown = f"no member of {groups} access to Confluence ({names}) shows the e-mail {email}"
    if len(people) > 1 and not hidden:
        advice = "check it; for somebody without access to Confluence, give the account id"
        return f"{unknown}, and all {everybody} there show theirs: {advice}"
    verb = "hides" if hidden == 1 else "hide"
    return f"{unknown}; {hidden} of the {everybody} there {verb} their e-mail: give the account id"


def describe_ambiguous_email(email: str, account_ids: Iterable[str]) -> str:
    """Say that several accounts have this e-mail."""
    ids = list(account_ids)
    return f"{len(ids)} accounts have the e-mail {email}: give the account id ({', '.join(ids)})"
