"""The lines of a journal, and the state that they describe.

Each line is a JSON object with the SHA-256 of the line before it. The first line names the plan, the site and the
version. Each other line has one of these lists:

- ``intents``: changes whose calls are about to be sent.
- ``results``: what became of changes.
- ``withdrawn``: intents whose calls were not sent.

A change with an intent and neither a result nor a withdrawal is in doubt. The first line also says when the first run
began and who started it; for a later run, the first line that it writes says so (``run``).
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import asdict, define, field

from ..._support.files import read_regular
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.strict_json import ShapeError, StrictObject, canonical_json, parse_strict, sha256
from ..._version import __version__
from ...errors import JournalError
from ..model.changes import Change, Key, Result
from ..model.journal_storage import JournalStorage
from ..model.plan import Plan
from ..model.report import RecordedRun
from ..model.serialization import change_as_json, change_from_json, result_as_json, result_from_json

T = TypeVar("T")
FORMAT = "confluence-groups-journal/1"
NO_HASH = "0" * 64  # in place of the hash before the first line
ITEMS_PER_LINE = 64
BEGINNING = canonical_json({"before": NO_HASH})[:-1]  # the first bytes of every journal, because keys are sorted


@public
@define
class JournalState(VersionTolerantPickle):
    """The state that a journal describes.

    Attributes:
        plan: the plan's digest.
        site: the plan's site.
        began_at: when the first run began, in ISO 8601 (UTC).
        by: the account id of the user who started the first run.
        overrides: the options of the guards that allowed more than the defaults do.
        results: the last result of each change, by group id and account id.
        in_doubt: changes that may have been made: their calls may have been sent, and no response is recorded.
        last_hash: the hash of the last line.
        lines: the number of lines.
        by_name: the name of the user who started the first run; None if the server did not send it.
        later_runs: the later runs that wrote something.
    """

    plan: str
    site: str
    began_at: str
    by: str
    overrides: Mapping[str, Any]
    results: dict[Key, Result] = field(factory=dict)
    in_doubt: dict[Key, Change] = field(factory=dict)
    last_hash: str = NO_HASH
    lines: int = 0
    by_name: str | None = None
    later_runs: list[RecordedRun] = field(factory=list)

    @property
    def runs(self) -> tuple[RecordedRun, ...]:
        """All runs that wrote something, in their order."""
        if not self.lines:
            return ()
        return RecordedRun(began_at=self.began_at, by=self.by, by_name=self.by_name), *self.later_runs

    def add_intents(self, changes: Iterable[Change]) -> None:
        """Note that the calls of these changes may be sent."""
        for change in changes:
            self.in_doubt[change.key] = change

    def add_results(self, results: Iterable[Result]) -> None:
        """Note what became of changes."""
        for result in results:
            self.results[result.change.key] = result
            if not result.in_doubt:
                self.in_doubt.pop(result.change.key, None)

    def withdraw(self, keys: Iterable[Key]) -> None:
        """Note that the calls of these changes were not sent."""
        for key in keys:
            self.in_doubt.pop(key, None)


def header_entry(state: JournalState) -> dict[str, Any]:
    """Return the first line of a journal as an object."""
    header = {name: getattr(state, name) for name in ("plan", "site", "began_at", "by", "by_name")}
    return {"format": FORMAT, "version": __version__, "overrides": dict(state.overrides)} | header


def intents_entry(changes: Iterable[Change]) -> dict[str, Any]:
    """Return the line that says that the calls of these changes are about to be sent."""
    return {"intents": [change_as_json(change) for change in changes]}


def results_entry(results: Iterable[Result]) -> dict[str, Any]:
    """Return the line that says what became of changes."""
    return {"results": [result_as_json(result) for result in results]}


def format_line(entry: Mapping[str, Any], before: str) -> bytes:
    """Format a line, without its end, that follows the line with this hash."""
    return canonical_json({**entry, "before": before})


def format_chain(state: JournalState) -> bytes:
    """Return the lines of a new journal that describe a state, and make the last line the last one of ``state``."""
    lines = []
    before = NO_HASH
    for entry in _entries_for(state):
        lines.append(format_line(entry, before))
        before = sha256(lines[-1])
    state.last_hash, state.lines = before, len(lines)
    return b"".join(line + b"\n" for line in lines)


def _entries_for(state: JournalState) -> Iterator[dict[str, Any]]:
    """Yield the header, the later runs, the results and then the intents.

    The intents come last because a change may be in doubt again after a result.
    """
    yield header_entry(state)
    for run in state.later_runs:
        yield results_entry(()) | {"run": asdict(run)}
    for results in _split(list(state.results.values())):
        yield results_entry(results)
    for changes in _split(list(state.in_doubt.values())):
        yield intents_entry(changes)


def _split(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), ITEMS_PER_LINE):
        yield items[start : start + ITEMS_PER_LINE]


@public
def read_journal(path: str | os.PathLike[str] | JournalStorage, *, expect_hash: str | None = None) -> JournalState:
    """Read a journal and verify each line against the one before; an incomplete last line is ignored.

    Args:
        path: the path of the file, or the journal's storage.
        expect_hash: the hash at the end of the last report on this journal; it reveals cuts, and edits of the last
            line.

    Raises:
        JournalError: the journal cannot be read, is damaged, or does not end with the expected hash.
    """
    state, _ = verify_chain(str(path), read_bytes(path))
    if state is None:
        raise JournalError(f"{path}: this is an empty journal: nothing was applied with it")
    if expect_hash is not None and expect_hash != state.last_hash:
        raise JournalError(
            f"{path}: the journal ends with {state.last_hash}, not with {expect_hash}: it was edited or cut, or "
            "another run has continued it"
        )
    return state


def read_bytes(path: str | os.PathLike[str] | JournalStorage) -> bytes:
    """Read a journal.

    Raises:
        JournalError: the file cannot be read, or is a pipe, a device or a folder.
        ConfluenceGroupsError: the storage cannot be read.
    """
    try:
        return read_regular(path) if isinstance(path, str | os.PathLike) else path.read()
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read ({error.strerror or error})") from None


def verify_chain(name: str, data: bytes) -> tuple[JournalState | None, int]:
    """Verify the complete lines of a journal.

    Args:
        name: the file's name, for messages.
        data: the file's content.

    Returns:
        The state that the lines describe, None if there is no complete line, and the length of these lines in bytes.

    Raises:
        JournalError: a line is damaged.
    """
    length = data.rfind(b"\n") + 1
    state: JournalState | None = None
    for number, line in enumerate(data[:length].split(b"\n")[:-1], 1):
        try:
            state = _read_line(state, line)
        except ShapeError as error:
            raise JournalError(
                f"{name}: line {number} is damaged ({error}): this journal cannot be used. Make a new plan and check "
                "the present members"
            ) from None
        state.last_hash = sha256(line)
        state.lines = number
    return state, length


def check_plan(name: str, state: JournalState, plan: Plan) -> None:
    """Check that a journal is the journal of a plan.

    Raises:
        JournalError: it belongs to another plan or site.
    """
    if state.plan != plan.digest:
        raise JournalError(f"{name}: this is the journal of another plan ({state.plan}): give each plan its own")
    if state.site != plan.site:
        raise JournalError(f"{name}: this is a journal for another site ({state.site})")


class VerifiedOnce:
    """Verifies a journal, and not again while its content is the same: it then returns the same state."""

    def __init__(self) -> None:
        self._digest = b""
        self._verified: tuple[JournalState | None, int] = None, 0

    def verify(self, name: str, data: bytes) -> tuple[JournalState | None, int]:
        """Do the same as `verify_chain`."""
        digest = hashlib.sha256(data).digest()
        if digest != self._digest:
            self._verified = verify_chain(name, data)
            self._digest = digest
        return self._verified


def _read_line(state: JournalState | None, line: bytes) -> JournalState:
    fields = StrictObject(parse_strict(line))
    if fields.digest("before") != (state.last_hash if state else NO_HASH):
        raise ShapeError("it does not follow the line before")
    if state is None:
        state = _read_header(fields)
    else:
        _read_entry(state, fields)
    fields.reject_unknown_keys()
    return state


def _read_header(fields: StrictObject) -> JournalState:
    fields.choice("format", [FORMAT])
    fields.text("version")
    overrides = fields.required("overrides")
    if not isinstance(overrides, dict):
        raise ShapeError("overrides: must be an object")
    plan, site, run = fields.digest("plan"), fields.text("site"), _read_run(fields)
    return JournalState(plan, site, run.began_at, run.by, overrides, by_name=run.by_name)


def _read_run(fields: StrictObject) -> RecordedRun:
    by_name = fields.text_or_none("by_name") if fields.has("by_name") else None
    return RecordedRun(began_at=fields.text("began_at"), by=fields.text("by"), by_name=by_name)


def _read_entry(state: JournalState, fields: StrictObject) -> None:
    if fields.has("run"):
        run = fields.object("run")
        state.later_runs.append(_read_run(run))
        run.reject_unknown_keys()
    kind = fields.only_one_of("intents", "results", "withdrawn")
    items = fields.items(kind)
    if kind == "intents":
        state.add_intents(change_from_json(item, path) for item, path in items)
    elif kind == "results":
        state.add_results(result_from_json(item, path) for item, path in items)
    else:
        state.withdraw(_key_from_json(item, path) for item, path in items)


def _key_from_json(item: Any, path: str) -> Key:
    key = StrictObject({"key": item}, path).string_list("key")
    if len(key) != 2:
        raise ShapeError(f"{path}: must be a group id and an account id")
    return key[0], key[1]
