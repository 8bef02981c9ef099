"""Whether the parts of evidence belong together: each check yields problems, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from ..._support.text import format_count
from ...errors import InputError
from ...membership import Action, Change
from ..decisions.planning import SHORT_DIGEST, reason_of
from ..decisions.reading import parse_decisions
from ..model.decisions import Decision, Decisions, Key
from ..model.snapshot import Snapshot
from ..sheets.rows import snapshot_day
from .parts import AFTER, DECISIONS, JOURNAL, PLAN, SHEETS, Parts
from .removals import Later, Removal, RemovalState

EARLY = datetime.min.replace(tzinfo=UTC)


def find_contradictions(parts: Parts) -> list[str]:
    """Return what shows that the parts are not those of one review."""
    return [*_decisions(parts), *_plan(parts), *_journal(parts), *_after(parts)]


def find_failures(parts: Parts, removals: list[Removal]) -> list[str]:
    """Return where the later snapshot does not confirm the removals in the journal."""
    listed = [each for each in removals if each.state is RemovalState.REMOVED and each.later is Later.LISTED]
    return [*map(_describe_listed, listed), *_late_reading(parts, removals)]


def _describe_listed(removal: Removal) -> str:
    account_id = removal.decided.account_id
    member = f"{removal.user_name} ({account_id})" if removal.user_name else account_id
    return (
        f"{AFTER}: {member} is still in {removal.group_name}, although the journal says removed: take another later "
        "snapshot, or find out who added them again"
    )


def read_again(parts: Parts) -> Decisions:
    """Read the decisions in the sheets again. Exceptions count that had not ended on the day of the snapshot.

    Raises:
        InputError: a sheet cannot be used.
    """
    return parse_decisions(
        parts.snapshot,
        parts.sheets,
        allow_own_access=parts.decisions.allow_own_access,
        today=snapshot_day(parts.snapshot),
    )


def _decisions(parts: Parts) -> Iterator[str]:
    if parts.decisions.snapshot != parts.snapshot.digest:
        yield f"{DECISIONS}: they are about another snapshot ({parts.decisions.snapshot})"
        return
    if parts.decisions.site != parts.snapshot.site:
        yield f"{DECISIONS}: they are of another site ({parts.decisions.site})"
    try:
        again = read_again(parts)
    except InputError as error:
        yield from (f"{SHEETS}{problem}" for problem in error.problems)
        return
    if again == parts.decisions:
        return
    yield f"{DECISIONS}: they are not the decisions in the sheets"
    for name in sorted({*again.sheets, *parts.decisions.sheets}):
        if again.sheets.get(name) != parts.decisions.sheets.get(name):
            yield f"{SHEETS}{name}: this is not the sheet that the decisions were read from"
    differing = {each.key for each in {*again.decided} ^ {*parts.decisions.decided}}
    yield from (
        f"{DECISIONS}: the decision differs from the sheets: {_name(parts.snapshot, key)}" for key in sorted(differing)
    )


def _plan(parts: Parts) -> Iterator[str]:
    plan, decisions = parts.plan, parts.decisions
    if plan.site != parts.snapshot.site:
        yield f"{PLAN}: it is for another site: it is for {plan.site}, and the snapshot is of {parts.snapshot.site}"
    changes = [*plan.changes, *(each.change for each in (*plan.refused, *plan.skipped))]
    yield from (f"{PLAN}: the plan adds a member: {change}" for change in changes if change.action is not Action.REMOVE)
    planned = Counter(change.key for change in changes)
    decided = {each.key: reason_of(each) for each in decisions.of(Decision.REMOVE)}
    for key in sorted(each for each, number in planned.items() if number > 1):
        yield f"{PLAN}: the removal occurs twice: {_name(parts.snapshot, key)}"
    for change in changes:
        if change.key in decided and change.reason != decided[change.key]:
            yield f"{PLAN}: the reason is not the decision in the sheets: {_name(parts.snapshot, change.key)}"
    for key in sorted(planned.keys() - decided.keys()):
        yield f"{PLAN}: nobody decided this removal: {_name(parts.snapshot, key)}"
    for key in sorted(decided.keys() - planned.keys()):
        yield f"{PLAN}: a decided removal is missing: {_name(parts.snapshot, key)}"
    for what, digest in (("snapshot", decisions.snapshot), ("decisions", decisions.digest)):
        if digest[:SHORT_DIGEST] not in plan.asked:
            yield f"{PLAN}: it was not made from the {what} {digest[:SHORT_DIGEST]}"


def _journal(parts: Parts) -> Iterator[str]:
    if parts.journal is None:
        if parts.plan.changes:
            yield f"{JOURNAL}: it is missing, although the plan has {format_count(len(parts.plan.changes), 'change')}"
        return
    state = parts.journal.state
    if state.plan != parts.plan.digest:
        yield f"{JOURNAL}: it is of another plan ({state.plan}), not of {parts.plan.digest}"
        return
    if state.site != parts.plan.site:
        yield f"{JOURNAL}: it is of another site ({state.site})"
    planned = {change.key: change for change in parts.plan.changes}
    recorded: list[Change] = [*state.in_doubt.values(), *(result.change for result in state.results.values())]
    for change in recorded:
        if planned.get(change.key) != change:
            yield f"{JOURNAL}: it records a change that the plan does not have: {change}"


def _after(parts: Parts) -> Iterator[str]:
    if parts.after is None:
        if parts.plan.changes:
            yield f"{AFTER}: a later snapshot is missing, although the plan has changes"
    elif parts.after.site != parts.snapshot.site:
        yield f"{AFTER}: it is of another site ({parts.after.site}), not of {parts.snapshot.site}"
    elif parts.after.digest == parts.snapshot.digest:
        yield f"{AFTER}: it is the snapshot that was reviewed, and not a later one"
    elif parse_time(parts.after.ended_at) < parse_time(parts.snapshot.ended_at):
        yield f"{AFTER}: it was taken before the snapshot that was reviewed"


def _late_reading(parts: Parts, removals: list[Removal]) -> Iterator[str]:
    """Yield the groups that the later snapshot read before the last run began.

    A journal says when its runs began, and not when they ended.
    """
    if parts.journal is None or parts.after is None:
        return
    began_at = max((run.began_at for run in parts.journal.state.runs), key=parse_time)
    made = {each.decided.group_id for each in removals if each.state is RemovalState.REMOVED}
    later = {group.id: group.read_at for group in parts.after.groups}
    for group in parts.snapshot.groups:
        read_at = later.get(group.id, parts.after.started_at)  # a group may be missing in the list of all groups
        if group.id not in made or parse_time(read_at) >= parse_time(began_at):
            continue
        yield (
            f"{AFTER}: the members of {group.name} were read on {read_at}, before the run that began on "
            f"{began_at}: take another later snapshot"
        )


def parse_time(text: str) -> datetime:
    """Return a time; one that is malformed counts as very early."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return EARLY
    return time if time.tzinfo else EARLY


def _name(snapshot: Snapshot, key: Key) -> str:
    group, user = snapshot.group(key[0]), snapshot.users.get(key[1])
    member = f"{user.name} ({key[1]})" if user and user.name else key[1]
    return f"{member} in {group.name if group else key[0]}"
