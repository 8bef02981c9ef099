"""The Typer application with all commands."""

from __future__ import annotations

from typing import Annotated

import typer

from .._version import __version__
from .commands import apply, groups, journals, login, members, plans, sandbox, sites, users
from .program import PROGRAM
from .terminal import disable_forced_colors

HELP = "Manage Confluence Cloud groups: list members, and change memberships by plans that you review, resume and undo."
EXIT_CODES = (
    "Exit codes: 0 done; 1 API or network error; 2 usage or bad input; 3 refused by a guard, by drift or by the answer "
    "no; 4 some changes failed or are left; 130 interrupted."
)

app = typer.Typer(
    name="confluence-groups",
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with variables would show tokens
    context_settings={"help_option_names": ["--help", "-h"]},
)
for section in (groups, members, users, plans, journals):
    app.add_typer(section.app)
for section in (apply, login, sites, sandbox):
    section.add_to(app)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Accept the options that come before a command."""


def run() -> None:
    """Run the command that the arguments name."""
    disable_forced_colors()
    app(prog_name=PROGRAM)
