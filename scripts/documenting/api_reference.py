"""Write the pages of the Python reference, and find public names without documentation.

The pages only name the objects; mkdocstrings shows them from their docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import griffe
from versioning.python_api import class_members, find_public_objects, load_package

from confluence_groups_sdk import errors

PAGE_TITLES = {
    "client": "The client",
    "models": "Groups, users, sites",
    "auth": "Credentials",
    "settings": "Rates, retries, timeouts",
    "errors": "Errors",
    "membership": "Plans (membership)",
    "review": "Access reviews (review)",
    "fleet": "Many sites (fleet)",
    "sandbox": "The sandbox",
}
PAGE_OF_PART = {"async_client": "client"} | {name: name for name in PAGE_TITLES}
"""The page of a part of the package; the other parts are on the page of settings."""
FACTS = re.compile(r"\b(docs/([\w-]+)\.md(#[\w-]+)?)(?: and (#[\w-]+))?")
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
    """Turns the pages that docstrings name into links, and hides internal bases."""

    def on_class(self, *, cls: Any, **_: Any) -> None:
        """Remove the internal bases of a class."""
        cls.bases = [base for base in cls.bases if str(base) not in INTERNAL_BASES]

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Replace the names in a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = FACTS.sub(_link, obj.docstring.value)


def _link(found: re.Match[str]) -> str:
    _, page, anchor, second = found.groups()
    text = f"[{page}{f': {anchor[1:]}' if anchor else ''}](../{page}.md{anchor or ''})"
    return f"{text} and [{second[1:]}](../{page}.md{second})" if second else text
