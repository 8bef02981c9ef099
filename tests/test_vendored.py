"""Two vendored copies of the package, of different versions, and the installed package do not affect each other."""

from __future__ import annotations

import importlib
import importlib.resources
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import pytest
import recording
import vendor
from recording import event_values, record_compat, review_values
from test_cassettes import CASES

import confluence_groups_sdk as installed

TESTS = Path(__file__).parent
INSTALLED = installed.__name__
GROUPS_A = "bigger_sdk._vendor.groups_a"
GROUPS_B = "bigger_sdk.vendored.deep.groups_b"
NAMES = (INSTALLED, GROUPS_A, GROUPS_B)
SITE = "https://your-domain.atlassian.net"
BOTH = {"group_id": "g", "account_id": "a"}

OTHER_VERSION = (  # file, its text, and the text in another version
    ("_version.py", f'"{installed.__version__}"', '"9.9.9"'),
    ("models.py", "    locale: str | None = None\n", "    locale: str | None = None\n    pronouns: str = 'unsaid'\n"),
    ("errors.py", "Check the group id and the account id", "Look at the group id and the account id"),
    ("sandbox/app.py", "        return value\n\n    def to_string", "        return '?'\n\n    def to_string"),
    ("_support/html_page/page.css", "h1 {", "h1, h6 {"),
)


@pytest.fixture(scope="module")
def sdk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the SDK that contains the copies."""
    folder = tmp_path_factory.mktemp("bigger")
    for name in (GROUPS_A, GROUPS_B):
        place = folder.joinpath(*name.split("."))
        place.parent.mkdir(parents=True)
        for parent in place.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
        assert vendor.main([str(place)]) == 0
    for file, old, new in OTHER_VERSION:
        path = folder.joinpath(*GROUPS_B.split(".")) / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, file
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


class Copies(NamedTuple):
    """The installed package and the two copies."""

    installed: Any
    a: Any
    b: Any


@pytest.fixture(scope="module")
def copies(sdk_folder: Path) -> Iterator[Copies]:
    """Return the package and its copies, imported into this process."""
    sys.path.insert(0, str(sdk_folder))
    try:
        yield Copies(*map(importlib.import_module, NAMES))
    finally:
        sys.path.remove(str(sdk_folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "bigger_sdk"]:
            del sys.modules[name]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", **environment}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=variables)


def submodule(name: str, copy: Any) -> Any:
    return importlib.import_module(f"{copy.__name__}.{name}")


def make_not_found_error(copy: Any) -> Any:
    """Return the error of a call whose response is a 404."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"message": request.headers["user-agent"]})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = copy.ConfluenceGroups(SITE, auth=copy.BearerToken("t"), http_client=http)
    with client as groups, pytest.raises(copy.NotFoundError) as caught:
        groups.remove_member(**BOTH)
    return caught.value


def read_recorded_values(name: str) -> dict[str, object]:
    """Return the values and errors that record_compat pickles, made with a copy."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (event_values, review_values):
            patch.setattr(recording, module.__name__.rpartition(".")[2], load_with_copy(module, name))
        return dict(load_with_copy(record_compat, name).PICKLED)


def load_with_copy(original: ModuleType, name: str) -> ModuleType:
    """Return a module that uses a copy instead of the installed package."""
    assert original.__file__
    module = ModuleType(f"{original.__name__}_of_{name}")
    module.__file__ = original.__file__
    source = Path(original.__file__).read_text(encoding="utf-8").replace(INSTALLED, name)
    exec(compile(source, original.__file__, "exec"), module.__dict__)
    return module


def test_cassettes_are_replayed_through_all_copies_in_one_process(sdk_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(sdk_folder / "bigger_sdk", tmp_path / "bigger_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TESTS / "cassettes", tmp_path / "cassettes")
    text = (TESTS / "test_cassettes.py").read_text(encoding="utf-8")
    files = [f"test_{number}.py" for number in range(len(NAMES))]
    for file, name in zip(files, NAMES, strict=True):
        (tmp_path / file).write_text(text.replace(INSTALLED, name), encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-W", "error"]
    result = run(tmp_path, "-m", "pytest", *options, *files, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="")
    assert result.returncode == 0, result.stdout
    assert f"{len(NAMES) * (2 * len(CASES) + 1)} passed" in result.stdout


@pytest.mark.parametrize("name", [GROUPS_A, GROUPS_B])
def test_copy_imports_no_module_of_another_copy(sdk_folder: Path, name: str) -> None:
    place = sdk_folder.joinpath(*name.split("."))
    modules = [path.relative_to(sdk_folder).with_suffix("") for path in place.rglob("*.py") if path.stem != "__main__"]
    others = [each for each in NAMES if each != name]
    program = f"""
