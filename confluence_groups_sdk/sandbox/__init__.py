"""A Confluence on this machine, for demos and tests: real HTTP on loopback, without a site or an account.

It imports nothing from the client except the error for a missing extra, so it checks the client independently. Only the
pytest plugin knows both. Public names load on first use (PEP 562), so that pytest can load the plugin at no cost.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeVar

    from .app import Answer as Answer
    from .app import SeenRequest as SeenRequest
    from .company import add_company as add_company
    from .company.demo import add_demo as add_demo
    from .company.demo import demo_files as demo_files
    from .directory import Credentials as Credentials
    from .directory import Directory as Directory
    from .directory import Group as Group
    from .directory import Person as Person
    from .faults import Faults as Faults
    from .oauth_server import Grant as Grant
    from .oauth_server import OAuthClient as OAuthClient
    from .server import Sandbox as Sandbox

    _T = TypeVar("_T", bound=Any)

_MODULE_OF = {
    "Answer": "app",
    "Credentials": "directory",
    "Directory": "directory",
    "Faults": "faults",
    "Grant": "oauth_server",
    "Group": "directory",
    "OAuthClient": "oauth_server",
    "Person": "directory",
    "Sandbox": "server",
    "SeenRequest": "app",
    "add_company": "company",
    "add_demo": "company.demo",
    "demo_files": "company.demo",
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - a list, made from the table above so that the two cannot differ


def _public(thing: "_T") -> "_T":
    """Set the ``__module__`` of a class or function to this package, its public import path."""
    thing.__module__ = __name__
    return thing


def _load(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        value: object = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as missing:
        from .._support.libraries.extras import missing_extra

        raise missing_extra("sandbox", f"the sandbox needs {missing.name}") from None
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # with it, type checkers would accept any misspelt name
    __getattr__ = _load


def __dir__() -> list[str]:
    """List only names that can be loaded: freezegun reads every name of every loaded module."""
    from importlib.util import find_spec

    is_installed = all(find_spec(name) for name in ("starlette", "uvicorn"))
    return sorted({*globals(), *_MODULE_OF} if is_installed else globals())
