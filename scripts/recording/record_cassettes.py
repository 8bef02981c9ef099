"""Record the cassettes that the tests replay: each scenario runs through the client over real HTTP, and is scrubbed.

Without options, record against the sandbox into tests/cassettes. With --check, record into a temporary folder, and exit
1 if a cassette differs. With --site, record against a real site, with the credentials of the environment: this removes
the given account from the given group.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import vcr
from attrs import Factory, frozen
from ruamel.yaml import YAML

from confluence_groups_sdk import APIError, ApiToken, ConfigurationError, ConfluenceGroups, NotFoundError, SystemClock
from confluence_groups_sdk.sandbox import Answer, Credentials, Sandbox, seed
from recording.scrub import REDACTED, Scrubber

ROOT = Path(__file__).resolve().parents[2]
CASSETTES = ROOT / "tests" / "cassettes"

EDITORS = next(group.id for group in seed.GROUPS if group.name == "docs-editors")
MEMBER = seed.PEOPLE[2].account_id
NO_MEMBER = seed.PEOPLE[4].account_id
UNKNOWN_GROUP = "00000000-0000-4000-8000-0000000000aa"
UNKNOWN_ACCOUNT = "557058:00000000-0000-4000-8000-0000000000bb"
NOT_ACCEPTABLE = "no\x07id"
NOBODY = Credentials("nobody@example.com", "no-token-of-anybody")
NEW_GROUP = "release-managers"
MEMBERSHIP = {"group_id": EDITORS, "account_id": MEMBER}
NO_MEMBERSHIP = {"group_id": EDITORS, "account_id": NO_MEMBER}

RATE_LIMITED = Answer(
    429,
    {"Retry-After": "3", "RateLimit-Reason": "confluence-burst-based", "Content-Type": "application/json"},
    '{"code": 429, "message": "Rate limit exceeded"}',
)
UNAVAILABLE = Answer(503, {"Content-Type": "text/html"}, "<html><body>Service Unavailable</body></html>")
XSRF = Answer(403, {"Content-Type": "text/html"}, "<html><body>XSRF check failed</body></html>")
UNREGISTERED_STATUS = Answer(520, {"Content-Type": "text/plain"}, "unknown error")
LOOKUP_REFUSED = Answer(403, {"Content-Type": "application/json"}, '{"statusCode": 403, "message": "no bulk look-ups"}')
LIMIT_REFUSED = Answer(
    400,
    {"Content-Type": "application/json"},
    '{"statusCode": 400, "data": {"authorized": true, "valid": false, "errors": [], "successful": false},'
    ' "message": "limit must not be above 100"}',
)


@frozen
class Scenario:
    """A call, its caller, the responses that the sandbox gives first, and the sandbox's page size."""

    method: str
    arguments: Mapping[str, Any] = Factory(dict)
    caller: str = "admin"
    prepared: tuple[Answer, ...] = ()
    page_limit: int = 200


