"""What a sheet says about itself: its snapshot, how to fill it in, and what the snapshot cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from ..._support.text import format_count
from ..model.sheet_row import SheetRow
from ..model.snapshot import Snapshot

MAX_GROUPS = 50  # incomplete groups that are named
HOW_TO = (
    ("your task", "Each row is one person in one group. Decide for each whether the person stays in the group."),
    (
        "decision",
        "keep: the person still needs the group. remove: the person leaves it. exception: the person stays until "
        "a date. Rows without a decision stay undecided.",
    ),
    ("until", "Enter the last day of an exception, such as 2027-03-31. Leave it empty for keep and remove."),
    ("reviewer", "Enter your name or e-mail, unless it is there already."),
    ("your own access", "Leave the decision empty where you are the person: somebody else must decide."),
    ("comment", "Say why, if it is not obvious. The comment becomes part of the evidence."),
    ("other columns", "Do not change them, and keep all rows and columns. Sheets with other edits are refused."),
    ("sorting", "The rows can be filtered. They cannot be sorted, because the sheet is protected."),
    ("returning", "Save as .xlsx (or CSV UTF-8), and send the file back."),
)


@frozen
class Part:
    """A part of the text: a title, and lines of a name and a text."""

    title: str
    lines: Sequence[tuple[str, str]]


@frozen
class About:
    """What a sheet says about itself."""

    title: str
    parts: Sequence[Part]


def describe_sheet(
    snapshot: Snapshot, rows: Sequence[SheetRow], *, reviewer: str = "", only: Sequence[str] = ()
) -> About:
    """Describe a sheet for its reader.

    Args:
        snapshot: the snapshot.
        rows: the rows of the sheet.
        reviewer: who gets the sheet; empty for everybody.
        only: the conditions by which the rows were chosen.
    """
    facts = [
        ("Site", snapshot.site),
        ("Rows", format_count(len(rows), "membership")),
        ("Chosen by", ", ".join(only)),
        ("Reviewer", reviewer),
        ("Groups", str(snapshot.selection)),
        ("Taken", f"from {snapshot.started_at} to {snapshot.ended_at}"),
        (
            "Taken by",
            f"{snapshot.taken_by_name} ({snapshot.taken_by})" if snapshot.taken_by_name else snapshot.taken_by,
        ),
        ("Snapshot (SHA-256)", snapshot.digest),
    ]
    parts = [
        Part("How to fill in this sheet", HOW_TO),
        Part("Snapshot", [(name, text) for name, text in facts if text]),
        Part("Groups that are not complete", list(describe_incomplete(snapshot))),
        Part(
            "What the snapshot cannot show",
            [
                (str(number), f"{each.text} Source: {each.source} of confluence-groups-sdk")
                for number, each in enumerate(snapshot.limits, 1)
            ],
        ),
    ]
    return About(f"Access review of {snapshot.site}", [part for part in parts if part.lines])


def describe_incomplete(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the groups whose members are not all known, and why; at most `MAX_GROUPS`, and the number of the others."""
    incomplete = [group for group in snapshot.groups if not group.is_complete or group.unidentified]
    for group in incomplete[:MAX_GROUPS]:
        why = [] if group.is_complete else [f"not all members are known: {group.known_by}"]
        if group.unidentified:
            why.append(f"{format_count(group.unidentified, 'member')} without an account id")
        yield group.name, "; ".join(why)
    if (more := len(incomplete) - MAX_GROUPS) > 0:
        yield "and more", format_count(more, "other group")
