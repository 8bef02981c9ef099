"""Find the person of each row: by account id or e-mail, and check that the row's other cells fit the person.

A row whose person is not certain is a bad row; a name that differs is a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from attrs import frozen

from ...._support.text import escape_controls
from ....models import User
from ..resolver import AccountsByEmail, Resolver, describe_ambiguous_email, describe_unknown_account
from ..snapshot import GroupSnapshot
from .account_cell import is_id_shaped, lower_hex
from .person_names import is_same_name
from .row import Row


class Person(NamedTuple):
    """The person of a row.

    Attributes:
        account_id: the account id.
        remarks: remarks about the row.
        doubts: those remarks that say why the row may mean somebody else.
    """

    account_id: str
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class BadRowError(Exception):
    """The person of a row is not certain.

    Args:
        what: what is wrong with the row.
        is_unknown_email: whether the only reason is that nobody shows the row's e-mail.
    """

    def __init__(self, what: str, *, is_unknown_email: bool = False) -> None:
        super().__init__(what)
        self.is_unknown_email = is_unknown_email


def _describe_unknown_email(email: str) -> str:
    return f"no member shows the e-mail {email}: give the account id"


@frozen
class SearchScope:
    """The groups in which the person of a row is searched for.

    Attributes:
        groups: groups with their listed members.
        emails: the e-mails that the members show.
        describe_unknown_email: describes that nobody there shows an e-mail.
        complete: whether all groups could be read; if not, an unknown e-mail may be there.
    """

    groups: Sequence[GroupSnapshot] = ()
    emails: Sequence[AccountsByEmail] = ()
    describe_unknown_email: Callable[[str], str] = _describe_unknown_email
    complete: bool = True

    def lists(self, account_id: str) -> bool:
        """Check whether one of the groups has this listed member."""
        return any(account_id in group.members for group in self.groups)

    def accounts_with(self, email: str) -> set[str]:
        """Return the account ids of the members who show this e-mail."""
        return {account_id for by_email in self.emails for account_id in by_email.get(email.casefold(), ())}


def has_details(row: Row) -> bool:
    """Check whether e-mails and names of members are needed to resolve a row."""
    return "@" in row.account or bool(row.others or row.names)


def has_unconfirmed_email(row: Row, users: Mapping[str, User]) -> bool:
    """Check whether a row has an e-mail beside an account id, and the account does not show this e-mail."""
    user = users.get(row.account)
    shown = (user.email or "").casefold() if user else ""
    return any("@" in other and other.casefold() != shown for other in row.others)


def load_unlisted_users(resolver: Resolver, rows: Iterable[tuple[Row, SearchScope]]) -> None:
    """Look up the account ids in rows that no searched group lists.

    Raises:
        APIError: a call failed.
    """
    unlisted = [(text, at) for row, at in rows for text in _possible_ids(row) if not at.lists(text)]
    resolver.load_users(text for text, _ in unlisted)
    lower = ((lower_hex(text), at) for text, at in unlisted if text not in resolver.users)
    resolver.load_users(text for text, at in lower if text and not at.lists(text))


def resolve_person(row: Row, searched: SearchScope, users: Mapping[str, User]) -> Person:
    """Return the person of a row.

    Args:
        row: the row.
        searched: where the person is searched for.
        users: the users who were looked up, by the account id that was given.

    Raises:
        BadRowError: the person is not certain.
    """
    return _PersonCheck(row, searched, users).run()


@frozen
class _PersonCheck:
    row: Row
    searched: SearchScope
    users: Mapping[str, User]

    def run(self) -> Person:
        row = self.row
        is_email = "@" in row.account and not self.searched.lists(row.account)
        account_id = self._by_email(row.account) if is_email else self._by_id(row.account)
        repairs: list[str] = []
        doubts: list[str] = []
        if row.given is not None or (not is_email and account_id != row.account):
            repairs.append(f"the account is written {row.given or row.account}")
        for other in row.others:
            if other in row.names and self._is_called(account_id, other):
                continue  # people may be called like an e-mail of somebody else
            doubts += self._check_email(account_id, other) if "@" in other else self._check_id(account_id, other)
        for name in row.names:
            doubts += self._check_name(account_id, name)
        return Person(account_id, (*repairs, *doubts), tuple(doubts))

    def _by_id(self, text: str) -> str:
        if account_id := self._find_id(text):
            return account_id
        lower = lower_hex(text)
        given = f" (it is written {self.row.given})" if self.row.given and text == self.row.account else ""
        raise BadRowError(f"{describe_unknown_account(f'{text} or {lower}' if lower else text)}{given}")

    def _find_id(self, text: str) -> str | None:
        for account_id in (text, lower_hex(text)):
            if account_id and self.searched.lists(account_id):
                return account_id
            if account_id and (user := self.users.get(account_id)):
                return user.account_id
        return None

    def _by_email(self, email: str) -> str:
        found = self.searched.accounts_with(email)
        if len(found) > 1:
            raise BadRowError(describe_ambiguous_email(email, sorted(found)))
        if not found:
            given = f" (it is written {self.row.given})" if self.row.given else ""
            raise BadRowError(f"{self.searched.describe_unknown_email(email)}{given}", is_unknown_email=True)
        return found.pop()

    def _check_id(self, account_id: str, other: str) -> tuple[str, ...]:
        if self._by_id(other) != account_id:
            raise BadRowError(f"{self.row.account} and {other} are different people: name one")
        return ()

    def _check_email(self, account_id: str, email: str) -> Iterator[str]:
        shown = {each.casefold() for each in self._emails(account_id)}
        found = self.searched.accounts_with(email)
        if email.casefold() in shown or account_id in found:
            return
        if found:
            raise BadRowError(f"{self.row.account} and {email} are different people: name one")
        if shown:
            raise BadRowError(f"{self.row.account} shows another e-mail than {email}: give only the right one")
        yield f"nobody shows the e-mail {email}, so it was not compared"

    def _check_name(self, account_id: str, name: str) -> Iterator[str]:
        if name in (self.row.account, *self.row.others) or self._is_called(account_id, name):
            return
        if not any(map(str.isspace, name)):
            found = self._find_id(name)
            if found == account_id:
                return
            if found or is_id_shaped(name):
                self._check_id(account_id, name)
        known = [each for each in self._names(account_id) if each]
        if known and not any(is_same_name(name, each) for each in known):
            yield f"the row says {name}, but the account is called {known[0]}"

    def _is_called(self, account_id: str, text: str) -> bool:
        """Check whether the account has exactly this name, perhaps as `members list -o csv` writes it."""
        names = [each for each in self._names(account_id) if each]
        return _plain_name(text) in map(_plain_name, [*names, *map(escape_controls, names)])

    def _emails(self, account_id: str) -> Iterator[str]:
        for group in self.searched.groups:
            if (member := group.members.get(account_id)) and member.email:
                yield member.email
        if (user := self._user(account_id)) and user.email:
            yield user.email

    def _names(self, account_id: str) -> Iterator[str | None]:
        for group in self.searched.groups:
            if member := group.members.get(account_id):
                yield from (member.display_name, member.public_name)
        if user := self._user(account_id):
            yield from (user.display_name, user.public_name)

    def _user(self, account_id: str) -> User | None:
        return self.users.get(account_id) or self.users.get(self.row.account)


def _plain_name(name: str) -> str:
    """Return a name without the apostrophe before a formula, for comparison."""
    return " ".join(name.split()).removeprefix("'").casefold()


def _possible_ids(row: Row) -> Iterator[str]:
    """Yield the texts of a row that may be account ids: not e-mails, and not names without a digit."""
    yield from (text for text in (row.account, *row.others) if "@" not in text)
    for name in row.names:
        if any(map(str.isdigit, name)) and not any(map(str.isspace, name)):
            yield name
