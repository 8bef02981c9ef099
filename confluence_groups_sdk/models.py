"""What calls return: frozen, with None where the server did not say."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

from ._values import Value

AccessType: TypeAlias = Literal["user", "admin", "site-admin"]
"""How a group gives access."""

EXTERNAL = "EXTERNAL"
APP = "app"
ACTIVE = "active"


@frozen(kw_only=True)
class Group(Value):
    """A group of users.

    Texts that come from a list of values (`type`, `usage_type`, `managed_by`) may hold values that are newer than this
    package.

    Attributes:
        id: opaque; names it to every call.
        name: can be changed, and be the same in two sites of one organisation: go by the id.
        type: ``group`` so far.
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
        """Whether an identity provider decides who is in it; None where the server does not say, as it often does."""
        return None if self.managed_by is None else self.managed_by == EXTERNAL


@frozen(kw_only=True)
class User(Value):
    """An account, of a person or of an app.

    Attributes:
        account_id: opaque; names it to every call.
        type: ``known``, ``unknown``, ``anonymous`` or ``user``.
        account_type: ``atlassian`` or ``app``.
        email: None where the user hides it, and for apps.
        public_name: what everybody may see.
        display_name: what the caller may see.
        time_zone: such as ``Europe/Berlin``.
        is_guest: whether the user is a guest of the site.
        account_status: ``active``, or another word.
        locale: such as ``en_US``.
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
        """Whether this is an app and no person; None where the server does not say."""
        return None if self.account_type is None else self.account_type == APP

    @property
    def active(self) -> bool | None:
        """Whether the account can be used; None where the server does not say."""
        return None if self.account_status is None else self.account_status == ACTIVE


@frozen(kw_only=True)
class Site(Value):
    """A site that an OAuth 2.0 token was granted access to; what the user may do there is another matter.

    Attributes:
        cloud_id: for ``for_cloud``.
        name: such as ``your-domain``.
        url: such as ``https://your-domain.atlassian.net``.
        scopes: that were consented to, of all products of the site.
    """

    cloud_id: str
    name: str | None = None
    url: str | None = None
    scopes: frozenset[str] = frozenset()
