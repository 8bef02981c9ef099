"""The file of a snapshot: canonical JSON, which is formatted piece by piece, because it may be large.

Users are written once, and groups have the account ids of their members.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from attrs import asdict, evolve

from ..._support.strict_json import WHOLE, ShapeError, StrictObject, canonical_json
from .json_pieces import JsonPieces
from .limits import Limit
from .snapshot_parts import Selection, SnapshotGroup, SnapshotUser

FORMAT = "confluence-groups-snapshot/1"
USER_FIELDS = {"name": str, "email": str, "account_type": str, "is_guest": bool, "status": str}
USERS_PER_PIECE = 500


def format_pieces(
    fields: Mapping[str, Any],
    groups: Iterable[SnapshotGroup],
    users: Mapping[str, SnapshotUser],
    digest: str | None,
) -> Iterator[bytes]:
    """Yield the canonical JSON of a snapshot in pieces.

    Args:
        fields: the fields that are small.
        groups: the groups, in the order of their ids.
        users: the users by account id.
        digest: the digest; None leaves it out, as for computing it.
    """
    small: dict[str, Any] = {
        **fields,
        "format": FORMAT,
        "limits": [asdict(limit) for limit in fields["limits"]],
        "selection": asdict(fields["selection"]),
    }
    if digest is not None:
        small["digest"] = digest
    separator = b"{"
    for name in sorted([*small, "groups", "users"]):
        yield separator + canonical_json(name) + b":"
        separator = b","
        if name == "groups":
            yield from _format_list(canonical_json(group_as_json(group)) for group in groups)
        elif name == "users":
            yield from format_users(users)
        else:
            yield canonical_json(small[name])
    yield b"}"


def parse_snapshot(file: BinaryIO) -> dict[str, Any]:
    """Return the fields of the snapshot in a file.

    Raises:
        ShapeError: the content is malformed.
        OSError: the file cannot be read.
    """
    small: dict[str, Any] = {}
    groups: list[SnapshotGroup] = []
    users: dict[str, SnapshotUser] = {}
    ids: dict[str, str] = {}  # one text for each account id, wherever it occurs
    pieces = JsonPieces(file)
    for name in pieces.keys(WHOLE):
        if name == "groups":
            groups.extend(_share_ids(group_from_json(pieces.value(), path), ids) for path in pieces.items(name))
        elif name == "users":
            users = parse_users(pieces, ids)
        else:
            small[name] = pieces.value()
        small.setdefault(name, None)
    pieces.end()
    found = _parse_small_fields(StrictObject(small))
    _check_consistency(groups, users)
    return {**found, "groups": tuple(groups), "users": users}


def parse_users(pieces: JsonPieces, ids: dict[str, str] | None = None) -> dict[str, SnapshotUser]:
    """Return the users in the JSON object that comes next, by account id.

    Args:
        pieces: the content of the file.
        ids: the texts of account ids to use.

    Raises:
        ShapeError: a value has another shape, or an account id is empty.
    """
    ids, users = {} if ids is None else ids, dict[str, SnapshotUser]()
    for key in pieces.keys("users"):
        account_id = ids.setdefault(key, key)
        users[account_id] = user_from_json(account_id, pieces.value(), f"users.{account_id}")
    return users


def _parse_small_fields(fields: StrictObject) -> dict[str, Any]:
    fields.choice("format", [FORMAT])
    fields.required("groups")
    fields.required("users")
    found = {
        "site": fields.text("site"),
        "taken_by": fields.text("taken_by"),
        "taken_by_name": fields.text_or_none("taken_by_name"),
        "started_at": fields.text("started_at"),
        "ended_at": fields.text("ended_at"),
        "calls": fields.count("calls"),
        "points": fields.count("points"),
        "selection": selection_from_json(fields.object("selection")),
        "limits": tuple(_limit_from_json(item, path) for item, path in fields.items("limits")),
        "digest": fields.digest("digest"),
    }
    fields.reject_unknown_keys()
    return found


def _share_ids(group: SnapshotGroup, ids: dict[str, str]) -> SnapshotGroup:
    """Return the group with each account id as the one text that all groups and users share: 8 bytes instead of 100."""
    return evolve(group, members=tuple(ids.setdefault(each, each) for each in group.members))


def group_as_json(group: SnapshotGroup) -> dict[str, Any]:
    """Return a group as a JSON object."""
    return asdict(group, recurse=False)


def group_from_json(value: Any, path: str) -> SnapshotGroup:
    """Return the group in a JSON object.

    Raises:
        ShapeError: the value has another shape.
    """
    fields = StrictObject(value, path)
    access = fields.required("access")
    group = SnapshotGroup(
        id=fields.text("id"),
        name=fields.text("name"),
        type=fields.text_or_none("type"),
        managed_by=fields.text_or_none("managed_by"),
        access=None if access is None else StrictObject({"access": access}, path).string_list("access"),
        members=fields.string_list("members"),
        is_complete=fields.boolean("is_complete"),
        known_by=fields.text("known_by"),
        read_at=fields.text("read_at"),
        stated_total=fields.count_or_none("stated_total"),
        unidentified=fields.count("unidentified"),
    )
    fields.reject_unknown_keys()
    return group


def user_as_json(user: SnapshotUser) -> dict[str, Any]:
    """Return a user as a JSON object, without the account id."""
    return {name: getattr(user, name) for name in USER_FIELDS}


def user_from_json(account_id: str, value: Any, path: str) -> SnapshotUser:
    """Return the user in a JSON object that has no account id.

    Raises:
        ShapeError: the value has another shape, or the account id is empty.
    """
    if not account_id:
        raise ShapeError("users: an account id is empty")
    if not isinstance(value, dict) or value.keys() != USER_FIELDS.keys():
        raise ShapeError(f"{path}: must be an object with exactly these fields: {', '.join(USER_FIELDS)}")
    for name, kind in USER_FIELDS.items():
        if value[name] is not None and not isinstance(value[name], kind):
            raise ShapeError(f"{path}.{name}: must be {'true, false' if kind is bool else 'a string'} or null")
    return SnapshotUser(
        account_id=account_id,
        name=value["name"],
        email=value["email"],
        account_type=_intern(value["account_type"]),  # one string for all users
        is_guest=value["is_guest"],
        status=_intern(value["status"]),
    )


def _intern(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _format_list(items: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"["
    for item in items:
        yield separator + item
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def format_users(users: Mapping[str, SnapshotUser]) -> Iterator[bytes]:
    """Yield the users in the order of their account ids, several in each piece."""
    account_ids = sorted(users)
    yield b"{"
    for start in range(0, len(account_ids), USERS_PER_PIECE):
        chunk = {each: user_as_json(users[each]) for each in account_ids[start : start + USERS_PER_PIECE]}
        yield (b"," if start else b"") + canonical_json(chunk)[1:-1]
    yield b"}"


def selection_from_json(fields: StrictObject) -> Selection:
    """Return the selection in a JSON object.

    Raises:
        ShapeError: the value has another shape.
    """
    selection = Selection(
        all_groups=fields.boolean("all_groups"),
        access=fields.string_list("access"),
        group_ids=fields.string_list("group_ids"),
    )
    fields.reject_unknown_keys()
    return selection


def _limit_from_json(value: Any, path: str) -> Limit:
    fields = StrictObject(value, path)
    limit = Limit(text=fields.text("text"), source=fields.text("source"))
    fields.reject_unknown_keys()
    return limit


def _check_consistency(groups: Sequence[SnapshotGroup], users: Mapping[str, SnapshotUser]) -> None:
    """Check that groups and members occur once, that groups are in order, and that each member is described.

    Raises:
        ShapeError: one of these is not so.
    """
    for index, group in enumerate(groups):
        if index and groups[index - 1].id >= group.id:
            raise ShapeError(f"groups[{index}]: groups must be in the order of their ids, each once")
        check_members(group, f"groups[{index}]", users)


def check_members(group: SnapshotGroup, path: str, users: Mapping[str, SnapshotUser]) -> None:
    """Check that each member occurs once and is described.

    Raises:
        ShapeError: this is not so.
    """
    if len(set(group.members)) < len(group.members):
        raise ShapeError(f"{path}.members: an account id occurs twice")
    if unknown := next((each for each in group.members if each not in users), None):
        raise ShapeError(f"{path}.members: {unknown} is not one of the users")
