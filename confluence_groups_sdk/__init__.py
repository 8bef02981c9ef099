"""Confluence Cloud group membership, from Python, that you can trust.

Every public name is importable from here and loaded on first use (PEP 562), so that importing the package costs next
to nothing and loads no dependency.
"""

TYPE_CHECKING = False  # type checkers know the name; importing typing would cost more than this whole module
if TYPE_CHECKING:
    from ._aiohttp import aiohttp_client as aiohttp_client
    from ._clock import Clock as Clock
    from ._clock import SystemClock as SystemClock
    from ._pacing import Pace as Pace
    from ._pacing import Pacer as Pacer
    from ._retry import RetryPolicy as RetryPolicy
    from ._settings import Timeout as Timeout
    from ._version import __version__ as __version__
    from .async_client import AsyncConfluenceGroups as AsyncConfluenceGroups
    from .auth import ApiToken as ApiToken
    from .auth import BearerToken as BearerToken
    from .client import ConfluenceGroups as ConfluenceGroups
    from .errors import APIConnectionError as APIConnectionError
    from .errors import APIError as APIError
    from .errors import APIStatusError as APIStatusError
    from .errors import APITimeoutError as APITimeoutError
    from .errors import AuthenticationError as AuthenticationError
    from .errors import BadRequestError as BadRequestError
    from .errors import ConfigurationError as ConfigurationError
    from .errors import ConflictError as ConflictError
    from .errors import ConfluenceGroupsError as ConfluenceGroupsError
    from .errors import DriftError as DriftError
    from .errors import GoneError as GoneError
    from .errors import IncompleteReadError as IncompleteReadError
    from .errors import InputError as InputError
    from .errors import JournalError as JournalError
    from .errors import MissingScopeError as MissingScopeError
    from .errors import NotFoundError as NotFoundError
    from .errors import PermissionDeniedError as PermissionDeniedError
    from .errors import PlanError as PlanError
    from .errors import RateLimitError as RateLimitError
    from .errors import ResponseValidationError as ResponseValidationError
    from .errors import ServerError as ServerError
    from .models import AccessType as AccessType
    from .models import Group as Group
    from .models import Site as Site
    from .models import User as User
    from .oauth import OAuth2 as OAuth2
    from .sites import discover_sites as discover_sites
    from .sites import discover_sites_async as discover_sites_async
    from .token_store import FileTokenStore as FileTokenStore
    from .token_store import MemoryTokenStore as MemoryTokenStore
    from .token_store import Tokens as Tokens
    from .token_store import TokenStore as TokenStore

_MODULES = {
    "_aiohttp": ("aiohttp_client",),
    "_clock": ("Clock", "SystemClock"),
    "_pacing": ("Pace", "Pacer"),
    "_retry": ("RetryPolicy",),
    "_settings": ("Timeout",),
    "_version": ("__version__",),
    "async_client": ("AsyncConfluenceGroups",),
    "auth": ("ApiToken", "BearerToken"),
    "client": ("ConfluenceGroups",),
    "errors": (
        "APIConnectionError",
        "APIError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "ConfigurationError",
        "ConflictError",
        "ConfluenceGroupsError",
        "DriftError",
        "GoneError",
        "IncompleteReadError",
        "InputError",
        "JournalError",
        "MissingScopeError",
        "NotFoundError",
        "PermissionDeniedError",
        "PlanError",
        "RateLimitError",
        "ResponseValidationError",
        "ServerError",
    ),
    "models": ("AccessType", "Group", "Site", "User"),
    "oauth": ("OAuth2",),
    "sites": ("discover_sites", "discover_sites_async"),
    "token_store": ("FileTokenStore", "MemoryTokenStore", "TokenStore", "Tokens"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - a list, made from the table above so that the two cannot differ


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
