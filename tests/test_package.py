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
def test_modules_for_calls_are_loaded_by_the_first_call(kind: str) -> None:
    built = loaded_after(
        f"from confluence_groups_sdk import ApiToken, {kind}\n"
        f"{kind}('http://127.0.0.1:9', auth=ApiToken('me@example.com', 'token'))"
    )
    assert "httpx" in built
    assert not [name for name in built if "_generated" in name or name.startswith("dateutil")]
    ours = {name.partition(".")[2] for name in built if name.startswith("confluence_groups_sdk.")}
    late = ("_core.api", "_core.exchange", "_core.responses", "_core.transport.request_builder", "models")
    assert not [name for name in ours if name.startswith(late)]


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
        getattr(import_module("confluence_groups_sdk._core.api.operations"), name)(CALLS[name])

    with ThreadPoolExecutor(2 * len(CALLS)) as pool:
        list(pool.map(first, [*CALLS, *CALLS]))
"""


def test_threads_may_make_their_first_calls_at_once() -> None:
    subprocess.run([sys.executable, "-c", FIRST_CALLS_AT_ONCE], check=True, timeout=60)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_annotations_of_late_modules_can_be_evaluated(kind: type) -> None:
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
        getattr(confluence_groups_sdk, "no_such_name")  # noqa: B009 - type checkers refuse the attribute itself


def list_public_methods(kind: type) -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


def describe_signature(function: object, renamed: dict[str, str]) -> tuple[list[tuple[object, ...]], str]:
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
    ours, twins = list_public_methods(ConfluenceGroups), list_public_methods(AsyncConfluenceGroups)
    assert {"aclose" if name == "close" else name for name in ours} == set(twins)
    for name, member in ours.items():
        twin = twins["aclose" if name == "close" else name]
        if callable(member):
            assert describe_signature(member, {}) == describe_signature(twin, renamed), name
            assert inspect.getdoc(member) == inspect.getdoc(twin), name
    assert describe_signature(ConfluenceGroups.__init__, {}) == describe_signature(
        AsyncConfluenceGroups.__init__, renamed
    )


def test_the_package_works_under_any_name() -> None:
    for path in HAND_WRITTEN:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").partition(".")[0] not in ("confluence_groups_sdk", "pkg_resources"), path
                assert node.module != "importlib.metadata", path
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & {"confluence_groups_sdk", "importlib.metadata"}, path


def test_two_copies_do_not_affect_each_other(tmp_path: Path) -> None:
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


OF_EXTRAS = {"filelock", "jinja2", "jsonschema", "python_calamine", "starlette", "typer", "uvicorn", "xlsxwriter"}


@pytest.mark.parametrize("package", ["membership", "review"])
def test_membership_and_review_load_without_any_extra(package: str) -> None:
    loaded = loaded_after(f"import confluence_groups_sdk.{package}")
    assert not {name.partition(".")[0] for name in loaded} & OF_EXTRAS


def test_reviews_load_little_more_than_membership() -> None:
    """Pages and workbooks load what they need when they are made or read."""
    more = loaded_after("import confluence_groups_sdk.membership, confluence_groups_sdk.review") - loaded_after(
        "import confluence_groups_sdk.membership"
    )
    assert {name for name in more if not name.startswith("confluence_groups_sdk.")} == set()
