"""scripts/requirements.txt has what pyproject.toml requires, with hashes, and names no index."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from local_index import publish, write_project
from releasing import locked
from releasing.environments import CheckFailed
from releasing.locked import HEADER, LOCKED, Pin, lock, lock_problems, parse_pins, read_pins
from releasing.project import PYPROJECT
from test_release_check import replace

ROOT = Path(__file__).resolve().parents[2]
HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the files that decide what is locked."""
    for name in (PYPROJECT, LOCKED, "confluence_groups_sdk/_version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_file_has_what_the_project_requires(project: Path) -> None:
    assert list(lock_problems(project)) == []


def test_the_file_names_no_index_and_no_address() -> None:
    text = (ROOT / LOCKED).read_text(encoding="utf-8")
    assert "://" not in text
    assert [line for line in text.splitlines() if re.match(r"\s*-(?!-hash=sha256:)", line)] == []
    assert not re.search(r"(?<!README)\.(org|com|net|io|example)\b", re.sub(r"\(pyproject\.toml.*\)", "", text))


@pytest.mark.parametrize(
    ("old", "new", "required"),
    [
        ('"attrs>=23.2"', '"attrs>=9999"', "attrs>=9999"),
        ('"attrs>=23.2"', '"attrs>=23.2,<23.3"', "attrs<23.3,>=23.2"),
        ('"attrs>=23.2"', '"attrs>=23.2", "left-pad>=1"', "left-pad>=1"),
        ('"rich>=14.3"', '"rich>=14.3", "left-pad"', "left-pad"),
        ('"twine>=6.2"', '"twine>=9999"', "twine>=9999"),
        ('"hatchling>=1.27"', '"hatchling>=9999"', "hatchling>=9999"),
        ('"trustme>=1.2"', "\"left-pad>=1; python_version >= '3.14'\"", 'left-pad>=1; python_version >= "3.14"'),
        ('"trustme>=1.2"', "\"left-pad>=1; sys_platform == 'win32'\"", 'left-pad>=1; sys_platform == "win32"'),
    ],
)
def test_requirement_that_the_file_does_not_satisfy_is_named(project: Path, old: str, new: str, required: str) -> None:
    replace(project / PYPROJECT, old, new)
    (wrong,) = lock_problems(project)
    assert wrong.startswith(f"{LOCKED}: {required}: ")
    assert wrong.endswith(" is locked: run scripts/lock")


def test_requirement_for_other_pythons_need_not_be_locked(project: Path) -> None:
    replace(project / PYPROJECT, '"trustme>=1.2"', '"trustme>=1.2", "left-pad; python_version < \'3.11\'"')
    assert list(lock_problems(project)) == []


@pytest.mark.parametrize("marker", ["python_full_version < '3.14'", "sys_platform != 'darwin'"])
def test_pin_must_be_for_every_python_and_platform(project: Path, marker: str) -> None:
    path = project / LOCKED
    path.write_text(re.sub(r"(?m)^(attrs==\S+)", rf"\1 ; {marker}", path.read_text("utf-8")), encoding="utf-8")
    (wrong,) = lock_problems(project)
    assert wrong == f"{LOCKED}: attrs>=23.2: nothing is locked: run scripts/lock"


def test_only_one_version_may_be_locked_for_an_environment(project: Path) -> None:
    with (project / LOCKED).open("a", encoding="utf-8") as file:
        file.write(f"attrs==24.0 {HASH}\n")
    (wrong,) = lock_problems(project)
    assert wrong.endswith(" and 24.0 is locked: run scripts/lock")


@pytest.mark.parametrize(
    "line",
    [
        "a==1",
        f"a {HASH}",
        f"a>=1 {HASH}",
        f"a @ https://index.example/a-1.whl {HASH}",
        "a==1 --hash=md5:00000000000000000000000000000000",
        "a==1 --hash=sha256:00",
        f"a==1 {HASH} --index-url https://index.example",
        "--index-url https://index.example/simple",
        "--extra-index-url https://index.example/simple",
        "--find-links /opt/wheels",
        "--trusted-host index.example",
        "-i https://index.example",
        "-e .",
        "-r other.txt",
        f"a==zzz {HASH}",
        f"a==1.* {HASH}",
        f"a==1 ; nonsense {HASH}",
    ],
)
def test_any_other_line_is_refused(project: Path, line: str) -> None:
    with (project / LOCKED).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    (wrong,) = lock_problems(project)
    assert wrong == f"{LOCKED}: {line[:80]}: this is not NAME==VERSION with sha256 hashes"


def test_lines_are_read_with_their_markers() -> None:
    text = f"# a\na==1 \\\n    {HASH} \\\n    {HASH}\n    # via b\n\nb==2 ; sys_platform == 'win32' \\\n    {HASH}\n"
    first, second = (each for each in parse_pins(text) if isinstance(each, Pin))
    assert (first.name, first.version, first.requirement.marker) == ("a", "1", None)
    assert (second.name, second.version, str(second.requirement.marker)) == ("b", "2", 'sys_platform == "win32"')


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("read", [lambda root: list(lock_problems(root)), read_pins])
def test_file_that_cannot_be_read_is_named(
    project: Path, read: Callable[[Path], object], content: bytes | None
) -> None:
    path = project / LOCKED
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckFailed, match=re.escape(LOCKED)):
        read(project)


