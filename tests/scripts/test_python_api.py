"""The public API: reading it, each kind of change to it, and accepting a release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import attrs
import pytest
from postman_items import ROOT
from postman_openapi.losses import SpecError
from versioning import python_api
from versioning.python_api import MODULES, format_surface, parse_surface, read_surface
from versioning.python_api_changes import compare_surfaces
from versioning.released import accept_release, compare_fragment, compare_surface, released_version
from versioning.semver import read_literal_version, read_version

import confluence_groups_sdk
from confluence_groups_sdk import membership, review, sandbox

FILES = {
    "__init__.py": """
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._inner import Client as Client
    from ._inner import Shelf as Shelf
    from ._inner import Store as Store
    from .errors import ShelfError as ShelfError
""",
    "_version.py": '__version__ = "0.1.0"\n',
    "errors.py": '''
from ._inner import inner_only

class ShelfError(Exception):
    """The root."""
    code: int | None = None

class LostError(ShelfError):
    """It is lost."""

def error_of(status: int) -> ShelfError:
    """Return an error."""
    return ShelfError()

LIMIT = 3
''',
    "_inner.py": '''
from typing import Protocol
from attrs import field, frozen
from . import _limits
from ._limits import MOST

def inner_only() -> None:
    """Internal."""

class _Base:
    def close(self) -> None: ...

class Client(_Base):
    """A client."""
    def __init__(self, site: str, *, timeout: float = _limits.PATIENCE) -> None:
        self.site = site
        self._secret = 1
    def get(self, name: str, limit: int = MOST) -> str: ...
    @classmethod
    def default(cls) -> "Client": ...
    @property
    def raw(self) -> int | None: ...
    def _hidden(self) -> None: ...

@frozen
class Shelf:
    """A shelf."""
    id: str
    books: tuple[str, ...] = ()
    marks: dict[str, int] = field(factory=dict, kw_only=True)
    size: int = field(init=False)
    _owner: str | None = None
    place: str = field()

    @place.default
    def _place(self) -> str: ...

class Store(Protocol):
    """What a store must have."""
    def load(self) -> str: ...
''',
    "_limits.py": "PATIENCE = 30.0\nMOST = 200\n",
    "membership/__init__.py": """
