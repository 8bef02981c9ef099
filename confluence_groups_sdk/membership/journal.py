"""What was to be done and what became of it, on disk before and after: lines, each with the hash of the one before.

A line is a JSON object. The first names the plan, the site and the version. Then come ``intents``, which are on the
disk before their calls are sent; ``results``, grouped as they come; and ``withdrawn``, intents whose calls were never
sent. Whatever has an intent and neither a result nor a withdrawal is in doubt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from .._values import Value
from .._version import __version__
from ..errors import ConfigurationError, JournalError
from ._fields import Fields, ShapeError, canonical, parsed, sha256
from ._files import sync_folder
from .changes import Change, Outcome, Result
from .plan import Plan, change_as_json, change_from_json

FORMAT = "confluence-groups-journal/1"
NOTHING_BEFORE = "0" * 64
BEGINNING = canonical({"before": NOTHING_BEFORE})[:-1]  # of every journal: keys are sorted


@define
class Contents(Value):
    """What a journal says.

    Attributes:
        plan: digest of the plan.
        site: that it is for.
        began_at: when, in ISO 8601 (UTC).
        by: account id of who applied it.
        overrides: options of the guards that allowed more than the defaults do.
        results: the last for each change, by group id and account id.
        in_doubt: changes that may have been made: their calls may have been sent, and no answer is on record.
        last_hash: of its last line.
        lines: how many there are.
    """

    plan: str
    site: str
    began_at: str
    by: str
    overrides: Mapping[str, Any]
    results: dict[tuple[str, str], Result] = field(factory=dict)
    in_doubt: dict[tuple[str, str], Change] = field(factory=dict)
    last_hash: str = NOTHING_BEFORE
    lines: int = 0


class AppendOnly:
    """The file beneath a journal: bytes are put at its end, and brought to the disk when told to.

    Args:
        path: of the file; made for its owner alone where there is none.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115 - see close

    def read(self) -> bytes:
        """Return all of it."""
        self._file.seek(0)
        return self._file.read()

    def append(self, data: bytes) -> None:
        """Put bytes at the end."""
        self._file.seek(0, os.SEEK_END)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def cut(self, length: int) -> None:
        """Take away all after so many bytes."""
        self._file.truncate(length)

    def sync(self) -> None:
        """Return when all of it is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Journal:
    """A journal that is being written; see `opened`."""

    def __init__(self, path: Path, file: AppendOnly | Discarding, contents: Contents) -> None:
        self.contents = contents
        self._path = path
        self._file = file
        self._broken = False

    def begin(self) -> None:
        """Write the first line, if there is none yet, and see that the file is found again after a crash.

        Raises:
            JournalError: it could not be written.
        """
        if self.contents.lines:
            return
        said = self.contents
        header = {"plan": said.plan, "site": said.site, "began_at": said.began_at, "by": said.by}
        self._write({"format": FORMAT, "version": __version__, "overrides": dict(said.overrides)} | header, sync=True)
        self._guarded(lambda: sync_folder(self._path.parent))
        self._broken = False

    def intend(self, changes: Sequence[Change]) -> None:
        """Write that the calls of these changes are about to be sent; when this returns, it is on the disk.

        Raises:
            JournalError: it could not be written: send nothing.
        """
        if changes:
            self._write({"intents": [change_as_json(change) for change in changes]}, sync=True)
            for change in changes:
                _intended(self.contents, change)

    def record(self, results: Sequence[Result]) -> None:
        """Write what became of changes.

        Raises:
            JournalError: it could not be written.
        """
        if results:
            self._write({"results": [result_as_json(result) for result in results]})
            for result in results:
                _finished(self.contents, result)

    def withdraw(self, changes: Sequence[Change]) -> None:
        """Write that the calls of these changes were not sent after all.

        Raises:
            JournalError: it could not be written.
        """
        if changes:
            self._write({"withdrawn": [list(change.key) for change in changes]})
            for change in changes:
                self.contents.in_doubt.pop(change.key, None)

    def sync(self) -> None:
        """Return when all of it is on the disk.

        Raises:
            JournalError: it could not be brought there.
        """
        if not self._broken:
            self._guarded(self._file.sync)
            self._broken = False

    def _write(self, entry: dict[str, Any], *, sync: bool = False) -> None:
        if self._broken:
            raise JournalError(f"{self._path}: an earlier line could not be written, so nothing more is")
        line = canonical(entry | {"before": self.contents.last_hash})

        def put() -> None:
            self._file.append(line + b"\n")
            if sync:
                self._file.sync()

        self._guarded(put)
        self.contents.last_hash = sha256(line)
        self.contents.lines += 1
        self._broken = False

    def _guarded(self, do: Callable[[], object]) -> None:
        """Do it; should it fail or be interrupted, the file may end in half a line, and nothing more is put there."""
        self._broken = True
        try:
            do()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(
                f"{self._path}: the journal cannot be written ({reason}): make room, then resume"
            ) from None


@contextmanager
def opened(path: str | os.PathLike[str], plan: Plan, *, by: str, now: str) -> Iterator[Journal]:
    """Open the journal of a plan for writing, or begin it; nobody else can until it is closed.

    Args:
        path: of the file.
        plan: whose journal it is.
        by: account id of who applies it.
        now: in ISO 8601 (UTC).

    Raises:
        JournalError: it is damaged, of another plan or site, in use, or cannot be written.
        ConfigurationError: filelock is not installed.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise JournalError(f"{path}: a journal must be a file")
    with locked(place):
        try:
            if place.exists() and place.stat().st_nlink > 1:  # the lock goes by the name
                raise JournalError(f"{path}: the journal has a second name (a hard link): remove one of them")
            file = AppendOnly(place)
        except OSError as error:
            raise JournalError(f"{path}: the journal cannot be opened ({error.strerror or error})") from None
        try:
            journal = _continued(place, file, plan, by, now)
            yield journal
            journal.sync()
        finally:
            file.close()


