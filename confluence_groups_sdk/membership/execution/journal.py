"""The journal of a plan: a record on disk of what is about to be sent and of what became of it.

A change's intent is on disk before its call is sent, so a crash never hides a change that was made; see
`journal_format`. Only one process can use a journal at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import asdict

from ..._support.atomic_file import sync_folder
from ..._support.public import public
from ..._support.strict_json import canonical_json, sha256
from ..._version import __version__
from ...errors import ConfigurationError, JournalError
from ..model.changes import Change, Key, Result
from ..model.plan import Plan
from ..model.report import RecordedRun
from ..model.serialization import change_as_json, result_as_json
from .append_only_file import AppendOnly, NullFile
from .journal_format import BEGINNING, FORMAT, JournalState, verify_chain


class Journal:
    """An open journal, on disk or, for a rehearsal, in memory; see `open_journal` and `open_read_only`.

    Attributes:
        state: the state that the journal describes, kept up to date with each line that is written.
        earlier_runs: the runs that the journal recorded before it was opened.
        new_results: the last result of each change that was recorded since the journal was opened.
    """

    def __init__(
        self, path: Path, file: AppendOnly | NullFile, state: JournalState, run: RecordedRun | None = None
    ) -> None:
        self.state = state
        self.earlier_runs = state.runs
        self.new_results: dict[Key, Result] = {}
        self._unrecorded_run = run if state.lines else None  # the first line names the first run
        self._path = path
        self._file = file
        self._broken = False

    def begin(self) -> None:
        """Write the first line if the journal is empty, and make sure that the file survives a crash.

        Raises:
            JournalError: the line cannot be written.
        """
        state = self.state
        if state.lines:
            return
        header = {name: getattr(state, name) for name in ("plan", "site", "began_at", "by", "by_name")}
        self._write({"format": FORMAT, "version": __version__, "overrides": dict(state.overrides)} | header, sync=True)
        self._write_or_break(lambda: sync_folder(self._path.parent))

    def intend(self, changes: Sequence[Change]) -> None:
        """Record that the calls of these changes are about to be sent; afterwards the record is on disk.

        Raises:
            JournalError: the record cannot be written; the calls must not be sent.
        """
        if changes:
            self._write({"intents": [change_as_json(change) for change in changes]}, sync=True)
            self.state.add_intents(changes)

    def record(self, results: Sequence[Result]) -> None:
        """Record what became of changes.

        Raises:
            JournalError: the record cannot be written.
        """
        if results:
            self._write({"results": [result_as_json(result) for result in results]})
            self.state.add_results(results)
            self.new_results |= {result.change.key: result for result in results}

    def withdraw(self, changes: Sequence[Change]) -> None:
        """Record that the calls of these changes were not sent.

        Raises:
            JournalError: the record cannot be written.
        """
        if changes:
            keys = [change.key for change in changes]
            self._write({"withdrawn": [list(key) for key in keys]})
            self.state.withdraw(keys)

    def sync(self) -> None:
        """Wait until all records are on disk.

        Raises:
            JournalError: the records cannot be written.
        """
        if not self._broken:
            self._write_or_break(self._file.sync)

    def _write(self, entry: dict[str, Any], *, sync: bool = False) -> None:
        if self._broken:
            raise JournalError(f"{self._path}: an earlier line could not be written, so the journal accepts no more")
        run = self._unrecorded_run
        named = entry | {"run": asdict(run)} if run else entry
        line = canonical_json(named | {"before": self.state.last_hash})

        def append() -> None:
            self._file.append(line + b"\n")
            if sync:
                self._file.sync()
            self.state.last_hash = sha256(line)
            self.state.lines += 1
            if run:
                self.state.later_runs.append(run)
                self._unrecorded_run = None

        self._write_or_break(append)

    def _write_or_break(self, write: Callable[[], object]) -> None:
        """Call a function that writes.

        If it fails or is interrupted, the file may end in half a line, and `state` may not match it: write no more.

        Raises:
            JournalError: the function failed.
        """
        self._broken = True
        try:
            write()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(
                f"{self._path}: the journal cannot be written ({reason}): free some disk space, then resume"
            ) from None
        self._broken = False


@contextmanager
def open_journal(
    path: str | os.PathLike[str], plan: Plan, *, by: str, now: str, by_name: str | None = None
) -> Iterator[Journal]:
    """Open the journal of a plan for writing, or create it; other processes cannot use it until it is closed.

    Args:
        path: the path of the file.
        plan: the plan of the journal.
        by: the account id of the user who applies the plan.
        now: the present time in ISO 8601 (UTC).
        by_name: the user's name; None if it is unknown.

    Raises:
        JournalError: the journal is damaged, belongs to another plan or site, is in use, or cannot be written.
        ConfigurationError: filelock is not installed.
    """
    target = Path(os.path.realpath(path))
    _check_kind(target, path)
    with locked(target):
        try:
            _check_only_name(target, path)
            file = AppendOnly(target)
        except OSError as error:
            raise JournalError(f"{path}: the journal cannot be opened ({error.strerror or error})") from None
        try:
            journal = _resume(target, file, plan, RecordedRun(began_at=now, by=by, by_name=by_name))
            yield journal
            journal.sync()
        finally:
            file.close()


def open_read_only(path: str | os.PathLike[str] | None, plan: Plan) -> Journal:
    """Return a journal that continues the journal of a plan, if there is one, and is not written to disk.

    Args:
        path: the path of the journal; None for none.
        plan: the plan of the journal.

    Raises:
        JournalError: the journal cannot be read, is damaged, or belongs to another plan or site.
    """
    state = None
    if path is not None and os.path.lexists(path):
        _check_kind(Path(path), path)
        _check_only_name(Path(path), path)
        state, _ = verify_chain(str(path), _read_bytes(path))
    if state is None:
        state = JournalState(plan.digest, plan.site, "", "", plan.overrides)
    _check_plan(str(path), state, plan)
    return Journal(Path(path or os.devnull), NullFile(), state)


@public
def read_journal(path: str | os.PathLike[str], *, expect_hash: str | None = None) -> JournalState:
    """Read a journal and verify each line against the one before; an incomplete last line is ignored.

    Args:
        path: the path of the file.
        expect_hash: the hash at the end of the last report on this journal; it reveals cuts, and edits of the last
            line.

    Raises:
        JournalError: the journal cannot be read, is damaged, or does not end with the expected hash.
    """
    state, _ = verify_chain(str(path), _read_bytes(path))
    if state is None:
        raise JournalError(f"{path}: this is an empty journal: nothing was applied with it")
    if expect_hash is not None and expect_hash != state.last_hash:
        raise JournalError(
            f"{path}: the journal ends with {state.last_hash}, not with {expect_hash}: it was edited or cut, or "
            "another run has continued it"
        )
    return state


def _check_kind(target: Path, path: str | os.PathLike[str]) -> None:
    if os.path.exists(target) and not os.path.isfile(target):
        raise JournalError(f"{path}: a journal must be a file")


def _check_only_name(target: Path, path: str | os.PathLike[str]) -> None:
    if os.path.isfile(target) and target.stat().st_nlink > 1:  # the lock protects one name only
        raise JournalError(f"{path}: the journal has a second name (a hard link): remove one of them")


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read ({error.strerror or error})") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a journal against other processes.

    Raises:
        JournalError: another process has locked it, or the lock cannot be created.
        ConfigurationError: filelock is not installed.
    """
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError:
        raise ConfigurationError("a journal needs filelock: pip install 'confluence-groups-sdk[files]'") from None
    if not path.parent.is_dir():
        raise JournalError(f"{path}: the folder does not exist: create it first")
    lock = FileLock(f"{path}.lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise JournalError(f"{path}: another process is using this journal: wait for it, or end it") from None
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be locked ({error.strerror or error})") from None
    try:
        yield
    finally:
        lock.release()


def _resume(path: Path, file: AppendOnly, plan: Plan, run: RecordedRun) -> Journal:
    """Return the journal in this file without its incomplete last line; never change a file of another kind."""
    try:
        data = file.read()
        state, length = verify_chain(str(path), data)
        if state is None:
            if not (data.startswith(BEGINNING) or BEGINNING.startswith(data)):
                raise JournalError(f"{path}: this is not a journal and stays unchanged: give the path of a new file")
            state = JournalState(plan.digest, plan.site, run.began_at, run.by, plan.overrides, by_name=run.by_name)
        _check_plan(str(path), state, plan)
        file.cut(length)
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read ({error.strerror or error})") from None
    return Journal(path, file, state, run)


def _check_plan(name: str, state: JournalState, plan: Plan) -> None:
    if state.plan != plan.digest:
        raise JournalError(f"{name}: this is the journal of another plan ({state.plan}): give each plan its own")
    if state.site != plan.site:
        raise JournalError(f"{name}: this is a journal for another site ({state.site})")
