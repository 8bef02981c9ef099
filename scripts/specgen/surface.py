"""What the package offers to whoever imports it, read from its source and written down so that it can be compared.

It is read, not imported, so that it is the same on every Python and with every dependency. What stands in modules with
an underscore is surface only as far as a public name leads there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

from .nodes import Node, parse_json
from .problems import SpecError

PACKAGE = "confluence_groups_sdk"
MODULES = (f"{PACKAGE}.errors", f"{PACKAGE}.membership", f"{PACKAGE}.sandbox", PACKAGE)
GENERATED = f"{PACKAGE}._generated"
NO_SURFACE = {"__attrs_post_init__", "__reduce__", "__repr__", "__slots__", "__str__"}
ATTRS_CLASSES = {"attrs.frozen", "attrs.define", "attrs.mutable"}
ATTRS_FIELD = "attrs.field"
OPTIONAL = "..."  # a default that a function finds out

Surface = dict[str, dict[str, Any]]  # module to public name to its declaration; a class is bases and members


def read_surface(root: Path) -> Surface:
    """Return the public surface of the package in a folder.

    Raises:
        SpecError: its source cannot be read, or a public name is not to be found.
    """
    extensions = griffe.load_extensions(griffe.UnpackTypedDictExtension())
    loader = griffe.GriffeLoader(extensions=extensions, search_paths=[root], allow_inspection=False, store_source=False)
    try:
        package = loader.load(PACKAGE, try_relative_path=False)
    except (ImportError, griffe.GriffeError, SyntaxError, OSError) as error:
        raise SpecError(PACKAGE, "", f"its source cannot be read: {error}") from None
    places = dict(_public_objects(package))
    first: dict[str, str] = {}  # what an object is called where it is declared
    for name, target in places.items():
        first.setdefault(target.path, name)
    surface: Surface = {module: {} for module in sorted(MODULES)}
    for name, target in sorted(places.items()):
        module, _, short = name.rpartition(".")
        home = first[target.path]
        surface[module][short] = _declared(short, target, first) if home == name else f"as {home}"
    return surface


def surface_text(surface: Surface) -> str:
    """Return a surface as text, the same on every machine."""
    return json.dumps(surface, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_surface(text: str, where: str) -> Surface:
    """Return a surface that was written down.

    Raises:
        SpecError: it is not one.
    """
    node = parse_json(text, where)
    for module in node.members().values():
        for declaration in module.members().values():
            _check(declaration)
    surface: Surface = node.value
    return surface


def _check(declaration: Node) -> None:
    if isinstance(declaration.value, str):
        return
    parts = declaration.members(("bases", "members"))
    for base in parts["bases"].items():
        base.text()
    for member in parts["members"].members().values():
        member.text()


def _public_objects(package: Any) -> Iterator[tuple[str, Any]]:
    """Yield the public names with what they lead to: what a package hands on, what a module declares and describes."""
    for path in MODULES:
        module = package if path == PACKAGE else package[path.removeprefix(f"{PACKAGE}.")]
        found = {name: each for name, each in module.members.items() if not each.is_alias and _is_documented(each)}
        for name, target in module.imports.items() if module.is_init_module else ():
            if target.startswith(f"{PACKAGE}.") and (not name.startswith("_") or name == "__version__"):
                found[name] = _found(package, target, path)  # a module may be in the way of the name it is imported by
        yield from ((f"{path}.{name}", target) for name, target in found.items())


def _found(package: Any, path: str, where: str) -> Any:
    if path.startswith(f"{GENERATED}."):  # else the surface would have to be read after the swap
        raise SpecError(where, "", f"{path} is public here, but generated code is internal: wrap it")
    try:
        found = package[path.removeprefix(f"{PACKAGE}.")]
        return found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        raise SpecError(where, "", f"{path} is imported here, but is not there") from None


def _is_documented(member: Any) -> bool:
    return not member.is_module and not member.name.startswith("_") and member.docstring is not None


def _declared(name: str, target: Any, first: dict[str, str]) -> Any:
    if target.is_class:
        return {"bases": _bases(target, first), "members": dict(_members(target, first))}
    if target.is_function:
        return _function(target)
    if target.docstring is not None and target.annotation is not None and target.value is not None:
        return f"{name}: {target.annotation} = {target.value}"
    return f"{name}: {target.annotation}" if target.annotation is not None else name


def _bases(class_: Any, first: dict[str, str]) -> list[str]:
    """Return the bases by their public names; in place of an internal one, those that it has."""
    named: list[str] = []
    for base in class_.bases:
        path = getattr(base, "canonical_path", str(base))
        inner = _resolved(class_, path)
        if inner is None:
            named.append(path)
        elif inner.path in first:
            named.append(first[inner.path])
        else:
            named += _bases(inner, first)
    return named


def _resolved(class_: Any, path: str) -> Any | None:
    """Return a base of the package's own; None for all others."""
    try:
        found = class_.modules_collection.get_member(path)
        return found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        return None


