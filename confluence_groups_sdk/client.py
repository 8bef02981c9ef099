"""The synchronous client."""

from __future__ import annotations

from collections.abc import Generator
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, ForwardRef, NoReturn, Self, TypedDict, TypeVar, Unpack

import httpx

from . import _connections, _settings, _site
from ._clock import Clock, SystemClock
from ._later import Later
from ._pacing import Pacer
from ._retry import RetryPolicy
from ._settings import Settings

if TYPE_CHECKING:
    from . import _calls, _exchange, _http, _pages
    from ._calls import Call
    from ._exchange import Reply, Step
    from ._generated import AuthenticatedClient
    from ._pages import Job, Reading
    from .models import AccessType, Group, User
else:
    _calls, _exchange, _http, _models, _pages = map(Later, ("_calls", "_exchange", "_http", "models", "_pages"))
    AccessType, Group, User = map(ForwardRef, ("_models.AccessType", "_models.Group", "_models.User"))

T = TypeVar("T")


class Options(TypedDict, total=False):
    """The options of `ConfluenceGroups`, for its other constructors."""

    timeout: httpx.Timeout | float | None
    retry: RetryPolicy
    pacer: Pacer | None
    http_client: httpx.Client | None
    application_name: str | None
    clock: Clock


class ConfluenceGroups:
    """Confluence Cloud groups, synchronously. One client may be shared by many threads.

    Calls are retried as `RetryPolicy` says. Redirects are not followed, and no cookies are sent. Whoever calls after
    closing gets a RuntimeError. Lists are read as they are iterated over: a page is asked for when the one before it
    has been used up.

    Beside what its own description names, every call may raise an AuthenticationError (the credentials were not
    accepted), a RateLimitError (refused for the rate of calls, still so after the retries), a ServerError (Confluence
    failed, still so after the retries), a ResponseValidationError (something else answered: nothing is known about what
    happened) or an APIConnectionError (no answer came: a change may have been made nevertheless). All are an APIError.

    Args:
        site: ``https://NAME.atlassian.net``, with or without ``/wiki`` or ``/wiki/rest``.
        auth: `ApiToken`, `BearerToken` or any other `httpx.Auth`.
        timeout: seconds for connecting, sending, receiving and waiting for a connection, each; 30, and 5 to connect,
            where not given. A `Timeout` sets each of the four, and a total for one attempt (60 where not given); None
            waits for ever.
        retry: when a call is sent again.
        pacer: how many calls at once, and how fast; one of its own where not given. Share one between the clients of a
            site.
        http_client: your own `httpx.Client`, for proxies, certificates or transports; you close it. Without one,
            proxies of the environment are used, but not for a site on loopback.
        application_name: put before our own user agent, such as ``offboarding/1.2``.
        clock: time and chance, replaced in tests.

    Raises:
        ConfigurationError: the site is no https address (http on loopback), or an option is malformed.
        TypeError: ``auth``, ``retry``, ``pacer``, ``http_client`` or ``clock`` is of the wrong kind.
    """

    def __init__(
        self,
        site: str,
        *,
        auth: httpx.Auth,
        timeout: httpx.Timeout | float | None = _settings.DEFAULT_TIMEOUT,
        retry: RetryPolicy = RetryPolicy(),
        pacer: Pacer | None = None,
        http_client: httpx.Client | None = None,
        application_name: str | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        if problem := _connections.auth_problem(auth):
            del auth  # a bare token, perhaps: this frame may be shown with its variables
            raise TypeError(problem)
        self._auth = auth
        parts, total = _settings.limits(timeout)
        self._settings = Settings(
            base=_site.site_base(site),
            user_agent=_site.user_agent(application_name),
            timeout=parts,
            total=total,
            retry=retry,
            pacer=Pacer() if pacer is None else pacer,
            clock=clock,
        )
        self._http = _connections.Connections(httpx.Client, http_client, self._settings)
        self._owns_http = self._http.owned

    @classmethod
    def for_cloud(
        cls, cloud_id: str, *, auth: httpx.Auth, gateway: str = _site.GATEWAY, **options: Unpack[Options]
    ) -> Self:
        """Return a client that goes through Atlassian's gateway, as OAuth 2.0 and tokens with scopes must.

        Args:
            cloud_id: of the site, as accessible-resources lists it.
            auth: the credentials.
            gateway: its address.
            options: as for the class.

        Raises:
            ConfigurationError: the cloud id, the gateway or an option is malformed.
            TypeError: as for the class.
        """
        if problem := _connections.auth_problem(auth):
            del auth  # as above
            raise TypeError(problem)
        return cls(_site.gateway_base(cloud_id, gateway), auth=auth, **options)

    @classmethod
    def from_env(cls, *, gateway: str = _site.GATEWAY, **options: Unpack[Options]) -> Self:
        """Return a client as the environment describes it.

        Reads CONFLUENCE_SITE, or CONFLUENCE_CLOUD_ID for the gateway, and either CONFLUENCE_EMAIL with
        CONFLUENCE_API_TOKEN, or CONFLUENCE_ACCESS_TOKEN.

        Raises:
            ConfigurationError: one of them is missing or malformed, or both kinds of credential are there.
        """
        base, auth = _site.environment(gateway)
        return cls(base, auth=auth, **options)

    def remove_member(self, *, group_id: str, account_id: str) -> None:
        """Remove a user from a group (removeMemberFromGroupByGroupId).

        Returns for a user who was no member, too: Confluence answers 204 to both.

        Args:
            group_id: of the group; opaque, as Confluence gave it.
            account_id: of the user; opaque, as Confluence gave it.

        Raises:
            ValueError: an id is empty or too long for an address; nothing was sent.
            NotFoundError: no such group or user; or no such site, which the remedy then says.
            PermissionDeniedError: the caller is no site admin.
            BadRequestError: an id is not acceptable.
            APIError: as for every call.
        """
        self._send(_calls.remove_member(group_id, account_id))

    def add_member(self, *, group_id: str, account_id: str) -> None:
        """Add a user to a group (addUserToGroupByGroupId).

        How Confluence answers for a user who is a member already is not documented. It is not sent again where it may
        have arrived: see `is_member` then.

        Raises:
            ValueError: an id is empty or too long for an address; nothing was sent.
            NotFoundError: no such group or user.
            PermissionDeniedError: the caller is no site admin.
            BadRequestError: an id is not acceptable.
            APIError: as for every call.
        """
        self._send(_calls.add_member(group_id, account_id))

    def iter_members(self, *, group_id: str, page_size: int = 200) -> Generator[User, None, None]:
        """Iterate over the members of a group (getGroupMembersByGroupId), each once, page after page.

        Collect first, then remove: whoever is removed while the list is read moves the others up, past the place where
        the next page starts, and this client does not see that somebody was missed. Deactivated users are not listed.

        Args:
            group_id: of the group.
            page_size: members to ask for in one call, 1 to 200.

        Raises:
            ValueError: the id is empty, ``.`` or ``..``, or the page size is out of range; nothing was sent.
            NotFoundError: no such group.
            PermissionDeniedError: the caller may not see users.
            IncompleteReadError: the server repeats itself, so that the list cannot be read to its end.
            APIError: as for every call.
        """
        return self._items(_pages.members(group_id, page_size))

    def count_members(self, *, group_id: str) -> int:
        """Return how many members a group has, as the server counts them (getGroupMembersByGroupId with its total).

        Where it does not count, all of them are read.

        Raises:
            ValueError: the id is empty, ``.`` or ``..``; nothing was sent.
            NotFoundError: no such group.
            PermissionDeniedError: the caller may not see users.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._run(_pages.count_members(group_id))

    def is_member(self, *, group_id: str, account_id: str) -> bool:
        """Say whether a group is among those that are listed for a user (getGroupMembershipsForUser).

        False means not listed: nobody says whether there is such a group or user. Where the list of the user's groups
        cannot be read to its end, which is a known bug of Confluence, the group's members are read instead.

        Raises:
            ValueError: an id is empty, or the group's is ``.`` or ``..``; nothing was sent.
            PermissionDeniedError: the caller may not see this.
            IncompleteReadError: neither list can be read to its end.
            APIError: as for every call.
        """
        return self._run(_pages.is_member(group_id, account_id))

    def get_group(self, *, group_id: str) -> Group:
        """Return a group (getGroupByGroupId).

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: no such group.
            PermissionDeniedError: the caller may not see groups.
            APIError: as for every call.
        """
        return self._send(_calls.get_group(group_id))

    def iter_groups(
        self, *, access_type: AccessType | None = None, page_size: int = 200
    ) -> Generator[Group, None, None]:
        """Iterate over all groups (getGroups), each once, page after page.

        They may be those of the whole organisation, so that a name can occur more than once. Collect first, then
        delete, as for `iter_members`.

        Args:
            access_type: only the groups that give access as ``user``, ``admin`` or ``site-admin``.
            page_size: groups to ask for in one call, 1 to 200.

        Raises:
            ValueError: an argument is out of range; nothing was sent.
            PermissionDeniedError: the caller may not see groups.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._items(_pages.groups(access_type, page_size))

    def search_groups(self, *, query: str, page_size: int = 200) -> Generator[Group, None, None]:
        """Iterate over the groups whose names contain a text (searchGroups), each once, page after page.

        Collect first, then delete, as for `iter_members`.

        Args:
            query: part of a name.
            page_size: groups to ask for in one call, 1 to 200.

        Raises:
            ValueError: the text is empty, or the page size is out of range; nothing was sent.
            PermissionDeniedError: the caller may not see groups.
            IncompleteReadError: as for `iter_members`.
            APIError: as for every call.
        """
        return self._items(_pages.search(query, page_size))

    def create_group(self, *, name: str) -> Group:
        """Make a group without members, and return it (createGroup).

        It is not sent again where it may have arrived: see `search_groups` then.

        Raises:
            ValueError: the name is empty; nothing was sent.
            BadRequestError: the name is not acceptable.
            PermissionDeniedError: the caller is no site admin.
            APIError: as for every call.
        """
        return self._send(_calls.create_group(name))

    def delete_group(self, *, group_id: str) -> None:
        """Delete a group for good (removeGroupById). Its members lose what it gave them.

        It is not sent again where it may have arrived: see `get_group` then.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: no such group.
            PermissionDeniedError: the caller is no site admin.
            BadRequestError: the id is not acceptable.
            APIError: as for every call.
        """
        self._send(_calls.delete_group(group_id))

    def iter_memberships(self, *, account_id: str) -> Generator[Group, None, None]:
        """Iterate over the groups that a user is in (getGroupMembershipsForUser), each once, page after page.

        Collect first, then remove, as for `iter_members`.

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            PermissionDeniedError: the caller may not see this user's groups.
            IncompleteReadError: as for `iter_members`; a known bug of Confluence makes it repeat this list.
            APIError: as for every call.
        """
        return self._items(_pages.memberships(account_id))

    def get_user(self, *, account_id: str) -> User:
        """Return a user (getUser).

        Raises:
            ValueError: the id is empty or too long for an address; nothing was sent.
            NotFoundError: no such user.
            PermissionDeniedError: the caller may not see users.
            APIError: as for every call.
        """
        return self._send(_calls.get_user(account_id))

    def current_user(self) -> User:
        """Return who is calling (getCurrentUser).

        Raises:
            PermissionDeniedError: the caller has no access to Confluence.
            APIError: as for every call.
        """
        return self._send(_calls.current_user())

    @property
    def site(self) -> str:
        """What tells this site from others: its cloud id where calls go through the gateway, else its host."""
        return _site.identity(self._settings.base)

    @property
    def raw(self) -> AuthenticatedClient:
        """The generated client over the same connections: no retries, no exceptions for error statuses.

        For the functions of the generated package, such as
        ``_generated.api.group.remove_member_from_group_by_group_id.sync_detailed(client=groups.raw, ...)``. It sends
        to this site alone, and is made anew each time.
        """
        return _http.raw_sync(self._settings, self._auth, self._http.client)

    def with_options(
        self,
        *,
        timeout: httpx.Timeout | float | EllipsisType | None = ...,
        retry: RetryPolicy | EllipsisType = ...,
    ) -> Self:
        """Return a client with other limits over the same connections; closing it leaves them open.

        Args:
            timeout: as for the class; left as it is where not given.
            retry: as for the class; left as it is where not given.

        Raises:
            ConfigurationError: the timeout is malformed.
            TypeError: ``retry`` is not a `RetryPolicy`.
        """
        settings = self._settings.adjusted(timeout, retry)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _settings=settings, _owns_http=False)
        return other

    def close(self) -> None:
        """Close the connections, unless they are the caller's or another client's."""
        if self._owns_http:
            self._http.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)  # there is none yet while the constructor refuses something
        return f"{type(self).__name__}({settings.base if settings else '...'!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is never pickled or copied: build one where it is needed, with from_env()"
        )

    def _send(self, call: Call[T]) -> T:
        steps = _exchange.exchange(call, self._settings)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()  # gives its place back, should this be interrupted or cancelled

    def _run(self, job: Job[T]) -> T:
        try:
            call = next(job)
            while True:
                call = job.send(self._send(call))
        except StopIteration as end:
            result: T = end.value
            return result

    def _items(self, reading: Reading[T]) -> Generator[T, None, None]:
        for call in reading:
            yield from reading.send(self._send(call))

    def _do(self, step: Step) -> Reply:
        if isinstance(step, _exchange.Wait):
            self._settings.clock.sleep(step.seconds)
            return None
        if isinstance(step, _exchange.Enter):
            step.pacer.enter()
            return None
        started = self._settings.clock.monotonic()
        try:
            response = self._http.client.send(step, auth=self._auth, follow_redirects=False, stream=True)
            return _http.read_sync(response, self._settings, started)
        except _exchange.FAILURES as error:
            return _exchange.no_answer(error)
