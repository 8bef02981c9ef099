"""A plan: what will be changed and what will not, as plain JSON that can be read, handed on, approved and verified."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from attrs import asdict, field, frozen

from .._values import Value
from ..errors import PlanError
from ._fields import Fields, ShapeError, canonical, parsed, sha256
from ._files import written_whole
from .changes import Action, Change, Omission
from .guards import Guards

FORMAT = "confluence-groups-plan/1"
CALLS_A_SECOND = 10.0  # what an estimate supposes; what a site takes is not published


@frozen(kw_only=True)
class PlannedGroup(Value):
    """A group as it was when the plan was made.

    Attributes:
        id: of the group.
        name: of the group.
        access: what it gives access as: ``user``, ``admin``, ``site-admin``; None where the server does not say.
        managed_by: such as ``EXTERNAL``; None where the server does not say.
        members: how many were listed.
        others: how many of them the plan does not change.
        digest: of who these others were: the sum of the SHA-256 of their account ids. Those who are changed are known:
            who is removed was a member, and who is added was none.
    """

    id: str
    name: str
    access: tuple[str, ...] | None
    managed_by: str | None
    members: int
    others: int
    digest: str


@frozen(kw_only=True)
class Estimate(Value):
    """What applying a plan takes, about.

    Attributes:
        calls: to the API.
        points: as Atlassian counts them for apps: 1 a call, and 2 for each user or group in an answer.
        minutes: at ten calls a second.
    """

    calls: int
    points: int
    minutes: float

    @classmethod
    def of(cls, changes: Iterable[Change], groups: Iterable[PlannedGroup]) -> Self:
        """Return the estimate for these changes, and for reading these groups again before them."""
        pages = members = 0
        for group in groups:
            pages += 2 + -(-group.members // 200)  # the group, its members, and the empty page at their end
            members += group.members
        calls = pages + sum(1 for _ in changes)
        return cls(calls=calls, points=calls + 2 * members, minutes=round(calls / CALLS_A_SECOND / 60, 2))


@frozen(kw_only=True)
class Plan(Value):
    """What `apply` does, after somebody has looked at it.

    Its digest shows accidents and careless edits, not a forger: approve a plan by handing over its digest by another
    way than the plan itself (``apply(..., expect_digest=)``).

    Attributes:
        site: the site's cloud id where it is known, else its host.
        made_at: when, in ISO 8601 (UTC).
        made_by: account id of the calling user.
        made_by_name: the calling user's name; None where the server does not say.
        asked: what was asked for, in words.
        guards: what was and is to be refused.
        groups: those that are changed, as they were.
        changes: what is to be done; those that add come first.
        refused: what a guard forbids.
        left_out: what needs no change.
        notes: what the server did not tell, and what else the reader should know.
        estimate: what it takes.
        digest: of all of this.
    """

    site: str
    made_at: str
    made_by: str
    made_by_name: str | None = None
    asked: str
    guards: Guards = field(factory=Guards)
    groups: tuple[PlannedGroup, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: tuple[Omission, ...] = ()
    left_out: tuple[Omission, ...] = ()
    notes: tuple[str, ...] = ()
    estimate: Estimate = field()
    digest: str = ""

    @estimate.default
    def _estimate(self) -> Estimate:
        return Estimate.of(self.changes, self.groups)

    def __attrs_post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", self.true_digest())

    @property
    def overrides(self) -> dict[str, Any]:
        """The options of the guards that allow more than the defaults do."""
        return self.guards.overrides

    def true_digest(self) -> str:
        """Return the SHA-256 that belongs to what the plan says now."""
        return sha256(canonical(self._content()))

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON objects."""
        return self._content() | {"digest": self.digest}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to a file that its owner alone may read; a file of that name is replaced, whole or not at all.

        Raises:
            PlanError: it cannot be written.
        """
        import json

        text = json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            written_whole(Path(path), text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise PlanError(f"{path}: the plan cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the plan in a file.

        Raises:
            PlanError: it cannot be read, is malformed, or is not what its digest was made of.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise PlanError(f"{path}: the plan cannot be read ({error.strerror or error})") from None
        try:
            return cls.from_json(parsed(data))
        except (ShapeError, PlanError) as error:
            raise PlanError(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the plan that these JSON objects are.

        Raises:
            PlanError: they are malformed, or not what the digest was made of.
        """
        try:
            plan: Self = _read(cls, Fields(value))
        except ShapeError as error:
            raise PlanError(f"this is no plan: {error}") from None
        if plan.digest != plan.true_digest():
            raise PlanError("the plan was edited: it is not what its digest was made of. Make a new one")
        return plan

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "site": self.site,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "made_by_name": self.made_by_name,
            "asked": self.asked,
            "guards": _listed(asdict(self.guards)),
            "groups": [_listed(asdict(group)) for group in self.groups],
            "changes": [change_as_json(change) for change in self.changes],
            "refused": [_omission_as_json(omission) for omission in self.refused],
            "left_out": [_omission_as_json(omission) for omission in self.left_out],
            "notes": list(self.notes),
            "estimate": asdict(self.estimate),
        }


