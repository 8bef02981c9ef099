"""The decisions of a review: what was decided about each membership, by whom, and what is undecided."""

import json
import os
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from attrs import asdict, field, frozen

from ..._support.files import read_regular, write_atomically
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.strict_json import ShapeError, StrictObject, canonical_json, parse_strict, sha256
from ...errors import ReviewError

FORMAT = "confluence-groups-decisions/1"
EDITED = "the decisions were edited: their content does not match their digest. Read the sheets again"
Key = tuple[str, str]
"""Group id and account id of a membership."""


@public
class Decision(StrEnum):
    """What a reviewer decides about a membership."""

    KEEP = "keep"
    """The member stays."""
    REMOVE = "remove"
    """The member is to be removed from the group."""
    EXCEPTION = "exception"
    """The member stays until a date, although the reviewer does not approve it for good."""


@public
@frozen(kw_only=True)
class DecidedMembership(VersionTolerantPickle):
    """The decision about one membership.

    Attributes:
        group_id: the group's id.
        account_id: the member's account id.
        decision: what was decided.
        reviewer: who decided, as written in the sheet.
        until: the last day of an exception; None for other decisions.
        comment: the reviewer's reason; None without one.
        sheet: the name of the file with the decision.
        line: the line or row of the file, from 1.
        is_own: whether the reviewers decided about their own access, which was allowed.
    """

    group_id: str
    account_id: str
    decision: Decision
    reviewer: str
    until: date | None = None
    comment: str | None = None
    sheet: str
    line: int
    is_own: bool = False

    @property
    def key(self) -> Key:
        """Group id and account id, which identify a membership."""
        return self.group_id, self.account_id


@public
@frozen(kw_only=True)
class Decisions(VersionTolerantPickle):
    """All decisions of a review.

    Attributes:
        snapshot: the digest of the snapshot that was reviewed.
        site: the snapshot's site.
        sheets: the SHA-256 of each returned sheet, by file name.
        decided: the decisions, in the order of group ids and account ids.
        undecided: the memberships without a decision, in the same order.
        allow_own_access: whether reviewers were allowed to decide about their own access.
        digest: the SHA-256 of all of this.
    """

    snapshot: str
    site: str
    sheets: Mapping[str, str] = field(factory=dict)
    decided: tuple[DecidedMembership, ...] = ()
    undecided: tuple[Key, ...] = ()
    allow_own_access: bool = False
    digest: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", self.true_digest())

    def of(self, decision: Decision) -> tuple[DecidedMembership, ...]:
        """Return the memberships with this decision."""
        return tuple(each for each in self.decided if each.decision is decision)

    def true_digest(self) -> str:
        """Compute the SHA-256 of the present content."""
        return sha256(canonical_json(self._content()))

    def as_json(self) -> dict[str, Any]:
        """Return the decisions as JSON objects."""
        return self._content() | {"digest": self.digest}

    def as_bytes(self) -> bytes:
        """Return the content of a file of decisions: JSON, and a line break."""
        return (json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the decisions to a file that only its owner can read, completely or not at all.

        Raises:
            ReviewError: the file cannot be written.
        """
        try:
            write_atomically(Path(path), self.as_bytes())
        except OSError as error:
            raise ReviewError(f"{path}: the decisions cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the decisions in a file.

        Raises:
            ReviewError: the file cannot be read, is malformed, or was edited.
        """
        try:
            data = read_regular(path)
        except OSError as error:
            raise ReviewError(f"{path}: the decisions cannot be read ({error.strerror or error})") from None
        return cls.from_bytes(data, name=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "the decisions") -> Self:
        """Return the decisions in the content of a file.

        Args:
            data: the content.
            name: the file's name, for messages.

        Raises:
            ReviewError: the content is malformed, or was edited.
        """
        try:
            decisions = cls(**_fields_from_json(StrictObject(parse_strict(data))))
        except ShapeError as error:
            raise ReviewError(f"{name}: these are not decisions: {error}") from None
        if decisions.digest != decisions.true_digest():
            raise ReviewError(f"{name}: {EDITED}")
        return decisions

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "snapshot": self.snapshot,
            "site": self.site,
            "sheets": dict(self.sheets),
            "decided": [_decided_as_json(each) for each in self.decided],
            "undecided": [list(key) for key in self.undecided],
            "allow_own_access": self.allow_own_access,
        }


def _decided_as_json(decided: DecidedMembership) -> dict[str, Any]:
    until = decided.until.isoformat() if decided.until else None
    return asdict(decided) | {"decision": decided.decision.value, "until": until}


def _fields_from_json(fields: StrictObject) -> dict[str, Any]:
    fields.choice("format", [FORMAT])
    found = {
        "snapshot": fields.digest("snapshot"),
        "site": fields.text("site"),
        "sheets": _sheets_from_json(fields.required("sheets")),
        "decided": tuple(_decided_from_json(item, path) for item, path in fields.items("decided")),
        "undecided": tuple(_key_from_json(item, path) for item, path in fields.items("undecided")),
        "allow_own_access": fields.boolean("allow_own_access"),
        "digest": fields.digest("digest"),
    }
    fields.reject_unknown_keys()
    return found


def _sheets_from_json(value: Any) -> dict[str, str]:
    fields = StrictObject(value, "sheets")
    return {name: fields.digest(name) for name in value}


def _decided_from_json(value: Any, path: str) -> DecidedMembership:
    fields = StrictObject(value, path)
    decision = Decision(fields.choice("decision", [each.value for each in Decision]))
    decided = DecidedMembership(
        group_id=fields.text("group_id"),
        account_id=fields.text("account_id"),
        decision=decision,
        reviewer=fields.text("reviewer"),
        until=_date_from_json(fields.text_or_none("until"), fields.path_of("until")),
        comment=fields.text_or_none("comment"),
        sheet=fields.text("sheet"),
        line=fields.count("line"),
        is_own=fields.boolean("is_own"),
    )
    fields.reject_unknown_keys()
    if (decision is Decision.EXCEPTION) != (decided.until is not None):
        raise ShapeError(f"{fields.path_of('until')}: an exception has an end date, and other decisions have none")
    return decided


def _date_from_json(text: str | None, path: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ShapeError(f"{path}: must be a date such as 2027-03-31, or null") from None


def _key_from_json(item: Any, path: str) -> Key:
    key = StrictObject({"key": item}, path).string_list("key")
    if len(key) != 2:
        raise ShapeError(f"{path}: must be a group id and an account id")
    return key[0], key[1]
