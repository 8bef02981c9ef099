"""What a job is asked to do: plain data, which is stored and read on other hosts, and has no credentials."""

import base64
import json
import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Literal, Self, TypeAlias, get_args

from attrs import asdict, field, frozen

from ..._support.files import read_regular
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.strict_json import ShapeError, StrictObject, parse_strict
from ..._support.text import escape_controls
from ..._support.validation import is_text
from ...errors import InputError
from ...membership import Guards
from ...models import AccessType
from .field_checks import (
    as_tuple,
    as_tuple_or_none,
    check_access,
    check_boolean,
    check_choice,
    check_guards,
    check_name,
    check_reason,
    check_selection,
    check_stop,
    check_text,
    check_texts,
)

MAX_FILE = 256 * 1024 * 1024  # bytes
STOP_AFTER_FAILURES = 10
Mode: TypeAlias = Literal["exact", "add-only", "remove-only"]
OnDrift: TypeAlias = Literal["refuse", "continue"]
EXACT: Mode = "exact"
REFUSE: OnDrift = "refuse"


def _check_file_name(_file: object, _attribute: object, value: Any) -> None:
    if not is_text(value) or PurePath(value).name != value or "\\" in value or escape_controls(value) != value:
        raise ValueError("PeopleFile(name=...): give the name of a file, without a folder")


def _check_content(_file: object, _attribute: object, value: Any) -> None:
    if not isinstance(value, bytes):
        raise TypeError("PeopleFile(content=...): give bytes")


