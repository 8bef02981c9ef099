"""Compare two public APIs. Both become stubs, so that griffe can find the changes that break callers.

griffe finds parameters that are removed, moved, renamed or newly required. It does not compare additions, types, values
and kinds of methods; this module does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import griffe
from postman_openapi.losses import SpecError

from versioning.python_api import Surface
from versioning.semver import Change, Level

FIX, FEATURE, BREAKING = Level.FIX, Level.FEATURE, Level.BREAKING
BREAKAGES = {
    griffe.BreakageKind.OBJECT_REMOVED: "removed",
    griffe.BreakageKind.OBJECT_CHANGED_KIND: "changed to another kind of object",
    griffe.BreakageKind.PARAMETER_REMOVED: "parameter removed",
    griffe.BreakageKind.PARAMETER_MOVED: "parameter moved",
    griffe.BreakageKind.PARAMETER_CHANGED_KIND: "parameter passed in another way",
    griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT: "default changed",
    griffe.BreakageKind.PARAMETER_CHANGED_REQUIRED: "parameter now required",
    griffe.BreakageKind.PARAMETER_ADDED_REQUIRED: "required parameter added",
}
METHODS = ("async", "classmethod", "staticmethod")
PROTOCOL = "typing.Protocol"
REFERENCE = "as "


def compare_surfaces(before: Surface, after: Surface) -> list[Change]:
    """Return the changes, sorted by place; raise SpecError if a surface has a malformed declaration."""
    found: list[Change] = []
    if before == after:
        return found
    for module in sorted(before.keys() | after.keys()):
        olds, news = before.get(module, {}), after.get(module, {})
        found += [Change(f"{module}.{name}", "removed", BREAKING) for name in olds if name not in news]
        found += [Change(f"{module}.{name}", "added", FEATURE) for name in news if name not in olds]
        # A name that re-exports the same declaration before and after is compared where it is declared.
        same = {name for name in olds if news.get(name) == olds[name] and _is_reference(olds[name])}
        shared = [name for name in olds if name in news and name not in same]
        old = _stub(module, {name: _resolve_reference(before, olds[name]) for name in shared})
        new = _stub(module, {name: _resolve_reference(after, news[name]) for name in shared})
        found += (_breakage(module, each) for each in griffe.find_breaking_changes(old, new) if _is_own(each))
        for name in shared:
            found += _compare_declarations(f"{module}.{name}", old.members[name], new.members[name])
    return sorted(dict.fromkeys(found), key=lambda change: (change.place, change.kind))


def _is_reference(declaration: Any) -> bool:
    return isinstance(declaration, str) and declaration.startswith(REFERENCE)


def _resolve_reference(surface: Surface, declaration: Any) -> Any:
    """Return a declaration; follow a re-export to the declaring module."""
    if not _is_reference(declaration):
        return declaration
    module, _, name = declaration.removeprefix(REFERENCE).rpartition(".")
    found = surface.get(module, {}).get(name)
    if found is None or _is_reference(found):
        raise SpecError("public API", f"/{module}/{name}", "it is not declared there")
    return found


def _stub(module: str, declarations: Mapping[str, Any]) -> griffe.Module:
    """Return declarations as a griffe module."""
    lines: list[str] = []
    for name, declaration in declarations.items():
        if isinstance(declaration, str):
            lines += _stub_lines(declaration, "")
        else:
            bases = ", ".join(base.removeprefix(f"{module}.") for base in declaration["bases"])
            lines += [f"class {name}({bases}):", "    pass"]
            for member in declaration["members"].values():
                lines += _stub_lines(member, "    ")
    short = module.replace(".", "_")
    collection = griffe.ModulesCollection()
    try:
        stub = griffe.visit(short, Path(f"{short}.pyi"), "\n".join(lines), modules_collection=collection)
    except SyntaxError as error:
        raise SpecError("public API", f"/{module}", f"not a declaration: {error.text}") from None
    collection[short] = stub
    return stub


def _stub_lines(declaration: str, indent: str) -> list[str]:
    """Return a declaration as Python code: a decorator on its own line, and a placeholder for the body."""
    decorator, _, last = declaration.partition(" ") if declaration.startswith("@") else ("", "", declaration)
    is_function = last.startswith(("def ", "async def "))
    body = f"{last}: ..." if is_function else last if ":" in last or "=" in last else f"{last} = ..."
    return [f"{indent}{line}" for line in (decorator, body) if line]


def _is_own(breakage: griffe.Breakage) -> bool:
    """Check that a breakage is not inherited from a base, not compared in this module, and visible to callers."""
    bound = getattr(breakage.old_value or breakage.new_value, "name", "") in ("self", "cls")
    return breakage.kind in BREAKAGES and not breakage.obj.is_alias and not bound


def _breakage(module: str, breakage: griffe.Breakage) -> Change:
    place = f"{module}.{breakage.obj.path.partition('.')[2]}"
    parameter = breakage.old_value or breakage.new_value
    if isinstance(parameter, griffe.Parameter):
        place = f"{place}({parameter.name})"
    was, now = None, None
    if breakage.kind is griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT:
        was, now = str(breakage.old_value.default), str(breakage.new_value.default)
    elif breakage.kind is griffe.BreakageKind.PARAMETER_CHANGED_KIND:
        was, now = breakage.old_value.kind.value, breakage.new_value.kind.value
    elif breakage.kind is griffe.BreakageKind.OBJECT_CHANGED_KIND:
        was, now = breakage.old_value.value, breakage.new_value.value
    return Change(place, BREAKAGES[breakage.kind], BREAKING, was, now)


def _compare_declarations(place: str, old: Any, new: Any) -> Iterator[Change]:
    """Yield the changes that griffe does not find."""
    if old.kind is not new.kind:
        return
    if old.is_class:
        yield from _compare_classes(place, old, new)
    elif old.is_function:
        yield from _compare_functions(place, old, new)
    else:
        yield from _compare_types(place, old.annotation, new.annotation, given=False)
        if str(old.value) != str(new.value):
            yield Change(place, "value changed", BREAKING, str(old.value), str(new.value))


def _compare_classes(place: str, old: Any, new: Any) -> Iterator[Change]:
    was, now = [str(base) for base in old.bases], [str(base) for base in new.bases]
    yield from (Change(place, "base removed", BREAKING, was=base) for base in was if base not in now)
    yield from (Change(place, "base added", FEATURE, now=base) for base in now if base not in was)
    inherited = old.all_members
    for name, member in new.members.items():
        if name in old.members:
            yield from _compare_declarations(f"{place}.{name}", old.members[name], member)
        elif name not in inherited:
            # Other people's classes implement a protocol only with all its members.
            yield Change(f"{place}.{name}", "added", BREAKING if PROTOCOL in now else FEATURE)


def _compare_functions(place: str, old: Any, new: Any) -> Iterator[Change]:
    was, now = [" ".join(label for label in METHODS if label in each.labels) or "plain" for each in (old, new)]
    if was != now:
        yield Change(place, "called in another way", BREAKING, was, now)
    olds = {parameter.name: parameter for parameter in old.parameters}
    for parameter in new.parameters:
        at = f"{place}({parameter.name})"
        before = olds.get(parameter.name)
        if before is None:
            if not parameter.required:
                yield Change(at, "optional parameter added", FEATURE)
            continue
        yield from _compare_types(at, before.annotation, parameter.annotation, given=True)
        if before.required and not parameter.required:
            yield Change(at, "parameter no longer required", FEATURE)
    yield from _compare_types(f"{place} -> result", old.returns, new.returns, given=False)


def _compare_types(place: str, old: Any, new: Any, *, given: bool) -> Iterator[Change]:
    """Yield a change of type: harmless if callers may pass more types, get fewer, or got None before."""
    was, now = str(old), str(new)
    if was != now:
        wide, narrow = (now, was) if given else (was, now)
        harmless = (was == "None" and not given) or set(narrow.split(" | ")) <= set(wide.split(" | "))
        yield Change(place, "type changed", FEATURE if harmless else BREAKING, was, now)
