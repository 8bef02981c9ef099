"""A plan: what will be changed and what will not, as plain JSON that people can read, approve and verify."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from attrs import asdict, field, frozen

from ..._support.files import read_regular, write_atomically
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.strict_json import ShapeError, StrictObject, canonical_json, parse_strict, sha256
from ...errors import PlanError
from .changes import Action, Change, Key, SkippedChange
from .guards import Guards
from .serialization import (
    change_as_json,
    change_from_json,
    skipped_change_as_json,
    skipped_changes_from_json,
    tuples_as_lists,
)

FORMAT = "confluence-groups-plan/1"
ESTIMATED_CALLS_PER_S = (
    10.0  # for estimates only: Atlassian publishes no rate (docs/confluence-behaviour.md#rate-limits)
)
PAGE_SIZE = 200
ACCESS_LISTS = 3  # are read if the caller or the last people of a group are removed: who gives each type of access
EDITED = "the plan was edited: its content does not match its digest. Make a new plan"


@public
@frozen(kw_only=True)
class PlannedGroup(VersionTolerantPickle):
    """A group of a plan, as it was when the plan was made.

    Attributes:
        id: the group's id.
        name: the group's name.
        access: the access that the group gives: ``user``, ``admin``, ``site-admin``; None if the server did not say.
        managed_by: who manages the group, such as ``EXTERNAL``; None if the server did not say.
        members: the number of listed members.
        others: the number of listed members that the plan does not change.
        digest: identifies these other members: the sum of the SHA-256 of their account ids. The members that the plan
            changes are known without a digest: a removed user was a member, and an added user was not.
    """

    id: str
    name: str
    access: tuple[str, ...] | None
    managed_by: str | None
    members: int
    others: int
    digest: str


@public
@frozen(kw_only=True)
class Estimate(VersionTolerantPickle):
    """An estimate of what applying a plan takes.

    Attributes:
        calls: the number of API calls.
        points: the points that Atlassian charges apps: 1 for each call, and 2 for each user or group in a response
            (docs/confluence-behaviour.md#rate-limits). The groups in the lists of access are not counted: a plan does
            not know their number.
        minutes: the time at ten calls a second.
    """

    calls: int
    points: int
    minutes: float

    @classmethod
    def of(cls, changes: Iterable[Change], groups: Iterable[PlannedGroup], caller: str | None = None) -> Self:
        """Estimate these changes, including what is read before them: the caller, the groups, and who has access.

        Args:
            changes: the changes.
            groups: their groups.
            caller: the account id of the user who will apply the plan.
        """
        calls = objects = 1  # the caller
        may_empty = set()
        for group in groups:
            calls += 1 + group.members // PAGE_SIZE  # the full pages, and one that is not full
            calls += not group.members  # an empty list is followed by a check that the group exists
            objects += group.members
            may_empty.update([] if group.others else [group.id])
        made = list(changes)
        removals = [change for change in made if change.action is Action.REMOVE]
        reads_access = any(change.account_id == caller or change.group_id in may_empty for change in removals)
        calls += len(made) + (ACCESS_LISTS if reads_access else 1)  # without these lists, the groups are looked up
        return cls(calls=calls, points=calls + 2 * objects, minutes=round(calls / ESTIMATED_CALLS_PER_S / 60, 2))


@public
@frozen(kw_only=True)
class Plan(VersionTolerantPickle):
    """The changes that `apply` makes, ready for review.

    The digest detects accidents and careless edits, but not a forger, who can compute a new one. To approve a plan,
    send its digest through a separate channel and pass it to `apply` as ``expect_digest``.

    Attributes:
        site: the site's cloud id if it is known, otherwise its host.
        made_at: when the plan was made, in ISO 8601 (UTC).
        made_by: the account id of the calling user.
        made_by_name: the calling user's name; None if the server did not send it.
        asked: the request that led to the plan, in words.
        guards: the guards that the plan was made with, and that `apply` evaluates again.
        groups: the groups that the plan changes, as they were.
        changes: the changes to make, additions first.
        refused: the requested changes that a guard refuses.
        skipped: the requested changes that are not needed or not possible.
        notes: facts that the server did not send, and other information for the reader.
        estimate: what applying the plan takes.
        digest: the SHA-256 of all of this.
    """

    site: str
    made_at: str
    made_by: str
    made_by_name: str | None = None
    asked: str
    guards: Guards = field(factory=Guards)
    groups: tuple[PlannedGroup, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: tuple[SkippedChange, ...] = ()
    skipped: tuple[SkippedChange, ...] = ()
    notes: tuple[str, ...] = ()
    estimate: Estimate = field()
    digest: str = ""

    @estimate.default
    def _estimate(self) -> Estimate:
        return Estimate.of(self.changes, self.groups, self.made_by)

    def __attrs_post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", self.true_digest())

    @property
    def overrides(self) -> dict[str, Any]:
        """The options of the guards that allow more than the defaults do."""
        return self.guards.overrides

    def true_digest(self) -> str:
        """Compute the SHA-256 of the plan's present content."""
        return sha256(canonical_json(self._content()))

    def check_digest(self) -> None:
        """Check that the digest matches the content.

        Raises:
            PlanError: the plan was edited.
        """
        if self.digest != self.true_digest():
            raise PlanError(EDITED)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON objects."""
        return self._content() | {"digest": self.digest}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to a file that only its owner can read, completely or not at all; replace an existing file.

        Raises:
            PlanError: the file cannot be written.
        """
        text = json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            write_atomically(Path(path), text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise PlanError(f"{path}: the plan cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the plan in a file.

        Raises:
            PlanError: the file cannot be read, is malformed, or was edited.
        """
        try:
            data = read_regular(path)
        except OSError as error:
            raise PlanError(f"{path}: the plan cannot be read ({error.strerror or error})") from None
        try:
            return cls.from_json(parse_strict(data))
        except (ShapeError, PlanError) as error:
            raise PlanError(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the plan in JSON objects.

        Raises:
            PlanError: the objects are malformed, or the plan was edited.
        """
        try:
            plan: Self = _plan_from_json(cls, StrictObject(value))
        except ShapeError as error:
            raise PlanError(f"this is not a plan: {error}") from None
        plan.check_digest()
        return plan

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "site": self.site,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "made_by_name": self.made_by_name,
            "asked": self.asked,
            "guards": tuples_as_lists(asdict(self.guards)),
            "groups": [tuples_as_lists(asdict(group)) for group in self.groups],
            "changes": [change_as_json(change) for change in self.changes],
            "refused": [skipped_change_as_json(refused) for refused in self.refused],
            "skipped": [skipped_change_as_json(skipped) for skipped in self.skipped],
            "notes": list(self.notes),
            "estimate": asdict(self.estimate),
        }


GUARD_FLAGS = ("allow_self", "allow_last_admin", "allow_apps", "allow_external", "allow_protected")


def _plan_from_json(plan_class: type[Any], fields: StrictObject) -> Any:
    fields.choice("format", [FORMAT])
    plan = plan_class(
        site=fields.text("site"),
        made_at=fields.text("made_at"),
        made_by=fields.text("made_by"),
        made_by_name=fields.text_or_none("made_by_name"),
        asked=fields.text("asked"),
        guards=_guards_from_json(fields.object("guards")),
        groups=tuple(_group_from_json(item, path) for item, path in fields.items("groups")),
        changes=tuple(change_from_json(item, path) for item, path in fields.items("changes")),
        refused=skipped_changes_from_json(fields, "refused"),
        skipped=skipped_changes_from_json(fields, "skipped"),
        notes=fields.string_list("notes"),
        estimate=_estimate_from_json(fields.object("estimate")),
        digest=fields.digest("digest"),
    )
    fields.reject_unknown_keys()
    _check_consistency(plan)
    return plan


def _guards_from_json(fields: StrictObject) -> Guards:
    try:
        guards = Guards(
            **{name: fields.boolean(name) for name in GUARD_FLAGS},
            protected_accounts=fields.string_list("protected_accounts"),
            protected_groups=fields.string_list("protected_groups"),
            max_removals=fields.required("max_removals"),
            max_fraction=fields.number("max_fraction"),
        )
    except (TypeError, ValueError) as error:
        raise ShapeError(str(error)) from None
    fields.reject_unknown_keys()
    return guards


def _group_from_json(value: Any, path: str) -> PlannedGroup:
    fields = StrictObject(value, path)
    access = fields.required("access")
    group = PlannedGroup(
        id=fields.text("id"),
        name=fields.text("name"),
        access=None if access is None else StrictObject({"access": access}, path).string_list("access"),
        managed_by=fields.text_or_none("managed_by"),
        members=fields.count("members"),
        others=fields.count("others"),
        digest=fields.digest("digest"),
    )
    fields.reject_unknown_keys()
    return group


def _estimate_from_json(fields: StrictObject) -> Estimate:
    estimate = Estimate(calls=fields.count("calls"), points=fields.count("points"), minutes=fields.number("minutes"))
    fields.reject_unknown_keys()
    return estimate


def _check_consistency(plan: Plan) -> None:
    """Check that each change has its group, and that no two changes have the same group and user.

    Raises:
        ShapeError: a group is missing or occurs twice, or two changes have the same group and user.
    """
    known = {group.id for group in plan.groups}
    if len(known) < len(plan.groups):
        raise ShapeError("groups: a group occurs twice")
    seen: set[Key] = set()
    for index, change in enumerate(plan.changes):
        if change.group_id not in known:
            raise ShapeError(f"changes[{index}].group_id: not one of the groups")
        if change.key in seen:
            raise ShapeError(f"changes[{index}]: the same user and group occur twice")
        seen.add(change.key)
