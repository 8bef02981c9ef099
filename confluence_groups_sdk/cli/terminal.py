"""The terminal: safe text, output and error lines, questions, and options as users type them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._support.text import escape_controls

if TYPE_CHECKING:
    from rich.console import Console

CLI_OPTIONS = {
    "protected_accounts": "--protect-account",
    "protected_groups": "--protect-group",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("site", "cloud_id", "timeout"),
            *("allow_self", "allow_last_admin", "allow_apps", "allow_external", "allow_protected", "allow_empty"),
            "allow_own_access",
            *("max_removals", "max_fraction"),
            *("expect_digest", "expect_hash", "on_drift", "stop_after_failures", "wait_for_quota", "verify"),
        )
    },
}
"""The command-line options for arguments of Python functions and fields of `Guards`."""
MAX_WIDTH, FIXED_HEIGHT = 100_000, 25  # columns and lines
COLOR_VARIABLES = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE")  # Rich and Typer obey them in a pipe


class RefusedError(Exception):
    """A guard or the user's answer refused the change; nothing was changed."""


class OutputError(Exception):
    """Standard output cannot be written. It is raised once; everything printed after that is discarded."""


def disable_forced_colors() -> None:
    """Ignore the variables that make Rich and Typer colour a pipe or a file."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        for name in COLOR_VARIABLES:
            os.environ.pop(name, None)


def build_console(*, stderr: bool = False, wide: bool = True) -> Console:
    """Build a console that prints without colours unless it writes to a terminal.

    Args:
        stderr: whether to print on standard error instead of standard output.
        wide: whether to leave line breaks to the terminal, so that nothing is cut and users can copy ids.
    """
    from rich.console import Console

    file = sys.stderr if stderr else sys.stdout
    # Rich uses the width only together with a height: without one, a dumb terminal has 80 columns.
    width, height = (MAX_WIDTH, FIXED_HEIGHT) if wide else (None, None)
    return Console(file=file, width=width, height=height, highlight=False, markup=False, emoji=False)


def print_err(*lines: str) -> None:
    """Print lines on standard error, after the output printed so far."""
    with suppress(OutputError):
        sys.stdout.flush()
    for line in lines:
        print(escape_controls(line), file=sys.stderr)


def print_out(*lines: str) -> None:
    """Print lines of output; if they cannot be written, the command continues and its exit code shows the failure."""
    with suppress(OutputError):
        for line in lines:
            print(escape_controls(line))
        sys.stdout.flush()


def option_name(argument: str) -> str:
    """Return the command-line option for a Python argument, such as ``--max-removals`` for ``max_removals``."""
    return CLI_OPTIONS.get(argument, f"--{argument.replace('_', '-')}")


def format_options(values: Mapping[str, Any]) -> str:
    """Format Python arguments and their values as command-line options, such as ``--allow-self, --max-removals 3``."""
    return ", ".join(" ".join([option_name(name), *_format_value(value)]) for name, value in values.items())


def _format_value(value: object) -> list[str]:
    """Format the value of an option: none for a flag, and -1 for no limit."""
    if value is True:
        return []
    if value is None:
        return ["-1"]
    return [f"{value:g}" if isinstance(value, float) else str(value)]


def ask(question: str) -> None:
    """Ask the user whether to continue.

    Raises:
        RefusedError: the user answered no, or nobody answered.
    """
    from rich.prompt import Confirm
    from rich.text import Text

    print_err()
    try:
        agreed = Confirm.ask(Text(escape_controls(question)), console=build_console(stderr=True), default=False)
    except EOFError:
        print(file=sys.stderr)
        raise RefusedError("nobody answered: give --yes if nobody can") from None
    if not agreed:
        raise RefusedError("the answer was no: nothing was changed")