@public
@frozen
class PeopleFile(VersionTolerantPickle):
    """A CSV file of people; the plan is made as if it were there.

    Attributes:
        name: the file's name.
        content: its content.
    """

    name: str = field(validator=_check_file_name)
    content: bytes = field(repr=False, validator=_check_content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file.

        Raises:
            InputError: it cannot be read, or has more than 256 MiB.
        """
        try:
            content = read_regular(path, limit=MAX_FILE + 1)
        except OSError as error:
            raise InputError(f"{path}: the file cannot be read ({error.strerror or error})") from None
        if len(content) > MAX_FILE:
            raise InputError(f"{path}: the file has more than {MAX_FILE // 1024**2} MiB")
        return cls(PurePath(path).name, content)


People: TypeAlias = tuple[str | PeopleFile, ...]


def _check_people(request: object, attribute: Any, value: tuple[object, ...]) -> None:
    if not all(isinstance(each, PeopleFile) or (is_text(each) and not each.isspace()) for each in value):
        raise TypeError(
            f"{type(request).__name__}({attribute.name}=...): an item is an account id, an e-mail, or a PeopleFile"
        )


def _check_some_people(request: object, attribute: Any, value: tuple[object, ...]) -> None:
    _check_people(request, attribute, value)
    if not value:
        raise ValueError(f"{type(request).__name__}({attribute.name}=...): give at least one")


@frozen(kw_only=True)
class _Request(VersionTolerantPickle):
    """What all requests have.

    Attributes:
        id: the job's id, chosen by the program, such as ``2026-11-leavers/acme``.
        site: the name of the site.
        needs_approval: whether the job waits until `JobStore.approve` is called with the plan's digest.
        guards: refuse changes that are probably mistakes.
        on_drift: what to do if memberships have changed since the plan was made; as for `apply`.
        stop_after_failures: as for `apply`.
        wait_for_quota: as for `apply`.
    """

    id: str = field(validator=check_name)
    site: str = field(validator=check_name)
    needs_approval: bool = field(default=True, validator=check_boolean)
    guards: Guards = field(factory=Guards, validator=check_guards)
    on_drift: OnDrift = field(default=REFUSE, validator=check_choice(get_args(OnDrift)))
    stop_after_failures: int | None = field(default=STOP_AFTER_FAILURES, validator=check_stop)
    wait_for_quota: bool = field(default=False, validator=check_boolean)

    @property
    def kind(self) -> str:
        """The kind of the job: ``offboard``, ``sync`` or ``review``."""
        return next(kind for kind, request in KINDS.items() if request is type(self))

    def as_json(self) -> dict[str, Any]:
        """Return the request as JSON objects."""
        return {"kind": self.kind, **{name: _as_json(value) for name, value in asdict(self, recurse=False).items()}}


@public
@frozen(kw_only=True)
class OffboardRequest(_Request):
    """Remove people from all groups of a site.

    Args:
        id: the job's id, chosen by the program, such as ``2026-11-leavers/acme``.
        site: the name of the site.
        needs_approval: whether the job waits until `JobStore.approve` is called with the plan's digest.
        people: account ids, e-mails, and CSV files as `PeopleFile`.
        keep_groups: as for `plan_offboarding`.
        reason: is recorded with each change whose row has no reason.
        guards: refuse changes that are probably mistakes.
        on_drift: what to do if memberships have changed since the plan was made, as for `apply`.
        stop_after_failures: the number of failed changes that stops the run, as for `apply`.
        wait_for_quota: whether to wait if the site accepts no more calls for a while, as for `apply`.

    Raises:
        TypeError, ValueError: an argument has the wrong type or is out of range.
    """

    people: People = field(converter=as_tuple, validator=_check_some_people)
    keep_groups: tuple[str, ...] = field(default=(), converter=as_tuple, validator=check_texts)
    reason: str | None = field(default=None, validator=check_reason)


@public
@frozen(kw_only=True)
class SyncRequest(_Request):
    """Bring the members of a group into line with a list.

    Args:
        id: as for `OffboardRequest`.
        site: as for `OffboardRequest`.
        needs_approval: as for `OffboardRequest`.
        on_drift: as for `OffboardRequest`.
        stop_after_failures: as for `OffboardRequest`.
        wait_for_quota: as for `OffboardRequest`.
        group: the group's id or exact name.
        people: the people who should be members, as for `OffboardRequest`.
        mode: as for `plan_sync`.
        allow_empty: whether there may be no people; as for `plan_sync`.
        reason: is recorded with each change whose row has no reason.
        guards: as for `plan_sync`.

    Raises:
        TypeError, ValueError: an argument has the wrong type or is out of range.
    """

    group: str = field(validator=check_text)
    people: People = field(converter=as_tuple, validator=_check_people)
    mode: Mode = field(default=EXACT, validator=check_choice(get_args(Mode)))
    allow_empty: bool = field(default=False, validator=check_boolean)
    reason: str | None = field(default=None, validator=check_reason)


@public
@frozen(kw_only=True)
class ReviewRequest(_Request):
    """Review who is in the groups of a site: take a snapshot, wait for decisions, and remove what they say.

    Args:
        id: as for `OffboardRequest`.
        site: as for `OffboardRequest`.
        needs_approval: as for `OffboardRequest`.
        on_drift: as for `OffboardRequest`.
        stop_after_failures: as for `OffboardRequest`.
        wait_for_quota: as for `OffboardRequest`.
        groups: ids or exact names of groups; without ``groups`` and ``access``, all groups.
        access: types of access, as for `take_snapshot`.
        guards: as for `plan_decisions`.
        allow_own_access: as for `read_decisions`.

    Raises:
        TypeError, ValueError: an argument has the wrong type or is out of range.
    """

    groups: tuple[str, ...] | None = field(default=None, converter=as_tuple_or_none, validator=check_selection)
    access: tuple[AccessType, ...] | None = field(default=None, converter=as_tuple_or_none, validator=check_access)
    allow_own_access: bool = field(default=False, validator=check_boolean)


JobRequest: TypeAlias = OffboardRequest | SyncRequest | ReviewRequest
"""What a job is asked to do."""

KINDS: dict[str, type[Any]] = {"offboard": OffboardRequest, "sync": SyncRequest, "review": ReviewRequest}


def request_as_text(request: JobRequest) -> str:
    """Return a request as a text, which is the same for the same request and has ASCII characters only."""
    return json.dumps(request.as_json(), sort_keys=True, separators=(",", ":"))


def request_from_text(text: str) -> JobRequest:
    """Return the request in a text.

    Raises:
        ShapeError: the text is malformed.
    """
    fields = StrictObject(parse_strict(text.encode()))
    kind = fields.choice("kind", KINDS)
    known = [each.name for each in KINDS[kind].__attrs_attrs__]
    given = {name: fields.required(name) for name in known if name in fields}
    fields.reject_unknown_keys()
    try:
        request: JobRequest = KINDS[kind](**{name: _from_json(name, value) for name, value in given.items()})
    except (TypeError, ValueError, KeyError) as error:
        raise ShapeError(f"this is not a request: {error}") from None
    return request


def _as_json(value: Any) -> Any:
    if isinstance(value, Guards):
        return {name: _as_json(each) for name, each in asdict(value).items()}
    if isinstance(value, tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, PeopleFile):
        return {"name": value.name, "content": base64.b64encode(value.content).decode()}
    return value


def _from_json(name: str, value: Any) -> Any:
    if name == "guards" and isinstance(value, dict):
        return Guards(**value)
    if name == "people" and isinstance(value, Iterable):
        return tuple(
            PeopleFile(each["name"], base64.b64decode(each["content"])) if isinstance(each, dict) else each
            for each in value
        )
    return value
