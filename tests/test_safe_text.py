"""Names never control a terminal: one function escapes them, and every public object and error uses it."""

from __future__ import annotations

import ast
import inspect
import pickle
import unicodedata
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import confluence_groups_sdk
from confluence_groups_sdk import (
    ApiToken,
    ConfluenceGroups,
    ConfluenceGroupsError,
    DriftError,
    InputError,
    errors,
    membership,
)
from confluence_groups_sdk._support.text import escape_controls
from confluence_groups_sdk.sandbox import Group, Person, Sandbox
from confluence_groups_sdk.sandbox.seed import READER

PACKAGE = Path(confluence_groups_sdk.__file__).parent
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)]))
INVISIBLE = "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u2060\u2064\u206a\u2800\u3164\ufeff\uffa0\ufff9"
TAGS = "\U000e0001\U000e0041\U000e007f"
OTHERS = "\u2028\u2029\ud800\udfff\ue000\U0010ffff\ufe0f\U000e0100\u2065\ufdd0\ufff0\U0001ffff\U000e0fff"
HOSTILE = f"a{CONTROLS}{BIDI}{INVISIBLE}{TAGS}{OTHERS}z"
FORBIDDEN = {*HOSTILE} - {"a", "z"}

NAMES = [
    "José Müller-Lüdenscheidt",
    "Jose\u0301 Mu\u0308ller",
    "O'Neil & Søns (Ltd.) [x] {y} \\ back\\x1bslash",
    "Nguyễn Thị Minh Khai",
    "李小龍",
    "山田太郎",
    "김철수",
    "محمد بن سلمان",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "יעל כהן",
    "अनुष्का श\u094d\u200dर\u094dमा",
    "ශ\u0dca\u200dරී",
    "മോഹന\u0d4d\u200d",
    "র\u200d\u09cdযাব",
    "ตำรวจ ไทย",
    "Ἀλέξανδρος",
    "\U0001f469\u200d\U0001f4bb \U0001f469\U0001f3fd\u200d\U0001f680",
    "\u2764\ufe0f\u200d\U0001f525 \U0001f3f3\ufe0f\u200d\U0001f308 1\ufe0f\u20e3",
    "\U0001f642\u200d\u2194\ufe0f",
    "葛\U000e0100城",
    "\U0001fae8 \U0001faea\u200d\U0001f525 \U0001faff",  # unknown to Python 3.11, to 3.14, and to all so far
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_unchanged(name: str) -> None:
    assert escape_controls(name) == name


@pytest.mark.parametrize("char", sorted(FORBIDDEN), ids=lambda char: f"U+{ord(char):04X}")
def test_each_dangerous_or_invisible_character_is_escaped_between_latin_letters(char: str) -> None:
    shown = escape_controls(f"a{char}b")
    assert shown == "a" + char.encode("unicode_escape", "surrogatepass").decode("ascii") + "b"
    assert shown.isascii()
    assert escape_controls(char).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("one\r\ntwo\u2028three\x85", "one\\r\\ntwo\\u2028three\\x85"),
        ("ad\u200dmin", "ad\\u200dmin"),
        ("\u200dadmin\u200c", "\\u200dadmin\\u200c"),
        (
            "\u0645\u06cc\u200c\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\\u200c\\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("a\ufe0f\u200dक", "a\\ufe0f\\u200dक"),
        ("é\ufe0f", "é\\ufe0f"),
        ("葛\U000e0100\U000e0101", "葛\U000e0100\\U000e0101"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\\x1b", "\\x1b"),
    ],
)
def test_escapes_are_visible_and_spaces_are_plain(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def is_safe(text: str) -> bool:
    """Check that a text stays on its line and leaves the terminal and the direction of the text alone."""
    joiners = {"\u200c", "\u200d"}
    return all(
        char.isprintable() or char in joiners or unicodedata.category(char) == "Cn" for char in text
    ) and not any(
        unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B", "S")
        for char in text
    )


SAMPLES = sorted({*HOSTILE, *"".join(NAMES)})
ANY_TEXT = st.text(st.one_of(st.characters(), st.sampled_from(SAMPLES)))


@given(ANY_TEXT)
def test_the_result_is_safe_and_escaping_it_again_changes_nothing(text: str) -> None:
    shown = escape_controls(text)
    assert is_safe(shown)
    assert escape_controls(shown) == shown
    assert len(shown.splitlines()) <= 1


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_can_be_made_dangerous_by_what_stands_beside_it(before: str, after: str) -> None:
    assert is_safe(escape_controls(before + escape_controls(after)))


# --- every public class and every error


def public_classes() -> list[type]:
    """Return the classes that the two packages export."""
    names = [(confluence_groups_sdk, name) for name in confluence_groups_sdk.__all__]
    tree = ast.parse(inspect.getsource(membership))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names += [(membership, alias.name) for node in imports for alias in node.names]
    values = [getattr(module, name) for module, name in names]
    return [value for value in values if isinstance(value, type)]


def hostile(hint: Any, name: str) -> Any:
    """Build a value of a type, with hostile texts wherever it has texts."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is str:
        return HOSTILE
    if origin in (Union, UnionType):
        return hostile(next(each for each in arguments if each is not NoneType), name)
    if origin is tuple and name == "option":
        return HOSTILE, True
    if origin in (tuple, frozenset, list):
        return origin([hostile(arguments[0], name)])
    if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
        return {HOSTILE: HOSTILE}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if isinstance(hint, type) and (attrs.has(hint) or hasattr(hint, "_fields")):
        return build(hint)
    return {bool: True, int: 1, float: 1.0}.get(hint)


def build(kind: type) -> Any:
    """Build an object with hostile texts in all its fields."""
    hints = get_type_hints(kind)
    if attrs.has(kind):
        names = [each.name for each in attrs.fields(kind) if each.init and not each.name.startswith("_")]
    else:
        names = list(getattr(kind, "_fields"))  # noqa: B009 - of a NamedTuple
    values = {name: hostile(hints[name], name) for name in names if name != "guards" or kind is not membership.Plan}
    return kind(**{name: value for name, value in values.items() if value is not None})


def has_fields(kind: type) -> bool:
    return attrs.has(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


SECRETIVE = {"ApiToken", "BearerToken", "Tokens"}  # they reject such texts, or never show theirs
DATA_CLASSES = [kind for kind in public_classes() if has_fields(kind) and kind.__name__ not in SECRETIVE]
ERROR_CLASSES = [
    kind
    for name, kind in vars(errors).items()
    if name[0] != "_" and isinstance(kind, type) and issubclass(kind, ConfluenceGroupsError)
]


def assert_safe(text: str, lines: int = 1) -> None:
    assert not FORBIDDEN & {*text} - ({"\n"} if lines > 1 else set()), ascii(text)
    assert len(text.split("\n")) <= lines


@pytest.mark.parametrize("kind", DATA_CLASSES, ids=lambda kind: kind.__name__)
def test_no_public_object_shows_a_dangerous_character(kind: type) -> None:
    value = build(kind)
    for text in (str(value), f"{value}", repr(value)):
        assert is_safe(text)
    if "__str__" in vars(kind):
        assert_safe(str(value))


def test_all_kinds_of_changes_and_reports_are_walked() -> None:
    assert {"Change", "SkippedChange", "Result", "Report", "Stop", "Plan", "Group", "User", "Site", "Row"} <= {
        kind.__name__ for kind in DATA_CLASSES
    }
    assert len(ERROR_CLASSES) > 20


@pytest.mark.parametrize("reason", list(membership.StopReason))
def test_no_stop_shows_a_dangerous_character(reason: membership.StopReason) -> None:
    assert_safe(str(membership.Stop(reason=reason, error=HOSTILE, resume_at=HOSTILE, option=HOSTILE)))


@pytest.mark.parametrize("kind", ERROR_CLASSES, ids=lambda kind: kind.__name__)
def test_no_error_shows_a_dangerous_character(kind: type[Any]) -> None:
    options = [*inspect.signature(kind).parameters][1:]
    texts = {name: HOSTILE for name in ("method", "path", "request_id", "message", "body", "remedy") if name in options}
    lists = {name: (HOSTILE, HOSTILE) for name in ("problems", "differences", "received") if name in options}
    error = kind(HOSTILE, **texts, **lists)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert_safe(str(each), lines=3)
        assert is_safe(repr(each))
    assert error.args == (HOSTILE,)  # the true text
    assert_safe("".join([*getattr(error, "problems", ()), *getattr(error, "differences", ())]))


@pytest.mark.parametrize("kind", [InputError, DriftError])
def test_a_name_cannot_add_a_line_to_a_list_of_problems(kind: type[InputError | DriftError]) -> None:
    field = "problems" if kind is InputError else "differences"
    lists: dict[str, Any] = {field: ("second\nerror: all is well\u2028", "third")}
    error = kind("first", **lists)
    assert str(error).splitlines() == ["first", "  second\\nerror: all is well\\u2028", "  third"]


def test_names_keep_their_true_text_in_attributes_and_in_json() -> None:
    change = membership.Change(
        action=membership.Action.REMOVE, group_id="g", group_name="\x1b[2J", account_id="a", display_name="\u202eeve"
    )
    assert (change.group_name, change.display_name) == ("\x1b[2J", "\u202eeve")
    assert str(change) == "remove \\u202eeve (a) from \\x1b[2J"
    report = membership.Report(
        results=(membership.Result(change=change, outcome=membership.Outcome.REMOVED),),
        unfinished=(change,),
        stop=None,
        interrupted=False,
        unverified=(),
        plan_digest="0" * 64,
        journal_hash="1" * 64,
    )
    assert report.as_json()["unfinished"][0]["display_name"] == "\u202eeve"


def test_there_is_one_function() -> None:
    """Count the functions of the package that turn a character into an escape."""
    found = Counter(
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "unicode_escape" in path.read_text(encoding="utf-8")
    )
    assert found == {"_support/text.py": 1}


# --- what plans and runs say about a hostile site

EVE = "\x1b[2J\u202eeve\nremove nobody"
BAD_GROUP = "docs\u2028\u2066writers\x9b31m"


@pytest.fixture
def hostile_site(sandbox: Sandbox) -> Sandbox:
    """Return a sandbox with a group and members whose names would control a terminal."""
    for number in range(8):
        sandbox.directory.add_person(Person(f"id-{number}", EVE, f"eve{number}@example.com"))
    sandbox.directory.add_group(Group("bad", BAD_GROUP), [f"id-{number}" for number in range(8)])
    return sandbox


def open_client(sandbox: Sandbox) -> ConfluenceGroups:
    return ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin))


def test_nothing_that_a_plan_says_shows_a_dangerous_character(hostile_site: Sandbox, tmp_path: Path) -> None:
    ids = [f"id-{number}" for number in range(8)]
    with open_client(hostile_site) as groups:
        for plan in (
            membership.plan_removals(groups, [("bad", each) for each in ids]),  # max_fraction refuses them
            membership.plan_removals(groups, [("bad", ids[0])]),
            membership.plan_sync(groups, group_id="bad", account_ids=[*ids, READER]),
            membership.plan_offboarding(groups, account_ids=ids[:1], keep_groups=["bad"], reason="\x1b"),
        ):
            assert_safe("".join([plan.asked, *plan.notes, *(each.why for each in (*plan.refused, *plan.skipped))]))
            assert_safe("".join(map(str, [*plan.changes, *plan.refused, *plan.skipped])))
            assert plan.changes or plan.refused or plan.skipped
        sent = membership.plan_removals(groups, [("bad", ids[0])])
        sent.save(tmp_path / "plan.json")
        sent = membership.Plan.load(tmp_path / "plan.json")
        assert (sent.changes[0].display_name, sent.groups[0].name) == (EVE, BAD_GROUP)  # JSON has the true text
        hostile_site.directory.remove_member("bad", ids[1])
        with pytest.raises(DriftError) as drifted:
            membership.apply(groups, sent, journal=tmp_path / "a.journal")
        assert_safe(str(drifted.value), lines=2)
        report = membership.apply(groups, sent, journal=tmp_path / "b.journal", on_drift="continue")
        assert_safe("".join(map(str, [report, *(result.change for result in report.results)])))
        assert_safe(membership.undo(groups, tmp_path / "b.journal").asked)


def test_no_problem_of_an_input_shows_a_dangerous_character(hostile_site: Sandbox, tmp_path: Path) -> None:
    hostile_site.directory.add_group(Group("bad-2", BAD_GROUP))
    path = tmp_path / "rows.csv"
    path.write_text("group,accoun\u202et\n", encoding="utf-8")
    with open_client(hostile_site) as groups:
        for rows in ([("bad\x1b", "id-0")], [(BAD_GROUP, "id-0")], [("bad", "x\u202e@example.com")], path):
            with pytest.raises(InputError) as caught:
                membership.plan_removals(groups, rows)
            assert_safe(str(caught.value), lines=2)
            assert_safe("".join(caught.value.problems))
        with pytest.raises(InputError) as ambiguous:
            membership.resolve_group(groups, BAD_GROUP)
        assert_safe(str(ambiguous.value))
    with pytest.raises(ValueError, match="protects nobody") as refused:
        membership.Guards(protected_accounts=("\x1b@example.com",))
    assert_safe(str(refused.value))
