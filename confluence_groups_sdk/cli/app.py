"""The Typer application: all commands, in their groups."""

from __future__ import annotations

from typing import Annotated

import typer

from .._version import __version__
from . import PROGRAM, applying, groups, journals, login, members, plans, sandboxing, sites, users
from .terminal import disable_forced_colors

HELP = "Confluence Cloud groups: who is in them, and changing that in a way that is reviewed, resumed and undone."
CODES = (
    "Exit codes: 0 done; 1 API or network error; 2 usage or bad input; 3 refused by a guard, by drift or by answering "
    "no; 4 some changes failed or are left; 130 interrupted."
)

app = typer.Typer(
    name="confluence-groups",
    help=HELP,
    epilog=CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with variables would show tokens
    context_settings={"help_option_names": ["--help", "-h"]},
)
for section in (groups, members, users, plans, journals):
    app.add_typer(section.app)
for section in (applying, login, sites, sandboxing):
    section.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Say what all commands have in common: nothing."""


def run() -> None:
    """Run the command that the arguments name."""
    disable_forced_colors()
    app(prog_name=PROGRAM)