import importlib, sys
for each in {[".".join(path.parts) for path in modules]!r}:
    importlib.import_module(each)
print(*(each for each in sys.modules if each.startswith({tuple(others)!r})))
"""
    result = run(sdk_folder, "-c", program)
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "", "")


def test_each_copy_has_its_own_version_and_user_agent(copies: Copies) -> None:
    versions = [copy.__version__ for copy in copies]
    assert versions == [installed.__version__, installed.__version__, "9.9.9"]
    for copy, version in zip(copies, versions, strict=True):
        assert make_not_found_error(copy).message.startswith(f"confluence-groups-sdk/{version} ")


def test_errors_of_different_copies_are_different_classes(copies: Copies) -> None:
    errors = [make_not_found_error(copy) for copy in copies]
    for error, own in zip(errors, copies, strict=True):
        assert [isinstance(error, copy.ConfluenceGroupsError) for copy in copies] == [copy is own for copy in copies]
    assert [type(error).remedy.startswith("Look at the group id") for error in errors] == [False, False, True]


@pytest.mark.parametrize("package", ["", ".membership", ".review"])
def test_no_class_is_shared(copies: Copies, package: str) -> None:
    modules = [importlib.import_module(f"{copy.__name__}{package}") for copy in copies]
    public = [name for name in dir(modules[0]) if name[0].isupper()]
    assert public
    for name in public:
        kinds = [getattr(module, name) for module in modules]
        if isinstance(kinds[0], type) and not getattr(kinds[0], "_is_protocol", False):
            assert len(set(kinds)) == 3, name
            assert not [kind for kind in kinds for other in kinds if kind is not other and issubclass(kind, other)]
            assert [kind.__module__ for kind in kinds] == [module.__name__ for module in modules]


def test_loggers_are_separate(copies: Copies, caplog: pytest.LogCaptureFixture) -> None:
    loggers = [submodule("_support.log", copy).logger for copy in copies]
    assert [logger.name for logger in loggers] == list(NAMES)
    with caplog.at_level(logging.INFO, logger=GROUPS_A):
        for copy in copies:
            make_not_found_error(copy)
    assert {record.name for record in caplog.records if record.name.startswith(NAMES)} == {GROUPS_A}


def test_log_variable_prints_the_lines_of_each_copy_once(sdk_folder: Path) -> None:
    program = f"""
import httpx, {GROUPS_A} as a, {GROUPS_B} as b, {INSTALLED} as installed
for copy in (a, b, installed):
    http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(204)))
    with copy.ConfluenceGroups({SITE!r}, auth=copy.ApiToken("e@example.com", "t"), http_client=http) as groups:
        groups.remove_member(group_id="g", account_id="a")
