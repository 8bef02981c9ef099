"""Confluence Cloud group membership from Python that you can trust.

Every public name is importable from here and loads on first use (PEP 562). Importing the package loads no dependency.
"""

TYPE_CHECKING = bool()  # noqa: UP018 - type checkers know the name; editors skip the branch of a literal False
if TYPE_CHECKING:
    from ._core.limits.rate_limiter import RateLimiter as RateLimiter
    from ._core.limits.rate_limiter_status import RateLimiterStatus as RateLimiterStatus
    from ._core.limits.retry_policy import RetryPolicy as RetryPolicy
    from ._core.responses.notices import Notice as Notice
    from ._core.responses.rate_limit_headers import RateLimitInfo as RateLimitInfo
    from ._core.timeout import Timeout as Timeout
    from ._core.transport.aiohttp_client import aiohttp_client as aiohttp_client
    from ._support.clock import Clock as Clock
    from ._support.clock import SystemClock as SystemClock
    from ._support.observing.events import AttemptEnded as AttemptEnded
    from ._support.observing.events import CallEnded as CallEnded
    from ._support.observing.events import ChangeSettled as ChangeSettled
    from ._support.observing.events import Event as Event
    from ._support.observing.events import HoldStarted as HoldStarted
    from ._support.observing.events import RateFound as RateFound
    from ._support.observing.events import TokensRefreshed as TokensRefreshed
    from ._support.observing.open_telemetry import opentelemetry_observer as opentelemetry_observer
    from ._support.pickling import unpickle as unpickle
    from ._version import __version__ as __version__
    from .async_client import AsyncConfluenceGroups as AsyncConfluenceGroups
    from .auth.credentials import ApiToken as ApiToken
    from .auth.credentials import BearerToken as BearerToken
    from .auth.oauth import OAuth2 as OAuth2
    from .auth.site_discovery import discover_sites as discover_sites
    from .auth.site_discovery import discover_sites_async as discover_sites_async
    from .auth.token_store import FileTokenStore as FileTokenStore
    from .auth.token_store import MemoryTokenStore as MemoryTokenStore
    from .auth.token_store import Tokens as Tokens
    from .auth.token_store import TokenStore as TokenStore
    from .client import ConfluenceGroups as ConfluenceGroups
    from .errors import APIConnectionError as APIConnectionError
    from .errors import APIError as APIError
    from .errors import APIStatusError as APIStatusError
    from .errors import APITimeoutError as APITimeoutError
    from .errors import AuthenticationError as AuthenticationError
    from .errors import BadRequestError as BadRequestError
    from .errors import ClientClosedError as ClientClosedError
    from .errors import ConfigurationError as ConfigurationError
    from .errors import ConflictError as ConflictError
    from .errors import ConfluenceGroupsError as ConfluenceGroupsError
    from .errors import DriftError as DriftError
    from .errors import GoneError as GoneError
    from .errors import IncompleteReadError as IncompleteReadError
    from .errors import InputError as InputError
    from .errors import JobError as JobError
    from .errors import JobInUseError as JobInUseError
    from .errors import JournalError as JournalError
    from .errors import KnownProblem as KnownProblem
    from .errors import MissingScopeError as MissingScopeError
    from .errors import NotFoundError as NotFoundError
    from .errors import PermissionDeniedError as PermissionDeniedError
    from .errors import PlanError as PlanError
    from .errors import RateLimitError as RateLimitError
    from .errors import ResponseValidationError as ResponseValidationError
    from .errors import ReviewError as ReviewError
    from .errors import ServerError as ServerError
    from .models import AccessType as AccessType
    from .models import Group as Group
    from .models import Site as Site
    from .models import User as User
    from .models import UserList as UserList

_MODULE_OF = {  # sorted
    "APIConnectionError": "errors",
    "APIError": "errors",
    "APIStatusError": "errors",
    "APITimeoutError": "errors",
    "AccessType": "models",
    "ApiToken": "auth.credentials",
    "AsyncConfluenceGroups": "async_client",
    "AttemptEnded": "_support.observing.events",
    "AuthenticationError": "errors",
    "BadRequestError": "errors",
    "BearerToken": "auth.credentials",
    "CallEnded": "_support.observing.events",
    "ChangeSettled": "_support.observing.events",
    "ClientClosedError": "errors",
    "Clock": "_support.clock",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "ConfluenceGroups": "client",
    "ConfluenceGroupsError": "errors",
    "DriftError": "errors",
    "Event": "_support.observing.events",
    "FileTokenStore": "auth.token_store",
    "GoneError": "errors",
    "Group": "models",
    "HoldStarted": "_support.observing.events",
    "IncompleteReadError": "errors",
    "InputError": "errors",
    "JobError": "errors",
    "JobInUseError": "errors",
    "JournalError": "errors",
    "KnownProblem": "errors",
    "MemoryTokenStore": "auth.token_store",
    "MissingScopeError": "errors",
    "NotFoundError": "errors",
    "Notice": "_core.responses.notices",
    "OAuth2": "auth.oauth",
    "PermissionDeniedError": "errors",
    "PlanError": "errors",
    "RateFound": "_support.observing.events",
    "RateLimitError": "errors",
    "RateLimitInfo": "_core.responses.rate_limit_headers",
    "RateLimiter": "_core.limits.rate_limiter",
    "RateLimiterStatus": "_core.limits.rate_limiter_status",
    "ResponseValidationError": "errors",
    "RetryPolicy": "_core.limits.retry_policy",
    "ReviewError": "errors",
    "ServerError": "errors",
    "Site": "models",
    "SystemClock": "_support.clock",
    "Timeout": "_core.timeout",
    "TokenStore": "auth.token_store",
    "Tokens": "auth.token_store",
    "TokensRefreshed": "_support.observing.events",
    "User": "models",
    "UserList": "models",
    "__version__": "_version",
    "aiohttp_client": "_core.transport.aiohttp_client",
    "discover_sites": "auth.site_discovery",
    "discover_sites_async": "auth.site_discovery",
    "opentelemetry_observer": "_support.observing.open_telemetry",
    "unpickle": "_support.pickling",
}

__all__ = list(_MODULE_OF)


if not TYPE_CHECKING:  # hidden from type checkers, which would accept any misspelt name because of it

    def __getattr__(name: str) -> object:
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
