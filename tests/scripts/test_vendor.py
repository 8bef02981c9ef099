"""The command that copies the package into another one, run on a copy of the project."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import vendor
from vendoring import copies

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PACKAGE = "confluence_groups_sdk"
ERRORS = "errors.py"


@pytest.fixture(scope="module", autouse=True)
def _imports_are_read_once() -> Iterator[None]:
    """Find the imports of each content once: that takes most of a run, and these runs have the same files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "_imported_paths", functools.cache(copies._imported_paths))
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of everything that the command reads, and make the command use it."""
    project = tmp_path / "project"
    for folder in ("openapi", PACKAGE):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", project)
    monkeypatch.setattr(vendor, "ROOT", project)
    return project


@pytest.fixture
def place(project: Path, tmp_path: Path) -> Path:
    """Return the destination of the copy, in another project."""
    parent = tmp_path / "bigger_sdk" / "_vendor"
    parent.mkdir(parents=True)
    assert project.parent == tmp_path
    return parent / "groups"


def read_files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder except Python's caches."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts and (path.is_symlink() or not path.is_dir())
    }


def manifest(place: Path) -> dict[str, object]:
    output: dict[str, object] = json.loads((place / "vendored.json").read_bytes())
    return output


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def add(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8", newline="") as text:
        text.write(f"{line}\n")


def set_version(project: Path, version: str) -> None:
    (project / PACKAGE / "_version.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines on standard error since the last call."""
    return capsys.readouterr().err.splitlines()


def test_copy_has_the_package_its_licence_and_a_manifest(project: Path, place: Path) -> None:
    for junk in ("__pycache__/client.cpython-311.pyc", ".cache/notes", "cli/.DS_Store"):
        (project / PACKAGE / junk).parent.mkdir(exist_ok=True)
        (project / PACKAGE / junk).write_bytes(b"junk")
    assert vendor.main([str(place)]) == 0
    copied = read_files(place)
    output = json.loads(copied.pop("vendored.json"))
    assert copied == {
        **read_files(ROOT / PACKAGE),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "vendored.py": (SCRIPTS / "vendoring" / "vendored.py").read_bytes(),
    }
    assert {
        "py.typed",
        "_support/html_page/base.html.j2",
        "_support/html_page/macros.html.j2",
        "_support/html_page/page.css",
        "_support/html_page/page.js",
        "cli/rendering/approval_page.html.j2",
        "membership/plan.schema.json",
        "review/pages/diff_page.html.j2",
        "review/pages/evidence_page.html.j2",
        "review/pages/sheet_page.html.j2",
    } <= copied.keys()
    (version,) = [node.value for node in ast.parse(copied["_version.py"]).body if isinstance(node, ast.Assign)]
    files = {name: hashlib.sha256(content).hexdigest() for name, content in copied.items()}
    listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))  # as sha256sum prints it
    assert output == {
        "commit": None,
        "digest": hashlib.sha256(listed.encode()).hexdigest(),
        "files": files,
        "format": "confluence-groups-vendored/1",
        "fragment": hashlib.sha256((project / "openapi/confluence-groups.openapi.yaml").read_bytes()).hexdigest(),
        "source": None,
        "tree": None,
        "version": ast.literal_eval(version),
        "without": [],
    }


def test_a_second_run_and_the_check_change_nothing(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.main([str(place)])
    before = {path: path.stat().st_mtime_ns for path in place.parent.rglob("*")}
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "client.cpython-311.pyc").write_bytes(b"Python's own")
    for arguments in ([], ["--check"]):
        capsys.readouterr()
        assert vendor.main([*arguments, str(place)]) == 0
        output = capsys.readouterr()
        assert output.out.startswith(f"{place}: ")
        assert (len(output.out.splitlines()), output.err) == (1, "")
    assert {path: path.stat().st_mtime_ns for path in before if path != place} == {
        path: moment for path, moment in before.items() if path != place
    }
    assert project.is_dir()