SCENARIOS = {
    "remove_member_204": Scenario("remove_member", MEMBERSHIP),
    "remove_member_204_no_member": Scenario("remove_member", NO_MEMBERSHIP),
    "remove_member_400": Scenario("remove_member", {"group_id": NOT_ACCEPTABLE, "account_id": MEMBER}),
    "remove_member_401": Scenario("remove_member", MEMBERSHIP, caller="nobody"),
    "remove_member_403": Scenario("remove_member", MEMBERSHIP, caller="reader"),
    "remove_member_403_html": Scenario("remove_member", MEMBERSHIP, prepared=(XSRF,)),
    "remove_member_404_group": Scenario("remove_member", {"group_id": UNKNOWN_GROUP, "account_id": MEMBER}),
    "remove_member_404_user": Scenario("remove_member", {"group_id": EDITORS, "account_id": UNKNOWN_ACCOUNT}),
    "remove_member_429_then_204": Scenario("remove_member", MEMBERSHIP, prepared=(RATE_LIMITED,)),
    "remove_member_503_then_204": Scenario("remove_member", MEMBERSHIP, prepared=(UNAVAILABLE,)),
    "remove_member_520": Scenario("remove_member", MEMBERSHIP, prepared=(UNREGISTERED_STATUS,)),
    "add_member_201": Scenario("add_member", NO_MEMBERSHIP),
    "add_member_400": Scenario("add_member", {"group_id": NOT_ACCEPTABLE, "account_id": MEMBER}),
    "add_member_401": Scenario("add_member", NO_MEMBERSHIP, caller="nobody"),
    "add_member_403": Scenario("add_member", NO_MEMBERSHIP, caller="reader"),
    "add_member_404": Scenario("add_member", {"group_id": UNKNOWN_GROUP, "account_id": MEMBER}),
    "add_member_429_then_201": Scenario("add_member", NO_MEMBERSHIP, prepared=(RATE_LIMITED,)),
    "add_member_503": Scenario("add_member", NO_MEMBERSHIP, prepared=(UNAVAILABLE,)),
    "iter_members_200": Scenario("iter_members", {"group_id": EDITORS}),
    "iter_members_200_pages": Scenario("iter_members", {"group_id": EDITORS}, page_limit=3),
    "iter_members_400": Scenario("iter_members", {"group_id": EDITORS}, prepared=(LIMIT_REFUSED,)),
    "iter_members_403": Scenario("iter_members", {"group_id": EDITORS}, caller="outsider"),
    "iter_members_404": Scenario("iter_members", {"group_id": UNKNOWN_GROUP}),
    "count_members_200": Scenario("count_members", {"group_id": EDITORS}),
    "count_members_404": Scenario("count_members", {"group_id": UNKNOWN_GROUP}),
    "is_member_200_listed": Scenario("is_member", MEMBERSHIP),
    "is_member_200_not_listed": Scenario("is_member", NO_MEMBERSHIP),
    "iter_memberships_200": Scenario("iter_memberships", {"account_id": MEMBER}),
    "iter_memberships_200_pages": Scenario("iter_memberships", {"account_id": MEMBER}, page_limit=1),
    "iter_memberships_403": Scenario("iter_memberships", {"account_id": MEMBER}, caller="outsider"),
    "get_group_200": Scenario("get_group", {"group_id": EDITORS}),
    "get_group_403": Scenario("get_group", {"group_id": EDITORS}, caller="outsider"),
    "get_group_404": Scenario("get_group", {"group_id": UNKNOWN_GROUP}),
    "iter_groups_200": Scenario("iter_groups"),
    "iter_groups_200_admin": Scenario("iter_groups", {"access_type": "admin"}),
    "iter_groups_200_pages": Scenario("iter_groups", page_limit=2),
    "iter_groups_403": Scenario("iter_groups", caller="outsider"),
    "search_groups_200": Scenario("search_groups", {"query": "docs"}),
    "search_groups_200_pages": Scenario("search_groups", {"query": "confluence"}, page_limit=1),
    "search_groups_403": Scenario("search_groups", {"query": "docs"}, caller="outsider"),
    "create_group_201": Scenario("create_group", {"name": NEW_GROUP}),
    "create_group_400": Scenario("create_group", {"name": "docs-editors"}),
    "create_group_401": Scenario("create_group", {"name": NEW_GROUP}, caller="nobody"),
    "create_group_403": Scenario("create_group", {"name": NEW_GROUP}, caller="reader"),
    "delete_group_204": Scenario("delete_group", {"group_id": EDITORS}),
    "delete_group_400": Scenario("delete_group", {"group_id": NOT_ACCEPTABLE}),
    "delete_group_401": Scenario("delete_group", {"group_id": EDITORS}, caller="nobody"),
    "delete_group_403": Scenario("delete_group", {"group_id": EDITORS}, caller="reader"),
    "delete_group_404": Scenario("delete_group", {"group_id": UNKNOWN_GROUP}),
    "get_user_200": Scenario("get_user", {"account_id": MEMBER}),
    "get_user_200_app": Scenario("get_user", {"account_id": seed.PEOPLE[6].account_id}),
    "get_user_401": Scenario("get_user", {"account_id": MEMBER}, caller="nobody"),
    "get_user_403": Scenario("get_user", {"account_id": MEMBER}, caller="outsider"),
    "get_user_404": Scenario("get_user", {"account_id": UNKNOWN_ACCOUNT}),
    "get_users_200": Scenario("get_users", {"account_ids": [NO_MEMBER, MEMBER]}),
    "get_users_200_missing": Scenario("get_users", {"account_ids": [MEMBER, UNKNOWN_ACCOUNT]}),
    "get_users_401": Scenario("get_users", {"account_ids": [MEMBER, NO_MEMBER]}, caller="nobody"),
    "get_users_403": Scenario("get_users", {"account_ids": [MEMBER, NO_MEMBER]}, caller="outsider"),
    "get_users_403_then_200": Scenario("get_users", {"account_ids": [MEMBER, NO_MEMBER]}, prepared=(LOOKUP_REFUSED,)),
    "current_user_200": Scenario("current_user"),
    "current_user_403": Scenario("current_user", caller="outsider"),
}

NEW_GROUP_ID = "00000000-0000-4000-9000-000000000001"  # of the first group created in a sandbox
GROUP_IDS = {UNKNOWN_GROUP, NEW_GROUP_ID, *(group.id for group in seed.GROUPS)}
INVENTED = frozenset(
    {text for person in seed.PEOPLE for text in (person.account_id, person.display_name, person.email)}
    | {group.name for group in seed.GROUPS}
    | GROUP_IDS
    | {f"ari:cloud:identity::group/{group_id}" for group_id in GROUP_IDS}
    | {UNKNOWN_ACCOUNT, NOT_ACCEPTABLE, seed.CLOUD_ID, NEW_GROUP, "docs", "confluence", "admin"}
)


