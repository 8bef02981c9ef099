"""The summary in the evidence: one HTML page for the auditor, which begins with what is not as decided."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._support.html_page import Card, Cell, Column, RowGroup, Table, render_page
from ..evidence.parts import Parts
from ..evidence.removals import Later, Removal, RemovalState, list_removals
from ..evidence.report import EvidenceReport
from ..model.decisions import DecidedMembership, Decision, Key
from ..model.sheet_row import UNKNOWN_ACCESS
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import ADMIN_ACCESS, SnapshotGroup
from .parts import format_time, limit_entries

FOLDER = __package__ or __name__
MAX_UNDECIDED = 1000  # rows on the page; the file of decisions has all of them

STATE_TONES = {
    RemovalState.REMOVED.value: "good",
    RemovalState.REFUSED.value: "warn",
    RemovalState.FAILED.value: "bad",
    RemovalState.IN_DOUBT.value: "bad",
    RemovalState.NOT_BEGUN.value: "bad",
}
LATER_TONES = {Later.NOT_LISTED.value: "good", Later.NO_GROUP.value: "good", Later.NOT_SHOWN.value: "warn"}
ACCESS_TONES = {**dict.fromkeys(ADMIN_ACCESS, "bad"), UNKNOWN_ACCESS: "warn"}
MEMBER, ACCOUNT_ID = Column("member", "Member", "name"), Column("account_id", "Account id", "id")
REVIEWER, COMMENT = Column("reviewer", "Reviewer", "email"), Column("comment", "Comment")
REMOVALS = (
    MEMBER,
    Column("state", "What was done", "badges", STATE_TONES),
    Column("later", "Later snapshot", "badges", LATER_TONES),
    REVIEWER,
    COMMENT,
    Column("why", "Why, and request id"),
    ACCOUNT_ID,
)
EXCEPTIONS = (MEMBER, Column("until", "Until"), REVIEWER, COMMENT, ACCOUNT_ID)
OWN = (MEMBER, Column("decision", "Decision", "badges"), REVIEWER, COMMENT, ACCOUNT_ID)
UNDECIDED = (MEMBER, ACCOUNT_ID)
DECISION_COUNTS = tuple(Column(each.value, each.value.capitalize(), "number") for each in Decision)
REVIEWERS = (
    Column("reviewer", "Reviewer", "name"),
    *DECISION_COUNTS,
    Column("own", "Own access", "number"),
    Column("sheets", "Sheets"),
)
GROUPS = (
    Column("group", "Group", "name"),
    Column("access", "Access", "badges", ACCESS_TONES),
    Column("members", "Members", "number"),
    *DECISION_COUNTS,
    Column("undecided", "Undecided", "number"),
    Column("removed", "Removed", "number"),
)
FILES = (Column("name", "File", "name"), Column("size", "Bytes", "number"), Column("digest", "SHA-256", "id"))
LOST = "the response was lost, so that somebody else may have made it"

EXTRACT = "unzip -p evidence.zip manifest.json > manifest.json"
SIGN = "openssl dgst -sha256 -sign private.pem -out manifest.json.sig manifest.json"
CHECK_SIGNATURE = "openssl dgst -sha256 -verify public.pem -signature manifest.json.sig manifest.json"
ASK_FOR_TIMESTAMP = "openssl ts -query -data manifest.json -sha256 -cert -out manifest.tsq"
SEND_REQUEST = (
    'curl -H "Content-Type: application/timestamp-query" --data-binary @manifest.tsq -o manifest.tsr https://AUTHORITY'
)
CHECK_TIMESTAMP = "openssl ts -verify -data manifest.json -in manifest.tsr -CAfile tsa-root.pem"
LIMITS = (
    "A hash is neither a signature nor a timestamp: somebody who changes the evidence can compute all hashes again.",
    "Reviewers are texts in the sheets: nothing proves who typed them.",
    "A journal records when each run began, and not when it ended or when each call was sent.",
    "The later snapshot shows who was listed when it read each group, and nothing before or after that.",
)


def render_summary(parts: Parts, report: EvidenceReport, files: Mapping[str, tuple[str, int]]) -> str:
    """Render the summary as a complete HTML document.

    Args:
        parts: the parts of the evidence.
        report: what they show.
        files: SHA-256 and size of the other files, by name.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    removals = list_removals(parts)
    names = _Names(parts.snapshot)
    exceptions = parts.decisions.of(Decision.EXCEPTION)
    undecided = parts.decisions.undecided
    return render_page(
        "evidence_page.html.j2",
        title=f"Evidence of an access review of {report.site}",
        folder=FOLDER,
        extra="review",
        facts_of_review=_facts(parts),
        cards=_cards(report, removals),
        problems=report.problems,
        open_points=report.open_points,
        removed=sum(removal.state is RemovalState.REMOVED for removal in removals),
        digests=_digests(report),
        removals=Table.of(REMOVALS, names.by_group((each.decided.key, _removal_row(each)) for each in removals)),
        exceptions=Table.of(EXCEPTIONS, names.by_group((each.key, _decided_row(each)) for each in exceptions)),
        own=Table.of(
            OWN, names.by_group((each.key, _decided_row(each)) for each in parts.decisions.decided if each.is_own)
        ),
        undecided=Table.of(UNDECIDED, names.by_group((key, {}) for key in undecided[:MAX_UNDECIDED])),
        undecided_total=len(undecided),
        reviewers=Table.of(REVIEWERS, [RowGroup(_reviewer_rows(parts.decisions.decided))]),
        groups=Table.of(GROUPS, [RowGroup(_group_rows(parts, removals))]),
        files=Table.of(FILES, [RowGroup([_file_row(name, *files[name]) for name in sorted(files)])]),
        commands={
            "extract": EXTRACT,
            "sign": SIGN,
            "check_signature": CHECK_SIGNATURE,
            "ask": ASK_FOR_TIMESTAMP,
            "send": SEND_REQUEST,
            "check_timestamp": CHECK_TIMESTAMP,
        },
        sources=[*LIMITS, *limit_entries(parts.snapshot)],
    )