# --- writing the file

SMALL = """
[build-system]
requires = ["tool>=1"]
[project]
name = "ours"
version = "1"
requires-python = ">=3.11"
dependencies = ["direct>=1"]
[project.optional-dependencies]
[dependency-groups]
dev = ["tool>=1"]
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small project, and make a local folder its index."""
    root = tmp_path / "root"
    write_project(root, SMALL)
    (root / "scripts").mkdir()
    variables = {"UV_DEFAULT_INDEX": (tmp_path / "index").as_uri(), "UV_FIND_LINKS": "/nowhere", "UV_INDEX": "/none"}
    monkeypatch.setattr(locked, "index_variables", lambda: variables)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    publish_all(tmp_path / "index", "1.0")
    return root


def publish_all(index: Path, version: str) -> None:
    publish(index, "direct", version, "indirect")
    publish(index, "indirect", version)
    publish(index, "tool", version)


def versions(root: Path) -> dict[str, str]:
    return {each.name: each.version for each in read_pins(root)}


def test_versions_are_kept_until_they_are_upgraded_or_no_longer_allowed(small: Path, tmp_path: Path) -> None:
    text = lock(small, upgrade=False)
    assert text.startswith(HEADER)
    assert str(tmp_path) not in text
    assert "://" not in text
    (small / LOCKED).write_text(text, encoding="utf-8")
    assert list(lock_problems(small)) == []
    assert versions(small) == {"direct": "1.0", "indirect": "1.0", "tool": "1.0"}

    publish_all(tmp_path / "index", "2.0")
    shutil.rmtree(tmp_path / "cache")
    assert lock(small, upgrade=False) == text
    replace(small / PYPROJECT, '"direct>=1"', '"direct>=2"')
    assert list(lock_problems(small)) == [f"{LOCKED}: direct>=2: 1.0 is locked: run scripts/lock"]
    (small / LOCKED).write_text(lock(small, upgrade=False), encoding="utf-8")
    assert versions(small) == {"direct": "2.0", "indirect": "1.0", "tool": "1.0"}
    (small / LOCKED).write_text(lock(small, upgrade=True), encoding="utf-8")
    assert versions(small) == {"direct": "2.0", "indirect": "2.0", "tool": "2.0"}


def test_check_writes_nothing_and_fails_on_a_difference(project: Path) -> None:
    shutil.copytree(ROOT / "scripts", project / "scripts", dirs_exist_ok=True)
    command = [sys.executable, "-m", "releasing.locked", "--check"]

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=project / "scripts", capture_output=True, text=True, check=False)

    assert check().returncode == 0
    before = (project / LOCKED).read_bytes()
    replace(project / PYPROJECT, '"attrs>=23.2"', '"attrs>=9999"')
    done = check()
    assert done.returncode == 1
    assert "attrs>=9999" in done.stderr
    assert (project / LOCKED).read_bytes() == before
