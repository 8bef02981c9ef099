"""What to say if a library of an extra is not installed. A vendored copy has no extras: it names the requirements."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigurationError

DISTRIBUTION = "confluence-groups-sdk"
ROOT = __name__.removesuffix("._support.libraries.extras")
IS_VENDORED = DISTRIBUTION.replace("-", "_") != ROOT
FILES = ("filelock>=3.30",)
POSTGRES = ("psycopg[binary]>=3.2.4",)
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "aiohttp": ("aiohttp>=3.14.3,<4", "sniffio>=1.3"),
    "cli": (*FILES, "typer>=0.24", "rich>=14.3", "platformdirs>=4.2", "jinja2>=3.1.6"),
    "dbos": (*POSTGRES, "dbos>=3.4,<4"),
    "files": FILES,
    "keyring": ("keyring>=25.2",),
    "otel": ("opentelemetry-api>=1.30,<2",),
    "postgres": POSTGRES,
    "review": (*FILES, "XlsxWriter>=3.2", "python-calamine>=0.5.4", "jinja2>=3.1.6"),
    "sandbox": ("starlette>=1.3.1", "uvicorn>=0.32"),
}
"""The requirements of each extra, as in pyproject.toml."""


def how_to_install(extra: str) -> str:
    """Say how to install an extra; for a vendored copy, in the environment of the package that contains it."""
    if not IS_VENDORED:
        return f"pip install '{DISTRIBUTION}[{extra}]'"
    requirements = " ".join(f"'{each}'" for each in EXTRAS[extra])
    return f"pip install {requirements} where {ROOT.partition('.')[0]} is installed"


def missing_extra(extra: str, need: str) -> ConfigurationError:
    """Return the error for a library that is not installed.

    Args:
        extra: the extra that installs it.
        need: who needs what, such as ``FileTokenStore needs filelock``.
    """
    return ConfigurationError(f"{need}: {how_to_install(extra)}")
