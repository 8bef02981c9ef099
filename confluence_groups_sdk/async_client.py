"""The asynchronous client: the twin of the synchronous one, only `await` differs."""

from __future__ import annotations

from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypedDict, TypeVar, Unpack

import httpx

from . import _calls, _exchange, _http, _site
from ._calls import Call
from ._clock import Clock, SystemClock
from ._exchange import Reply, Settings, Step
from ._retry import RetryPolicy

if TYPE_CHECKING:
    from ._generated import AuthenticatedClient

T = TypeVar("T")


class Options(TypedDict, total=False):
    """The options of `AsyncConfluenceGroups`, for its other constructors."""

    timeout: httpx.Timeout | float | None
    retry: RetryPolicy
    http_client: httpx.AsyncClient | None
    application_name: str | None
    clock: Clock


class AsyncConfluenceGroups:
    """Confluence Cloud groups, for asyncio. One client may be shared by many tasks of one event loop.

    Calls are retried as `RetryPolicy` says. Redirects are not followed, and no cookies are sent. Whoever calls after
    closing gets a RuntimeError.

    Args:
        site: ``https://NAME.atlassian.net``, with or without ``/wiki`` or ``/wiki/rest``.
        auth: `ApiToken`, `BearerToken` or any other `httpx.Auth`.
        timeout: seconds for connecting, sending, receiving and waiting for a connection, each; 30, and 5 to connect,
            where not given. An `httpx.Timeout` sets each of the four, None waits for ever.
        retry: when a call is sent again.
        http_client: your own `httpx.AsyncClient`, for proxies, certificates or transports; you close it. Without one,
            proxies of the environment are used, but not for a site on loopback.
        application_name: put before our own user agent, such as ``offboarding/1.2``.
        clock: time and chance, replaced in tests.

    Raises:
        ConfigurationError: the site is no https address (http on loopback), or an option is malformed.
        TypeError: ``auth``, ``retry``, ``http_client`` or ``clock`` is of the wrong kind.
    """

    def __init__(
        self,
        site: str,
        *,
        auth: httpx.Auth,
        timeout: httpx.Timeout | float | None = _http.DEFAULT_TIMEOUT,
        retry: RetryPolicy = RetryPolicy(),
        http_client: httpx.AsyncClient | None = None,
        application_name: str | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        if problem := _http.auth_problem(auth):
            del auth  # a bare token, perhaps: this frame may be shown with its variables
            raise TypeError(problem)
        self._auth = auth
        self._settings = Settings(
            base=_site.site_base(site),
            user_agent=_site.user_agent(application_name),
            timeout=_exchange.limits(timeout).as_dict(),
            retry=retry,
            clock=clock,
        )
        self._http = _http.client_of(httpx.AsyncClient, http_client, self._settings)
        self._owns_http = http_client is None

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
        if problem := _http.auth_problem(auth):
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

    async def remove_member(self, *, group_id: str, account_id: str) -> None:
        """Remove a user from a group (removeMemberFromGroupByGroupId).

        Returns for a user who was no member, too: Confluence answers 204 to both.

        Args:
            group_id: of the group; opaque, as Confluence gave it.
            account_id: of the user; opaque, as Confluence gave it.

        Raises:
            ValueError: an id is empty or too long for an address; nothing was sent.
            NotFoundError: no such group or user; or no such site, which the remedy then says.
            PermissionDeniedError: the caller is no site admin.
            AuthenticationError: the credentials were not accepted.
            BadRequestError: an id is not acceptable.
            RateLimitError: refused for the rate of calls, and retrying did not help.
            ServerError: Confluence failed, and retrying did not help.
            ResponseValidationError: something other than Confluence answered; nothing is known about what happened.
            APIConnectionError: no answer came; the user may have been removed nevertheless.
        """
        await self._send(_calls.remove_member(group_id, account_id))

    @property
    def raw(self) -> AuthenticatedClient:
        """The generated client over the same connections: no retries, no exceptions for error statuses.

        For the functions of the generated package, such as
        ``_generated.api.group.remove_member_from_group_by_group_id.asyncio_detailed(client=groups.raw, ...)``. It sends
        to this site alone, and is made anew each time.
        """
        return _http.raw_async(self._settings, self._auth, self._http)

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

    async def aclose(self) -> None:
        """Close the connections, unless they are the caller's or another client's."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)  # there is none yet while the constructor refuses something
        return f"{type(self).__name__}({settings.base if settings else '...'!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is never pickled or copied: build one where it is needed, with from_env()"
        )

    async def _send(self, call: Call[T]) -> T:
        steps = _exchange.exchange(call, self._settings)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Step) -> Reply:
        if isinstance(step, _exchange.Wait):
            await self._settings.clock.async_sleep(step.seconds)
            return None
        try:
            return await self._http.send(step, auth=self._auth, follow_redirects=False)
        except _exchange.FAILURES as error:
            return _exchange.no_answer(error)
