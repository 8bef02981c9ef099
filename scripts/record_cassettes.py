#!/usr/bin/env python3
"""Record the cassettes that the tests replay: each scenario over real HTTP, through the client, scrubbed.

Without options against the sandbox, into tests/cassettes. With --check into a temporary folder, and exit 1 where what
was recorded differs from what is there. With --site against a real site, with the credentials in the environment: this
removes the account that you name from the group that you name.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import vcr
from attrs import Factory, frozen
from ruamel.yaml import YAML
from scrub import REDACTED, Scrubber

from confluence_groups_sdk import (
    APIError,
    ApiToken,
    ConfigurationError,
    ConfluenceGroups,
    NotFoundError,
    SystemClock,
)
from confluence_groups_sdk.sandbox import Answer, Credentials, Sandbox, seed

ROOT = Path(__file__).resolve().parents[1]
CASSETTES = ROOT / "tests" / "cassettes"

EDITORS = next(group.id for group in seed.GROUPS if group.name == "docs-editors")
MEMBER = seed.PEOPLE[2].account_id
NO_MEMBER = seed.PEOPLE[4].account_id
UNKNOWN_GROUP = "00000000-0000-4000-8000-0000000000aa"
UNKNOWN_ACCOUNT = "557058:00000000-0000-4000-8000-0000000000bb"
NOT_ACCEPTABLE = "no\x07id"
NOBODY = Credentials("nobody@example.com", "no-token-of-anybody")

RATE_LIMITED = Answer(
    429,
    {"Retry-After": "3", "RateLimit-Reason": "confluence-burst-based", "Content-Type": "application/json"},
    '{"code": 429, "message": "Rate limit exceeded"}',
)
UNAVAILABLE = Answer(503, {"Content-Type": "text/html"}, "<html><body>Service Unavailable</body></html>")
XSRF = Answer(403, {"Content-Type": "text/html"}, "<html><body>XSRF check failed</body></html>")
ODD = Answer(520, {"Content-Type": "text/plain"}, "unknown error")


@frozen
class Scenario:
    """A call, who makes it, and what the sandbox rehearses first."""

    method: str = "remove_member"
    arguments: Mapping[str, str] = Factory(lambda: {"group_id": EDITORS, "account_id": MEMBER})
    caller: str = "admin"
    rehearsed: tuple[Answer, ...] = ()


SCENARIOS = {
    "remove_member_204": Scenario(),
    "remove_member_204_no_member": Scenario(arguments={"group_id": EDITORS, "account_id": NO_MEMBER}),
    "remove_member_400": Scenario(arguments={"group_id": NOT_ACCEPTABLE, "account_id": MEMBER}),
    "remove_member_401": Scenario(caller="nobody"),
    "remove_member_403": Scenario(caller="reader"),
    "remove_member_403_html": Scenario(rehearsed=(XSRF,)),
    "remove_member_404_group": Scenario(arguments={"group_id": UNKNOWN_GROUP, "account_id": MEMBER}),
    "remove_member_404_user": Scenario(arguments={"group_id": EDITORS, "account_id": UNKNOWN_ACCOUNT}),
    "remove_member_429_then_204": Scenario(rehearsed=(RATE_LIMITED,)),
    "remove_member_503_then_204": Scenario(rehearsed=(UNAVAILABLE,)),
    "remove_member_520": Scenario(rehearsed=(ODD,)),
}

INVENTED = frozenset(
    {text for person in seed.PEOPLE for text in (person.account_id, person.display_name, person.email)}
    | {text for group in seed.GROUPS for text in (group.id, group.name)}
    | {UNKNOWN_GROUP, UNKNOWN_ACCOUNT, NOT_ACCEPTABLE, seed.CLOUD_ID}
)


class NoWaiting(SystemClock):
    """A clock that never waits: what is recorded does not depend on it."""

    def sleep(self, seconds: float) -> None:
        del seconds


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where anything differs")
    live = parser.add_argument_group("a real site", "credentials come from the environment, as for from_env()")
    live.add_argument(
        "--site", metavar="URL", help="record against this site (through the gateway with CONFLUENCE_CLOUD_ID)"
    )
    live.add_argument("--group-id", metavar="ID", help="the group to remove the account from")
    live.add_argument("--account-id", metavar="ID", help="the account to remove, really")
    live.add_argument("--output", metavar="DIR", type=Path, help="where the cassettes go")
    live.add_argument("--hide", metavar="TEXT", action="append", default=[], help="never record this text; repeatable")
    options = parser.parse_args(arguments)
    if options.site:
        if options.check or not (options.group_id and options.account_id and options.output):
            parser.error("--site takes --group-id, --account-id and --output, and no --check")
        try:
            return record_site(options.site, options.group_id, options.account_id, options.output, options.hide)
        except (ConfigurationError, httpx.InvalidURL) as error:
            parser.error(str(error))
    if options.check:
        return check()
    record_sandbox(CASSETTES)
    print(f"recorded {len(SCENARIOS)} cassettes against the sandbox into {CASSETTES.relative_to(ROOT)}")
    return 0


def check() -> int:
    """Record again, and name what differs from what is there."""
    with tempfile.TemporaryDirectory() as folder:
        record_sandbox(Path(folder))
        recorded = _interactions(Path(folder))
    present = _interactions(CASSETTES)
    differing = [name for name in sorted(recorded.keys() | present.keys()) if recorded.get(name) != present.get(name)]
    for name in differing:
        state = "differs" if name in recorded and name in present else "missing" if name in recorded else "not recorded"
        print(f"{CASSETTES.relative_to(ROOT)}/{name}: {state}", file=sys.stderr)
    if differing:
        print("run scripts/record_cassettes.py, and commit what it writes", file=sys.stderr)
    return 1 if differing else 0


def record_sandbox(folder: Path) -> None:
    """Record all scenarios, each against a sandbox of its own."""
    for name, scenario in SCENARIOS.items():
        with Sandbox() as sandbox:
            callers = {"admin": sandbox.admin, "reader": sandbox.reader, "nobody": NOBODY}
            caller = callers[scenario.caller]
            sandbox.answer_next(*scenario.rehearsed)
            known = {caller.token: REDACTED, _basic(*caller): REDACTED}
            scrubber = Scrubber(urlsplit(sandbox.url).netloc, known, INVENTED, pages=True)
            with ConfluenceGroups(sandbox.url, auth=ApiToken(*caller), clock=NoWaiting()) as client:
                record(folder / f"{name}.yaml", client, scenario, scrubber)


def record_site(site: str, group_id: str, account_id: str, folder: Path, hide: list[str]) -> int:
    """Record against a real site what can be had there without harm beyond the one removal."""
    os.environ["CONFLUENCE_SITE"] = site
    host = httpx.URL(site).netloc.decode("ascii")  # as it is sent, whatever way it was written
    names = ("EMAIL", "API_TOKEN", "ACCESS_TOKEN", "CLOUD_ID")
    variable = {name: os.environ.get(f"CONFLUENCE_{name}", "") for name in names}
    known = {group_id: "group-id", account_id: "account-id", host: "your-domain.atlassian.net"}
    known |= {variable["EMAIL"]: "someone@example.com", variable["CLOUD_ID"]: "cloud-id"}
    known |= dict.fromkeys((variable["API_TOKEN"], variable["ACCESS_TOKEN"], *hide), REDACTED)
    known[_basic(variable["EMAIL"], variable["API_TOKEN"])] = REDACTED
    known.pop("", None)
    scenarios = {
        "remove_member_404_group": (_removal(UNKNOWN_GROUP, account_id), NotFoundError),
        "remove_member_404_user": (_removal(group_id, UNKNOWN_ACCOUNT), NotFoundError),
        "remove_member_204": (_removal(group_id, account_id), type(None)),
        "remove_member_204_no_member": (_removal(group_id, account_id), type(None)),
    }
    with ConfluenceGroups.from_env() as client:
        called = "api.atlassian.com" if variable["CLOUD_ID"] else host
        scrubber = Scrubber(called, known, frozenset({UNKNOWN_GROUP, UNKNOWN_ACCOUNT}), pages=False)
        for name, (scenario, expected) in scenarios.items():
            error = record(folder / f"{name}.yaml", client, scenario, scrubber)
            if type(error) is not expected:
                (folder / f"{name}.yaml").unlink()
                print(f"{name}: stopped, since the site answered: {error or 'done'}", file=sys.stderr)
                return 1
    print(f"recorded {len(scenarios)} cassettes into {folder}: read them before you share them")
    return 0


def record(path: Path, client: ConfluenceGroups, scenario: Scenario, scrubber: Scrubber) -> APIError | None:
    """Carry out one scenario and write its cassette, replacing what was there; return how it ended."""
    recorder = vcr.VCR(
        record_mode="all",
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
        decode_compressed_response=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with recorder.use_cassette(str(path)):
        try:
            getattr(client, scenario.method)(**scenario.arguments)
        except APIError as error:
            return error
    return None


def _removal(group_id: str, account_id: str) -> Scenario:
    return Scenario(arguments={"group_id": group_id, "account_id": account_id})


def _interactions(folder: Path) -> dict[str, Any]:
    reader = YAML(typ="safe", pure=True)
    return {path.name: reader.load(path)["interactions"] for path in folder.glob("*.yaml")}


def _basic(email: str, token: str) -> str:
    return base64.b64encode(f"{email}:{token}".encode()).decode()


if __name__ == "__main__":
    sys.exit(main())