class Discarding:
    """What is beneath a journal that nobody is to find: everything is thrown away."""

    def append(self, data: bytes) -> None:
        """Throw it away."""

    def sync(self) -> None:
        """Return: there is nothing to bring anywhere."""


def unwritten(path: str | os.PathLike[str] | None, plan: Plan, *, by: str, now: str) -> Journal:
    """Return a journal that goes on from the one of a plan, if there is one, and is written nowhere.

    Raises:
        JournalError: it cannot be read, is damaged, or is of another plan or site.
    """
    contents = None
    if path is not None and os.path.lexists(path):
        contents = _verified(str(path), _bytes_of(path))[0]
    if contents is not None:
        _check_belongs(str(path), contents, plan)
    contents = contents or Contents(plan.digest, plan.site, now, by, plan.overrides)
    return Journal(Path(path or os.devnull), Discarding(), contents)


def read_journal(path: str | os.PathLike[str], *, expect_hash: str | None = None) -> Contents:
    """Return what a journal says, each line verified against the one before; an incomplete last line does not count.

    Args:
        path: of the file.
        expect_hash: that the last report on it ended with: shows what was cut off, and an edit of the last line, too.

    Raises:
        JournalError: it cannot be read, is damaged, or does not end as expected.
    """
    contents = _verified(str(path), _bytes_of(path))[0]
    if contents is None:
        raise JournalError(f"{path}: this is an empty journal: nothing was applied with it")
    if expect_hash is not None and expect_hash != contents.last_hash:
        raise JournalError(
            f"{path}: the journal does not end with {expect_hash}, but with {contents.last_hash}: it was edited or "
            "cut, or another run has gone on with it"
        )
    return contents