def test_omitted_parts_are_remembered(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor.main([str(place), "--without", "cli,sandbox"]) == 0
    assert {path.name for path in place.iterdir()} & {"__main__.py", "cli", "membership", "sandbox"} == {"membership"}
    assert manifest(place)["without"] == ["cli", "sandbox"]
    assert vendor.main(["--check", str(place)]) == 0
    add(project / PACKAGE / ERRORS, "# newer")
    assert vendor.main([str(place)]) == 0
    assert not (place / "cli").exists()
    capsys.readouterr()
    assert vendor.main(["--check", str(place), "--without", ""]) == 1
    output = error_lines(capsys)
    assert f"{place}: without cli, sandbox; a run would write all of it" in output
    assert f"{place}/cli/app.py: a run would add it" in output
    assert vendor.main([str(place), "--without", ""]) == 0
    assert (place / "cli" / "rendering" / "approval_page.html.j2").exists()
    assert vendor.main(["--check", str(place)]) == 0


@pytest.mark.parametrize(
    "without",
    [
        "",
        "cli",
        "sandbox",
        "cli,sandbox",
        "cli,fleet",
        "cli,fleet,review",
        "cli,fleet,membership,review",
        "cli,fleet,membership,review,sandbox",
    ],
)
def test_copy_without_parts_can_be_imported(without: str, place: Path, project: Path) -> None:
    assert vendor.main([str(place), "--without", without]) == 0
    modules = [path.relative_to(place).with_suffix("") for path in place.rglob("*.py") if path.stem != "__main__"]
    names = [".".join(("bigger_sdk", "_vendor", place.name, *path.parts)) for path in modules]
    program = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    program += f"assert not [name for name in sys.modules if name.partition('.')[0] == {PACKAGE!r}]"
    command = [sys.executable, "-B", "-W", "error", "-c", program]
    result = subprocess.run(command, cwd=project.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_part_that_another_needs_cannot_be_omitted(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor.main([str(place), "--without", "membership"]) == 2
    (output,) = error_lines(capsys)
    assert "--without membership: cli/" in output
    assert output.endswith("needs it: omit cli, too: --without cli,fleet,membership,review")
    assert vendor.main([str(place), "--without", "review"]) == 2
    assert error_lines(capsys)[0].endswith("needs it: omit cli, too: --without cli,fleet,review")
    assert vendor.main([str(place), "--without", "cli,membership"]) == 2
    assert error_lines(capsys)[0].endswith("needs it: omit fleet, too: --without cli,fleet,membership,review")
    add(project / PACKAGE / "models.py", "if TYPE_CHECKING:\n    from .sandbox import Sandbox")
    assert vendor.main([str(place), "--without", "sandbox"]) == 0
    shutil.rmtree(place)
    add(project / PACKAGE / "models.py", "class Late:\n    from .sandbox import Sandbox")
    assert vendor.main([str(place), "--without", "sandbox"]) == 2
    assert "models.py needs it" in error_lines(capsys)[0]
    assert not place.exists()


def test_an_unknown_part_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        vendor.main([str(place), "--without", "cli,sandbocks"])
    assert caught.value.code == 2
    assert "sandbocks: not one of cli, fleet, membership, review, sandbox" in error_lines(capsys)[-1]


@pytest.mark.parametrize("option", ["--force", "--downgrade"])
def test_check_cannot_be_forced(place: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        vendor.main([str(place), "--check", option])
    assert caught.value.code == 2
    assert f"{option}: --check writes nothing" in error_lines(capsys)[-1]


# --- obstacles


def write_foreign_folder(place: Path) -> None:
    place.mkdir()
    (place / "theirs.py").write_text("x = 1\n")


def write_foreign_file(place: Path) -> None:
    place.write_text("x = 1\n")


def create_link(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to(place.parent / "elsewhere")


def write_damaged_manifest(place: Path) -> None:
    write_foreign_folder(place)
    (place / "vendored.json").write_text('{"format": "confluence-groups-vendored/1", "files": [')


def write_foreign_manifest(place: Path) -> None:
    write_foreign_folder(place)
    (place / "vendored.json").write_text('{"format": "x", "version": "1", "fragment": "", "without": [], "files": {}}')


def write_manifest_with_wrong_type(place: Path) -> None:
    write_foreign_folder(place)
    output = {"format": "confluence-groups-vendored/1", "version": 1, "fragment": "", "without": [], "files": {}}
    (place / "vendored.json").write_text(json.dumps(output))


def write_manifest_with_wrong_list(place: Path) -> None:
    write_foreign_folder(place)
    output = {"format": "confluence-groups-vendored/1", "version": "1", "fragment": "", "without": "cli", "files": {}}
    (place / "vendored.json").write_text(json.dumps(output))


@pytest.mark.parametrize(
    ("create_obstacle", "part"),
    [
        (write_foreign_folder, "it contains something else"),
        (write_foreign_file, "a file"),
        (create_link, "a link"),
        (write_damaged_manifest, "not a valid manifest"),
        (write_foreign_manifest, "not a valid manifest"),
        (write_manifest_with_wrong_type, "not a valid manifest"),
        (write_manifest_with_wrong_list, "not a valid manifest"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--check"], ["--force"], ["--downgrade"]])
def test_foreign_destination_is_not_changed(
    project: Path,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    create_obstacle: object,
    part: str,
    arguments: list[str],
) -> None:
    assert callable(create_obstacle)
    create_obstacle(place)
    before = read_files(project.parent)
    assert vendor.main([*arguments, str(place)]) == 2
    (output,) = error_lines(capsys)
    assert output.startswith(f"error: {place}")
    assert part in output
    assert read_files(project.parent) == before


@pytest.mark.parametrize(
    ("destination", "part"),
    [
        ("project/copied", "inside this project"),
        ("project/confluence_groups_sdk", "inside this project"),
        ("project", "inside this project"),
        ("way_in/copied", "inside this project"),
        ("a_file/_vendor/groups", "a_file is not a folder"),
        ("bigger_sdk/confluence-groups", "must be a Python identifier"),
        ("bigger_sdk/class", "must be a Python identifier"),
    ],
)
def test_invalid_destination_is_refused(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], destination: str, part: str
) -> None:
    (project.parent / "way_in").symlink_to(project)
    (project.parent / "a_file").write_text("")
    before = read_files(project.parent)
    for arguments in ([], ["--check"]):
        assert vendor.main([*arguments, str(project.parent / destination)]) == 2
        assert part in error_lines(capsys)[0]
    assert read_files(project.parent) == before
    assert not place.exists()


def test_parent_folders_are_created(project: Path) -> None:
    place = project.parent / "another_sdk" / "_vendor" / "groups"
    assert vendor.main(["--check", str(place)]) == 2
    assert not (project.parent / "another_sdk").exists()
    assert vendor.main([str(place)]) == 0
    assert vendor.main(["--check", str(place)]) == 0


def test_an_empty_folder_is_filled(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor.main(["--check", str(place)]) == 2
    assert "there is no copy here" in error_lines(capsys)[0]
    place.mkdir()
    assert vendor.main(["--check", str(place)]) == 2
    assert vendor.main([str(place)]) == 0
    assert project.is_dir()


def test_project_with_edited_generated_code_is_not_copied(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated = project / PACKAGE / "_generated" / "client.py"
    add(generated, "# edited")
    assert vendor.main([str(place)]) == 2
    assert not place.exists()
    assert f"{PACKAGE}/_generated/client.py: differs from openapi/spec.lock.json" in error_lines(capsys)[0]


def test_links_are_not_copied(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / PACKAGE / "linked.py").symlink_to(project / "LICENSE")
    assert vendor.main([str(place)]) == 2
    assert f"{PACKAGE}/linked.py: it is a link" in error_lines(capsys)[0]
    assert not place.exists()


# --- edited and outdated copies


def test_edits_are_named_and_shown(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_version(project, "0.4.2")
    vendor.main([str(place)])
    add(place / ERRORS, "import os  # ours")
    (place / "models.py").unlink()
    (place / "ours.py").write_text("x = 1\n")
    before = read_files(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        f"{place}/errors.py: edited",
        f"{place}/models.py: missing",
        f"{place}/ours.py: added",
    ]
    shown = output.out.splitlines()
    assert [line for line in shown if line.startswith("-") and "ours" in line and "---" not in line] == [
        "-import os  # ours"
    ]
    assert f"--- {place}/errors.py" in shown
    assert "+++ 0.4.2/errors.py" in shown
    assert "-x = 1" in shown
    assert "+++ /dev/null" in shown
    assert vendor.main([str(place)]) == 2
    refused = error_lines(capsys)[0]
    assert "it was edited: errors.py (edited), models.py (missing), ours.py (added)" in refused
    assert "--force replaces it" in refused
    assert read_files(project.parent) == before
    assert vendor.main([str(place), "--force"]) == 0
    assert vendor.main(["--check", str(place)]) == 0
    assert not (place / "ours.py").exists()


def test_outdated_copy_is_named_and_updated(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_version(project, "0.4.2")
    vendor.main([str(place), "--without", "cli"])
    set_version(project, "0.5.0")
    add(project / PACKAGE / ERRORS, "# newer")
    (project / PACKAGE / "models.py").unlink()
    (project / PACKAGE / "added.py").write_text("")
    before = read_files(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        f"{place}: version 0.4.2; a run would write 0.5.0",
        f"{place}/_version.py: outdated",
        f"{place}/added.py: a run would add it",
        f"{place}/errors.py: outdated",
        f"{place}/models.py: a run would remove it",
    ]
    assert '+__version__ = "0.5.0"' in output.out.splitlines()
    assert read_files(project.parent) == before
    assert vendor.main([str(place)]) == 0
    assert manifest(place)["version"] == "0.5.0"
    assert vendor.main(["--check", str(place)]) == 0


def test_different_specification_is_named(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vendor.main([str(place)])
    fragment, lock = project / "openapi/confluence-groups.openapi.yaml", project / "openapi/spec.lock.json"
    old = hashlib.sha256(fragment.read_bytes()).hexdigest()
    add(fragment, "# more")
    replace(lock, old, hashlib.sha256(fragment.read_bytes()).hexdigest())
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    assert error_lines(capsys) == [f"{place}: from another OpenAPI fragment"]


# --- the clone that a copy comes from

REMOTE = "https://example.com/confluence-groups-sdk.git"


def git(folder: Path, *arguments: str) -> str:
    settings = ("user.name=a", "user.email=a@example.com", "commit.gpgsign=false", "init.defaultBranch=main")
    command = ["git", "-C", str(folder), *(part for each in settings for part in ("-c", each)), *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


def commit(project: Path, message: str = "A change") -> str:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def clone(project: Path) -> Path:
    """Return the project as a clone."""
    git(project, "init", "--quiet")
    git(project, "remote", "add", "origin", REMOTE)
    commit(project)
    return project


def test_copy_records_its_origin(clone: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = git(clone, "rev-parse", "HEAD")
    assert vendor.main([str(place)]) == 0
    assert error_lines(capsys) == []
    assert [manifest(place)[key] for key in ("source", "commit", "tree")] == [REMOTE, head, "clean"]
    commit(clone, "Nothing that is copied")
    assert vendor.main(["--check", str(place)]) == 0
    assert vendor.main([str(place)]) == 0
    assert manifest(place)["commit"] == head, "the same content"


@pytest.mark.parametrize("file", [f"{PACKAGE}/{ERRORS}", "LICENSE"])
def test_dirty_tree_is_marked(clone: Path, place: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    add(clone / file, "# not committed")
    assert vendor.main([str(place)]) == 0
    assert error_lines(capsys) == ["note: the clone has changes that were not committed; the copy is marked as dirty"]
    assert manifest(place)["tree"] == "dirty"
    head = commit(clone)
    assert vendor.main([str(place)]) == 0
    assert [manifest(place)[key] for key in ("commit", "tree")] == [head, "clean"], "the same content, now committed"


def test_only_tracked_files_are_copied(clone: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / PACKAGE / "scratch.py").write_text("x = 1\n")
    (clone / PACKAGE / "_generated" / "scratch.py").write_text("x = 1\n")
    (clone / PACKAGE / "linked.py").symlink_to(clone / "LICENSE")
    assert vendor.main([str(place)]) == 0
    assert not [path for path in place.rglob("*.py") if path.name in ("scratch.py", "linked.py")]
    assert manifest(place)["tree"] == "clean"
    names = ", ".join(f"{PACKAGE}/{name}" for name in ("_generated/scratch.py", "linked.py", "scratch.py"))
    assert error_lines(capsys) == [f"note: git does not track these files, so they are not copied: {names}"]
    assert vendor.main(["--check", str(place)]) == 0


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("https://user:s3cret@example.com/a.git", "https://example.com/a.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("ssh://git@example.com/a.git", "ssh://example.com/a.git"),
        ("/home/someone/a", None),
        ("file:///home/someone/a", None),
        ("../a", None),
    ],
)
def test_address_is_one_that_others_can_use(clone: Path, place: Path, remote: str, source: str | None) -> None:
    git(clone, "remote", "set-url", "origin", remote)
    assert vendor.main([str(place)]) == 0
    assert manifest(place)["source"] == source
    assert "s3cret" not in (place / "vendored.json").read_text()


def test_clone_without_remote_or_commit_has_less_to_record(project: Path, place: Path) -> None:
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    assert vendor.main([str(place)]) == 0
    assert [manifest(place)[key] for key in ("source", "commit", "tree")] == [None, None, None]


def test_project_inside_another_clone_is_no_clone(project: Path, place: Path) -> None:
    git(project.parent, "init", "--quiet")
    commit(project.parent)
    assert vendor.main([str(place)]) == 0
    assert (manifest(place)["commit"], (place / ERRORS).exists()) == (None, True)


def test_manifest_of_an_earlier_version_is_read(project: Path, place: Path) -> None:
    vendor.main([str(place)])
    earlier = {
        key: value for key, value in manifest(place).items() if key in ("files", "fragment", "version", "without")
    }
    (place / "vendored.json").write_text(json.dumps({**earlier, "format": "confluence-groups-vendored/1"}))
    assert vendor.main(["--check", str(place)]) == 0
    assert project.is_dir()


def test_manifest_whose_files_were_edited_is_not_valid(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.main([str(place)])
    add(place / ERRORS, "# ours")
    old = hashlib.sha256((project / PACKAGE / ERRORS).read_bytes()).hexdigest()
    replace(place / "vendored.json", old, hashlib.sha256((place / ERRORS).read_bytes()).hexdigest())
    assert vendor.main(["--check", str(place)]) == 2
    assert "vendored.json: not a valid manifest" in error_lines(capsys)[0]


# --- upgrades and downgrades

LOG = """# Changelog

## [0.10.0] - 2026-03-01

### Added

- `count_members`, which
  counts.

## [0.9.0] - 2026-02-01

### Fixed

- A bug.

## [0.8.0] - 2026-01-01

- The first.
"""


def test_upgrade_prints_what_changed(clone: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "CHANGELOG.md").write_text(LOG, encoding="utf-8")
    set_version(clone, "0.8.0")
    first = commit(clone)
    vendor.main([str(place), "--without", "cli"])
    set_version(clone, "0.10.0")
    add(clone / PACKAGE / ERRORS, "# newer")
    (clone / PACKAGE / "models.py").unlink()
    (clone / PACKAGE / "added.py").write_text("")
    second = commit(clone)
    capsys.readouterr()
    assert vendor.main([str(place)]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith(f"{place}: version 0.10.0, ")
    assert lines == [
        "  version 0.8.0 -> 0.10.0",
        f"  commit {first[:12]} of {REMOTE} -> commit {second[:12]} of {REMOTE}",
        "  changed: _version.py",
        "  added: added.py",
        "  changed: errors.py",
        "  removed: models.py",
        "  0.10.0: `count_members`, which counts.",
        "  0.9.0: A bug.",
    ]


def test_downgrade_needs_an_option(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_version(project, "0.10.0")
    vendor.main([str(place)])
    set_version(project, "0.9.0")
    before = read_files(place)
    capsys.readouterr()
    for arguments in ([], ["--force"]):
        assert vendor.main([*arguments, str(place)]) == 2
        (problem,) = error_lines(capsys)
        assert problem == f"error: {place}: version 0.10.0 is later than 0.9.0: --downgrade replaces it"
        assert read_files(place) == before
    assert vendor.main(["--downgrade", str(place)]) == 0
    assert "  version 0.10.0 -> 0.9.0" in capsys.readouterr().out
    assert manifest(place)["version"] == "0.9.0"


def test_earlier_commit_of_one_version_is_a_downgrade(
    clone: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = git(clone, "rev-parse", "HEAD")
    add(clone / PACKAGE / ERRORS, "# newer")
    second = commit(clone)
    vendor.main([str(place)])
    git(clone, "checkout", "--quiet", first)
    capsys.readouterr()
    assert vendor.main([str(place)]) == 2
    (problem,) = error_lines(capsys)
    assert f"commit {second[:12]} of {REMOTE} is later than this clone's commit {first[:12]}" in problem
    assert vendor.main(["--downgrade", str(place)]) == 0


# --- checks without a clone, and the verdict


def check_copy(place: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(place / "vendored.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=place.parent)


def test_copy_checks_itself(clone: Path, place: Path) -> None:
    vendor.main([str(place)])
    head, version = manifest(place)["commit"], manifest(place)["version"]
    shutil.rmtree(clone)
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "client.cpython-311.pyc").write_bytes(b"Python's own")
    result = check_copy(place)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"unedited: version {version}, commit {head}, from {REMOTE}\n"
    add(place / ERRORS, "# ours")
    (place / "models.py").unlink()
    (place / "ours.py").symlink_to(place / ERRORS)
    result = check_copy(place)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == ["errors.py: edited", "models.py: missing", "ours.py: added"]
    for damaged in ("{", "{}", "[]"):
        (place / "vendored.json").write_text(damaged)
        result = check_copy(place)
        assert (result.returncode, "Traceback" in result.stderr) == (2, False)
        assert result.stderr.startswith(f"error: {place}/vendored.json: ")


@pytest.mark.parametrize("is_edited", [False, True])
def test_check_without_a_clone_still_finds_edits(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], is_edited: bool
) -> None:
    vendor.main([str(place)])
    shutil.rmtree(project)
    if is_edited:
        add(place / ERRORS, "# ours")
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == int(is_edited)
    output = capsys.readouterr()
    assert output.out.startswith(f"{place}: {'edited' if is_edited else 'unedited'}: version ")
    assert "it is unknown whether the copy is outdated" in output.out
    assert output.err == (f"{place}/errors.py: edited\n" if is_edited else "")
    assert vendor.main([str(place)]) == 2, "only --check works without a clone"


@pytest.mark.parametrize("is_edited", [False, True])
@pytest.mark.parametrize("is_outdated", [False, True])
def test_check_tells_edited_from_outdated(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], is_edited: bool, is_outdated: bool
) -> None:
    vendor.main([str(place)])
    if is_edited:
        add(place / ERRORS, "# ours")
    if is_outdated:
        add(project / PACKAGE / ERRORS, "# newer")
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == int(is_edited or is_outdated)
    output = capsys.readouterr()
    words = "edited" if is_edited else "unedited", "outdated" if is_outdated else "up to date"
    assert f"{place}: {words[0]} and {words[1]}: version " in output.out
    assert output.err.splitlines() == [
        *([f"{place}/errors.py: edited"] if is_edited else []),
        *([f"{place}/errors.py: outdated"] if is_outdated else []),
    ]


# --- hosts that build with setuptools

SETUPTOOLS = (
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "x"\n'
)


def advice(place: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    shutil.rmtree(place, ignore_errors=True)
    assert vendor.main([str(place), *arguments]) == 0
    return capsys.readouterr().out.splitlines()[1:]


@pytest.mark.parametrize("source_folder", ["", "src"])
def test_host_with_setuptools_is_told_the_line_to_add(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], source_folder: str
) -> None:
    host = tmp_path / "host"
    place = host / source_folder / "bigger_sdk" / "_vendor" / "groups"
    place.parent.mkdir(parents=True)
    (host / "pyproject.toml").write_text(SETUPTOOLS)
    note, where, *settings = advice(place, capsys)
    named = "_support/html_page/base.html.j2"
    assert note == f"note: setuptools leaves 12 files of the copy out of a wheel, such as {named}"
    assert where == f"add to {host}/pyproject.toml:"
    (host / "pyproject.toml").write_text("\n".join([SETUPTOOLS, *settings]))
    patterns = tomllib.loads("\n".join(settings))["tool"]["setuptools"]["package-data"]["bigger_sdk._vendor.groups"]
    matched = {path.relative_to(place).as_posix() for pattern in patterns for path in place.glob(pattern)}
    files = {path for path in read_files(place) if not path.endswith(".py")}
    assert matched == files
    assert advice(place, capsys) == [], "the line is there"
    (host / "pyproject.toml").write_text(f'{SETUPTOOLS}[tool.setuptools.package-data]\n"*" = ["*.css", "*.js"]\n')
    assert advice(place, capsys)[0].startswith("note: setuptools leaves 10 files")
    assert project.is_dir()


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n', False),
        ("pyproject.toml", "[tool.ruff]\n", False),
        ("pyproject.toml", '[project]\nname = "x"\n', True),
        ("setup.py", "", True),
        ("setup.cfg", "", True),
        ("README.md", "", False),
    ],
)
def test_only_setuptools_needs_the_line(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, told: bool
) -> None:
    (project.parent / file).write_text(text)
    lines = advice(place, capsys, "--without", "cli,sandbox")
    assert bool(lines) == told
    if file.startswith("setup"):
        page = ", ".join(f'"_support/html_page/*.{suffix}"' for suffix in ("css", "j2", "js"))
        patterns = f'["LICENSE", {page}, "membership/*.json", "py.typed", "review/pages/*.j2", "vendored.json"]'
        assert lines[1:] == [
            "add to the arguments of setup() in setup.py:",
            f'package_data={{"bigger_sdk._vendor.groups": {patterns}}},',
        ]


# --- the dependencies of hosts


@pytest.mark.parametrize(
    ("declared", "lacking"),
    [
        ('dependencies = ["attrs>=23.2", "HTTPX>=0.28,<0.29"]', ['"idna>=3.15"']),
        ('dependencies = ["attrs", "httpx~=0.28.1", "idna==3.20"]', ['"attrs>=23.2"']),
        ('dependencies = ["attrs==25.*", "httpx>=0.28.1,<1", "idna>3.16"]', ['"httpx>=0.28,<0.29"']),
        ('dependencies = ["attrs==25.*", "httpx~=0.28", "idna>=4"]', ['"httpx>=0.28,<0.29"']),
        ('dependencies = ["attrs>=23", "httpx==0.28.1", "idna>=4"]', ['"attrs>=23.2"']),
        ('dependencies = ["not a requirement", 7]', ['"httpx>=0.28,<0.29"', '"attrs>=23.2"', '"idna>=3.15"']),
        ("", ['"httpx>=0.28,<0.29"', '"attrs>=23.2"', '"idna>=3.15"']),
        ('dependencies = ["attrs>=24", "httpx>=0.28,<0.29", "idna>=3.15"]', []),
        ('dynamic = ["dependencies"]', []),
        ("dynamic = 7", ['"httpx>=0.28,<0.29"', '"attrs>=23.2"', '"idna>=3.15"']),
    ],
)
def test_host_is_told_which_dependencies_it_lacks(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], declared: str, lacking: list[str]
) -> None:
    needed = '["httpx>=0.28,<0.29", "attrs>=23.2", "idna>=3.15"]'
    (project / "pyproject.toml").write_text(f"[project]\ndependencies = {needed}\n")
    host = project.parent / "pyproject.toml"
    host.write_text(f'[build-system]\nbuild-backend = "hatchling.build"\n[project]\nname = "x"\n{declared}\n')
    told = [f"note: the copy needs these dependencies; add them to {host}:", ", ".join(lacking)] if lacking else []
    assert advice(place, capsys) == told


@pytest.mark.parametrize("text", [None, "[tool.poetry]\n", "[project\n", "project = 7\n"])
def test_host_without_a_project_table_is_told_nothing(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    shutil.copy(ROOT / "pyproject.toml", project)
    if text is not None:
        (project.parent / "pyproject.toml").write_text(text)
    assert "dependencies" not in "".join(advice(place, capsys))


def test_copy_has_no_type_errors_without_our_settings(project: Path, place: Path) -> None:
    vendor.main([str(place)])
    for folder in (place.parent, place.parent.parent):
        (folder / "__init__.py").touch()
    settings = project.parent / "mypy.ini"
    settings.write_text("[mypy]\nstrict = True\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "-p", "bigger_sdk", "--no-incremental"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.parent)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


# --- killed runs

KILLED = """
import os, signal, sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
import vendor
from codegen import generator
real, calls = {name}, []
def killed(*arguments):
    calls.append(arguments)
    if len(calls) > {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
{name} = killed
vendor.ROOT = Path({root!r})
vendor.main([{place!r}])
"""


def run_until_killed(project: Path, place: Path, name: str, after: int) -> None:
    """Start a run that is killed after it has called a function this many times."""
    program = KILLED.format(scripts=str(SCRIPTS), name=name, after=after, root=str(project), place=str(place))
    result = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("name", "after"), [("os.replace", 0), ("os.replace", 1), ("Path.write_bytes", 30)])
def test_killed_run_is_detected_and_repaired(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], name: str, after: int
) -> None:
    vendor.main([str(place)])
    old = read_files(place)
    add(project / PACKAGE / ERRORS, "# newer")
    run_until_killed(project, place, name, after)
    (place.with_name("groups.new") / "just_begun.py").touch()
    present = read_files(place) if place.exists() else read_files(place.with_name("groups.old"))
    assert present == old
    before = read_files(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    assert f"{place}.new: left by an interrupted run; run it again" in error_lines(capsys)
    assert read_files(project.parent) == before
    assert vendor.main([str(place)]) == 0
    assert "completing it first" in capsys.readouterr().out
    assert os.listdir(place.parent) == ["groups"]
    assert vendor.main(["--check", str(place)]) == 0


def test_foreign_backup_folder_is_not_changed(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vendor.main([str(place)])
    backup = place.with_name("groups.old")
    write_foreign_folder(backup)
    before = read_files(project.parent)
    assert vendor.main([str(place), "--force"]) == 2
    assert f"{backup}: in the way, and not from an interrupted run" in error_lines(capsys)[0]
    assert read_files(project.parent) == before
    shutil.rmtree(backup)
    shutil.copytree(place, backup)
    add(backup / ERRORS, "import os  # worth keeping")
    before = read_files(project.parent)
    assert vendor.main([str(place)]) == 2
    assert "it was edited: move it away" in error_lines(capsys)[0]
    assert read_files(project.parent) == before
    assert vendor.main([str(place), "--force"]) == 0
    assert not backup.exists()
