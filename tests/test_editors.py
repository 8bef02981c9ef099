"""Editors complete the package and type checkers check it, although its public names load on first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jedi
import pytest
from attrs import fields_dict

import confluence_groups_sdk
from confluence_groups_sdk import AsyncConfluenceGroups, ConfluenceGroups, Group, User, membership, review, sandbox

CONSUMER = Path(__file__).parent / "typing" / "consumer.py"
ROOT = Path(__file__).parents[1]

CLIENT = """
from confluence_groups_sdk import ApiToken, {kind}

groups = {kind}("https://your-domain.atlassian.net", auth=ApiToken("me@example.com", "token"))
groups."""

MODEL = """
from confluence_groups_sdk import ConfluenceGroups

def work(groups: ConfluenceGroups) -> None:
    groups.{call}."""

MISSPELT = """\
from confluence_groups_sdk import ApiTokn
from confluence_groups_sdk.membership import plan_removal
from confluence_groups_sdk.sandbox import Sandbxo
"""

CORRECT = """\
from confluence_groups_sdk import ApiToken, ConfluenceGroups, Group, NotFoundError, __version__
from confluence_groups_sdk.membership import Plan, apply, plan_removals
from confluence_groups_sdk.sandbox import Faults, Sandbox

with (
    Sandbox(faults=Faults(seed=1)) as sandbox,
    ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups,
):
    found: list[Group] = list(groups.iter_groups())
    try:
        groups.remove_member(group_id=found[0].id, account_id="a")
    except NotFoundError as error:
        print(__version__, error.status_code + 1, found[0].name.upper())
    plan: Plan = plan_removals(groups, "leavers.csv")
    print(apply(groups, plan, journal="leavers.journal").counts)
"""


def public_names(of: object) -> set[str]:
    return {name for name in dir(of) if name.isidentifier() and not name.startswith("_")}


# --- completion by jedi, as in Spyder, pylsp and Vim


@pytest.fixture
def complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Completer:
    monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path / "cache"))
    # with an environment of its own, jedi cannot look at the modules that this process has loaded
    return Completer(jedi.Project(tmp_path), jedi.create_environment(sys.executable, safe=False))


class Completer:
    """Completes a program at its end."""

    def __init__(self, project: jedi.Project, environment: jedi.api.environment.Environment) -> None:
        self._project = project
        self._environment = environment

    def __call__(self, program: str) -> set[str]:
        script = jedi.Script(program, project=self._project, environment=self._environment)
        return {completion.name for completion in script.complete()}


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_all_methods_of_a_client_are_completed(complete: Completer, kind: type) -> None:
    assert public_names(kind) <= complete(CLIENT.format(kind=kind.__name__))


@pytest.mark.parametrize("package", [confluence_groups_sdk, membership, review, sandbox])
def test_all_public_names_are_completed_in_an_import(complete: Completer, package: object) -> None:
    name = package.__name__  # type: ignore[attr-defined] # it is a module
    assert public_names(package) <= complete(f"from {name} import ")


@pytest.mark.parametrize(("call", "kind"), [("get_group(group_id='g')", Group), ("current_user()", User)])
def test_all_fields_of_a_model_are_completed(complete: Completer, call: str, kind: type) -> None:
    assert {*fields_dict(kind), *public_names(kind)} <= complete(MODEL.format(call=call))


def test_the_sandbox_is_completed(complete: Completer) -> None:
    completed = complete("from confluence_groups_sdk.sandbox import Sandbox\nwith Sandbox() as sandbox:\n    sandbox.")
    assert public_names(sandbox.Sandbox) | {"admin", "directory", "url"} <= completed


# --- type checkers


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "misspelt.py").write_text(MISSPELT, encoding="utf-8")
    (folder / "correct.py").write_text(CORRECT, encoding="utf-8")
    settings = {"typeCheckingMode": "standard", "reportUnnecessaryTypeIgnoreComment": "error"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_mypy_rejects_only_the_misspelt_names(programs: Path) -> None:
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(programs / "cache"), "--config-file", ""]
    command = [sys.executable, "-m", "mypy", *options, "misspelt.py", "correct.py"]
    result = subprocess.run(command, cwd=programs, capture_output=True, check=False, encoding="utf-8")
    *errors, summary = result.stdout.splitlines()
    assert [line.partition(": error: Module")[0] for line in errors] == [
        f"misspelt.py:{number}" for number in (1, 2, 3)
    ]
    assert summary == "Found 3 errors in 1 file (checked 2 source files)"


def test_pyright_rejects_only_the_misspelt_names(programs: Path) -> None:
    """The consumer has wrong uses, each with an ignore comment; a comment that is not needed is also an error."""
    files = [str(programs / "misspelt.py"), str(programs / "correct.py"), str(CONSUMER)]
    options = ["--outputjson", "--pythonpath", sys.executable, "--project", str(programs)]
    command = [sys.executable, "-m", "pyright", *options, *files]
    result = subprocess.run(command, cwd=programs, capture_output=True, check=False, encoding="utf-8")
    found = json.loads(result.stdout)
    assert found["summary"]["filesAnalyzed"] == len(files), result.stdout
    places = [
        (Path(each["file"]).name, each["range"]["start"]["line"], each["rule"]) for each in found["generalDiagnostics"]
    ]
    assert places == [("misspelt.py", line, "reportAttributeAccessIssue") for line in (0, 1, 2)]
