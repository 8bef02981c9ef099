"""regenerate.py, run as a user runs it, in a copy of the project's inputs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from postman_items import CREATE, ROOT, SEED, edit_item
from project_copy import copy_project, read_files, replace, run
from versioning.released import accept_release

ITEM = f"openapi/postman/{SEED}"
OVERLAY = "openapi/overlay.yaml"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
LOCK = "openapi/spec.lock.json"
PACKAGE = "confluence_groups_sdk/_generated"
OPERATION = f"{PACKAGE}/api/group/remove_member_from_group_by_group_id.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of everything that the command reads and writes."""
    return copy_project(tmp_path)


def test_committed_files_are_current_with_any_hash_seed(project: Path) -> None:
    before = read_files(project)
    for seed in ("1", "2"):
        result = run(project, "--check", PYTHONHASHSEED=seed)
        assert (result.returncode, result.stderr) == (0, "")
    assert read_files(project) == before


def test_a_run_without_changes_prints_at_most_ten_lines(project: Path) -> None:
    before = read_files(project)
    for arguments in ((), ("--check",)):
        result = run(project, *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        assert len(result.stdout.splitlines()) <= 10
        accepted = 2 * len(list_items(project))  # the server and the flow of each item
        assert result.stdout.splitlines()[0] == f"losses: {accepted}, as accepted in openapi/accepted-losses.yaml"
    assert read_files(project) == before


def test_a_loss_that_is_not_accepted_is_a_problem(project: Path) -> None:
    script = '"event": [{"listen": "test", "script": {"exec": ["x"]}}],'
    replace(project / ITEM, '"response": [', f'{script}\n  "response": [')
    remedy = "change the item, or add the loss and its reason to openapi/accepted-losses.yaml"
    for arguments in ((), ("--check",)):
        result = run(project, *arguments)
        assert result.returncode == 1
        loss, last = result.stderr.splitlines()
        assert loss.startswith(f"lost: {ITEM} (")
        assert (loss.partition("'): ")[2], last) == ("/event: scripts: OpenAPI has none", remedy)


def test_an_accepted_loss_that_no_item_has_is_an_error(project: Path) -> None:
    losses = project / "openapi" / "accepted-losses.yaml"
    losses.write_text(losses.read_text() + '  - loss: "*: scripts: *"\n    reason: Tests are ours alone.\n')
    before = read_files(project)
    for arguments in ((), ("--check",)):
        result = run(project, *arguments)
        assert (result.returncode, result.stdout) == (2, "")
        message = "error: openapi/accepted-losses.yaml:8: /losses/2: matches no loss, so remove it: *: scripts: *"
        assert result.stderr.splitlines()[0] == message
    assert read_files(project) == before


def test_deleted_tree_is_restored_byte_for_byte(project: Path) -> None:
    before = read_files(project)
    shutil.rmtree(project / PACKAGE)
    (project / FRAGMENT).unlink()
    (project / LOCK).unlink()
    missing = run(project, "--check")
    assert missing.returncode == 1
    assert f"{OPERATION}: missing" in missing.stderr
    result = run(project, "--verbose")
    assert result.returncode == 0, result.stderr
    assert read_files(project) == before
    for part in ("accepted: ", "{{baseUrl}}", "oauth2", "overlay: $.paths['/api/group/userByGroupId'].delete: 1 match"):
        assert part in result.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
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
def test_check_names_edited_files(project: Path, name: str, old: str, new: str, message: str) -> None:
    replace(project / name, old, new)
    before = read_files(project)
    result = run(project, "--check")
    assert result.returncode == 1
    assert message in result.stderr
    assert read_files(project) == before


def test_check_names_files_that_were_not_generated(project: Path) -> None:
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
def test_invalid_input_changes_nothing(
    project: Path, name: str, old: str, new: str, part: str, arguments: tuple[str, ...]
) -> None:
    replace(project / name, old, new)
    before = read_files(project)
    result = run(project, *arguments)
    assert result.returncode == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert read_files(project) == before


def test_unreadable_input_exits_with_2(project: Path) -> None:
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


def test_overlay_of_a_deleted_item_is_an_error(project: Path) -> None:
    (project / "openapi/postman/create-group.json").unlink()
    result = run(project, "--check")
    assert (result.returncode, "matches nothing" in result.stderr) == (2, True)


def test_configuration_above_the_temporary_folder_is_ignored(project: Path, tmp_path: Path) -> None:
    above = tmp_path / "above"
    (above / "temporary").mkdir(parents=True)
    (above / ".ignore").write_text("*")
    (above / ".gitignore").write_text("*")
    (above / "ruff.toml").write_text("line-length = 20")
    result = run(project, "--check", TMPDIR=str(above / "temporary"))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_terminal_encoding_is_supported(project: Path, encoding: str) -> None:
    replace(project / ITEM, '"Remove member', '"Dagný 😀 remove member')
    result = run(project, "--verbose", PYTHONIOENCODING=encoding, PYTHONUTF8="0", LC_ALL="C")
    assert result.returncode == 0, result.stderr
    assert "remove member" in result.stdout


def test_file_in_place_of_a_folder_and_the_reverse_are_handled(project: Path) -> None:
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


def test_leftover_of_a_killed_write_is_named(project: Path) -> None:
    left = project / "openapi" / ".spec.lock.json.new"
    left.write_text("half")
    result = run(project, "--check")
    assert (result.returncode, "openapi/.spec.lock.json.new: left by an interrupted run" in result.stderr) == (1, True)
    assert run(project).returncode == 0
    assert not left.exists()


def test_project_file_without_pins_exits_with_2(project: Path) -> None:
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


# --- import of items from an export


def export(*items: object) -> str:
    return json.dumps({"info": {"name": "All"}, "item": [{"name": "Group", "item": list(items)}]})


def test_import_of_equal_items_changes_nothing(project: Path) -> None:
    (project / "export.json").write_text(export(*(json.loads(file.read_text()) for file in list_items(project))))
    before = read_files(project)
    result = run(project, "--import", str(project / "export.json"), "--folder", "Group")
    assert (result.returncode, result.stderr) == (0, "")
    unchanged = [line for line in result.stdout.splitlines() if line.startswith("unchanged: openapi/postman/")]
    assert len(unchanged) == len(list_items(project))
    assert read_files(project) == before


def list_items(project: Path) -> list[Path]:
    return sorted((project / "openapi/postman").glob("*.json"))


def test_different_item_is_replaced_only_with_replace_option(project: Path) -> None:
    new = {"name": "Another one", "request": {"method": "GET", "url": "{{baseUrl}}/api/another"}}
    gone = "openapi/postman/add-user-to-group-by-group-id.json"
    others = [
        json.loads(file.read_text())
        for file in list_items(project)
        if str(file.relative_to(project)) not in (gone, ITEM)
    ]
    (project / "export.json").write_text(export(edit_item("/request/description", "Another text"), new, *others))
    before = read_files(project)
    result = run(project, "--import", str(project / "export.json"))
    assert (result.returncode, "add --replace" in result.stderr) == (1, True)
    assert f"differs: {ITEM}: {project}/export.json ('Group / Remove member" in result.stdout
    assert "\n-      description: |-\n-        Remove user as a member" in result.stdout, "the difference is shown"
    assert "\n+      description: Another text\n" in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("gone: ")]
    assert lines == [f"gone: {gone}: the export has at least half of its folder, but not this one"]
    assert read_files(project) == before, "the new item is not written either"
    result = run(project, "--import", str(project / "export.json"), "--replace")
    assert result.returncode == 0
    assert "new: openapi/postman/another-one.json" in result.stdout
    after = read_files(project)
    assert {name for name in after if after[name] != before.get(name)} == {ITEM, "openapi/postman/another-one.json"}
    assert json.loads(after[ITEM])["request"]["description"] == "Another text"


