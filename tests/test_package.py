from __future__ import annotations

import ast
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import confluence_groups_sdk
from confluence_groups_sdk import AccessType, AsyncConfluenceGroups, ConfluenceGroups, Group, User

PACKAGE = Path(confluence_groups_sdk.__file__).parent
HAND_WRITTEN = [path for path in sorted(PACKAGE.rglob("*.py")) if "_generated" not in path.parts]


def loaded_after(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after running this."""
    program = (
        f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


def test_importing_the_package_loads_nothing_else() -> None:
    assert loaded_after("import confluence_groups_sdk") == {"confluence_groups_sdk"}


def test_errors_load_no_dependency() -> None:
    loaded = loaded_after("from confluence_groups_sdk import NotFoundError")
    assert not loaded & {"httpx", "attr", "attrs", "dateutil"}


@pytest.mark.parametrize("kind", ["ConfluenceGroups", "AsyncConfluenceGroups"])
def test_what_calls_need_is_loaded_by_the_first_call_not_by_the_client(kind: str) -> None:
    built = loaded_after(
        f"from confluence_groups_sdk import ApiToken, {kind}\n"
        f"{kind}('http://127.0.0.1:9', auth=ApiToken('me@example.com', 'token'))"
    )
    assert "httpx" in built
    assert not [name for name in built if "_generated" in name or name.startswith("dateutil")]
    ours = {name.partition(".")[2] for name in built if name.startswith("confluence_groups_sdk.")}
    assert not ours & {*DRIVEN, "_request", "_bodies", "_answers", "_headers", "models"}


FIRST_CALLS_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier

CALLS = {"get_user": "a", "get_group": "g", "create_group": "n", "delete_group": "g"}
for _ in range(30):
    for name in [name for name in sys.modules if name.startswith("confluence_groups_sdk")]:
        del sys.modules[name]
    import_module("confluence_groups_sdk")
    barrier = Barrier(2 * len(CALLS))

    def first(name):
        barrier.wait()
        getattr(import_module("confluence_groups_sdk._calls"), name)(CALLS[name])

    with ThreadPoolExecutor(2 * len(CALLS)) as pool:
        list(pool.map(first, [*CALLS, *CALLS]))
"""


def test_threads_may_make_their_first_calls_at_once() -> None:
    subprocess.run([sys.executable, "-c", FIRST_CALLS_AT_ONCE], check=True, timeout=60)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_annotations_can_be_evaluated_although_what_they_name_is_loaded_late(kind: type) -> None:
    methods = {name: getattr(kind, name) for name in vars(kind) if not name.startswith("_")}
    hints = {name: get_type_hints(method) for name, method in methods.items() if callable(method)}
    assert hints["get_group"]["return"] is Group
    assert hints["iter_groups"]["access_type"] == AccessType | None
    assert get_args(hints["iter_members"]["return"])[0] is User
    assert all("return" in of_one for of_one in hints.values())


def test_every_public_name_is_there_and_typed() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert typed == set(confluence_groups_sdk.__all__)
    for name in confluence_groups_sdk.__all__:
        assert getattr(confluence_groups_sdk, name) is not None
        assert name in dir(confluence_groups_sdk)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        confluence_groups_sdk.no_such_name  # noqa: B018 - reading it is the test


def public(kind: type) -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


def described(function: object, renamed: dict[str, str]) -> tuple[list[tuple[object, ...]], str]:
    """Return the signature of a method, with the twin's types renamed."""
    signature = inspect.signature(function)  # type: ignore[arg-type] # callables only, by the filter below

    def plain(annotation: object) -> str:
        text = str(annotation)
        for name, other in renamed.items():
            text = text.replace(name, other)
        return text

    parameters: list[tuple[object, ...]] = [
        (each.name, each.kind, plain(each.annotation)) for each in signature.parameters.values()
    ]
    return parameters, plain(signature.return_annotation)


def test_the_twins_have_the_same_methods_with_the_same_signatures() -> None:
    renamed = {
        "httpx.AsyncClient": "httpx.Client",
        "AsyncConfluenceGroups": "ConfluenceGroups",
        "AsyncGenerator[User, None]": "Generator[User, None, None]",
        "AsyncGenerator[Group, None]": "Generator[Group, None, None]",
    }
    ours, twins = public(ConfluenceGroups), public(AsyncConfluenceGroups)
    assert {"aclose" if name == "close" else name for name in ours} == set(twins)
    for name, member in ours.items():
        twin = twins["aclose" if name == "close" else name]
        if callable(member):
            assert described(member, {}) == described(twin, renamed), name
            assert inspect.getdoc(member) == inspect.getdoc(twin), name
    assert described(ConfluenceGroups.__init__, {}) == described(AsyncConfluenceGroups.__init__, renamed)


def test_the_package_works_under_any_name() -> None:
    for path in HAND_WRITTEN:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").partition(".")[0] not in ("confluence_groups_sdk", "pkg_resources"), path
                assert node.module != "importlib.metadata", path
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & {"confluence_groups_sdk", "importlib.metadata"}, path


def test_two_copies_side_by_side_do_not_disturb_each_other(tmp_path: Path) -> None:
    for name in ("one", "bigger/vendored/two"):
        shutil.copytree(PACKAGE, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    program = """
import pickle
import confluence_groups_sdk as installed, one, bigger.vendored.two as two
copies = (installed, one, two)
for name in ("NotFoundError", "ConfluenceGroups", "RetryPolicy"):
    assert len({getattr(copy, name) for copy in copies}) == 3
for copy in copies:
    error = pickle.loads(pickle.dumps(copy.NotFoundError("gone", status_code=404)))
    assert type(error) is copy.NotFoundError and error.status_code == 404
import logging
names = {"confluence_groups_sdk", "one", "bigger.vendored.two"}
[copy.ConfluenceGroups("https://your-domain.atlassian.net", auth=copy.BearerToken("t")) for copy in copies]
assert names <= set(logging.Logger.manager.loggerDict)
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def imported(path: Path) -> set[str]:
    """Return the modules of the package that a module names in its imports, loaded late or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            names |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


# Which room may know which, beside the leaves that all may know.
LEAVES = {"_later", "_values", "_version", "_clock", "_headers", "_answers", "_logging", "errors"}
DRIVEN = {"_calls", "_pages", "_exchange", "_http"}
SET_UP = {"_later", "_connections", "_settings", "_site", "_retry", "_pacing", "_clock"}
KNOWN_TO_BOTH = {*DRIVEN, *SET_UP, "models", "_generated"}
MAY_KNOW = {
    "_aiohttp": {"_aiohttp_transport", "_connections", "errors"},
    "_aiohttp_transport": set(),
    "_version": set(),
    "_values": set(),
    "_clock": set(),
    "_logging": set(),
    "_headers": {"_logging"},
    "_decoding": set(),
    "_places": set(),
    "_pacing": {"_values", "_places", "_clock", "_headers", "_logging", "errors"},
    "_signs": set(),
    "_answers": {"_signs", "_headers", "_logging"},
    "errors": {"_later", "_signs", "_answers", "_headers", "_logging"},
    "auth": {"errors"},
    "token_store": {"_clock", "auth", "errors"},
    "_token_endpoint": {"token_store", "auth", *LEAVES},
    "_aside": set(),
    "oauth": {"_aside", "_token_endpoint", "_site", "token_store", "auth", *LEAVES},
    "sites": {"client", "async_client", "_bodies", "_calls", "_connections", "_settings", "_site", "models"},
    "_retry": {"_values", "errors"},
    "models": {"_values"},
    "_bodies": {"models"},
    "_calls": {"_generated", "_bodies", "models", "errors"},
    "_pages": {"_calls", "_bodies", "models", "errors"},
    "_site": {"auth", "errors", "_version"},
    "_settings": {"_clock", "_pacing", "_retry", "errors"},
    "_heard": {"_headers"},
    "_request": {"_calls", "_settings"},
    "_exchange": {"_heard", "_request", "_settings", "_retry", "_pacing", "_calls", "_bodies", *LEAVES},
    "_later": set(),
    "_connections": {"_settings", "errors"},
    "_http": {"_decoding", "_exchange", "_settings", "_generated", *LEAVES},
    "client": KNOWN_TO_BOTH,
    "async_client": KNOWN_TO_BOTH,
}


@pytest.mark.parametrize("room", sorted(MAY_KNOW))
def test_each_module_knows_only_what_it_may(room: str) -> None:
    assert imported(PACKAGE / f"{room}.py") <= MAY_KNOW[room]


def test_no_module_is_left_out_of_that_rule() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} == set(MAY_KNOW)


# What the rooms of membership may know of each other, beside the face of the synchronous client.
FACE = {"client", "models", "errors", "_clock", "_values", "_version", "_headers"}
MEMBERSHIP = {
    "_fields": set(),
    "_files": set(),
    "changes": FACE,
    "csv_input": FACE,
    "live": {"changes", *FACE},
    "guards": {"changes", "live", *FACE},
    "plan": {"_fields", "_files", "changes", "guards", *FACE},
    "draft": {"changes", "guards", "live", "plan", *FACE},
    "planning": {"changes", "csv_input", "draft", "guards", "live", "plan", *FACE},
    "journal": {"_fields", "_files", "changes", "plan", *FACE},
    "perform": {"changes", "live", "_heard", *FACE},
    "drift": {"changes", "live", "plan", *FACE},
    "dispatch": {"changes", "journal", "draft", "live", "perform", *FACE},
    "report": {"_files", "changes", "journal", "plan", *FACE},
    "engine": {"changes", "dispatch", "draft", "drift", "journal", "live", "perform", "plan", "report", *FACE},
    "single": {"changes", "guards", "live", *FACE},
    "undo": {"changes", "draft", "guards", "journal", "plan", "planning", *FACE},
}


@pytest.mark.parametrize("room", sorted(MEMBERSHIP))
def test_each_room_of_membership_knows_only_what_it_may(room: str) -> None:
    assert imported(PACKAGE / "membership" / f"{room}.py") <= MEMBERSHIP[room]


def test_no_room_of_membership_is_left_out() -> None:
    assert {path.stem for path in (PACKAGE / "membership").glob("*.py")} - {"__init__"} == set(MEMBERSHIP)


def test_membership_loads_without_any_extra() -> None:
    loaded = loaded_after("import confluence_groups_sdk.membership")
    assert not {name.partition(".")[0] for name in loaded} & {"filelock", "jsonschema", "starlette", "uvicorn", "typer"}


# What the rooms of the command line may know of each other; of the rest of the house, everything.
SHOWN = {"terminal", "exit_codes", "options"}
CLI = {
    "__init__": {"app", "exit_codes"},
    "__main__": {"__init__"},
    "terminal": set(),
    "exit_codes": {"terminal"},
    "options": {"exit_codes"},
    "output": {"options", "terminal"},
    "store": set(),
    "find": set(),
    "curl": set(),
    "watch": {"terminal"},
    "files": set(),
    "consent": {"terminal"},
    "connection": {"store", *SHOWN},
    "changing": {"curl", *SHOWN},
    "plan_text": {"output", *SHOWN},
    "approval": {"plan_text", *SHOWN},
    "groups": {"changing", "connection", "find", "output", *SHOWN},
    "members": {"changing", "connection", "find", "output", *SHOWN},
    "users": {"connection", "find", "groups", "members", "output", *SHOWN},
    "plans": {"approval", "connection", "files", "output", "plan_text", "watch", *SHOWN},
    "applying": {"connection", "curl", "files", "plan_text", "plans", "watch", *SHOWN},
    "journals": {"output", *SHOWN},
    "sites": {"connection", "output", "store", *SHOWN},
    "login": {"connection", "consent", "store", *SHOWN},
    "sandboxing": {"store", *SHOWN},
    "app": {"applying", "groups", "journals", "login", "members", "plans", "sandboxing", "sites", "users", *SHOWN},
}


@pytest.mark.parametrize("room", sorted(CLI))
def test_each_room_of_the_command_line_knows_only_what_it_may(room: str) -> None:
    rooms = {path.stem for path in (PACKAGE / "cli").glob("*.py")}
    assert neighbours(PACKAGE / "cli" / f"{room}.py") & rooms <= CLI[room]


def neighbours(path: Path) -> set[str]:
    """Return the modules of its own folder that a module names in its imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


def test_no_room_of_the_command_line_is_left_out() -> None:
    assert {path.stem for path in (PACKAGE / "cli").glob("*.py")} == set(CLI)


def test_nothing_but_itself_knows_the_command_line() -> None:
    others = [path for path in HAND_WRITTEN if path.parent.name != "cli"]
    assert not [path for path in others if "cli" in imported(path)]


def test_the_sandbox_shares_nothing_with_the_client_but_the_error_for_a_missing_extra() -> None:
    rooms = [path for path in (PACKAGE / "sandbox").glob("*.py") if path.name != "pytest_plugin.py"]
    known = set().union(*map(imported, rooms))
    assert known == {"errors", *(path.stem for path in rooms)} - {"__init__"}
