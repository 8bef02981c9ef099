"""Options that several commands share: classes whose fields become options of a command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from attrs import field, frozen

from ..client import ConfluenceGroups
from ..errors import InputError
from ..fleet import Postgres
from ..membership import Guards, resolve_user
from .program import PROGRAM
from .terminal import option_name

CONNECTION, OUTPUT, SAFETY, GUARDS = "Connection", "Output", "Before anything changes", "Guards"
DATABASE, DSN_VARIABLE, SCHEMA = "Database", "CONFLUENCE_FLEET_DSN", "confluence_groups"
DEFAULTS = Guards()
NO_LIMIT = -1
MAX_TIMEOUT_S = 365 * 24 * 3600  # seconds

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", help="Id or exact name of the group.")]
AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Account id of the user, or the e-mail that they show.")
]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file.", dir_okay=False)]
JournalArgument = Annotated[Path, typer.Argument(metavar="JOURNAL", help="A journal file.", dir_okay=False)]


def check_value(is_valid: Callable[[Any], bool], advice: str) -> Callable[[object, attrs.Attribute[Any], Any], None]:
    """Build the validator for a field that becomes an option.

    Args:
        is_valid: whether the field may have a value.
        advice: the message for all other values, after the option's name.
    """

    def validate(_options: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not is_valid(value):
            raise InputError(f"{option_name(attribute.name)}: {advice}")

    return validate


def is_share(value: float) -> bool:
    """Check for a number from 0 to 1."""
    return 0 <= value <= 1


class Format(StrEnum):
    """An output format."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="Longest wait for a connection and for each part of a response.",
        rich_help_panel=CONNECTION,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Show each call, and the whole response of a failed one.",
        rich_help_panel=CONNECTION,
    ),
]
check_timeout = check_value(
    lambda seconds: 0 < seconds <= MAX_TIMEOUT_S, "give a number of seconds above 0, at most a year"
)


@frozen
class ConnectionOptions:
    """The site to call, the timeout, and whether to show the calls."""

    site: Annotated[
        str | None, typer.Option("--site", metavar="URL", help="Address of the site.", rich_help_panel=CONNECTION)
    ] = None
    cloud_id: Annotated[
        str | None,
        typer.Option(
            "--cloud-id",
            metavar="ID",
            help="Cloud id of the site; calls go through the gateway.",
            rich_help_panel=CONNECTION,
        ),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Profile in config.toml, instead of CONFLUENCE_PROFILE.",
            rich_help_panel=CONNECTION,
        ),
    ] = None
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Use the sandbox that runs on this machine.", rich_help_panel=CONNECTION),
    ] = False
    timeout: Timeout = field(default=30.0, validator=check_timeout)
    verbose: Verbose = False


@frozen
class CallOptions:
    """The timeout, and whether to show the calls, for a command that needs no site."""

    timeout: Timeout = field(default=30.0, validator=check_timeout)
    verbose: Verbose = False


@frozen
class OutputOptions:
    """The format of the output."""

    format: Annotated[Format, typer.Option("--output", "-o", help="Format of the output.", rich_help_panel=OUTPUT)] = (
        Format.TABLE
    )
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Write CSV cells unchanged, even those that a spreadsheet would run as formulas.",
            rich_help_panel=OUTPUT,
        ),
    ] = False


