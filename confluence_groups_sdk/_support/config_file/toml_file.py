"""Reading a file as TOML, and reporting all its mistakes in one error."""

from __future__ import annotations

import tomllib
from typing import Any

from ...errors import ConfigurationError
from ..files import read_regular
from ..text import escape_controls, format_count

MAX_FILE = 16 * 1024 * 1024  # bytes


def read_toml(name: str) -> dict[str, Any]:
    """Return the tables in a file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        data = read_regular(name, limit=MAX_FILE + 1)
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or error})"
    else:
        if len(data) > MAX_FILE:
            problem = f"the file has more than {MAX_FILE // 1024**2} MiB"
        else:
            parsed = _parsed(data)
            if not isinstance(parsed, str):
                return parsed
            problem = parsed
            del data  # error reporters show the variables of this frame
    raise ConfigurationError(f"{name}: {problem}")


def _parsed(data: bytes) -> dict[str, Any] | str:
    """Return the tables in a file, or what is wrong with it."""
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return f"line {line} is not UTF-8: save the file as UTF-8"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return f"this is not TOML: {escape_controls(str(error)) or 'too many levels'}"


def raise_problems(name: str, problems: list[str]) -> None:
    """Raise an error with all mistakes in a file, if there are any.

    Args:
        name: the file's path.
        problems: one line for each mistake.

    Raises:
        ConfigurationError: there are mistakes.
    """
    if problems:
        count = format_count(len(problems), "problem")
        raise ConfigurationError(f"{name}: the file cannot be used ({count}):", problems=tuple(problems))