"""
    result = run(sdk_folder, "-c", program, CONFLUENCE_GROUPS_LOG="info")
    assert result.returncode == 0, result.stderr
    assert re.findall(r"INFO ([\w.]+): removeMember", result.stderr) == [GROUPS_A, GROUPS_B, INSTALLED]


@pytest.mark.parametrize("name", NAMES)
def test_pickles_are_loaded_by_the_copy_that_wrote_them(copies: Copies, name: str) -> None:
    own = next(copy for copy in copies if copy.__name__ == name)
    others = [other for other in NAMES if other != name]
    values = read_recorded_values(name)
    assert len(values) == len(record_compat.PICKLED)
    for kind, value in values.items():
        content = pickle.dumps(value)
        assert not [other for other in others if other.encode() in content], kind
        again = pickle.loads(content)
        assert type(again) is type(value), kind
        assert type(again).__module__.startswith(own.__name__), kind


def test_each_copy_keeps_its_own_process_state(copies: Copies) -> None:
    ours, *others = (submodule("_core.call_metadata", copy) for copy in (copies.a, copies.b, copies.installed))
    token = ours.current_call_metadata.set(ours.CallMetadata())
    try:
        assert [other.current_call_metadata.get() for other in others] == [None, None]
    finally:
        ours.current_call_metadata.reset(token)
    rate_limiters = [copy.RateLimiter() for copy in copies]
    for rate_limiter, own in zip(rate_limiters, copies, strict=True):
        known = [rate_limiter in submodule("_core.limits.concurrency_limiter", copy)._LIMITERS for copy in copies]
        assert known == [copy is own for copy in copies]


def test_options_of_another_copy_are_refused_by_their_full_name(copies: Copies) -> None:
    for name, option in (("RetryPolicy", "retry"), ("RateLimiter", "rate_limiter")):
        foreign: dict[str, Any] = {option: getattr(copies.b, name)()}
        with pytest.raises(TypeError, match=rf"{option} must be a {name}, not {re.escape(GROUPS_B)}\.{name}"):
            copies.a.ConfluenceGroups(SITE, auth=copies.a.BearerToken("t"), **foreign)


def test_sandboxes_are_separate_and_plans_are_applied_through_each(copies: Copies, tmp_path: Path) -> None:
    rooms = [submodule("sandbox.app", copy) for copy in reversed(copies)]  # the other version first
    assert len({room.OPAQUE for room in rooms}) == 3
    for copy in (copies.a, copies.installed):
        membership = submodule("membership", copy)
        with (
            submodule("sandbox", copy).Sandbox() as sandbox,
            copy.ConfluenceGroups(sandbox.url, auth=copy.ApiToken(*sandbox.admin)) as groups,
        ):
            group = sandbox.directory.group_named("docs-editors")
            leaver = sandbox.directory.members(group.id)[0]
            assert leaver.account_id in [user.account_id for user in groups.iter_members(group_id=group.id)]
            plan = membership.plan_removals(groups, [(group.id, leaver.account_id)])
            plan.save(tmp_path / f"{copy.__name__}.json")
            report = membership.apply(groups, plan, journal=tmp_path / f"{copy.__name__}.journal")
            assert [result.outcome for result in report.results] == [membership.Outcome.REMOVED]
            assert not sandbox.directory.is_member(group.id, leaver.account_id)
    # all copies can read each other's files
    assert submodule("membership", copies.b).Plan.load(tmp_path / f"{GROUPS_A}.json").changes


def test_fixtures_of_a_copy_are_loaded_on_request(sdk_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(sdk_folder / "bigger_sdk", tmp_path / "bigger_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{GROUPS_A}.sandbox.pytest_plugin']\n")
    (tmp_path / "test_it.py").write_text(f"""
import sys
def test_it(confluence_sandbox, confluence_groups):
    assert confluence_groups.current_user().email == confluence_sandbox.admin.email
    assert type(confluence_groups).__module__ == "{GROUPS_A}"
    assert "{INSTALLED}" not in sys.modules
