"""This version reads files of older versions, and later versions read files of this one."""

from __future__ import annotations

import enum
import pickle
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve
from recording import record_compat, review_values

import confluence_groups_sdk as sdk
from confluence_groups_sdk import membership, review
from confluence_groups_sdk.membership import Plan, read_journal
from confluence_groups_sdk.membership.execution.journal import open_journal
from confluence_groups_sdk.review.evidence import verifying
from confluence_groups_sdk.review.taking.progress_file import open_progress

PACKAGE = Path(sdk.__file__).parent
COMPAT = Path(__file__).parent / "compat"
VERSIONS = sorted(folder for folder in COMPAT.iterdir() if folder.is_dir())
FILES = [file for folder in VERSIONS for file in sorted(folder.glob("*.pickle"))]


def test_this_version_is_recorded() -> None:
    assert COMPAT / sdk.__version__ in VERSIONS
    assert {file.name for file in (COMPAT / sdk.__version__).iterdir()} == set(record_compat.WRITERS)


def test_every_public_value_and_error_is_recorded() -> None:
    public = {name: getattr(module, name) for module in (sdk, membership, review) for name in dir(module)}
    kinds = {name: kind for name, kind in public.items() if isinstance(kind, type) and not name.startswith("_")}
    values = {
        name
        for name, kind in kinds.items()
        if attrs.has(kind) or issubclass(kind, tuple | enum.Enum | sdk.ConfluenceGroupsError)
    }
    assert values - {"ApiToken", "BearerToken", "OAuth2", "Tokens"} <= set(record_compat.PICKLED)  # these are secrets


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
def test_recorded_pickle_gives_the_original_value(file: Path) -> None:
    assert record_compat.reads_as_written(file)


def test_no_file_contains_a_path_of_the_machine() -> None:
    places = [str(place).encode() for place in (COMPAT.parents[1], Path.home() / "", tempfile.gettempdir())]
    for name, write in record_compat.WRITERS.items():
        assert not [place for place in places if place in write()], name


def test_timeout_is_pickled_by_its_own_parts() -> None:
    revive, (kind, parts) = record_compat.VALUES["Timeout"].__reduce__()
    assert parts == {"connect": 1.5, "read": 9.0, "write": 9.0, "pool": None, "total": 77.0}
    del parts["total"]
    again = revive(kind, parts)
    assert (again.as_dict(), again.total) == (parts, sdk.Timeout().total)


@pytest.mark.parametrize("folder", VERSIONS, ids=[folder.name for folder in VERSIONS])
def test_recorded_plans_journals_and_tokens_are_read(folder: Path, tmp_path: Path) -> None:
    plan = Plan.load(folder / "plan.json")
    assert plan == record_compat.PLAN
    contents = read_journal(folder / "journal")
    assert evolve(contents, last_hash=record_compat.JOURNAL_STATE.last_hash) == record_compat.JOURNAL_STATE
    journal, tokens = tmp_path / "journal", tmp_path / "tokens.json"
    shutil.copy(folder / "journal", journal)
    with open_journal(journal, plan, by="somebody", now=record_compat.NOW) as resumed:
        resumed.withdraw([record_compat.THREE])
    assert read_journal(journal).in_doubt == {}
    shutil.copy(folder / "tokens.json", tokens)
    tokens.chmod(0o600)
    assert sdk.FileTokenStore(tokens).load() == record_compat.TOKENS


@pytest.mark.parametrize("folder", VERSIONS, ids=[folder.name for folder in VERSIONS])
def test_recorded_reviews_are_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = review_values.SNAPSHOT
    assert review.Snapshot.load(folder / "snapshot") == taken
    assert review.Decisions.load(folder / "decisions.json") == review_values.DECISIONS
    shutil.copy(folder / "progress", tmp_path / "progress")
    with open_progress(tmp_path / "progress", review_values.BEGINNING) as progress:
        state = progress.state
        assert (state.beginning, state.users) == (review_values.BEGINNING, taken.users)
        assert (tuple(state.groups.values()), state.calls, state.points) == (taken.groups, taken.calls, taken.points)
    monkeypatch.setattr(verifying, "__version__", "9.9.9")  # only the version that wrote a summary writes it alike
    report = review.verify_evidence(folder / "evidence.zip")
    assert report.is_verified
    assert (report.snapshot, report.decisions) == (taken.digest, review_values.DECISIONS.digest)
    assert (report.plan, report.after) == (review_values.PLAN.digest, review_values.AFTER.digest)
    assert report.counts == {"keep": 0, "remove": 1, "exception": 1, "undecided": 1, "removed": 1}
    assert [point for point in report.open_points if "summary.html was not compared" in point]


def test_the_recorded_review_is_one_that_could_have_happened(tmp_path: Path) -> None:
    sheet = tmp_path / review_values.SHEET
    sheet.write_bytes(review_values.SHEET_CONTENT)
    read = review.read_decisions(review_values.SNAPSHOT, [sheet], today=date(2026, 11, 25))
    assert read == review_values.DECISIONS
    review_values.write_evidence(tmp_path / "evidence.zip")
    assert review.verify_evidence(tmp_path / "evidence.zip").is_verified


@pytest.mark.parametrize("name", sorted(set(record_compat.WRITERS) - {"journal", "tokens.json"}))
def test_recording_gives_the_same_bytes_each_time(name: str) -> None:
    assert record_compat.WRITERS[name]() == record_compat.WRITERS[name]()


