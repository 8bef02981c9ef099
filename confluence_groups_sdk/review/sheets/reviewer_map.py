"""Who reviews which membership: a map from groups, people and single memberships to reviewers."""

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..model.decisions import Key
from ..model.sheet_row import SheetRow


@public
@frozen(kw_only=True)
class ReviewerMap(VersionTolerantPickle):
    """Who reviews which membership. The most specific entry counts: a membership, then a person, then a group.

    Attributes:
        groups: the reviewers of groups, by group id.
        users: the reviewers of people in all their groups, by account id.
        memberships: the reviewers of single memberships, by group id and account id.
        notes: what the file says about groups and people that the snapshot does not have, and who would decide about
            their own access.
    """

    groups: Mapping[str, str] = field(factory=dict)
    users: Mapping[str, str] = field(factory=dict)
    memberships: Mapping[Key, str] = field(factory=dict)
    notes: tuple[str, ...] = ()

    def reviewer_of(self, group_id: str, account_id: str) -> str:
        """Return the reviewer of a membership; empty if nobody is named."""
        return (
            self.memberships.get((group_id, account_id)) or self.users.get(account_id) or self.groups.get(group_id, "")
        )

    def split(self, rows: Iterable[SheetRow]) -> dict[str, list[SheetRow]]:
        """Return the rows by reviewer, sorted by reviewer; rows without a reviewer have the empty text.

        Exceptions that carry over keep the reviewer who granted them in their cell. They go to the present reviewer.
        """
        found: dict[str, list[SheetRow]] = {}
        for row in rows:
            found.setdefault(self.reviewer_of(*row.key), []).append(row)
        return dict(sorted(found.items(), key=lambda item: (item[0] == "", item[0].casefold(), item[0])))
