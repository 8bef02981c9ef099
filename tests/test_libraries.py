"""The HTTP library is imported in one place, and objects of another one are refused by their full name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fakes import SITE, token
from versioning.python_api import read_surface

import confluence_groups_sdk
from confluence_groups_sdk import AsyncConfluenceGroups, ConfluenceGroups

PACKAGE = Path(confluence_groups_sdk.__file__).parent
PLACES = {"httpx": "_support/libraries/http.py", "httpcore": "_support/libraries/http_core.py"}


def imported(path: Path) -> set[str]:
    """Return the packages that a module imports by absolute names, at its start or later."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("library", PLACES)
def test_one_module_imports_the_library(library: str) -> None:
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if library in imported(path)]
    assert [path.as_posix() for path in paths if path.parts[0] != "_generated"] == [PLACES[library]]


def test_the_connections_load_with_the_first_request() -> None:
    program = "import sys, confluence_groups_sdk as sdk\nprint('httpx' in sys.modules)\nsdk.ConfluenceGroups\n"
    program += "print('httpx' in sys.modules, sdk.__name__ + '._support.libraries.http_core' in sys.modules)\n"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True", "False"]


@pytest.fixture
def httpx2(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a module with the names that tell httpx2 from httpx."""
    module: Any = ModuleType("httpx2")
    module.__version__ = "2.16.2"
    for name in ("Client", "AsyncClient", "Auth"):
        setattr(module, name, type(name, (), {"__module__": "httpx2"}))
    monkeypatch.setitem(sys.modules, "httpx2", module)
    return module


@pytest.mark.parametrize(("kind", "name"), [(ConfluenceGroups, "Client"), (AsyncConfluenceGroups, "AsyncClient")])
def test_a_client_of_another_library_is_named_with_its_version(kind: Any, name: str, httpx2: Any) -> None:
    with pytest.raises(TypeError) as raised:
        kind(SITE, auth=token(), http_client=getattr(httpx2, name)())
    assert str(raised.value) == (
        f"http_client must be an httpx.{name}, not httpx2.{name} (httpx2 2.16.2): this package sends with httpx "
        f"{httpx.__version__}. Pass an httpx.{name} with the same options, or none"
    )


def test_a_client_of_the_other_kind_is_named_with_its_module() -> None:
    with httpx.Client() as http, pytest.raises(TypeError, match=r"an httpx\.AsyncClient, not httpx\.Client"):
        AsyncConfluenceGroups(SITE, auth=token(), http_client=http)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must be an httpx\.Client, not str"):
        ConfluenceGroups(SITE, auth=token(), http_client="text")  # type: ignore[arg-type]


def test_credentials_of_another_library_are_named_with_its_version(httpx2: Any) -> None:
    with pytest.raises(TypeError, match=r"another httpx\.Auth, not httpx2\.Auth \(httpx2 2\.16\.2\)"):
        ConfluenceGroups(SITE, auth=httpx2.Auth())


def test_bases_of_public_classes_keep_the_librarys_own_names() -> None:
    assert read_surface(PACKAGE.parent)["confluence_groups_sdk"]["ApiToken"]["bases"] == ["httpx.Auth"]
