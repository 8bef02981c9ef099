"""The progress file of a snapshot: what was read so far, so that an interrupted run goes on where it ended.

It has one line of JSON for the run's beginning, and one for each group that was read. Each line is on disk before the
next group is taken, and ends with the SHA-256 of its content and of the line before, so that a changed or missing line
is noticed. A last line without a line break is one that was being written when the run ended; it is removed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from attrs import asdict, define, evolve, field, frozen

from ..._support.files import is_open_to_others, lock_file, open_regular, sync_folder
from ..._support.strict_json import WHOLE, ShapeError, StrictObject, canonical_json, sha256
from ...errors import ReviewError
from ..model.json_pieces import JsonPieces
from ..model.snapshot_format import (
    check_members,
    format_users,
    group_as_json,
    group_from_json,
    parse_users,
    selection_from_json,
)
from ..model.snapshot_parts import Selection, SnapshotGroup, SnapshotUser

FORMAT = "confluence-groups-snapshot-progress/1"
BEGINNING = canonical_json({"format": FORMAT})[:-1]
HASH_START, HASH_END = b',"verify":"', b'"}'
HASH_LENGTH = 64
END_LENGTH = len(HASH_START) + HASH_LENGTH + len(HASH_END)


@frozen(kw_only=True)
class Beginning:
    """The beginning of the first run.

    Attributes:
        site: the identity of the site.
        taken_by: the account id of the calling user.
        taken_by_name: the user's name; None if it is unknown.
        started_at: when the run began, in ISO 8601 (UTC).
        selection: the groups that were asked for.
    """

    site: str
    taken_by: str
    taken_by_name: str | None
    started_at: str
    selection: Selection


@define
class State:
    """What was read so far, by all runs.

    Attributes:
        beginning: the beginning of the first run.
        groups: the groups that were read, by id.
        users: their members, by account id.
        calls: the number of responses.
        points: the points of these calls.
    """

    beginning: Beginning
    groups: dict[str, SnapshotGroup] = field(factory=dict)
    users: dict[str, SnapshotUser] = field(factory=dict)
    calls: int = 0
    points: int = 0

    def add(self, group: SnapshotGroup, users: Mapping[str, SnapshotUser]) -> None:
        """Add a group, and the users who were not known before or were described differently."""
        self.users.update(users)
        one_text_each = (self.users[each].account_id if each in self.users else each for each in group.members)
        self.groups[group.id] = evolve(group, members=tuple(one_text_each))


class ProgressFile:
    """An open progress file, or none: then everything is kept in memory only.

    Args:
        state: what the file describes; it is kept up to date.
        file: the open file; None for none.
        path: its path, for messages.
        last_hash: the hash at the end of the last line.
    """

    def __init__(self, state: State, file: BinaryIO | None = None, path: str = "", last_hash: str = "") -> None:
        self.state = state
        self._file = file
        self._path = path
        self._last_hash = last_hash
        self._is_broken = False  # the file may end in half a line

    def begin(self) -> None:
        """Write the first line."""
        self._append([canonical_json({"format": FORMAT, **asdict(self.state.beginning)})[:-1]])

    def record(self, group: SnapshotGroup, users: Mapping[str, SnapshotUser], calls: int, points: int) -> None:
        """Record that a group was read; afterwards the record is on disk.

        Args:
            group: the group.
            users: its members who were not recorded before, or were described differently.
            calls: the number of responses so far, those of earlier runs included.
            points: the points of these calls.

        Raises:
            ReviewError: the file cannot be written.
        """
        self.count(calls, points)
        entry = canonical_json({"calls": calls, "group": group_as_json(group), "points": points})
        self._append(chain([entry[:-1], b',"users":'], format_users(users)))
        self.state.add(group, users)

    def record_calls(self, calls: int, points: int) -> None:
        """Record how many calls were made, at the end of a run that has failed; do nothing if a write has failed.

        Raises:
            ReviewError: the file cannot be written.
        """
        self.count(calls, points)
        if not self._is_broken:
            self._append([canonical_json({"calls": calls, "points": points})[:-1]])

    def count(self, calls: int, points: int) -> None:
        """Keep the calls and points so far, but do not write them."""
        self.state.calls, self.state.points = calls, points

    def _append(self, pieces: Iterable[bytes]) -> None:
        """Write a line, which is on disk afterwards.

        Args:
            pieces: the canonical JSON of an object without its last brace, in pieces, because it may be large.
        """
        if not self._file:
            return
        line_hash = hashlib.sha256(self._last_hash.encode())
        self._is_broken = True
        try:
            for piece in pieces:
                line_hash.update(piece)
                self._file.write(piece)
            line_hash.update(b"}")
            self._file.writelines((HASH_START, line_hash.hexdigest().encode(), HASH_END, b"\n"))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReviewError(
                f"{self._path}: the progress file cannot be written ({reason}): free some disk space, then do the same "
                "again, which goes on where this run ended"
            ) from None
        self._is_broken = False
        self._last_hash = line_hash.hexdigest()


@contextmanager
def open_progress(path: str | os.PathLike[str] | None, beginning: Beginning) -> Iterator[ProgressFile]:
    """Open a progress file, or create it; other processes cannot use it until it is closed.

    Args:
        path: the path of the file; None for no file.
        beginning: what the present run asks for.

    Raises:
        ReviewError: the file is damaged, belongs to another site, caller or selection, is in use, or cannot be written.
        ConfigurationError: filelock is not installed.
    """
    if path is None:
        yield ProgressFile(State(beginning))
        return
    target = Path(os.path.realpath(path))
    with lock_file(target, "progress file", ReviewError):
        try:
            file = open(open_regular(target, os.O_RDWR | os.O_CREAT), "r+b")  # noqa: SIM115 - closed below
        except OSError as error:
            raise ReviewError(f"{path}: the progress file cannot be opened ({error.strerror or error})") from None
        try:
            yield _resume(file, str(path), beginning, target.parent)
        finally:
            with suppress(OSError):  # of a write that has raised an error before
                file.close()


def _resume(file: BinaryIO, path: str, beginning: Beginning, folder: Path) -> ProgressFile:
    """Return the progress file without an incomplete last line; never change a file of another kind."""
    try:
        start = file.read(len(BEGINNING))
        if not (start.startswith(BEGINNING) or BEGINNING.startswith(start)):
            raise ReviewError(f"{path}: this is not a progress file and stays unchanged: give the path of a new file")
        file.seek(0)
        state, last_hash, length = _read(file, path)
        if state is not None:
            _check_beginning(path, state.beginning, beginning)
        _make_private(file)
        file.truncate(length)
        file.seek(length)
        progress = ProgressFile(state or State(beginning), file, path, last_hash)
        if state is None:
            progress.begin()
            sync_folder(folder)
    except OSError as error:
        raise ReviewError(f"{path}: the progress file cannot be used ({error.strerror or error})") from None
    return progress


def _make_private(file: BinaryIO) -> None:
    status = os.fstat(file.fileno())
    if is_open_to_others(status.st_mode) and status.st_uid == os.geteuid():
        os.fchmod(file.fileno(), 0o600)


def _check_beginning(path: str, found: Beginning, wanted: Beginning) -> None:
    """Check that a progress file fits the present run.

    Raises:
        ReviewError: it is of another site, user or selection.
    """
    advice = "give each snapshot its own progress file, or delete this one"
    for what, there, here in (
        ("for another site", found.site, wanted.site),
        ("of another user", found.taken_by, wanted.taken_by),
        ("for other groups", found.selection, wanted.selection),
    ):
        if there != here:
            raise ReviewError(f"{path}: this is the progress file of a snapshot {what} ({there}): {advice}")


def _read(file: BinaryIO, path: str) -> tuple[State | None, str, int]:
    """Read the complete lines of a progress file.

    Returns:
        What they describe, None without a complete line; the hash at the end of the last one; their length in bytes.

    Raises:
        ReviewError: a line is damaged.
    """
    state: State | None = None
    last_hash, length = "", 0
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            break
        try:
            content, last_hash = _check_line(line[:-1], last_hash)
            state = _read_line(state, content)
        except ShapeError as error:
            raise ReviewError(
                f"{path}: line {number} is damaged ({error}): delete this file, and take the snapshot from its start"
            ) from None
        length += len(line)
    return state, last_hash, length


def _check_line(line: bytes, hash_before: str) -> tuple[bytes, str]:
    """Return the content of a line, and its hash.

    Raises:
        ShapeError: the hash is missing or wrong.
    """
    content = line[:-END_LENGTH] + b"}"
    line_hash = sha256(hash_before.encode() + content)
    if line[-END_LENGTH:] != HASH_START + line_hash.encode() + HASH_END:
        raise ShapeError("its hash does not match its content and the line before")
    return content, line_hash


def _read_line(state: State | None, content: bytes) -> State:
    fields, users = _parse_line(content)
    if state is None:
        state = State(_read_beginning(fields))
    else:
        if fields.has("group"):
            _read_group(state, group_from_json(fields.required("group"), "group"), users)
        state.calls, state.points = fields.count("calls"), fields.count("points")
    fields.reject_unknown_keys()
    return state


def _parse_line(content: bytes) -> tuple[StrictObject, dict[str, SnapshotUser]]:
    """Return the fields of a line, and its users, who are parsed one by one, because there may be many."""
    small: dict[str, Any] = {}
    users: dict[str, SnapshotUser] = {}
    pieces = JsonPieces(io.BytesIO(content))
    for name in pieces.keys(WHOLE):
        if name == "users":
            users = parse_users(pieces)
        else:
            small[name] = pieces.value()
    pieces.end()
    return StrictObject(small), users


def _read_beginning(fields: StrictObject) -> Beginning:
    fields.choice("format", [FORMAT])
    return Beginning(
        site=fields.text("site"),
        taken_by=fields.text("taken_by"),
        taken_by_name=fields.text_or_none("taken_by_name"),
        started_at=fields.text("started_at"),
        selection=selection_from_json(fields.object("selection")),
    )


def _read_group(state: State, group: SnapshotGroup, users: Mapping[str, SnapshotUser]) -> None:
    if group.id in state.groups:
        raise ShapeError(f"the group {group.id} was read before")
    state.add(group, users)
    check_members(group, "group", state.users)
