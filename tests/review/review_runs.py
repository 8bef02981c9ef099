"""A review on the sandbox, from the snapshot to the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from review_fakes import Row, csv_bytes, rows_of, save

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.membership import Guards, Plan, apply
from confluence_groups_sdk.review import (
    Decisions,
    EvidenceReport,
    Snapshot,
    plan_decisions,
    read_decisions,
    take_snapshot,
    write_evidence,
)
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

TEAM, OTHER = "team-id", "other-id"
GROUPS = (TEAM, OTHER)
GUARDS = Guards()
QUICK = RetryPolicy(max_retries=6, first_delay=0.001, max_delay=0.002)


def prepare(sandbox: Sandbox, number: int = 12) -> list[str]:
    """Add two groups with this number of people to the site, and return their account ids."""
    ids = [f"id-{each:03d}" for each in range(number)]
    for each in ids:
        sandbox.directory.add_person(Person(each, f"P {each}", f"{each}@example.com"))
    sandbox.directory.add_group(Group(TEAM, "Team"), ids)
    sandbox.directory.add_group(Group(OTHER, "Other"), ids[:3])
    return ids


def members(sandbox: Sandbox, group_id: str) -> list[str]:
    return [person.account_id for person in sandbox.directory.members(group_id)]


def connect(sandbox: Sandbox, **options: Any) -> ConfluenceGroups:
    return ConfluenceGroups(sandbox.url, **{"auth": ApiToken(*sandbox.admin), "retry": QUICK, **options})


@frozen(kw_only=True)
class Review:
    """The files of a review."""

    folder: Path
    snapshot: Snapshot
    sheets: list[Path]
    decisions: Decisions
    plan: Plan
    journal: Path
    after: Snapshot | None = None

    def write(self, name: str = "evidence.zip", **changes: Any) -> EvidenceReport:
        """Write the evidence, with other parts if they are given."""
        parts: dict[str, Any] = {
            "snapshot": self.snapshot,
            "sheets": self.sheets,
            "plan": self.plan,
            "journal": self.journal,
            "after": self.after,
        }
        return write_evidence(self.folder / name, **(parts | changes))

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence.zip"


def decide(ids: list[str]) -> dict[tuple[str, str], Mapping[str, str]]:
    """Decide about every membership: two are removed from the team, one is an exception."""
    decided: dict[tuple[str, str], Mapping[str, str]] = {(TEAM, each): {"decision": "keep"} for each in ids}
    decided |= {(OTHER, each): {"decision": "keep"} for each in ids[:3]}
    decided[TEAM, ids[0]] = {"decision": "remove", "comment": "left"}
    decided[TEAM, ids[1]] = {"decision": "remove"}
    decided[OTHER, ids[2]] = {"decision": "exception", "until": "2099-12-31", "reviewer": "Otto"}
    return decided


def plan_review(
    client: ConfluenceGroups, folder: Path, decided: Mapping[tuple[str, str], Mapping[str, str]], **options: Any
) -> Review:
    """Take a snapshot, return a sheet for each group, and plan the decided removals."""
    taken = take_snapshot(client, groups=GROUPS)
    rows = rows_of(taken, decided)
    sheets = [_save_sheet(folder, group_id, rows) for group_id in GROUPS]
    decisions = read_decisions(taken, sheets, **options)
    plan = plan_decisions(client, taken, decisions, guards=GUARDS)
    return Review(
        folder=folder, snapshot=taken, sheets=sheets, decisions=decisions, plan=plan, journal=folder / "journal"
    )


def _save_sheet(folder: Path, group_id: str, rows: list[Row]) -> Path:
    return save(folder, f"returned/{group_id}.csv", csv_bytes(row for row in rows if row["group_id"] == group_id))


def finish(client: ConfluenceGroups, review: Review) -> Review:
    """Apply the plan, and take a later snapshot."""
    apply(client, review.plan, journal=review.journal)
    return evolve(review, after=take_snapshot(client, groups=GROUPS))
