"""scripts/mutate: which mutants there are, which tests run, and what the table counts."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from mutation import __main__ as command
from mutation.equivalents import Equivalent, find_stale, read_equivalents
from mutation.mutants import Mutant, find_scope, list_mutants
from mutation.selection import RecordedTest, find_statement, select_tests
from mutation.worker import list_changed_functions, replace_functions

MODULE = "shop/_core/prices.py"
SOURCE = '''"""Prices."""

LIMIT = 3


class Basket:
    """Has a property, which is decorated."""

    def __init__(self, count: int | None) -> None:
        self.count = count

    @property
    def is_full(self) -> bool:
        return self.count is not None and self.count >= LIMIT


def double(number: int) -> int:
    return number * 2


def wait(number: int) -> int:
    while number > 0:
        number -= 1
    return number


def forgotten(number: int) -> bool:
    return number == 7
'''
TESTS = """
import pytest
from shop._core.prices import Basket, double, forgotten, wait

def test_a_basket_is_full_at_its_limit():
    assert [Basket(count).is_full for count in (2, 3, None)] == [False, True, False]

def test_double():
    assert double(2) == 4

def test_wait():
    assert wait(3) == 0

def test_forgotten():
    forgotten(1)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one module and its tests."""
    (tmp_path / "shop/_core").mkdir(parents=True)
    (tmp_path / "tests/core").mkdir(parents=True)
    for folder in ("shop", "shop/_core"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / MODULE).write_text(SOURCE)
    (tmp_path / "tests/core/test_prices.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return tmp_path


def run(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command on the project, and return its code and output."""
    listed = ["--equivalents", str(project / "equivalents.toml")]
    code = command.main(
        [*arguments, "_core/prices.py", "--project", str(project), "--package", "shop", *listed, "--grace", "1"]
    )
    return code, *capsys.readouterr()


def mutant(before: str, after: str) -> Mutant:
    source = SOURCE.replace(before, after, 1)
    line = SOURCE[: SOURCE.index(before)].count("\n") + 1
    return Mutant(MODULE, "double", line, before, after, source)


def test_mutants_are_killed_survive_and_time_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(project, capsys, "--list")
    assert code == 0
    counted = re.search(r"_core/prices.py +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +([\d.]+) %", output)
    assert counted
    mutants, killed, survived, timed_out, unrun, equivalent = map(int, counted.groups()[:6])
    assert mutants == killed + survived + timed_out
    assert (unrun, equivalent) == (0, 0)
    assert timed_out  # number -= 0
    assert float(counted[7]) == pytest.approx(100 * (killed + timed_out) / mutants, abs=0.05)
    places = re.findall(rf"^{MODULE}:(\d+): (\S+): survived$", output, re.M)
    assert {name for _, name in places} == {"forgotten"}
    assert len(places) == survived
    assert "+    return number == 8" in output
    assert (project / MODULE).read_text() == SOURCE

    # An entry takes a mutant out of the count, and must match one.
    entry = (
        f'[[mutant]]\nmodule = "{MODULE}"\nscope = "forgotten"\nbefore = "return number == 7"\nreason = "an example"\n'
    )
    (project / "equivalents.toml").write_text(entry + 'after = "return number == 8"\n')
    code, output, errors = run(project, capsys, "--again")
    assert (code, errors) == (0, "")
    assert re.search(rf"_core/prices.py +{survived} +0 +{survived - 1} +0 +0 +1 +0.0 %", output)
    (project / "equivalents.toml").write_text(entry + 'after = "return number == 9"\n')
    code, _, errors = run(project, capsys, "--again", "--sample", "1")
    assert code == 1
    assert "matches no mutant" in errors


def test_tests_that_fail_on_the_original_are_left_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tests/core/test_prices.py").write_text(TESTS + "\ndef test_wrong():\n    assert double(1) == 3\n")
    code, output, _ = run(project, capsys, "--sample", "1")
    assert code == 0
    assert "prices.py" in output


def test_a_ctrl_c_that_a_mutant_raises_kills_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pressed = "from shop._core.prices import double\n\ndef test_double():\n    if double(2) != 4:\n        raise {}\n"
    for exception in ("KeyboardInterrupt", "SystemExit", "pytest.exit.Exception('over')"):
        (project / "tests/core/test_prices.py").write_text("import pytest\n" + pressed.format(exception))
        (project / MODULE).write_text("def double(number):\n    return number * 2\n")
        code, output, _ = run(project, capsys)
        assert code == 0
        assert output.rstrip().endswith(" 100.0 %")


def test_each_mutant_does_something_else() -> None:
    source = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    X = 1\n"
        "class A:\n    kind: int | None = 2\n"
        "def f(a: int | str = 3, *, c=a) -> int | None:\n"
        "    b: int | None = a\n    return None if not b is None else b\n"
        "try:\n    pass\nexcept (a.b, OSError):\n    pass\n"
    )
    found = list_mutants(MODULE, source)
    assert {(each.scope, each.line) for each in found} == {("A", 5), ("f", 6), ("f", 8), ("", 11)}
    assert not any("&" in each.after for each in found)  # annotations
    assert len([each for each in found if each.line == 8]) == 1  # there are several ways to write it


def test_unknown_modules_are_errors(project: Path) -> None:
    with pytest.raises(SystemExit, match="no such module"):
        command.find_modules(project, "shop", ["_core/nothing.py"])
    assert command.find_modules(project, "shop", ["_core"]) == ["shop/_core/__init__.py", MODULE]


