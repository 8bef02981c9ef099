"""Read the package's public API from its source, in a form that can be compared.

The source is read, not imported, so the result does not depend on Python and dependency versions. Private modules count
only if a public name leads to them.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import griffe
from postman_openapi.json_nodes import Node, parse_json
from postman_openapi.losses import SpecError

PACKAGE = "confluence_groups_sdk"
PUBLIC = ("errors", "fleet", "membership", "review", "sandbox")
MODULES = (*(f"{PACKAGE}.{each}" for each in PUBLIC), PACKAGE)
GENERATED = f"{PACKAGE}._generated"
HTTP = f"{PACKAGE}._support.libraries.http."  # where the package imports httpx
NOT_READ = ("_generated", "cli")  # folders that no public name leads into; reading them takes a quarter of the time
NOT_PUBLIC = {"__attrs_post_init__", "__reduce__", "__repr__", "__slots__", "__str__"}
ATTRS_CLASSES = {"attrs.frozen", "attrs.define", "attrs.mutable"}
ATTRS_FIELD = "attrs.field"
NAMED_TUPLE = "typing.NamedTuple"
COMPUTED = "..."  # a default that a function computes

Surface = dict[str, dict[str, Any]]  # declaration by module and public name; a class has bases and members


def load_package(root: Path) -> Any:
    """Return the package in a folder, as griffe reads it.

    Raises:
        SpecError: its source cannot be read.
    """
    extensions = griffe.load_extensions(griffe.UnpackTypedDictExtension(), FieldsExtension())
    loader = griffe.GriffeLoader(extensions=extensions, allow_inspection=False, store_source=False)
    loader.finder = _Finder([root])
    try:
        return loader.load(PACKAGE, try_relative_path=False)
    except (ImportError, griffe.GriffeError, SyntaxError, OSError) as error:
        raise SpecError(PACKAGE, "", f"its source cannot be read: {error}") from None


def read_surface(root: Path) -> Surface:
    """Return the public API of the package in a folder.

    Raises:
        SpecError: its source cannot be read, or a public name does not exist.
    """
    places = dict(find_public_objects(load_package(root)))
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


def find_public_objects(package: Any) -> Iterator[tuple[str, Any]]:
    """Yield the public names and their objects: imports that are public, and a module's documented declarations."""
    for path in MODULES:
        module = package if path == PACKAGE else package[path.removeprefix(f"{PACKAGE}.")]
        found = {name: each for name, each in module.members.items() if not each.is_alias and _is_documented(each)}
        for name, target in _public_imports(module).items():
            if target.startswith(f"{PACKAGE}.") and (not name.startswith("_") or name == "__version__"):
                found[name] = _resolve_public(package, target, path)  # a submodule can have the same name
        yield from ((f"{path}.{name}", target) for name, target in found.items())


def _public_imports(module: Any) -> Mapping[str, str]:
    """Return the targets of a package's imports, and of those in a module that say ``import X as X`` (PEP 484)."""
    imports: Mapping[str, str] = module.imports
    if module.is_init_module:
        return imports
    tree = ast.parse(module.filepath.read_text(encoding="utf-8"))
    aliases = [each for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for each in node.names]
    public = {each.name for each in aliases if each.name == each.asname}
    return {name: target for name, target in imports.items() if name in public}


def _resolve_public(package: Any, path: str, where: str) -> Any:
    if path.startswith(f"{GENERATED}."):  # a public name there would change the surface with every swap
        raise SpecError(where, "", f"{path} is public here, but generated code is internal: wrap it")
    found = _find(package, path.removeprefix(f"{PACKAGE}."))
    if found is None:
        raise SpecError(where, "", f"{path} is imported here, but does not exist")
    return found


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
        inner = _find(class_.modules_collection, path)
        if path.startswith(f"{GENERATED}."):
            raise SpecError(class_.path, "", f"{path} is its base, but generated code is internal: wrap it")
        if inner is None:
            named.append(path.removeprefix(HTTP))
        elif inner.path in first:
            named.append(first[inner.path])
        else:
            named += _public_bases(inner, first)
    return named


def class_members(class_: Any, first: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Return the members of a class by name, including those inherited from classes that are not in ``first``."""
    members: dict[str, Any] = {}
    for each in (*reversed(class_.mro()), class_):
        if each is class_ or each.path not in first:
            members |= each.members
    return members


def _class_members(class_: Any, first: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the declarations of the members of a class, including those inherited from internal classes."""
    members = class_members(class_, first)
    values = any(str(base).endswith("Enum") for base in class_.bases)
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
            each.name if function.lineno else each.name.lstrip("_"),  # griffe made it of fields
            annotation=each.annotation,
            kind=each.kind,
            default=_default_text(each.default, function),
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
    found = _find(owner.module, str(default))
    if found is None or not found.is_attribute or not found.parent.is_module or found.value is None:
        return str(default)
    return str(found.value)


def _find(owner: Any, path: str) -> Any | None:
    """Return the object that a path inside another object leads to, or None."""
    try:
        found = owner.get_member(path)
        return found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        return None


class _Finder(griffe.ModuleFinder):
    """Finds all modules of the package but those in NOT_READ."""

    def submodules(self, module: griffe.Module) -> list[tuple[tuple[str, ...], Path]]:
        """Return the parts of the name and the path of each module inside another one."""
        found = super().submodules(module)
        return [(parts, path) for parts, path in found if not (module.path == PACKAGE and parts[0] in NOT_READ)]


class FieldsExtension(griffe.Extension):
    """Presents attrs classes and NamedTuples as dataclasses, whose __init__ griffe creates."""

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        """Add the decorator, and replace the options of the fields."""
        decorators = [each.value for each in cls.decorators if each.callable_path in ATTRS_CLASSES]
        if not decorators and NAMED_TUPLE not in (getattr(base, "canonical_path", base) for base in cls.bases):
            return
        options = [option for each in decorators for option in getattr(each, "arguments", ())]
        cls.decorators.append(griffe.Decorator(_call("dataclasses.dataclass", options), lineno=None, endlineno=None))
        for name, member in cls.members.items():
            value = None if member.is_alias or not member.is_attribute else member.value
            if isinstance(value, griffe.ExprCall) and value.canonical_path == ATTRS_FIELD:
                member.value = _dataclass_field(value, computed=f"{name}.default" in _decorators(cls))


def _dataclass_field(field: griffe.ExprCall, *, computed: bool) -> griffe.ExprCall | None:
    options = {each.name: each.value for each in field.arguments if isinstance(each, griffe.ExprKeyword)}
    if "factory" in options:
        options["default_factory"] = options.pop("factory")
    elif computed:
        options["default"] = COMPUTED
    arguments = [griffe.ExprKeyword(name, value) for name, value in options.items()]
    return _call("dataclasses.field", arguments) if arguments else None  # griffe takes field() as the default


def _decorators(class_: Any) -> set[str]:
    return {str(each.value) for member in class_.members.values() for each in getattr(member, "decorators", ())}


def _call(function: str, arguments: list[Any]) -> griffe.ExprCall:
    return griffe.ExprCall(griffe.ExprName(function), arguments)
