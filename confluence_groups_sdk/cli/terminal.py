"""The terminal: what may be shown there, what is said beside the output, and what is asked."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

JOINERS = "\u200c\u200d"  # part of words in some scripts, and of emoji
PYTHON_OPTION = re.compile(r"""\b(?:([a-z]+(?:_[a-z]+)+)=(?:True|\.\.\.|"?([\w.]+)"?)|([a-z]+)=\.\.\.)""")
PYTHON_NONE = re.compile(r", or None(?: for no limit)?$", re.MULTILINE)
CALL = re.compile(r"(?:Guards|Faults)\((.*?)\)")
RENAMED = {"protected_accounts": "protect_account", "protected_groups": "protect_group", "drop_after": "drop_rate"}
WIDEST, TALL = 100_000, 25  # columns and lines
FORCING = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE")  # make Rich and Typer colour a pipe, too


class RefusedError(Exception):
    """Nothing was changed: a guard forbids it, or the answer was no."""


class OutputError(Exception):
    """Standard output cannot be written. It is raised once; what is printed after that is discarded."""


def disable_forced_colors() -> None:
    """Ignore the variables that make Rich and Typer colour a pipe or a file."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        for name in FORCING:
            os.environ.pop(name, None)


def console(*, beside: bool = False, wide: bool = True) -> Console:
    """Return where to print: the output, or what stands beside it (standard error). What is no terminal has no colours.

    Args:
        beside: whether what is printed is no output.
        wide: whether lines are left to the terminal to break, so that nothing is cut and ids can be copied.
    """
    from rich.console import Console

    file = sys.stderr if beside else sys.stdout
    width, height = (WIDEST, TALL) if wide else (None, None)  # without a height, a dumb terminal has 80 columns
    return Console(file=file, width=width, height=height, highlight=False, markup=False, emoji=False)


def cleaned(text: str) -> str:
    """Return a text on one line that moves no cursor and turns no direction: what would, shows as its escape."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable() or char in JOINERS:
        return char
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode("ascii")


def say(*lines: str) -> None:
    """Print lines on standard error, after the output printed so far."""
    with suppress(OutputError):
        sys.stdout.flush()
    for line in lines:
        print(cleaned(line), file=sys.stderr)


def put(*lines: str) -> None:
    """Print lines of output; if that fails, the command continues and its exit code shows the failure."""
    with suppress(OutputError):
        for line in lines:
            print(cleaned(line))
        sys.stdout.flush()


def in_options(text: str) -> str:
    """Return a text of the library with the options of the command line in place of Python's."""
    found = PYTHON_OPTION.sub(lambda each: option_named(each[1] or each[3], each[2]), PYTHON_NONE.sub("", text))
    return CALL.sub(r"\1", found).replace("for_cloud", "--cloud-id")


def options_of(overrides: Mapping[str, Any]) -> str:
    """Return the options of guards that override them, as they are written on the command line."""
    return ", ".join(option_named(name, _value_of(value)) for name, value in overrides.items())


def _value_of(override: object) -> str | None:
    if override is True:
        return None
    return "-1" if override is None else f"{override:g}" if isinstance(override, float) else str(override)


def option_named(name: str, value: str | None = None) -> str:
    """Return an option as it is written on the command line."""
    return " ".join([f"--{RENAMED.get(name, name).replace('_', '-')}", *([value] if value else [])])


def ask(question: str) -> None:
    """Ask whether to go on.

    Raises:
        RefusedError: the answer is no, or none comes.
    """
    from rich.prompt import Confirm
    from rich.text import Text

    say()
    try:
        agreed = Confirm.ask(Text(cleaned(question)), console=console(beside=True), default=False)
    except EOFError:
        print(file=sys.stderr)
        raise RefusedError("nobody answered: give --yes where nobody can") from None
    if not agreed:
        raise RefusedError("the answer was no: nothing was changed")