""")
    options = ["-q", "-p", "no:cacheprovider", "-W", "error"]
    result = run(tmp_path, "-m", "pytest", *options, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="")
    assert result.returncode == 0, result.stdout + result.stderr


# --- the command line of a copy


def test_the_command_line_of_a_copy_has_its_own_name_and_keeps_its_own_logins(copies: Copies) -> None:
    programs = [submodule("cli.program", copy) for copy in copies]
    assert [program.PROGRAM for program in programs] == [
        "confluence-groups",
        *(f"python -m {name}.cli" for name in NAMES[1:]),
    ]
    stores = [submodule("cli.session.state_store", copy) for copy in copies]
    assert [submodule("cli.session.keyring_store", copy).SERVICE for copy in copies] == [
        "confluence-groups",
        GROUPS_A,
        GROUPS_B,
    ]
    assert [store.folder().name.lstrip(".") for store in stores] == ["confluence-groups", GROUPS_A, GROUPS_B]
    folders = [importlib.resources.files(submodule("_support.html_page.page", copy).FOLDER) for copy in copies]
    styles = [folder.joinpath("page.css").read_text(encoding="utf-8") for folder in folders]
    assert styles[0] == styles[1] != styles[2]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--version"], f"python -m {GROUPS_A}.cli {installed.__version__}"),
        (["groups", "list", "--help"], f"python -m {GROUPS_A}.cli groups list --access admin"),
        (["groups", "list", "--help"], f"Usage: python -m {GROUPS_A}.cli groups list"),
        (["groups", "list"], f"log in with python -m {GROUPS_A}.cli login, or start a sandbox with python -m"),
        (["groups", "list", "--sandbox"], f"start one with python -m {GROUPS_A}.cli sandbox"),
        (["sites"], f"log in with python -m {GROUPS_A}.cli login"),
    ],
)
def test_help_shows_the_command_of_the_copy(sdk_folder: Path, tmp_path: Path, arguments: list[str], part: str) -> None:
    result = run(sdk_folder, "-m", f"{GROUPS_A}.cli", *arguments, XDG_CONFIG_HOME=str(tmp_path))
    assert part in " ".join((result.stdout + result.stderr).split())
    assert "Traceback" not in result.stderr


def test_command_line_without_the_sandbox_reports_it(tmp_path: Path) -> None:
    assert vendor.main([str(tmp_path / "groups"), "--without", "sandbox"]) == 0
    result = run(tmp_path, "-m", "groups.cli", "sandbox", XDG_CONFIG_HOME=str(tmp_path))
    assert (result.returncode, result.stderr) == (2, "error: this copy of the package was made without its sandbox\n")


# --- from an archive

FROM_ARCHIVE = """
import sys, tempfile, importlib.resources
from pathlib import Path
sys.path.insert(0, {archive!r})
import {name} as sdk
from {name} import membership
from {name}.cli.rendering.approval_page import render_approval_page
from {name}.sandbox import Sandbox
with Sandbox() as sandbox, sdk.ConfluenceGroups(sandbox.url, auth=sdk.ApiToken(*sandbox.admin)) as groups:
    group = sandbox.directory.group_named("docs-editors")
    one, two, *_ = sandbox.directory.members(group.id)
    groups.remove_member(group_id=group.id, account_id=one.account_id)
    plan = membership.plan_removals(groups, [(group.id, two.account_id)])
    with tempfile.TemporaryDirectory() as folder:
        report = membership.apply(groups, plan, journal=Path(folder, "journal"))
    assert not {{one.account_id, two.account_id}} & {{each.account_id for each in sandbox.directory.members(group.id)}}
page = render_approval_page(plan)
assert "<style>:root" in page and "</script>" in page and plan.digest in page
assert "schema" in importlib.resources.files(membership).joinpath("plan.schema.json").read_text()
ours = [module.__file__ for name, module in sys.modules.items() if name.startswith({name!r})]
assert len(ours) > 60 and all(file.startswith({archive!r}) for file in ours), ours
"""


@pytest.mark.parametrize("name", ["groups", INSTALLED])
def test_package_runs_from_an_archive(tmp_path: Path, name: str) -> None:
    place, archive = tmp_path / name, tmp_path / "packages.zip"
    assert vendor.main([str(place)]) == 0
    with zipfile.ZipFile(archive, "w") as packed:
        for path in place.rglob("*"):
            packed.write(path, path.relative_to(tmp_path))
    shutil.rmtree(place)
    result = run(tmp_path, "-c", FROM_ARCHIVE.format(archive=str(archive), name=name))
    assert result.returncode == 0, result.stderr
    shown = run(tmp_path, "-m", f"{name}.cli", "--version", PYTHONPATH=str(archive))
    assert shown.stdout.strip().endswith(f" {installed.__version__}"), shown.stderr
