"""The report on evidence: whether it is whole, what it shows in numbers, and what is open."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from attrs import asdict, field, frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.text import escape_controls, format_count
from ..decisions.memberships import describe_undecidable
from ..model.decisions import Decision
from ..model.snapshot import Snapshot
from .consistency import parse_time
from .parts import Parts
from .removals import Later, Removal, RemovalState

MAX_NAMED = 20


def _escape_lines(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(escape_controls, lines))


@public
@frozen(kw_only=True)
class EvidenceReport(VersionTolerantPickle):
    """What evidence shows.

    Attributes:
        manifest_hash: the SHA-256 of ``manifest.json``. Stored or signed elsewhere, it reveals any later change.
        site: the site; empty if the evidence cannot be read.
        snapshot: the digest of the snapshot that was reviewed; empty if the evidence cannot be read.
        decisions: the digest of the decisions; empty if the evidence cannot be read.
        plan: the digest of the plan; empty if the evidence cannot be read.
        journal: the hash of the journal's last complete line; None without a journal.
        after: the digest of the later snapshot; None without one.
        counts: the number of memberships by what was decided, and of decided removals by what became of them.
        has_checked_summary: whether ``summary.html`` was compared with the files; False if another version wrote it
            in other words, or jinja2 is not installed.
        problems: what was changed, is missing or contradicts itself, one line each. Evidence with a problem is not
            verified.
        open_points: what the evidence shows to be undecided, not done or not known, one line each.
    """

    manifest_hash: str
    site: str = ""
    snapshot: str = ""
    decisions: str = ""
    plan: str = ""
    journal: str | None = None
    after: str | None = None
    counts: Mapping[str, int] = field(factory=dict)
    has_checked_summary: bool = True
    problems: tuple[str, ...] = field(default=(), converter=_escape_lines)
    open_points: tuple[str, ...] = field(default=(), converter=_escape_lines)

    @property
    def is_verified(self) -> bool:
        """Whether nothing was changed, is missing or contradicts itself."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON objects."""
        lists = {"problems": list(self.problems), "open_points": list(self.open_points)}
        return asdict(self) | {"counts": dict(self.counts), "is_verified": self.is_verified} | lists


def count(parts: Parts, removals: list[Removal]) -> dict[str, int]:
    """Count decisions, and what became of removals."""
    states = Counter(removal.state for removal in removals)
    decided = {decision.value: len(parts.decisions.of(decision)) for decision in Decision}
    undecided = {"undecided": len(parts.decisions.undecided)}
    return decided | undecided | {state.value: states[state] for state in RemovalState if states[state]}


def find_open_points(parts: Parts, removals: list[Removal]) -> list[str]:
    """Return what is undecided, was not done, or is not known."""
    return [*_review(parts), *_runs(parts, removals), *_later(parts, removals)]


def _review(parts: Parts) -> Iterator[str]:
    if undecided := len(parts.decisions.undecided):
        yield f"{format_count(undecided, 'membership')} {'is' if undecided == 1 else 'are'} undecided"
    if own := sum(each.is_own for each in parts.decisions.decided):
        yield f"{format_count(own, 'decision')} about the reviewer's own access, which was allowed"
    yield from describe_undecidable(parts.snapshot)
    yield from _disordered(parts)


def _disordered(parts: Parts) -> Iterator[str]:
    """Yield the times that are out of order: a clock was wrong, or a part was not made when it says."""
    steps = [("end of the snapshot", parts.snapshot.ended_at), ("plan", parts.plan.made_at)]
    if parts.journal:
        steps.append(("first run", parts.journal.state.began_at))
    for (before, early), (after, late) in pairwise(steps):
        if parse_time(late) < parse_time(early):
            yield f"the times are out of order: the {after} is dated {late}, and the {before} {early}"


def _runs(parts: Parts, removals: list[Removal]) -> Iterator[str]:
    if overrides := parts.plan.overrides | dict(parts.journal.state.overrides if parts.journal else {}):
        yield f"guards were overridden: {', '.join(_describe(*each) for each in sorted(overrides.items()))}"
    for state in RemovalState:
        if state is not RemovalState.REMOVED:
            yield from _name("decided removal", state.value, [each for each in removals if each.state is state])
    if parts.journal and (
        left := [each for each in removals if each.state in (RemovalState.IN_DOUBT, RemovalState.NOT_BEGUN)]
    ):
        yield f"the plan was not finished: {len(left)} left; applying it again with the same journal continues it"


def _describe(name: str, value: object) -> str:
    """Describe an option of the guards."""
    return name if value is True else f"{name}={'no limit' if value is None else value}"


def _later(parts: Parts, removals: list[Removal]) -> Iterator[str]:
    made = [each for each in removals if each.state is RemovalState.REMOVED]
    yield from _name(
        "made removal", "which the later snapshot cannot show", [each for each in made if each.later is Later.NOT_SHOWN]
    )
    lost = [each for each in made if each.was_lost]
    them = "it" if len(lost) == 1 else "them"
    yield from _name("made removal", f"whose response was lost, so that somebody else may have made {them}", lost)
    absent = (RemovalState.NOT_A_MEMBER, RemovalState.SKIPPED)
    again = [each for each in removals if each.state in absent and each.later is Later.LISTED]
    yield from _name("decided removal", "not needed before, but listed in the later snapshot", again)
    if parts.after is not None:
        yield from _not_compared(parts.snapshot, parts.after)
        yield from _other_changes(parts.snapshot, parts.after, removals)


def _not_compared(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Yield the groups whose members at the time of the later snapshot are not known."""
    later = {group.id: group for group in after.groups}
    names = [
        group.name
        for group in before.groups
        if not (later[group.id].is_complete if group.id in later else after.selection.all_groups)
    ]
    if names:
        shown = "; ".join(
            [*names[:MAX_NAMED], *([f"and {len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else [])]
        )
        yield (
            f"the later snapshot does not show all members of {format_count(len(names), 'group')} ({shown}), so other "
            f"changes of {'it' if len(names) == 1 else 'them'} are not known"
        )


def _other_changes(before: Snapshot, after: Snapshot, removals: list[Removal]) -> Iterator[str]:
    """Yield the numbers of memberships that differ between the snapshots and that the review did not decide to end."""
    old, new = ({group.id: group for group in each.groups if group.is_complete} for each in (before, after))
    decided: dict[str, set[str]] = {}
    for removal in removals:
        decided.setdefault(removal.decided.group_id, set()).add(removal.decided.account_id)
    joined = left = 0
    for group_id in old.keys() & new.keys():
        was, now = set(old[group_id].members), set(new[group_id].members)
        joined += len(now - was)
        left += len(was - now - decided.get(group_id, set()))
    if joined:
        yield f"new in the later snapshot, and so not reviewed: {format_count(joined, 'membership')}"
    if left:
        yield f"not listed any more, although nobody decided a removal: {format_count(left, 'membership')}"


def _name(noun: str, what: str, removals: list[Removal]) -> Iterator[str]:
    """Yield a line with the number of removals, and the first of them by name."""
    if removals:
        named = [f"{each.user_name or each.decided.account_id} in {each.group_name}" for each in removals[:MAX_NAMED]]
        more = len(removals) - len(named)
        why = f" ({removals[0].why})" if len(removals) == 1 and removals[0].why else ""
        names = f"{'; '.join(named)}{f'; and {more} more' if more else ''}"
        yield f"{format_count(len(removals), noun)}, {what}: {names}{why}"
