"""The one command, run as a user runs it, in a copy of the project's inputs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from postman_items import ROOT, SEED, edit_item
from versioning.released import accept_release

ITEM = f"openapi/postman/{SEED}"
OVERLAY = "openapi/overlay.yaml"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
LOCK = "openapi/spec.lock.json"
PACKAGE = "confluence_groups_sdk/_generated"
OPERATION = f"{PACKAGE}/api/group/remove_member_from_group_by_group_id.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of all that the command reads and writes."""
    for folder in ("openapi", "scripts", "confluence_groups_sdk"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "generator-config.yaml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts" / "regenerate.py"), *arguments]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.parent, env=variables)


def state(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_is_committed_is_what_would_be_written_on_any_hash_seed(project: Path) -> None:
    before = state(project)
    for seed in ("1", "2"):
        result = run(project, "--check", PYTHONHASHSEED=seed)
        assert (result.returncode, result.stderr) == (0, "")
    assert state(project) == before


def test_a_tree_that_was_deleted_comes_back_byte_for_byte(project: Path) -> None:
    before = state(project)
    shutil.rmtree(project / PACKAGE)
    (project / FRAGMENT).unlink()
    (project / LOCK).unlink()
    missing = run(project, "--check")
    assert missing.returncode == 1
    assert f"{OPERATION}: missing" in missing.stderr
    result = run(project)
    assert result.returncode == 0, result.stderr
    assert state(project) == before
    for part in ("lost: ", "{{baseUrl}}", "oauth2", "overlay: $.paths['/api/group/userByGroupId'].delete: 1 match"):
        assert part in result.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "named"),
    [
        (ITEM, "Id of the group whose", "Id of the group, whose", f"{FRAGMENT}: differs"),
        (ITEM, "Id of the group whose", "Id of the group, whose", ITEM),
        (ITEM, "{\n", "{ \n", ITEM),
        ("openapi/postman/get-groups.json", "Lists all groups", "Lists the groups", "openapi/postman/get-groups.json"),
        (f"{PACKAGE}/models/group.py", "A group of users.", "A group.", f"{PACKAGE}/models/group.py: differs"),
        (OVERLAY, "The gateway, for", "The gateway; for", OVERLAY),
        (OVERLAY, "url: https://your-domain", "url: https://my-domain", f"{FRAGMENT}: differs"),
        (OVERLAY, "update: write:confluence-groups", "update: read:confluence-groups", f"{FRAGMENT}: differs"),
        (OVERLAY, "# What", "# That", OVERLAY),
        ("generator-config.yaml", "# openapi", "#  openapi", "generator-config.yaml"),
        (FRAGMENT, "Confluence groups", "Confluence Groups", f"{FRAGMENT}: differs"),
        (OPERATION, "204", "205", f"{OPERATION}: differs"),
        (f"{PACKAGE}/api/__init__.py", "# Generated", "#Generated", f"{PACKAGE}/api/__init__.py: differs"),
        (LOCK, '"openapi-python-client": "0.29.1"', '"openapi-python-client": "0.29.0"', "openapi-python-client"),
        (LOCK, "{", "", f"{LOCK}: differs"),
        ("confluence_groups_sdk/client.py", "class ConfluenceGroups", "class  ConfluenceGroups", "client.py: differs"),
        ("pyproject.toml", "ruff==", "ruff==9", "is pinned"),
    ],
)
def test_the_check_names_what_was_edited(project: Path, name: str, old: str, new: str, named: str) -> None:
    replace(project / name, old, new)
    before = state(project)
    result = run(project, "--check")
    assert result.returncode == 1
    assert named in result.stderr
    assert state(project) == before