@frozen
class ConfirmationOptions:
    """Whether to ask before a change, or only to show it."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=SAFETY)] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes without making them.", rich_help_panel=SAFETY)
    ] = False
    curl: Annotated[
        bool,
        typer.Option(
            "--curl",
            help="Print the equivalent curl command, without the token, and change nothing.",
            rich_help_panel=SAFETY,
        ),
    ] = False


@frozen
class GuardOptions:
    """The guards that check a single change."""

    allow_self: Annotated[
        bool, typer.Option("--allow-self", help="Allow removing your own access.", rich_help_panel=GUARDS)
    ] = False
    allow_last_admin: Annotated[
        bool,
        typer.Option(
            "--allow-last-admin",
            help="Allow removing the last people from an admin group. Groups do not show every admin.",
            rich_help_panel=GUARDS,
        ),
    ] = False
    allow_apps: Annotated[
        bool, typer.Option("--allow-apps", help="Allow adding and removing apps.", rich_help_panel=GUARDS)
    ] = False
    allow_external: Annotated[
        bool,
        typer.Option(
            "--allow-external", help="Allow changing groups that an identity provider manages.", rich_help_panel=GUARDS
        ),
    ] = False

    def build_guards(self, client: ConfluenceGroups) -> Guards:  # noqa: ARG002 - some guards need it
        """Build the guards that these options describe."""
        return Guards(**attrs.asdict(self))


@frozen
class PlanGuardOptions(GuardOptions):
    """The guards that check the changes of a plan."""

    allow_protected: Annotated[
        bool,
        typer.Option("--allow-protected", help="Allow changing protected accounts and groups.", rich_help_panel=GUARDS),
    ] = False
    protect_account: Annotated[
        list[str] | None,
        typer.Option(
            "--protect-account",
            metavar="ACCOUNT",
            help="Never change this account, given by id or e-mail (repeatable).",
            rich_help_panel=GUARDS,
        ),
    ] = None
    protect_group: Annotated[
        list[str] | None,
        typer.Option(
            "--protect-group", metavar="GROUP", help="Never change this group (repeatable).", rich_help_panel=GUARDS
        ),
    ] = None
    max_removals: Annotated[
        int,
        typer.Option(
            "--max-removals",
            metavar="N",
            help=f"Most removals in one plan; {NO_LIMIT} for no limit.",
            rich_help_panel=GUARDS,
        ),
    ] = field(
        default=DEFAULTS.max_removals,
        validator=check_value(
            lambda number: number >= NO_LIMIT, f"give a whole number, 0 or more, or {NO_LIMIT} for no limit"
        ),
    )
    max_fraction: Annotated[
        float,
        typer.Option(
            "--max-fraction",
            metavar="SHARE",
            help="Largest share of a group's members that may leave it, from 0 to 1.",
            rich_help_panel=GUARDS,
        ),
    ] = field(
        default=DEFAULTS.max_fraction, validator=check_value(is_share, "give a share of the members, from 0 to 1")
    )

    def build_guards(self, client: ConfluenceGroups) -> Guards:
        """Build the guards that these options describe.

        Args:
            client: finds the protected accounts that are given by e-mail.

        Raises:
            InputError: nobody shows one of these e-mails, or several people do.
            APIError, IncompleteReadError: as for `resolve_user`.
        """
        protected = dict.fromkeys(self.protect_account or ())
        return Guards(
            allow_self=self.allow_self,
            allow_last_admin=self.allow_last_admin,
            allow_apps=self.allow_apps,
            allow_external=self.allow_external,
            allow_protected=self.allow_protected,
            protected_accounts=[_find_account_id(client, each) for each in protected],
            protected_groups=self.protect_group or (),
            max_removals=None if self.max_removals == NO_LIMIT else self.max_removals,
            max_fraction=self.max_fraction,
        )


def _find_account_id(client: ConfluenceGroups, account: str) -> str:
    return resolve_user(client, account).account_id if "@" in account else account


@frozen(kw_only=True)
class DatabaseOptions:
    """The PostgreSQL database that a fleet shares."""

    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            metavar="DSN",
            help="Address of the database. A password belongs in the variable, PGPASSWORD or ~/.pgpass.",
            envvar=DSN_VARIABLE,
            rich_help_panel=DATABASE,
        ),
    ] = field(default=None, repr=False)
    schema: Annotated[
        str, typer.Option("--schema", metavar="NAME", help="Schema of the tables.", rich_help_panel=DATABASE)
    ] = SCHEMA

    def open(self) -> Postgres:
        """Return the database.

        Raises:
            InputError: its address is missing.
            ConfigurationError: psycopg is not installed, or the address is malformed.
        """
        if not self.dsn:
            raise InputError(f"give the address of the database as --dsn, or in {DSN_VARIABLE}")
        return Postgres(self.dsn, schema=self.schema)

    def typed(self, *arguments: str) -> str:
        """Return the command line for a command of ``fleet`` on this database, without the address itself.

        Args:
            arguments: the command's name, and what follows it.
        """
        parts = [*shlex.split(PROGRAM), "fleet", *arguments]
        if self.dsn != os.environ.get(DSN_VARIABLE):
            parts += ["--dsn", "DSN"]
        if self.schema != SCHEMA:
            parts += ["--schema", self.schema]
        return shlex.join(parts)
