"""Clean environments, and commands that see nothing of the one they are started from."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Iterable, Mapping
from pathlib import Path


class CheckFailed(SystemExit):
    """Something is not as it must be; where nobody catches it, the script ends with the message and exit code 1."""


def refuse(problems: Iterable[str]) -> None:
    """End the check where there are problems.

    Raises:
        CheckFailed: there is one; all are in the message, a line each.
    """
    found = list(problems)
    if found:
        raise CheckFailed("\n".join(found))


def clean_environment(folder: Path, *requirements: str) -> str:
    """Return the interpreter of a new environment that holds these requirements and nothing else."""
    folder.mkdir()
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    run(python, "-m", "pip", "install", "--quiet", *requirements, cwd=folder)
    return python


def run(*command: str, cwd: Path, variables: Mapping[str, str] | None = None, umask: int = -1) -> str:
    """Run a command and return what it prints.

    Raises:
        CheckFailed: it failed; its output is in the message.
    """
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
