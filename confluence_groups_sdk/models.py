"""The results of calls: frozen, with None for everything that the server does not state.

Sources: docs/confluence-behaviour.md#groups and #users.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, TypeAlias

from attrs import frozen

from ._support.pickling import VersionTolerantPickle, unpickle
from ._support.public import public

AccessType: TypeAlias = Literal["user", "admin", "site-admin"]
"""The kind of access that a group gives."""

MANAGED_EXTERNALLY = "EXTERNAL"
APP_ACCOUNT = "app"
ACTIVE_STATUS = "active"


@public
@frozen(kw_only=True)
class Group(VersionTolerantPickle):
    """A group of users.

    `type`, `usage_type` and `managed_by` may hold values that are newer than this package.

    Attributes:
        id: identifies the group in every call; opaque.
        name: not unique, because two sites of an organisation may each have a group of that name; can be changed.
        type: only ``group`` so far.
        usage_type: ``USERBASE_GROUP`` or ``TEAM_COLLABORATION``.
        managed_by: ``ADMINS``, ``EXTERNAL``, ``TEAM_MEMBERS`` or ``OPEN``.
        resource_ari: the group's Atlassian resource identifier.
    """

    id: str
    name: str
    type: str | None = None
    usage_type: str | None = None
    managed_by: str | None = None
    resource_ari: str | None = None

    @property
    def is_externally_managed(self) -> bool | None:
        """Whether an identity provider manages the members; None if the server does not say, which is common."""
        return None if self.managed_by is None else self.managed_by == MANAGED_EXTERNALLY


@public
@frozen(kw_only=True)
class User(VersionTolerantPickle):
    """An account, of a person or of an app.

    Attributes:
        account_id: identifies the user in every call; opaque.
        type: ``known``, ``unknown``, ``anonymous`` or ``user``.
        account_type: ``atlassian`` or ``app``.
        email: None for apps, and if the user hides it.
        public_name: the name that everyone may see.
        display_name: the name that the caller may see.
        time_zone: for example ``Europe/Berlin``.
        is_guest: whether the user is a guest of the site.
        account_status: ``active``, or another value.
        locale: for example ``en_US``.
    """

    account_id: str
    type: str | None = None
    account_type: str | None = None
    email: str | None = None
    public_name: str | None = None
    display_name: str | None = None
    time_zone: str | None = None
    is_guest: bool | None = None
    account_status: str | None = None
    locale: str | None = None

    @property
    def is_app(self) -> bool | None:
        """Whether this is an app instead of a person; None if the server does not say."""
        return None if self.account_type is None else self.account_type == APP_ACCOUNT

    @property
    def active(self) -> bool | None:
        """Whether the account can be used; None if the server does not say."""
        return None if self.account_status is None else self.account_status == ACTIVE_STATUS


@public
class UserList(list[User]):
    """The users that `get_users` has found; equal to any list of the same users.

    Args:
        users: the users.
        missing: the account ids that nobody has.

    Attributes:
        missing: the account ids that were asked for and that nobody has.
    """

    __slots__ = ("missing",)

    missing: tuple[str, ...]

    def __init__(self, users: Iterable[User] = (), missing: Iterable[str] = ()) -> None:
        super().__init__(users)
        self.missing = tuple(missing)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()}, missing={self.missing!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickle, (type(self), {"users": list(self), "missing": self.missing})

    @classmethod
    def _from_pickle(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["users"], state.get("missing", ()))


@public
@frozen(kw_only=True)
class Site(VersionTolerantPickle):
    """A site that an OAuth 2.0 token may access. The user's permissions there may be narrower than the scopes.

    Attributes:
        cloud_id: the argument of ``for_cloud``.
        name: for example ``your-domain``.
        url: for example ``https://your-domain.atlassian.net``.
        scopes: the scopes that were granted, for all products of the site.
    """

    cloud_id: str
    name: str | None = None
    url: str | None = None
    scopes: frozenset[str] = frozenset()
