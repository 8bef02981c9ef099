"""Whether a reviewer decides about their own access: the reviewer's cell names the member in one way or another.

The cell is free text, and members may hide their e-mail. So the check finds people who write their own name, but not
people who write somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category, normalize

from attrs import frozen

from ..model.snapshot_parts import SnapshotUser
from .cells import unprotect, written_forms

BETWEEN_PEOPLE = re.compile(r"[;|&/<>()\[\]\r\n]|\band\b", re.IGNORECASE)
BETWEEN_ADDRESSES = re.compile(r"[\s,;|&/<>()\[\]\"“”„]+")
TAG = re.compile(r"\+[^@]*(?=@)")  # max+review@example.com is the mailbox of max@example.com
Words = tuple[str, ...]


@frozen
class _Reviewer:
    """The people whom a reviewer's cell names.

    Attributes:
        addresses: account ids and e-mails, and every other text without spaces.
        names: the words of each name, in alphabetical order.
    """

    addresses: frozenset[str]
    names: frozenset[Words]


def is_own_access(user: SnapshotUser, reviewer: str) -> bool:
    """Check whether a reviewer's cell names the member, alone or among others.

    It does if it has the member's account id or e-mail, or the words of their name in any order, also as the first part
    of an e-mail. Case, punctuation, invisible characters and the encoding of accents do not matter.
    """
    named = _parse(reviewer)
    own = {_fold_address(form) for each in (user.account_id, user.email) if each for form in _forms(each)}
    if not named.addresses.isdisjoint(own):
        return True
    return bool(user.name) and any(_matches(form, named) for form in _forms(user.name or ""))


def _matches(name: str, named: _Reviewer) -> bool:
    words = _words(name)
    return words in named.names if words else _fold_address(name) in named.addresses


def _forms(text: str) -> set[str]:
    return {text, *map(unprotect, written_forms(text))}


@lru_cache(maxsize=1024)
def _parse(cell: str) -> _Reviewer:
    addresses = {_fold_address(each) for each in (cell, *BETWEEN_ADDRESSES.split(cell))}
    return _Reviewer(frozenset(addresses - {""}), frozenset(filter(None, _names(cell))))


def _names(cell: str) -> Iterator[Words]:
    """Yield the words of each possible name in a cell."""
    yield _words(cell)
    for person in BETWEEN_PEOPLE.split(cell):
        parts = person.split(",")
        yield _words(",".join(part for part in parts if "@" not in part))  # as in: Muster, Max, max@example.com
        yield from map(_words, parts)
    for address in BETWEEN_ADDRESSES.split(cell):
        mailbox, at, _ = _fold_address(address).partition("@")
        if at and len(words := _words(mailbox)) > 1:
            yield words


def _words(text: str) -> Words:
    """Return the words of a text in alphabetical order, without case and punctuation."""
    return tuple(sorted("".join(char if _is_of_word(char) else " " for char in _fold(text)).split()))


def _is_of_word(char: str) -> bool:
    return char.isalnum() or (not char.isascii() and category(char).startswith("M"))


def _fold_address(text: str) -> str:
    return TAG.sub("", _fold(text).strip("\"'.,:").removeprefix("mailto:"))


def _fold(text: str) -> str:
    """Return a text without case, invisible characters, and differences in spaces and in the encoding of accents."""
    folded = normalize("NFKC", text).casefold()
    seen = folded if folded.isascii() else "".join(char for char in folded if category(char) != "Cf")
    return " ".join(seen.split())
