"""Find people, and the groups that they are in, in a snapshot."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from .._support.public import public
from .._support.text import format_count
from ..errors import InputError
from .model.snapshot import Snapshot
from .model.snapshot_parts import SnapshotGroup, SnapshotUser


class Described(Protocol):
    """A user of a snapshot, or of a list of members."""

    @property
    def account_id(self) -> str:
        """The account id."""

    @property
    def email(self) -> str | None:
        """The e-mail, if the user shows it."""


U = TypeVar("U", bound=Described)
NAMES = ("name", "display_name", "public_name")


@public
def find_users(users: Iterable[U], text: str) -> Iterator[U]:
    """Yield the users whose e-mail, names or account id contain a text; neither case nor accents matter.

    Args:
        users: the users of a snapshot, or members that `iter_members` yields.
        text: the text; several words must all occur.

    Raises:
        InputError: the text is empty.
    """
    words = fold(text).split()
    if not words:
        raise InputError("give a part of a name or of an e-mail")
    return _filter(users, words)


@public
def find_user(snapshot: Snapshot, account: str) -> SnapshotUser:
    """Return the user with this account id or e-mail.

    Args:
        snapshot: the snapshot to search.
        account: the account id, or the e-mail that the user shows; case does not matter in e-mails.

    Raises:
        InputError: no member in the snapshot has it, or several have the e-mail.
    """
    given = account.strip()
    if user := snapshot.users.get(given):
        return user
    email = given.casefold()
    found = [user for user in snapshot.users.values() if user.email and user.email.casefold() == email]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(user.account_id for user in found))
        raise InputError(f"{len(found)} accounts have the e-mail {given}: give the account id ({ids})")
    hidden = sum(not user.email and not user.is_app for user in snapshot.users.values())
    shown = f"; {hidden} of the {len(snapshot.users)} members hide their e-mail: give the account id" * ("@" in given)
    partial = sum(not group.is_complete for group in snapshot.groups)
    unread = f"; {format_count(partial, 'group')} may have more members" * bool(partial)
    raise InputError(f"no member of a group in the snapshot has the account id or e-mail {given}{shown}{unread}")


@public
def groups_of(snapshot: Snapshot, account_id: str) -> list[SnapshotGroup]:
    """Return the groups that a user is a listed member of, in the order of their names."""
    found = [group for group in snapshot.groups if account_id in group.members]
    return sorted(found, key=lambda group: (group.name.casefold(), group.id))


def fold(text: str) -> str:
    """Return a text for comparison: without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def _filter(users: Iterable[U], words: list[str]) -> Iterator[U]:
    for user in users:
        texts = (user.account_id, user.email, *(getattr(user, name, None) for name in NAMES))
        searched = "\n".join(fold(text) for text in texts if text)
        if all(word in searched for word in words):
            yield user