def _lineage(class_: Any) -> list[Any]:
    """Return a class after all that it inherits from."""
    return [*reversed(class_.mro()), class_]


def _members(class_: Any, first: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what a class has, what it inherits from internal ones included."""
    members: dict[str, Any] = {}
    for each in _lineage(class_):
        if each is class_ or each.path not in first:
            members |= each.members
    values = any(str(base).endswith("Enum") for base in class_.bases)
    if "__init__" not in members and (fields := _init_of_fields(class_)):
        yield "__init__", fields
    for name, member in members.items():
        dunder = name.startswith("__") and name.endswith("__") and name not in NO_SURFACE
        if member.is_alias or (name.startswith("_") and not (dunder and member.is_function)):
            continue
        if member.is_function:
            yield name, _function(member)
        elif member.is_attribute:
            said = f"{name}: {member.annotation}" if member.annotation is not None else name
            yield name, f"{said} = {member.value}" if values and "property" not in member.labels else said


def _function(function: Any) -> str:
    """Return a signature, with its defaults as they are where they are constants of the package."""
    parameters = [
        griffe.Parameter(
            each.name, annotation=each.annotation, kind=each.kind, default=_default(each.default, function)
        )
        for each in function.parameters
    ]
    plain = griffe.Function(function.name, parameters=griffe.Parameters(*parameters), returns=function.returns)
    kinds = [f"@{label} " for label in ("classmethod", "staticmethod") if label in function.labels]
    return f"{''.join(kinds)}{'async ' if 'async' in function.labels else ''}def {plain.signature(return_type=True)}"


def _default(default: Any, owner: Any) -> str | None:
    """Return a default as text; a constant of the package by its value, for that is what a caller gets."""
    if default is None:
        return None
    steps = str(default).split(".")
    found = owner.module
    try:
        for step in steps:
            found = found.members[step]
            found = found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        return str(default)
    constant = found.is_attribute and found.parent.is_module and found.value is not None
    return str(found.value) if constant else str(default)


def _init_of_fields(class_: Any) -> str | None:
    """Return the signature that attrs or a named tuple makes from the fields of a class; None where it is neither."""
    tuple_ = any(getattr(base, "canonical_path", base) == "typing.NamedTuple" for base in class_.bases)
    fields: dict[str, Any] = {}
    for each in _lineage(class_):
        if tuple_ or _attrs_arguments(each) is not None:
            fields |= dict(_fields(each))
    if not fields or (not tuple_ and _attrs_arguments(class_) is None):
        return None
    parameters = sorted(fields.values(), key=lambda field: field.kind is griffe.ParameterKind.keyword_only)
    self = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    init = griffe.Function("__init__", parameters=griffe.Parameters(self, *parameters), returns="None")
    return f"def {init.signature(return_type=True)}"


def _fields(class_: Any) -> Iterator[tuple[str, Any]]:
    found_out = {
        str(decorator.value) for each in class_.members.values() for decorator in getattr(each, "decorators", [])
    }
    keywords = (_attrs_arguments(class_) or {}).get("kw_only") == "True"
    for name, member in class_.members.items():
        is_field = member.is_attribute and member.annotation is not None and "instance-attribute" in member.labels
        said = _arguments(member.value, {ATTRS_FIELD}) if is_field else None
        if not is_field or "property" in member.labels or (said or {}).get("init") == "False":
            continue
        default = member.value if said is None else said.get("default")
        if said and "factory" in said:
            default = f"{said['factory']}()"
        elif f"{name}.default" in found_out:
            default = OPTIONAL
        by_name = keywords or (said or {}).get("kw_only") == "True"
        kind = griffe.ParameterKind.keyword_only if by_name else griffe.ParameterKind.positional_or_keyword
        short = name.lstrip("_")
        yield (
            short,
            griffe.Parameter(
                short,
                annotation=member.annotation,
                kind=kind,
                default=None if default is None else _default(default, class_),
            ),
        )


def _attrs_arguments(class_: Any) -> dict[str, str] | None:
    """Return what the decorator of attrs was given; None where the class has none."""
    for decorator in class_.decorators:
        if decorator.callable_path in ATTRS_CLASSES:
            return _arguments(decorator.value, ATTRS_CLASSES) or {}
    return None


def _arguments(call: Any, of: set[str]) -> dict[str, str] | None:
    """Return the arguments by name of a call of one of these functions, as text; None where it is none."""
    if not isinstance(call, griffe.ExprCall) or call.canonical_path not in of:
        return None
    return {each.name: str(each.value) for each in call.arguments if isinstance(each, griffe.ExprKeyword)}
