"""What the package says if a library of an extra is missing, installed and as a vendored copy."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import vendor

from confluence_groups_sdk import ConfigurationError
from confluence_groups_sdk._support.libraries import extras

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "confluence_groups_sdk"
OWN = "confluence-groups-sdk["


def test_the_requirements_are_those_of_the_project() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    def resolve(name: str) -> tuple[str, ...]:
        found: list[str] = []
        for each in declared[name]:
            found += resolve(each.removeprefix(OWN).rstrip("]")) if each.startswith(OWN) else [each]
        return tuple(found)

    assert {name: resolve(name) for name in declared} == dict(extras.EXTRAS)


def test_the_installed_package_names_its_extra() -> None:
    error = extras.missing_extra("files", "FileTokenStore needs filelock")
    assert isinstance(error, ConfigurationError)
    assert str(error) == "FileTokenStore needs filelock: pip install 'confluence-groups-sdk[files]'"


def test_no_other_module_names_an_extra() -> None:
    named = [path for path in PACKAGE.rglob("*.py") if "pip install" in path.read_text(encoding="utf-8")]
    assert {path.relative_to(PACKAGE).as_posix() for path in named} == {
        "_core/transport/proxies.py",  # httpx's own extra, which is the same for a copy
        "_support/libraries/extras.py",
    }


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "FileTokenStore('tokens.json')",
            "FileTokenStore needs filelock: pip install 'filelock>=3.30' where bigger_sdk is installed",
        ),
        (
            "aiohttp_client()",
            "aiohttp_client() needs aiohttp: pip install 'aiohttp>=3.14.3,<4' 'sniffio>=1.3' where bigger_sdk is "
            "installed",
        ),
        (
            "opentelemetry_observer()",
            "opentelemetry_observer needs opentelemetry: pip install 'opentelemetry-api>=1.30,<2' where bigger_sdk is "
            "installed",
        ),
    ],
)
def test_a_copy_names_the_requirements(tmp_path: Path, program: str, message: str) -> None:
    place = tmp_path / "bigger_sdk" / "groups"
    place.parent.mkdir()
    (place.parent / "__init__.py").touch()
    assert vendor.main([str(place), "--without", "cli,fleet,membership,review,sandbox"]) == 0
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in ("filelock", "aiohttp", "opentelemetry"))
    code = f"import sys\n{blocked}import bigger_sdk.groups as copy\ntry:\n    copy.{program}\n"
    code += "except copy.ConfigurationError as error:\n    print(error)\n"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == (f"{message}\n", "")
