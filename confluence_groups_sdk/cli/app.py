"""The Typer application with all commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from .._support.text import escape_controls
from .._version import __version__
from .commands import apply, doctor, fleet, groups, journals, login, members, plans, review, sandbox, sites, users
from .program import PROGRAM
from .terminal import disable_forced_colors

HELP = "Manage Confluence Cloud groups: list members, and change memberships by plans that you review, resume and undo."
EXIT_CODES = (
    "Exit codes: 0 done; 1 API or network error; 2 usage or bad input; 3 refused by a guard, by drift or by the answer "
    "no; 4 some changes failed or are left, or a snapshot is incomplete; 5 nothing was left to do, or two snapshots "
    "differ; 130 interrupted."
)

USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__base__)  # Typer exports no name for it


class _Root(TyperGroup):
    """The program. It escapes control characters in its messages about wrong usage."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with _escaped_messages():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _escaped_messages():
            return super().invoke(ctx)


@contextmanager
def _escaped_messages() -> Iterator[None]:
    try:
        yield
    except USAGE_ERROR as error:
        if isinstance(message := getattr(error, "message", None), str):
            lines = message.expandtabs(4).split("\n")  # a list of choices has line breaks
            vars(error)["message"] = "\n".join(map(escape_controls, lines))
        raise


app = typer.Typer(
    name="confluence-groups",
    cls=_Root,
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with variables would show tokens
    context_settings={"help_option_names": ["--help", "-h"]},
)
for section in (groups, members, users, plans, journals, review, fleet):
    app.add_typer(section.app)
for section in (apply, login, sites, sandbox, doctor):
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