def _bytes_of(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read ({error.strerror or error})") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep all others from this journal.

    Raises:
        JournalError: somebody else has it.
        ConfigurationError: filelock is not installed.
    """
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError:
        raise ConfigurationError("a journal needs filelock: pip install 'confluence-groups-sdk[files]'") from None
    if not path.parent.is_dir():
        raise JournalError(f"{path}: there is no such folder: make it first")
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


def _continued(place: Path, file: AppendOnly, plan: Plan, by: str, now: str) -> Journal:
    """Return the journal in this file, without an incomplete last line."""
    try:
        data = file.read()
        contents, length = _verified(str(place), data)
        if contents is None and not (data.startswith(BEGINNING) or BEGINNING.startswith(data)):
            raise JournalError(f"{place}: this is no journal, and stays as it is: give the path of a new file")
        if contents is None or (contents.plan, contents.site) == (plan.digest, plan.site):
            file.cut(length)
    except OSError as error:
        raise JournalError(f"{place}: the journal cannot be read ({error.strerror or error})") from None
    if contents is None:
        return Journal(place, file, Contents(plan.digest, plan.site, now, by, plan.overrides))
    _check_belongs(str(place), contents, plan)
    return Journal(place, file, contents)


def _check_belongs(name: str, contents: Contents, plan: Plan) -> None:
    if contents.plan != plan.digest:
        raise JournalError(f"{name}: this is the journal of another plan ({contents.plan}): give each plan its own")
    if contents.site != plan.site:
        raise JournalError(f"{name}: this is a journal for another site ({contents.site})")


def _verified(name: str, data: bytes) -> tuple[Contents | None, int]:
    """Return what the whole lines say, None where there is none, and how many bytes they are."""
    length = data.rfind(b"\n") + 1
    contents: Contents | None = None
    for number, line in enumerate(data[:length].split(b"\n")[:-1], 1):
        try:
            fields = Fields(parsed(line))
            if fields.digest("before") != (contents.last_hash if contents else NOTHING_BEFORE):
                raise ShapeError("it does not follow the line before")
            if contents is None:
                contents = _header(fields)
            else:
                _entry(contents, fields)
            fields.done()
        except ShapeError as error:
            raise JournalError(
                f"{name}: line {number} is damaged ({error}): nothing can be done with this journal; make a new plan, "
                "and look at what is there now"
            ) from None
        contents.last_hash = sha256(line)
        contents.lines = number
    return contents, length


def _header(fields: Fields) -> Contents:
    fields.choice("format", [FORMAT])
    fields.text("version")
    overrides = fields.take("overrides")
    if not isinstance(overrides, dict):
        raise ShapeError("overrides: an object must stand here")
    return Contents(fields.digest("plan"), fields.text("site"), fields.text("began_at"), fields.text("by"), overrides)


def _entry(contents: Contents, fields: Fields) -> None:
    kind = fields.kind("intents", "results", "withdrawn")
    for item, at in fields.items(kind):
        if kind == "intents":
            _intended(contents, change_from_json(item, at))
        elif kind == "results":
            _finished(contents, _result_from_json(item, at))
        else:
            contents.in_doubt.pop(_key(item, at), None)


def _intended(contents: Contents, change: Change) -> None:
    contents.in_doubt[change.key] = change


def _finished(contents: Contents, result: Result) -> None:
    contents.results[result.change.key] = result
    if not result.in_doubt:
        contents.in_doubt.pop(result.change.key, None)


def _key(item: Any, at: str) -> tuple[str, str]:
    key = Fields({"key": item}, at).texts("key")
    if len(key) != 2:
        raise ShapeError(f"{at}: a group id and an account id must stand here")
    return key[0], key[1]


RESULT_TEXTS = ("error", "error_type", "request_id")
RESULT_FLAGS = ("settled", "final")


def result_as_json(result: Result) -> dict[str, Any]:
    said = {name: getattr(result, name) for name in (*RESULT_TEXTS, *RESULT_FLAGS)}
    return {"change": change_as_json(result.change), "outcome": result.outcome.value} | said


def _result_from_json(value: Any, at: str) -> Result:
    fields = Fields(value, at)
    result = Result(
        change=change_from_json(fields.take("change"), fields.place("change")),
        outcome=Outcome(fields.choice("outcome", [outcome.value for outcome in Outcome])),
        error=fields.text_or_none("error"),
        error_type=fields.text_or_none("error_type"),
        request_id=fields.text_or_none("request_id"),
        settled=fields.flag("settled"),
        final=fields.flag("final"),
    )
    fields.done()
    return result
