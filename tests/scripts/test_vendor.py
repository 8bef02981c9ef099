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
    """Return a copy of all that the command reads; it works on that."""
    project = tmp_path / "project"
    for folder in ("openapi", PACKAGE):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", project)
    monkeypatch.setattr(vendor, "ROOT", project)
    return project


@pytest.fixture
def place(project: Path, tmp_path: Path) -> Path:
    """Return where the copy goes, in another project."""
    parent = tmp_path / "bigger_sdk" / "_vendor"
    parent.mkdir(parents=True)
    assert project.parent == tmp_path
    return parent / "groups"


def state(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, but for what Python leaves there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts and (path.is_symlink() or not path.is_dir())
    }


def manifest(place: Path) -> dict[str, object]:
    said: dict[str, object] = json.loads((place / "vendored.json").read_bytes())
    return said


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def add(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8", newline="") as text:
        text.write(f"{line}\n")


def set_version(project: Path, version: str) -> None:
    (project / PACKAGE / "_version.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was said on standard error since the last time."""
    return capsys.readouterr().err.splitlines()


def test_a_copy_is_the_package_its_licence_and_a_manifest(project: Path, place: Path) -> None:
    for junk in ("__pycache__/client.cpython-311.pyc", ".cache/notes", "cli/.DS_Store"):
        (project / PACKAGE / junk).parent.mkdir(exist_ok=True)
        (project / PACKAGE / junk).write_bytes(b"junk")
    assert vendor.main([str(place)]) == 0
    copied = state(place)
    said = json.loads(copied.pop("vendored.json"))
    assert copied == {**state(ROOT / PACKAGE), "LICENSE": (ROOT / "LICENSE").read_bytes()}
    assert {
        "py.typed",
        "cli/rendering/approval_page.js",
        "cli/rendering/approval_page.html.j2",
        "cli/rendering/approval_page.css",
        "membership/plan.schema.json",
    } <= copied.keys()
    (version,) = [node.value for node in ast.parse(copied["_version.py"]).body if isinstance(node, ast.Assign)]
    assert said == {
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
        said = capsys.readouterr()
        assert said.out.startswith(f"{place}: ")
        assert (len(said.out.splitlines()), said.err) == (1, "")
    assert {path: path.stat().st_mtime_ns for path in before if path != place} == {
        path: moment for path, moment in before.items() if path != place
    }
    assert project.is_dir()


def test_what_was_left_out_is_remembered(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor.main([str(place), "--without", "cli,sandbox"]) == 0
    assert {path.name for path in place.iterdir()} & {"cli", "membership", "sandbox"} == {"membership"}
    assert manifest(place)["without"] == ["cli", "sandbox"]
    assert vendor.main(["--check", str(place)]) == 0
    add(project / PACKAGE / ERRORS, "# newer")
    assert vendor.main([str(place)]) == 0
    assert not (place / "cli").exists()
    capsys.readouterr()
    assert vendor.main(["--check", str(place), "--without", ""]) == 1
    said = lines(capsys)
    assert f"{place}: without cli, sandbox; a run would write all of it" in said
    assert f"{place}/cli/app.py: a run would add it" in said
    assert vendor.main([str(place), "--without", ""]) == 0
    assert (place / "cli" / "rendering" / "approval_page.css").exists()
    assert vendor.main(["--check", str(place)]) == 0


@pytest.mark.parametrize("without", ["", "cli", "sandbox", "cli,sandbox", "cli,membership", "cli,membership,sandbox"])
def test_what_is_left_works(without: str, place: Path, project: Path) -> None:
    assert vendor.main([str(place), "--without", without]) == 0
    modules = [path.relative_to(place).with_suffix("") for path in place.rglob("*.py") if path.stem != "__main__"]
    names = [".".join(("bigger_sdk", "_vendor", place.name, *path.parts)) for path in modules]
    program = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    program += f"assert not [name for name in sys.modules if name.partition('.')[0] == {PACKAGE!r}]"
    command = [sys.executable, "-B", "-W", "error", "-c", program]
    result = subprocess.run(command, cwd=project.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_part_that_another_needs_cannot_be_left_out(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor.main([str(place), "--without", "membership"]) == 2
    (said,) = lines(capsys)
    assert "--without membership: cli/" in said
    assert said.endswith("needs it: omit cli, too: --without cli,membership")
    add(project / PACKAGE / "models.py", "if TYPE_CHECKING:\n    from .sandbox import Sandbox")
    assert vendor.main([str(place), "--without", "sandbox"]) == 0
    shutil.rmtree(place)
    add(project / PACKAGE / "models.py", "class Late:\n    from .sandbox import Sandbox")
    assert vendor.main([str(place), "--without", "sandbox"]) == 2
    assert "models.py needs it" in lines(capsys)[0]
    assert not place.exists()


def test_an_unknown_part_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        vendor.main([str(place), "--without", "cli,sandbocks"])
    assert ended.value.code == 2
    assert "sandbocks: not one of cli, membership, sandbox" in lines(capsys)[-1]


def test_a_check_forces_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        vendor.main([str(place), "--check", "--force"])
    assert ended.value.code == 2
    assert "--force: --check writes nothing" in lines(capsys)[-1]


# --- what stands in the way


def folder_of_others(place: Path) -> None:
    place.mkdir()
    (place / "theirs.py").write_text("x = 1\n")


def file_of_others(place: Path) -> None:
    place.write_text("x = 1\n")


def link(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to(place.parent / "elsewhere")


def damaged(place: Path) -> None:
    folder_of_others(place)
    (place / "vendored.json").write_text('{"format": "confluence-groups-vendored/1", "files": [')


def of_another_tool(place: Path) -> None:
    folder_of_others(place)
    (place / "vendored.json").write_text('{"format": "x", "version": "1", "fragment": "", "without": [], "files": {}}')


def badly_typed(place: Path) -> None:
    folder_of_others(place)
    said = {"format": "confluence-groups-vendored/1", "version": 1, "fragment": "", "without": [], "files": {}}
    (place / "vendored.json").write_text(json.dumps(said))


def badly_listed(place: Path) -> None:
    folder_of_others(place)
    said = {"format": "confluence-groups-vendored/1", "version": "1", "fragment": "", "without": "cli", "files": {}}
    (place / "vendored.json").write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("laid", "part"),
    [
        (folder_of_others, "it contains something else"),
        (file_of_others, "a file"),
        (link, "a link"),
        (damaged, "not a valid manifest"),
        (of_another_tool, "not a valid manifest"),
        (badly_typed, "not a valid manifest"),
        (badly_listed, "not a valid manifest"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--check"], ["--force"]])
def test_what_is_something_else_is_left_alone(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], laid: object, part: str, arguments: list[str]
) -> None:
    assert callable(laid)
    laid(place)
    before = state(project.parent)
    assert vendor.main([*arguments, str(place)]) == 2
    (said,) = lines(capsys)
    assert said.startswith(f"error: {place}")
    assert part in said
    assert state(project.parent) == before


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
def test_places_where_no_copy_may_stand(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], destination: str, part: str
) -> None:
    (project.parent / "way_in").symlink_to(project)
    (project.parent / "a_file").write_text("")
    before = state(project.parent)
    for arguments in ([], ["--check"]):
        assert vendor.main([*arguments, str(project.parent / destination)]) == 2
        assert part in lines(capsys)[0]
    assert state(project.parent) == before
    assert not place.exists()


def test_the_folders_on_the_way_are_made(project: Path) -> None:
    place = project.parent / "another_sdk" / "_vendor" / "groups"
    assert vendor.main(["--check", str(place)]) == 2
    assert not (project.parent / "another_sdk").exists()
    assert vendor.main([str(place)]) == 0
    assert vendor.main(["--check", str(place)]) == 0


def test_an_empty_folder_is_filled(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor.main(["--check", str(place)]) == 2
    assert "there is no copy here" in lines(capsys)[0]
    place.mkdir()
    assert vendor.main(["--check", str(place)]) == 2
    assert vendor.main([str(place)]) == 0
    assert project.is_dir()


def test_a_project_that_is_not_in_order_is_not_copied(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated = project / PACKAGE / "_generated" / "client.py"
    add(generated, "# edited")
    assert vendor.main([str(place)]) == 2
    assert not place.exists()
    assert f"{PACKAGE}/_generated/client.py: differs from openapi/spec.lock.json" in lines(capsys)[0]


def test_links_are_not_copied(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / PACKAGE / "linked.py").symlink_to(project / "LICENSE")
    assert vendor.main([str(place)]) == 2
    assert f"{PACKAGE}/linked.py: it is a link" in lines(capsys)[0]
    assert not place.exists()


# --- a copy that was edited, or is behind


def test_edits_are_named_and_shown(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_version(project, "0.4.2")
    vendor.main([str(place)])
    add(place / ERRORS, "import os  # ours")
    (place / "models.py").unlink()
    (place / "ours.py").write_text("x = 1\n")
    before = state(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{place}/errors.py: edited",
        f"{place}/models.py: missing",
        f"{place}/ours.py: added",
    ]
    shown = said.out.splitlines()
    assert [line for line in shown if line.startswith("-") and "ours" in line and "---" not in line] == [
        "-import os  # ours"
    ]
    assert f"--- {place}/errors.py" in shown
    assert "+++ 0.4.2/errors.py" in shown
    assert "-x = 1" in shown
    assert "+++ /dev/null" in shown
    assert vendor.main([str(place)]) == 2
    refused = lines(capsys)[0]
    assert "it was edited: errors.py (edited), models.py (missing), ours.py (added)" in refused
    assert "--force replaces it" in refused
    assert state(project.parent) == before
    assert vendor.main([str(place), "--force"]) == 0
    assert vendor.main(["--check", str(place)]) == 0
    assert not (place / "ours.py").exists()


def test_a_copy_that_is_behind_is_named_and_brought_up(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_version(project, "0.4.2")
    vendor.main([str(place), "--without", "cli"])
    set_version(project, "0.5.0")
    add(project / PACKAGE / ERRORS, "# newer")
    (project / PACKAGE / "models.py").unlink()
    (project / PACKAGE / "added.py").write_text("")
    before = state(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{place}: version 0.4.2; a run would write 0.5.0",
        f"{place}/_version.py: outdated",
        f"{place}/added.py: a run would add it",
        f"{place}/errors.py: outdated",
        f"{place}/models.py: a run would remove it",
    ]
    assert '+__version__ = "0.5.0"' in said.out.splitlines()
    assert state(project.parent) == before
    assert vendor.main([str(place)]) == 0
    assert manifest(place)["version"] == "0.5.0"
    assert vendor.main(["--check", str(place)]) == 0


def test_another_specification_is_named(project: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vendor.main([str(place)])
    fragment, lock = project / "openapi/confluence-groups.openapi.yaml", project / "openapi/spec.lock.json"
    old = hashlib.sha256(fragment.read_bytes()).hexdigest()
    add(fragment, "# more")
    replace(lock, old, hashlib.sha256(fragment.read_bytes()).hexdigest())
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    assert lines(capsys) == [f"{place}: from another OpenAPI fragment"]


# --- runs that were killed

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


def killed_run(project: Path, place: Path, name: str, after: int) -> None:
    """Start a run that is killed as soon as it has called a function so many times."""
    program = KILLED.format(scripts=str(SCRIPTS), name=name, after=after, root=str(project), place=str(place))
    result = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("name", "after"), [("os.replace", 0), ("os.replace", 1), ("Path.write_bytes", 30)])
def test_a_run_that_was_killed_is_found_and_put_in_order(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str], name: str, after: int
) -> None:
    vendor.main([str(place)])
    old = state(place)
    add(project / PACKAGE / ERRORS, "# newer")
    killed_run(project, place, name, after)
    (place.with_name("groups.new") / "just_begun.py").touch()
    present = state(place) if place.exists() else state(place.with_name("groups.old"))
    assert present == old
    before = state(project.parent)
    capsys.readouterr()
    assert vendor.main(["--check", str(place)]) == 1
    assert f"{place}.new: left by an interrupted run; run it again" in lines(capsys)
    assert state(project.parent) == before
    assert vendor.main([str(place)]) == 0
    assert "completing it first" in capsys.readouterr().out
    assert os.listdir(place.parent) == ["groups"]
    assert vendor.main(["--check", str(place)]) == 0


def test_what_is_in_the_way_and_not_ours_is_left_alone(
    project: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.main([str(place)])
    backup = place.with_name("groups.old")
    folder_of_others(backup)
    before = state(project.parent)
    assert vendor.main([str(place), "--force"]) == 2
    assert f"{backup}: in the way, and not from an interrupted run" in lines(capsys)[0]
    assert state(project.parent) == before
    shutil.rmtree(backup)
    shutil.copytree(place, backup)
    add(backup / ERRORS, "import os  # worth keeping")
    before = state(project.parent)
    assert vendor.main([str(place)]) == 2
    assert "it was edited: move it away" in lines(capsys)[0]
    assert state(project.parent) == before
    assert vendor.main([str(place), "--force"]) == 0
    assert not backup.exists()
