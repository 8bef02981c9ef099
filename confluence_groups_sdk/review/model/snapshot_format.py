"""The file of a snapshot: canonical JSON, which is formatted piece by piece, because it may be large.

Users are written once, and groups have the account ids of their members.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import asdict, evolve

from ..._support.strict_json import ShapeError, StrictObject, canonical_json, parse_strict
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
            yield from _format_users(users)
        else:
            yield canonical_json(small[name])
    yield b"}"


def parse_snapshot(data: bytes) -> dict[str, Any]:
    """Return the fields of the snapshot in a file.

    Raises:
        ShapeError: the content is malformed.
    """
    fields = StrictObject(parse_strict(data))
    fields.choice("format", [FORMAT])
    users = users_from_json(fields.required("users"))
    found: dict[str, Any] = {
        "site": fields.text("site"),
        "taken_by": fields.text("taken_by"),
        "taken_by_name": fields.text_or_none("taken_by_name"),
        "started_at": fields.text("started_at"),
        "ended_at": fields.text("ended_at"),
        "calls": fields.count("calls"),
        "points": fields.count("points"),
        "selection": selection_from_json(fields.object("selection")),
        "groups": tuple(_groups_from_json(fields, users)),
        "users": users,
        "limits": tuple(_limit_from_json(item, path) for item, path in fields.items("limits")),
        "digest": fields.digest("digest"),
    }
    fields.reject_unknown_keys()
    _check_consistency(found["groups"], users)
    return found


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
        ShapeError: the value has another shape.
    """
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


def _groups_from_json(fields: StrictObject, users: Mapping[str, SnapshotUser]) -> Iterator[SnapshotGroup]:
    items = fields.items("groups")
    items.reverse()
    while items:
        group = group_from_json(*items.pop())  # frees the item, because all of them together may be large
        yield evolve(group, members=known_ids(group.members, users))


def known_ids(account_ids: tuple[str, ...], users: Mapping[str, SnapshotUser]) -> tuple[str, ...]:
    """Return these account ids as the users have them: a group of a user then takes 8 bytes instead of 100."""
    return tuple(users[each].account_id if each in users else each for each in account_ids)


def _intern(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _format_list(items: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"["
    for item in items:
        yield separator + item
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _format_users(users: Mapping[str, SnapshotUser]) -> Iterator[bytes]:
    """Yield the users in the order of their account ids, several in each piece."""
    account_ids = sorted(users)
    yield b"{"
    for start in range(0, len(account_ids), USERS_PER_PIECE):
        chunk = {each: user_as_json(users[each]) for each in account_ids[start : start + USERS_PER_PIECE]}
        yield (b"," if start else b"") + canonical_json(chunk)[1:-1]
    yield b"}"


def users_from_json(value: Any) -> dict[str, SnapshotUser]:
    """Return the users in a JSON object, by account id; the object is emptied, because it may be large.

    Raises:
        ShapeError: the value has another shape.
    """
    if not isinstance(value, dict):
        raise ShapeError("users: must be an object")
    users = {}
    for account_id in list(value):
        if not account_id:
            raise ShapeError("users: an account id is empty")
        users[account_id] = user_from_json(account_id, value.pop(account_id), f"users.{account_id}")
    return users


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


def _check_consistency(groups: tuple[SnapshotGroup, ...], users: Mapping[str, SnapshotUser]) -> None:
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
