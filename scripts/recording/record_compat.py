"""Record the files of this version for later versions: a pickle of each public value, a plan, evidence, and so on.

They go into tests/compat, into a folder for this version. Existing files stay, and must still be read as the values
that were written. With --check, write nothing; a missing file is also an error.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

import confluence_groups_sdk as sdk
from confluence_groups_sdk import membership
from confluence_groups_sdk._core.responses.rate_limit_headers import RateLimitInfo
from confluence_groups_sdk.membership.execution.journal import open_journal
from recording import event_values, review_values

COMPAT = Path(__file__).resolve().parents[2] / "tests" / "compat"
PROTOCOL = 4  # supported by every Python version that this package runs on
NOW = "2026-11-25T08:00:00Z"
ADMIN = "5b10a2844c20165700ede21a"

GROUP = sdk.Group(
    id="c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90",
    name="docs-editors",
    type="group",
    usage_type="USERBASE_GROUP",
    managed_by="ADMINS",
    resource_ari="ari:cloud:identity::group/c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90",
)
USER = sdk.User(
    account_id="712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44",
    type="known",
    account_type="atlassian",
    email="dagny@example.com",
    public_name="Dagný",
    display_name="Dagný Jónsdóttir",
    time_zone="Atlantic/Reykjavik",
    is_guest=False,
    account_status="active",
    locale="is_IS",
)
ONE = membership.Change(
    action=membership.Action.ADD,
    group_id=GROUP.id,
    group_name=GROUP.name,
    account_id="one",
    display_name="Dagný Jónsdóttir",
    account_type="atlassian",
    reason="has left",
    overridden=("last-admin",),
)
TWO, THREE = (evolve(ONE, action=membership.Action.REMOVE, account_id=account_id) for account_id in ("two", "three"))
SKIPPED_CHANGE = membership.SkippedChange(change=THREE, why="it is an app", guard="app", option=("allow_apps", True))
GUARDS = membership.Guards(allow_apps=True, protected_accounts=(ADMIN,), protected_groups=("alumni",), max_removals=7)
PLANNED = membership.PlannedGroup(
    id=GROUP.id, name=GROUP.name, access=("user",), managed_by="ADMINS", members=5, others=3, digest="0" * 64
)
PLAN = membership.Plan(
    site="your-domain.atlassian.net",
    made_at=NOW,
    made_by=ADMIN,
    made_by_name="Ada Okafor",
    asked="remove 2",
    guards=GUARDS,
    groups=(PLANNED,),
    changes=(ONE, TWO, THREE),
    refused=(SKIPPED_CHANGE,),
    skipped=(evolve(SKIPPED_CHANGE, guard=None, option=None, why="not a member"),),
    notes=("the server does not say who manages it",),
    estimate=membership.Estimate(calls=9, points=23, minutes=0.02),  # as recorded; later versions estimate otherwise
)
RESULTS = (
    membership.Result(
        change=ONE,
        outcome=membership.Outcome.ADDED,
        request_id="r-1",
        settled=True,
        limits=RateLimitInfo(3.0, 60.0, True),
    ),
    membership.Result(
        change=TWO,
        outcome=membership.Outcome.FAILED,
        error="502 Bad Gateway",
        error_type="ServerError",
        guard="app",
        option=("allow_apps", True),
        final=False,
        stops=True,
        rate_limited=True,
    ),
)
STOP = membership.Stop(reason=membership.StopReason.RATE_LIMITED, error="429", resume_at=NOW, option="wait_for_quota")
REPORT = membership.Report(
    results=RESULTS,
    unfinished=(TWO, THREE),
    stop=STOP,
    interrupted=True,
    unverified=(ONE,),
    plan_digest=PLAN.digest,
    journal_hash="1" * 64,
)
JOURNAL_STATE = membership.JournalState(
    plan=PLAN.digest,
    site=PLAN.site,
    began_at=NOW,
    by=ADMIN,
    overrides=PLAN.overrides,
    results={
        result.change.key: evolve(result, stops=False, rate_limited=False, limits=RateLimitInfo()) for result in RESULTS
    },
    in_doubt={THREE.key: THREE},
    last_hash="1" * 64,
    lines=6,
)
TOKENS = sdk.Tokens("an-access-token", "a-refresh-token", 1_800_000_000.5, ("read:confluence-user", "offline_access"))

VALUES: Mapping[str, Any] = {
    **event_values.EVENTS,
    "Action": membership.Action.REMOVE,
    "Change": ONE,
    "JournalState": JOURNAL_STATE,
    "Estimate": PLAN.estimate,
    "Group": GROUP,
    "Guards": GUARDS,
    "KnownProblem": sdk.KnownProblem.AUTH_MISMATCH,
    "SkippedChange": SKIPPED_CHANGE,
    "Outcome": membership.Outcome.ALREADY_A_MEMBER,
    "Notice": sdk.Notice(
        operation="getGroups",
        kind="sunset",
        text="Sun, 30 Jun 2024 23:59:59 GMT",
        date=datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC),
        link="https://example.com/sunset",
    ),
    "RateLimiterStatus": sdk.RateLimiterStatus(rate=9.5, held_until=1_800_000_000.5, in_flight=3, refused=2, points=41),
    "Plan": PLAN,
    "PlannedGroup": PLANNED,
    "GroupMembers": membership.GroupMembers(group_id=GROUP.id, members=(USER,), unidentified=2),
    "Preflight": membership.Preflight(change=TWO, group=GROUP, user=USER, refusal=SKIPPED_CHANGE, is_member=True),
    "Progress": membership.Progress(phase="waiting", done=1, total=3, held_until=1_800_000_000.5),
    "RecordedRun": membership.RecordedRun(began_at=NOW, by=ADMIN, by_name="Ada Okafor"),
    "Report": REPORT,
    "Result": RESULTS[0],
    "RateLimitInfo": RateLimitInfo(retry_after=2.5, quota=True),
    "RetryPolicy": sdk.RetryPolicy(max_retries=7, first_delay=0.5, max_delay=9.0, max_retry_after=99.5),
    "Row": membership.Row("docs-editors", "dagny@example.com", "has left", 7, True),
    "Site": sdk.Site(
        cloud_id="11111111-2222-4333-8444-555555555555",
        name="your-domain",
        url="https://your-domain.atlassian.net",
        scopes=frozenset({"read:confluence-user"}),
    ),
    "Stop": STOP,
    "StopReason": STOP.reason,
    "Timeout": sdk.Timeout(9.0, connect=1.5, pool=None, total=77.0),
    "User": USER,
    "UserList": sdk.UserList([USER], ["557058:nobody"]),
    **review_values.REVIEW_VALUES,
}
DETAILS: Mapping[str, Any] = {
    "method": "DELETE",
    "path": "/wiki/rest/api/group/userByGroupId",
    "request_id": "r-1",
    "message": "No user found: Dagný",
    "headers": {"atl-request-id": "r-1"},
    "body": '{"message": "No user found: Dagný"}',
    "retry_after": 2.5,
    "remedy": "Look.",
    "problem": sdk.KnownProblem.MISSING_SCOPE,
}
ERRORS: Mapping[type[sdk.ConfluenceGroupsError], tuple[str, Mapping[str, Any]]] = {  # the first base of an error counts
    sdk.APIStatusError: ("404 Not Found", {"status_code": 404, **DETAILS}),
    sdk.APIError: ("no answer came (ReadTimeout)", DETAILS),
    sdk.IncompleteReadError: ("it stopped", {"received": ("one", "two")}),
    sdk.InputError: ("not usable", {"problems": ("line 7: the account is missing",)}),
    sdk.DriftError: ("not as it was", {"differences": ("Dagný is no member",)}),
    sdk.ConfluenceGroupsError: ("something is wrong", {}),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is missing")
    check = parser.parse_args(arguments).check
    folder = COMPAT / sdk.__version__
    missing = [name for name in WRITERS if not (folder / name).exists()]
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in missing:
            (folder / name).write_bytes(WRITERS[name]())
        print(f"{folder.relative_to(COMPAT.parents[1])}: {len(missing)} of {len(WRITERS)} files written")
    problems = [f"{folder / name}: missing: run scripts/record_compat.py" for name in missing if check]
    problems += [
        f"{file}: no longer read as the value that was written"
        for file in sorted(COMPAT.glob("*/*.pickle"))
        if not reads_as_written(file)
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def errors() -> Iterator[tuple[str, sdk.ConfluenceGroupsError]]:
    """Yield each error with all its attributes."""
    for name in sdk.__all__:
        kind = getattr(sdk, name)
        if isinstance(kind, type) and issubclass(kind, sdk.ConfluenceGroupsError):
            message, details = next(given for base, given in ERRORS.items() if issubclass(kind, base))
            yield name, kind(message, **details)


def reads_as_written(file: Path) -> bool:
    """Check whether a pickle is read as the value that was written."""
    written: Any = PICKLED.get(file.stem)
    read = pickle.loads(file.read_bytes())  # noqa: S301 - our own
    if type(read) is not type(written):
        return False
    if isinstance(written, Exception):
        return read.args == written.args and all(getattr(read, name) == has for name, has in vars(written).items())
    if isinstance(written, sdk.Timeout) and read.total != written.total:  # httpx compares only its own four
        return False
    return bool(read == written)


def write_journal(path: Path) -> None:
    """Write a journal with a line of each kind and one change in doubt."""
    with open_journal(path, PLAN, by=ADMIN, now=NOW) as writing:
        writing.begin()
        writing.intend([ONE, TWO, THREE])
        for result in RESULTS:
            writing.record([result])
        writing.withdraw([THREE])
        writing.intend([THREE])


def file_content(write: Callable[[Path], object]) -> bytes:
    """Return what a function writes into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


PICKLED: Mapping[str, object] = {**VALUES, **dict(errors())}
WRITERS: Mapping[str, Callable[[], bytes]] = {
    **{f"{name}.pickle": partial(pickle.dumps, value, PROTOCOL) for name, value in PICKLED.items()},
    "plan.json": partial(file_content, PLAN.save),
    "journal": partial(file_content, write_journal),
    "tokens.json": partial(file_content, lambda path: sdk.FileTokenStore(path).save(TOKENS)),
    "snapshot": partial(file_content, review_values.SNAPSHOT.save),
    "progress": partial(file_content, review_values.write_progress),
    "decisions.json": partial(file_content, review_values.DECISIONS.save),
    "evidence.zip": partial(file_content, review_values.write_evidence),
}