def test_the_check_names_files_that_were_not_generated(project: Path) -> None:
    (project / PACKAGE / "api" / "extra.py").write_text("")
    (project / PACKAGE / "models" / "__pycache__").mkdir()
    (project / PACKAGE / "models" / "__pycache__" / "x.pyc").write_bytes(b"")
    result = run(project, "--check")
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == f"{PACKAGE}/api/extra.py: not generated"
    assert "pycache" not in result.stderr
    assert run(project).returncode == 0
    assert not (project / PACKAGE / "api" / "extra.py").exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "part"),
    [
        (ITEM, '"name"', "name", "not valid JSON"),
        (ITEM, '"header": []', '"headers": []', "/request/headers: the member 'headers': not understood"),
        (OVERLAY, "overlay: 1.0.0", "overlay: [", "not valid YAML"),
        (OVERLAY, "[*].security\n", "[*].securities\n", "matches nothing"),
        (OVERLAY, "type: http\n", "type: smoke\n", "openapi/overlay.yaml do not make valid OpenAPI"),
        (
            "generator-config.yaml",
            "post_hooks:",
            "post_hooks: [",
            "generator-config.yaml: not valid YAML",
        ),
        ("generator-config.yaml", "post_hooks:", "post_hooks: 1\nx:", "generator-config.yaml"),
        (
            "generator-config.yaml",
            "ruff check",
            "no-such-command check",
            "openapi-python-client, with generator-config",
        ),
        (OVERLAY, "operationId: removeMember", 'operationId: "', "openapi/overlay.yaml has changed since the last run"),
        (OVERLAY, "info:\n        title", "x-big: .inf\n      info:\n        title", "inf is not a JSON number"),
        (OVERLAY, "info:\n        title", "x-day: 2020-01-01\n      info:\n        title", "JSON has no date"),
        (OVERLAY, "info:\n        title", "409: x\n      info:\n        title", "the key 409 is not a string"),
        (OVERLAY, "info:\n        title", "x: &a [*a]\n      info:\n        title", "nested more than"),
        (OVERLAY, "info:\n        title", "paths: {x-foo: y}\n      info:\n        title", "do not make valid OpenAPI"),
        (OVERLAY, "url: https://your", "x: {$ref: '#/nope'}\n          url: https://your", "do not make valid OpenAPI"),
        (OVERLAY, "# What", "\ufeff# What", "byte order mark"),
        (OVERLAY, "target: $\n", "target: $" + "(" * 3000 + "\n", "not valid JSONPath"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_an_input_that_does_not_do_changes_nothing(
    project: Path, name: str, old: str, new: str, part: str, arguments: tuple[str, ...]
) -> None:
    replace(project / name, old, new)
    before = state(project)
    result = run(project, *arguments)
    assert result.returncode == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert state(project) == before


def test_inputs_that_cannot_be_read(project: Path) -> None:
    (project / ITEM).write_bytes(b"\xff")
    assert "not UTF-8" in run(project, "--check").stderr
    for item in (project / ITEM).parent.glob("*.json"):
        item.unlink()
    result = run(project, "--check")
    assert (result.returncode, "no Postman item" in result.stderr) == (2, True)
    (project / OVERLAY).unlink()
    shutil.copy(ROOT / ITEM, project / ITEM)
    result = run(project, "--check")
    assert (result.returncode, f"{OVERLAY}: cannot be read" in result.stderr) == (2, True)


def test_an_item_that_is_gone_leaves_the_overlay_nothing_to_match(project: Path) -> None:
    (project / "openapi/postman/create-group.json").unlink()
    result = run(project, "--check")
    assert (result.returncode, "matches nothing" in result.stderr) == (2, True)


def test_nothing_above_the_temporary_folder_counts(project: Path, tmp_path: Path) -> None:
    above = tmp_path / "above"
    (above / "temporary").mkdir(parents=True)
    (above / ".ignore").write_text("*")
    (above / ".gitignore").write_text("*")
    (above / "ruff.toml").write_text("line-length = 20")
    result = run(project, "--check", TMPDIR=str(above / "temporary"))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_terminal_will_do(project: Path, encoding: str) -> None:
    replace(project / ITEM, '"Remove member', '"Dagný 😀 remove member')
    result = run(project, PYTHONIOENCODING=encoding, PYTHONUTF8="0", LC_ALL="C")
    assert result.returncode == 0, result.stderr
    assert "remove member" in result.stdout


def test_a_file_where_a_folder_belongs_and_the_other_way_round(project: Path) -> None:
    (project / LOCK).unlink()
    (project / LOCK).mkdir()
    for arguments in ((), ("--check",)):
        result = run(project, *arguments)
        assert (result.returncode, "spec.lock.json" in result.stderr) == (2, True)
        assert "Traceback" not in result.stderr
    (project / LOCK).rmdir()
    shutil.rmtree(project / PACKAGE)
    (project / PACKAGE).write_text("a file")
    (project / f"{PACKAGE}.old").symlink_to("nowhere")
    (project / f"{PACKAGE}.new").write_text("a file")
    assert run(project, "--check").returncode == 1
    assert run(project).returncode == 0
    assert run(project, "--check").returncode == 0


def test_a_write_that_was_killed_is_named(project: Path) -> None:
    left = project / "openapi" / ".spec.lock.json.new"
    left.write_text("half")
    result = run(project, "--check")
    assert (result.returncode, "openapi/.spec.lock.json.new: left by an interrupted run" in result.stderr) == (1, True)
    assert run(project).returncode == 0
    assert not left.exists()


def test_a_project_file_without_pins(project: Path) -> None:
    for text in ("[", "", "[dependency-groups]\ncodegen = 1\n"):
        (project / "pyproject.toml").write_text(text)
        result = run(project, "--check")
        assert (result.returncode, "pyproject.toml: " in result.stderr) == (2, True)
        assert "Traceback" not in result.stderr


def test_a_link_is_not_a_generated_file(project: Path) -> None:
    operation = project / OPERATION
    operation.rename(project / "elsewhere.py")
    operation.symlink_to(project / "elsewhere.py")
    (project / PACKAGE / "dangling.py").symlink_to("nowhere")
    (project / PACKAGE / "loop").symlink_to(project / PACKAGE)
    (project / PACKAGE / "__pycache__").mkdir()
    (project / PACKAGE / "__pycache__" / "extra.py").write_text("")
    result = run(project, "--check")
    assert result.returncode == 1
    assert f"{OPERATION}: differs" in result.stderr
    for extra in ("dangling.py", "loop", "__pycache__/extra.py"):
        assert f"{PACKAGE}/{extra}: not generated" in result.stderr
    assert run(project).returncode == 0
    assert not operation.is_symlink()


def test_a_second_item_on_the_same_path_is_refused(project: Path) -> None:
    (project / "openapi/postman/second.json").write_text(json.dumps(edit_item("/name", "Another")))
    result = run(project, "--check")
    assert result.returncode == 2
    assert "second.json" in result.stderr
    assert SEED in result.stderr


# --- items out of an export


def export(*items: object) -> str:
    return json.dumps({"info": {"name": "All"}, "item": [{"name": "Group", "item": list(items)}]})


def test_an_export_is_split_into_items_that_change_nothing_where_they_say_the_same(project: Path) -> None:
    (project / "export.json").write_text(export(*(json.loads(file.read_text()) for file in items_of(project))))
    before = state(project)
    result = run(project, "--import", str(project / "export.json"), "--folder", "Group")
    assert (result.returncode, result.stderr) == (0, "")
    unchanged = [line for line in result.stdout.splitlines() if line.startswith("unchanged: openapi/postman/")]
    assert len(unchanged) == len(items_of(project))
    assert state(project) == before


def items_of(project: Path) -> list[Path]:
    return sorted((project / "openapi/postman").glob("*.json"))


def test_an_item_that_differs_is_replaced_only_where_that_is_asked(project: Path) -> None:
    new = {"name": "Another one", "request": {"method": "GET", "url": "{{baseUrl}}/api/another"}}
    (project / "export.json").write_text(export(edit_item("/request/description", "Another text"), new))
    before = state(project)
    result = run(project, "--import", str(project / "export.json"))
    assert (result.returncode, "add --replace" in result.stderr) == (1, True)
    assert f"differs: {ITEM}: {project}/export.json ('Group / Remove member" in result.stdout
    assert state(project) == before, "the new one is not written either"
    result = run(project, "--import", str(project / "export.json"), "--replace")
    assert result.returncode == 0
    assert "new: openapi/postman/another-one.json" in result.stdout
    after = state(project)
    assert {name for name in after if after[name] != before.get(name)} == {ITEM, "openapi/postman/another-one.json"}
    assert json.loads(after[ITEM])["request"]["description"] == "Another text"


def test_an_export_that_cannot_be_used_writes_nothing(project: Path) -> None:
    (project / "export.json").write_text(export(edit_item("/request/headers", [])))
    before = state(project)
    for arguments in (
        ("export.json",),
        ("export.json", "--folder", "None"),
        ("absent.json",),
        ("export.json", "--check"),
    ):
        result = run(project, "--import", str(project / arguments[0]), *arguments[1:])
        assert (result.returncode, "Traceback" in result.stderr) == (2, False)
    assert run(project, "--replace").returncode == 2
    assert state(project) == before


# --- what has changed since the last release

VERSION = "confluence_groups_sdk/_version.py"
CLIENT = "confluence_groups_sdk/async_client.py"
VERDICT = ("change: ", "surface: ", "version: ")


def nothing_changed_since(version: str) -> str:
    return f"version: {version} is required: nothing has changed since {version}; {VERSION} has {version}"


@pytest.fixture
def released(project: Path) -> Path:
    """Return a copy of the project whose present state is released as 0.4.2."""
    (project / VERSION).write_text('__version__ = "0.4.2"\n', encoding="utf-8")
    accept_release(project)
    return project


def test_everything_is_said_before_anything_is_written(released: Path) -> None:
    replace(released / ITEM, "Id of the group whose", "Id of the group, whose")
    replace(released / CLIENT, "def create_group(self, *, name", "def create_group(self, *, title")
    result = run(released)
    assert result.returncode == 0, "a run writes; the check insists"
    said = result.stdout.splitlines()
    words = [line.partition(":")[0] for line in said]
    assert sorted(set(words), key=words.index) == ["lost", "overlay", "change", "surface", "version", "writing", "done"]
    verdict = [line for line in said if line.startswith(VERDICT)]
    assert verdict == [
        "change: DELETE /api/group/userByGroupId: query parameter groupId: documentation changed (fix)",
        "surface: confluence_groups_sdk.AsyncConfluenceGroups.create_group(name): parameter removed (breaking)",
        "surface: confluence_groups_sdk.AsyncConfluenceGroups.create_group(title): required parameter added (breaking)",
        "surface: confluence_groups_sdk.ConfluenceGroups.create_group(name): parameter removed (breaking)",
        "surface: confluence_groups_sdk.ConfluenceGroups.create_group(title): required parameter added (breaking)",
        "version: 0.5.0 (minor) is required: confluence_groups_sdk.AsyncConfluenceGroups.create_group(name): "
        f"parameter removed (breaking); {VERSION} has 0.4.2: too low",
    ]
    page = (ROOT / "openapi/README.md").read_text(encoding="utf-8")
    assert [line.strip() for line in page.splitlines() if line.strip().startswith(VERDICT)] == verdict


def test_the_check_wants_the_version_that_the_changes_ask_for(released: Path) -> None:
    assert run(released, "--check").stdout.splitlines()[-1] == nothing_changed_since("0.4.2")
    replace(released / ITEM, "Id of the group whose", "Id of the group, whose")
    assert run(released).returncode == 0
    result = run(released, "--check")
    assert result.returncode == 1
    assert result.stderr == f"{VERSION}: set 0.4.3 (patch) instead of 0.4.2\n"
    replace(released / VERSION, "0.4.2", "0.4.3")
    result = run(released, "--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].endswith(f"documentation changed (fix); {VERSION} has 0.4.3")
    assert "openapi/released/confluence-groups.openapi.yaml" in accept_release(released)
    assert run(released, "--check").stdout.splitlines()[-1] == nothing_changed_since("0.4.3")


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("version.txt", None, "openapi/released/version.txt: cannot be read"),
        ("version.txt", "soon", "'soon' is not a version"),
        ("public-api.json", "{", "openapi/released/public-api.json: not valid JSON"),
        ("public-api.json", '{"confluence_groups_sdk": {"Group": "def ("}}', "public API: /confluence_groups_sdk"),
        ("confluence-groups.openapi.yaml", "a: [", "openapi/released/confluence-groups.openapi.yaml: not valid YAML"),
        ("confluence-groups.openapi.yaml", "a: b", "/openapi: must be an OpenAPI document of version 3"),
    ],
)
def test_a_release_that_cannot_be_read_changes_nothing(project: Path, name: str, text: str | None, part: str) -> None:
    file = project / "openapi/released" / name
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    replace(project / ITEM, "Id of the group whose", "Id of the group, whose")
    before = state(project)
    result = run(project)
    assert (result.returncode, part in result.stderr, "Traceback" in result.stderr) == (2, True, False)
    assert state(project) == before


# --- a swap that is killed


KILLED = """
import os, signal, sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
from codegen import generator
real, calls = os.replace, []
def killed(source, target):
    if calls:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(source)
    real(source, target)
os.replace = killed
generator.swap(Path({package!r}), {{"__init__.py": b"new"}})
"""


def test_a_kill_between_the_renames_is_found_and_put_in_order(project: Path) -> None:
    before = state(project)
    program = KILLED.format(scripts=str(project / "scripts"), package=str(project / PACKAGE))
    killed = subprocess.run([sys.executable, "-B", "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (project / PACKAGE).exists()
    check = run(project, "--check")
    assert check.returncode == 1
    assert f"{PACKAGE}.old: left by an interrupted run" in check.stderr
    result = run(project)
    assert result.returncode == 0
    assert "completing it first" in result.stdout
    assert state(project) == before
