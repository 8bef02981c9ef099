"""The command that copies the package into another one, run on a copy of the project."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import vendor

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PACKAGE = "confluence_groups_sdk"
ERRORS = "errors.py"


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
    assert copied == {**read_files(ROOT / PACKAGE), "LICENSE": (ROOT / "LICENSE").read_bytes()}
    assert {
        "py.typed",
        "cli/rendering/approval_page.js",
        "cli/rendering/approval_page.html.j2",
        "cli/rendering/approval_page.css",
        "membership/plan.schema.json",
    } <= copied.keys()
    (version,) = [node.value for node in ast.parse(copied["_version.py"]).body if isinstance(node, ast.Assign)]
    assert output == {
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in copied.items()},
        "format": "confluence-groups-vendored/1",
        "fragment": hashlib.sha256((project / "openapi/confluence-groups.openapi.yaml").read_bytes()).hexdigest(),
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
    assert {path.name for path in place.iterdir()} & {"cli", "membership", "sandbox"} == {"membership"}
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
    assert (place / "cli" / "rendering" / "approval_page.css").exists()
    assert vendor.main(["--check", str(place)]) == 0


@pytest.mark.parametrize("without", ["", "cli", "sandbox", "cli,sandbox", "cli,membership", "cli,membership,sandbox"])
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
    assert output.endswith("needs it: omit cli, too: --without cli,membership")
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
    assert "sandbocks: not one of cli, membership, sandbox" in error_lines(capsys)[-1]


def test_check_cannot_be_forced(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        vendor.main([str(place), "--check", "--force"])
    assert caught.value.code == 2
    assert "--force: --check writes nothing" in error_lines(capsys)[-1]


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
@pytest.mark.parametrize("arguments", [[], ["--check"], ["--force"]])
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
