"""A snapshot: who was in which group at one time, and which access these groups gave."""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self

from attrs import field, frozen

from ..._support.files import open_regular, write_atomically
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.strict_json import ShapeError
from ...errors import ReviewError
from .limits import SNAPSHOT_LIMITS, Limit
from .snapshot_format import format_pieces, parse_snapshot
from .snapshot_parts import Selection, SnapshotGroup, SnapshotUser

EDITED = "the snapshot was edited: its content does not match its digest. Take a new snapshot"


@public
@frozen(kw_only=True)
class Snapshot(VersionTolerantPickle):
    """Who was in which group, and which access the groups gave. A group's members are as of its ``read_at``.

    The digest detects accidents and careless edits, but not a forger, who can compute a new one.

    Attributes:
        site: the site's cloud id if it is known, otherwise its host.
        taken_by: the account id of the calling user.
        taken_by_name: the calling user's name; None if the server did not send it.
        started_at: when reading began, in ISO 8601 (UTC); if it was resumed, the beginning of the first run.
        ended_at: when reading ended, in ISO 8601 (UTC).
        calls: the number of responses that reading took, repeated calls included.
        points: the points of these calls, as Atlassian counts them (docs/confluence-behaviour.md#rate-limits).
        selection: the groups that were asked for.
        groups: the groups with their members, in the order of their ids.
        users: the members of all groups, by account id.
        limits: what the snapshot cannot show.
        digest: the SHA-256 of all of this.
    """

    site: str
    taken_by: str
    taken_by_name: str | None = None
    started_at: str
    ended_at: str
    calls: int = 0
    points: int = 0
    selection: Selection = field(factory=Selection)
    groups: tuple[SnapshotGroup, ...] = ()
    users: Mapping[str, SnapshotUser] = field(factory=dict)
    limits: tuple[Limit, ...] = SNAPSHOT_LIMITS
    digest: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", self.true_digest())

    @property
    def is_complete(self) -> bool:
        """Whether the members of every group were read completely."""
        return all(group.is_complete for group in self.groups)

    def group(self, group_id: str) -> SnapshotGroup | None:
        """Return the group with this id; None if the snapshot does not have it."""
        return next((each for each in self.groups if each.id == group_id), None)

    def true_digest(self) -> str:
        """Compute the SHA-256 of the snapshot's present content."""
        digest = hashlib.sha256()
        for piece in self._pieces(None):
            digest.update(piece)
        return digest.hexdigest()

    def check_digest(self) -> None:
        """Check that the digest matches the content.

        Raises:
            ReviewError: the snapshot was edited.
        """
        if self.digest != self.true_digest():
            raise ReviewError(EDITED)

    def as_bytes(self) -> bytes:
        """Return the content of a snapshot's file: canonical JSON, and a line break."""
        return b"".join(self._pieces(self.digest)) + b"\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the snapshot to a file that only its owner can read, completely or not at all; replace an existing one.

        Raises:
            ReviewError: the file cannot be written.
        """
        try:
            write_atomically(Path(path), chain(self._pieces(self.digest), [b"\n"]))
        except OSError as error:
            raise ReviewError(f"{path}: the snapshot cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the snapshot in a file.

        Raises:
            ReviewError: the file cannot be read, is malformed, or was edited.
        """
        try:
            with open(open_regular(path), "rb") as file:
                return cls._read(file, str(path))
        except OSError as error:
            raise ReviewError(f"{path}: the snapshot cannot be read ({error.strerror or error})") from None

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "the snapshot") -> Self:
        """Return the snapshot in the content of a file.

        Args:
            data: the content.
            name: the file's name, for messages.

        Raises:
            ReviewError: the content is malformed, or was edited.
        """
        return cls._read(io.BytesIO(data), name)

    @classmethod
    def _read(cls, file: BinaryIO, name: str) -> Self:
        try:
            snapshot = cls(**parse_snapshot(file))
        except ShapeError as error:
            raise ReviewError(f"{name}: this is not a snapshot: {error}") from None
        try:
            snapshot.check_digest()
        except ReviewError as error:
            raise ReviewError(f"{name}: {error}") from None
        return snapshot

    def _pieces(self, digest: str | None) -> Iterator[bytes]:
        names = ("site", "taken_by", "taken_by_name", "started_at", "ended_at", "calls", "points", "limits")
        fields: dict[str, Any] = {name: getattr(self, name) for name in names}
        return format_pieces(fields | {"selection": self.selection}, self.groups, self.users, digest)
