"""A Confluence that lives on this machine: real HTTP on loopback, real membership, no site and no account needed.

It is an independent witness of what the client does: it shares nothing with it but the error for a missing extra; only
the pytest plugin beside it knows both. All is loaded on first use (PEP 562), so that pytest can load that plugin at no
cost.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app import Answer as Answer
    from .app import SeenRequest as SeenRequest
    from .authority import Grant as Grant
    from .authority import OAuthClient as OAuthClient
    from .directory import Credentials as Credentials
    from .directory import Directory as Directory
    from .directory import Group as Group
    from .directory import Person as Person
    from .faults import Faults as Faults
    from .server import Sandbox as Sandbox

_MODULE_OF = {
    "Answer": "app",
    "Credentials": "directory",
    "Directory": "directory",
    "Faults": "faults",
    "Grant": "authority",
    "Group": "directory",
    "OAuthClient": "authority",
    "Person": "directory",
    "Sandbox": "server",
    "SeenRequest": "app",
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - a list, made from the table above so that the two cannot differ


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        value: object = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as missing:
        from ..errors import ConfigurationError

        raise ConfigurationError(
            f"the sandbox needs {missing.name}: pip install 'confluence-groups-sdk[sandbox]'"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List only names that can be loaded: freezegun reads every name of every loaded module."""
    from importlib.util import find_spec

    is_installed = all(find_spec(name) for name in ("starlette", "uvicorn"))
    return sorted({*globals(), *_MODULE_OF} if is_installed else globals())
