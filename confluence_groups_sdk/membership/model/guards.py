"""Guards: the options that protect members, apps, admins and groups from changes by mistake.

`confluence_groups_sdk.membership.planning.guard_evaluation` evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, fields, frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.text import escape_controls
from ..._support.validation import is_fraction, is_text, is_whole_number

MIN_REMOVALS_FOR_FRACTION = 5  # max_fraction allows this many removals from a group of any size
MAX_REMOVALS = 100
MAX_FRACTION = 0.5


def _text_tuple(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError("Guards: give a list of protected ids, not one string")
    texts = tuple(value)
    if not all(is_text(text) for text in texts):
        raise ValueError("Guards: a protected account or group must be a string that is not empty")
    return tuple(dict.fromkeys(texts))


def _check_account_ids(_guards: object, _attribute: object, value: tuple[str, ...]) -> None:
    if emails := [account for account in value if "@" in account]:
        email = escape_controls(emails[0])
        raise ValueError(f"Guards(protected_accounts=...): give account ids; the e-mail {email} protects nobody")


def _check_boolean(_guards: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"Guards({attribute.name}=...): give True or False")


def _check_limit(_guards: object, attribute: Any, value: object) -> None:
    if value is not None and not is_whole_number(value):
        raise ValueError(f"Guards({attribute.name}=...): give a whole number, 0 or more, or None for no limit")


def _check_fraction(_guards: object, attribute: Any, value: object) -> None:
    if not is_fraction(value):
        raise ValueError(f"Guards({attribute.name}=...): give a fraction of the members, from 0 to 1")


@public
@frozen(kw_only=True)
class Guards(VersionTolerantPickle):
    """What a plan must not do. All guards are on by default, and each has an option that overrides it.

    Guards refuse changes when a plan is made, and again when it is applied, according to the state at that moment. On a
    site with very many groups, a run relies on the plan for names and managers of groups
    (docs/applying.md#what-it-cannot-know).

    Confluence often does not say who manages a group or which access it gives (docs/confluence-behaviour.md#groups and
    #permissions). A guard refuses nothing if the fact that it needs is missing. There is one exception: a group whose
    access is unknown counts as a group that gives admin rights.

    Args:
        allow_self: whether the calling user may be removed from groups that give access to Confluence or admin rights.
        allow_last_admin: whether the last people may be removed from a group that gives admin rights. People whom the
            same plan adds count as members; apps do not count. Each group is looked at alone: groups do not show every
            admin, because a role needs no group (docs/confluence-behaviour.md#permissions).
        allow_apps: whether apps (``accountType=app``) may be removed or added.
        allow_external: whether groups that an identity provider manages (``managedBy=EXTERNAL``) may be changed. The
            identity provider undoes such changes, or the server rejects them.
        allow_protected: whether protected accounts and groups may be changed.
        protected_accounts: account ids that are never removed or added.
        protected_groups: ids or names of groups that are never changed; case does not matter in names.
        max_removals: the maximum number of removals in one plan; None for no limit.
        max_fraction: the maximum fraction of a group's members that one plan removes, from 0 to 1; 5 removals are
            always allowed.

    Raises:
        TypeError, ValueError: an option has the wrong type or is out of range.
    """

    allow_self: bool = field(default=False, validator=_check_boolean)
    allow_last_admin: bool = field(default=False, validator=_check_boolean)
    allow_apps: bool = field(default=False, validator=_check_boolean)
    allow_external: bool = field(default=False, validator=_check_boolean)
    allow_protected: bool = field(default=False, validator=_check_boolean)
    protected_accounts: tuple[str, ...] = field(default=(), converter=_text_tuple, validator=_check_account_ids)
    protected_groups: tuple[str, ...] = field(default=(), converter=_text_tuple)
    max_removals: int | None = field(default=MAX_REMOVALS, validator=_check_limit)
    max_fraction: float = field(default=MAX_FRACTION, validator=_check_fraction)

    @property
    def overrides(self) -> dict[str, Any]:
        """The options that allow more than the defaults do."""
        flags = {each.name: getattr(self, each.name) for each in fields(Guards) if each.name.startswith("allow_")}
        found: dict[str, Any] = {name: value for name, value in flags.items() if value}
        if self.max_removals is None or self.max_removals > MAX_REMOVALS:
            found["max_removals"] = self.max_removals
        if self.max_fraction > MAX_FRACTION:
            found["max_fraction"] = self.max_fraction
        return found
