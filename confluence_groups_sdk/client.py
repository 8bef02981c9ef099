"""The synchronous client. scripts/regenerate.py derives it from confluence_groups_sdk/async_client.py: do not edit."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, ForwardRef, NoReturn, Self, TypedDict, Unpack

from ._core.limits.rate_limiter import RateLimiter
from ._core.limits.retry_policy import RetryPolicy
from ._core.session import Session
from ._core.timeout import DEFAULT_TIMEOUT
from ._core.transport.http_client import auth_problem
from ._support import base_url
from ._support.clock import Clock, SystemClock
from ._support.lazy_import import LazyModule
from ._support.libraries.http import httpx
from ._support.public import public
from ._support.validation import is_whole_number
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._core.api import first_call, operations, pagination, user_lookup
    from ._core.responses.notices import Notice
    from ._core.transport import raw_client
    from ._generated import AuthenticatedClient
    from ._support.observing.observer import Observe
    from .auth import credentials, environment
    from .models import AccessType, Group, User, UserList
else:
    _events = LazyModule(__package__, "_support.observing.events")
    _observer = LazyModule(__package__, "_support.observing.observer")
    _models = LazyModule(__package__, "models")
    credentials = LazyModule(__package__, "auth.credentials")
    environment = LazyModule(__package__, "auth.environment")
    first_call = LazyModule(__package__, "_core.api.first_call")
    operations = LazyModule(__package__, "_core.api.operations")
    pagination = LazyModule(__package__, "_core.api.pagination")
    raw_client = LazyModule(__package__, "_core.transport.raw_client")
    user_lookup = LazyModule(__package__, "_core.api.user_lookup")
    Observe = ForwardRef("_observer.Observe")
    AccessType, Group, User, UserList = map(
        ForwardRef, ("_models.AccessType", "_models.Group", "_models.User", "_models.UserList")
    )


class Options(TypedDict, total=False):
    """The options of `ConfluenceGroups`, for its other constructors."""

    timeout: httpx.Timeout | float | None
    retry: RetryPolicy
    rate_limiter: RateLimiter | None
    http_client: httpx.Client | None
    application_name: str | None
    max_list_items: int
    observe: Observe | None
    clock: Clock


@public
class ConfluenceGroups:
    """Confluence Cloud groups, synchronously. Many threads may share one client.

    Calls are retried as `RetryPolicy` describes. Redirects are not followed, and cookies are not sent. Closing ends the
    calls under way with an APIConnectionError. A call after closing raises ClientClosedError, which is also a
    RuntimeError. Lists are read while you iterate: each page is requested when you have used up the page before it.

    Besides the errors that a method lists, every call may raise these, all of them an APIError:

    - AuthenticationError: Confluence did not accept the credentials.
    - RateLimitError: the call was still rate-limited after the retries.
    - ServerError: Confluence still failed after the retries.
    - ResponseValidationError: the response is not the documented one; nothing is known about what happened.
    - APIConnectionError: no response came; a change may have been made.

    Args:
        site: ``https://NAME.atlassian.net``, with or without ``/wiki`` or ``/wiki/rest``.
        auth: `ApiToken`, `BearerToken`, `OAuth2` or any other `httpx.Auth`.
        timeout: seconds for each of connecting (default 5), sending, receiving, and waiting for a connection (default
            30 each). One attempt as a whole may take 60 seconds, or as long as the longest of these limits; a `Timeout`
            can set another total. None waits without limit.
        retry: when a call is sent again.
        rate_limiter: limits how many calls run at once, and how fast; by default a new one. Share one between all
            clients of a site.
        http_client: your own `httpx.Client`, for proxies, certificates or transports. You close it. Without one,
            the proxies of the environment are used, except for a site on loopback.
        application_name: prefix for the user agent, such as ``offboarding/1.2``.
        max_list_items: the maximum number of entries in a list. A longer list raises IncompleteReadError.
        observe: a function that is called with each `Event`: the ends of attempts and calls, holds, found rates,
            refreshed tokens, settled changes. It must be quick, must not be a coroutine function, and may be called in
            several threads at once; for `ConfluenceGroups` it runs on the event loop. Its exceptions are logged.
            The calls that it makes itself are not reported. See docs/events.md.
        clock: time and randomness, replaced in tests.

    Raises:
        ConfigurationError: the site is not an https address (or http on loopback), or an option is malformed.
        TypeError: ``auth``, ``retry``, ``rate_limiter``, ``http_client``, ``observe`` or ``clock`` has the wrong type.

    Warns:
        UserWarning: ``auth`` sends a bearer token, which ``NAME.atlassian.net`` does not accept: see `for_cloud`.
    """

    def __init__(
        self,
        site: str,
        *,
        auth: httpx.Auth,
        timeout: httpx.Timeout | float | None = DEFAULT_TIMEOUT,
        retry: RetryPolicy = RetryPolicy(),
        rate_limiter: RateLimiter | None = None,
        http_client: httpx.Client | None = None,
        application_name: str | None = None,
        max_list_items: int = 1_000_000,
        observe: Observe | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        if problem := auth_problem(auth):
            del auth  # it may be a bare token, and error reporters show the variables of this frame
            raise TypeError(problem)
        if not is_whole_number(max_list_items, 1):
            raise ConfigurationError("max_list_items: give a whole number, 1 or more", option="max_list_items")
        self._max_list_items = max_list_items
        self._session = Session.open(
            base_url.site_base(site),
            auth,
            timeout=timeout,
            http_client=http_client,
            retry=retry,
            rate_limiter=rate_limiter,
            application_name=application_name,
            observe=observe,
            clock=clock,
        )
        self._is_copy = False
        if getattr(auth, "scheme", None) == "Bearer":
            credentials.warn_of_bearer_token(self._session.config.base)

    @classmethod
    def for_cloud(
        cls, cloud_id: str, *, auth: httpx.Auth, gateway: str = base_url.GATEWAY, **options: Unpack[Options]
    ) -> Self:
        """Build a client that calls Atlassian's gateway, which OAuth 2.0 and tokens with scopes require.

        See docs/confluence-behaviour.md#authentication.

        Args:
            cloud_id: the site's cloud id, as accessible-resources lists it.
            auth: the credentials.
            gateway: the gateway's address.
            options: the options of the class.

        Raises:
            ConfigurationError: the cloud id, the gateway or an option is malformed.
            TypeError: as for the class.
        """
        if problem := auth_problem(auth):
            del auth  # as above
            raise TypeError(problem)
        return cls(base_url.gateway_base(cloud_id, gateway), auth=auth, **options)

    @classmethod
    def from_env(cls, *, gateway: str = base_url.GATEWAY, **options: Unpack[Options]) -> Self:
        """Build a client from environment variables.

        Reads CONFLUENCE_SITE, or CONFLUENCE_CLOUD_ID for the gateway, and either CONFLUENCE_EMAIL with
        CONFLUENCE_API_TOKEN, or CONFLUENCE_ACCESS_TOKEN.

        Args:
            gateway: the gateway's address.
            options: the options of the class.

        Raises:
            ConfigurationError: a variable is missing or malformed, or both kinds of credentials are set.
        """
        base, auth = environment.read_connection(gateway)
        return cls(base, auth=auth, **options)

    def remove_member(self, *, group_id: str, account_id: str) -> None:
        """Remove a user from a group (removeMemberFromGroupByGroupId).

        It also returns if the user was not a member, because Confluence answers 204 in both cases
        (docs/confluence-behaviour.md#operations).

        Args:
            group_id: the group's id; opaque, as Confluence returns it.
            account_id: the user's account id; opaque, as Confluence returns it.

        Raises:
            ValueError: an id is empty or too long for an address; nothing was sent.
            NotFoundError: there is no such group or user; if there is no such site, the remedy says so. If an earlier
                attempt went unanswered (``unanswered_attempts``), it may have removed the user: check with `is_member`.
            PermissionDeniedError: the caller is not a site admin.
            BadRequestError: Confluence does not accept an id.
            APIError: as for every call.
        """
        self._session.send(operations.remove_member(group_id, account_id))

    def add_member(self, *, group_id: str, account_id: str) -> None:
        """Add a user to a group (addUserToGroupByGroupId).

        Confluence's response for a user who is already a member is not documented
        (docs/confluence-behaviour.md#operations). The call is not sent again if it may have arrived; check with
        `is_member` then.

        Args:
            group_id: the group's id.
            account_id: the user's account id.

        Raises:
            ValueError: an id is empty or too long for an address; nothing was sent.
            NotFoundError: there is no such group or user.
            PermissionDeniedError: the caller is not a site admin.
            BadRequestError: Confluence does not accept an id.
            APIError: as for every call.
        """
        self._session.send(operations.add_member(group_id, account_id))

    def iter_members(self, *, group_id: str, page_size: int = 200, in_parallel: int = 1) -> Generator[User, None, None]:
        """Iterate over the members of a group (getGroupMembersByGroupId), each once, page by page.

        Collect the members first, then remove: removing members while you iterate makes the next page skip some, and
        the client cannot see that. With ``in_parallel`` above 1, it can: the pages of a large group are requested
        together, each begins with the last member of the page before it, and a page that does not is read again.

        Confluence does not list deactivated users. Members whom it sends without an account id are skipped; a warning
        with their number is logged. See docs/confluence-behaviour.md#pagination and #users.

        Args:
            group_id: the group's id.
            page_size: members per call, 1 to 200.
            in_parallel: calls at the same time, 1 to 64. The rate limiter's ``max_in_flight`` also limits them.

        Raises:
            ValueError: the id is empty, ``.`` or ``..``, or a number is out of range; nothing was sent.
            NotFoundError: there is no such group.
            PermissionDeniedError: the caller may not see users.
            IncompleteReadError: the list cannot be read to its end: the server repeats itself, or sends more than
                ``max_list_items``.
            APIError: as for every call.
        """
        return self._session.items(pagination.members(group_id, page_size, self._max_list_items, in_parallel))

    def count_members(self, *, group_id: str) -> int:
        """Count the members of a group (getGroupMembersByGroupId with shouldReturnTotalSize).

        If the server does not state a total, all members are read. Members without an account id are counted too.

        Args:
            group_id: the group's id.

        Raises:
            ValueError: the id is empty, ``.`` or ``..``; nothing was sent.
            NotFoundError: there is no such group.
            PermissionDeniedError: the caller may not see users.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._session.run(pagination.count_members(group_id, self._max_list_items))

    def is_member(self, *, group_id: str, account_id: str) -> bool:
        """Check whether a user's groups include a group (getGroupMembershipsForUser).

        False means that the group is not listed; the group or the user may not exist. If the list of the user's groups
        cannot be read to its end, which is a known bug of Confluence (CONFCLOUD-62418), the group's members are read
        instead.

        Args:
            group_id: the group's id.
            account_id: the user's account id.

        Raises:
            ValueError: an id is empty, or the group's id is ``.`` or ``..``; nothing was sent.
            PermissionDeniedError: the caller may not see these lists.
            IncompleteReadError: neither list can be read to its end, or a member without an account id may be the user.
            APIError: as for every call.
        """
        return self._session.run(pagination.is_member(group_id, account_id, self._max_list_items))

    def get_group(self, *, group_id: str) -> Group:
        """Read a group (getGroupByGroupId).

        Args:
            group_id: the group's id.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: there is no such group.
            PermissionDeniedError: the caller may not see groups.
            APIError: as for every call.
        """
        return self._session.send(operations.get_group(group_id))

    def iter_groups(
        self, *, access_type: AccessType | None = None, page_size: int = 200
    ) -> Generator[Group, None, None]:
        """Iterate over all groups (getGroups), each once, page by page.

        The list may include groups of other sites of the organisation, so several groups may have the same name
        (docs/confluence-behaviour.md#identifiers). Collect the groups first, then delete, as for `iter_members`.

        Args:
            access_type: only the groups that give access as ``user``, ``admin`` or ``site-admin``.
            page_size: groups per call, 1 to 200.

        Raises:
            ValueError: an argument is out of range; nothing was sent.
            PermissionDeniedError: the caller may not see groups.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._session.items(pagination.groups(access_type, page_size, self._max_list_items))

    def search_groups(self, *, query: str, page_size: int = 200) -> Generator[Group, None, None]:
        """Iterate over the groups whose names contain a text (searchGroups), each once, page by page.

        Collect the groups first, then delete, as for `iter_members`.

        Args:
            query: part of a name.
            page_size: groups per call, 1 to 200.

        Raises:
            ValueError: the text is empty, or the page size is out of range; nothing was sent.
            PermissionDeniedError: the caller may not see groups.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._session.items(pagination.search(query, page_size, self._max_list_items))

    def create_group(self, *, name: str) -> Group:
        """Create a group without members (createGroup).

        The call is not sent again if it may have arrived; check with `search_groups` then.

        Args:
            name: the group's name.

        Raises:
            ValueError: the name is empty; nothing was sent.
            BadRequestError: Confluence does not accept the name.
            PermissionDeniedError: the caller is not a site admin.
            APIError: as for every call.
        """
        return self._session.send(operations.create_group(name))

    def delete_group(self, *, group_id: str) -> None:
        """Delete a group for good (removeGroupById). Its members lose the access it gave them.

        The call is not sent again if it may have arrived; check with `get_group` then.

        Args:
            group_id: the group's id.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: there is no such group.
            PermissionDeniedError: the caller is not a site admin.
            BadRequestError: Confluence does not accept the id.
            APIError: as for every call.
        """
        self._session.send(operations.delete_group(group_id))

    def iter_memberships(self, *, account_id: str) -> Generator[Group, None, None]:
        """Iterate over the groups that a user is in (getGroupMembershipsForUser), each once, page by page.

        Collect the groups first, then remove, as for `iter_members`.

        Args:
            account_id: the user's account id.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            PermissionDeniedError: the caller may not see this user's groups.
            IncompleteReadError: as for `iter_members`; a known bug of Confluence repeats this list (CONFCLOUD-62418).
            APIError: as for every call.
        """
        return self._session.items(pagination.memberships(account_id, self._max_list_items))

    def get_user(self, *, account_id: str) -> User:
        """Read a user (getUser).

        Args:
            account_id: the user's account id.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: there is no such user.
            PermissionDeniedError: the caller may not see users.
            APIError: as for every call.
        """
        return self._session.send(operations.get_user(account_id))

    def get_users(self, *, account_ids: Iterable[str]) -> UserList:
        """Read many users, up to 100 with each call (getBulkUserLookup).

        Before a user counts as missing, getUser is asked. If the site does not serve the look-up of many users, each
        user is read with getUser; the client remembers it. See
        docs/confluence-behaviour.md#looking-up-many-users.

        Args:
            account_ids: the users' account ids, in any number.

        Returns:
            The users in the order of their ids, each once. Its ``missing`` has the ids that nobody has.

        Raises:
            TypeError: ``account_ids`` is a single text; nothing was sent.
            ValueError: an id is empty; nothing was sent. Or an id is too long for an address.
            PermissionDeniedError: the caller may not see users.
            NotFoundError: Confluence does not answer at this address.
            APIError: as for every call.
        """
        lookup = user_lookup.get_users(account_ids, self._session.config.reduced_operations)
        return self._session.run(lookup)

    def current_user(self) -> User:
        """Read the user who is calling (getCurrentUser).

        Raises:
            PermissionDeniedError: the caller has no access to Confluence.
            APIError: as for every call.
        """
        return self._session.send(operations.current_user())

    def prepare(self, method: str, /, **arguments: Any) -> httpx.Request:
        """Build the request that a method would send first; nothing is sent.

        Its Authorization header shows the scheme and REDACTED in place of the credentials.

        Args:
            method: a method that calls Confluence, such as ``remove_member``.
            arguments: the method's arguments.

        Raises:
            ValueError: there is no such method, or an argument is not acceptable.
            TypeError: an argument is missing or unknown.
        """
        return self._session.prepare(first_call.first_call(method, arguments))

    @property
    def site(self) -> str:
        """The identity of the site: its cloud id if calls go through the gateway, otherwise its host."""
        return base_url.site_id(self._session.config.base)

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter of the calls; clients from `with_options` share it."""
        return self._session.config.rate_limiter

    @property
    def observer(self) -> Observe | None:
        """``observe`` for events of other modules: calling it never raises an exception. None if there is none."""
        return self._session.config.observer

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the server has announced about its operations: deprecation, sunset, warnings (docs/errors.md).

        Each is listed once, at most 20 per operation. The first of each operation and kind is also logged. Clients
        from `with_options` share them; calls of `raw` do not count.
        """
        return tuple(self._session.config.notices.values())

    @property
    def raw(self) -> AuthenticatedClient:
        """The generated client over the same connections: no retries, no rate limiting, no errors for failed calls.

        Pass it to the functions of the generated package, such as
        ``_generated.api.group.remove_member_from_group_by_group_id.sync_detailed(client=groups.raw, ...)``. It sends
        to this site only, and reads and parses responses of any length and depth. Each access returns a new object.
        """
        session = self._session
        return raw_client.raw_sync(session.config, session.auth, session.http)

    def with_options(
        self,
        *,
        timeout: httpx.Timeout | float | EllipsisType | None = ...,
        retry: RetryPolicy | EllipsisType = ...,
    ) -> Self:
        """Return a client with another timeout or retry policy over the same connections; closing it leaves them open.

        Args:
            timeout: as for the class; unchanged by default.
            retry: as for the class; unchanged by default.

        Raises:
            ConfigurationError: the timeout is malformed.
            TypeError: ``retry`` is not a `RetryPolicy`.
        """
        session = self._session.with_config(self._session.config.with_options(timeout, retry))
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _session=session, _is_copy=True)
        return other

    def close(self) -> None:
        """Close the client and its connections, but not your own ``http_client``; `with_options` copies close nothing.

        Calls that are under way, also those of copies, fail at once with an APIConnectionError, which says whether the
        change may have been made. See docs/errors.md.
        """
        if not self._is_copy:
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        session = getattr(self, "_session", None)  # not set if the constructor has raised
        return f"{type(self).__name__}({session.config.base if session else '...'!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied: build one where it is needed, with from_env()"
        )
