"""Read the package's public API from its source, in a form that can be compared.

The source is read, not imported, so the result does not depend on Python and dependency versions. Private modules count
only if a public name leads to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from postman_openapi.json_nodes import Node, parse_json
from postman_openapi.losses import SpecError

PACKAGE = "confluence_groups_sdk"
MODULES = (f"{PACKAGE}.errors", f"{PACKAGE}.membership", f"{PACKAGE}.sandbox", PACKAGE)
GENERATED = f"{PACKAGE}._generated"
NOT_PUBLIC = {"__attrs_post_init__", "__reduce__", "__repr__", "__slots__", "__str__"}
ATTRS_CLASSES = {"attrs.frozen", "attrs.define", "attrs.mutable"}
ATTRS_FIELD = "attrs.field"
COMPUTED = "..."  # a default that a function computes

Surface = dict[str, dict[str, Any]]  # declaration by module and public name; a class has bases and members


def read_surface(root: Path) -> Surface:
    """Return the public API of the package in a folder.

    Raises:
        SpecError: its source cannot be read, or a public name does not exist.
    """
    extensions = griffe.load_extensions(griffe.UnpackTypedDictExtension())
    loader = griffe.GriffeLoader(extensions=extensions, search_paths=[root], allow_inspection=False, store_source=False)
    try:
        package = loader.load(PACKAGE, try_relative_path=False)
    except (ImportError, griffe.GriffeError, SyntaxError, OSError) as error:
        raise SpecError(PACKAGE, "", f"its source cannot be read: {error}") from None
    places = dict(_find_public_objects(package))
    first: dict[str, str] = {}  # the first public name of each object
    for name, target in places.items():
        first.setdefault(target.path, name)
    surface: Surface = {module: {} for module in sorted(MODULES)}
    for name, target in sorted(places.items()):
        module, _, short = name.rpartition(".")
        home = first[target.path]
        surface[module][short] = _declaration(short, target, first) if home == name else f"as {home}"
    return surface


def format_surface(surface: Surface) -> str:
    """Return a surface as text that is the same on every machine."""
    return json.dumps(surface, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_surface(text: str, where: str) -> Surface:
    """Return a surface from its text; raise SpecError if it is malformed."""
    node = parse_json(text, where)
    for module in node.members().values():
        for declaration in module.members().values():
            _check_declaration(declaration)
    surface: Surface = node.value
    return surface


def _check_declaration(declaration: Node) -> None:
    if isinstance(declaration.value, str):
        return
    parts = declaration.members(("bases", "members"))
    for base in parts["bases"].items():
        base.text()
    for member in parts["members"].members().values():
        member.text()


def _find_public_objects(package: Any) -> Iterator[tuple[str, Any]]:
    """Yield the public names and their objects: a package's imports, and a module's documented declarations."""
    for path in MODULES:
        module = package if path == PACKAGE else package[path.removeprefix(f"{PACKAGE}.")]
        found = {name: each for name, each in module.members.items() if not each.is_alias and _is_documented(each)}
        for name, target in module.imports.items() if module.is_init_module else ():
            if target.startswith(f"{PACKAGE}.") and (not name.startswith("_") or name == "__version__"):
                found[name] = _resolve_public(package, target, path)  # a submodule can have the same name
        yield from ((f"{path}.{name}", target) for name, target in found.items())


def _resolve_public(package: Any, path: str, where: str) -> Any:
    if path.startswith(f"{GENERATED}."):  # a public name there would change the surface with every swap
        raise SpecError(where, "", f"{path} is public here, but generated code is internal: wrap it")
    try:
        found = package[path.removeprefix(f"{PACKAGE}.")]
        return found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        raise SpecError(where, "", f"{path} is imported here, but does not exist") from None


def _is_documented(member: Any) -> bool:
    return not member.is_module and not member.name.startswith("_") and member.docstring is not None


def _declaration(name: str, target: Any, first: dict[str, str]) -> Any:
    if target.is_class:
        return {"bases": _public_bases(target, first), "members": dict(_class_members(target, first))}
    if target.is_function:
        return _signature(target)
    if target.docstring is not None and target.annotation is not None and target.value is not None:
        return f"{name}: {target.annotation} = {target.value}"
    return f"{name}: {target.annotation}" if target.annotation is not None else name


def _public_bases(class_: Any, first: dict[str, str]) -> list[str]:
    """Return the public names of the bases; an internal base is replaced by its own bases."""
    named: list[str] = []
    for base in class_.bases:
        path = getattr(base, "canonical_path", str(base))
        inner = _find_base(class_, path)
        if inner is None:
            named.append(path)
        elif inner.path in first:
            named.append(first[inner.path])
        else:
            named += _public_bases(inner, first)
    return named


def _find_base(class_: Any, path: str) -> Any | None:
    """Return a base that belongs to the package, or None."""
    try:
        found = class_.modules_collection.get_member(path)
        return found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        return None


def _lineage(class_: Any) -> list[Any]:
    """Return a class after all classes that it inherits from."""
    return [*reversed(class_.mro()), class_]


def _class_members(class_: Any, first: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the members of a class, including those inherited from internal classes."""
    members: dict[str, Any] = {}
    for each in _lineage(class_):
        if each is class_ or each.path not in first:
            members |= each.members
    values = any(str(base).endswith("Enum") for base in class_.bases)
    if "__init__" not in members and (fields := _init_signature(class_)):
        yield "__init__", fields
    for name, member in members.items():
        dunder = name.startswith("__") and name.endswith("__") and name not in NOT_PUBLIC
        if member.is_alias or (name.startswith("_") and not (dunder and member.is_function)):
            continue
        if member.is_function:
            yield name, _signature(member)
        elif member.is_attribute:
            declared = f"{name}: {member.annotation}" if member.annotation is not None else name
            yield name, f"{declared} = {member.value}" if values and "property" not in member.labels else declared


