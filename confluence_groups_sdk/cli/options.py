"""Options that several commands share: classes whose fields become options, and the way to make a command of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from attrs import frozen

from ..membership import Guards
from ..membership.guards import MAX_FRACTION, MAX_REMOVALS
from . import PROGRAM
from .exit_codes import reported

CONNECTION, OUTPUT, SAFETY, GUARDS = "Where", "Output", "Before anything changes", "Guards"

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", help="Id or exact name of the group.")]
AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file.", dir_okay=False)]
JournalArgument = Annotated[Path, typer.Argument(metavar="JOURNAL", help="A journal file.", dir_okay=False)]


class Format(StrEnum):
    """How output is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@frozen
class Connecting:
    """Which site is called, and how much is said of it."""

    site: Annotated[
        str | None, typer.Option("--site", metavar="URL", help="Address of the site.", rich_help_panel=CONNECTION)
    ] = None
    cloud_id: Annotated[
        str | None,
        typer.Option(
            "--cloud-id",
            metavar="ID",
            help="Cloud id of the site: calls go by the gateway.",
            rich_help_panel=CONNECTION,
        ),
    ] = None
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="The sandbox that runs on this machine.", rich_help_panel=CONNECTION)
    ] = False
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="For one answer.", rich_help_panel=CONNECTION)
    ] = 30.0
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show calls, and failed answers whole.", rich_help_panel=CONNECTION),
    ] = False


@frozen
class Verbosity:
    """How much is said of calls."""

    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show calls, and failed answers whole.")] = False


@frozen
class Showing:
    """How output is written."""

    output: Annotated[Format, typer.Option("--output", "-o", help="How to write it.", rich_help_panel=OUTPUT)] = (
        Format.TABLE
    )
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="CSV cells as they are, even those that a spreadsheet would run.", rich_help_panel=OUTPUT
        ),
    ] = False


@frozen
class Changing:
    """What is asked before something changes."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=SAFETY)] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.", rich_help_panel=SAFETY)
    ] = False
    curl: Annotated[
        bool,
        typer.Option(
            "--curl",
            help="Print the equal curl command, without the token, and change nothing.",
            rich_help_panel=SAFETY,
        ),
    ] = False


@frozen
class Overriding:
    """Guards against one change."""

    allow_self: Annotated[
        bool, typer.Option("--allow-self", help="Let yourself lose access.", rich_help_panel=GUARDS)
    ] = False
    allow_last_admin: Annotated[
        bool, typer.Option("--allow-last-admin", help="Let an admin group end up empty.", rich_help_panel=GUARDS)
    ] = False
    allow_apps: Annotated[bool, typer.Option("--allow-apps", help="Apps, too.", rich_help_panel=GUARDS)] = False
    allow_external: Annotated[
        bool,
        typer.Option("--allow-external", help="Groups that an identity provider manages.", rich_help_panel=GUARDS),
    ] = False

    def guards(self) -> Guards:
        """Return the guards."""
        return Guards(**attrs.asdict(self))


@frozen
class Guarding(Overriding):
    """Guards against the changes of a plan."""

    allow_protected: Annotated[
        bool, typer.Option("--allow-protected", help="Protected ones after all.", rich_help_panel=GUARDS)
    ] = False
    protect_account: Annotated[
        list[str] | None,
        typer.Option("--protect-account", metavar="ID", help="Never touch it (repeatable).", rich_help_panel=GUARDS),
    ] = None
    protect_group: Annotated[
        list[str] | None,
        typer.Option("--protect-group", metavar="GROUP", help="Never touch it (repeatable).", rich_help_panel=GUARDS),
    ] = None
    max_removals: Annotated[
        int, typer.Option("--max-removals", metavar="N", help="In one plan; -1: no limit.", rich_help_panel=GUARDS)
    ] = MAX_REMOVALS
    max_fraction: Annotated[
        float,
        typer.Option("--max-fraction", metavar="SHARE", help="Of a group's members, 0 to 1.", rich_help_panel=GUARDS),
    ] = MAX_FRACTION

    def guards(self) -> Guards:
        """Return the guards."""
        return Guards(
            allow_self=self.allow_self,
            allow_last_admin=self.allow_last_admin,
            allow_apps=self.allow_apps,
            allow_external=self.allow_external,
            allow_protected=self.allow_protected,
            protected_accounts=self.protect_account or (),
            protected_groups=self.protect_group or (),
            max_removals=None if self.max_removals == -1 else self.max_removals,
            max_fraction=self.max_fraction,
        )


def command(app: typer.Typer, name: str, *examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what makes a function a command: its option classes unfold, its errors become words and exit codes.

    Args:
        app: whose command it is.
        name: of the command.
        examples: shown at the end of its help, with the name that the program has.
    """
    shown = [example.replace("confluence-groups", PROGRAM, 1) for example in examples]

    def register(function: Callable[..., None]) -> Callable[..., None]:
        epilog = "\n\n".join(["For example:", *shown])
        app.command(name, epilog=epilog, no_args_is_help=False)(_unfolded(function))
        return function

    return register


def _unfolded(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function with the fields of its option classes in place of these."""
    parameters: list[inspect.Parameter] = []
    classes: dict[str, tuple[type[Any], list[str]]] = {}
    for each in inspect.signature(function, eval_str=True).parameters.values():
        if not attrs.has(each.annotation):
            parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        kind = attrs.resolve_types(each.annotation, include_extras=True)
        fields = attrs.fields(kind)
        classes[each.name] = kind, [field.name for field in fields]
        parameters += [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in fields
        ]

    @wraps(function)
    def run(**values: Any) -> None:
        with reported(verbose=bool(values.get("verbose"))):
            options = {
                name: kind(**{each: values.pop(each) for each in names}) for name, (kind, names) in classes.items()
            }
            function(**values, **options)

    del run.__wrapped__  # set by wraps; whoever follows it would see the folded options
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect looks for first
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