def _facts(parts: Parts) -> list[tuple[str, str]]:
    snapshot, plan, after = parts.snapshot, parts.plan, parts.after
    runs = parts.journal.state.runs if parts.journal else ()
    return [
        ("Groups", str(snapshot.selection)),
        ("Snapshot", f"{_period(snapshot)} by {_user(snapshot.taken_by_name, snapshot.taken_by)}"),
        ("Sheets", f"{len(parts.sheets):,}"),
        ("Plan", f"{format_time(plan.made_at)} by {_user(plan.made_by_name, plan.made_by)}"),
        (
            "Applied",
            "; ".join(f"{format_time(run.began_at)} by {_user(run.by_name, run.by)}" for run in runs) or "not applied",
        ),
        ("Later snapshot", f"{_period(after)} by {_user(after.taken_by_name, after.taken_by)}" if after else "none"),
    ]


def _period(snapshot: Snapshot) -> str:
    return f"{format_time(snapshot.started_at)} to {format_time(snapshot.ended_at)}"


def _user(name: str | None, account_id: str) -> str:
    return f"{name} ({account_id})" if name else account_id


def _cards(report: EvidenceReport, removals: Sequence[Removal]) -> list[Card]:
    """Return the totals; those of trouble are left out if they are 0."""
    counts = Counter(report.counts)
    memberships = sum(counts[each.value] for each in Decision) + counts["undecided"]
    cards = [
        Card(memberships, "memberships", "", "groups"),
        Card(counts[Decision.KEEP.value], "keep", "", "groups"),
        Card(counts[Decision.REMOVE.value], "decided removals", "", "removals"),
        Card(counts[RemovalState.REMOVED.value], "removed", "good", "removals"),
        Card(counts[Decision.EXCEPTION.value], "exceptions", "", "exceptions"),
        Card(counts["undecided"], "undecided", "bad" if counts["undecided"] else "good", "undecided"),
    ]
    tones = {**STATE_TONES, RemovalState.NOT_A_MEMBER: "", RemovalState.SKIPPED: ""}
    states = [state for state in RemovalState if state is not RemovalState.REMOVED and counts[state.value]]
    cards += [Card(counts[state.value], state.value, tones[state], "removals") for state in states]
    listed = sum(removal.later is Later.LISTED for removal in removals)
    return [*cards, *([Card(listed, "still listed later", "warn", "removals")] if listed else [])]