def test_unreadable_recording_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tests" / "compat"
    folder.mkdir(parents=True)
    monkeypatch.setattr(record_compat, "COMPAT", folder)
    assert record_compat.main(["--check"]) == 1
    assert list(folder.iterdir()) == []
    assert record_compat.main([]) == 0
    assert record_compat.main(["--check"]) == 0
    written = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    others: dict[str, object] = {
        "GoneError": sdk.ConflictError("404 Not Found", status_code=404, **record_compat.DETAILS),
        "NotFoundError": sdk.NotFoundError("404 Not Found", status_code=404),
        "Timeout": sdk.Timeout(9.0, connect=1.5, pool=None, total=78.0),
        "User": evolve(record_compat.USER, locale="de_DE"),
    }
    changed = {name: folder / sdk.__version__ / f"{name}.pickle" for name in others}
    for name, file in changed.items():
        file.write_bytes(pickle.dumps(others[name]))
        written[file] = file.stat().st_mtime_ns
    capsys.readouterr()
    for arguments in (["--check"], []):
        assert record_compat.main(arguments) == 1
        named = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()]
        assert named == [str(file) for file in changed.values()]
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == written


# --- a later version

LATER = (  # file, after what, what is added
    ("models.py", "    locale: str | None = None\n", "    pronouns: str = 'unsaid'\n"),
    ("_core/limits/retry_policy.py", "class RetryPolicy(VersionTolerantPickle):\n", "    budget: float = 9.5\n"),
    ("membership/model/changes.py", "    overridden: tuple[str, ...] = ()\n", "    ticket: str = 'none'\n"),
    ("membership/planning/rows/row.py", "    names: tuple[str, ...] = ()\n", "    sheet: str = 'first'\n"),
    ("review/model/snapshot_parts.py", "    status: str | None = None\n", "    nickname: str = 'none'\n"),
    ("review/model/decisions.py", "    is_own: bool = False\n", "    role: str = 'reviewer'\n"),
    ("errors.py", "MappingProxyType({})\n", "    hint: str = 'no hint'\n"),
    ("errors.py", "        self.summary = summary\n", "        self.hint = 'a hint'\n"),
    ("_version.py", "", "__version__ = '9.9.9'\n"),
)

READ = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
import confluence_groups_sdk as sdk
assert sdk.__version__ == "9.9.9"
def read(name):
    return pickle.loads((Path({folder!r}) / f"{{name}}.pickle").read_bytes())
user, policy, change, row = map(read, ("User", "RetryPolicy", "Change", "Row"))
assert (user.pronouns, policy.budget, change.ticket, row.sheet) == ("unsaid", 9.5, "none", "first")
assert "pronouns='unsaid'" in repr(user) and hash(user) and user == type(user)(**{{
    name: getattr(user, name) for name in type(user).__slots__ if name != "__weakref__"}})
assert read("Plan").changes[0].ticket == "none"
assert [each.nickname for each in read("Snapshot").users.values()] == ["none"] * 3
assert read("DecidedMembership").role == "reviewer"
error = read("NotFoundError")
assert error.hint == "no hint" and error.status_code == 404 and str(error)
from recording import record_compat
odd = [file.stem for file in Path({folder!r}).glob("*.pickle") if not record_compat.reads_as_written(file)]
hinted = {{name for name, error in record_compat.errors() if isinstance(error, sdk.APIError)}}
digests = {{"Plan", "Report", "JournalState", "Decisions", "EvidenceReport"}}  # tickets and roles change them
assert set(odd) == {{*digests, *hinted}}, odd
Path("later").mkdir()
written = {{"User": user, "RetryPolicy": policy, "Change": change, "NotFoundError": error}}
written["Snapshot"] = read("Snapshot")
for name, value in written.items():
    Path("later", f"{{name}}.pickle").write_bytes(pickle.dumps(value))
"""


@pytest.fixture
def later_version(tmp_path: Path) -> Path:
    """Return a folder with a version of the package that has more fields."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, after, added in LATER:
        file = tmp_path / PACKAGE.name / name
        text = file.read_text(encoding="utf-8")
        assert not after or text.count(after) == 1, (name, after)
        before, found, rest = text.partition(after) if after else (text, "", "")
        file.write_text(before + found + added + rest, encoding="utf-8")
    return tmp_path


def test_later_version_with_more_fields_exchanges_files_with_this_one(later_version: Path) -> None:
    program = READ.format(scripts=str(Path(record_compat.__file__).parents[1]), folder=str(COMPAT / sdk.__version__))
    command = [sys.executable, "-B", "-W", "error", "-c", program]
    result = subprocess.run(command, cwd=later_version, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for name in ("User", "RetryPolicy", "Change", "NotFoundError", "Snapshot"):
        assert record_compat.reads_as_written(later_version / "later" / f"{name}.pickle"), name


@pytest.mark.parametrize(("name", "error"), list(record_compat.errors()))
def test_each_attribute_of_an_error_has_a_default_for_older_pickles(name: str, error: Exception) -> None:
    assert type(error).__name__ == name
    assert not [attribute for attribute in vars(error) if not hasattr(type(error), attribute)]


ATTRS = [value for value in record_compat.VALUES.values() if attrs.has(type(value))]


@pytest.mark.parametrize("value", ATTRS, ids=[type(value).__name__ for value in ATTRS])
def test_each_value_is_pickled_by_the_names_of_its_fields(value: Any) -> None:
    revive, (kind, state) = value.__reduce__()
    assert kind is type(value)
    assert state == {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    assert revive(kind, state | {"of_a_later_version": 1}) == value