def change_as_json(change: Change) -> dict[str, Any]:
    """Return a change as a JSON object."""
    return _listed(asdict(change, recurse=False)) | {"action": change.action.value}


def change_from_json(value: Any, at: str) -> Change:
    """Return the change that a JSON object is.

    Raises:
        ShapeError: it is none.
    """
    fields = Fields(value, at)
    change = Change(
        action=Action(fields.choice("action", [action.value for action in Action])),
        group_id=fields.text("group_id"),
        group_name=fields.text("group_name"),
        account_id=fields.text("account_id"),
        display_name=fields.text_or_none("display_name"),
        account_type=fields.text_or_none("account_type"),
        reason=fields.text_or_none("reason"),
        overridden=fields.texts("overridden"),
    )
    fields.done()
    return change


def _omission_as_json(omission: Omission) -> dict[str, Any]:
    return asdict(omission, recurse=False) | {"change": change_as_json(omission.change)}


def _listed(value: dict[str, Any]) -> dict[str, Any]:
    return {name: list(each) if isinstance(each, tuple) else each for name, each in value.items()}


def _omissions(fields: Fields, name: str) -> tuple[Omission, ...]:
    found = []
    for item, at in fields.items(name):
        inner = Fields(item, at)
        change = change_from_json(inner.take("change"), inner.place("change"))
        guard, option = inner.text_or_none("guard"), inner.text_or_none("option")
        found.append(Omission(change=change, why=inner.text("why"), guard=guard, option=option))
        inner.done()
    return tuple(found)


def _guards(fields: Fields) -> Guards:
    limit = fields.take("max_removals")
    try:
        guards = Guards(
            **{name: fields.flag(name) for name in FLAGS},
            protected_accounts=fields.texts("protected_accounts"),
            protected_groups=fields.texts("protected_groups"),
            max_removals=limit,
            max_fraction=fields.number("max_fraction"),
        )
    except (TypeError, ValueError) as error:
        raise ShapeError(str(error)) from None
    fields.done()
    return guards


FLAGS = ("allow_self", "allow_last_admin", "allow_apps", "allow_external", "allow_protected")


def _group(value: Any, at: str) -> PlannedGroup:
    fields = Fields(value, at)
    access = fields.take("access")
    group = PlannedGroup(
        id=fields.text("id"),
        name=fields.text("name"),
        access=None if access is None else Fields({"access": access}, at).texts("access"),
        managed_by=fields.text_or_none("managed_by"),
        members=fields.count("members"),
        others=fields.count("others"),
        digest=fields.digest("digest"),
    )
    fields.done()
    return group


def _estimate_of(fields: Fields) -> Estimate:
    estimate = Estimate(calls=fields.count("calls"), points=fields.count("points"), minutes=fields.number("minutes"))
    fields.done()
    return estimate


def _read(kind: type[Any], fields: Fields) -> Any:
    fields.choice("format", [FORMAT])
    plan = kind(
        site=fields.text("site"),
        made_at=fields.text("made_at"),
        made_by=fields.text("made_by"),
        made_by_name=fields.text_or_none("made_by_name"),
        asked=fields.text("asked"),
        guards=_guards(fields.object("guards")),
        groups=tuple(_group(item, at) for item, at in fields.items("groups")),
        changes=tuple(change_from_json(item, at) for item, at in fields.items("changes")),
        refused=_omissions(fields, "refused"),
        left_out=_omissions(fields, "left_out"),
        notes=fields.texts("notes"),
        estimate=_estimate_of(fields.object("estimate")),
        digest=fields.digest("digest"),
    )
    fields.done()
    _check_whole(plan)
    return plan


def _check_whole(plan: Plan) -> None:
    """See that each change has its group, and nobody is changed twice in one.

    Raises:
        ShapeError: one has not, or somebody is.
    """
    known = {group.id for group in plan.groups}
    if len(known) < len(plan.groups):
        raise ShapeError("groups: one stands there twice")
    seen: set[tuple[str, str]] = set()
    for index, change in enumerate(plan.changes):
        if change.group_id not in known:
            raise ShapeError(f"changes[{index}].group_id: it is not among the groups")
        if change.key in seen:
            raise ShapeError(f"changes[{index}]: the same person and group stand there twice")
        seen.add(change.key)
