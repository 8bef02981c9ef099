"""Create clean environments, and run commands that inherit nothing from the current one."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from ast import literal_eval
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Install = Callable[..., None]  # takes an interpreter, then the arguments of pip install

PIP_TO_UV = (
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
)
"""For each setting of pip: its name, uv's variable for it, and the separator of values in that variable."""


class CheckFailed(SystemExit):
    """A check failed; if nothing catches it, the script ends with the message and exit code 1."""


def fail_on(problems: Iterable[str]) -> None:
    """Raise CheckFailed with all problems, one per line, if there are any."""
    found = list(problems)
    if found:
        raise CheckFailed("\n".join(found))


def clean_environment(folder: Path, *requirements: str) -> str:
    """Return the interpreter of a new environment with only these requirements."""
    folder.mkdir()
    venv.create(folder / "venv")
    python = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    if requirements:
        install(python, *requirements)
    return python


def install(python: str, *arguments: str) -> None:
    """Install packages for an interpreter with pip; by default, the newest releases that are allowed."""
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", *arguments, cwd=Path(python).parent)


def lowest_installer(project: Path) -> Install:
    """Return a function like `install` that selects the lowest releases that a pyproject.toml allows, with uv."""
    options = ("--resolution", "lowest-direct", "--upgrade", "--requirements", str(project))

    def install_lowest(python: str, *arguments: str) -> None:
        uv = (sys.executable, "-m", "uv", "pip", "install", "--python", python)
        run(*uv, *options, *arguments, cwd=Path(python).parent, variables=index_variables())

    return install_lowest


def index_variables() -> dict[str, str]:
    """Return pip's settings for the package index as uv's variables, because uv does not read pip's configuration."""
    listed = run(sys.executable, "-m", "pip", "config", "list", cwd=Path(sys.executable).parent)
    settings = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = str(literal_eval(value)).split()
    found = {variable: separator.join(settings[name]) for name, variable, separator in PIP_TO_UV if name in settings}
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **found}  # like pip, take the best release of all indexes


def run(*command: str, cwd: Path, variables: Mapping[str, str] | None = None, umask: int = -1) -> str:
    """Run a command and return its standard output; raise CheckFailed with all its output if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= variables or {}
    result = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        umask=umask,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if result.returncode:
        raise CheckFailed(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout
