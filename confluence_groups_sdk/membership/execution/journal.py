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

from ..._support.files import sync_folder
from ..._support.log import logger
from ..._support.strict_json import sha256
from ...errors import JournalError
from ..model.changes import Change, Key, Result
from ..model.plan import Plan
from ..model.report import RecordedRun
from .append_only_file import AppendOnly, NullFile, write_beside
from .journal_format import (
    BEGINNING,
    JournalState,
    format_chain,
    format_line,
    header_entry,
    intents_entry,
    read_bytes,
    results_entry,
    verify_chain,
)
from .locks import lock_journal, lock_plan

Verify = Callable[[str, bytes], tuple[JournalState | None, int]]


class Journal:
    """An open journal, on disk or, for a rehearsal, in memory; see `open_journal` and `open_read_only`.

    Before each write and at the end, the journal checks that its file is still as it left it. If the file was deleted,
    replaced or changed, the journal writes all that it knows to a new file, calls ``on_loss`` and goes on in the new
    file, so that calls in flight are recorded too; `finish` then raises.

    Attributes:
        state: the state that the journal describes, kept up to date with each line that is written.
        earlier_runs: the runs that the journal recorded before it was opened.
        new_results: the last result of each change that was recorded since the journal was opened.
        on_loss: is called when the file was lost; it must stop the run.
    """

    def __init__(
        self, path: Path, file: AppendOnly | NullFile, state: JournalState, run: RecordedRun | None = None
    ) -> None:
        self.state = state
        self.earlier_runs = state.runs
        self.new_results: dict[Key, Result] = {}
        self._unrecorded_run = run if state.lines else None  # the first line names the first run
        self.on_loss: Callable[[], object] = lambda: None
        self._path = path
        self._file = file
        self._broken = False
        self._intends = False  # changes may have been sent since the journal was opened
        self._losses: list[str] = []  # what happened to each file that was lost, in words

    def begin(self) -> None:
        """Write the first line if the journal is empty, and make sure that the file survives a crash.

        Raises:
            JournalError: the line cannot be written.
        """
        if self.state.lines:
            return
        if damage := self._file.find_damage():
            raise JournalError(f"{self._path}: the journal {damage}, and nothing was sent: apply the plan again")
        self._write(header_entry(self.state), sync=True)
        self._write_or_break(lambda: sync_folder(self._path.parent))

    def intend(self, changes: Sequence[Change]) -> None:
        """Record that the calls of these changes are about to be sent; afterwards the record is on disk.

        Raises:
            JournalError: the record cannot be written; the calls must not be sent.
        """
        if changes:
            self._write(intents_entry(changes), sync=True)
            self.state.add_intents(changes)
            self._intends = True

    def record(self, results: Sequence[Result]) -> None:
        """Record what became of changes.

        Raises:
            JournalError: the record cannot be written.
        """
        if results:
            self._write(results_entry(results))
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

    def finish(self) -> None:
        """Wait until all records are on disk, and check that they are where they should be.

        Raises:
            JournalError: the records cannot be written, or the file was lost and a new file has them.
        """
        if self._broken:
            return
        self._recover_if_lost(read=True)
        self._write_or_break(self._file.sync)
        if self._losses:
            raise self._loss_error()

    def finish_after(self, error: BaseException) -> None:
        """Check, after an error that ended the run, that the records are where they should be; if not, add a note."""
        if isinstance(error, JournalError):
            error.changes_sent = self._intends
        if self._broken and not self._losses:
            return
        try:
            if self.state.lines:
                self._recover_if_lost(read=True)
        except JournalError as unrecovered:
            note = str(unrecovered)
        else:
            note = str(self._loss_error()) if self._losses else ""
        if note and note != str(error):
            error.add_note(note)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, entry: dict[str, Any], *, sync: bool = False) -> None:
        if self._broken:
            raise JournalError(f"{self._path}: an earlier line could not be written, so the journal accepts no more")
        self._recover_if_lost()
        run = self._unrecorded_run
        line = format_line(entry | {"run": asdict(run)} if run else entry, self.state.last_hash)

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

    def _recover_if_lost(self, *, read: bool = False) -> None:
        """If something has happened to the file, write all that is known to a new file, and go on in that file.

        Raises:
            JournalError: no new file can be written.
        """
        damage = self._file.find_damage(read=read)
        if not damage and not (self._broken and self._losses):
            return
        if damage and not self._broken:
            self._losses.append(f"{self._path}: the journal {damage} while the plan was applied")
        self._broken = True
        self.on_loss()
        try:
            file = write_beside(self._path, format_chain(self.state))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(
                f"{'; '.join(self._losses)}. The run stopped, and no new journal can be written ({reason}): compare "
                "the members with the plan, or make a new plan"
            ) from None
        self._file.close()
        self._path, self._file, self._broken = file.path, file, False
        logger.error("%s. The run stops; the new journal is %s", self._losses[-1], self._path)

    def _loss_error(self) -> JournalError:
        error = JournalError(
            f"{'; '.join(self._losses)}. The run stopped. What was done is recorded in a new journal, {self._path}: "
            "apply the plan with it to go on, or undo it"
        )
        error.recovered = str(self._path)
        return error