def test_unusable_export_writes_nothing(project: Path) -> None:
    (project / "export.json").write_text(export(edit_item("/request/headers", [])))
    before = read_files(project)
    for arguments in (
        ("export.json",),
        ("export.json", "--folder", "None"),
        ("absent.json",),
        ("export.json", "--check"),
    ):
        result = run(project, "--import", str(project / arguments[0]), *arguments[1:])
        assert (result.returncode, "Traceback" in result.stderr) == (2, False)
    assert run(project, "--replace").returncode == 2
    assert read_files(project) == before


def test_every_broken_item_is_reported_in_one_run(project: Path) -> None:
    broken = [edit_item("/request/headers", []), edit_item("/request/urls", [], of=CREATE)]
    (project / "export.json").write_text(export(*broken))
    imported = run(project, "--import", str(project / "export.json"))
    for file, item in zip((SEED, CREATE), broken, strict=True):
        (project / "openapi/postman" / file).write_text(json.dumps(item))
    for result, where in ((imported, f"{project}/export.json"), (run(project, "--check"), "openapi/postman/")):
        assert result.returncode == 2
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert [error.startswith(f"error: {where}") for error in errors] == [True, True]
        assert sorted(error.partition(": /request/")[2] for error in errors) == [
            "headers: the member 'headers': not understood",
            "urls: the member 'urls': not understood",
        ]