from .kinds import Kind as Kind
from .kinds import Row as Row
from .undo import undo as undo
""",
    "membership/undo.py": 'def undo(path: str) -> None:\n    """Undo."""\n',
    "membership/kinds.py": '''
from enum import StrEnum
from typing import NamedTuple

class Kind(StrEnum):
    """A kind."""
    ADD = "add"

class Row(NamedTuple):
    """A row."""
    group: str
    line: int = 0
''',
    "fleet/__init__.py": "",
    "review/__init__.py": "",
    "sandbox/__init__.py": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "confluence_groups_sdk" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def edit(project: Path, name: str, old: str, new: str) -> None:
    file = project / "confluence_groups_sdk" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- reading


def test_surface_contains_everything_reachable_from_public_names(project: Path) -> None:
    package = "confluence_groups_sdk"
    assert read_surface(project) == {
        package: {
            "Client": {
                "bases": [],
                "members": {
                    "__init__": "def __init__(self, site: str, *, timeout: float = 30.0) -> None",
                    "close": "def close(self) -> None",
                    "default": "@classmethod def default(cls) -> Client",
                    "get": "def get(self, name: str, limit: int = 200) -> str",
                    "raw": "raw: int | None",
                    "site": "site",
                },
            },
            "Shelf": {
                "bases": [],
                "members": {
                    "__init__": "def __init__(self, id: str, books: tuple[str, ...] = (), owner: str | None = None, "
                    "place: str = ..., *, marks: dict[str, int] = dict()) -> None",
                    "id": "id: str",
                    "books": "books: tuple[str, ...]",
                    "marks": "marks: dict[str, int]",
                    "place": "place: str",
                    "size": "size: int",
                },
            },
            "ShelfError": f"as {package}.errors.ShelfError",
            "Store": {"bases": ["typing.Protocol"], "members": {"load": "def load(self) -> str"}},
        },
        f"{package}.errors": {
            "LostError": {"bases": [f"{package}.errors.ShelfError"], "members": {}},
            "ShelfError": {"bases": ["Exception"], "members": {"code": "code: int | None"}},
            "error_of": "def error_of(status: int) -> ShelfError",
        },
        f"{package}.membership": {
            "Kind": {"bases": ["enum.StrEnum"], "members": {"ADD": "ADD = 'add'"}},
            "Row": {
                "bases": ["typing.NamedTuple"],
                "members": {
                    "__init__": "def __init__(self, group: str, line: int = 0) -> None",
                    "group": "group: str",
                    "line": "line: int",
                },
            },
            "undo": "def undo(path: str) -> None",
        },
        f"{package}.fleet": {},
        f"{package}.review": {},
        f"{package}.sandbox": {},
    }


def test_surface_of_this_package_has_all_its_exports() -> None:
    surface = read_surface(ROOT)
    assert sorted(surface["confluence_groups_sdk"]) == sorted(confluence_groups_sdk.__all__)
    assert sorted(surface["confluence_groups_sdk.sandbox"]) == sorted(sandbox.__all__)
    for package, some in ((membership, {"undo", "perform", "Plan", "apply"}), (review, {"Snapshot", "diff"})):
        shown = {name for name in vars(package) if not name.startswith("_") and name in surface[package.__name__]}
        assert shown == set(surface[package.__name__]) >= some
    for name in ("Group", "RetryPolicy", "User"):
        fields = [each.alias for each in attrs.fields(getattr(confluence_groups_sdk, name))]
        signature = surface["confluence_groups_sdk"][name]["members"]["__init__"]
        assert [part.partition(":")[0] for part in signature.split("(self, ")[1].split(", ") if part != "*"] == fields


def test_folders_that_are_not_read_do_not_change_the_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    surface = read_surface(ROOT)
    assert python_api.NOT_READ
    monkeypatch.setattr(python_api, "NOT_READ", ())
    assert read_surface(ROOT) == surface


def test_generated_base_of_a_public_class_is_refused(project: Path) -> None:
    edit(
        project,
        "_inner.py",
        "from typing import Protocol\n",
        "from typing import Protocol\nfrom ._generated import Raw\n",
    )
    edit(project, "_inner.py", "class Client(_Base):", "class Client(Raw):")
    with pytest.raises(SpecError, match=r"sdk\._inner\.Client: .*\._generated\.Raw is its base, but generated code is"):
        read_surface(project)


def test_snapshot_text_is_deterministic(project: Path) -> None:
    text = format_surface(read_surface(project))
    assert str(project) not in text
    assert json.loads(text) == json.loads(json.dumps(json.loads(text), sort_keys=True))
    assert text == format_surface(dict(reversed(parse_surface(text, "api.json").items())))
    assert parse_surface(text, "api.json") == read_surface(project)
    assert '"get": "def get(self, name: str, limit: int = 200) -> str"' in text, "one line per declaration"


@pytest.mark.parametrize(
    ("name", "old", "new", "part"),
    [
        (
            "__init__.py",
            "from ._inner import Client as Client",
            "from ._inner import Klient as Klient",
            "does not exist",
        ),
        (
            "__init__.py",
            "from ._inner import Client",
            "from ._generated.client import Client",
            "generated code is internal",
        ),
        ("_inner.py", "class Client", "klass Client", "does not exist"),
    ],
)
def test_unreadable_package_is_refused(project: Path, name: str, old: str, new: str, part: str) -> None:
    edit(project, name, old, new)
    with pytest.raises(SpecError, match=part):
        read_surface(project)


def test_missing_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="its source cannot be read"):
        read_surface(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"m": []}',
        '{"m": {"n": 1}}',
        '{"m": {"n": {"bases": []}}}',
        '{"m": {"n": {"bases": [1], "members": {}}}}',
        '{"m": {"n": {"bases": [], "members": {"a": 1}}}}',
        "{",
    ],
)
def test_malformed_snapshot_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"api\.json"):
        parse_surface(text, "api.json")


@pytest.mark.parametrize("declaration", ["def f(", "as nothing.there", "as confluence_groups_sdk.errors.None"])
def test_snapshot_with_invalid_declaration_is_refused(project: Path, declaration: str) -> None:
    surface = read_surface(project)
    broken = {**surface, MODULES[0]: {**surface[MODULES[0]], "error_of": declaration}}
    with pytest.raises(SpecError, match="public API"):
        compare_surfaces(broken, surface)


# --- changes

C, S = "confluence_groups_sdk.Client", "confluence_groups_sdk.Shelf"
E, M = "confluence_groups_sdk.errors", "confluence_groups_sdk.membership"
INNER = "_inner.py"
GET = "def get(self, name: str, limit: int = MOST) -> str"
CHANGES = [
    (
        ("__init__.py", "    from ._inner import Store as Store\n", ""),
        ["confluence_groups_sdk.Store: removed (breaking)"],
    ),
    (
        ("errors.py", "class LostError", "class GoneError"),
        [f"{E}.GoneError: added (feature)", f"{E}.LostError: removed (breaking)"],
    ),
    ((INNER, GET, f"{GET}: ...\n    def put(self) -> None"), [f"{C}.put: added (feature)"]),
    ((INNER, GET, "def fetch(self) -> str"), [f"{C}.fetch: added (feature)", f"{C}.get: removed (breaking)"]),
    (
        (INNER, "    def load(self) -> str: ...", "    def load(self) -> str: ...\n    def save(self) -> None: ..."),
        ["confluence_groups_sdk.Store.save: added (breaking)"],
    ),
    ((INNER, "def close(self)", "def shut(self)"), [f"{C}.close: removed (breaking)", f"{C}.shut: added (feature)"]),
    (
        (INNER, "name: str, limit", "name: str, size: int, limit"),
        [f"{C}.get(limit): parameter moved (breaking)", f"{C}.get(size): required parameter added (breaking)"],
    ),
    (
        (INNER, "limit: int = MOST", "limit: int = MOST, size: int = 1"),
        [f"{C}.get(size): optional parameter added (feature)"],
    ),
    (
        (INNER, "name: str, limit", "limit"),
        [f"{C}.get(limit): parameter moved (breaking)", f"{C}.get(name): parameter removed (breaking)"],
    ),
    (
        (INNER, "name: str, limit", "title: str, limit"),
        [f"{C}.get(name): parameter removed (breaking)", f"{C}.get(title): required parameter added (breaking)"],
    ),
    (
        (INNER, "name: str, limit", "name: str, *, limit"),
        [f"{C}.get(limit): parameter passed in another way from positional or keyword to keyword-only (breaking)"],
    ),
    ((INNER, "limit: int = MOST", "limit: int"), [f"{C}.get(limit): parameter now required (breaking)"]),
    ((INNER, "name: str, limit", "name: str = '', limit"), [f"{C}.get(name): parameter no longer required (feature)"]),
    (("_limits.py", "MOST = 200", "MOST = 100"), [f"{C}.get(limit): default changed from 200 to 100 (breaking)"]),
    (
        ("_limits.py", "PATIENCE = 30.0", "PATIENCE = 5.0"),
        [f"{C}.__init__(timeout): default changed from 30.0 to 5.0 (breaking)"],
    ),
    (
        (INNER, "name: str, limit", "name: str | None, limit"),
        [f"{C}.get(name): type changed from str to str | None (feature)"],
    ),
    ((INNER, "name: str, limit", "name: int, limit"), [f"{C}.get(name): type changed from str to int (breaking)"]),
    (
        (INNER, "limit: int = MOST) -> str", "limit: int = MOST) -> str | None"),
        [f"{C}.get -> result: type changed from str to str | None (breaking)"],
    ),
    (
        (INNER, "def close(self) -> None", "def close(self) -> int"),
        [f"{C}.close -> result: type changed from None to int (feature)"],
    ),
    ((INNER, "def get", "async def get"), [f"{C}.get: called in another way from plain to async (breaking)"]),
    (
        (INNER, "    @classmethod\n    def default(cls)", "    def default(self)"),
        [f"{C}.default: called in another way from classmethod to plain (breaking)"],
    ),
    ((INNER, "int | None: ...", "int: ..."), [f"{C}.raw: type changed from int | None to int (feature)"]),
    (
        (INNER, "    @property\n    def raw", "    def raw"),
        [f"{C}.raw: changed to another kind of object from attribute to function (breaking)"],
    ),
    (
        (INNER, "    id: str\n", "    id: str\n    name: str\n"),
        [
            f"{S}.__init__(books): parameter moved (breaking)",
            f"{S}.__init__(name): required parameter added (breaking)",
            f"{S}.__init__(owner): parameter moved (breaking)",
            f"{S}.__init__(place): parameter moved (breaking)",
            f"{S}.name: added (feature)",
        ],
    ),
    (
        (INNER, "books: tuple[str, ...] = ()", "books: tuple[str, ...] = ('a',)"),
        [f"{S}.__init__(books): default changed from () to ('a',) (breaking)"],
    ),
    (
        ("errors.py", "code: int | None", "code: int | str | None"),
        [f"{E}.ShelfError.code: type changed from int | None to int | str | None (breaking)"],
    ),
    (("errors.py", "    code: int | None = None\n", ""), [f"{E}.ShelfError.code: removed (breaking)"]),
    (
        ("errors.py", "class LostError(ShelfError)", "class LostError(LookupError)"),
        [f"{E}.LostError: base added: LookupError (feature)", f"{E}.LostError: base removed: ShelfError (breaking)"],
    ),
    (("membership/kinds.py", '"add"', '"ADD"'), [f"{M}.Kind.ADD: value changed from 'add' to 'ADD' (breaking)"]),
    (
        ("membership/kinds.py", '    ADD = "add"\n', '    ADD = "add"\n    REMOVE = "remove"\n'),
        [f"{M}.Kind.REMOVE: added (feature)"],
    ),
    (
        ("membership/undo.py", "path: str", "path: str, *, dry: bool = False"),
        [f"{M}.undo(dry): optional parameter added (feature)"],
    ),
    (("membership/undo.py", "def undo", "x = 1\n\n\ndef undo"), []),
    ((INNER, "def _hidden(self)", "def _other(self)"), []),
    ((INNER, "_secret = 1", "_key = 1"), []),
    (("errors.py", "LIMIT = 3", "MOST = 4"), []),
    (("errors.py", "It is lost.", "It is gone."), []),
    (("_version.py", "0.1.0", "0.2.0"), []),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_change_of_the_surface_is_reported(project: Path, change: tuple[str, str, str], expected: list[str]) -> None:
    before = read_surface(project)
    edit(project, *change)
    written = parse_surface(format_surface(before), "api.json")
    assert sorted(map(str, compare_surfaces(written, read_surface(project)))) == sorted(expected)


def test_method_moved_to_a_base_class_is_no_change(project: Path) -> None:
    before = read_surface(project)
    edit(project, INNER, "    def _hidden(self) -> None: ...\n", "")
    edit(project, INNER, f"    {GET}: ...\n", "")
    edit(project, INNER, "    def close(self) -> None: ...", f"    def close(self) -> None: ...\n    {GET}: ...")
    assert compare_surfaces(before, read_surface(project)) == []


def test_redeclared_inherited_member_is_no_change(project: Path) -> None:
    before = read_surface(project)
    edit(project, "errors.py", '"""It is lost."""', '"""It is lost."""\n    code: int | None = 4')
    assert compare_surfaces(before, read_surface(project)) == []


def test_class_moved_behind_an_explicit_import_is_no_change(project: Path) -> None:
    before = read_surface(project)
    edit(project, "errors.py", "from ._inner import inner_only\n", "from ._lost import LostError as LostError\n")
    edit(project, "errors.py", 'class LostError(ShelfError):\n    """It is lost."""\n', "")
    lost = 'class LostError(ShelfError):\n    """It is lost."""\n'
    folder = next(path.parent for path in project.rglob("errors.py"))
    (folder / "_lost.py").write_text(f"from .errors import ShelfError\n\n{lost}", encoding="utf-8")
    assert read_surface(project) == before


def test_change_of_a_reexported_name_is_reported_once(project: Path) -> None:
    before = read_surface(project)
    edit(project, "errors.py", "class ShelfError(Exception)", "class ShelfError(ValueError)")
    places = [change.place for change in compare_surfaces(before, read_surface(project))]
    assert places == [f"{E}.ShelfError"] * 2
    edit(project, "__init__.py", "    from .errors import ShelfError as ShelfError\n", "")
    assert "confluence_groups_sdk.ShelfError: removed (breaking)" in [
        str(change) for change in compare_surfaces(before, read_surface(project))
    ]


# --- releases


@pytest.fixture
def released(project: Path) -> Path:
    (project / "openapi").mkdir()
    shutil.copy(ROOT / "openapi/confluence-groups.openapi.yaml", project / "openapi")
    accept_release(project)
    return project


def test_comparison_uses_the_accepted_release(released: Path) -> None:
    assert released_version(released) == "0.1.0"
    assert compare_surface(released) == []
    edit(released, INNER, "def get", "def fetch")
    edit(released, "_version.py", "0.1.0", "0.2.0")
    assert [change.kind for change in compare_surface(released)] == ["added", "removed"]
    fragment = (released / "openapi/confluence-groups.openapi.yaml").read_text(encoding="utf-8")
    assert compare_fragment(released, fragment, {}) == []
    assert accept_release(released) == ["openapi/released/public-api.json", "openapi/released/version.txt"]
    assert compare_surface(released) == []
    assert released_version(released) == "0.2.0"
    assert accept_release(released) == []
    assert sorted(path.name for path in (released / "openapi/released").iterdir()) == [
        "confluence-groups.openapi.yaml",
        "public-api.json",
        "version.txt",
    ]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("confluence_groups_sdk/_version.py", "", "_version.py: no line such as"),
        ("confluence_groups_sdk/_version.py", "__version__ = (", "_version.py: no line such as"),
        ("openapi/confluence-groups.openapi.yaml", "[]", "an OpenAPI document must be an object"),
        ("confluence_groups_sdk/_inner.py", "(", "does not exist"),
    ],
)
def test_unreadable_file_prevents_acceptance(released: Path, name: str, text: str, part: str) -> None:
    edit(released, "_version.py", "0.1.0", "0.2.0")
    edit(released, "errors.py", "code: int | None", "code: int")
    before = {path: path.read_bytes() for path in (released / "openapi/released").iterdir()}
    (released / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=part):
        accept_release(released)
    assert {path: path.read_bytes() for path in (released / "openapi/released").iterdir()} == before


def test_version_is_read_without_running_code() -> None:
    assert read_version(ROOT) == confluence_groups_sdk.__version__
    assert read_literal_version('"""Words."""\n\n__version__ = "1.2.3"\n', "x.py") == "1.2.3"
    for module in ("__version__ = version()", "", "__version__ =", "version = '1'", "__version__ = 1"):
        with pytest.raises(SpecError, match=r"x\.py: no line such as"):
            read_literal_version(module, "x.py")