class NoWaitClock(SystemClock):
    """A clock that never waits, so that waiting cannot affect the cassettes."""

    def sleep(self, seconds: float) -> None:
        del seconds


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    live = parser.add_argument_group("a real site", "the credentials come from the environment, as for from_env()")
    live.add_argument("--site", metavar="URL", help="record against this site; with CONFLUENCE_CLOUD_ID, its gateway")
    live.add_argument("--group-id", metavar="ID", help="the group from which the account is removed")
    live.add_argument("--account-id", metavar="ID", help="the account that is really removed")
    live.add_argument("--output", metavar="DIR", type=Path, help="the folder for the cassettes")
    live.add_argument("--hide", metavar="TEXT", action="append", default=[], help="never record this text; repeatable")
    options = parser.parse_args(arguments)
    if options.site:
        if options.check or not (options.group_id and options.account_id and options.output):
            parser.error("--site needs --group-id, --account-id and --output, and excludes --check")
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
    """Record again, and name the cassettes that differ."""
    with tempfile.TemporaryDirectory() as folder:
        record_sandbox(Path(folder))
        recorded = _read_interactions(Path(folder))
    present = _read_interactions(CASSETTES)
    differing = [name for name in sorted(recorded.keys() | present.keys()) if recorded.get(name) != present.get(name)]
    for name in differing:
        state = "differs" if name in recorded and name in present else "missing" if name in recorded else "not recorded"
        print(f"{CASSETTES.relative_to(ROOT)}/{name}: {state}", file=sys.stderr)
    if differing:
        print("run scripts/record_cassettes.py, and commit the files that it writes", file=sys.stderr)
    return 1 if differing else 0


def record_sandbox(folder: Path) -> None:
    """Record each scenario against its own sandbox."""
    for name, scenario in SCENARIOS.items():
        with Sandbox() as sandbox:
            callers = {"admin": sandbox.admin, "reader": sandbox.reader, "outsider": sandbox.outsider, "nobody": NOBODY}
            caller = callers[scenario.caller]
            sandbox.page_limit = scenario.page_limit
            sandbox.answer_next(*scenario.prepared)
            known = {caller.token: REDACTED, _basic_credentials(*caller): REDACTED}
            scrubber = Scrubber(urlsplit(sandbox.url).netloc, known, INVENTED, pages=True)
            with ConfluenceGroups(sandbox.url, auth=ApiToken(*caller), clock=NoWaitClock()) as client:
                record_scenario(folder / f"{name}.yaml", client, scenario, scrubber)


def record_site(site: str, group_id: str, account_id: str, folder: Path, hide: list[str]) -> int:
    """Record against a real site; the one removal is the only change."""
    os.environ["CONFLUENCE_SITE"] = site
    host = httpx.URL(site).netloc.decode("ascii")  # in the form that is sent
    names = ("EMAIL", "API_TOKEN", "ACCESS_TOKEN", "CLOUD_ID")
    variable = {name: os.environ.get(f"CONFLUENCE_{name}", "") for name in names}
    known = {group_id: "group-id", account_id: "account-id", host: "your-domain.atlassian.net"}
    known |= {variable["EMAIL"]: "someone@example.com", variable["CLOUD_ID"]: "cloud-id"}
    known |= dict.fromkeys((variable["API_TOKEN"], variable["ACCESS_TOKEN"], *hide), REDACTED)
    known[_basic_credentials(variable["EMAIL"], variable["API_TOKEN"])] = REDACTED
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
            error = record_scenario(folder / f"{name}.yaml", client, scenario, scrubber)
            if type(error) is not expected:
                (folder / f"{name}.yaml").unlink()
                print(f"{name}: stopped, because the site responded: {error or 'done'}", file=sys.stderr)
                return 1
    print(f"recorded {len(scenarios)} cassettes into {folder}: read them before you share them")
    return 0


def record_scenario(path: Path, client: ConfluenceGroups, scenario: Scenario, scrubber: Scrubber) -> APIError | None:
    """Run a scenario and replace its cassette; return the error, if there was one."""
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
            result = getattr(client, scenario.method)(**scenario.arguments)
            if isinstance(result, Iterator):
                list(result)
        except APIError as error:
            return error
    return None


def _removal(group_id: str, account_id: str) -> Scenario:
    return Scenario("remove_member", {"group_id": group_id, "account_id": account_id})


def _read_interactions(folder: Path) -> dict[str, Any]:
    reader = YAML(typ="safe", pure=True)
    return {path.name: reader.load(path)["interactions"] for path in folder.glob("*.yaml")}


def _basic_credentials(email: str, token: str) -> str:
    return base64.b64encode(f"{email}:{token}".encode()).decode()
