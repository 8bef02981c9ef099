"""``confluence-groups doctor``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import attrs
import typer

from ..._support.libraries.http import httpx
from ..._support.text import format_count
from ...errors import ConfigurationError
from ..command import command
from ..doctor import machine, site
from ..doctor.finding import Finding, Status, ok, problem, unknown
from ..exit_codes import FAILED
from ..options import OUTPUT, ConnectionOptions
from ..rendering.error_message import message_of
from ..session.client_factory import ClientSource, find_source, log_calls
from ..terminal import print_out


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    command(app, "doctor", "confluence-groups doctor", "confluence-groups doctor --profile acme --json")(doctor)


def doctor(
    connection: ConnectionOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Check versions, site, credentials, proxy, certificates, clock, scopes and rate limit.

    Nothing is changed, and no secret is shown. The exit code is 1 if something is wrong.
    """
    with log_calls(connection.verbose):
        found: list[Finding] = []
        for each in _check(connection):
            found.append(each)
            if not as_json:
                print_out(*_lines(each))
    problems = [each for each in found if each.status is Status.PROBLEM]
    if as_json:
        print(json.dumps({"ok": not problems, "checks": [attrs.asdict(each) for each in found]}, indent=1))
    elif problems:
        print_out("", f"{format_count(len(problems), 'problem')}: {', '.join(each.check for each in problems)}")
    if problems:
        raise typer.Exit(FAILED)


def _check(connection: ConnectionOptions) -> Iterator[Finding]:
    """Yield what each check found, in the order in which problems should be solved."""
    yield machine.versions()
    source, url = None, None
    try:
        source = find_source(connection)
        url = site.address(source)
        yield ok("site", f"{_name(source, url)}, named by {source.named_by}")
        yield ok("credentials", source.kind)
    except ConfigurationError as error:
        what, _, remedy = message_of(error).partition(": ")
        if error.problems:
            what, remedy = message_of(error).removesuffix(":"), "; ".join(error.problems)
        yield problem("site", what, remedy or "Correct this.")
    yield machine.proxy(url)
    yield machine.certificates(url)
    if source is None or url is None:
        yield from (unknown(each, "no site to ask") for each in ("connection", *site.AFTER))
    else:
        yield from _check_site(source, connection.timeout)


def _check_site(source: ClientSource, timeout: float) -> Iterator[Finding]:
    try:
        yield from site.check_site(source, timeout)
    except ConfigurationError:  # reported as the proxy or the certificates
        yield from (unknown(each, "no client can be built") for each in ("connection", *site.AFTER))


def _name(source: ClientSource, url: httpx.URL) -> str:
    return str(source.site) if source.cloud_id is None else f"cloud id {source.cloud_id} at {url.host}"


def _lines(found: Finding) -> list[str]:
    lines = [f"{found.status:8} {found.check}: {found.text}"]
    return [*lines, f"         what to do: {found.remedy}"] if found.remedy else lines
