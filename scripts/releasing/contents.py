"""List the files that each distribution must and may contain; any other file is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.metadata import parse_email
from pathspec import PathSpec

from releasing.archives import Member, read_members
from releasing.project import PACKAGE, Project

INFO = "*.dist-info"
RUNTIME = (
    f"{PACKAGE}/**/*.py",
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/_support/html_page/base.html.j2",
    f"{PACKAGE}/_support/html_page/macros.html.j2",
    f"{PACKAGE}/_support/html_page/page.css",
    f"{PACKAGE}/_support/html_page/page.js",
    f"{PACKAGE}/cli/rendering/approval_page.html.j2",
    f"{PACKAGE}/membership/plan.schema.json",
    f"{PACKAGE}/review/pages/diff_page.html.j2",
    f"{PACKAGE}/review/pages/evidence_page.html.j2",
    f"{PACKAGE}/review/pages/sheet_page.html.j2",
)
GENERATED = (f"{PACKAGE}/_generated/client.py", f"{PACKAGE}/_generated/models/__init__.py")


def gitignore(*patterns: str) -> PathSpec[Any]:
    return PathSpec.from_lines("gitignore", patterns)  # the last pattern that matches a file decides


@frozen
class Rule:
    """The files of a distribution."""

    needs: tuple[str, ...]  # each must match a file; a star matches slashes, too
    holds: PathSpec[Any]  # the only files allowed, as in .gitignore; every such file of the source must be there


METADATA = tuple(f"{INFO}/{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE"))
WHEEL = Rule(
    needs=(*RUNTIME, *GENERATED, *METADATA),
    holds=gitignore(*RUNTIME, *METADATA, f"{INFO}/RECORD", f"{INFO}/WHEEL", "!tests/", "!test_*", "!conftest.py"),
)
SDIST = Rule(
    needs=(
        *(*RUNTIME, *GENERATED, "LICENSE", "PKG-INFO", "pyproject.toml", "generator-config.yaml"),
        *("docs/*.md", "openapi/*.openapi.yaml", "openapi/overlay.yaml", "openapi/postman/*.json"),
        *("scripts/test", "scripts/regenerate.py", "tests/test_*.py", "tests/cassettes/*.yaml"),
    ),
    holds=gitignore(
        *(*RUNTIME, "/docs/", "/examples/", "/benchmarks/", "/openapi/", "/scripts/", "/tests/", "!*.pyc", "!.*"),
        *("/CHANGELOG.md", "/CONTRIBUTING.md", "/LICENSE", "/PKG-INFO", "/README.md", "/SECURITY.md"),
        *(
            "/pyproject.toml",
            "/zensical.toml",
            "/generator-config.yaml",
            "/.gitattributes",
            "/.gitignore",
            "/.pre-commit-config.yaml",
        ),
    ),
)


def content_problems(archive: Path, source: Iterable[str]) -> Iterator[str]:
    """Yield the missing and the forbidden files of a distribution.

    Args:
        archive: a wheel or a source distribution.
        source: the files that it was built from.
    """
    rule = WHEEL if archive.suffix == ".whl" else SDIST
    top = "" if rule is WHEEL else f"{archive.name.removesuffix('.tar.gz')}/"
    names = {each.name.removeprefix(top) for each in read_members(archive)}
    for pattern in rule.needs:
        if not any(fnmatchcase(name, pattern) for name in names):
            yield f"{archive.name}: {pattern} is missing"
    for name in sorted(set(source) - names):
        if rule.holds.match_file(name) and name not in rule.needs:
            yield f"{archive.name}: {name} is missing"
    for name in sorted(rule.holds.match_files(names, negate=True)):
        yield f"{archive.name}: {name} must not be in it: see scripts/releasing/contents.py"


def metadata_problems(archive: Path, project: Project) -> Iterator[str]:
    """Yield the metadata fields of a distribution that differ from the project's."""
    pattern, held = _held_metadata(archive)
    if len(held) != 1:
        yield f"{archive.name}: it has {len(held)} files {pattern} instead of one"
        return
    metadata, _ = parse_email(held[0].content)
    wanted = {
        "Name": (metadata.get("name"), project.name, "pyproject.toml"),
        "Version": (metadata.get("version"), project.version, "_version.py"),
        "Requires-Python": (metadata.get("requires_python"), project.requires_python, "pyproject.toml"),
        "Provides-Extra": (sorted(metadata.get("provides_extra", ())), sorted(project.extras), "pyproject.toml"),
    }
    for field, (value, other, file) in wanted.items():
        if value != other:
            yield f"{archive.name}: {held[0].name}: {field} is {value}, but {other} in {file}"


def long_description(archive: Path) -> str:
    """Return the long description of a distribution; empty if it has none."""
    return "".join(parse_email(each.content)[0].get("description", "") for each in _held_metadata(archive)[1])


def _held_metadata(archive: Path) -> tuple[str, list[Member]]:
    """Return the pattern of the metadata's name in a distribution, and the files that match it."""
    pattern = f"{INFO}/METADATA" if archive.suffix == ".whl" else "*/PKG-INFO"
    return pattern, [each for each in read_members(archive) if fnmatchcase(each.name, pattern)]
