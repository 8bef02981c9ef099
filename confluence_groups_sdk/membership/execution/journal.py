"""The journal of a plan: a record of what is about to be sent and of what became of it, in a file or a storage.

A change's intent is durable before its call is sent, so a crash never hides a change that was made; see
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
from ..model.journal_storage import JournalStorage
from ..model.plan import Plan
from ..model.report import RecordedRun
from .append_only_file import AppendOnly, NullFile, StorageLostError, StoredLines, write_beside
from .journal_format import (
    BEGINNING,
    JournalState,
    check_plan,
    format_chain,
    format_line,
    header_entry,
    intents_entry,
    results_entry,
    verify_chain,
)
from .locks import check_only_name, lock_journal, lock_plan

Verify = Callable[[str, bytes], tuple[JournalState | None, int]]
Lines = AppendOnly | StoredLines
FILE_ADVICE = "apply the plan with it to go on, or undo it"
NO_JOURNAL_ADVICE = "compare the members with the plan, or make a new plan"
STORAGE_ADVICE = "to go on, apply the plan with the same journal as before, which checks the changes in doubt"


class Journal:
    """An open journal, durable or, for a rehearsal, in memory; see `open_journal`.

    Before each write and at the end, the journal checks that its file is still as it left it. If the file was deleted,
    replaced or changed, or the storage is lost, the journal writes all that it knows to a new file, calls ``on_loss``
    and goes on in the new file, so that calls in flight are recorded too; `finish` then raises.

    Attributes:
        state: the state that the journal describes, kept up to date with each line that is written.
        earlier_runs: the runs that the journal recorded before it was opened.
        new_results: the last result of each change that was recorded since the journal was opened.
        on_loss, on_results: are called when the file was lost, which must stop the run, and with recorded results.
    """

    def __init__(
        self,
        path: Path,
        file: Lines | NullFile,
        state: JournalState,
        run: RecordedRun | None = None,
        name: str | None = None,
    ) -> None:
        self.state = state
        self.earlier_runs = state.runs
        self.new_results: dict[Key, Result] = {}
        self._unrecorded_run = run if state.lines else None  # the first line names the first run
        self.on_loss: Callable[[], object] = lambda: None
        self.on_results: Callable[[Sequence[Result]], object] = lambda _results: None
        self._path = path
        self._name = name or str(path)
        self._file = file
        self._is_stored = isinstance(file, StoredLines)
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
            raise self._unused_error(damage)
        self._write(header_entry(self.state), sync=True)
        if not self._is_stored:
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
            self.on_results(results)

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
        try:
            self._write_or_break(self._file.sync)
        except StorageLostError:
            self._go_on_in_file()
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
            raise JournalError(f"{self._name}: an earlier line could not be written, so the journal accepts no more")
        self._recover_if_lost()
        run = self._unrecorded_run
        line = format_line(entry | {"run": asdict(run)} if run else entry, self.state.last_hash)

        write = self._file.append_synced if sync else self._file.append

        def append() -> None:
            write(line + b"\n")
            self.state.last_hash = sha256(line)
            self.state.lines += 1
            if run:
                self.state.later_runs.append(run)
                self._unrecorded_run = None

        try:
            self._write_or_break(append)
        except StorageLostError:
            self._go_on_in_file()
            self._write(entry)

    def _go_on_in_file(self) -> None:
        """Go on in a new file, because the storage is lost; fail if nothing was recorded before."""
        if not self.state.lines:
            raise self._unused_error(self._file.find_damage()) from None
        self._broken = False
        self._recover_if_lost()

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
            advice = "remove the cause" if self._is_stored else "free some disk space"
            raise JournalError(
                f"{self._name}: the journal cannot be written ({reason}): {advice}, then resume"
            ) from None
        self._broken = False

    def _recover_if_lost(self, *, read: bool = False) -> None:
        """If something has happened to the file, write all that is known to a new file, and go on in that file."""
        damage = self._file.find_damage(read=read)
        if not damage and not (self._broken and self._losses):
            return
        if damage and not self._broken:
            self._losses.append(f"{self._name}: the journal {damage} while the plan was applied")
        self._broken = True
        self.on_loss()
        try:
            file = write_beside(self._path, format_chain(self.state))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(
                f"{'; '.join(self._losses)}. The run stopped, and no new journal can be written ({reason}): "
                f"{STORAGE_ADVICE if self._is_stored else NO_JOURNAL_ADVICE}"
            ) from None
        self._file.close()
        self._path, self._name, self._file, self._broken = file.path, str(file.path), file, False
        logger.error("%s. The run stops; the new journal is %s", self._losses[-1], self._path)

    def _unused_error(self, damage: str | None) -> JournalError:
        return JournalError(f"{self._name}: the journal {damage}, and nothing was sent: apply the plan again")

    def _loss_error(self) -> JournalError:
        advice = STORAGE_ADVICE if self._is_stored else FILE_ADVICE
        error = JournalError(
            f"{'; '.join(self._losses)}. The run stopped. What was done is recorded in a new journal, {self._path}: "
            f"{advice}"
        )
        error.recovered = str(self._path)
        return error


@contextmanager
def open_journal(
    journal: str | os.PathLike[str] | JournalStorage,
    plan: Plan,
    *,
    by: str,
    now: str,
    by_name: str | None = None,
    verify: Verify = verify_chain,
) -> Iterator[Journal]:
    """Open the journal of a plan for writing, or create it; other processes cannot use it until it is closed.

    Args:
        journal: the path of the file, or the storage.
        plan: the plan of the journal.
        by: the account id of the user who applies the plan.
        now: the present time in ISO 8601 (UTC).
        by_name: the user's name; None if it is unknown.
        verify: verifies the content.

    Raises:
        JournalError: the journal is damaged, belongs to another plan or site, is in use, or cannot be written.
        ConfigurationError: filelock is not installed.
    """
    run = RecordedRun(began_at=now, by=by, by_name=by_name)
    with _lock_and_open(journal, plan) as (path, lines):
        name = str(path if isinstance(lines, AppendOnly) else journal)
        opened = Journal(path, lines, _read_state(name, lines, plan, run, verify), run, name)
        try:
            yield opened
            opened.finish()
        except BaseException as error:
            opened.finish_after(error)
            raise
        finally:
            opened.close()


@contextmanager
def _lock_and_open(journal: str | os.PathLike[str] | JournalStorage, plan: Plan) -> Iterator[tuple[Path, Lines]]:
    """Lock and open the lines of a journal; the path is the file's, or names the new file if the storage is lost."""
    if not isinstance(journal, str | os.PathLike):
        with journal.lock():
            yield Path(f"plan-{plan.digest[:12]}.journal"), StoredLines(journal)
        return
    target = Path(os.path.realpath(journal))
    with lock_journal(target), lock_plan(plan.digest, target):
        check_only_name(journal)
        try:
            file = AppendOnly(target)
        except OSError as error:
            raise JournalError(f"{journal}: the journal cannot be opened ({error.strerror or error})") from None
        try:
            yield target, file
        finally:
            file.close()


def _read_state(name: str, file: Lines, plan: Plan, run: RecordedRun, verify: Verify) -> JournalState:
    """Read the state of a journal and cut its incomplete last line; never change a file of another kind."""
    try:
        data = file.read()
        state, length = verify(name, data)
        if state is None:
            if not (data.startswith(BEGINNING) or BEGINNING.startswith(data)):
                raise JournalError(f"{name}: this is not a journal and stays unchanged: give the path of a new file")
            state = JournalState(plan.digest, plan.site, run.began_at, run.by, plan.overrides, by_name=run.by_name)
        check_plan(name, state, plan)
        file.cut(length)
    except OSError as error:
        raise JournalError(f"{name}: the journal cannot be read ({error.strerror or error})") from None
    return state
