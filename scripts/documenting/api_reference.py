"""Write the pages of the Python reference, and find public names without documentation.

The pages only name the objects; mkdocstrings shows them from their docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from versioning.python_api import PACKAGE, PUBLIC, class_members, find_public_objects, load_package

import confluence_groups_sdk as sdk
from confluence_groups_sdk import errors, fleet, membership, review, sandbox

PAGE_TITLES = {
    "client": "The client",
    "models": "Groups, users, sites",
    "auth": "Credentials",
    "settings": "Rates, retries, timeouts",
    "errors": "Errors",
    "membership": "Plans",
    "review": "Access reviews",
    "fleet": "Many sites",
    "sandbox": "Sandbox",
}
PAGE_OF_PART = {"async_client": "client"} | {name: name for name in PAGE_TITLES}
"""The page of a part of the package; the other parts are on the page of settings."""
FACTS = re.compile(r"\bdocs/([\w-]+)\.md(#[\w-]+)?((?:,?\s+(?:and\s+)?#[\w-]+)*)")
ANCHOR = re.compile(r"#[\w-]+")
NAME = re.compile(r"(?<!`)`(\w+)`(?!`)")
SAID_REMEDY = re.compile(r"^What to do: (.*?\.)$", re.DOTALL | re.MULTILINE)
NEVER_RAISED = {"ConfluenceGroupsError", "APIError", "KnownProblem"}
INTERNAL_BASES = {"VersionTolerantPickle"}
ATTRIBUTE_KINDS = {griffe.DocstringSectionKind.attributes, griffe.DocstringSectionKind.parameters}


def format_api_pages(root: Path) -> dict[str, str]:
    """Return the pages of the reference by name.

    Args:
        root: the folder of the project.

    Raises:
        SpecError: the source of the package cannot be read.
    """
    objects = list_public_objects(root)
    pages = {}
    for page, title in PAGE_TITLES.items():
        shown = [name for name, target in objects.items() if page_of(target.path) == page]
        shown.sort(key=_order)
        text = [f"# {title}\n", *_introduction(page, objects), *(_directive(name, objects[name]) for name in shown)]
        pages[f"{page}.md"] = "\n".join(text)
    return pages


def list_public_objects(root: Path) -> dict[str, Any]:
    """Return each public object once, by its public name; the package itself comes before its modules."""
    found = sorted(find_public_objects(load_package(root)), key=lambda item: item[0].count("."))
    first: dict[str, str] = {}
    for name, target in found:
        first.setdefault(target.path, name)
    return {name: target for name, target in found if first[target.path] == name}


def page_of(path: str) -> str:
    """Return the page of an object by the path where it is defined."""
    return "errors" if path.endswith(".KnownProblem") else PAGE_OF_PART.get(path.split(".")[1], "settings")


def find_undocumented(root: Path) -> list[str]:
    """Return the public names, and those in public classes, that have no documentation; and errors without a remedy."""
    found = list_public_objects(root)
    missing = [each for name, target in found.items() for each in _undocumented_names(name, target)]
    return missing + [
        f"{name}: what to do"
        for name, target in found.items()
        if page_of(target.path) == "errors" and target.name not in NEVER_RAISED and not _remedy(target)
    ]


def _undocumented_names(name: str, target: Any) -> Iterator[str]:
    if target.docstring is None:
        yield name
    if target.is_class:
        described = set(_described_fields(target))
        for member_name, member in class_members(target).items():
            is_hidden = member_name.startswith("_") or member.is_alias or (is_enum(target) and member.is_attribute)
            if not is_hidden and member.docstring is None and member_name not in described:
                yield f"{name}.{member_name}"


def _described_fields(class_: Any) -> Iterator[str]:
    """Yield the fields that the docstrings of a class and its bases describe."""
    for each in (class_, *class_.mro()):
        if each.docstring is not None:
            for section in each.docstring.parse("google"):
                if section.kind in ATTRIBUTE_KINDS:
                    yield from (item.name for item in section.value)


def _directive(name: str, target: Any) -> str:
    """Return what mkdocstrings replaces by the documentation of an object."""
    options = []
    if target.is_class and is_enum(target):
        options.append("show_if_no_docstring: true")  # the values of its members say what they are
    if page_of(target.path) == "errors":
        options.append("inherited_members: false")  # the fields of the bases are shown once
    return "\n".join(
        [f"::: {name}", *(["    options:"] if options else []), *(f"      {each}" for each in options), ""]
    )


def is_enum(class_: Any) -> bool:
    """Check whether a class is an enumeration."""
    return any(str(base).endswith("Enum") for base in class_.bases)


def _order(name: str) -> tuple[bool, str]:
    return (not name.endswith(".ConfluenceGroups"), name)


def _introduction(page: str, objects: Mapping[str, Any]) -> Iterator[str]:
    module = f"{PACKAGE}.{page}" if page in PUBLIC and page != "errors" else PACKAGE
    yield f"Import these names from `{module}`.\n"
    if page == "errors":
        yield "What each error means for your program: [errors](../errors.md).\n"
        yield "| error | what to do |\n|---|---|"
        for name, target in sorted(objects.items()):
            if remedy := _remedy(target):
                yield f"| [`{target.name}`][{name}] | {remedy} |"
        yield ""


def _remedy(target: Any) -> str | None:
    """Return the remedy of an error, or None if the class has none; it may be that of a base."""
    error = getattr(errors, target.name) if page_of(target.path) == "errors" else None
    if not isinstance(error, type) or not issubclass(error, Exception):
        return None
    said = SAID_REMEDY.search(target.docstring.value)
    return said[1].replace("\n", " ").capitalize() if said else getattr(error, "remedy", None) or None


class PublicExtension(griffe.Extension):
    """Turns the pages and the public names in docstrings into links, and hides internal bases."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Replace pages and names in a docstring."""
        if obj.docstring is not None and obj.path.startswith("confluence_groups_sdk"):
            text = FACTS.sub(_link_facts, obj.docstring.value)
            obj.docstring.value = NAME.sub(lambda found: _link_name(found, obj.path), text)

    def on_class(self, *, cls: Any, **_: Any) -> None:
        """Remove the internal bases of a class."""
        cls.bases = [base for base in cls.bases if str(base) not in INTERNAL_BASES]


def _link_facts(found: re.Match[str]) -> str:
    page, first, others = found.groups()
    text = f"[{page}{f': {first[1:]}' if first else ''}](../{page}.md{first or ''})"
    return text + ANCHOR.sub(lambda anchor: f"[{anchor[0][1:]}](../{page}.md{anchor[0]})", others)


def _link_name(found: re.Match[str], path: str) -> str:
    part = path.split(".")[1] if "." in path else ""
    target = _public_path(found[1], part)
    return f"[`{found[1]}`][{target}]" if target else found[0]


@cache
def _public_path(name: str, part: str) -> str | None:
    """Return the public path of a name in the docstrings of a part of the package, or None if it has none."""
    modules = [sdk, membership, review, fleet, sandbox]
    modules.sort(key=lambda module: not module.__name__.endswith(f".{part}"))
    for module in modules:
        home = getattr(getattr(module, name, None), "__module__", None)
        if home == module.__name__ or (module is sdk and home == errors.__name__):
            return f"{module.__name__}.{name}"
    is_method = part in ("client", "async_client") and name in vars(sdk.ConfluenceGroups)
    return f"{sdk.ConfluenceGroups.__module__}.ConfluenceGroups.{name}" if is_method else None