def _digests(report: EvidenceReport) -> list[tuple[str, str]]:
    digests = [
        ("Snapshot", report.snapshot),
        ("Decisions", report.decisions),
        ("Plan", report.plan),
        ("Journal, last line", report.journal),
        ("Later snapshot", report.after),
    ]
    return [(name, digest) for name, digest in digests if digest]


class _Names:
    """Puts rows under their groups, with the names of members."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._groups = {group.id: group for group in snapshot.groups}
        self._users = snapshot.users

    def by_group(self, rows: Iterable[tuple[Key, dict[str, Any]]]) -> list[RowGroup]:
        """Group rows by the group of their memberships, in the order of the groups' names."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (group_id, account_id), row in rows:
            user = self._users[account_id]
            member = Cell(user.name or "(no name)", note=user.email or "")
            found[group_id].append({"member": member, "account_id": account_id} | row)
        groups = sorted(
            (self._groups[group_id] for group_id in found), key=lambda group: (group.name.casefold(), group.id)
        )
        return [
            RowGroup(
                found[group.id],
                group.name,
                group.id,
                badges=[(each, ACCESS_TONES.get(each, "")) for each in _access(group)],
            )
            for group in groups
        ]


def _access(group: SnapshotGroup) -> list[str]:
    return [UNKNOWN_ACCESS] if group.access is None else sorted(group.access)


def _decided_row(decided: DecidedMembership) -> dict[str, Any]:
    return {
        "decision": decided.decision.value,
        "until": decided.until.isoformat() if decided.until else None,
        "reviewer": Cell(decided.reviewer, note=_place(decided)),
        "comment": decided.comment,
    }


def _place(decided: DecidedMembership) -> str:
    return f"{decided.sheet}, {'line' if decided.sheet.lower().endswith('.csv') else 'row'} {decided.line}"


def _removal_row(removal: Removal) -> dict[str, Any]:
    is_contradiction = removal.state is RemovalState.REMOVED and removal.later is Later.LISTED
    lost = LOST if removal.was_lost else None
    why = "; ".join(filter(None, [removal.why, lost, removal.later_why]))
    reason = Cell(why, note=removal.request_id or "") if why or removal.request_id else None
    later: str | Cell = Cell(removal.later.value, tone="bad") if is_contradiction else removal.later.value
    row = {"state": removal.state.value, "later": later, "why": reason}
    return _decided_row(removal.decided) | row


def _reviewer_rows(decided: Iterable[DecidedMembership]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    sheets: dict[str, dict[str, None]] = defaultdict(dict)
    for each in decided:
        counts[each.reviewer].update([each.decision.value, *(["own"] if each.is_own else [])])
        sheets[each.reviewer][each.sheet] = None
    names = sorted(counts, key=lambda name: (name.casefold(), name))
    return [{"reviewer": name, **counts[name], "sheets": ", ".join(sheets[name])} for name in names]


def _group_rows(parts: Parts, removals: Iterable[Removal]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for decided in parts.decisions.decided:
        counts[decided.group_id][decided.decision.value] += 1
    for group_id, _ in parts.decisions.undecided:
        counts[group_id]["undecided"] += 1
    for removal in removals:
        counts[removal.decided.group_id]["removed"] += removal.state is RemovalState.REMOVED
    groups = sorted(parts.snapshot.groups, key=lambda group: (group.name.casefold(), group.id))
    return [
        {
            "group": Cell(
                group.name, note=group.id if group.is_complete else f"{group.id}; incomplete: {group.known_by}"
            ),
            "access": _access(group),
            "members": len(group.members),
            **{name: number for name, number in counts[group.id].items() if number},
        }
        for group in groups
    ]


def _file_row(name: str, digest: str, size: int) -> dict[str, Any]:
    return {"name": name, "size": size, "digest": digest}