def test_two_items_with_one_name_are_refused(project: Path) -> None:
    replace(project / "openapi/postman" / CREATE, '"name": "Create group"', '"name": "Get groups"')
    before = read_files(project)
    result = run(project)
    assert (result.returncode, read_files(project)) == (2, before)
    assert "openapi/postman/get-groups.json:2 ('Get groups'): /name: 'Get groups' makes the same operation name as" in (
        result.stderr
    )


# --- changes since the last release

VERSION = "confluence_groups_sdk/_version.py"
CLIENT = "confluence_groups_sdk/async_client.py"
VERDICT = ("change: ", "surface: ", "version: ")


def no_change_line(version: str) -> str:
    return f"version: {version} is required: nothing has changed since {version}; {VERSION} has {version}"


@pytest.fixture
def released_project(project: Path) -> Path:
    """Return a copy of the project whose current state is released as 0.4.2."""
    (project / VERSION).write_text('__version__ = "0.4.2"\n', encoding="utf-8")
    accept_release(project)
    return project


def test_changes_are_reported_before_files_are_written(released_project: Path) -> None:
    replace(released_project / ITEM, "Id of the group whose", "Id of the group, whose")
    replace(released_project / CLIENT, "def create_group(self, *, name", "def create_group(self, *, title")
    old, new = (f"lambda *, {name}: operations.create_group({name})" for name in ("name", "title"))
    replace(released_project / "confluence_groups_sdk/_core/api/first_call.py", old, new)
    result = run(released_project)
    assert result.returncode == 0, "only --check fails for the version"
    lines = result.stdout.splitlines()
    labels = [line.partition(":")[0] for line in lines]
    assert sorted(set(labels), key=labels.index) == [
        "losses",
        "overlay",
        "change",
        "surface",
        "version",
        "writing",
        "done",
    ]
    verdict = [line for line in lines if line.startswith(VERDICT)]
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


def test_check_requires_the_version_that_the_changes_need(released_project: Path) -> None:
    assert run(released_project, "--check").stdout.splitlines()[-1] == no_change_line("0.4.2")
    replace(released_project / ITEM, "Id of the group whose", "Id of the group, whose")
    assert run(released_project).returncode == 0
    result = run(released_project, "--check")
    assert result.returncode == 1
    assert result.stderr == f"{VERSION}: set 0.4.3 (patch) instead of 0.4.2\n"
    replace(released_project / VERSION, "0.4.2", "0.4.3")
    result = run(released_project, "--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].endswith(f"documentation changed (fix); {VERSION} has 0.4.3")
    assert "openapi/released/confluence-groups.openapi.yaml" in accept_release(released_project)
    assert run(released_project, "--check").stdout.splitlines()[-1] == no_change_line("0.4.3")


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
def test_unreadable_release_changes_nothing(project: Path, name: str, text: str | None, part: str) -> None:
    file = project / "openapi/released" / name
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    replace(project / ITEM, "Id of the group whose", "Id of the group, whose")
    before = read_files(project)
    result = run(project)
    assert (result.returncode, part in result.stderr, "Traceback" in result.stderr) == (2, True, False)
    assert read_files(project) == before


# --- a killed swap


KILLED = """
import os, signal, sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
from codegen import file_tree
real, calls = os.replace, []
def killed(source, target):
    if calls:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(source)
    real(source, target)
os.replace = killed
file_tree.swap(Path({package!r}), {{"__init__.py": b"new"}})
"""


def test_kill_between_the_renames_is_detected_and_repaired(project: Path) -> None:
    before = read_files(project)
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
    assert read_files(project) == before