def _signature(function: Any) -> str:
    """Return a signature; defaults that are constants of the package appear as their values."""
    parameters = [
        griffe.Parameter(
            each.name, annotation=each.annotation, kind=each.kind, default=_default_text(each.default, function)
        )
        for each in function.parameters
    ]
    plain = griffe.Function(function.name, parameters=griffe.Parameters(*parameters), returns=function.returns)
    kinds = [f"@{label} " for label in ("classmethod", "staticmethod") if label in function.labels]
    return f"{''.join(kinds)}{'async ' if 'async' in function.labels else ''}def {plain.signature(return_type=True)}"


def _default_text(default: Any, owner: Any) -> str | None:
    """Return a default as text; a constant of the package appears as its value, which is what callers get."""
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


def _init_signature(class_: Any) -> str | None:
    """Return the signature that attrs or NamedTuple creates from the fields of a class, or None."""
    tuple_ = any(getattr(base, "canonical_path", base) == "typing.NamedTuple" for base in class_.bases)
    fields: dict[str, Any] = {}
    for each in _lineage(class_):
        if tuple_ or _attrs_arguments(each) is not None:
            fields |= dict(_init_parameters(each))
    if not fields or (not tuple_ and _attrs_arguments(class_) is None):
        return None
    parameters = sorted(fields.values(), key=lambda field: field.kind is griffe.ParameterKind.keyword_only)
    self = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    init = griffe.Function("__init__", parameters=griffe.Parameters(self, *parameters), returns="None")
    return f"def {init.signature(return_type=True)}"


def _init_parameters(class_: Any) -> Iterator[tuple[str, Any]]:
    computed = {
        str(decorator.value) for each in class_.members.values() for decorator in getattr(each, "decorators", [])
    }
    keywords = (_attrs_arguments(class_) or {}).get("kw_only") == "True"
    for name, member in class_.members.items():
        is_field = member.is_attribute and member.annotation is not None and "instance-attribute" in member.labels
        options = _call_arguments(member.value, {ATTRS_FIELD}) if is_field else None
        if not is_field or "property" in member.labels or (options or {}).get("init") == "False":
            continue
        default = member.value if options is None else options.get("default")
        if options and "factory" in options:
            default = f"{options['factory']}()"
        elif f"{name}.default" in computed:
            default = COMPUTED
        by_name = keywords or (options or {}).get("kw_only") == "True"
        kind = griffe.ParameterKind.keyword_only if by_name else griffe.ParameterKind.positional_or_keyword
        short, text = name.lstrip("_"), None if default is None else _default_text(default, class_)
        yield short, griffe.Parameter(short, annotation=member.annotation, kind=kind, default=text)


def _attrs_arguments(class_: Any) -> dict[str, str] | None:
    """Return the arguments of a class's attrs decorator, or None if it has none."""
    for decorator in class_.decorators:
        if decorator.callable_path in ATTRS_CLASSES:
            return _call_arguments(decorator.value, ATTRS_CLASSES) or {}
    return None


def _call_arguments(call: Any, of: set[str]) -> dict[str, str] | None:
    """Return the keyword arguments of a call of one of these functions as text, or None for anything else."""
    if not isinstance(call, griffe.ExprCall) or call.canonical_path not in of:
        return None
    return {each.name: str(each.value) for each in call.arguments if isinstance(each, griffe.ExprKeyword)}