def test_equivalents_have_reasons_and_match_mutants(tmp_path: Path) -> None:
    entry = Equivalent(MODULE, "double", "return number * 2", "return number / 2", "an example")
    found = mutant("return number * 2", "return number / 2")
    assert find_stale([entry], [found], [MODULE]) == []
    assert find_stale([entry], [], [MODULE]) == [entry]
    assert find_stale([entry], [], ["shop/other.py"]) == []
    path = tmp_path / "equivalents.toml"
    assert read_equivalents(path) == []
    path.write_text('[[mutant]]\nmodule = "a"\nscope = ""\nbefore = "b"\nafter = "c"\nreason = " "\n')
    with pytest.raises(SystemExit, match="no reason"):
        read_equivalents(path)
    path.write_text('[[mutant]]\nmodule = "a"\n')
    with pytest.raises(SystemExit, match="missing"):
        read_equivalents(path)


def test_the_list_of_equivalents_can_be_read() -> None:
    entries = read_equivalents(Path(command.__file__).with_name("equivalents.toml"))
    assert len({entry.key for entry in entries}) == len(entries)
    assert all((command.ROOT / entry.module).is_file() for entry in entries)


def test_scopes_and_statements() -> None:
    lines = (
        "class A:",
        "    @b(1)",
        "    def c(",
        "        self,",
        "    ):",
        "        if self:",
        "            return 2",
    )
    tree = ast.parse("\n".join([*lines, "X = 1"]))
    assert [find_scope(tree, line) for line in (1, 2, 4, 7, 8)] == ["A", "A.c", "A.c", "A.c", ""]
    assert find_statement(tree, 6) == {6}
    assert find_statement(tree, 4) == {3, 4, 5, 6, 7}  # the whole function
    assert find_statement(tree, 7) == {7}


def test_a_mutant_is_for_the_tests_that_run_its_statement_and_fit_into_the_time() -> None:
    found = mutant("return number * 2", "return number / 2")
    own = RecordedTest("tests/core/test_prices.py::test_own", 99, 3, {MODULE: frozenset({found.line})})
    fast = RecordedTest("tests/core/test_other.py::test_fast", 99, 1, {MODULE: frozenset({found.line})})
    slow = RecordedTest("tests/core/test_other.py::test_slow", 99, 9, {MODULE: frozenset({found.line})})
    elsewhere = RecordedTest("tests/core/test_other.py::test_elsewhere", 99, 1, {MODULE: frozenset({1})})
    assert select_tests(found, [slow, elsewhere, fast, own], 20) == [own, fast, slow]
    third = RecordedTest("tests/core/test_third.py::test_third", 99, 10, {MODULE: frozenset({found.line})})
    assert select_tests(found, [slow, third, fast, own], 50) == [own, fast, third, slow]  # one of each file first
    assert select_tests(found, [slow, elsewhere, fast, own], 5) == [own, fast]
    assert select_tests(found, [slow], 5) == [slow]
    slow_own = RecordedTest("tests/core/test_prices.py::test_slow_own", 99, 9, {MODULE: frozenset({found.line})})
    assert select_tests(found, [slow_own, slow, fast, third], 5) == [fast]  # a slow one does not hide those after it
    assert select_tests(found, [slow_own, own, third, fast], 11) == [own, fast]
    other = RecordedTest("tests/core/test_other.py::test_other", 99, 1, {})
    assert select_tests(found, [other, elsewhere], 5) == [elsewhere, other]  # no test's process runs the statement
    assert select_tests(found, [], 5) == []


def test_without_tests_of_its_own_a_module_gets_those_that_run_most_of_its_lines_first() -> None:
    found = mutant("return number * 2", "return number / 2")
    line = frozenset({found.line})
    broad = [RecordedTest(f"tests/core/test_broad.py::test_{each}", 99, 1, {MODULE: line}) for each in range(9)]
    thorough = RecordedTest("tests/core/test_thorough.py::test_all", 99, 4, {MODULE: line | {1, 2}})
    elsewhere = RecordedTest("tests/core/test_thorough.py::test_elsewhere", 99, 1, {MODULE: frozenset({3})})
    assert select_tests(found, [*broad, thorough, elsewhere], 5) == [thorough, broad[0]]


def test_functions_get_their_new_code_and_code_at_import_does_not_count_as_one() -> None:
    file = "/shop/prices.py"
    original = compile(SOURCE, file, "exec", dont_inherit=True)
    names: dict[str, object] = {}
    exec(original, names)
    changed = compile(SOURCE.replace(">= LIMIT", "> LIMIT"), file, "exec", dont_inherit=True)
    replace_functions(original, changed)
    assert not names["Basket"](3).is_full  # type: ignore[operator]
    assert names["Basket"](4).is_full  # type: ignore[operator]
    at_import = compile(SOURCE.replace("LIMIT = 3", "LIMIT = 4"), file, "exec", dont_inherit=True)
    assert list_changed_functions(original, at_import) is None
    default = compile("def f(a=1):\n    return a", file, "exec"), compile("def f(a=2):\n    return a", file, "exec")
    assert list_changed_functions(*default) is None
    listed = compile("X = [a + 1 for a in []]", file, "exec"), compile("X = [a - 1 for a in []]", file, "exec")
    assert list_changed_functions(*listed) is None
    assert sys.modules.get("shop") is None
