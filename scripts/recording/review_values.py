"""The values and files of access reviews that are recorded: a small review, from its snapshot to the evidence."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from attrs import evolve

from confluence_groups_sdk import membership, review
from confluence_groups_sdk._support.strict_json import sha256
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.review.decisions.planning import describe_request
from confluence_groups_sdk.review.taking.progress_file import Beginning, open_progress

STARTED_AT, ENDED_AT = "2026-11-25T08:00:00Z", "2026-11-25T08:00:09Z"
PLANNED_AT, BEGAN_AT, LATER = "2026-11-26T08:00:00Z", "2026-11-27T08:00:00Z", "2026-11-28T08:00:00Z"
REVIEWER = "rita@example.com"
SHEET = "rita.csv"

DAGNY = review.SnapshotUser(
    account_id="712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44",
    name="Dagný Jónsdóttir",
    email="dagny@example.com",
    account_type="atlassian",
    is_guest=False,
    status="active",
)
LEAVER = evolve(DAGNY, account_id="one", name="Ólafur", email="olafur@example.com", is_guest=True)
APP = review.SnapshotUser(account_id="two", name="=Robot", account_type="app")
EDITORS = review.SnapshotGroup(
    id="c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90",
    name="docs-editors",
    type="group",
    managed_by="ADMINS",
    access=("admin", "user"),
    members=(DAGNY.account_id, LEAVER.account_id, APP.account_id),
    known_by="the server's count is the number of listed members",
    read_at=STARTED_AT,
    stated_total=4,
    unidentified=1,
)
UNREAD = review.SnapshotGroup(
    id="d0", name="alumni", access=None, is_complete=False, known_by="403 Forbidden", read_at=ENDED_AT
)
SELECTION = review.Selection(all_groups=False, access=("admin",), group_ids=(UNREAD.id,))
LIMIT = review.Limit(text="Deactivated members are not listed.", source="docs/confluence-behaviour.md#users")
SNAPSHOT = review.Snapshot(
    site="your-domain.atlassian.net",
    taken_by=DAGNY.account_id,
    taken_by_name=DAGNY.name,
    started_at=STARTED_AT,
    ended_at=ENDED_AT,
    calls=7,
    points=15,
    selection=SELECTION,
    groups=(EDITORS, UNREAD),
    users={each.account_id: each for each in (DAGNY, LEAVER, APP)},
    limits=(LIMIT,),
)
AFTER = evolve(
    SNAPSHOT,
    started_at=LATER,
    ended_at=LATER,
    groups=(
        evolve(EDITORS, members=(DAGNY.account_id, APP.account_id), stated_total=2, unidentified=0, read_at=LATER),
        evolve(UNREAD, read_at=LATER),
    ),
    users={each.account_id: each for each in (DAGNY, APP)},
    digest="",
)
BEGINNING = Beginning(
    site=SNAPSHOT.site,
    taken_by=SNAPSHOT.taken_by,
    taken_by_name=SNAPSHOT.taken_by_name,
    started_at=SNAPSHOT.started_at,
    selection=SELECTION,
)
ROW = review.SheetRow(
    group_id=EDITORS.id,
    group=EDITORS.name,
    account_id=LEAVER.account_id,
    name="Ólafur",
    email="olafur@example.com",
    account_type="atlassian, guest",
    status="active",
    access="admin, user",
    decision="remove",
    reviewer=REVIEWER,
    comment="has left",
    snapshot=SNAPSHOT.digest,
)
SHEET_CONTENT = f"""\
group_id,group,account_id,name,email,account_type,status,access,decision,until,reviewer,comment,snapshot
{EDITORS.id},docs-editors,{DAGNY.account_id},Dagný Jónsdóttir,dagny@example.com,atlassian,active,"admin, user",\
exception,2027-03-31,{REVIEWER},until the move,{SNAPSHOT.digest}
{EDITORS.id},docs-editors,one,Ólafur,olafur@example.com,"atlassian, guest",active,"admin, user",\
remove,,{REVIEWER},has left,{SNAPSHOT.digest}
{EDITORS.id},docs-editors,two,'=Robot,,app,,"admin, user",,,,,{SNAPSHOT.digest}
""".encode()
REMOVAL = review.DecidedMembership(
    group_id=EDITORS.id,
    account_id=LEAVER.account_id,
    decision=review.Decision.REMOVE,
    reviewer=REVIEWER,
    comment="has left",
    sheet=SHEET,
    line=3,
)
EXCEPTION = evolve(
    REMOVAL,
    account_id=DAGNY.account_id,
    decision=review.Decision.EXCEPTION,
    until=date(2027, 3, 31),
    comment="until the move",
    line=2,
)
DECISIONS = review.Decisions(
    snapshot=SNAPSHOT.digest,
    site=SNAPSHOT.site,
    sheets={SHEET: sha256(SHEET_CONTENT)},
    decided=(EXCEPTION, REMOVAL),
    undecided=((EDITORS.id, APP.account_id),),
)
CHANGE = membership.Change(
    action=membership.Action.REMOVE,
    group_id=EDITORS.id,
    group_name=EDITORS.name,
    account_id=LEAVER.account_id,
    display_name=LEAVER.name,
    account_type=LEAVER.account_type,
    reason=f"access review: removed by {REVIEWER}: has left",
)
PLANNED = membership.PlannedGroup(
    id=EDITORS.id, name=EDITORS.name, access=EDITORS.access, managed_by="ADMINS", members=3, others=2, digest="0" * 64
)
PLAN = membership.Plan(
    site=SNAPSHOT.site,
    made_at=PLANNED_AT,
    made_by=DAGNY.account_id,
    asked=describe_request(DECISIONS),
    groups=(PLANNED,),
    changes=(CHANGE,),
    estimate=membership.Estimate(calls=3, points=7, minutes=0.02),  # as recorded; later versions estimate otherwise
)
DIFFERENCE = review.Difference(
    kind=review.DifferenceKind.RENAMED_GROUP,
    group_id=EDITORS.id,
    group="editors",
    access=EDITORS.access,
    before=EDITORS.name,
    after="editors",
)
NOT_COMPARED = review.NotCompared(group_id=UNREAD.id, group=UNREAD.name, why=UNREAD.known_by, is_failure=True)
REVIEW_VALUES: Mapping[str, Any] = {
    "DecidedMembership": evolve(EXCEPTION, is_own=True),
    "Decision": review.Decision.EXCEPTION,
    "Decisions": DECISIONS,
    "Difference": DIFFERENCE,
    "DifferenceKind": DIFFERENCE.kind,
    "DifferenceRow": review.DifferenceRow(
        change="left",
        group_id=EDITORS.id,
        group=EDITORS.name,
        account_id=LEAVER.account_id,
        name=LEAVER.name,
        email=LEAVER.email,
        access="admin, user",
        before="docs-editors",
        after="editors",
        note="403 Forbidden",
    ),
    "EvidenceReport": review.EvidenceReport(
        manifest_hash="2" * 64,
        site=SNAPSHOT.site,
        snapshot=SNAPSHOT.digest,
        decisions=DECISIONS.digest,
        plan="3" * 64,
        journal="1" * 64,
        after=AFTER.digest,
        counts={"keep": 0, "remove": 1, "exception": 1, "undecided": 1, "removed": 1},
        problems=("plan.json: the file is missing",),
        open_points=("1 membership is undecided",),
    ),
    "Limit": LIMIT,
    "NotCompared": NOT_COMPARED,
    "ReviewerMap": review.ReviewerMap(
        groups={EDITORS.id: REVIEWER},
        users={APP.account_id: "ada@example.com"},
        memberships={(EDITORS.id, LEAVER.account_id): "Ada Okafor"},
        notes=("line 3: the snapshot has no group writers",),
    ),
    "Selection": SELECTION,
    "SheetFormat": review.SheetFormat.HTML,
    "SheetRow": evolve(ROW, until="2027-03-31"),
    "Snapshot": SNAPSHOT,
    "SnapshotDiff": review.SnapshotDiff(
        before=SNAPSHOT, after=AFTER, differences=(DIFFERENCE,), not_compared=(NOT_COMPARED,)
    ),
    "SnapshotGroup": EDITORS,
    "SnapshotUser": DAGNY,
}


def write_progress(path: Path) -> None:
    """Write the progress file of a run that read one group, failed, and was continued."""
    with open_progress(path, BEGINNING) as progress:
        progress.record(EDITORS, SNAPSHOT.users, calls=4, points=9)
        progress.record_calls(5, 11)
    with open_progress(path, BEGINNING) as progress:
        progress.record(UNREAD, {}, calls=SNAPSHOT.calls, points=SNAPSHOT.points)


def write_evidence(path: Path) -> None:
    """Write the evidence of a review with one removal, which was made."""
    with tempfile.TemporaryDirectory() as folder:
        sheet, journal = Path(folder, SHEET), Path(folder, "journal")
        sheet.write_bytes(SHEET_CONTENT)
        with open_journal(journal, PLAN, by=DAGNY.account_id, now=BEGAN_AT) as writing:
            writing.begin()
            writing.intend([CHANGE])
            writing.record([membership.Result(change=CHANGE, outcome=membership.Outcome.REMOVED, request_id="r-1")])
        review.write_evidence(
            path, snapshot=SNAPSHOT, sheets=[sheet], decisions=DECISIONS, plan=PLAN, journal=journal, after=AFTER
        )
