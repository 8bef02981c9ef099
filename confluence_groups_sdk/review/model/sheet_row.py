"""The rows of a review sheet: one for each membership, with cells for the reviewer's decision."""

from __future__ import annotations

from attrs import fields, frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public

DECISION_COLUMNS = ("decision", "until", "reviewer", "comment")
UNKNOWN_ACCESS = "unknown"


@public
@frozen(kw_only=True)
class SheetRow(VersionTolerantPickle):
    """A membership, and the cells that its reviewer fills in. All cells are texts; an empty one is an empty text.

    Attributes:
        group_id: the group's id.
        group: the group's name.
        account_id: the member's account id.
        name: the member's name.
        email: the member's e-mail, if the member shows it.
        account_type: ``atlassian`` or ``app``, with ``guest`` added for guests, as in ``atlassian, guest``.
        status: the account's status, such as ``active``.
        access: the types of access that the group gives, as in ``admin, user``; ``unknown`` if the site does not say.
        decision: ``keep``, ``remove`` or ``exception``; empty if nothing was decided yet.
        until: the last day of an exception, as in ``2027-03-31``.
        reviewer: who decides, as e-mail, name or account id.
        comment: the reviewer's reason.
        snapshot: the digest of the snapshot.
    """

    group_id: str
    group: str
    account_id: str
    name: str = ""
    email: str = ""
    account_type: str = ""
    status: str = ""
    access: str = ""
    decision: str = ""
    until: str = ""
    reviewer: str = ""
    comment: str = ""
    snapshot: str

    @property
    def key(self) -> tuple[str, str]:
        """Group id and account id, which identify a membership."""
        return self.group_id, self.account_id


COLUMNS = tuple(each.name for each in fields(SheetRow))
"""The columns of every sheet, in their order."""
FIXED_COLUMNS = tuple(name for name in COLUMNS if name not in DECISION_COLUMNS)
"""The columns that a reviewer must not change."""