@contextmanager
def open_journal(
    path: str | os.PathLike[str],
    plan: Plan,
    *,
    by: str,
    now: str,
    by_name: str | None = None,
    verify: Verify = verify_chain,
) -> Iterator[Journal]:
    """Open the journal of a plan for writing, or create it; other processes cannot use it until it is closed.

    Args:
        path: the path of the file.
        plan: the plan of the journal.
        by: the account id of the user who applies the plan.
        now: the present time in ISO 8601 (UTC).
        by_name: the user's name; None if it is unknown.
        verify: verifies the content.

    Raises:
        JournalError: the journal is damaged, belongs to another plan or site, is in use, or cannot be written.
        ConfigurationError: filelock is not installed.
    """
    target = Path(os.path.realpath(path))
    with lock_journal(target), lock_plan(plan.digest, target):
        try:
            _check_only_name(target, path)
            file = AppendOnly(target)
        except OSError as error:
            raise JournalError(f"{path}: the journal cannot be opened ({error.strerror or error})") from None
        try:
            journal = _resume(target, file, plan, RecordedRun(began_at=now, by=by, by_name=by_name), verify)
        except BaseException:
            file.close()
            raise
        try:
            yield journal
            journal.finish()
        except BaseException as error:
            journal.finish_after(error)
            raise
        finally:
            journal.close()


def open_read_only(path: str | os.PathLike[str] | None, plan: Plan, verify: Verify = verify_chain) -> Journal:
    """Return a journal that continues the journal of a plan, if there is one, and is not written to disk.

    Args:
        path: the path of the journal; None for none.
        plan: the plan of the journal.
        verify: verifies the content.

    Raises:
        JournalError: the journal cannot be read, is damaged, or belongs to another plan or site.
    """
    state = None
    if path is not None and os.path.lexists(path):
        _check_only_name(Path(path), path)
        state, _ = verify(str(path), read_bytes(path))
    if state is None:
        state = JournalState(plan.digest, plan.site, "", "", plan.overrides)
    _check_plan(str(path), state, plan)
    return Journal(Path(path or os.devnull), NullFile(), state)


def _check_only_name(target: Path, path: str | os.PathLike[str]) -> None:
    if os.path.isfile(target) and target.stat().st_nlink > 1:  # the lock protects one name only
        raise JournalError(f"{path}: the journal has a second name (a hard link): remove one of them")


def _resume(path: Path, file: AppendOnly, plan: Plan, run: RecordedRun, verify: Verify) -> Journal:
    """Return the journal in this file without its incomplete last line; never change a file of another kind."""
    try:
        data = file.read()
        state, length = verify(str(path), data)
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
