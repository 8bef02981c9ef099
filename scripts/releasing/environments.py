"""Create clean environments, and run commands that inherit nothing from the current one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


class CheckFailed(SystemExit):
    """A check failed; if nothing catches it, the script ends with the message and exit code 1."""


def fail_on(problems: Iterable[str]) -> None:
    """Raise CheckFailed with all problems, one per line, if there are any."""
    found = list(problems)
    if found:
        raise CheckFailed("\n".join(found))


def clean_environment(folder: Path, *arguments: str) -> str:
    """Return the interpreter of a new environment with only the packages that `uv pip install` takes as arguments."""
    folder.mkdir()
    uv("venv", "--python", sys.executable, "venv", cwd=folder)
    python = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    install(python, *arguments)
    return python


def install(python: str, *arguments: str) -> None:
    """Install packages for an interpreter."""
    uv("pip", "install", "--python", python, *arguments, cwd=Path(python).parent)


def uv(*arguments: str, cwd: Path) -> str:
    """Run uv, and return its standard output."""
    return run(sys.executable, "-m", "uv", *arguments, cwd=cwd)


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
